//! The sorted-run index: 16-byte key -> a value of fixed length, beside the store and rebuildable from the log.
//!
//! Writes go to memory; a checkpoint writes them as one sorted run file together with a mark, so after a crash
//! the index is exactly what it was at its mark, and the log is replayed from there. A lookup asks memory, then
//! the runs from the newest to the oldest; a bloom filter a run answers most absences without touching a disk.
//!
//! Keys must be uniformly distributed, such as hashes: the filters use their bits as they are.
//!
//! Absent on purpose: ordered scans, values of varying length, a write-ahead log (the event log is one), block
//! caching (the kernel's page cache does it), and a lock against a second process (the store holds one).

mod bloom;
mod error;
mod format;
mod manifest;
mod memory;
mod merge;
mod run;
mod run_index;
mod scan;
mod slot;
#[cfg(test)]
mod tests;
mod writer;

pub use error::IndexError;
pub use run_index::{IndexStats, MARK_BYTES_MAX, RunIndex};
pub use slot::{IndexValue, VALUE_LEN_MAX};

/// A key: 16 uniformly distributed bytes.
pub type IndexKey = [u8; 16];

/// The first half of a key.
pub type KeyPrefix = [u8; 8];

/// Bytes of a key.
const KEY_LEN: usize = 16;
