//! `demo`: a hub with sample data in a temporary folder.

use crate::cli::{Exit, Failure};
use std::path::PathBuf;

/// `demo`'s arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the data in this folder
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
}

/// Runs the demo until it is told to stop.
///
/// # Errors
/// [`Failure`] if it cannot start.
pub async fn run(_args: Args) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::CheckFailed, "demo is not part of this build yet"))
}
