//! The order in which one node folds the records of all the logs it holds.
//!
//! Views do not depend on it; what counts records does: versions of customers, and where a reader of changes has got to. So
//! it is fixed once and kept. A node that holds one log has that log's order, and needs no file for it.

mod interleaved;
mod nothing;
mod runs;

use tokio::sync::watch;

pub use interleaved::{Interleaved, OrderError};
pub use nothing::Nothing;

use crate::{EventLog, Origin, Position, ReadError, ReadLimits, Record};

/// All records that a node folds, numbered from 1 without gaps. A record's number is this node's own; its [`Position`] is
/// the same everywhere.
pub trait Order: Send + Sync {
    /// The origin of the node's own log.
    fn node(&self) -> Origin;

    /// The first number that can be read: above 1 once any log was trimmed.
    fn first_number(&self) -> u64;

    /// The last number, 0 when there is none.
    fn last_number(&self) -> u64;

    /// The last number, now and whenever it rises.
    fn numbers(&self) -> watch::Receiver<u64>;

    /// The last durable record of each origin's log, by origin; some may not have a number yet.
    fn ends(&self) -> Vec<Position>;

    /// The newest stamp of any record, microseconds since 1970.
    fn newest_stamp(&self) -> i64;

    /// Records from this number on, within the limits; empty beyond the last. Blocks on the disk.
    ///
    /// # Errors
    /// As [`EventLog::read`].
    fn read_numbers(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError>;

    /// The record at this position; none beyond the end of its log, or if no such log is here. Blocks on the disk.
    ///
    /// # Errors
    /// As [`EventLog::get`].
    fn record_at(&self, position: Position) -> Result<Option<Record>, ReadError>;

    /// Up to where the first `number` records reach: the last position of each origin among them, by origin.
    ///
    /// # Errors
    /// The file system's.
    fn reach(&self, number: u64) -> Result<Vec<Position>, ReadError>;

    /// Tells this order's first `number` records from those of another order over the same logs; 0 for the own log alone.
    ///
    /// # Errors
    /// The file system's.
    fn fingerprint(&self, number: u64) -> Result<u32, ReadError>;

    /// How many records from the beginning on are all covered by these positions, one an origin. Exact for what
    /// [`reach`](Self::reach) of this node said; for another node's, nothing uncovered is passed over.
    ///
    /// # Errors
    /// The file system's.
    fn covered(&self, reached: &[Position]) -> Result<u64, ReadError>;

    /// The number of the record at this position, none if it is not in the order (yet).
    ///
    /// # Errors
    /// The file system's.
    fn number_of(&self, position: Position) -> Result<Option<u64>, ReadError>;
}

/// One log alone: its sequences are the numbers.
impl<L: EventLog> Order for L {
    fn node(&self) -> Origin {
        self.origin()
    }

    fn first_number(&self) -> u64 {
        self.start()
    }

    fn last_number(&self) -> u64 {
        self.end()
    }

    fn numbers(&self) -> watch::Receiver<u64> {
        self.subscribe()
    }

    fn ends(&self) -> Vec<Position> {
        vec![Position { origin: self.origin(), sequence: self.end() }]
    }

    fn newest_stamp(&self) -> i64 {
        self.last_recorded_at()
    }

    fn read_numbers(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        self.read(from, limits)
    }

    fn record_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        if position.origin == self.origin() { self.get(position.sequence) } else { Ok(None) }
    }

    fn reach(&self, number: u64) -> Result<Vec<Position>, ReadError> {
        Ok(vec![Position { origin: self.origin(), sequence: number }])
    }

    fn fingerprint(&self, _number: u64) -> Result<u32, ReadError> {
        Ok(0)
    }

    fn covered(&self, reached: &[Position]) -> Result<u64, ReadError> {
        let own = reached.iter().find(|p| p.origin == self.origin());
        Ok(own.map_or(0, |p| p.sequence))
    }

    fn number_of(&self, position: Position) -> Result<Option<u64>, ReadError> {
        let here = position.origin == self.origin() && (1..=self.end()).contains(&position.sequence);
        Ok(here.then_some(position.sequence))
    }
}

/// All records from a number to the end, one after the other. Ends after the first error.
pub struct Numbered<'a> {
    order: &'a dyn Order,
    next: u64,
    batch: std::vec::IntoIter<Record>,
    failed: bool,
}

/// Reads from this number to wherever the end is when it gets there.
#[must_use]
pub fn scan(order: &dyn Order, from: u64) -> Numbered<'_> {
    Numbered { order, next: from, batch: Vec::new().into_iter(), failed: false }
}

impl Iterator for Numbered<'_> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.batch.as_slice().is_empty() {
            match self.order.read_numbers(self.next, ReadLimits::default()) {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        let record = self.batch.next()?;
        self.next += 1;
        Some(Ok(record))
    }
}
