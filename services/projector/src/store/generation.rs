//! Generations: each complete store is a folder `gen-<number>`, and the file `CURRENT` names the live one. A
//! rebuild fills the next folder and swaps the pointer. Absent: comparing generations, opening what is in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{sync_dir, write_replacing};

const POINTER: &str = "CURRENT";
const PREFIX: &str = "gen-";

/// What can go wrong with generations.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The operating system refused.
    #[error("generation folder: input or output failed")]
    Io(#[from] io::Error),
    /// The pointer file holds something else than a generation's name.
    #[error("the pointer file CURRENT names no generation; remove it to rebuild from the log")]
    BadPointer,
    /// The pointer file names a folder that is not there.
    #[error(
        "the pointer file CURRENT names gen-{0}, which is missing; restore the folder, or remove CURRENT to rebuild from the log"
    )]
    MissingLive(u64),
    /// A swap to a generation that has no folder.
    #[error("gen-{0} has no folder, so it cannot become the live one")]
    MissingNext(u64),
    /// No number is left.
    #[error("generation numbers are used up")]
    Exhausted,
}

impl GenerationError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// The generations under one folder. One process at a time may change them.
#[derive(Clone, Debug)]
pub struct Generations {
    root: PathBuf,
}

impl Generations {
    /// The generations under `root`, which is created when missing.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn open(root: &Path) -> Result<Self, GenerationError> {
        fs::create_dir_all(root)?;
        Ok(Self { root: root.to_owned() })
    }

    /// The folder of a generation, existing or not.
    #[must_use]
    pub fn path(&self, number: u64) -> PathBuf {
        self.root.join(format!("{PREFIX}{number}"))
    }

    /// The live generation; `None` before the first swap.
    ///
    /// # Errors
    /// [`GenerationError::BadPointer`] or [`GenerationError::MissingLive`] when the pointer cannot be followed.
    pub fn live(&self) -> Result<Option<u64>, GenerationError> {
        let content = match fs::read(self.root.join(POINTER)) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = std::str::from_utf8(&content).map_err(|_| GenerationError::BadPointer)?;
        let name = text.strip_suffix('\n').unwrap_or(text);
        let number = number_of(name).ok_or(GenerationError::BadPointer)?;
        if self.path(number).is_dir() { Ok(Some(number)) } else { Err(GenerationError::MissingLive(number)) }
    }

    /// The numbers of all generations with a folder, in order. Other names are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<u64>, GenerationError> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(number_of);
            if let (Some(number), true) = (number, entry.file_type()?.is_dir()) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Makes the folder of a new generation, above every number in use and above the live one.
    ///
    /// # Errors
    /// When the folder cannot be made. A pointer that cannot be followed is no obstacle: this is the way out.
    pub fn create_next(&self) -> Result<u64, GenerationError> {
        let greatest = self.list()?.last().copied().unwrap_or(0);
        let pointed = match self.live() {
            Ok(number) => number.unwrap_or(0),
            Err(GenerationError::MissingLive(number)) => number,
            Err(GenerationError::BadPointer) => 0,
            Err(error) => return Err(error),
        };
        let number = greatest.max(pointed).checked_add(1).ok_or(GenerationError::Exhausted)?;
        fs::create_dir(self.path(number))?;
        sync_dir(&self.root)?;
        Ok(number)
    }

    /// Makes `number` the live generation, atomically and durably. Flush its store first.
    ///
    /// # Errors
    /// [`GenerationError::MissingNext`] when it has no folder; the old pointer stays on every error.
    pub fn swap(&self, number: u64) -> Result<(), GenerationError> {
        if !self.path(number).is_dir() {
            return Err(GenerationError::MissingNext(number));
        }
        Ok(write_replacing(&self.root, POINTER, &[format!("{PREFIX}{number}\n").as_bytes()])?)
    }

    /// Removes every generation but the live one and the one that is being built, and returns their numbers.
    /// Without a pointer nothing is stale.
    ///
    /// # Errors
    /// As [`Generations::live`]; folders removed before the error stay removed.
    pub fn remove_stale(&self, building: Option<u64>) -> Result<Vec<u64>, GenerationError> {
        let Some(live) = self.live()? else { return Ok(Vec::new()) };
        let mut removed = self.list()?;
        removed.retain(|number| *number != live && Some(*number) != building);
        for number in &removed {
            fs::remove_dir_all(self.path(*number))?;
        }
        sync_dir(&self.root)?;
        Ok(removed)
    }
}

/// The number in a folder's name. Only the one spelling that [`Generations::path`] writes counts.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}
