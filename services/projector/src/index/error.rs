//! What can go wrong in the index.

use std::io;
use std::path::Path;

/// An error of a [`super::RunIndex`].
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A file holds other bytes than were written: remove the index and rebuild it.
    #[error("index file {file} is damaged in its {region}")]
    Corrupt {
        /// The file's name, without its folder.
        file: String,
        /// The damaged region.
        region: &'static str,
    },
    /// A file has a format number that this build does not read: remove the index and rebuild it.
    #[error("index file {file} has format {found}, which this build does not read")]
    Format {
        /// The file's name, without its folder.
        file: String,
        /// The number found.
        found: u16,
    },
    /// The files were written with another value length: remove the index and rebuild it.
    #[error("index file {file} holds values of {found} bytes")]
    ValueLen {
        /// The file's name, without its folder.
        file: String,
        /// The length found, in bytes.
        found: u16,
    },
    /// The name or the value length given by the caller is not allowed.
    #[error("index settings: {0}")]
    Settings(&'static str),
    /// The operating system refused, such as a full disk. Nothing is lost; try again.
    #[error("index input or output failed")]
    Io(#[from] io::Error),
}

impl IndexError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Io(_))
    }

    /// Whether only [`super::RunIndex::remove_files`] and a rebuild from the log help.
    #[must_use]
    pub fn needs_rebuild(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Format { .. } | Self::ValueLen { .. })
    }

    pub(super) fn corrupt(path: &Path, region: &'static str) -> Self {
        Self::Corrupt { file: file_name(path), region }
    }

    /// A file that ends early or is missing is damage; the rest is the machine's trouble.
    pub(super) fn reading(path: &Path, region: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound => Self::corrupt(path, region),
            _ => Self::Io(error),
        }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
