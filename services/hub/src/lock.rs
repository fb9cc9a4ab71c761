//! The data folder's lock: one process at a time. The kernel gives it back when the process ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
};

/// File inside the data folder.
const FILE: &str = "LOCK";
/// A pid and its newline; more is not ours to read.
const PID_MAX: u64 = 16;

/// Held while it lives. Dropping it gives the folder back.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the data folder {folder} is in use by process {pid}")]
    Held {
        /// The folder.
        folder: String,
        /// The process's id; `?` for a moment while it starts.
        pid: String,
    },
    /// The disk said no.
    #[error("cannot lock the data folder {folder}: {error}")]
    Io {
        /// The folder.
        folder: String,
        /// What it said.
        error: io::Error,
    },
}

impl LockError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "folder_locked",
            Self::Io { .. } => "folder_io",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Held { .. } => "stop that process, or set another [hub] data_dir",
            Self::Io { .. } => "check that the folder can be written by this user",
        }
    }
}

impl Lock {
    /// Locks the folder, which is made if it is not there, readable by its owner alone.
    ///
    /// # Errors
    /// [`LockError`]; nothing waits.
    pub fn acquire(data_dir: &Path) -> Result<Self, LockError> {
        let folder = || data_dir.display().to_string();
        let io = |error| LockError::Io { folder: folder(), error };
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(io)?;
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data_dir.join(FILE))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { folder: folder(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(PID_MAX).read_to_string(&mut text);
    let pid = text.trim();
    let is_pid = read.is_ok() && !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit());
    if is_pid { pid.to_owned() } else { "?".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn a_second_holder_is_told_the_first_ones_pid() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let held = Lock::acquire(&folder).unwrap();
        let refused = Lock::acquire(&folder).unwrap_err();
        assert_eq!(refused.code(), "folder_locked");
        let tail = format!("is in use by process {}", std::process::id());
        assert!(refused.to_string().ends_with(&tail), "{refused}");
        drop(held);
        Lock::acquire(&folder).unwrap();
    }

    #[test]
    fn what_is_no_folder_is_an_io_error() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(Lock::acquire(&file).unwrap_err().code(), "folder_io");
    }
}
