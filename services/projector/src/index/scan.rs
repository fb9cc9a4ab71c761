//! Reads a whole run in key order, for a merge: large reads, every block checked.

use std::os::unix::fs::FileExt;

use super::format::{checked_entries, entry_key, entry_slot};
use super::run::Run;
use super::slot::Slot;
use super::{IndexError, IndexKey};

/// Blocks a read: a quarter of a megabyte, so a merge of all runs holds about two.
const BLOCKS_PER_READ: u64 = 64;

/// An iterator over a run. It ends after the first error.
pub(super) struct Scan<'a> {
    run: &'a Run,
    next_block: u64,
    /// Checked entries that were read and not yet handed out.
    entries: Vec<u8>,
    at: usize,
    before: Option<IndexKey>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(run: &'a Run) -> Self {
        Self { run, next_block: 0, entries: Vec::new(), at: 0, before: None }
    }

    fn corrupt(&self) -> IndexError {
        IndexError::corrupt(&self.run.path, "blocks")
    }

    /// Reads and checks the next blocks.
    fn refill(&mut self) -> Result<(), IndexError> {
        let layout = self.run.layout;
        let end = layout.blocks().min(self.next_block + BLOCKS_PER_READ);
        let mut bytes = vec![0; (self.next_block..end).map(|block| layout.block_len(block)).sum()];
        self.run
            .file
            .read_exact_at(&mut bytes, layout.block_offset(self.next_block))
            .map_err(|error| IndexError::reading(&self.run.path, "blocks", error))?;
        self.entries.clear();
        self.at = 0;
        let mut rest = bytes.as_slice();
        for number in self.next_block..end {
            let (block, tail) =
                rest.split_at_checked(layout.block_len(number)).ok_or_else(|| self.corrupt())?;
            rest = tail;
            let entries = checked_entries(number, block).ok_or_else(|| self.corrupt())?;
            self.entries.extend_from_slice(entries);
        }
        self.next_block = end;
        Ok(())
    }

    fn take(&mut self) -> Result<Option<(IndexKey, Slot)>, IndexError> {
        if self.at == self.entries.len() {
            if self.next_block == self.run.layout.blocks() {
                return Ok(None);
            }
            self.refill()?;
        }
        let end = self.at + self.run.layout.entry_len();
        let entry = self.entries.get(self.at..end).unwrap_or_default();
        let (Some(key), Some(slot)) = (entry_key(entry), entry_slot(entry)) else {
            return Err(self.corrupt());
        };
        if self.before.is_some_and(|before| before >= key) {
            return Err(self.corrupt());
        }
        self.at = end;
        self.before = Some(key);
        Ok(Some((key, slot)))
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(IndexKey, Slot), IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let taken = self.take();
        if taken.is_err() {
            self.next_block = self.run.layout.blocks();
            self.entries.clear();
            self.at = 0;
        }
        taken.transpose()
    }
}
