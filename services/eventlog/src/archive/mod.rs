//! The one way in which events leave a log's folder: whole closed segments move from its head to another folder, and the log
//! reads across both. Each step is durable before the next, so it may be stopped anywhere and called again:
//!
//! 1. segments are copied beside their final names, synced, read back and compared, and get their names;
//! 2. the note in the log's folder says that the head is there;
//! 3. the segments that it covers are removed from the log's folder, the oldest first.

mod error;
mod note;
mod steps;

use std::io;
use std::path::{Path, PathBuf};

pub use error::ArchiveError;
pub(crate) use note::{FILE, Note, can_be_noted};

use crate::format::SegmentHeader;
use crate::recover::{Named, headers_in};
use crate::segment::segment_path;
use crate::{Disk, OpenError, Origin};

/// Which closed segments stay in the log's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// So many of the newest, at least the one that is written to.
    Newest(u64),
    /// Those with records from this moment on, in microseconds since 1970.
    Since(i64),
}

/// A closed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Its number in the log, from 1 without gaps.
    pub number: u64,
    /// Its first sequence.
    pub first: u64,
    /// Its last sequence; one before the first where it holds no record.
    pub last: u64,
    /// Bytes up to the end of its last group.
    pub bytes: u64,
    /// No record in it is newer, in microseconds since 1970.
    pub newest: i64,
}

/// What archiving a log would do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose log it is.
    pub origin: Origin,
    /// Where its archived segments are: a folder of the log's own in the archive.
    pub folder: PathBuf,
    /// What moves, the oldest first. What an earlier call has copied and not removed is among it.
    pub moves: Vec<Closed>,
    /// How many segments stay in the log's folder.
    pub stay: u64,
    /// How many segments the archive holds already that are not in the log's folder any more.
    pub archived: u64,
    pub(crate) dir: PathBuf,
    pub(crate) noted: Option<Note>,
    pub(crate) local: Vec<SegmentHeader>,
}

/// Finds out what would move from the log in `dir` to a folder of its own in `to`; changes nothing. Nobody else may have the
/// log open. `None` where `dir` holds no log.
///
/// # Errors
/// See [`ArchiveError`].
pub fn plan(disk: &dyn Disk, dir: &Path, to: &Path, keep: Keep) -> Result<Option<Plan>, ArchiveError> {
    let listed = disk.list(dir).map_err(|error| io_at(dir, error))?;
    let mut names: Vec<Named> = listed.iter().filter_map(|name| Named::of(dir, name)).collect();
    names.sort_unstable_by_key(|name| name.number);
    if names.is_empty() {
        return Ok(None);
    }
    let local = headers_in(disk, &names)?;
    let Some(newest) = local.last() else { return Ok(None) };
    let folder = to.join(newest.origin.to_string());
    if !can_be_noted(&folder) {
        return Err(ArchiveError::Folder(folder));
    }
    let noted = match Note::read(disk, dir) {
        Ok(noted) => noted.filter(|note| note.origin == newest.origin),
        // A damaged one is written anew where the archive holds what it must have named.
        Err(OpenError::ArchiveNote) => None,
        Err(error) => return Err(error.into()),
    };
    let closed = |pair: &[SegmentHeader]| Closed {
        number: pair[0].number,
        first: pair[0].first,
        last: pair[1].first - 1,
        bytes: pair[1].previous_end,
        newest: pair[1].last_recorded_at,
    };
    let closed: Vec<Closed> = local.windows(2).map(closed).collect();
    let already = noted.as_ref().map_or(0, |note| note.number);
    let leave = match keep {
        Keep::Newest(stay) => (closed.len() as u64 + 1).saturating_sub(stay.max(1)),
        Keep::Since(moment) => closed.iter().take_while(|segment| segment.newest < moment).count() as u64,
    };
    let begun = closed.iter().filter(|segment| segment.number <= already).count() as u64;
    let leave = usize::try_from(leave.max(begun)).unwrap_or(usize::MAX).min(closed.len());
    let archived = local.first().map_or(0, |first| first.number - 1);
    let stay = (local.len() - leave) as u64;
    let moves = closed.into_iter().take(leave).collect();
    Ok(Some(Plan { origin: newest.origin, folder, moves, stay, archived, dir: dir.to_owned(), noted, local }))
}

impl Plan {
    /// Moves them. `progress` is told the bytes that were copied or found there, piece by piece. Blocks.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn run(&self, disk: &dyn Disk, progress: &mut dyn FnMut(u64)) -> Result<(), ArchiveError> {
        steps::attach(self, disk)?;
        let Some(last) = self.moves.last() else { return steps::note(self, disk, None) };
        disk.create_dir_all(&self.folder).map_err(|error| io_at(&self.folder, error))?;
        for segment in &self.moves {
            steps::copy(self, disk, segment, progress)?;
        }
        steps::note(self, disk, Some(*last))?;
        for segment in &self.moves {
            let path = segment_path(&self.dir, segment.number, segment.first);
            disk.remove(&path).map_err(|error| io_at(&path, error))?;
            // One by one: a crash leaves no hole between what is left.
            disk.sync_dir(&self.dir).map_err(|error| io_at(&self.dir, error))?;
        }
        Ok(())
    }

    /// Whether running it changes anything.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let noted = self.noted.as_ref();
        let head = noted.map_or(0, |note| note.number);
        self.moves.is_empty() && self.archived <= head && noted.is_none_or(|note| note.folder == self.folder)
    }
}

pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn io_at(path: &Path, error: io::Error) -> ArchiveError {
    ArchiveError::Io { path: path.to_owned(), error }
}
