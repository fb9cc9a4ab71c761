//! When somebody was asked about last: a file a channel, `profiles/CHANNEL` in the data folder, of entries of 20 bytes (16 of a
//! hash of the person's id, then seconds since 1970, big-endian). Only the last week counts and is kept.

use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Seconds that nobody is asked about again.
const WEEK: u32 = 7 * 24 * 3600;
const ENTRY: usize = 20;

/// When people of one channel were asked about.
pub(super) struct Asked {
    last: HashMap<[u8; 16], u32>,
    path: PathBuf,
    file: Option<File>,
    complained: bool,
}

impl Asked {
    /// Reads the file, as of `now` in seconds; whatever is older than a week is left out of the new one.
    pub fn open(path: PathBuf, now: u32) -> Self {
        let mut last = HashMap::new();
        for entry in fs::read(&path).unwrap_or_default().chunks_exact(ENTRY) {
            if let (Some(hash), Some(at)) = (entry.first_chunk(), entry.last_chunk()) {
                last.insert(*hash, u32::from_be_bytes(*at));
            }
        }
        let mut asked = Self { last, path, file: None, complained: false };
        asked.compact(now);
        asked
    }

    /// Whether this person was asked about in the week before `now`.
    pub fn recently(&self, user: &str, now: u32) -> bool {
        self.last.get(&hash(user)).is_some_and(|at| now < at.saturating_add(WEEK))
    }

    /// This person was asked about now.
    pub fn note(&mut self, user: &str, now: u32) {
        let hash = hash(user);
        self.last.insert(hash, now);
        let entry = [hash.as_slice(), &now.to_be_bytes()].concat();
        let written = match &mut self.file {
            Some(file) => file.write_all(&entry),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        self.complain(written);
    }

    /// Forgets what is older than a week, in memory and on disk.
    pub fn compact(&mut self, now: u32) {
        self.last.retain(|_, at| now < at.saturating_add(WEEK));
        self.last.shrink_to_fit();
        let (file, result) = match self.rewrite() {
            Ok(file) => (Some(file), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Without the new file the old one is still good to append to.
        self.file = file.or(self.file.take()).or_else(|| append(&self.path).ok());
        self.complain(result);
    }

    fn rewrite(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension("new");
        let mut bytes = Vec::with_capacity(self.last.len() * ENTRY);
        for (hash, at) in &self.last {
            bytes.extend_from_slice(hash);
            bytes.extend_from_slice(&at.to_be_bytes());
        }
        fs::write(&new, bytes)?;
        fs::rename(&new, &self.path)?;
        append(&self.path)
    }

    fn complain(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => self.complained = false,
            Err(error) if !std::mem::replace(&mut self.complained, true) => {
                tracing::error!(error = %error, "who was asked about cannot be stored; a restart may ask again");
            }
            Err(_) => {}
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

fn hash(user: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(user.as_bytes()).into();
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}

#[cfg(test)]
mod tests {
    use super::{Asked, ENTRY, WEEK};

    #[test]
    fn a_week_is_kept_over_restarts_and_a_torn_end_costs_one_entry() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("profiles/line-main");
        let mut asked = Asked::open(path.clone(), 1_000);
        asked.note("U1", 1_000);
        asked.note("U2", 2_000);
        assert!(asked.recently("U1", 1_000 + WEEK - 1) && !asked.recently("U1", 1_000 + WEEK));
        drop(asked);
        let mut bytes = std::fs::read(&path).expect("a file");
        assert_eq!(bytes.len(), 2 * ENTRY);
        assert!(!bytes.windows(2).any(|w| w == b"U1"));
        bytes.truncate(2 * ENTRY - 3);
        std::fs::write(&path, bytes).expect("torn");
        let asked = Asked::open(path.clone(), 3_000);
        assert!(asked.recently("U1", 3_000) && !asked.recently("U2", 3_000));
        drop(asked);
        drop(Asked::open(path.clone(), 1_000 + WEEK));
        assert_eq!(std::fs::read(&path).expect("a file").len(), 0, "a week later nothing is left");
    }
}
