//! Copies of the logs of other origins, filled from a pipe: one folder of segments each.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{Arrived, Incoming, NotOurs, Pipe, PipeError, Place, State, reorder::Reorder};
use crate::{CopyError, EventLog, OpenError, Options, Origin, RealDisk, Record, Salts, SegmentLog};

/// The place is written this often: a restart reads again what came after.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// The consumer is torn down and made anew where the stream goes on and nothing comes for so long.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// Why a mirror stopped.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The pipe's.
    #[error(transparent)]
    Pipe(#[from] PipeError),
    /// A copy could not be opened or made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A copy takes the records not.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The pipe holds more of our own log than we do: an older state of this folder was restored.
    #[error("the broker has our own log up to {found}, we only up to {end}")]
    OwnOlder {
        /// Our last sequence.
        end: u64,
        /// One in the pipe.
        found: u64,
    },
}

impl MirrorError {
    /// A stable name for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pipe(error) => error.code(),
            Self::Open(error) => error.code(),
            Self::Copy(error) => error.code(),
            Self::OwnOlder { .. } => "log_behind_broker",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Pipe(error) => error.remedy(),
            Self::Open(error) => error.remedy(),
            Self::Copy(CopyError::Append(_) | CopyError::Read(_)) => {
                "check that the data folder can be written and that its disk has room; what is missing is copied then"
            }
            Self::Copy(_) => {
                "two logs were written under one origin, such as by a folder that was copied and started twice: start \
                 only one of them; `tributary log copy` from a node that is right makes the folder anew"
            }
            Self::OwnOlder { .. } => {
                "an older state of this folder was restored: restore the newest one, or move the folder aside and start \
                 with an empty one, which copies everything back"
            }
        }
    }

    /// Whether the same can go well later without anybody doing something.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Pipe(error) => error.retryable(),
            Self::Open(error) => error.retryable(),
            Self::Copy(error) => error.retryable(),
            Self::OwnOlder { .. } => false,
        }
    }
}

/// What a mirror did since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that were new.
    pub copied: u64,
    /// Messages that are no records.
    pub foreign: u64,
    /// Times the consumer was made anew because nothing came although the stream went on.
    pub stalls: u64,
}

/// All copies of one node.
pub struct Mirrors {
    dir: PathBuf,
    /// Whether others' logs are kept; else the stream is read for our own only.
    keeps: bool,
    own: Arc<dyn EventLog>,
    salts: Salts,
    logs: RwLock<BTreeMap<Origin, Arc<SegmentLog>>>,
    origins: watch::Sender<usize>,
    caught_up: watch::Sender<bool>,
    progress: Mutex<Progress>,
}

impl Mirrors {
    /// Opens the copies in `dir`, one folder for each origin, beside the node's own log.
    ///
    /// # Errors
    /// The first copy that cannot be opened.
    pub fn open(dir: impl Into<PathBuf>, own: Arc<dyn EventLog>, salts: Salts) -> Result<Self, OpenError> {
        let (dir, mut logs) = (dir.into(), BTreeMap::new());
        std::fs::create_dir_all(&dir)?;
        for entry in std::fs::read_dir(&dir)? {
            let name = entry?.file_name();
            let origin = name.to_str().and_then(|name| u32::from_str_radix(name, 16).ok()).map(Origin);
            let Some(origin) = origin.filter(|o| o.to_string() == name.to_string_lossy()) else { continue };
            logs.insert(origin, Arc::new(open(&dir, origin, &salts)?));
        }
        let (origins, caught_up) = (watch::Sender::new(logs.len()), watch::Sender::new(false));
        let (logs, progress) = (RwLock::new(logs), Mutex::default());
        Ok(Self { dir, keeps: true, own, salts, logs, origins, caught_up, progress })
    }

    /// Keeps no copies: what the stream holds is only compared with the node's own log, and what folders are there stay
    /// closed.
    ///
    /// # Errors
    /// The file system's.
    pub fn none(dir: impl Into<PathBuf>, own: Arc<dyn EventLog>, salts: Salts) -> Result<Self, OpenError> {
        let dir = dir.into();
        std::fs::create_dir_all(&dir)?;
        let (origins, caught_up) = (watch::Sender::new(0), watch::Sender::new(false));
        let (logs, progress) = (RwLock::default(), Mutex::default());
        Ok(Self { dir, keeps: false, own, salts, logs, origins, caught_up, progress })
    }

    /// The copies, by origin; their ends can be awaited as any log's.
    #[must_use]
    pub fn logs(&self) -> BTreeMap<Origin, Arc<dyn EventLog>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.iter().map(|(origin, log)| (*origin, Arc::clone(log) as Arc<dyn EventLog>)).collect()
    }

    /// How many origins there are copies of, now and whenever one more is found.
    #[must_use]
    pub fn origins(&self) -> watch::Receiver<usize> {
        self.origins.subscribe()
    }

    /// Whether everything was read that the pipe held when it was first reached: until then it may hold more of our own log
    /// than we do.
    #[must_use]
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// Whether the stream is the one that was read before, and still holds what comes next.
    ///
    /// # Errors
    /// See [`Place::check`].
    pub fn check(&self, state: &State) -> Result<(), PipeError> {
        let known = Place::read(&self.place()).map_err(|e| PipeError::Failed(e.to_string()))?;
        known.unwrap_or_default().check(state)
    }

    /// Whether anything was ever read from a broker.
    #[must_use]
    pub fn knows_broker(&self) -> bool {
        Place::read(&self.place()).is_ok_and(|place| place.is_some())
    }

    fn place(&self) -> PathBuf {
        // Whoever keeps copies later reads from the beginning.
        self.dir.join(if self.keeps { "place" } else { "looked" })
    }

    /// What was done since it was opened.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Copies what the pipe brings until something fails. A caller tries again where that can help.
    ///
    /// # Errors
    /// See [`MirrorError`]; the copies are whole up to their ends.
    pub async fn run(&self, pipe: &dyn Pipe) -> Result<(), MirrorError> {
        let file = self.place();
        loop {
            let known = Place::read(&file).map_err(OpenError::Io)?.unwrap_or_default();
            let state = pipe.state().await?;
            known.check(&state)?;
            let goal = state.held.iter().map(|(partition, (_, end))| (*partition, *end)).collect();
            let place = Place { stream: state.stream, ..known };
            let reading = Reading { mirrors: self, place, goal, file: &file, waiting: BTreeMap::new() };
            // From here on this folder belongs to this stream, whatever happens next.
            reading.save();
            let incoming = pipe.receive(&reading.place).await?;
            reading.run(pipe, incoming).await?;
            self.note(|progress| progress.stalls += 1);
            tracing::warn!("the stream goes on and nothing comes: its consumer is made anew");
        }
    }

    fn log(&self, origin: Origin) -> Result<Arc<SegmentLog>, OpenError> {
        let known = self.logs.read().unwrap_or_else(PoisonError::into_inner).get(&origin).cloned();
        if let Some(log) = known {
            return Ok(log);
        }
        let log = Arc::new(open(&self.dir, origin, &self.salts)?);
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        logs.insert(origin, Arc::clone(&log));
        self.origins.send_replace(logs.len());
        Ok(log)
    }
}

fn open(dir: &Path, origin: Origin, salts: &Salts) -> Result<SegmentLog, OpenError> {
    let mut options = Options::copy_of(dir.join(origin.to_string()), origin, Arc::clone(salts));
    options.disk = Arc::new(RealDisk);
    SegmentLog::open(options)
}

/// One consumer's life.
struct Reading<'a> {
    mirrors: &'a Mirrors,
    place: Place,
    /// The end of each partition when the reading began.
    goal: BTreeMap<u32, u64>,
    file: &'a Path,
    /// What waits for its predecessors, with the partition it came by.
    waiting: BTreeMap<Origin, (u32, Reorder)>,
}

impl Reading<'_> {
    /// Returns where the consumer stalled.
    async fn run(mut self, pipe: &dyn Pipe, mut incoming: Box<dyn Incoming>) -> Result<(), MirrorError> {
        let mut saved = Instant::now();
        let mut newest = self.place.read.clone();
        self.reached(&newest);
        loop {
            let arrived = match tokio::time::timeout(STALLED_AFTER, incoming.next()).await {
                Ok(arrived) => arrived?,
                Err(_) => {
                    self.save();
                    let held = pipe.state().await?.held;
                    let behind =
                        |(p, (_, end)): (&u32, &(u64, u64))| *end > newest.get(p).copied().unwrap_or(0);
                    if held.iter().any(behind) {
                        return Ok(());
                    }
                    continue;
                }
            };
            for message in &arrived {
                newest.insert(message.partition, message.number);
            }
            self.take(arrived).await?;
            self.advance(&newest);
            self.reached(&newest);
            if saved.elapsed() >= SAVE_EVERY {
                self.save();
                saved = Instant::now();
            }
        }
    }

    async fn take(&mut self, arrived: Vec<Arrived>) -> Result<(), MirrorError> {
        let mut ready: BTreeMap<Origin, Vec<Record>> = BTreeMap::new();
        for Arrived { partition, number, record } in arrived {
            let record = match record {
                Ok(record) => record,
                Err(NotOurs::Mark) => continue,
                Err(why) => {
                    tracing::warn!(broker.number = number, %why, "a message of the stream is no record");
                    self.mirrors.note(|progress| progress.foreign += 1);
                    continue;
                }
            };
            let origin = record.position.origin;
            if origin == self.mirrors.own.origin() {
                let (end, found) = (self.mirrors.own.end(), record.position.sequence);
                if found > end {
                    return Err(MirrorError::OwnOlder { end, found });
                }
                continue;
            }
            if !self.mirrors.keeps {
                continue;
            }
            let list = ready.entry(origin).or_default();
            let end = match list.iter().map(|r| r.position.sequence).max() {
                Some(last) => last.max(self.mirrors.log(origin)?.end()),
                None => self.mirrors.log(origin)?.end(),
            };
            let (_, waiting) = self.waiting.entry(origin).or_insert_with(|| (partition, Reorder::default()));
            let found = record.position.sequence;
            let follow = waiting.insert(end, number, record);
            list.extend(follow.map_err(|missing| CopyError::Gap { end: missing - 1, found })?);
        }
        for (origin, records) in ready {
            let copied = self.mirrors.log(origin)?.copy(records).await? as u64;
            self.mirrors.note(|progress| progress.copied += copied);
        }
        Ok(())
    }

    fn reached(&self, newest: &BTreeMap<u32, u64>) {
        let there = |(partition, end): (&u32, &u64)| newest.get(partition).copied().unwrap_or(0) >= *end;
        if self.goal.iter().all(there) {
            self.mirrors.caught_up.send_if_modified(|caught_up| !std::mem::replace(caught_up, true));
        }
    }

    /// What waits for a predecessor is read again after a restart, so the place stays before it.
    fn advance(&mut self, newest: &BTreeMap<u32, u64>) {
        self.place.read.clone_from(newest);
        for (partition, waiting) in self.waiting.values() {
            if let (Some(first), Some(read)) = (waiting.first_number(), self.place.read.get_mut(partition)) {
                *read = (*read).min(first.saturating_sub(1));
            }
        }
    }

    fn save(&self) {
        if let Err(error) = self.place.write(self.file) {
            tracing::warn!(%error, "how far the stream was read is not noted; a restart reads more of it again");
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.save();
    }
}
