//! What a start finds in the folder, and how it makes sure that all of it is durable.
//!
//! The last group of the last segment is the only one whose durability is in doubt: it may be in the file
//! system's memory only, even after a sync that failed. So it is copied into a new segment, whose header
//! records that the one before ends in front of it; nothing is ever written behind or over a tail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::Note;
use crate::block::{BLOCK_BYTES, BlockReader};
use crate::create::{Active, create_segment, shorten};
use crate::format::{DATA_START, HEADER_BYTES, HeaderError, SegmentHeader};
use crate::segment::{Mark, Segment, is_unfinished, parse_name};
use crate::tail::{Tail, find_tail, read_group, walk_group};
use crate::window::Window;
use crate::{Disk, OpenError, Options, Origin};

/// A segment's file, by its name.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub number: u64,
    pub first: u64,
    pub path: PathBuf,
}

impl Named {
    /// None for files that are no segments.
    pub fn of(dir: &Path, name: &str) -> Option<Self> {
        parse_name(name).map(|(number, first)| Self { number, first, path: dir.join(name) })
    }
}

/// A log that is ready to be written to.
pub(crate) struct Recovered {
    pub origin: Origin,
    pub segments: Vec<Arc<Segment>>,
    /// None until the first append after a clean close: a start alone leaves nothing behind.
    pub active: Option<Active>,
    pub window: Window,
    /// 0 when there is none.
    pub last: u64,
    pub last_recorded_at: i64,
}

pub(crate) fn recover(options: &Options) -> Result<Recovered, OpenError> {
    let (names, headers) = find_segments(options)?;
    let (Some(newest), Some(Named { path, .. })) = (headers.last(), names.last()) else {
        return create_log(options);
    };
    let origin = newest.origin;
    match options.origin {
        Some(expected) if expected != origin => {
            return Err(OpenError::WrongOrigin { found: origin, expected });
        }
        _ => {}
    }
    let tail = find_tail(&*options.disk.open(path)?, newest, &file_name(path))?;

    let mut segments = Vec::with_capacity(headers.len() + 1);
    for (pair, name) in headers.windows(2).zip(&names) {
        let path = name.path.clone();
        segments.push(Arc::new(Segment::new(pair[0], path, pair[1].previous_end, pair[1].first)));
    }
    segments.push(Arc::new(Segment::new(*newest, path.clone(), tail.end, tail.next)));

    let last = tail.next - 1;
    let (window, stamp) = load_window(options, &segments, last)?;
    let last_recorded_at = stamp.unwrap_or(newest.last_recorded_at);
    refuse_the_future(options, last_recorded_at)?;
    let active = settle_tail(options, &mut segments, &tail, last_recorded_at)?;
    Ok(Recovered { origin, segments, active, window, last, last_recorded_at })
}

/// All segments in their order, those of the archive first.
fn find_segments(options: &Options) -> Result<(Vec<Named>, Vec<SegmentHeader>), OpenError> {
    let local = list_local(options)?;
    let note = Note::read(&*options.disk, &options.dir)?;
    let Some(first) = local.first() else {
        // A log that has an archive is not made anew.
        return note.map_or(Ok((local, Vec::new())), |note| Err(missing_after(note.upto)));
    };
    let (mut names, mut headers) = (Vec::new(), Vec::new());
    match note {
        Some(note) if first.number > 1 => (names, headers) = archived(options, &note, first)?,
        None if first.number > 1 && options.whole => {
            return Err(OpenError::HeadGone { start: first.first });
        }
        _ => {}
    }
    headers.extend(headers_in(&*options.disk, &local)?);
    names.extend(local);
    Ok((names, headers))
}

fn missing_after(sequence: u64) -> OpenError {
    let what = "the segments after the archived ones are missing";
    OpenError::Corrupt { sequence: sequence + 1, file: crate::archive::FILE.to_owned(), offset: 0, what }
}

/// What the archive must hold: everything before the first segment that is here.
fn archived(
    options: &Options,
    note: &Note,
    first: &Named,
) -> Result<(Vec<Named>, Vec<SegmentHeader>), OpenError> {
    if note.number + 1 < first.number {
        return Err(missing_after(note.upto));
    }
    let away = |what: String| OpenError::ArchiveAway { folder: note.folder.display().to_string(), what };
    let listed = options.disk.list(&note.folder).map_err(|error| away(error.to_string()))?;
    let mut names: Vec<Named> = listed.iter().filter_map(|name| Named::of(&note.folder, name)).collect();
    names.retain(|name| name.number < first.number);
    names.sort_unstable_by_key(|name| name.number);
    let wanted = first.number - 1;
    if names.len() as u64 != wanted {
        return Err(away(format!("{} of {wanted} segments are there", names.len())));
    }
    // With the first that is here, so that it is known to continue them.
    names.push(first.clone());
    let mut headers = headers_in(&*options.disk, &names).map_err(|error| away(error.to_string()))?;
    headers.pop();
    names.pop();
    Ok((names, headers))
}

/// The log's own folder, after removing what a crashed start left unfinished.
fn list_local(options: &Options) -> Result<Vec<Named>, OpenError> {
    options.disk.create_dir_all(&options.dir)?;
    let mut names = Vec::new();
    for name in options.disk.list(&options.dir)? {
        if is_unfinished(&name) {
            options.disk.remove(&options.dir.join(&name))?;
        }
        names.extend(Named::of(&options.dir, &name));
    }
    // A name given just before a kill may not be durable yet.
    options.disk.sync_dir(&options.dir)?;
    names.sort_unstable_by_key(|name| (name.number, name.first));
    Ok(names)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// All headers, checked against their names and against each other.
pub(crate) fn headers_in(disk: &dyn Disk, names: &[Named]) -> Result<Vec<SegmentHeader>, OpenError> {
    let mut headers: Vec<SegmentHeader> = Vec::with_capacity(names.len());
    for Named { number, first, path } in names {
        let file = file_name(path);
        let corrupt = |what| OpenError::Corrupt { sequence: *first, file: file.clone(), offset: 0, what };
        let mut bytes = [0; HEADER_BYTES];
        let read = disk.open(path)?.read_at(0, &mut bytes)?;
        let header = match SegmentHeader::decode(&bytes[..read]) {
            Ok(header) => header,
            Err(HeaderError::Damaged) => return Err(corrupt("a damaged segment header")),
            Err(HeaderError::Unsupported(format)) => {
                return Err(OpenError::UnsupportedFormat { file, format });
            }
        };
        if (header.number, header.first) != (*number, *first) {
            return Err(corrupt("a segment under another one's name"));
        }
        if let Some(before) = headers.last() {
            let follows = header.number == before.number + 1
                && header.origin == before.origin
                && header.previous_salt == before.salt
                && header.first >= before.first
                && header.previous_end >= DATA_START;
            if !follows {
                return Err(OpenError::Corrupt {
                    sequence: before.first,
                    file,
                    offset: 0,
                    what: "a segment is missing or does not follow the one before",
                });
            }
        }
        headers.push(header);
    }
    Ok(headers)
}

fn create_log(options: &Options) -> Result<Recovered, OpenError> {
    let origin = options.origin.ok_or(OpenError::Missing)?;
    let header = SegmentHeader {
        origin,
        number: 1,
        first: 1,
        previous_end: 0,
        salt: (options.salts)(),
        previous_salt: 0,
        last_recorded_at: 0,
    };
    let active = create_segment(options, header, None)?;
    Ok(Recovered {
        origin,
        segments: vec![active.segment.clone()],
        active: Some(active),
        window: Window::new(options.dedupe_window),
        last: 0,
        last_recorded_at: 0,
    })
}

/// The newest ids and the newest stamp, read back from as many segments as they take. A segment that is
/// shorter than its recorded end is read whatever its age: that finds out what is lost.
fn load_window(
    options: &Options,
    segments: &[Arc<Segment>],
    last: u64,
) -> Result<(Window, Option<i64>), OpenError> {
    let mut window = Window::new(options.dedupe_window);
    let mut stamp = None;
    // At least the last record is looked at: the next stamp must come after its stamp.
    let oldest = (last + 1).saturating_sub(options.dedupe_window.max(1) as u64);
    for segment in segments {
        let file = segment.open(&*options.disk)?;
        if segment.next() <= oldest && file.len()? >= segment.end() {
            continue;
        }
        let mut reader = BlockReader::new(&*file, segment.end(), BLOCK_BYTES);
        let (mut offset, mut next) = (DATA_START, segment.header.first);
        let corrupt =
            |sequence, offset, what| OpenError::Corrupt { sequence, file: segment.name(), offset, what };
        while offset < segment.end() {
            let group = read_group(&mut reader, offset, segment.header.salt)?;
            let Some((header, bytes)) = group.filter(|(header, _)| header.first == next) else {
                return Err(corrupt(next, offset, "a damaged group before the recorded end"));
            };
            let group_end = offset + header.total();
            let sound = walk_group(&header, &bytes, |at, head| {
                segment.note(Mark {
                    sequence: head.sequence,
                    offset: offset + at as u64,
                    group_end: Some(group_end),
                });
                if head.sequence >= oldest {
                    window.push(head.id, head.sequence, head.recorded_at);
                    stamp = Some(head.recorded_at);
                }
            });
            if !sound {
                return Err(corrupt(next, offset, "a group that does not hold what it announces"));
            }
            next += u64::from(header.count);
            offset = group_end;
        }
        if next != segment.next() {
            return Err(corrupt(next, offset, "the next segment does not continue this one"));
        }
    }
    Ok((window, stamp))
}

fn refuse_the_future(options: &Options, last_recorded_at: i64) -> Result<(), OpenError> {
    let ahead_micros = last_recorded_at.saturating_sub(options.clock.now_micros());
    let allowed = i64::try_from(options.max_skew.as_micros()).unwrap_or(i64::MAX);
    if ahead_micros > allowed && !options.accept_future {
        return Err(OpenError::FromTheFuture { ahead_micros });
    }
    Ok(())
}

/// Copies the last group into a new segment when it holds records, and in any case forgets where it was:
/// only what lies before the last group is known to be durable.
fn settle_tail(
    options: &Options,
    segments: &mut Vec<Arc<Segment>>,
    tail: &Tail,
    last_recorded_at: i64,
) -> Result<Option<Active>, OpenError> {
    let old = segments.last().cloned().expect("the newest segment was pushed before");
    shorten(&*options.disk, &old, tail.used);
    if tail.used > tail.end {
        tracing::warn!(
            log.segment = old.name(),
            log.torn_bytes = tail.used - tail.end,
            log.sequence = tail.next,
            "a torn tail was left where it is"
        );
    }
    let Some((offset, header, bytes)) = &tail.last else { return Ok(None) };
    if header.count == 0 {
        old.extend(*offset, header.first);
        return Ok(None);
    }
    let next = SegmentHeader {
        number: old.header.number + 1,
        first: header.first,
        previous_end: *offset,
        salt: (options.salts)(),
        previous_salt: old.header.salt,
        last_recorded_at,
        ..old.header
    };
    let active = create_segment(options, next, Some((*header, bytes)))?;
    old.extend(*offset, header.first);
    segments.push(active.segment.clone());
    Ok(Some(active))
}
