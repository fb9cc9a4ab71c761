//! The manifest: which runs make up the index, newest first, and the mark up to which it is complete. Replaced as a
//! whole, so it is the one place where a checkpoint happens or does not.
//!
//! ```text
//! magic 8 | format 2 | value_len 2 | next run number 8 | mark: length 4, bytes
//! | number of runs 4, each: number 8, entries 8, CRC of its footer 4 | CRC-32C of everything before 4
//! ```
//! Little-endian.

use std::fs;
use std::io;
use std::path::Path;

use super::IndexError;
use super::error::file_name;
use super::format::{CRC_LEN, take};
use crate::store::write_replacing;

const MAGIC: &[u8; 8] = b"TRIBMANI";
/// Raised when a byte of the layout changes meaning.
const FORMAT: u16 = 1;

/// A run as the manifest knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunEntry {
    pub(super) number: u64,
    pub(super) count: u64,
    pub(super) footer_crc: u32,
}

/// The content of the manifest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) value_len: u16,
    /// Number of the next run: numbers are never used twice.
    pub(super) next_run: u64,
    pub(super) mark: Vec<u8>,
    /// Newest first.
    pub(super) runs: Vec<RunEntry>,
}

impl Manifest {
    /// Reads a manifest; `None` when there is none yet.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, IndexError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let corrupt = || IndexError::corrupt(path, "manifest");
        let (body, crc) = bytes.split_last_chunk::<CRC_LEN>().ok_or_else(corrupt)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(corrupt());
        }
        let mut rest = body;
        let magic: [u8; 8] = take(&mut rest).ok_or_else(corrupt)?;
        let found = u16::from_le_bytes(take(&mut rest).ok_or_else(corrupt)?);
        if magic != *MAGIC {
            return Err(corrupt());
        }
        if found != FORMAT {
            return Err(IndexError::Format { file: file_name(path), found });
        }
        decode(rest).map(Some).ok_or_else(corrupt)
    }

    /// Replaces the manifest `dir/name`, durably; also makes earlier renames in `dir` durable.
    pub(super) fn write(&self, dir: &Path, name: &str) -> io::Result<()> {
        write_replacing(dir, name, &[&self.encode()])
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(MAGIC);
        out.extend(FORMAT.to_le_bytes());
        out.extend(self.value_len.to_le_bytes());
        out.extend(self.next_run.to_le_bytes());
        // Both are bounded far below four gigabytes, by the index.
        out.extend((self.mark.len() as u32).to_le_bytes());
        out.extend(&self.mark);
        out.extend((self.runs.len() as u32).to_le_bytes());
        for run in &self.runs {
            out.extend(run.number.to_le_bytes());
            out.extend(run.count.to_le_bytes());
            out.extend(run.footer_crc.to_le_bytes());
        }
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out
    }
}

/// What follows the format number.
fn decode(mut rest: &[u8]) -> Option<Manifest> {
    let value_len = u16::from_le_bytes(take(&mut rest)?);
    let next_run = u64::from_le_bytes(take(&mut rest)?);
    let mark_len = u32::from_le_bytes(take(&mut rest)?);
    let (mark, tail) = rest.split_at_checked(usize::try_from(mark_len).ok()?)?;
    rest = tail;
    let runs_len = u32::from_le_bytes(take(&mut rest)?);
    let mut runs = Vec::new();
    for _ in 0..runs_len {
        let number = u64::from_le_bytes(take(&mut rest)?);
        let count = u64::from_le_bytes(take(&mut rest)?);
        let footer_crc = u32::from_le_bytes(take(&mut rest)?);
        runs.push(RunEntry { number, count, footer_crc });
    }
    rest.is_empty().then(|| Manifest { value_len, next_run, mark: mark.to_vec(), runs })
}
