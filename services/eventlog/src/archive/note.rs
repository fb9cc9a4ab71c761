//! The note in a log's folder that names where the head of the log is kept. It is written before anything is removed, so a head
//! that is gone without one was lost.
//!
//! ```text
//! tributary log archive 1
//! origin 0a0b0c0d
//! upto 12 65535                     the last archived segment's number, and its last sequence
//! folder /mnt/archive/0a0b0c0d      to the end of the line
//! crc32c 1a2b3c4d                   of all bytes before this line
//! ```

use std::io;
use std::path::{Path, PathBuf};

use crate::{Disk, OpenError, Origin};

/// The file's name in the log's folder.
pub(crate) const FILE: &str = "archive";
const UNFINISHED: &str = "archive.new";
const TITLE: &str = "tributary log archive ";
/// The newest format this release reads and the one it writes.
const FORMAT: u32 = 1;
/// No path is longer on any system.
const BYTES_MAX: usize = 8 * 1024;

/// Where the head of a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub origin: Origin,
    /// The last archived segment.
    pub number: u64,
    /// Its last sequence.
    pub upto: u64,
    /// The folder of the archived segments.
    pub folder: PathBuf,
}

/// Why a note says nothing.
pub(crate) enum BadNote {
    Damaged,
    Later(u32),
}

impl Note {
    pub fn encode(&self) -> Vec<u8> {
        let Self { origin, number, upto, folder } = self;
        let mut text = format!("{TITLE}{FORMAT}\norigin {origin}\nupto {number} {upto}\n");
        text.push_str(&format!("folder {}\n", folder.display()));
        text.push_str(&format!("crc32c {:08x}\n", crc32c::crc32c(text.as_bytes())));
        text.into_bytes()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, BadNote> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadNote::Damaged)?;
        let title = text.lines().next().and_then(|line| line.strip_prefix(TITLE));
        match title.and_then(|format| format.parse().ok()) {
            Some(FORMAT) => Self::parse(text).ok_or(BadNote::Damaged),
            Some(later) if later > FORMAT => Err(BadNote::Later(later)),
            _ => Err(BadNote::Damaged),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let at = text.rfind("crc32c ")?;
        let (body, crc) = text.split_at(at);
        let crc = crc.strip_prefix("crc32c ")?.strip_suffix('\n')?;
        if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(body.as_bytes()) {
            return None;
        }
        let mut lines = body.lines().skip(1);
        let origin = lines.next()?.strip_prefix("origin ")?;
        let (number, upto) = lines.next()?.strip_prefix("upto ")?.split_once(' ')?;
        let folder = lines.next()?.strip_prefix("folder ")?;
        Some(Self {
            origin: Origin(u32::from_str_radix(origin, 16).ok()?),
            number: number.parse().ok()?,
            upto: upto.parse().ok()?,
            folder: PathBuf::from(folder),
        })
    }

    /// The note of the log in `dir`, where it has one.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, OpenError> {
        let file = match disk.open(&dir.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = vec![0; BYTES_MAX];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Self::decode(&bytes).map(Some).map_err(|bad| match bad {
            BadNote::Later(format) => OpenError::UnsupportedFormat { file: FILE.to_owned(), format },
            BadNote::Damaged => OpenError::ArchiveNote,
        })
    }

    /// Puts the note into the log's folder, durably and in one piece.
    pub fn write(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let unfinished = dir.join(UNFINISHED);
        super::remove_if_there(disk, &unfinished)?;
        let file = disk.create(&unfinished)?;
        file.write_at(0, &self.encode())?;
        file.sync_data()?;
        drop(file);
        disk.rename(&unfinished, &dir.join(FILE))?;
        disk.sync_dir(dir)
    }
}

/// Whether a path can stand in a note.
pub(crate) fn can_be_noted(folder: &Path) -> bool {
    folder.is_absolute()
        && folder.to_str().is_some_and(|text| text.len() <= BYTES_MAX / 2 && !text.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_note_or_a_changed_one_is_none() {
        let note = Note { origin: Origin(7), number: 3, upto: 99, folder: "/a/crc32c b/陳".into() };
        let bytes = note.encode();
        assert!(Note::decode(&bytes).is_ok_and(|read| read == note));
        for length in 0..bytes.len() {
            assert!(matches!(Note::decode(&bytes[..length]), Err(BadNote::Damaged)), "{length}");
        }
        for at in TITLE.len() + 1..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 2;
            assert!(Note::decode(&changed).is_err(), "{at}");
        }
        assert!(matches!(Note::decode(b"tributary log archive 2\nx"), Err(BadNote::Later(2))));
        assert!(!can_be_noted(Path::new("relative")) && !can_be_noted(Path::new("/a\nb")));
    }
}
