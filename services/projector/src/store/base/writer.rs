//! Writes a base from portions of rows, on any number of threads.

use super::{
    super::{Key, StoreError, Value, sync_dir},
    Base, format, path,
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tributary_core::codec::Writer;

/// Bytes of a block, but for one with a single longer row. A lookup reads one.
const BLOCK_BYTES: usize = 8 << 10;

/// A base that is being written under a temporary name.
pub(in super::super) struct BaseWriter {
    dir: PathBuf,
    temporary: PathBuf,
    file: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    end: u64,
    blocks: Vec<Block>,
}

/// A block that was written.
struct Block {
    first: Box<[u8]>,
    last: Box<[u8]>,
    offset: u64,
    length: u32,
}

impl BaseWriter {
    /// Starts a base in the store's folder. What an earlier attempt left goes.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        let temporary = path(dir).with_extension("rows.tmp");
        let file = File::create(&temporary)?;
        file.write_all_at(&format::header(), 0)?;
        let state = State { end: format::HEADER_LEN as u64, blocks: Vec::new() };
        Ok(Self { dir: dir.to_owned(), temporary, file, state: Mutex::new(state) })
    }

    /// Writes rows in any order.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn load(&self, mut rows: Vec<(Key, Value)>) -> Result<(), StoreError> {
        rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let (bytes, mut blocks) = blocks_of(&rows)?;
        let start = {
            let mut state = self.lock();
            let start = state.end;
            state.end += bytes.len() as u64;
            blocks.iter_mut().for_each(|block| block.offset += start);
            state.blocks.append(&mut blocks);
            start
        };
        Ok(self.file.write_all_at(&bytes, start)?)
    }

    /// Makes the base durable and opens it.
    ///
    /// # Errors
    /// [`StoreError::Unordered`] if a key came twice, or portions were not of consecutive keys.
    pub fn finish(&self) -> Result<Base, StoreError> {
        let mut state = self.lock();
        state.blocks.sort_unstable_by(|one, other| one.first.cmp(&other.first));
        if !state.blocks.is_sorted_by(|one, other| one.last < other.first) {
            return Err(StoreError::Unordered);
        }
        let mut fences = format::Fences::default();
        for block in &state.blocks {
            if !fences.push(&block.first, block.offset, block.length) {
                return Err(too_large());
            }
        }
        state.blocks = Vec::new();
        let list = fences.encode();
        self.file.write_all_at(&list, state.end)?;
        self.file.write_all_at(&format::tail(state.end, &list), state.end + list.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, path(&self.dir))?;
        sync_dir(&self.dir)?;
        let file = File::open(path(&self.dir))?;
        Ok(Base { bytes: file.metadata()?.len(), file, fences })
    }

    // No panic can leave the state half-changed, so poison is of no interest.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BaseWriter {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; what stays behind is overwritten or goes with the folder.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn too_large() -> StoreError {
    StoreError::Io(io::ErrorKind::FileTooLarge.into())
}

/// The blocks of rows in key order, with offsets from the start of their bytes.
fn blocks_of(rows: &[(Key, Value)]) -> Result<(Vec<u8>, Vec<Block>), StoreError> {
    let bytes = rows.iter().map(|(key, value)| key.len() + value.len() + 8).sum::<usize>();
    let mut out = Writer(Vec::with_capacity(bytes + bytes / BLOCK_BYTES * 8));
    let mut blocks = Vec::with_capacity(bytes / BLOCK_BYTES + 8);
    let mut rest = rows;
    while let Some((first, _)) = rest.first() {
        let start = out.0.len();
        let mut count = 0;
        for (key, value) in rest {
            let row = key.len() + value.len();
            if count > 0 && (out.0.len() - start + row > BLOCK_BYTES || key.first() != first.first()) {
                break;
            }
            format::write_row(&mut out, key, value);
            count += 1;
        }
        format::end_block(&mut out, start);
        let (block, after) = rest.split_at(count);
        rest = after;
        if !block.is_sorted_by(|one, other| one.0 < other.0) {
            return Err(StoreError::Unordered);
        }
        let last = block.last().map_or(first, |(key, _)| key);
        blocks.push(Block {
            first: first.as_slice().into(),
            last: last.as_slice().into(),
            offset: start as u64,
            length: u32::try_from(out.0.len() - start).map_err(|_| too_large())?,
        });
    }
    Ok((out.0, blocks))
}
