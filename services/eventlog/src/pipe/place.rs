//! How far a mirror has read a pipe, or a forwarder has filled it. Kept in a small file. An older place costs time only; without
//! any, a mirror reads everything again and a forwarder sends everything again.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::PipeError;

/// A stream as the broker tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Tells the stream from a later one under the same name: when it was made.
    pub stream: String,
    /// Of each partition the oldest and the newest message; the newest is one less where there is none.
    pub held: BTreeMap<u32, (u64, u64)>,
}

/// Up to which message of each partition everything was copied, or which one was written last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// As in [`State`].
    pub stream: String,
    /// The newest message of each partition that is done.
    pub read: BTreeMap<u32, u64>,
    /// The newest record of the own log that is in the pipe; 0 for a reader.
    pub sent: u64,
}

const FIRST_LINE: &str = "tributary pipe place 1";

impl Place {
    /// Reads the file; `None` if there is none, or none that can be read: the pipe is then read from its beginning.
    ///
    /// # Errors
    /// The file system's.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return None;
        }
        let stream = lines.next()?.to_owned();
        let mut place = Self { stream, sent: lines.next()?.parse().ok()?, ..Self::default() };
        for line in lines {
            let (partition, number) = line.split_once(' ')?;
            place.read.insert(partition.parse().ok()?, number.parse().ok()?);
        }
        Some(place)
    }

    /// Whether the stream is the one that was read, and still holds all that comes after this place.
    ///
    /// # Errors
    /// `Recreated`, `Older`, `HeadGone` or `Partitions`.
    pub fn check(&self, state: &State) -> Result<(), PipeError> {
        if self.read.is_empty() && self.stream.is_empty() {
            let gone = state.held.values().find(|(first, _)| *first > 1);
            return gone.map_or(Ok(()), |(first, _)| Err(PipeError::HeadGone { first: *first, missing: 1 }));
        }
        if self.stream != state.stream {
            return Err(PipeError::Recreated);
        }
        let count = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
        if self.read.keys().any(|partition| !state.held.contains_key(partition)) {
            let (found, expected) = (count(state.held.len()), count(self.read.len()));
            return Err(PipeError::Partitions { found, expected });
        }
        // Partitions of which nothing was read yet, too.
        for (partition, (first, end)) in &state.held {
            let read = self.read.get(partition).copied().unwrap_or(0);
            if *end < read {
                return Err(PipeError::Older { end: *end, read });
            }
            if *first > read.saturating_add(1) {
                return Err(PipeError::HeadGone { first: *first, missing: read + 1 });
            }
        }
        Ok(())
    }

    /// Writes it in one piece, durably: a file that a power cut left empty would be none. Blocks.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = format!("{FIRST_LINE}\n{}\n{}\n", self.stream, self.sent);
        for (partition, number) in &self.read {
            text.push_str(&format!("{partition} {number}\n"));
        }
        let unfinished = path.with_extension("new");
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&unfinished, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// The file of a place, which is written by one at a time.
pub(super) struct PlaceFile {
    path: PathBuf,
    writing: Mutex<()>,
}

impl PlaceFile {
    pub fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, writing: Mutex::default() })
    }

    pub fn read(&self) -> io::Result<Option<Place>> {
        Place::read(&self.path)
    }

    /// Blocks. What cannot be written is told only: the older place is as good.
    pub fn write(&self, place: &Place) {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = place.write(&self.path) {
            let file = self.path.display();
            tracing::warn!(%error, %file, "a place is not noted; a restart sends or reads more of it again");
        }
    }

    /// Writes it where waiting disturbs nobody.
    pub async fn write_aside(self: &Arc<Self>, place: &Place) {
        let (file, place) = (Arc::clone(self), place.clone());
        if tokio::task::spawn_blocking(move || file.write(&place)).await.is_err() {
            tracing::error!("noting a place panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_half_of_one_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("place");
        assert_eq!(Place::read(&path).expect("no file"), None);
        let read = [(0, 17), (5, u64::MAX)].into();
        let place = Place { stream: "2026-03-01T00:00:00Z".into(), read, sent: 9 };
        place.write(&path).expect("written");
        assert_eq!(Place::read(&path).expect("a file"), Some(place));
        for text in [
            "",
            "x",
            "tributary pipe place 1",
            "tributary pipe place 1\ns\nx",
            "tributary pipe place 1\ns\n0\n0 x",
        ] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
        fs::write(&path, [0xff, 0xfe]).expect("written");
        assert_eq!(Place::read(&path).expect("a file"), None);
    }

    #[test]
    fn a_stream_that_lost_something_is_told_from_one_that_grew() {
        let place = Place { stream: "a".into(), read: [(0, 17)].into(), sent: 0 };
        let state =
            |stream: &str, first, end| State { stream: stream.into(), held: [(0, (first, end))].into() };
        assert_eq!(place.check(&state("a", 1, 17)), Ok(()));
        assert_eq!(place.check(&state("a", 18, 40)), Ok(()), "what was read may go");
        assert_eq!(place.check(&state("b", 1, 40)), Err(PipeError::Recreated));
        assert_eq!(place.check(&state("a", 1, 16)), Err(PipeError::Older { end: 16, read: 17 }));
        assert_eq!(place.check(&state("a", 19, 40)), Err(PipeError::HeadGone { first: 19, missing: 18 }));
        let none = State { stream: "a".into(), held: BTreeMap::new() };
        assert_eq!(place.check(&none), Err(PipeError::Partitions { found: 0, expected: 1 }));
        let two = |first| State { stream: "a".into(), held: [(0, (1, 20)), (1, (first, 9))].into() };
        assert_eq!(place.check(&two(1)), Ok(()));
        let gone = Err(PipeError::HeadGone { first: 2, missing: 1 });
        assert_eq!(place.check(&two(2)), gone, "nothing of that one was read yet");
        assert_eq!(Place::default().check(&state("a", 1, 40)), Ok(()));
        let gone = Place::default().check(&state("a", 2, 40));
        assert_eq!(gone, Err(PipeError::HeadGone { first: 2, missing: 1 }), "a new reader needs all of it");
    }
}
