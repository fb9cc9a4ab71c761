//! `log copy`: all records of a hub, under their positions and stamps, from one engine to another. Every step finds out what is
//! there already, so it may be stopped anywhere and called again.
//!
//! Absent on purpose: views, cursors of jobs and what else a data folder holds beside its logs. The logs make all of that anew.

pub mod brokers;
mod compare;
mod digest;
mod fill;
mod folder;
mod in_order;
mod send;
mod side;
mod sweep;

pub use digest::Digest;
pub use folder::{DataFolder, logs_in, origin_of, refuse_unfinished};
pub use side::{Side, whole};

use crate::cli::{Exit, Failure};
use serde_json::{Value as Json, json};
use std::{path::PathBuf, sync::Arc};
use sweep::Stream;
use tributary_eventlog::{Origin, Salts};

/// Is told what is being done, how much of it is done, and of how much.
pub type Tell<'a> = &'a (dyn Fn(&'static str, u64, u64) + Send + Sync);

/// What is wanted beside from where and to where.
#[derive(Default)]
pub struct Wishes {
    /// The origin that is the own log of the folder that is filled.
    pub own: Option<Origin>,
    /// The folder in between two brokers.
    pub via: Option<PathBuf>,
    /// The index key for the folder that is filled.
    pub key: Option<PathBuf>,
}

/// As what the target keeps a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The folder's own log.
    Own,
    /// Another node's log.
    Copy,
    /// Part of a broker's stream.
    Stream,
}

/// What became of one log.
pub struct Row {
    /// Whose log it is.
    pub origin: Origin,
    /// As what the target keeps it.
    pub kept: Kept,
    /// Records that were new there.
    pub copied: u64,
    /// What the source holds.
    pub from: Digest,
    /// What the target holds of that.
    pub to: Digest,
}

impl Row {
    /// Whether both sides hold the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.from.hex() == self.to.hex()
    }
}

/// What a copy came to.
pub struct Done {
    /// By log.
    pub rows: Vec<Row>,
    /// What people should know.
    pub notes: Vec<String>,
}

impl Done {
    /// Whether both sides hold the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.rows.iter().all(Row::is_equal)
    }

    /// As it is printed.
    #[must_use]
    pub fn json(&self) -> Json {
        let row = |row: &Row| {
            let kept = match row.kept {
                Kept::Own => "own log",
                Kept::Copy => "copy",
                Kept::Stream => "stream",
            };
            json!({
                "origin": row.origin.to_string(), "kept_as": kept, "records": row.from.records,
                "records_there": row.to.records, "copied": row.copied, "digest": row.from.hex(),
                "digest_there": row.to.hex(), "equal": row.is_equal(),
            })
        };
        let rows: Vec<Json> = self.rows.iter().map(row).collect();
        json!({"equal": self.is_equal(), "logs": rows, "notes": self.notes})
    }
}

/// Copies all logs from one side to the other and compares both.
///
/// # Errors
/// [`Failure`] with a code and a remedy; a later call goes on.
pub async fn copy(from: Side, to: Side, wishes: &Wishes, tell: Tell<'_>) -> Result<Done, Failure> {
    side::check(&from, &to, wishes)?;
    match (from, to) {
        (Side::Folder(from), Side::Folder(to)) => {
            let source = DataFolder::source(&from)?;
            let mut target = DataFolder::target(&to, &source.owner.name, wishes.own)?;
            let mut done = fill::from_folder(&source, &mut target, wishes.own, tell).await?;
            advise(&mut done, &target, wishes.own.is_some());
            Ok(done)
        }
        (Side::Folder(from), Side::Broker(to)) => {
            let source = DataFolder::source(&from)?;
            to.must_be_of(&source.owner.name)?;
            send::to_stream(&source, &to.stream()?, tell).await
        }
        (Side::Broker(from), Side::Folder(to)) => {
            let name = &from.config.hub.name;
            let (mut done, target) = from_broker(&from.stream()?, name, to, wishes, tell).await?;
            advise(&mut done, &target, wishes.own.is_some());
            Ok(done)
        }
        (Side::Broker(from), Side::Broker(to)) => {
            let Some(via) = &wishes.via else {
                let remedy =
                    "name a folder with --via: it holds the logs in between, so that a stop costs nothing";
                return Err(Failure::usage("between two brokers a folder is needed").remedy(remedy));
            };
            to.must_be_of(&from.config.hub.name)?;
            let name = &from.config.hub.name;
            let (first, filled) = from_broker(&from.stream()?, name, via.clone(), wishes, tell).await?;
            // Its lock goes with it.
            drop(filled);
            if !first.is_equal() {
                return Ok(first);
            }
            let source = DataFolder::source(via)?;
            send::to_stream(&source, &to.stream()?, tell).await
        }
    }
}

async fn from_broker(
    stream: &Stream,
    name: &str,
    to: PathBuf,
    wishes: &Wishes,
    tell: Tell<'_>,
) -> Result<(Done, DataFolder), Failure> {
    // Before a folder or a stream is made: most mistakes are in addresses and names.
    let inspected = stream.pipe.inspect().await.map_err(|error| stream.failed(&error))?;
    let nothing =
        inspected.exists == Some(false) || stream.state().await?.held.values().all(|(_, end)| *end == 0);
    if nothing {
        let detail = format!("{}: the broker holds nothing of a hub with the name \"{name}\"", stream.name);
        return Err(coded("log_missing", &detail, "check [hub] name and the broker's address in that file"));
    }
    let mut target = DataFolder::target(&to, name, wishes.own)?;
    if let Some(key) = &wishes.key {
        target.take_key(key)?;
    }
    let done = fill::from_stream(stream, &mut target, wishes.own, tell).await?;
    Ok((done, target))
}

/// Whoever makes a lost node's folder anew may not know of `--as`.
fn advise(done: &mut Done, target: &DataFolder, named: bool) {
    if !named && done.rows.iter().all(|row| row.kept == Kept::Copy) {
        let own = target.own();
        done.notes.push(format!(
            "all logs are kept as other nodes': served, this folder begins a log of its own ({own}); to make a lost node's \
             folder anew, copy into an empty folder with --as and its origin"
        ));
    }
}

fn coded(code: &str, error: &dyn std::fmt::Display, remedy: impl Into<String>) -> Failure {
    failed(code, error).remedy(remedy)
}

fn failed(code: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::CheckFailed, format!("{code}: {error}"))
}

/// A disk that refuses.
pub(crate) fn disk(error: std::io::Error) -> Failure {
    coded("folder_io", &error, "check that the folder can be read and written and that its disk has room")
}

fn salts() -> Salts {
    Arc::new(|| u64::from(random_u32()) << 32 | u64::from(random_u32()))
}

fn random_u32() -> u32 {
    crate::serve::random_u32()
}
