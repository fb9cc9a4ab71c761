//! Requests as the log keeps them: with their event, or in pieces before it.

use crate::{
    hub::{Hub, in_log},
    problem::Problem,
};
use tributary_core::{
    body::Body,
    event::RecordedEvent,
    ids::{EventId, FactKey},
    seal::Raw,
    time::Micros,
};
use tributary_eventlog::{ReadError, ReadLimits, Record};
use tributary_projector::decode;

/// Attribute of a record that readapting appended: which request it was made of.
const READAPTS: &str = "readapts";

/// The record whose request an event was made of, and when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First {
    pub origin: u32,
    pub sequence: u64,
    pub recorded_at: Micros,
}

impl First {
    /// Of a record: another one's if it was readapted, else its own.
    pub fn of(record: &Record) -> Self {
        Self::readapted(record).unwrap_or(Self {
            origin: record.position.origin.0,
            sequence: record.position.sequence,
            recorded_at: Micros(record.recorded_at),
        })
    }

    /// Of a record that readapting appended; `None` for others.
    pub fn readapted(record: &Record) -> Option<Self> {
        let value = record.attributes.get(READAPTS)?;
        let (position, at) = value.split_once(' ')?;
        let (origin, sequence) = position.split_once(':')?;
        Some(Self {
            origin: u32::from_str_radix(origin, 16).ok()?,
            sequence: sequence.parse().ok()?,
            recorded_at: Micros(at.parse().ok()?),
        })
    }

    /// The attribute that says so: position and microseconds, such as `0000000a:12 1700000000000000`.
    pub fn attribute(self) -> (&'static str, String) {
        (READAPTS, format!("{:08x}:{} {}", self.origin, self.sequence, self.recorded_at.0))
    }
}

/// An event and the record that its request stands with.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub event: RecordedEvent,
    pub first: First,
}

/// The event of the fact that counts as of the last commit.
pub(super) fn current(hub: &Hub, key: &FactKey) -> Result<Option<Current>, Problem> {
    let place = hub.projector().read(|look| look.engine().place(key)).map_err(|e| unreadable(&e))?;
    let Some(place) = place.filter(|place| place.event != EventId::default()) else { return Ok(None) };
    let record = hub.order.record_at(in_log(place.position)).map_err(|e| unreadable(&e))?;
    let Some(record) = record else { return Ok(None) };
    let event = decode(&record).map_err(|e| unreadable(&e))?;
    Ok(event.map(|event| Current { event, first: First::of(&record) }))
}

/// The event that stands there with its request; `None` where there is no such event, or it keeps no request.
pub(super) fn stored(hub: &Hub, sequence: u64) -> Result<Option<(RecordedEvent, Raw)>, Problem> {
    let event_at = |sequence| {
        let record = hub.log.get(sequence).map_err(|e| unreadable(&e))?;
        Ok::<_, Problem>(record.and_then(|record| decode(&record).ok().flatten()))
    };
    let Some(event) = event_at(sequence)? else { return Ok(None) };
    if let Ok(Some(raw)) = event.event.raw() {
        return Ok(Some((event, raw)));
    }
    let Some(before) = event_at(sequence.saturating_sub(1))? else { return Ok(None) };
    let Body::Chunk { of, total, .. } = before.event.body else { return Ok(None) };
    let first = sequence.saturating_sub(u64::from(total));
    if of != event.event.id || first < hub.log.start() {
        return Ok(None);
    }
    let mut pieces = Pieces::default();
    for at in first..sequence {
        if let Some(piece) = event_at(at)? {
            pieces.take(&piece);
        }
    }
    Ok(pieces.request_of(&event).map(|raw| (event, raw)))
}

/// The log or the views cannot be read: a later run goes on.
pub(super) fn unreadable(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = %error, "readapting cannot read on");
    Problem::new(503, "log_unreadable", "the log or the views cannot be read at the moment")
        .remedy("see the hub's log, then run it again: what was appended stays and is not appended twice")
}

/// Pieces of the request that is being read. They stand right before their event.
#[derive(Default)]
pub(super) struct Pieces {
    of: EventId,
    next: u32,
    total: u32,
    bytes: Vec<u8>,
}

impl Pieces {
    /// Takes a piece; whatever else breaks the row.
    pub fn take(&mut self, event: &RecordedEvent) {
        let Body::Chunk { of, index, total } = event.event.body else { return };
        if index == 0 {
            *self = Self { of, total, ..Self::default() };
        }
        let cell = event.event.sealed.first().and_then(|cell| cell.open().ok());
        match cell {
            Some(bytes) if (of, index) == (self.of, self.next) => {
                self.bytes.extend_from_slice(bytes);
                self.next += 1;
            }
            _ => *self = Self::default(),
        }
    }

    /// The request of this event, whole or of its pieces.
    pub fn request_of(&mut self, event: &RecordedEvent) -> Option<Raw> {
        let pieces = std::mem::take(self);
        match event.event.raw() {
            Ok(None) if pieces.of == event.event.id && pieces.next == pieces.total => {
                Raw::from_bytes(&pieces.bytes).ok()
            }
            Ok(raw) => raw,
            Err(_) => None,
        }
    }
}

/// Records from `from` on, up to and with `end`, in portions.
pub(super) fn portions(
    hub: &Hub,
    from: u64,
    end: u64,
) -> impl Iterator<Item = Result<Vec<Record>, ReadError>> + '_ {
    let mut next = from;
    std::iter::from_fn(move || {
        if next > end {
            return None;
        }
        let read = hub.log.read(next, ReadLimits::default());
        let portion = read.map(|mut records| {
            records.retain(|record| record.position.sequence <= end);
            next = records.last().map_or(u64::MAX, |last| last.position.sequence + 1);
            records
        });
        if portion.is_err() {
            next = u64::MAX;
        }
        Some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::First;
    use tributary_core::time::Micros;
    use tributary_eventlog::{Origin, Position, Record};

    /// Records of earlier releases are read for ever.
    #[test]
    fn the_attribute_is_text_and_back() {
        let first = First { origin: 10, sequence: 12, recorded_at: Micros(1_700_000_000_000_000) };
        let (name, value) = first.attribute();
        assert_eq!((name, &*value), ("readapts", "0000000a:12 1700000000000000"));
        let mut record = Record {
            position: Position { origin: Origin(10), sequence: 90 },
            id: [0; 16],
            recorded_at: 1_800_000_000_000_000,
            attributes: [("channel", "desk"), (name, &value)].into(),
            payload: Vec::new().into(),
        };
        assert_eq!((First::readapted(&record), First::of(&record)), (Some(first), first));
        record.attributes = [("channel", "desk")].into();
        let own = First { origin: 10, sequence: 90, recorded_at: Micros(1_800_000_000_000_000) };
        assert_eq!((First::readapted(&record), First::of(&record)), (None, own));
    }
}
