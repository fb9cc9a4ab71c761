//! Checking groups, and finding where a segment that was being written to ends.

use std::io;

use bytes::Bytes;

use crate::block::{BLOCK_BYTES, BlockReader};
use crate::format::{
    DATA_START, GROUP_ALIGN, GROUP_HEADER_BYTES, GROUP_MAGIC, GroupHeader, RecordHead, SegmentHeader,
    group_crc, record_head, record_total,
};
use crate::{DiskFile, OpenError};

/// A group whose CRC and salt are right, as its header and all its bytes.
pub(crate) fn read_group(
    reader: &mut BlockReader<'_>,
    offset: u64,
    salt: u64,
) -> io::Result<Option<(GroupHeader, Bytes)>> {
    let Some(header) = reader.bytes(offset, GROUP_HEADER_BYTES)? else { return Ok(None) };
    let Some(group) = GroupHeader::decode(&header).filter(|group| group.salt == salt) else {
        return Ok(None);
    };
    let total = usize::try_from(group.total()).unwrap_or(usize::MAX);
    let Some(bytes) = reader.bytes(offset, total)? else { return Ok(None) };
    Ok((group_crc(&bytes) == group.crc).then_some((group, bytes)))
}

/// Shows every record of a group with its place in the group's bytes; false when they are not exactly the
/// records the header announces.
pub(crate) fn walk_group(
    header: &GroupHeader,
    group: &[u8],
    mut show: impl FnMut(usize, RecordHead),
) -> bool {
    let mut at = GROUP_HEADER_BYTES;
    for number in 0..u64::from(header.count) {
        let Some(total) = record_total(&group[at..]) else { return false };
        let Some(head) = group.get(at..at + total).and_then(record_head) else { return false };
        if head.sequence != header.first + number {
            return false;
        }
        show(at, head);
        at += total;
    }
    group[at..].len() < GROUP_ALIGN && group[at..].iter().all(|byte| *byte == 0)
}

/// The last group of a segment and what follows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    /// Offset one past the last valid group.
    pub end: u64,
    /// One past the last valid sequence.
    pub next: u64,
    /// Offset and bytes of the last valid group.
    pub last: Option<(u64, GroupHeader, Bytes)>,
    /// One past the last byte that is not zero: beyond `end` when the tail is torn.
    pub used: u64,
}

/// Walks the groups of a segment that has no recorded end. What follows the last valid group is a torn
/// tail, unless a valid group of the same salt lies in it: that one was written only after everything
/// before it was durable, so what is bad before it has been damaged since.
pub(crate) fn find_tail(file: &dyn DiskFile, segment: &SegmentHeader, name: &str) -> Result<Tail, OpenError> {
    let len = file.len()?;
    let mut reader = BlockReader::new(file, len, BLOCK_BYTES);
    let mut tail = Tail { end: DATA_START, next: segment.first, last: None, used: DATA_START };
    while let Some((header, bytes)) = read_group(&mut reader, tail.end, segment.salt)? {
        if header.first != tail.next || !walk_group(&header, &bytes, |_, _| {}) {
            break;
        }
        let offset = tail.end;
        tail.end += header.total();
        tail.next += u64::from(header.count);
        tail.last = Some((offset, header, bytes));
    }
    tail.used = tail.end;
    look_behind(&mut reader, segment.salt, &mut tail, name)?;
    Ok(tail)
}

/// Looks for valid groups and for the last byte that is not zero, from the end of the tail on.
fn look_behind(
    reader: &mut BlockReader<'_>,
    salt: u64,
    tail: &mut Tail,
    name: &str,
) -> Result<(), OpenError> {
    let mut start = tail.end;
    loop {
        let block = reader.some(start)?;
        if block.is_empty() {
            return Ok(());
        }
        for (number, word) in block.chunks(GROUP_ALIGN).enumerate() {
            if word.iter().all(|byte| *byte == 0) {
                continue;
            }
            let offset = start + (number * GROUP_ALIGN) as u64;
            tail.used = offset + word.len() as u64;
            let candidate = word.starts_with(&GROUP_MAGIC);
            if candidate && read_group(reader, offset, salt)?.is_some() {
                return Err(OpenError::Corrupt {
                    sequence: tail.next,
                    file: name.to_owned(),
                    offset: tail.end,
                    what: "a damaged group before a sound one",
                });
            }
        }
        // Blocks are whole words long except at the end of the file.
        start += block.len() as u64;
    }
}
