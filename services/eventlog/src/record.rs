//! What goes into the log and what comes out. Payloads and attribute values never show in `Debug`.

use std::fmt;

use bytes::Bytes;

use crate::Attributes;

/// Which log first made a record durable: a random number fixed when that log was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(pub u32);

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}", self.0)
    }
}

/// Where a record is: its origin and its sequence there. Sequences start at 1 and have no gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The log that first made the record durable.
    pub origin: Origin,
    /// The record's number in that log, from 1.
    pub sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.origin, self.sequence)
    }
}

/// A record to append.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// The event id. A second record with the id of one of the newest records is a duplicate.
    pub id: [u8; 16],
    /// Names and values that can be read without decoding the payload; each at most 65,535 bytes.
    pub attributes: Attributes,
    /// The bytes to keep.
    pub payload: Bytes,
}

impl NewRecord {
    /// The smallest `log.opened`: no payload, an id that differs for every origin.
    #[must_use]
    pub fn log_opened(origin: Origin) -> Self {
        let mut id = *b"log.opened\0\0\0\0\0\0";
        id[12..].copy_from_slice(&origin.0.to_be_bytes());
        Self { id, attributes: [("type", "log.opened")].into(), payload: Bytes::new() }
    }
}

/// A durable record.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub position: Position,
    /// The event id.
    pub id: [u8; 16],
    /// When the log's one writer stamped it: microseconds since 1970, strictly rising with the sequence.
    pub recorded_at: i64,
    /// As appended. It may share one larger read with its neighbours: copy what is kept for long.
    pub attributes: Attributes,
    /// As appended; it may share that read as well.
    pub payload: Bytes,
}

/// The answer for one appended record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Where the record is; for a duplicate, where its first copy is.
    pub position: Position,
    /// Its stamp, or that of the first copy.
    pub recorded_at: i64,
    /// The id was among the newest records, nothing was written.
    pub duplicate: bool,
}

/// How much one read may return. At least one record is returned when there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// At most this many records.
    pub max_records: usize,
    /// Stop before the records' encoded bytes exceed this.
    pub max_bytes: usize,
}

impl Default for ReadLimits {
    /// 4,096 records or 1 MiB: one block of the disk reader.
    fn default() -> Self {
        Self { max_records: 4_096, max_bytes: 1 << 20 }
    }
}

impl fmt::Debug for NewRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NewRecord")
            .field("id", &Hex(&self.id))
            .field("attributes", &self.attributes.len())
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Record")
            .field("position", &self.position)
            .field("id", &Hex(&self.id))
            .field("recorded_at", &self.recorded_at)
            .field("attributes", &self.attributes.len())
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Debug for Hex<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}
