//! What core reads: rows from the store, places from the fact index, events from the log.

use crate::{decode, index::RunIndex, store::ViewStore};
use std::sync::Arc;
use tributary_core::{
    codec::BadRow,
    event::RecordedEvent,
    fold::{Place, Rows},
    ids::{EventId, EventPrefix, FactKey, Position},
    time::Micros,
    view::Records,
};
use tributary_eventlog::{Order, Origin};

/// Rows of a store and its fact index. What cannot be read counts as damaged: the batch is dropped and the error logged
/// where it arose.
#[derive(Clone, Copy)]
pub struct StoreRows<'a> {
    /// The store.
    pub store: &'a dyn ViewStore,
    /// The fact index.
    pub facts: &'a RunIndex,
    /// The log, of all origins.
    pub order: &'a dyn Order,
}

impl Rows for StoreRows<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BadRow> {
        self.store.get(key).map_err(|error| {
            tracing::error!(error = %error, "store row cannot be read");
            BadRow
        })
    }

    fn place(&self, key: &FactKey) -> Result<Option<Place>, BadRow> {
        let found = self.facts.get(&key.0).map_err(|error| {
            tracing::error!(error = %error, "fact index cannot be read");
            BadRow
        })?;
        found.map(|value| Place::from_bytes(&value).ok_or(BadRow)).transpose()
    }

    fn event(&self, at: Position) -> Result<Option<RecordedEvent>, BadRow> {
        let record = self.order.record_at(log_position(at)).map_err(|error| {
            tracing::error!(error = %error, "the log cannot be read");
            BadRow
        })?;
        let event = record.map(|record| decode(&record).map_err(|_| BadRow)).transpose()?;
        Ok(event.flatten())
    }
}

/// A position of core in the log's terms.
pub(crate) fn log_position(of: Position) -> tributary_eventlog::Position {
    tributary_eventlog::Position { origin: Origin(of.origin), sequence: of.sequence }
}

/// Bytes of an entry of the event index: origin and sequence, big-endian.
pub(crate) const EVENT_ENTRY: usize = 12;

pub(crate) fn event_entry(position: Position) -> [u8; EVENT_ENTRY] {
    let mut out = [0; EVENT_ENTRY];
    out[..4].copy_from_slice(&position.origin.to_be_bytes());
    out[4..].copy_from_slice(&position.sequence.to_be_bytes());
    out
}

/// Events of the log, found through the event index.
#[derive(Clone)]
pub struct LogRecords {
    pub(crate) order: Arc<dyn Order>,
    pub(crate) events: Arc<RunIndex>,
}

impl LogRecords {
    /// Where the first copy of the event of this id stands.
    #[must_use]
    pub fn position(&self, id: EventId) -> Option<Position> {
        let value = self.events.get(&id.0).ok()??;
        let bytes: &[u8; EVENT_ENTRY] = value.as_ref().try_into().ok()?;
        Some(Position {
            origin: u32::from_be_bytes(bytes[..4].try_into().ok()?),
            sequence: u64::from_be_bytes(bytes[4..].try_into().ok()?),
        })
    }
}

impl Records for LogRecords {
    fn by_id(&self, id: EventId) -> Option<RecordedEvent> {
        self.at(self.position(id)?)
    }

    fn of_prefix(&self, prefix: EventPrefix, at: Micros) -> Option<EventId> {
        let ids = self.events.beginning(prefix.0.to_be_bytes()).ok()?;
        let then = |id: &&[u8; 16]| self.by_id(EventId(**id)).is_some_and(|e| e.effective_at() == at);
        let id = if ids.len() > 1 { ids.iter().find(then).or(ids.first()) } else { ids.first() };
        id.copied().map(EventId)
    }

    fn at(&self, position: Position) -> Option<RecordedEvent> {
        decode(&self.order.record_at(log_position(position)).ok()??).ok()?
    }
}
