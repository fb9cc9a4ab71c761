//! One error per operation. Codes are stable; remedies are sentences for the person at the terminal.

use std::io;
use std::sync::Arc;

use crate::Origin;

/// Why an append was refused. After [`Sealed`](AppendError::Sealed) the records may or may not be in the
/// log: append them again once it was opened again, their ids make that harmless.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// A record is larger than the limit; nothing of the call was written.
    #[error("record {index} of the call needs {bytes} bytes, the limit is {limit}")]
    RecordTooLarge {
        /// Which record of the call.
        index: usize,
        /// Its encoded size.
        bytes: usize,
        /// [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES).
        limit: usize,
    },
    /// More than 65,535 attributes, or a name or value longer than that; nothing was written.
    #[error("record {index} of the call has too many or too long attributes")]
    AttributeTooLong {
        /// Which record of the call.
        index: usize,
    },
    /// A write or sync failed: nothing more is accepted until the log was opened again.
    #[error("the log is sealed: {reason}")]
    Sealed {
        /// What failed.
        reason: Arc<str>,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// Records that were queued before took the place meanwhile; nothing of the call was written.
    #[error("the log goes on at {next}, not at {expected}: what was queued before was written meanwhile")]
    Moved {
        /// Where the first record of the call was to stand.
        expected: u64,
        /// Where it would.
        next: u64,
    },
    /// The log is a copy of another one; only what that one holds comes in.
    #[error("the log is a copy of another one: append there")]
    Copy,
}

impl AppendError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Sealed { .. } | Self::Closed | Self::Moved { .. })
    }
}

/// Why a log could not be opened. Nothing in the folder was changed, except that unfinished files of a
/// crashed start were removed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder holds no log, and no origin was given to create one.
    #[error("there is no log in the folder")]
    Missing,
    /// The folder holds the log of another origin.
    #[error("the log has origin {found}, expected {expected}")]
    WrongOrigin {
        /// The origin in the segments.
        found: Origin,
        /// The origin asked for.
        expected: Origin,
    },
    /// Bytes that were durable once do not read back.
    #[error("corrupt at {sequence}: {what} ({file}, byte {offset})")]
    Corrupt {
        /// The first sequence that cannot be trusted.
        sequence: u64,
        /// The segment's file name.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The oldest segments are gone, and nothing says where they are.
    #[error("the log starts at {start}: the segments before are gone")]
    HeadGone {
        /// The first sequence that is left.
        start: u64,
    },
    /// The log's head is archived, and its archive does not hold it.
    #[error("the head of the log is archived in {folder}, which does not hold it: {what}")]
    ArchiveAway {
        /// Where the log's note says it is.
        folder: String,
        /// What is missing there.
        what: String,
    },
    /// The note that names the archive is damaged.
    #[error("the note that says where the head of the log is archived is damaged")]
    ArchiveNote,
    /// The newest record is stamped later than the clock allows.
    #[error("the newest record is {ahead_micros} microseconds ahead of the clock")]
    FromTheFuture {
        /// How far.
        ahead_micros: i64,
    },
    /// A later release wrote this segment.
    #[error("{file} has format {format}, this release reads up to {}", crate::FORMAT)]
    UnsupportedFormat {
        /// The segment's file name.
        file: String,
        /// Its format number.
        format: u32,
    },
    /// The file system refused.
    #[error("the log's folder could not be used: {0}")]
    Io(#[from] io::Error),
}

impl OpenError {
    /// A stable name for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "log_missing",
            Self::WrongOrigin { .. } => "log_wrong_origin",
            Self::Corrupt { .. } => "log_corrupt",
            Self::HeadGone { .. } => "log_head_gone",
            Self::ArchiveAway { .. } => "log_archive_away",
            Self::ArchiveNote => "log_archive_note",
            Self::FromTheFuture { .. } => "log_from_the_future",
            Self::UnsupportedFormat { .. } => "log_format_unsupported",
            Self::Io(_) => "log_io",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "check the data folder; an empty one needs to be set up as a new log",
            Self::WrongOrigin { .. } => {
                "this folder belongs to another installation: point data_dir at the right one, or restore it from its own backup"
            }
            Self::Corrupt { .. } => {
                "keep the folder as it is, restore the named segment from a backup or from another node's mirror, then start again; the records before the named sequence are intact"
            }
            Self::HeadGone { .. } => {
                "put the missing segments back from a backup or another node's mirror; if `tributary log archive` moved them, \
                 call it again with the same folder, which notes where they are"
            }
            Self::ArchiveAway { .. } => {
                "mount that folder, or put its segments back; if they are in another folder now, call `tributary log archive` \
                 with that one, then start again"
            }
            Self::ArchiveNote => {
                "call `tributary log archive` with the folder of the archive, which writes the note anew"
            }
            Self::FromTheFuture { .. } => {
                "set the machine's clock right; if the clock is right and the log was written with a wrong one, start once with the future accepted"
            }
            Self::UnsupportedFormat { .. } => "start the release that wrote this log, or a later one",
            Self::Io(_) => {
                "check that the folder exists, belongs to this user and that its disk has room; nothing was lost by this refusal"
            }
        }
    }

    /// Whether opening again without changing anything can help.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Io(_) | Self::ArchiveAway { .. })
    }
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The records were trimmed; the first one left is `start`.
    #[error("the log starts at {start}")]
    Trimmed {
        /// The first sequence that can be read.
        start: u64,
    },
    /// Durable bytes do not read back.
    #[error("corrupt at {sequence}: {what} ({file}, byte {offset})")]
    Corrupt {
        /// The first sequence that cannot be read.
        sequence: u64,
        /// The segment's file name.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A segment was there when the log was opened, and is not any more.
    #[error("{}: the segment {file} is gone", if *.archived { "log_archive_away" } else { "log_head_gone" })]
    Gone {
        /// The segment's path.
        file: String,
        /// It is one of the archive's, such as of a disk that is not mounted.
        archived: bool,
    },
    /// The file system refused.
    #[error("the log could not be read: {0}")]
    Io(#[from] io::Error),
}

impl ReadError {
    /// Whether the same read can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Gone { .. })
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { sequence, file, offset, what } => {
                Self::Corrupt { sequence, file, offset, what }
            }
            ReadError::Io(error) => Self::Io(error),
            // Opening reads only what it has just listed, so a trimmed answer means the folder moved.
            ReadError::Trimmed { .. } | ReadError::Gone { .. } => {
                Self::Io(io::Error::other("segments changed while opening"))
            }
        }
    }
}

/// Why a trim failed; the segments it had not reached are still there. Trying again is harmless.
#[derive(Debug, thiserror::Error)]
pub enum TrimError {
    /// The oldest segments are archived: they are not this folder's to remove.
    #[error("the head of the log is archived")]
    Archived,
    /// The file system refused.
    #[error("a segment could not be removed: {0}")]
    Io(#[from] io::Error),
}

impl TrimError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}
