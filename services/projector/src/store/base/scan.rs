//! Rows of a base in a range, one way or the other, block by block.

use super::{
    super::{Key, StoreError, Value},
    Base, damaged,
    format::rows_between,
};
use std::{ops::Range, vec};

/// An iterator over a range of a base. It ends after the first error.
pub struct Scan<'a> {
    base: &'a Base,
    from: &'a [u8],
    to: Option<&'a [u8]>,
    backward: bool,
    /// Blocks not read yet.
    blocks: Range<usize>,
    /// Rows of the last block read that were not given yet.
    rows: vec::IntoIter<(Key, Value)>,
}

impl Base {
    /// The rows with `from <= key` and, when given, `key < to`; the greatest first where `backward` says so.
    pub fn scan<'a>(&'a self, from: &'a [u8], to: Option<&'a [u8]>, backward: bool) -> Scan<'a> {
        let blocks = self.fences.blocks(from, to);
        Scan { base: self, from, to, backward, blocks, rows: Vec::new().into_iter() }
    }
}

impl Scan<'_> {
    fn next_block(&mut self) -> Result<bool, StoreError> {
        let number = if self.backward { self.blocks.next_back() } else { self.blocks.next() };
        let Some(number) = number else { return Ok(false) };
        let block = self.base.block(number)?;
        self.rows = rows_between(&block, self.from, self.to).map_err(|_| damaged())?.into_iter();
        Ok(true)
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(Key, Value), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let row = if self.backward { self.rows.next_back() } else { self.rows.next() };
            if let Some(row) = row {
                return Some(Ok(row));
            }
            match self.next_block() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.blocks = 0..0;
                    return Some(Err(error));
                }
            }
        }
    }
}
