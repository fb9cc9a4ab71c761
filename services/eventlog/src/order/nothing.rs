//! The order of a node that folds nothing.

use tokio::sync::watch;

use crate::{Order, Origin, Position, ReadError, ReadLimits, Record};

/// No records, now and later.
pub struct Nothing {
    node: Origin,
    numbers: watch::Sender<u64>,
}

impl Nothing {
    /// For the node whose own log has this origin.
    #[must_use]
    pub fn of(node: Origin) -> Self {
        Self { node, numbers: watch::Sender::new(0) }
    }
}

impl Order for Nothing {
    fn node(&self) -> Origin {
        self.node
    }

    fn first_number(&self) -> u64 {
        1
    }

    fn last_number(&self) -> u64 {
        0
    }

    fn numbers(&self) -> watch::Receiver<u64> {
        self.numbers.subscribe()
    }

    fn ends(&self) -> Vec<Position> {
        Vec::new()
    }

    fn newest_stamp(&self) -> i64 {
        0
    }

    fn read_numbers(&self, _: u64, _: ReadLimits) -> Result<Vec<Record>, ReadError> {
        Ok(Vec::new())
    }

    fn record_at(&self, _: Position) -> Result<Option<Record>, ReadError> {
        Ok(None)
    }

    fn reach(&self, _: u64) -> Result<Vec<Position>, ReadError> {
        Ok(Vec::new())
    }

    fn fingerprint(&self, _: u64) -> Result<u32, ReadError> {
        Ok(0)
    }

    fn covered(&self, _: &[Position]) -> Result<u64, ReadError> {
        Ok(0)
    }

    fn number_of(&self, _: Position) -> Result<Option<u64>, ReadError> {
        Ok(None)
    }
}
