//! `log`: the whole log, moved between engines and disks. These commands open data folders themselves, so no hub may serve them.

mod archive;
mod copy;

use super::{Exit, Failure, args::Global};
use crate::output::Format;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::Write, path::PathBuf};
use tributary_eventlog::Origin;

/// `log`.
#[derive(Debug, Subcommand)]
pub enum Log {
    /// Copy all logs from one engine to another, and compare both
    Copy(Copy),
    /// Move the oldest segments to another disk; the log goes on reading them there
    Archive(Archive),
}

/// `log copy`.
#[derive(Debug, Args)]
#[command(
    after_help = "WHERE is a data folder that no hub serves, or a configuration file (.toml) whose [log] engine is a broker.\n\
                        What is there already is compared and stays. It may be stopped at any time: called again, it goes on. \
                        Exit code 1: the two sides differ, or something does not fit; 3: the broker cannot be reached, or \
                        refuses.\n\nExamples:\n  \
                        tributary log copy --from tributary-data --to kafka.toml\n  \
                        tributary log copy --from nats.toml --to new-data --as 0a0b0c0d --key keys/index.key\n  \
                        tributary log copy --from nats.toml --to kafka.toml --via between\n  \
                        tributary log copy --from tributary-data --to /mnt/other/tributary-data"
)]
pub struct Copy {
    /// Where the logs are
    #[arg(long, value_name = "WHERE")]
    pub from: PathBuf,
    /// Where they go
    #[arg(long, value_name = "WHERE")]
    pub to: PathBuf,
    /// Make this log the filled folder's own, as that of a lost node: the node that wrote it must never run again
    #[arg(long = "as", value_name = "ORIGIN", value_parser = origin)]
    pub own: Option<Origin>,
    /// Folder between two brokers
    #[arg(long, value_name = "DIR")]
    pub via: Option<PathBuf>,
    /// Index key for the folder that is filled from a broker
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// `log archive`.
#[derive(Debug, Args)]
#[command(
    after_help = "Whole segments move, the oldest first, each copied, synced and compared before it is removed. The log opens \
                        only while the folder is there. It may be stopped at any time: called again, it goes on. An archive \
                        that was moved is noted anew by naming its new folder.\n\nExamples:\n  \
                        tributary log archive --before 365d --to /mnt/archive/acme --dry-run\n  \
                        tributary log archive --before 2026-01-01 --to /mnt/archive/acme\n  \
                        tributary log archive --keep-segments 100 --to /mnt/archive/acme --all-origins"
)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["before", "keep_segments"])))]
pub struct Archive {
    /// Move segments whose records are all older: 365d, a day, or a time
    #[arg(long, value_name = "WHEN")]
    pub before: Option<String>,
    /// Let so many of the newest segments stay, and move the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_segments: Option<u64>,
    /// Folder on the other disk; each log gets a folder of its own in it
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Also the copies of other nodes' logs
    #[arg(long)]
    pub all_origins: bool,
    /// Only tell what would move
    #[arg(long)]
    pub dry_run: bool,
}

fn origin(text: &str) -> Result<Origin, String> {
    crate::carry::origin_of(text).ok_or_else(|| "must be eight hex digits, such as 0a0b0c0d".to_owned())
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], not printed yet.
pub async fn run(command: &Log, global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        Log::Copy(args) => copy::run(args, global, out).await,
        Log::Archive(args) => archive::run(args, global, out),
    }
}

/// On a terminal only, which the bar itself looks for; other formats are for programs.
fn bar(format: Format) -> ProgressBar {
    if format != Format::Table {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}") {
        bar.set_style(style);
    }
    bar
}
