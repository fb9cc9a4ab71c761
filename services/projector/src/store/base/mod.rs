//! The base of a store: what was loaded in bulk, as one file of rows in key order that never changes. What is written
//! later lies over it, in the engine.
//!
//! A rebuild writes millions of rows once, in long runs of ascending keys, and nobody reads them before all are there. An
//! engine for single writes takes about 6 µs for each, keeps them in its cache and writes them several times; here a row
//! costs its bytes, and opening costs the list of blocks.
//!
//! Absent on purpose: changing a row, merging files (the next rebuild does), caching of blocks (the kernel's page cache
//! does).

mod format;
mod scan;
mod writer;

pub(super) use writer::BaseWriter;

use format::{Fences, TAIL_LEN, check_header, find};

use super::{StoreError, Value};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Name of the file, in the store's folder.
const FILE: &str = "base.rows";

/// An open base.
pub(super) struct Base {
    file: File,
    fences: Fences,
    bytes: u64,
}

impl Base {
    /// Opens the base in the store's folder; `None` if there is none. All but its blocks is checked, which are checked when
    /// they are read.
    ///
    /// # Errors
    /// [`StoreError::Unopenable`] if it is damaged or of another format.
    pub fn open(dir: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path(dir)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = file.metadata()?.len();
        let opened = Self::read(&file, length).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => None,
            _ => Some(error),
        });
        match opened {
            Ok(Some(fences)) => Ok(Some(Self { file, fences, bytes: length })),
            Ok(None) | Err(None) => {
                Err(StoreError::Unopenable { reason: "the file of loaded rows is damaged".to_owned() })
            }
            Err(Some(error)) => Err(error.into()),
        }
    }

    /// The list of blocks; `None` if the file is damaged.
    fn read(file: &File, length: u64) -> io::Result<Option<Fences>> {
        let mut tail = [0; TAIL_LEN];
        let Some(tail_at) = length.checked_sub(TAIL_LEN as u64) else { return Ok(None) };
        file.read_exact_at(&mut tail, tail_at)?;
        if !check_header(file)? {
            return Ok(None);
        }
        let Some((fences_at, crc)) = format::read_tail(&tail) else { return Ok(None) };
        let bytes = tail_at.checked_sub(fences_at).and_then(|bytes| usize::try_from(bytes).ok());
        let Some(bytes) = bytes else { return Ok(None) };
        let mut list = vec![0; bytes];
        file.read_exact_at(&mut list, fences_at)?;
        Ok((crc32c::crc32c(&list) == crc).then(|| Fences::decode(&list, fences_at)).flatten())
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Removes the base of a closed store.
    ///
    /// # Errors
    /// When the file is there and cannot be removed.
    pub fn remove(dir: &Path) -> io::Result<()> {
        match std::fs::remove_file(path(dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The value under `key`: one read.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a block that is not as it was written.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let Some(number) = self.fences.block_of(key) else { return Ok(None) };
        let block = self.block(number)?;
        find(&block, key).map_err(|_| damaged())
    }

    /// The checked rows of a block.
    fn block(&self, number: usize) -> Result<Vec<u8>, StoreError> {
        let (offset, length) = self.fences.place(number).ok_or_else(damaged)?;
        let mut block = vec![0; length];
        self.file.read_exact_at(&mut block, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(),
            _ => error.into(),
        })?;
        if !format::checked(&mut block) || !self.fences.begins(number, &block) {
            return Err(damaged());
        }
        Ok(block)
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

fn damaged() -> StoreError {
    StoreError::Damaged { reason: "a block of loaded rows is not as it was written".to_owned() }
}
