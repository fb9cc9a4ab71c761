//! What can go wrong in a view store.

use std::io;

/// An error of a [`super::ViewStore`]. No variant carries a key or a value.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The files are there but cannot be opened: move them aside and rebuild.
    #[error("store cannot be opened: {reason}")]
    Unopenable {
        /// What the engine said, without row contents.
        reason: String,
    },
    /// Another handle or process holds the store.
    #[error("store is held by another process")]
    Locked,
    /// The operating system refused, such as a full disk.
    #[error("store input or output failed")]
    Io(#[from] io::Error),
    /// The store turned out to be damaged while in use: move it aside and rebuild.
    #[error("store is damaged: {reason}")]
    Damaged {
        /// What the engine said, without row contents.
        reason: String,
    },
    /// An earlier write through this handle failed: memory may be ahead of the disk, so reopen.
    #[error("store failed earlier and must be reopened")]
    Failed,
    /// Rows can only be loaded into an empty store, and only before all of them are there.
    #[error("rows can be loaded into an empty store only")]
    NotEmpty,
    /// Of loaded rows a key came twice, or rows of one portion lie among those of another.
    #[error("rows were loaded twice or out of their order")]
    Unordered,
    /// A test asked for this failure.
    #[error("failure injected by a test")]
    Injected,
}

impl StoreError {
    /// Whether the same call may succeed later. For sled, reopen the store first.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unopenable { .. } | Self::Damaged { .. } | Self::NotEmpty | Self::Unordered => false,
            Self::Locked | Self::Failed | Self::Injected => true,
            Self::Io(error) => !matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::Unsupported
            ),
        }
    }

    /// Whether only a rebuild from the log helps.
    #[must_use]
    pub fn needs_rebuild(&self) -> bool {
        matches!(self, Self::Unopenable { .. } | Self::Damaged { .. })
    }
}

/// Maps an error met while opening: what looks like damage becomes [`StoreError::Unopenable`].
pub(super) fn while_opening(error: sled::Error) -> StoreError {
    match damage(error) {
        Ok(reason) => StoreError::Unopenable { reason },
        Err(error) if is_lock(&error) => StoreError::Locked,
        // Of an existing store, these say that its files are cut short or missing; the rest, such as a full
        // disk or a forbidden folder, is the machine's trouble and moving the store aside would not help.
        Err(error) if is_damaged_file(&error) => {
            StoreError::Unopenable { reason: format!("file error: {}", error.kind()) }
        }
        Err(error) => StoreError::Io(error),
    }
}

/// Maps an error met while in use.
pub(super) fn while_in_use(error: sled::Error) -> StoreError {
    match damage(error) {
        Ok(reason) => StoreError::Damaged { reason },
        Err(error) if is_damaged_file(&error) => {
            StoreError::Damaged { reason: format!("file error: {}", error.kind()) }
        }
        Err(error) => StoreError::Io(error),
    }
}

/// The reason when it is damage, the I/O error otherwise.
fn damage(error: sled::Error) -> Result<String, io::Error> {
    match error {
        sled::Error::Io(error) => Err(error),
        sled::Error::Corruption { at, .. } => Ok(format!("corrupt at {at:?}")),
        sled::Error::Unsupported(why) => Ok(format!("unsupported: {why}")),
        // The texts of these two may quote rows.
        sled::Error::ReportableBug(_) => Ok("internal error of the engine".to_owned()),
        sled::Error::CollectionNotFound(_) => Ok("a tree is missing".to_owned()),
    }
}

/// sled reports a held lock only by its text.
fn is_lock(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.to_string().contains("could not acquire lock")
}

fn is_damaged_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotFound
            | io::ErrorKind::Other
    )
}
