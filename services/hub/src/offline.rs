//! `verify --offline`: folds the log again and compares with the store, without a running hub.

use crate::{
    cli::{Exit, Failure},
    config::Config,
};

/// Verifies the data folder.
///
/// # Errors
/// [`Failure`] if it cannot be opened.
pub async fn verify(_config: Config) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::CheckFailed, "verify --offline is not part of this build yet"))
}
