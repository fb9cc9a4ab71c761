//! Copies of the logs of other origins, filled from a pipe: one folder of segments each.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    Pipe, PipeError, Place, State,
    error::{OWN_OLDER, OWN_OLDER_REMEDY},
    place::PlaceFile,
    reading::Reading,
};
use crate::{
    CopyError, Disk, EventLog, OpenError, Options, Origin, Position, ReadError, RealDisk, Salts, SegmentLog,
};

/// A record that others have overtaken comes within this time, or somebody has to look.
const GAP_MAX: Duration = Duration::from_secs(60);

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
    /// The pipe holds another record of ours at a place that is taken here: an older state of this folder was restored and
    /// written on, or the folder was copied and started twice.
    #[error("the broker has another record of our own log at {0} than we have")]
    OwnDiffers(Position),
    /// Our own log could not be compared with what the pipe holds of it.
    #[error("our own log cannot be read: {0}")]
    Own(ReadError),
}

impl MirrorError {
    /// A stable name for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pipe(error) => error.code(),
            Self::Open(error) => error.code(),
            Self::Copy(error) => error.code(),
            Self::OwnOlder { .. } => OWN_OLDER,
            Self::OwnDiffers(_) => "log_differs_from_broker",
            Self::Own(_) => "log_io",
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
            Self::Copy(CopyError::Gap { .. }) => {
                "start the node whose log that is: it sends again what is missing; where it is lost for good, `tributary log \
                 copy` from a node that has more of it fills the gap"
            }
            Self::Copy(_) => {
                "two logs were written under one origin, such as by a folder that was copied and started twice: start \
                 only one of them; `tributary log copy` from a node that is right makes the folder anew"
            }
            Self::OwnOlder { .. } => OWN_OLDER_REMEDY,
            Self::OwnDiffers(_) => {
                "an older state of this folder was restored and took events, or the folder was copied and started twice: \
                 keep it aside, and start with the right one or with an empty one, which copies everything back; what only \
                 the folder aside has must be posted again"
            }
            Self::Own(_) => "check that the data folder can be read",
        }
    }

    /// Whether the same can go well later without anybody doing something.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Pipe(error) => error.retryable(),
            Self::Open(error) => error.retryable(),
            Self::Copy(error) => error.retryable(),
            Self::Own(error) => error.retryable(),
            Self::OwnOlder { .. } | Self::OwnDiffers(_) => false,
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

/// Why nothing is copied at the moment, or not all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// A stable name for the cause.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    pub remedy: &'static str,
    /// The cause is on this machine, such as a full disk: not the broker, the way to it, or a node that is away.
    pub is_here: bool,
}

impl From<&MirrorError> for Stopped {
    fn from(error: &MirrorError) -> Self {
        let is_here = !matches!(error, MirrorError::Pipe(_) | MirrorError::Copy(CopyError::Gap { .. }));
        Self { code: error.code(), detail: error.to_string(), remedy: error.remedy(), is_here }
    }
}

/// All copies of one node.
pub struct Mirrors {
    dir: PathBuf,
    /// Whether others' logs are kept; else the stream is read for our own only.
    pub(super) keeps: bool,
    pub(super) own: Arc<dyn EventLog>,
    salts: Salts,
    disk: Arc<dyn Disk>,
    pub(super) place: Arc<PlaceFile>,
    pub(super) gap_max: Duration,
    stopped: Mutex<Option<Stopped>>,
    logs: RwLock<BTreeMap<Origin, Arc<SegmentLog>>>,
    origins: watch::Sender<usize>,
    pub(super) caught_up: watch::Sender<bool>,
    progress: Mutex<Progress>,
}

impl Mirrors {
    /// Opens the copies in `dir`, one folder for each origin, beside the node's own log.
    ///
    /// # Errors
    /// The first copy that cannot be opened.
    pub fn open(dir: impl Into<PathBuf>, own: Arc<dyn EventLog>, salts: Salts) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk), dir, own, salts)
    }

    /// The same, with the copies' segments on this disk; folders and places are the machine's.
    ///
    /// # Errors
    /// The first copy that cannot be opened.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: impl Into<PathBuf>,
        own: Arc<dyn EventLog>,
        salts: Salts,
    ) -> Result<Self, OpenError> {
        let dir = dir.into();
        std::fs::create_dir_all(&dir)?;
        let mut logs = BTreeMap::new();
        for entry in std::fs::read_dir(&dir)? {
            let name = entry?.file_name();
            let origin = name.to_str().and_then(|name| u32::from_str_radix(name, 16).ok()).map(Origin);
            let Some(origin) = origin.filter(|o| o.to_string() == name.to_string_lossy()) else { continue };
            logs.insert(origin, Arc::new(open((&dir, &disk), origin, &salts)?));
        }
        Ok(Self {
            own,
            salts,
            disk,
            place: PlaceFile::new(dir.join("place")),
            dir,
            keeps: true,
            gap_max: GAP_MAX,
            stopped: Mutex::default(),
            origins: watch::Sender::new(logs.len()),
            logs: RwLock::new(logs),
            caught_up: watch::Sender::new(false),
            progress: Mutex::default(),
        })
    }

    /// Keeps no copies: what the stream holds is only compared with the node's own log, and what folders are there stay
    /// closed.
    ///
    /// # Errors
    /// The file system's.
    pub fn none(dir: impl Into<PathBuf>, own: Arc<dyn EventLog>, salts: Salts) -> Result<Self, OpenError> {
        let dir = dir.into();
        std::fs::create_dir_all(&dir)?;
        Ok(Self {
            own,
            salts,
            disk: Arc::new(RealDisk),
            // Whoever keeps copies later reads from the beginning.
            place: PlaceFile::new(dir.join("looked")),
            dir,
            keeps: false,
            gap_max: GAP_MAX,
            stopped: Mutex::default(),
            origins: watch::Sender::new(0),
            logs: RwLock::default(),
            caught_up: watch::Sender::new(false),
            progress: Mutex::default(),
        })
    }

    /// The same, with another time that a record may be missing while later ones of its origin wait; 60 s where nobody says.
    #[must_use]
    pub fn gap_max(self, gap_max: Duration) -> Self {
        Self { gap_max, ..self }
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
        let known = self.place.read().map_err(|e| PipeError::Failed(e.to_string()))?;
        known.unwrap_or_default().check(state)
    }

    /// Whether anything was ever read from a broker.
    #[must_use]
    pub fn knows_broker(&self) -> bool {
        self.place.read().is_ok_and(|place| place.is_some())
    }

    /// Why nothing is copied at the moment, or not all; `None` once it goes on.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of what is new about it.
    pub(super) fn set_stopped(&self, now: Option<Stopped>) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Stopped { code, detail, remedy, .. }) =
            now.as_ref().filter(|now| stopped.as_ref() != Some(now))
        {
            tracing::warn!(code, remedy, "not everything is copied from the broker at the moment: {detail}");
        }
        *stopped = now;
    }

    /// What was done since it was opened.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Copies what the pipe brings until something fails. A caller tries again where that can help.
    ///
    /// # Errors
    /// See [`MirrorError`]; the copies are whole up to their ends.
    pub async fn run(&self, pipe: &dyn Pipe) -> Result<(), MirrorError> {
        loop {
            if let Err(error) = self.read_on(pipe).await {
                self.set_stopped(Some((&error).into()));
                return Err(error);
            }
            self.note(|progress| progress.stalls += 1);
            tracing::warn!("the stream goes on and nothing comes: its consumer is made anew");
        }
    }

    /// Returns where the consumer stalled.
    async fn read_on(&self, pipe: &dyn Pipe) -> Result<(), MirrorError> {
        self.reopen().await?;
        let known = self.place.read().map_err(OpenError::Io)?.unwrap_or_default();
        let state = pipe.state().await?;
        known.check(&state)?;
        let goal = state.held.iter().map(|(partition, (_, end))| (*partition, *end)).collect();
        let reading = Reading::new(self, Place { stream: state.stream, ..known }, goal);
        // From here on this folder belongs to this stream, whatever happens next.
        self.place.write_aside(reading.place()).await;
        let incoming = pipe.receive(reading.place()).await?;
        reading.run(pipe, incoming).await
    }

    /// Opens copies again that a failed write has sealed.
    async fn reopen(&self) -> Result<(), OpenError> {
        let logs: Vec<_> =
            self.logs.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for log in logs.into_iter().filter(|log| log.is_sealed()) {
            let origin = log.origin();
            let reopened = tokio::task::spawn_blocking(move || log.reopen()).await;
            reopened.map_err(|panic| OpenError::Io(std::io::Error::other(panic)))??;
            tracing::warn!(log.origin = %origin, "a copy was sealed by a failed write; it is open again");
        }
        Ok(())
    }

    /// The copy of this origin, made where there is none.
    pub(super) async fn log(&self, origin: Origin) -> Result<Arc<SegmentLog>, OpenError> {
        let known = self.logs.read().unwrap_or_else(PoisonError::into_inner).get(&origin).cloned();
        if let Some(log) = known {
            return Ok(log);
        }
        let (dir, disk, salts) = (self.dir.clone(), Arc::clone(&self.disk), Arc::clone(&self.salts));
        let opened = tokio::task::spawn_blocking(move || open((&dir, &disk), origin, &salts)).await;
        let log = Arc::new(opened.map_err(|panic| OpenError::Io(std::io::Error::other(panic)))??);
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        logs.insert(origin, Arc::clone(&log));
        self.origins.send_replace(logs.len());
        Ok(log)
    }
}

fn open(
    (dir, disk): (&Path, &Arc<dyn Disk>),
    origin: Origin,
    salts: &Salts,
) -> Result<SegmentLog, OpenError> {
    let mut options = Options::copy_of(dir.join(origin.to_string()), origin, Arc::clone(salts));
    options.disk = Arc::clone(disk);
    SegmentLog::open(options)
}
