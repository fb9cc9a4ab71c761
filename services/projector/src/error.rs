//! What can go wrong when the projector starts and while it runs.

use crate::{
    index::IndexError,
    store::{StoreError, generation::GenerationError},
};
use tributary_core::codec::BadRow;
use tributary_eventlog::ReadError;

/// Why the projector does not start. Each has a code and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log starts later than the store needs.
    #[error("the log starts at {start}, but records from {needed} on have not been folded")]
    LogHeadGone {
        /// First record the log still has.
        start: u64,
        /// First record that is needed.
        needed: u64,
    },
    /// The store knows records that the log does not have.
    #[error("the store has folded up to {store}, but the log ends at {log}")]
    LogEndsBeforeStore {
        /// The store's position.
        store: u64,
        /// The log's end.
        log: u64,
    },
    /// The store was folded from another log.
    #[error("the store was folded from origin {store:08x}, the log is of origin {log:08x}")]
    UnknownOrigin {
        /// The store's origin.
        store: u32,
        /// The log's origin.
        log: u32,
    },
    /// The store's folder is not usable.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// Anything else.
    #[error(transparent)]
    Run(#[from] ProjectorError),
}

impl StartError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LogHeadGone { .. } => "log_head_gone",
            Self::LogEndsBeforeStore { .. } => "log_ends_before_store",
            Self::UnknownOrigin { .. } => "log_unknown_origin",
            Self::Generation(_) => "store_folder",
            Self::Run(_) => "store_unusable",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::LogHeadGone { .. } => {
                "restore the missing segments from a backup or archive; views cannot be folded without them"
            }
            Self::LogEndsBeforeStore { .. } => {
                "restore the newest segments; if they are lost for good, move the store's folder aside: it is \
                 folded again from what the log has"
            }
            Self::UnknownOrigin { .. } => {
                "log and store do not belong together: check data_dir, or move the store's folder aside to fold again"
            }
            Self::Generation(_) => {
                "check the store's folder; if it is damaged, move it aside: it is folded again"
            }
            Self::Run(_) => "see the message; the store can be moved aside at any time, it is folded again",
        }
    }
}

/// Why a batch could not be folded or committed.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fact or event index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A row is damaged.
    #[error("a row of the store is damaged")]
    BadRow(#[from] BadRow),
    /// Files beside the store.
    #[error("files beside the store: {0}")]
    Io(#[from] std::io::Error),
    /// What a restart needs is not there.
    #[error("the store cannot be resumed: {0}")]
    Unresumable(&'static str),
    /// The fold panicked.
    #[error("the fold panicked")]
    Panicked,
}

impl ProjectorError {
    /// Whether the store must be folded again from the log.
    #[must_use]
    pub fn needs_rebuild(&self) -> bool {
        match self {
            Self::Store(e) => e.needs_rebuild(),
            Self::Index(e) => e.needs_rebuild(),
            Self::BadRow(_) | Self::Unresumable(_) => true,
            Self::Log(_) | Self::Io(_) | Self::Panicked => false,
        }
    }
}
