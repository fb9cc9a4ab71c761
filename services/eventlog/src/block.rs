//! Reading a file in large blocks and handing out slices of them without copying.

use std::io;

use bytes::Bytes;

use crate::DiskFile;

/// One read of a scan: large enough that the call costs nothing, small enough to stay in cache.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;

pub(crate) struct BlockReader<'a> {
    file: &'a dyn DiskFile,
    /// Nothing is read at or beyond this offset.
    end: u64,
    block_bytes: usize,
    block: Bytes,
    block_start: u64,
}

impl<'a> BlockReader<'a> {
    pub fn new(file: &'a dyn DiskFile, end: u64, block_bytes: usize) -> Self {
        Self { file, end, block_bytes, block: Bytes::new(), block_start: 0 }
    }

    /// The `len` bytes at `offset`; none when they reach past the end of the file or of the reader.
    pub fn bytes(&mut self, offset: u64, len: usize) -> io::Result<Option<Bytes>> {
        if let Some(range) = self.held(offset, len) {
            return Ok(Some(self.block.slice(range)));
        }
        if len as u64 > self.end.saturating_sub(offset) {
            return Ok(None);
        }
        self.fill(offset, len)?;
        Ok(self.held(offset, len).map(|range| self.block.slice(range)))
    }

    /// As [`bytes`](Self::bytes), without keeping the block alive.
    pub fn peek(&mut self, offset: u64, len: usize) -> io::Result<Option<&[u8]>> {
        if self.held(offset, len).is_none() && len as u64 <= self.end.saturating_sub(offset) {
            self.fill(offset, len)?;
        }
        Ok(self.held(offset, len).map(|range| &self.block[range]))
    }

    /// All that one block holds from `offset` on; empty at the end.
    pub fn some(&mut self, offset: u64) -> io::Result<Bytes> {
        self.fill(offset, 0)?;
        Ok(self.block.clone())
    }

    fn held(&self, offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(offset.checked_sub(self.block_start)?).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.block.len()).then_some(start..end)
    }

    fn fill(&mut self, offset: u64, at_least: usize) -> io::Result<()> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut block = vec![0; left.min(self.block_bytes.max(at_least))];
        let read = self.file.read_at(offset, &mut block)?;
        block.truncate(read);
        self.block = block.into();
        self.block_start = offset;
        Ok(())
    }
}
