//! The temporary folder of a run: its user's alone, removed however the run ends short of kill -9.

use std::{
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// Tries to remove the folder while threads that are about to end still write into it.
const REMOVE_TRIES: u32 = 20;
/// Pause between those tries.
const REMOVE_PAUSE: Duration = Duration::from_millis(50);
/// `st_blocks` counts in these, whatever the file system.
const BLOCK_BYTES: u64 = 512;

pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn new(parent: &Path) -> io::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
        let path = parent.join(format!("tributary-bench-{:016x}", u64::from_be_bytes(bytes)));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn remove(&self) {
        for _ in 0..REMOVE_TRIES {
            match std::fs::remove_dir_all(&self.0) {
                Ok(()) => return,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                Err(_) => std::thread::sleep(REMOVE_PAUSE),
            }
        }
        eprintln!("could not remove {}", self.0.display());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Bytes that a folder takes on the disk; files that go away meanwhile are not counted.
pub(crate) fn bytes_on_disk(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let counted = entry.metadata().and_then(|meta| {
            if meta.is_dir() { bytes_on_disk(&entry.path()) } else { Ok(meta.blocks() * BLOCK_BYTES) }
        });
        match counted {
            Ok(counted) => bytes += counted,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}
