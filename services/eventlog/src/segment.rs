//! One segment as readers see it: where its durable bytes end, and a sparse index into them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::format::{DATA_START, SegmentHeader};
use crate::{Disk, DiskFile};

/// An index entry about this often: a random read then costs at most this plus one record, and the index
/// of a 64 MiB segment 24 KB.
pub(crate) const INDEX_EVERY_BYTES: u64 = 64 * 1024;

/// Where reading can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub sequence: u64,
    /// Of a record when `group_end` is set, of a group header otherwise.
    pub offset: u64,
    /// The end of the group the record is in.
    pub group_end: Option<u64>,
}

pub(crate) struct Segment {
    pub header: SegmentHeader,
    pub path: PathBuf,
    /// Offset one past the last durable group.
    end: AtomicU64,
    /// One past the last durable sequence.
    next: AtomicU64,
    index: Mutex<Vec<Mark>>,
    /// Kept open only while written to: old segments would use up the descriptors.
    file: Mutex<Option<Arc<dyn DiskFile>>>,
}

impl Segment {
    pub fn new(header: SegmentHeader, path: PathBuf, end: u64, next: u64) -> Self {
        let start = Mark { sequence: header.first, offset: DATA_START, group_end: None };
        Self {
            header,
            path,
            end: AtomicU64::new(end),
            next: AtomicU64::new(next),
            index: Mutex::new(vec![start]),
            file: Mutex::new(None),
        }
    }

    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// The segment has grown, durably.
    pub fn extend(&self, end: u64, next: u64) {
        // In this order: who sees the sequence must see the bytes.
        self.end.store(end, Ordering::Release);
        self.next.store(next, Ordering::Release);
    }

    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The last mark at or before the sequence.
    pub fn locate(&self, sequence: u64) -> Mark {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let after = index.partition_point(|mark| mark.sequence <= sequence);
        index[after.saturating_sub(1)]
    }

    /// Remembers the mark when it is far enough beyond the last one.
    pub fn note(&self, mark: Mark) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let last = index[index.len() - 1];
        if mark.sequence > last.sequence && mark.offset >= last.offset + INDEX_EVERY_BYTES {
            index.push(mark);
        }
    }

    pub fn keep_open(&self, file: Option<Arc<dyn DiskFile>>) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }

    pub fn open(&self, disk: &dyn Disk) -> io::Result<Arc<dyn DiskFile>> {
        let kept = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.map_or_else(|| disk.open(&self.path).map(Arc::from), Ok)
    }
}

/// The name sorts by number and shows the first sequence, so that damage to a header can still be placed.
pub(crate) fn segment_path(dir: &Path, number: u64, first: u64) -> PathBuf {
    dir.join(format!("{number:010}-{first:020}.seg"))
}

/// A segment that is not finished yet; a start removes it.
pub(crate) fn unfinished_path(path: &Path) -> PathBuf {
    path.with_extension("new")
}

pub(crate) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(".new").is_some_and(|stem| parse_stem(stem).is_some())
}

/// Number and first sequence; none for files that are no segments.
pub(crate) fn parse_name(name: &str) -> Option<(u64, u64)> {
    parse_stem(name.strip_suffix(".seg")?)
}

fn parse_stem(stem: &str) -> Option<(u64, u64)> {
    let (number, first) = stem.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sound = number.len() >= 10 && first.len() == 20 && digits(number) && digits(first);
    if !sound {
        return None;
    }
    Some((number.parse().ok()?, first.parse().ok()?))
}
