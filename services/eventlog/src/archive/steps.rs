//! The steps of archiving, each durable when it returns.

use std::path::Path;

use crate::archive::{ArchiveError, Closed, Note, Plan, io_at, remove_if_there};
use crate::block::{BLOCK_BYTES, BlockReader};
use crate::format::{DATA_START, SegmentHeader};
use crate::recover::{Named, headers_in};
use crate::segment::{segment_path, unfinished_path};
use crate::tail::{read_group, walk_group};
use crate::{Disk, DiskFile};

/// What left the log's folder before must be in the archive. Where that is another folder than the noted one, all of it is read.
pub(super) fn attach(plan: &Plan, disk: &dyn Disk) -> Result<(), ArchiveError> {
    if plan.archived == 0 {
        return Ok(());
    }
    let noted = plan.noted.as_ref().map_or(&plan.folder, |note| &note.folder);
    let elsewhere =
        |what: String| ArchiveError::Elsewhere { noted: noted.clone(), folder: plan.folder.clone(), what };
    let listed = disk.list(&plan.folder).map_err(|error| elsewhere(error.to_string()))?;
    let mut names: Vec<Named> = listed.iter().filter_map(|name| Named::of(&plan.folder, name)).collect();
    names.retain(|name| name.number <= plan.archived);
    names.sort_unstable_by_key(|name| name.number);
    if names.len() as u64 != plan.archived || names.first().is_none_or(|name| name.number != 1) {
        return Err(elsewhere(format!("{} of {} segments are there", names.len(), plan.archived)));
    }
    // Up to the first that the log has, which must continue them.
    names.extend(plan.local.first().map(|first| Named {
        number: first.number,
        first: first.first,
        path: segment_path(&plan.dir, first.number, first.first),
    }));
    let headers = headers_in(disk, &names).map_err(|error| elsewhere(error.to_string()))?;
    if plan.noted.as_ref().is_some_and(|note| note.folder == plan.folder) {
        return Ok(());
    }
    for (pair, name) in headers.windows(2).zip(&names) {
        let file = disk.open(&name.path).map_err(|error| io_at(&name.path, error))?;
        if !is_whole(&*file, &pair[0], &pair[1]).map_err(|error| io_at(&name.path, error))? {
            return Err(elsewhere(format!("{} is damaged", name.path.display())));
        }
    }
    Ok(())
}

/// Copies a segment, synced and compared. One that is there from an earlier call is compared.
pub(super) fn copy(
    plan: &Plan,
    disk: &dyn Disk,
    segment: &Closed,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ArchiveError> {
    let from = segment_path(&plan.dir, segment.number, segment.first);
    let to = segment_path(&plan.folder, segment.number, segment.first);
    let source = disk.open(&from).map_err(|error| io_at(&from, error))?;
    let at = plan.local.iter().position(|header| header.number == segment.number);
    let pair = at.and_then(|at| plan.local.get(at..at + 2));
    let is_whole = pair.is_some_and(|pair| is_whole(&*source, &pair[0], &pair[1]).unwrap_or(false));
    if !is_whole {
        let what = "a damaged group before the recorded end";
        let file = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Err(crate::OpenError::Corrupt { sequence: segment.first, file, offset: 0, what }.into());
    }
    let names = disk.list(&plan.folder).map_err(|error| io_at(&plan.folder, error))?;
    if names.iter().any(|name| to.file_name().is_some_and(|file| *file == **name)) {
        let there = disk.open(&to).map_err(|error| io_at(&to, error))?;
        // Its name may have been given just before a kill.
        there.sync_data().map_err(|error| io_at(&to, error))?;
        disk.sync_dir(&plan.folder).map_err(|error| io_at(&plan.folder, error))?;
        let same = same(&*source, &*there, segment.bytes, progress).map_err(|error| io_at(&to, error))?;
        return if same { Ok(()) } else { Err(ArchiveError::Differs(to)) };
    }
    let unfinished = unfinished_path(&to);
    let written = write(disk, &*source, &unfinished, segment.bytes);
    if let Err(error) = written {
        // On a full disk the room is needed; if this fails too, the next call removes it.
        disk.remove(&unfinished).ok();
        return Err(io_at(&unfinished, error));
    }
    let copy = disk.open(&unfinished).map_err(|error| io_at(&unfinished, error))?;
    if !same(&*source, &*copy, segment.bytes, progress).map_err(|error| io_at(&unfinished, error))? {
        return Err(ArchiveError::Unreadable(unfinished));
    }
    disk.rename(&unfinished, &to).map_err(|error| io_at(&to, error))?;
    disk.sync_dir(&plan.folder).map_err(|error| io_at(&plan.folder, error))
}

fn write(disk: &dyn Disk, source: &dyn DiskFile, to: &Path, bytes: u64) -> std::io::Result<()> {
    remove_if_there(disk, to)?;
    let file = disk.create(to)?;
    let mut reader = BlockReader::new(source, bytes, BLOCK_BYTES);
    let mut offset = 0;
    while offset < bytes {
        let block = reader.some(offset)?;
        if block.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        file.write_at(offset, &block)?;
        offset += block.len() as u64;
    }
    file.sync_data()
}

/// Whether the copy is what the source holds up to `bytes`, and no more.
fn same(
    source: &dyn DiskFile,
    copy: &dyn DiskFile,
    bytes: u64,
    progress: &mut dyn FnMut(u64),
) -> std::io::Result<bool> {
    if copy.len()? != bytes {
        return Ok(false);
    }
    let mut sides = [source, copy].map(|file| BlockReader::new(file, bytes, BLOCK_BYTES));
    let mut offset = 0;
    while offset < bytes {
        let [left, right] = &mut sides;
        let (left, right) = (left.some(offset)?, right.some(offset)?);
        if left.is_empty() || left != right {
            return Ok(false);
        }
        offset += left.len() as u64;
        progress(left.len() as u64);
    }
    Ok(true)
}

/// Whether every group up to where the next segment begins is sound.
fn is_whole(file: &dyn DiskFile, segment: &SegmentHeader, next: &SegmentHeader) -> std::io::Result<bool> {
    let mut reader = BlockReader::new(file, next.previous_end, BLOCK_BYTES);
    let (mut offset, mut sequence) = (DATA_START, segment.first);
    while offset < next.previous_end {
        let group = read_group(&mut reader, offset, segment.salt)?;
        let Some((header, bytes)) = group.filter(|(header, _)| header.first == sequence) else {
            return Ok(false);
        };
        if !walk_group(&header, &bytes, |_, _| {}) {
            return Ok(false);
        }
        offset += header.total();
        sequence += u64::from(header.count);
    }
    Ok(sequence == next.first)
}

/// Notes that the archive holds the head up to this segment; without one, what is in the archive already.
pub(super) fn note(plan: &Plan, disk: &dyn Disk, last: Option<Closed>) -> Result<(), ArchiveError> {
    let head = plan.local.first().filter(|_| plan.archived > 0);
    let reached = last.map(|last| (last.number, last.last));
    let reached = reached.or_else(|| head.map(|first| (first.number - 1, first.first - 1)));
    let Some((number, upto)) = reached else { return Ok(()) };
    let note = Note { origin: plan.origin, number, upto, folder: plan.folder.clone() };
    if plan.noted.as_ref() == Some(&note) {
        return Ok(());
    }
    note.write(disk, &plan.dir).map_err(|error| io_at(&plan.dir.join(super::FILE), error))
}
