//! What lies under a key.

use std::fmt;
use std::ops::Deref;

/// Longest value: event id, home and position take about forty bytes. The limit lets a value live on the stack.
pub const VALUE_LEN_MAX: usize = 64;

/// A value of at most [`VALUE_LEN_MAX`] bytes, on the stack. Use it as a slice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IndexValue {
    len: u8,
    bytes: [u8; VALUE_LEN_MAX],
}

impl IndexValue {
    /// Copies the slice; bytes beyond [`VALUE_LEN_MAX`] cannot occur, the index refuses such lengths when opened.
    pub(super) fn copy_of(value: &[u8]) -> Self {
        let mut bytes = [0; VALUE_LEN_MAX];
        let mut len = 0;
        for (to, from) in bytes.iter_mut().zip(value) {
            *to = *from;
            len += 1;
        }
        Self { len, bytes }
    }
}

impl Deref for IndexValue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for IndexValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IndexValue({} bytes)", self.len)
    }
}

/// What one layer of the index knows about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The key was removed: older layers do not count.
    Removed,
    /// The key has this value.
    Value(IndexValue),
}

impl Slot {
    /// What the caller of the index sees.
    pub(super) fn value(self) -> Option<IndexValue> {
        match self {
            Self::Removed => None,
            Self::Value(value) => Some(value),
        }
    }
}
