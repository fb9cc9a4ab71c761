//! Sealed cells: everything personal in an event. Scheme 0 is clear; schemes with keys come later and need no other format.

use crate::{content::Content, event::Event};
use std::fmt;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The event's [`Content`] as JSON.
    Content,
    /// The smallest request that decodes to this event alone, see [`Raw`].
    Raw,
    /// Plain and raw value of the identifier at this place.
    Identifier(u8),
}

/// One sealed value.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    /// 0 = clear.
    pub scheme: u32,
    /// Which key, 0 without one.
    pub key_id: u32,
    /// Empty for scheme 0.
    pub nonce: Vec<u8>,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
    /// What it holds.
    pub role: Role,
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({:?}, scheme {}, {} bytes)", self.role, self.scheme, self.bytes.len())
    }
}

/// Why a cell cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Written by a later release or with a key this process does not have.
    #[error("cell scheme {0} is not known")]
    Scheme(u32),
    /// The clear bytes are not what the role says.
    #[error("cell content is malformed")]
    Malformed,
}

impl Cell {
    /// A clear cell.
    #[must_use]
    pub fn clear(role: Role, bytes: Vec<u8>) -> Self {
        Self { scheme: 0, key_id: 0, nonce: Vec::new(), bytes, role }
    }

    /// The plain bytes.
    ///
    /// # Errors
    /// [`UnsealError::Scheme`] for any scheme but 0.
    pub fn open(&self) -> Result<&[u8], UnsealError> {
        if self.scheme == 0 { Ok(&self.bytes) } else { Err(UnsealError::Scheme(self.scheme)) }
    }
}

/// An identifier's value in both forms.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct IdentifierValue {
    /// Normalised.
    pub plain: String,
    /// As received.
    pub raw: String,
}

impl IdentifierValue {
    /// Bytes of the cell: the plain value, then, only if it differs, a zero byte and the raw value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.plain.clone().into_bytes();
        if self.raw != self.plain {
            bytes.push(0);
            bytes.extend_from_slice(self.raw.as_bytes());
        }
        bytes
    }

    /// Back from the cell's bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        match bytes.iter().position(|b| *b == 0) {
            Some(at) => Self { plain: text(&bytes[..at]), raw: text(&bytes[at + 1..]) },
            None => Self { plain: text(bytes), raw: text(bytes) },
        }
    }
}

/// The smallest request, with the headers it needs, that decodes to one event alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Raw {
    /// Headers needed to decode (content type, topic), lower-case names; never signatures or credentials.
    pub headers: Vec<(String, String)>,
    /// Body bytes.
    pub body: Vec<u8>,
}

impl Raw {
    /// Header lines `name: value`, an empty line, then the body.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 64);
        for (name, value) in &self.headers {
            for part in [name.as_bytes(), b": ", value.as_bytes(), b"\n"] {
                out.extend_from_slice(part);
            }
        }
        out.push(b'\n');
        out.extend_from_slice(&self.body);
        out
    }

    /// Back from the cell's bytes.
    ///
    /// # Errors
    /// [`UnsealError::Malformed`] without the empty line.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, UnsealError> {
        let mut headers = Vec::new();
        loop {
            let end = bytes.iter().position(|b| *b == b'\n').ok_or(UnsealError::Malformed)?;
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if line.is_empty() {
                return Ok(Self { headers, body: bytes.to_vec() });
            }
            let line = std::str::from_utf8(line).map_err(|_| UnsealError::Malformed)?;
            let (name, value) = line.split_once(": ").ok_or(UnsealError::Malformed)?;
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.body.len())
    }
}

impl fmt::Debug for IdentifierValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentifierValue(..)")
    }
}

impl Event {
    /// The event's personal part.
    ///
    /// # Errors
    /// [`UnsealError`] if the cell cannot be read.
    pub fn content(&self) -> Result<Content, UnsealError> {
        match self.sealed.iter().find(|c| c.role == Role::Content) {
            Some(cell) => serde_json::from_slice(cell.open()?).map_err(|_| UnsealError::Malformed),
            None => Ok(Content::default()),
        }
    }

    /// The value of the identifier at `ordinal`.
    ///
    /// # Errors
    /// [`UnsealError`] if there is no such cell or it cannot be read.
    pub fn identifier_value(&self, ordinal: u8) -> Result<IdentifierValue, UnsealError> {
        let cell = self.sealed.iter().find(|c| c.role == Role::Identifier(ordinal));
        Ok(IdentifierValue::from_bytes(cell.ok_or(UnsealError::Malformed)?.open()?))
    }

    /// The raw request, unless it stands in chunk records before the event.
    ///
    /// # Errors
    /// [`UnsealError`] if the cell cannot be read.
    pub fn raw(&self) -> Result<Option<Raw>, UnsealError> {
        match self.sealed.iter().find(|c| c.role == Role::Raw) {
            Some(cell) => Raw::from_bytes(cell.open()?).map(Some),
            None => Ok(None),
        }
    }
}
