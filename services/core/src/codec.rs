//! Bytes of store rows and snapshots: little tools for a compact, versioned binary form. Numbers are LEB128 varints,
//! signed ones zig-zag; texts and byte strings are length-prefixed. Reading never panics and never allocates more than
//! the input is long.

/// Bytes that are not what the row's format says; the store is then rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row is damaged or of an unknown format")]
pub struct BadRow;

/// Appends to a row.
#[derive(Clone, Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// An unsigned number.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A signed number.
    pub fn signed(&mut self, value: i64) {
        self.number((value << 1 ^ value >> 63) as u64);
    }

    /// Bytes without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Reads a row from its start.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// One byte.
    ///
    /// # Errors
    /// [`BadRow`] at the end of the row; so do all other methods.
    pub fn byte(&mut self) -> Result<u8, BadRow> {
        let (first, rest) = self.0.split_first().ok_or(BadRow)?;
        self.0 = rest;
        Ok(*first)
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn number(&mut self) -> Result<u64, BadRow> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BadRow)
    }

    /// An unsigned number that fits 32 bits.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn small(&mut self) -> Result<u32, BadRow> {
        u32::try_from(self.number()?).map_err(|_| BadRow)
    }

    /// A signed number.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn signed(&mut self) -> Result<i64, BadRow> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// `count` bytes.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn raw(&mut self, count: usize) -> Result<&'a [u8], BadRow> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(BadRow)?;
        self.0 = rest;
        Ok(head)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn eight(&mut self) -> Result<[u8; 8], BadRow> {
        self.raw(8)?.try_into().map_err(|_| BadRow)
    }

    /// Sixteen bytes.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn sixteen(&mut self) -> Result<[u8; 16], BadRow> {
        self.raw(16)?.try_into().map_err(|_| BadRow)
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn bytes(&mut self) -> Result<&'a [u8], BadRow> {
        let count = usize::try_from(self.number()?).map_err(|_| BadRow)?;
        self.raw(count)
    }

    /// A text.
    ///
    /// # Errors
    /// [`BadRow`], see [`Reader::byte`].
    pub fn text(&mut self) -> Result<String, BadRow> {
        std::str::from_utf8(self.bytes()?).map(str::to_owned).map_err(|_| BadRow)
    }

    /// A count of things that each take at least one byte.
    ///
    /// # Errors
    /// [`BadRow`] if the row cannot hold so many.
    pub fn count(&mut self) -> Result<usize, BadRow> {
        usize::try_from(self.number()?).ok().filter(|n| *n <= self.0.len()).ok_or(BadRow)
    }

    /// Checks that the row has been read to its end.
    ///
    /// # Errors
    /// [`BadRow`] if bytes are left.
    pub fn end(self) -> Result<(), BadRow> {
        if self.0.is_empty() { Ok(()) } else { Err(BadRow) }
    }
}
