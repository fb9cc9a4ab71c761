//! The lists of a fold in bulk where they outgrow memory: one file, in pieces.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};
use tributary_core::fold::bulk::{Bulk, SHARDS};

/// Name of the file, in the generation's folder. It is read by the rebuild that wrote it and by nobody else.
const FILE: &str = "facts.lists.tmp";

/// Lists on the disk.
pub(super) struct Lists {
    path: PathBuf,
    /// Bytes in memory before they go to the file.
    memory_max: usize,
    file: Option<File>,
    written: u64,
    /// Of each list: its pieces in the file, in order, as (offset, length).
    pieces: Vec<Vec<(u64, usize)>>,
}

impl Lists {
    /// No lists yet; there is no file before memory has run out.
    pub fn new(dir: &Path, memory_max: usize) -> Self {
        let pieces = vec![Vec::new(); SHARDS];
        Self { path: dir.join(FILE), memory_max, file: None, written: 0, pieces }
    }

    /// Moves the lists to the file if they have outgrown memory.
    pub fn spill(&mut self, bulk: &mut Bulk) -> io::Result<()> {
        if bulk.bytes() <= self.memory_max {
            return Ok(());
        }
        if self.file.is_none() {
            let mut options = File::options();
            self.file = Some(options.read(true).write(true).create(true).truncate(true).open(&self.path)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        for (number, pieces) in self.pieces.iter_mut().enumerate() {
            let list = bulk.list(number);
            if !list.is_empty() {
                file.write_all(list)?;
                pieces.push((self.written, list.len()));
                self.written += list.len() as u64;
            }
        }
        bulk.clear();
        Ok(())
    }

    /// The whole list of this number: what is in the file, then what is in memory.
    pub fn whole(&self, bulk: &Bulk, number: usize) -> io::Result<Vec<u8>> {
        let pieces = self.pieces.get(number).map_or(&[][..], |p| p);
        let rest = bulk.list(number);
        let mut whole = Vec::with_capacity(pieces.iter().map(|p| p.1).sum::<usize>() + rest.len());
        if let Some(file) = &self.file {
            for (offset, length) in pieces {
                let from = whole.len();
                whole.resize(from + length, 0);
                file.read_exact_at(&mut whole[from..], *offset)?;
            }
        }
        whole.extend_from_slice(rest);
        Ok(whole)
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        if self.file.is_some() {
            // What stays behind goes with the generation's folder, and no one reads it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
