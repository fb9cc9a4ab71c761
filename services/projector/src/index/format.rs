//! The bytes of a run file, format 1. All numbers are little-endian.
//!
//! ```text
//! header   magic 8 | format 2 | value_len 2 | count 8 | CRC-32C of these 4
//! blocks   entries (key 16 | tag 1 | value value_len) in key order, block_entries each, the last one fewer;
//!          then CRC-32C over the block's number (8 bytes) and its entries 4
//! footer   first key of each block 16 | bloom lines 64 | number of bloom lines 8 | CRC-32C of the footer 4
//! ```

use std::path::Path;

use super::error::file_name;
use super::slot::{IndexValue, Slot};
use super::{IndexError, IndexKey, KEY_LEN};

const MAGIC: &[u8; 8] = b"TRIBRUN\0";
/// Raised when a byte of the layout changes meaning.
const FORMAT: u16 = 1;
pub(super) const HEADER_LEN: usize = 24;
/// Number of bloom lines and CRC.
pub(super) const TAIL_LEN: usize = 12;
pub(super) const CRC_LEN: usize = 4;
/// One page: a lookup reads one block.
pub(super) const BLOCK_BYTES_MAX: usize = 4096;
/// More entries a block would save little memory and cost checksum time on every lookup.
const BLOCK_ENTRIES_MAX: usize = 64;

const TAG_REMOVED: u8 = 0;
const TAG_VALUE: u8 = 1;

/// Where things lie in a run of `count` entries with values of `value_len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) value_len: u16,
    pub(super) count: u64,
}

impl Layout {
    pub(super) fn entry_len(self) -> usize {
        KEY_LEN + 1 + usize::from(self.value_len)
    }

    /// Entries of a full block.
    pub(super) fn block_entries(self) -> usize {
        ((BLOCK_BYTES_MAX - CRC_LEN) / self.entry_len()).clamp(1, BLOCK_ENTRIES_MAX)
    }

    pub(super) fn blocks(self) -> u64 {
        self.count.div_ceil(self.block_entries() as u64)
    }

    /// Bytes of block `number` with its CRC.
    pub(super) fn block_len(self, number: u64) -> usize {
        let before = number.saturating_mul(self.block_entries() as u64);
        let entries = self.count.saturating_sub(before).min(self.block_entries() as u64);
        entries as usize * self.entry_len() + CRC_LEN
    }

    /// Where block `number` starts.
    pub(super) fn block_offset(self, number: u64) -> u64 {
        let full = (self.block_entries() * self.entry_len() + CRC_LEN) as u64;
        HEADER_LEN as u64 + number * full
    }

    /// Where the footer starts; `None` when a damaged count makes it nonsense.
    pub(super) fn footer_offset(self) -> Option<u64> {
        let entries = self.count.checked_mul(self.entry_len() as u64)?;
        let checks = self.blocks().checked_mul(CRC_LEN as u64)?;
        entries.checked_add(checks)?.checked_add(HEADER_LEN as u64)
    }

    pub(super) fn header(self) -> [u8; HEADER_LEN] {
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend(MAGIC);
        header.extend(FORMAT.to_le_bytes());
        header.extend(self.value_len.to_le_bytes());
        header.extend(self.count.to_le_bytes());
        header.extend(crc32c::crc32c(&header).to_le_bytes());
        let mut bytes = [0; HEADER_LEN];
        bytes.copy_from_slice(&header);
        bytes
    }

    pub(super) fn from_header(header: &[u8; HEADER_LEN], path: &Path) -> Result<Self, IndexError> {
        let corrupt = || IndexError::corrupt(path, "header");
        let (body, crc) = header.split_last_chunk::<CRC_LEN>().ok_or_else(corrupt)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(corrupt());
        }
        let mut rest = body;
        if take::<8>(&mut rest).ok_or_else(corrupt)? != *MAGIC {
            return Err(corrupt());
        }
        let found = u16::from_le_bytes(take(&mut rest).ok_or_else(corrupt)?);
        if found != FORMAT {
            return Err(IndexError::Format { file: file_name(path), found });
        }
        let value_len = u16::from_le_bytes(take(&mut rest).ok_or_else(corrupt)?);
        let count = u64::from_le_bytes(take(&mut rest).ok_or_else(corrupt)?);
        Ok(Self { value_len, count })
    }
}

/// Splits `N` bytes off the front.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

/// A block's CRC. The number in it catches a block that lies in another block's place.
pub(super) fn block_crc(number: u64, entries: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), entries)
}

/// The entries of a block; `None` when its CRC does not match.
pub(super) fn checked_entries(number: u64, block: &[u8]) -> Option<&[u8]> {
    let (entries, crc) = block.split_last_chunk::<CRC_LEN>()?;
    (block_crc(number, entries) == u32::from_le_bytes(*crc)).then_some(entries)
}

/// Appends an entry. A removal has a value of zeros, so that all entries are of one length.
pub(super) fn write_entry(key: &IndexKey, slot: &Slot, value_len: u16, out: &mut Vec<u8>) {
    out.extend(key);
    match slot {
        Slot::Removed => {
            out.push(TAG_REMOVED);
            out.resize(out.len() + usize::from(value_len), 0);
        }
        Slot::Value(value) => {
            out.push(TAG_VALUE);
            out.extend(&**value);
        }
    }
}

/// The key of an entry.
pub(super) fn entry_key(entry: &[u8]) -> Option<IndexKey> {
    entry.first_chunk().copied()
}

/// What lies under the entry's key; `None` for bytes that [`write_entry`] never wrote.
pub(super) fn entry_slot(entry: &[u8]) -> Option<Slot> {
    let (tag, value) = entry.get(KEY_LEN..)?.split_first()?;
    match *tag {
        TAG_REMOVED => Some(Slot::Removed),
        TAG_VALUE => Some(Slot::Value(IndexValue::copy_of(value))),
        _ => None,
    }
}
