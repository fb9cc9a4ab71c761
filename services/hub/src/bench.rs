//! `bench`: what this machine can do.

use crate::cli::{Exit, Failure, args::Global};

/// `bench`'s arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the measurements.
///
/// # Errors
/// [`Failure`] if they cannot run.
pub async fn run(_args: Args, _global: &Global) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::CheckFailed, "bench is not part of this build yet"))
}
