//! The view store: ordered rows of bytes behind one trait, with a sled and a memory implementation.
//!
//! A store holds nothing that the log cannot rebuild: it is a cache with a position in it, so a store that
//! is damaged is moved aside and rebuilt. Absent on purpose: row formats and key prefixes (the fold owns
//! them), transactions over several commits, snapshots (a scan sees commits that land while it runs), and
//! compression.

mod base;
pub mod conformance;
mod durable;
mod error;
mod fault;
pub mod generation;
mod layers;
mod memory;
mod plan;
mod sled_store;

use std::fmt;

pub(crate) use durable::{sync_dir, write_replacing};
pub use error::StoreError;
pub use fault::FaultStore;
pub use memory::MemoryStore;
pub use plan::{BYTES_PER_BATCH_MAX, ROWS_PER_BATCH_MAX};
pub use sled_store::{SledOptions, SledStore, open_or_move_aside};

/// A row's key: bytes, ordered as unsigned bytes.
pub type Key = Vec<u8>;
/// A row's value: bytes. Keep it at or under 32 KiB; greater ones work, but sled gets slow.
pub type Value = Vec<u8>;
/// A row to write: `None` deletes the key.
pub type Row = (Key, Option<Value>);

/// Rows that must land together, such as one customer's fragments and its changes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The rows, in any order. Where a key comes twice, the later row counts.
    pub rows: Vec<Row>,
}

/// What one commit writes.
///
/// It lands as one or more atomic batches of at most [`ROWS_PER_BATCH_MAX`] rows or [`BYTES_PER_BATCH_MAX`]
/// bytes. Groups are never divided and keep their order: after a crash in the middle, the first groups are
/// there, the others are not, and `last` is not. So a reader of rows in group order meets no gap.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// The groups, in the order in which they may become visible.
    pub groups: Vec<Group>,
    /// Rows of the final batch: the position and what must never be ahead of the groups.
    pub last: Vec<Row>,
}

/// What a store can say about its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes taken on disk; 0 for a store without a disk.
    pub bytes_on_disk: u64,
    /// Number of rows, where knowing it costs nothing.
    pub rows: Option<u64>,
}

/// Ordered rows with atomic groups. See [`conformance`] for what every implementation promises.
///
/// The methods block; call them from a thread of their own, never from an async worker.
pub trait ViewStore: Send + Sync {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError>;

    /// Writes a commit. When it returns `Ok`, every row is visible; durable only after [`ViewStore::flush`].
    /// When it returns an error, a prefix of the groups may have landed, and `last` has not, unless the
    /// error came after the final batch; doing the same commit again is always right.
    fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// Writes rows of an empty store, from any number of threads at once, before its first commit. Nobody sees them before
    /// [`ViewStore::loaded`]; a store that was closed before that is worth nothing. Each key comes once, and among the keys
    /// with the same first byte no other call has one between those of this call.
    fn load(&self, rows: Vec<(Key, Value)>) -> Result<(), StoreError>;

    /// All rows have been loaded: they are durable and seen from now on.
    fn loaded(&self) -> Result<(), StoreError>;

    /// At most `limit` rows with `from <= key` and, when given, `key < to`, smallest key first.
    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError>;

    /// At most `limit` rows with `from <= key < before`, greatest key first.
    fn scan_back(&self, from: &[u8], before: &[u8], limit: usize) -> Result<Vec<(Key, Value)>, StoreError>;

    /// Removes every row. Not atomic: after a crash some rows may be left.
    fn wipe(&self) -> Result<(), StoreError>;

    /// Sizes, best effort.
    fn stats(&self) -> StoreStats;

    /// Returns when everything committed so far survives a power cut.
    fn flush(&self) -> Result<(), StoreError>;
}

impl Group {
    /// A group of these rows.
    #[must_use]
    pub fn new(rows: Vec<Row>) -> Self {
        Self { rows }
    }
}

impl Commit {
    /// Whether it writes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last.is_empty() && self.groups.iter().all(|group| group.rows.is_empty())
    }
}

// Rows carry what customers said: only counts are shown.
impl fmt::Debug for Group {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Group({} rows)", self.rows.len())
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Commit({} groups, {} last rows)", self.groups.len(), self.last.len())
    }
}
