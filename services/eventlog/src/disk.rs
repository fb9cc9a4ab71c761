//! The few file-system operations the log needs, as a trait, so that power cuts are ordinary tests.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// One write of zeros while allocating: large enough to be cheap, small enough to stay in cache.
const ZERO_CHUNK_BYTES: usize = 256 * 1024;

/// A file system. Names become durable with [`sync_dir`](Disk::sync_dir), contents with
/// [`sync_data`](DiskFile::sync_data).
pub trait Disk: Send + Sync {
    /// Makes the folder and its parents, durably.
    ///
    /// # Errors
    /// The file system's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Makes a new, empty file.
    ///
    /// # Errors
    /// `AlreadyExists`, or the file system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file.
    ///
    /// # Errors
    /// `NotFound`, or the file system's.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// The names of the files in a folder, in no order.
    ///
    /// # Errors
    /// The file system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Renames a file.
    ///
    /// # Errors
    /// The file system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; open handles stay usable.
    ///
    /// # Errors
    /// The file system's.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// The file system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file, read and written at offsets.
pub trait DiskFile: Send + Sync {
    /// Fills as much of `into` as the file holds from `offset` on; returns how much.
    ///
    /// # Errors
    /// The file system's.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`, not yet durable.
    ///
    /// # Errors
    /// The file system's; a part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Extends the file from its present length to `to` bytes with zeros, not yet durable. The blocks are
    /// really there afterwards, so later writes below `to` neither grow the file nor run out of room.
    ///
    /// # Errors
    /// The file system's.
    fn allocate(&self, to: u64) -> io::Result<()>;
    /// Makes contents and length durable (`fdatasync`). After a failure the state of unsynced bytes is
    /// unknown: they may read back now and be gone after a power cut.
    ///
    /// # Errors
    /// The file system's.
    fn sync_data(&self) -> io::Result<()>;
    /// The length.
    ///
    /// # Errors
    /// The file system's.
    fn len(&self) -> io::Result<u64>;
    /// Whether the length is 0.
    ///
    /// # Errors
    /// The file system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file to `len` bytes, not yet durable.
    ///
    /// # Errors
    /// The file system's.
    fn truncate(&self, len: u64) -> io::Result<()>;
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir_all(parent)?;
        }
        std::fs::create_dir(dir)?;
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        // Records are personal data until proven otherwise: readable by the hub's user only.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let file = opened.or_else(|error| match error.kind() {
            // An archive may be on a disk that nobody writes to; writing then fails when it is tried.
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => File::open(path),
            _ => Err(error),
        });
        Ok(Box::new(RealFile(file?)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.0.read_at(&mut into[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn allocate(&self, to: u64) -> io::Result<()> {
        let zeros = vec![0; ZERO_CHUNK_BYTES];
        let mut at = self.len()?;
        while at < to {
            let chunk = zeros.len().min(usize::try_from(to - at).unwrap_or(usize::MAX));
            self.0.write_all_at(&zeros[..chunk], at)?;
            at += chunk as u64;
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}
