//! Writes one run file from entries in key order.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::bloom::Bloom;
use super::format::{HEADER_LEN, Layout, block_crc, write_entry};
use super::slot::Slot;
use super::{IndexError, IndexKey};

/// Bytes between two writes to the kernel.
const BUFFER_BYTES: usize = 256 << 10;

/// A run that is being written under a temporary name, which is removed unless it is finished.
pub(super) struct RunWriter {
    out: BufWriter<File>,
    temporary: Temporary,
    layout: Layout,
    /// Entries of the block that is being filled.
    block: Vec<u8>,
    fences: Vec<IndexKey>,
    bloom: Bloom,
}

/// A file that goes when this goes.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; a left-over is removed when the index is opened.
        let _ = fs::remove_file(&self.0);
    }
}

impl RunWriter {
    /// Starts a run of at most `entries_max` entries that will be called `path`.
    pub(super) fn create(path: &Path, value_len: u16, entries_max: u64) -> Result<Self, IndexError> {
        let temporary = Temporary(path.with_extension("run.tmp"));
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, File::create(&temporary.0)?);
        // The count is known at the end; the header is written then.
        out.write_all(&[0; HEADER_LEN])?;
        Ok(Self {
            out,
            temporary,
            layout: Layout { value_len, count: 0 },
            block: Vec::new(),
            fences: Vec::new(),
            bloom: Bloom::for_keys(entries_max),
        })
    }

    /// Appends an entry; its key must be greater than the one before.
    pub(super) fn push(&mut self, key: &IndexKey, slot: &Slot) -> Result<(), IndexError> {
        if self.block.is_empty() {
            self.fences.push(*key);
        }
        write_entry(key, slot, self.layout.value_len, &mut self.block);
        self.bloom.insert(key);
        self.layout.count += 1;
        if self.block.len() == self.layout.block_entries() * self.layout.entry_len() {
            self.end_block()?;
        }
        Ok(())
    }

    /// Makes the run durable under `path`, except for its name: the caller syncs the folder. Without entries there
    /// is no run, and the answer is false.
    pub(super) fn finish(mut self, path: &Path) -> Result<bool, IndexError> {
        if self.layout.count == 0 {
            return Ok(false);
        }
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.out.write_all(&self.footer())?;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.write_all_at(&self.layout.header(), 0)?;
        file.sync_all()?;
        fs::rename(&self.temporary.0, path)?;
        Ok(true)
    }

    fn end_block(&mut self) -> Result<(), IndexError> {
        let number = self.fences.len() as u64 - 1;
        self.out.write_all(&self.block)?;
        self.out.write_all(&block_crc(number, &self.block).to_le_bytes())?;
        self.block.clear();
        Ok(())
    }

    fn footer(&self) -> Vec<u8> {
        let mut footer: Vec<u8> = self.fences.as_flattened().to_vec();
        self.bloom.write(&mut footer);
        footer.extend((self.bloom.lines() as u64).to_le_bytes());
        let crc = crc32c::crc32c(&footer);
        footer.extend(crc.to_le_bytes());
        footer
    }
}
