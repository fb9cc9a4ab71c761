//! `serve`: the hub itself.

use crate::{
    cli::{Exit, Failure},
    config::Config,
};

/// Runs the hub until it is told to stop.
///
/// # Errors
/// [`Failure`] if it cannot start.
pub async fn run(_config: Config) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::CheckFailed, "serve is not part of this build yet"))
}
