//! The bytes of a segment, format 1. All numbers are little-endian; nothing here touches a disk.
//!
//! ```text
//! segment   header, zeros up to 4,096, groups one after the other, zeros up to the allocated length
//! header    0 magic "TRIBLOG\0" · 8 format u32 · 12 origin u32 · 16 number u64 · 24 first sequence u64
//!           32 end of the segment before u64 · 40 salt u64 · 48 salt of the segment before u64
//!           56 last recorded_at before this segment i64 · 64 zero u32 · 68 CRC32C of bytes 0..68
//! group     0 magic "TGRP" · 4 length u32 · 8 count u32 · 12 CRC32C of bytes 0..12, 16..32 and the body
//!           16 first sequence u64 · 24 salt u64 · 32 body: `length` bytes, a multiple of 8
//! body      `count` records, then zeros to the multiple of 8; count 0 is the empty group of a pause
//! record    0 length u32 of all that follows the CRC · 4 CRC32C of it · 8 sequence u64 · 16 event id
//!           32 recorded_at i64 · 40 attributes u16 · each: u16 + name, u16 + value · payload: the rest
//! ```

use bytes::Bytes;

use crate::{Attributes, NewRecord, Origin, Position, Record};

/// The newest segment format this release reads and the one it writes.
pub const FORMAT: u32 = 1;

/// The largest encoded record: a raw request of 512 KiB with its event fits, larger ones come as chunks.
pub const MAX_RECORD_BYTES: usize = 768 * 1024;

/// Where the groups begin: a disk sector of their own, so that no group write rewrites the header.
pub(crate) const DATA_START: u64 = 4_096;
pub(crate) const HEADER_BYTES: usize = 72;
pub(crate) const GROUP_HEADER_BYTES: usize = 32;
/// Length and CRC of a record.
pub(crate) const RECORD_FRAME_BYTES: usize = 8;
/// Sequence, id, stamp and attribute count: no record is shorter.
const RECORD_FIXED_BYTES: usize = 34;
/// Groups start at multiples of this, so that looking for one behind damage is quick.
pub(crate) const GROUP_ALIGN: usize = 8;
pub(crate) const GROUP_MAGIC: [u8; 4] = *b"TGRP";
const SEGMENT_MAGIC: [u8; 8] = *b"TRIBLOG\0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub origin: Origin,
    /// Segments are numbered without gaps.
    pub number: u64,
    /// The sequence of the first record this segment holds or will hold.
    pub first: u64,
    /// Where the valid groups of the segment before end; 0 when there was none.
    pub previous_end: u64,
    pub salt: u64,
    pub previous_salt: u64,
    /// So that stamps rise even when every record before was trimmed.
    pub last_recorded_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Damaged,
    Unsupported(u32),
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(&SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        out[12..16].copy_from_slice(&self.origin.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.number.to_le_bytes());
        out[24..32].copy_from_slice(&self.first.to_le_bytes());
        out[32..40].copy_from_slice(&self.previous_end.to_le_bytes());
        out[40..48].copy_from_slice(&self.salt.to_le_bytes());
        out[48..56].copy_from_slice(&self.previous_salt.to_le_bytes());
        out[56..64].copy_from_slice(&self.last_recorded_at.to_le_bytes());
        let crc = crc32c::crc32c(&out[..68]);
        out[68..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let header = bytes.get(..HEADER_BYTES).ok_or(HeaderError::Damaged)?;
        if header[..8] != SEGMENT_MAGIC || crc32c::crc32c(&header[..68]) != u32_at(header, 68) {
            return Err(HeaderError::Damaged);
        }
        match u32_at(header, 8) {
            FORMAT => {}
            other => return Err(HeaderError::Unsupported(other)),
        }
        Ok(Self {
            origin: Origin(u32_at(header, 12)),
            number: u64_at(header, 16),
            first: u64_at(header, 24),
            previous_end: u64_at(header, 32),
            salt: u64_at(header, 40),
            previous_salt: u64_at(header, 48),
            last_recorded_at: u64_at(header, 56).cast_signed(),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub length: u32,
    pub count: u32,
    pub crc: u32,
    pub first: u64,
    pub salt: u64,
}

impl GroupHeader {
    /// None when these are not the bytes of a group header. The CRC is not judged here.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..GROUP_HEADER_BYTES)?;
        let group = Self {
            length: u32_at(header, 4),
            count: u32_at(header, 8),
            crc: u32_at(header, 12),
            first: u64_at(header, 16),
            salt: u64_at(header, 24),
        };
        let aligned = (group.length as usize).is_multiple_of(GROUP_ALIGN);
        (header[..4] == GROUP_MAGIC && aligned).then_some(group)
    }

    /// Header and body.
    pub fn total(&self) -> u64 {
        GROUP_HEADER_BYTES as u64 + u64::from(self.length)
    }
}

/// Room for a group's header at the start of `group`, whose records are appended behind it.
pub(crate) fn begin_group(group: &mut Vec<u8>) {
    group.clear();
    group.resize(GROUP_HEADER_BYTES, 0);
}

/// Pads the body and fills in the header that [`begin_group`] left room for.
pub(crate) fn finish_group(group: &mut Vec<u8>, count: u32, first: u64, salt: u64) {
    group.resize(group.len().next_multiple_of(GROUP_ALIGN), 0);
    let length = u32::try_from(group.len() - GROUP_HEADER_BYTES).expect("a group is limited to a few MiB");
    group[..4].copy_from_slice(&GROUP_MAGIC);
    group[4..8].copy_from_slice(&length.to_le_bytes());
    group[8..12].copy_from_slice(&count.to_le_bytes());
    group[16..24].copy_from_slice(&first.to_le_bytes());
    group[24..32].copy_from_slice(&salt.to_le_bytes());
    let crc = group_crc(group);
    group[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// Over everything but the CRC itself. `group` holds at least a header.
pub(crate) fn group_crc(group: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&group[..12]), &group[16..])
}

/// The encoded size of a record, or none when its attributes do not fit the format.
pub(crate) fn record_bytes(record: &NewRecord) -> Option<usize> {
    let attributes = record.attributes.encoded().len();
    let total = RECORD_FRAME_BYTES + RECORD_FIXED_BYTES + attributes + record.payload.len();
    (!record.attributes.is_too_long()).then_some(total)
}

/// Appends the bytes of a record, which [`record_bytes`] has accepted.
pub(crate) fn encode_record(out: &mut Vec<u8>, record: &NewRecord, sequence: u64, recorded_at: i64) {
    let start = out.len();
    out.extend_from_slice(&[0; RECORD_FRAME_BYTES]);
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&record.id);
    out.extend_from_slice(&recorded_at.to_le_bytes());
    let count = u16::try_from(record.attributes.len()).expect("their number is checked before encoding");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(record.attributes.encoded());
    out.extend_from_slice(&record.payload);
    let body = start + RECORD_FRAME_BYTES;
    let length = u32::try_from(out.len() - body).expect("a record is limited to 768 KiB");
    let crc = crc32c::crc32c(&out[body..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..body].copy_from_slice(&crc.to_le_bytes());
}

/// The whole length, frame included, of the record that starts with `bytes`; none when no record can.
pub(crate) fn record_total(bytes: &[u8]) -> Option<usize> {
    let length = u32_at(bytes.get(..4)?, 0) as usize;
    let total = length + RECORD_FRAME_BYTES;
    (length >= RECORD_FIXED_BYTES && total <= MAX_RECORD_BYTES).then_some(total)
}

/// The fixed part of a record whose CRC is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub sequence: u64,
    pub id: [u8; 16],
    pub recorded_at: i64,
}

/// Checks the CRC over a whole record, frame included; none when it is damaged.
pub(crate) fn record_head(record: &[u8]) -> Option<RecordHead> {
    let body = record.get(RECORD_FRAME_BYTES..)?;
    if body.len() < RECORD_FIXED_BYTES || crc32c::crc32c(body) != u32_at(record, 4) {
        return None;
    }
    Some(RecordHead {
        sequence: u64_at(body, 0),
        id: body[8..24].try_into().ok()?,
        recorded_at: u64_at(body, 24).cast_signed(),
    })
}

/// The record with its attributes and its payload as slices of `record`, which [`record_head`] has accepted.
pub(crate) fn decode_record(origin: Origin, head: RecordHead, record: &Bytes) -> Option<Record> {
    let fixed = RECORD_FRAME_BYTES + RECORD_FIXED_BYTES;
    let count = u16_at(record.get(fixed - 2..fixed)?);
    let rest = record.slice(fixed..);
    let attributes = Attributes::decode(&rest, count)?;
    let payload = rest.slice(attributes.encoded().len()..);
    Some(Record {
        position: Position { origin, sequence: head.sequence },
        id: head.id,
        recorded_at: head.recorded_at,
        attributes,
        payload,
    })
}

fn u16_at(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    out.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(out)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}
