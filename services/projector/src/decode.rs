//! A record of the log as an event of core.

use tributary_core::{
    event::RecordedEvent,
    ids::Position,
    time::Micros,
    wire::{self, WireError},
};
use tributary_eventlog::Record;

/// The event in this record; `None` for the log's own records.
///
/// # Errors
/// [`WireError`] if it is no event: it is parked then.
pub fn decode(record: &Record) -> Result<Option<RecordedEvent>, WireError> {
    if record.payload.is_empty() && record.attributes.get("type") == Some("log.opened") {
        return Ok(None);
    }
    let event = wire::decode(&record.payload)?;
    Ok(Some(RecordedEvent { position: position(record), recorded_at: Micros(record.recorded_at), event }))
}

/// The record's position in core's terms.
pub(crate) fn position(record: &Record) -> Position {
    Position { origin: record.position.origin.0, sequence: record.position.sequence }
}
