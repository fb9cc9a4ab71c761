//! One run file, open for lookups: first keys and filter in memory, one read for each lookup that passes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::bloom::{Bloom, LINE_BYTES};
use super::error::file_name;
use super::format::{
    BLOCK_BYTES_MAX, CRC_LEN, HEADER_LEN, Layout, TAIL_LEN, checked_entries, entry_key, entry_slot,
};
use super::slot::Slot;
use super::{IndexError, IndexKey, KEY_LEN, KeyPrefix};

/// An immutable run.
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) layout: Layout,
    /// Of the whole file.
    pub(super) file_len: u64,
    /// Ties the file to the manifest that names it.
    pub(super) footer_crc: u32,
    pub(super) file: File,
    /// First key of each block.
    fences: Vec<IndexKey>,
    bloom: Bloom,
}

impl Run {
    /// Opens a run and checks everything but its blocks, which are checked when read.
    pub(super) fn open(path: &Path, number: u64, value_len: u16) -> Result<Self, IndexError> {
        let reading = |region| move |error| IndexError::reading(path, region, error);
        let file = File::open(path).map_err(reading("name"))?;
        let file_len = file.metadata()?.len();
        let mut header = [0; HEADER_LEN];
        file.read_exact_at(&mut header, 0).map_err(reading("header"))?;
        let layout = Layout::from_header(&header, path)?;
        if layout.value_len != value_len {
            return Err(IndexError::ValueLen { file: file_name(path), found: layout.value_len });
        }
        let corrupt = || IndexError::corrupt(path, "footer");
        let footer_at = layout.footer_offset().ok_or_else(corrupt)?;
        let footer_len = file_len.checked_sub(footer_at).and_then(|len| usize::try_from(len).ok());
        let mut footer = vec![0; footer_len.ok_or_else(corrupt)?];
        file.read_exact_at(&mut footer, footer_at).map_err(reading("footer"))?;
        let (fences, bloom, footer_crc) = read_footer(&footer, layout.blocks()).ok_or_else(corrupt)?;
        Ok(Self { number, path: path.to_owned(), layout, file_len, footer_crc, file, fences, bloom })
    }

    /// What this run knows about the key; `None` when nothing.
    pub(super) fn get(&self, key: &IndexKey) -> Result<Option<Slot>, IndexError> {
        if !self.bloom.may_contain(key) {
            return Ok(None);
        }
        let Some(block) = self.fences.partition_point(|first| first <= key).checked_sub(1) else {
            return Ok(None);
        };
        let mut buffer = [0; BLOCK_BYTES_MAX];
        self.find_in(self.block(block as u64, &mut buffer)?, key)
    }

    /// Keys that begin with these eight bytes, with what this run knows of each.
    pub(super) fn beginning(&self, prefix: KeyPrefix) -> Result<Vec<(IndexKey, Slot)>, IndexError> {
        let corrupt = || IndexError::corrupt(&self.path, "blocks");
        let mut found = Vec::new();
        let mut buffer = [0; BLOCK_BYTES_MAX];
        let half = |first: &IndexKey| first.first_chunk().copied().unwrap_or_default();
        // The block before the first that begins so may end so.
        let from = self.fences.partition_point(|first| half(first) < prefix).saturating_sub(1);
        let blocks = self.fences.iter().enumerate().skip(from);
        for (number, _) in blocks.take_while(|(_, first)| half(first) <= prefix) {
            let entries = self.block(number as u64, &mut buffer)?;
            for entry in entries.chunks_exact(self.layout.entry_len()) {
                let key = entry_key(entry).ok_or_else(corrupt)?;
                if key.starts_with(&prefix) {
                    found.push((key, entry_slot(entry).ok_or_else(corrupt)?));
                }
            }
        }
        Ok(found)
    }

    /// Bytes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.fences.len() * KEY_LEN + self.bloom.lines() * LINE_BYTES
    }

    /// The checked entries of a block.
    fn block<'a>(&self, number: u64, buffer: &'a mut [u8; BLOCK_BYTES_MAX]) -> Result<&'a [u8], IndexError> {
        let corrupt = || IndexError::corrupt(&self.path, "blocks");
        let block = buffer.get_mut(..self.layout.block_len(number)).ok_or_else(corrupt)?;
        self.file
            .read_exact_at(block, self.layout.block_offset(number))
            .map_err(|error| IndexError::reading(&self.path, "blocks", error))?;
        checked_entries(number, block).ok_or_else(corrupt)
    }

    fn find_in(&self, entries: &[u8], key: &IndexKey) -> Result<Option<Slot>, IndexError> {
        let entry_len = self.layout.entry_len();
        let entry = |at: usize| entries.get(at * entry_len..(at + 1) * entry_len).unwrap_or_default();
        let (mut low, mut high) = (0, entries.len() / entry_len);
        while low < high {
            let middle = usize::midpoint(low, high);
            match entry_key(entry(middle)) {
                Some(found) if found < *key => low = middle + 1,
                Some(found) if found == *key => {
                    let slot = entry_slot(entry(middle));
                    return slot.map(Some).ok_or_else(|| IndexError::corrupt(&self.path, "blocks"));
                }
                _ => high = middle,
            }
        }
        Ok(None)
    }
}

/// First keys, filter and CRC; `None` when damaged.
fn read_footer(footer: &[u8], blocks: u64) -> Option<(Vec<IndexKey>, Bloom, u32)> {
    let (body, crc) = footer.split_last_chunk::<CRC_LEN>()?;
    let crc = u32::from_le_bytes(*crc);
    if crc32c::crc32c(body) != crc {
        return None;
    }
    let (body, lines) = body.split_last_chunk::<{ TAIL_LEN - CRC_LEN }>()?;
    let fences_len = usize::try_from(blocks).ok()?.checked_mul(KEY_LEN)?;
    let bloom_len = usize::try_from(u64::from_le_bytes(*lines)).ok()?.checked_mul(LINE_BYTES)?;
    let (fences, bloom) = body.split_at_checked(fences_len)?;
    let fences: Vec<IndexKey> = fences.as_chunks().0.to_vec();
    (bloom.len() == bloom_len && fences.is_sorted_by(|one, other| one < other))
        .then(|| (fences, Bloom::read(bloom), crc))
}
