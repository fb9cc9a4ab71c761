//! Why nothing was archived.

use std::io;
use std::path::PathBuf;

use crate::OpenError;

/// Why segments were not archived. The log opens as before, or with what was noted already; the same call goes on.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The folder cannot stand in a note.
    #[error("{} cannot be noted as an archive: it must be a whole path of readable characters in one line", .0.display())]
    Folder(PathBuf),
    /// The head is in another folder.
    #[error("the head of the log is in {}, and {} does not hold all of it: {what}", .noted.display(), .folder.display())]
    Elsewhere {
        /// Where the note says it is.
        noted: PathBuf,
        /// The folder that was named now.
        folder: PathBuf,
        /// What is missing there.
        what: String,
    },
    /// A file of the same name with other contents.
    #[error("{} is there already and holds something else", .0.display())]
    Differs(PathBuf),
    /// What was written does not read back.
    #[error("{} does not read back as it was written", .0.display())]
    Unreadable(PathBuf),
    /// The log itself is not as it should be.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The file system refused.
    #[error("{}: {error}", .path.display())]
    Io {
        /// What was used.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl ArchiveError {
    /// A stable name for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folder(_) => "log_archive_folder",
            Self::Elsewhere { .. } => "log_archive_elsewhere",
            Self::Differs(_) => "log_archive_differs",
            Self::Unreadable(_) => "log_archive_unreadable",
            Self::Log(error) => error.code(),
            Self::Io { .. } => "log_archive_io",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Folder(_) => "name another folder",
            Self::Elsewhere { .. } => {
                "name the folder that was used before; or copy all it holds for this log to the new one first, then call \
                 this again: the log then reads from there"
            }
            Self::Differs(_) => {
                "this folder holds the archive of another log under the same name, or damaged files: name another folder, \
                 or move the named file aside"
            }
            Self::Unreadable(_) => "check that disk; the log still has the segment",
            Self::Log(error) => error.remedy(),
            Self::Io { .. } => {
                "check that the folder can be written and that its disk has room; nothing left the log that is not there"
            }
        }
    }
}
