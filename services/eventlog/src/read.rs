//! Reading records back: scans in large blocks, single records through the sparse index. Every record is
//! checked against its own CRC and its place in the sequence.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::block::{BLOCK_BYTES, BlockReader};
use crate::format::{GROUP_ALIGN, GROUP_HEADER_BYTES, GroupHeader, decode_record, record_head, record_total};
use crate::segment::{INDEX_EVERY_BYTES, Mark, Segment};
use crate::segments::Inner;
use crate::{ReadError, ReadLimits, Record};

/// One read of a single record: from an index entry to the record, and a usual record.
const GET_BLOCK_BYTES: usize = INDEX_EVERY_BYTES as usize + 8 * 1024;

struct Collected {
    records: Vec<Record>,
    /// Encoded bytes of the records.
    bytes: usize,
    limits: ReadLimits,
    /// The next sequence wanted.
    next: u64,
    /// The last one that may be returned.
    end: u64,
    full: bool,
}

impl Inner {
    pub fn read(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        let wanted = limits.max_bytes.saturating_add(GET_BLOCK_BYTES);
        self.collect(from, limits, wanted.min(BLOCK_BYTES))
    }

    pub fn get(&self, sequence: u64) -> Result<Option<Record>, ReadError> {
        if sequence == 0 {
            return Ok(None);
        }
        let limits = ReadLimits { max_records: 1, max_bytes: usize::MAX };
        let mut record = self.collect(sequence, limits, GET_BLOCK_BYTES)?.pop();
        if let Some(record) = &mut record {
            // One record must not keep a whole block alive.
            record.payload = Bytes::copy_from_slice(&record.payload);
            record.attributes = record.attributes.apart();
        }
        Ok(record)
    }

    fn collect(&self, from: u64, limits: ReadLimits, block_bytes: usize) -> Result<Vec<Record>, ReadError> {
        let mut out = Collected {
            records: Vec::new(),
            bytes: 0,
            limits: ReadLimits { max_records: limits.max_records.max(1), ..limits },
            next: from.max(1),
            end: self.end(),
            full: false,
        };
        while !out.full && out.next <= out.end {
            let before = out.next;
            let segment = self.find(out.next)?;
            match self.read_segment(&segment, &mut out, block_bytes) {
                Ok(()) if out.full || out.next > before => {}
                Ok(()) => return Err(damaged(&segment, out.next, segment.end(), "records are missing")),
                Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                    let start = self.start();
                    if start > out.next {
                        return Err(ReadError::Trimmed { start });
                    }
                    let archived = segment.path.parent() != Some(&self.options.dir);
                    return Err(ReadError::Gone { file: segment.path.display().to_string(), archived });
                }
                // What was read before the damage is sound; the next call names the damage.
                Err(_) if !out.records.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(out.records)
    }

    fn read_segment(
        &self,
        segment: &Arc<Segment>,
        out: &mut Collected,
        block_bytes: usize,
    ) -> Result<(), ReadError> {
        let file = segment.open(&*self.options.disk)?;
        let end = segment.end();
        let mut reader = BlockReader::new(&*file, end, block_bytes);
        let mut at = segment.locate(out.next);
        let mut noted = at.offset;
        loop {
            let Some(group_end) = at.group_end else {
                if at.offset >= end {
                    return Ok(());
                }
                let group = reader.peek(at.offset, GROUP_HEADER_BYTES)?.and_then(GroupHeader::decode);
                let group = group.filter(|group| {
                    group.salt == segment.header.salt
                        && group.first == at.sequence
                        && at.offset + group.total() <= end
                });
                let Some(group) = group else {
                    return Err(damaged(segment, at.sequence, at.offset, "a damaged group"));
                };
                at.group_end = Some(at.offset + group.total());
                at.offset += GROUP_HEADER_BYTES as u64;
                continue;
            };
            if group_end - at.offset < GROUP_ALIGN as u64 {
                at = Mark { offset: group_end, group_end: None, ..at };
                continue;
            }
            if at.offset >= noted + INDEX_EVERY_BYTES {
                segment.note(at);
                noted = at.offset;
            }
            self.read_record(segment, &mut reader, &mut at, group_end, out)?;
            if out.full {
                return Ok(());
            }
        }
    }

    /// Checks the record at `at`, takes it when it is wanted, and moves behind it.
    fn read_record(
        &self,
        segment: &Segment,
        reader: &mut BlockReader<'_>,
        at: &mut Mark,
        group_end: u64,
        out: &mut Collected,
    ) -> Result<(), ReadError> {
        let damaged = || damaged(segment, at.sequence, at.offset, "a damaged record");
        let total = reader.peek(at.offset, 4)?.and_then(record_total).ok_or_else(damaged)?;
        if at.offset + total as u64 > group_end {
            return Err(damaged());
        }
        let head = reader.peek(at.offset, total)?.and_then(record_head).ok_or_else(damaged)?;
        if head.sequence != at.sequence {
            return Err(damaged());
        }
        if head.sequence == out.next {
            let over = out.bytes.saturating_add(total) > out.limits.max_bytes && !out.records.is_empty();
            if over || head.sequence > out.end {
                out.full = true;
                return Ok(());
            }
            let bytes = reader.bytes(at.offset, total)?.ok_or_else(damaged)?;
            out.records.push(decode_record(self.origin, head, &bytes).ok_or_else(damaged)?);
            out.bytes += total;
            out.next += 1;
            out.full = out.records.len() == out.limits.max_records || out.next > out.end;
        }
        at.offset += total as u64;
        at.sequence += 1;
        Ok(())
    }
}

fn damaged(segment: &Segment, sequence: u64, offset: u64, what: &'static str) -> ReadError {
    ReadError::Corrupt { sequence, file: segment.name(), offset, what }
}
