//! The bytes of a base, format 1. Numbers of fixed length are little-endian, others LEB128 varints.
//!
//! ```text
//! header   magic 8 | format 4 | CRC-32C of these 4
//! blocks   rows (key length | value length | key | value) in key order, all with the same first byte of the key; then
//!          CRC-32C over the rows 4. Blocks lie in any order
//! fences   each block, in key order: length of its first key | first key | offset | length with CRC
//! tail     offset of the fences 8 | CRC-32C of the fences 4 | CRC-32C of the tail 4
//! ```

use super::super::{Key, Value};
use std::{fs::File, io, ops::Range, os::unix::fs::FileExt as _};
use tributary_core::codec::{BadRow, Reader, Writer};

const MAGIC: &[u8; 8] = b"TRIBBASE";
/// Raised when a byte of the layout changes meaning.
const FORMAT: u32 = 1;
pub(super) const HEADER_LEN: usize = 16;
pub(super) const TAIL_LEN: usize = 16;
const CRC_LEN: usize = 4;

pub(super) fn header() -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    let crc = crc32c::crc32c(&header[..12]);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

pub(super) fn check_header(file: &File) -> io::Result<bool> {
    let mut found = [0; HEADER_LEN];
    file.read_exact_at(&mut found, 0)?;
    Ok(found == header())
}

pub(super) fn tail(fences_at: u64, fences: &[u8]) -> [u8; TAIL_LEN] {
    let mut tail = [0; TAIL_LEN];
    tail[..8].copy_from_slice(&fences_at.to_le_bytes());
    tail[8..12].copy_from_slice(&crc32c::crc32c(fences).to_le_bytes());
    let crc = crc32c::crc32c(&tail[..12]);
    tail[12..].copy_from_slice(&crc.to_le_bytes());
    tail
}

/// Offset and CRC of the fences; `None` if the tail is damaged.
pub(super) fn read_tail(tail: &[u8; TAIL_LEN]) -> Option<(u64, u32)> {
    let (body, crc) = tail.split_last_chunk::<CRC_LEN>()?;
    let (offset, rest) = body.split_first_chunk::<8>()?;
    let fences = u32::from_le_bytes(rest.try_into().ok()?);
    (crc32c::crc32c(body) == u32::from_le_bytes(*crc)).then(|| (u64::from_le_bytes(*offset), fences))
}

/// Appends a row to a block.
pub(super) fn write_row(out: &mut Writer, key: &[u8], value: &[u8]) {
    out.number(key.len() as u64);
    out.number(value.len() as u64);
    out.raw(key);
    out.raw(value);
}

/// Appends the CRC of the block that begins at `start`.
pub(super) fn end_block(out: &mut Writer, start: usize) {
    let crc = crc32c::crc32c(&out.0[start..]);
    out.raw(&crc.to_le_bytes());
}

/// Takes a block's CRC off its end; whether it fits.
pub(super) fn checked(block: &mut Vec<u8>) -> bool {
    let Some((rows, crc)) = block.split_last_chunk::<CRC_LEN>() else { return false };
    let fits = crc32c::crc32c(rows) == u32::from_le_bytes(*crc);
    block.truncate(block.len() - CRC_LEN);
    fits
}

/// Reads the next row of a block.
pub(super) fn read_row<'a>(r: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), BadRow> {
    let (key, value) = (r.number()?, r.number()?);
    let length = |n: u64| usize::try_from(n).map_err(|_| BadRow);
    Ok((r.raw(length(key)?)?, r.raw(length(value)?)?))
}

/// The value under `key` in a block's rows.
pub(super) fn find(rows: &[u8], key: &[u8]) -> Result<Option<Value>, BadRow> {
    let mut r = Reader(rows);
    while !r.0.is_empty() {
        let (found, value) = read_row(&mut r)?;
        if found >= key {
            return Ok((found == key).then(|| value.to_vec()));
        }
    }
    Ok(None)
}

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
struct Fence {
    /// Where its first key ends in the list of them; it begins where the one before ends.
    key_end: u32,
    /// Bytes with the CRC.
    length: u32,
    offset: u64,
}

/// First keys and places of all blocks, in key order.
#[derive(Debug, Default)]
pub(super) struct Fences {
    keys: Vec<u8>,
    fences: Vec<Fence>,
}

impl Fences {
    /// Appends a block; `false` if there are more keys than can be listed.
    pub fn push(&mut self, first: &[u8], offset: u64, length: u32) -> bool {
        self.keys.extend_from_slice(first);
        let Ok(key_end) = u32::try_from(self.keys.len()) else { return false };
        self.fences.push(Fence { key_end, length, offset });
        true
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(self.keys.len() + self.fences.len() * 10));
        for (number, fence) in self.fences.iter().enumerate() {
            w.bytes(self.first(number));
            w.number(fence.offset);
            w.number(u64::from(fence.length));
        }
        w.0
    }

    /// Back from the file's bytes; `None` if they are no fences of blocks that lie before `end`.
    pub fn decode(bytes: &[u8], end: u64) -> Option<Self> {
        let mut all = Self::default();
        let mut r = Reader(bytes);
        while !r.0.is_empty() {
            let first = r.bytes().ok()?;
            let (offset, length) = (r.number().ok()?, r.small().ok()?);
            let lies_before = offset.checked_add(u64::from(length)).is_some_and(|to| to <= end);
            let ascends = all.fences.is_empty() || all.first(all.fences.len() - 1) < first;
            if !lies_before || !ascends || !all.push(first, offset, length) {
                return None;
            }
        }
        all.keys.shrink_to_fit();
        all.fences.shrink_to_fit();
        Some(all)
    }

    /// First key of a block; nothing for a number that none has.
    fn first(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).and_then(|before| self.fences.get(before)).map_or(0, |f| f.key_end);
        let end = self.fences.get(number).map_or(start, |f| f.key_end);
        self.keys.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Whether these rows are those of the block: one that lies in another's place is sound in itself.
    pub fn begins(&self, number: usize, rows: &[u8]) -> bool {
        read_row(&mut Reader(rows)).is_ok_and(|(key, _)| key == self.first(number))
    }

    /// Number of blocks whose first key is less than `key`, or `key` itself where `with` says so.
    fn before(&self, key: &[u8], with: bool) -> usize {
        let (mut low, mut high) = (0, self.fences.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let first = self.first(middle);
            if first < key || with && first == key { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The block that holds `key` if any does.
    pub fn block_of(&self, key: &[u8]) -> Option<usize> {
        let number = self.before(key, true).checked_sub(1)?;
        // All keys of a block begin alike: rows of other kinds cost no read.
        (self.first(number).first() == key.first()).then_some(number)
    }

    /// The blocks that hold rows with `from <= key` and, when given, `key < to`.
    pub fn blocks(&self, from: &[u8], to: Option<&[u8]>) -> Range<usize> {
        let start = self.before(from, true).saturating_sub(1);
        let end = to.map_or(self.fences.len(), |to| self.before(to, false));
        start..end.max(start)
    }

    /// Offset and length of a block.
    pub fn place(&self, number: usize) -> Option<(u64, usize)> {
        self.fences.get(number).map(|fence| (fence.offset, fence.length as usize))
    }
}

/// Rows of a block that lie in the bounds.
pub(super) fn rows_between(rows: &[u8], from: &[u8], to: Option<&[u8]>) -> Result<Vec<(Key, Value)>, BadRow> {
    let (mut r, mut out) = (Reader(rows), Vec::new());
    while !r.0.is_empty() {
        let (key, value) = read_row(&mut r)?;
        if to.is_some_and(|to| key >= to) {
            break;
        }
        if key >= from {
            out.push((key.to_vec(), value.to_vec()));
        }
    }
    Ok(out)
}
