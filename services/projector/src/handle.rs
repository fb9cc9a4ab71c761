//! The running projector: a thread of its own that follows the log, and the lock that readers share with it.

use crate::{
    engine::{Engine, Work},
    error::{ProjectorError, StartError},
    projection::{Customers, Projection},
    read::View,
    rebuild::{Progress, RebuildReport},
    recover::Parts,
    store::{SledOptions, StoreError, ViewStore, generation::Generations, open_or_move_aside},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};
use tributary_core::identity::policy::Policy;
use tributary_eventlog::{EventLog, ReadLimits};

/// Records read at once. Readers wait for at most one such batch.
const BATCH_RECORDS: usize = 1_024;
/// Records after which a checkpoint is due.
const CHECKPOINT_RECORDS: u64 = 500_000;
/// Fewer records than these are not worth a snapshot of everything, however long ago the last one was.
const CHECKPOINT_WORTH: u64 = 20_000;
/// How long an idle projector sleeps before it looks at its flags again.
const IDLE: Duration = Duration::from_millis(200);
/// Longest wait between tries after an error.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Opens the store in a folder, or an empty one in its place: then also where the one that would not open was moved.
pub type StoreOpener =
    Arc<dyn Fn(&Path) -> Result<(Arc<dyn ViewStore>, Option<PathBuf>), StoreError> + Send + Sync>;

/// How a projector is set up.
#[derive(Clone)]
pub struct Options {
    /// Folder of generations.
    pub dir: PathBuf,
    /// The identity policy in force.
    pub policy: Policy,
    /// sled's cache in bytes.
    pub cache_bytes: u64,
    /// Bytes of memory that a rebuild uses for facts before it writes them to a temporary file.
    pub rebuild_bytes: usize,
    /// Time after which a checkpoint is written, if enough was folded since the last.
    pub checkpoint: Duration,
    /// The projection; another than [`Customers`] only in tests.
    pub projection: Arc<dyn Projection>,
    /// Opens stores; another than sled's only in tests.
    pub store: Option<StoreOpener>,
    /// Called first on the projector's thread, for instance to lower its priority.
    pub on_start: Option<fn()>,
}

impl Options {
    /// The usual options.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, policy: Policy) -> Self {
        Self {
            dir: dir.into(),
            policy,
            cache_bytes: 256 << 20,
            rebuild_bytes: 32 << 20,
            checkpoint: Duration::from_secs(60),
            projection: Arc::new(Customers),
            store: None,
            on_start: None,
        }
    }
}

/// How the projector is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The last error, while it lasts.
    pub error: Option<String>,
    /// Whether a rebuild is running.
    pub rebuilding: bool,
    /// A store that would not open was moved here.
    pub moved_aside: Option<PathBuf>,
    /// What the last rebuild of this process found.
    pub last_rebuild: Option<RebuildReport>,
}

struct Shared {
    engine: RwLock<Engine>,
    options: Options,
    log: Arc<dyn EventLog>,
    generations: Generations,
    position: watch::Sender<u64>,
    stop: AtomicBool,
    /// Wakes an idle projector that is to stop.
    wake: Notify,
    status: Mutex<Status>,
    progress: Progress,
    /// One rebuild at a time.
    rebuilding: Mutex<()>,
}

/// A running projector. Dropping it stops the thread after its current batch.
pub struct Projector {
    shared: Arc<Shared>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Projector {
    /// Opens the live generation and follows the log. A store that cannot be opened or resumed is folded again first.
    /// Blocks while it catches up from a rebuild; call it outside the async runtime.
    ///
    /// # Errors
    /// [`StartError`] where log and store do not belong together, or the disk fails.
    pub fn start(options: Options, log: Arc<dyn EventLog>) -> Result<Self, StartError> {
        let generations = Generations::open(&options.dir)?;
        let progress = Progress::default();
        let mut status = Status::default();
        let engine = open_live(&options, &log, &generations, &progress, &mut status)?;
        let position = watch::Sender::new(engine.position.sequence);
        let shared = Arc::new(Shared {
            engine: RwLock::new(engine),
            options,
            log,
            generations,
            position,
            stop: AtomicBool::new(false),
            wake: Notify::new(),
            status: Mutex::new(status),
            progress,
            rebuilding: Mutex::new(()),
        });
        let run = Arc::clone(&shared);
        let spawned = thread::Builder::new().name("projector".into()).spawn(move || follow(&run));
        let thread = spawned.map_err(ProjectorError::from)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Reads as of the last commit. Blocks while a batch is being folded.
    pub fn read<R>(&self, f: impl FnOnce(View<'_>) -> R) -> R {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        f(View { engine: &engine })
    }

    /// The last sequence folded, now and whenever it rises.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.position.subscribe()
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        lock(&self.shared.status).clone()
    }

    /// Records done and records in all of a running rebuild.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let p = &self.shared.progress;
        (p.done.load(Ordering::Relaxed), p.total.load(Ordering::Relaxed))
    }

    /// Folds the whole log into a new generation, compares and swaps. Blocks; the live one is read and written meanwhile.
    ///
    /// # Errors
    /// [`ProjectorError`]; the live generation stays.
    pub fn rebuild(&self) -> Result<RebuildReport, ProjectorError> {
        self.shared.rebuild()
    }

    /// Stops after the current batch, with a checkpoint. Blocks; calling it twice is harmless.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.wake.notify_one();
        self.shared.progress.cancel.store(true, Ordering::Relaxed);
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the projector's thread panicked");
        }
    }
}

impl Drop for Projector {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_live(
    options: &Options,
    log: &Arc<dyn EventLog>,
    generations: &Generations,
    progress: &Progress,
    status: &mut Status,
) -> Result<Engine, StartError> {
    let number = match generations.live()? {
        Some(number) => number,
        None => {
            let number = generations.create_next()?;
            generations.swap(number)?;
            number
        }
    };
    generations.remove_stale(None)?;
    let dir = generations.path(number);
    let (store, moved) = open_store(&dir, options).map_err(ProjectorError::from)?;
    if let Some(moved) = moved {
        let moved = keep_aside(moved, &options.dir);
        tracing::error!(store.moved_to = %moved.display(), "the store would not open; it was moved aside and is folded again");
        status.moved_aside = Some(moved);
    } else {
        match Engine::open(parts(options, log, store, &dir)) {
            Ok(engine) => return Ok(engine),
            Err(StartError::Run(error)) if error.needs_rebuild() => {
                tracing::error!(error = %error, "the store cannot be resumed; it is folded again");
            }
            Err(error) => return Err(error),
        }
    }
    if log.start() > 1 {
        return Err(StartError::LogHeadGone { start: log.start(), needed: 1 });
    }
    let (engine, number) = build(options, log, generations, progress)?;
    generations.swap(number)?;
    generations.remove_stale(None)?;
    Ok(engine)
}

/// A store that would not open lies in a generation's folder, which goes with the generation: it is kept beside them.
fn keep_aside(moved: PathBuf, root: &Path) -> PathBuf {
    let names = moved.parent().and_then(Path::file_name).zip(moved.file_name());
    let Some((generation, store)) = names else { return moved };
    let kept = root.join(format!("{}-{}", generation.to_string_lossy(), store.to_string_lossy()));
    match std::fs::rename(&moved, &kept) {
        Ok(()) => kept,
        Err(error) => {
            tracing::warn!(error = %error, "the store that would not open cannot be kept");
            moved
        }
    }
}

fn open_store(dir: &Path, options: &Options) -> Result<(Arc<dyn ViewStore>, Option<PathBuf>), StoreError> {
    if let Some(open) = &options.store {
        return open(&dir.join("sled"));
    }
    let sled = SledOptions { cache_bytes: options.cache_bytes, ..SledOptions::default() };
    let (store, moved) = open_or_move_aside(&dir.join("sled"), sled)?;
    Ok((Arc::new(store), moved))
}

fn parts(options: &Options, log: &Arc<dyn EventLog>, store: Arc<dyn ViewStore>, dir: &Path) -> Parts {
    Parts {
        store,
        log: Arc::clone(log),
        projection: Arc::clone(&options.projection),
        policy: options.policy.clone(),
        dir: dir.to_owned(),
        list_bytes: options.rebuild_bytes,
    }
}

/// A new generation with the whole log in it.
fn build(
    options: &Options,
    log: &Arc<dyn EventLog>,
    generations: &Generations,
    progress: &Progress,
) -> Result<(Engine, u64), ProjectorError> {
    let number = std::cell::Cell::new(0);
    let make = || {
        let next = generations.create_next().map_err(std::io::Error::other)?;
        number.set(next);
        let dir = generations.path(next);
        let (store, _) = open_store(&dir, options)?;
        Ok(parts(options, log, store, &dir))
    };
    let engine = Engine::rebuild(&make, progress)?;
    Ok((engine, number.get()))
}

impl Shared {
    fn rebuild(&self) -> Result<RebuildReport, ProjectorError> {
        let _one = lock(&self.rebuilding);
        let started = Instant::now();
        lock(&self.status).rebuilding = true;
        let built = build(&self.options, &self.log, &self.generations, &self.progress);
        let report = built.and_then(|(engine, number)| self.swap(engine, number, started));
        let mut status = lock(&self.status);
        status.rebuilding = false;
        if let Ok(report) = &report {
            status.last_rebuild = Some(report.clone());
        }
        report
    }

    /// Brings the new generation to exactly where the live one is, compares, and puts it in its place.
    fn swap(&self, mut new: Engine, number: u64, started: Instant) -> Result<RebuildReport, ProjectorError> {
        let mut live = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        while new.position.sequence < live.position.sequence {
            let upto = (live.position.sequence - new.position.sequence) as usize;
            let limits = ReadLimits { max_records: upto.min(BATCH_RECORDS), ..ReadLimits::default() };
            let records = self.log.read(new.position.sequence + 1, limits)?;
            new.fold_records(&records.iter().map(Work::of).collect::<Vec<_>>())?;
        }
        while live.position.sequence < new.position.sequence {
            let upto = (new.position.sequence - live.position.sequence) as usize;
            let limits = ReadLimits { max_records: upto.min(BATCH_RECORDS), ..ReadLimits::default() };
            let records = self.log.read(live.position.sequence + 1, limits)?;
            live.fold_records(&records.iter().map(Work::of).collect::<Vec<_>>())?;
        }
        let report = RebuildReport {
            records: new.fold.records,
            digest: new.fold.digest(),
            old_digest: Some(live.fold.digest()),
            millis: started.elapsed().as_millis() as u64,
        };
        if report.old_digest != Some(report.digest) {
            tracing::error!("the rebuilt store differs from the live one; the rebuilt one is used");
        }
        self.generations.swap(number).map_err(std::io::Error::other)?;
        *live = new;
        drop(live);
        self.generations.remove_stale(None).map_err(std::io::Error::other)?;
        Ok(report)
    }
}

/// The projector's thread.
fn follow(shared: &Shared) {
    if let Some(on_start) = shared.options.on_start {
        on_start();
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        lock(&shared.status).error = Some("no timer for the projector's thread".into());
        return;
    };
    let mut end = shared.log.subscribe();
    let mut backoff = Duration::from_millis(50);
    let mut checkpointed = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        match step(shared, &mut checkpointed) {
            Ok(true) => {
                backoff = Duration::from_millis(50);
                clear_error(shared);
            }
            Ok(false) => {
                clear_error(shared);
                runtime.block_on(async {
                    tokio::select! {
                        _ = tokio::time::timeout(IDLE, end.changed()) => {}
                        () = shared.wake.notified() => {}
                    }
                });
            }
            Err(error) => {
                tracing::error!(error = %error, "the projector stopped at an error and tries again");
                lock(&shared.status).error = Some(error.to_string());
                // First of all what was not committed is dropped: readers must not see it while this thread waits.
                recover(shared, &error);
                thread::sleep(backoff);
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
    let mut engine = shared.engine.write().unwrap_or_else(PoisonError::into_inner);
    if engine.fold.records > engine.checkpointed
        && let Err(error) = engine.checkpoint()
    {
        tracing::error!(error = %error, "no checkpoint at the end; the next start reads more of the log");
    }
}

fn clear_error(shared: &Shared) {
    lock(&shared.status).error = None;
}

/// One batch. `false`: nothing to do.
fn step(shared: &Shared, checkpointed: &mut Instant) -> Result<bool, ProjectorError> {
    let position = *shared.position.borrow();
    let limits = ReadLimits { max_records: BATCH_RECORDS, ..ReadLimits::default() };
    let records = shared.log.read(position + 1, limits)?;
    let work: Vec<Work> = records.iter().map(Work::of).collect();
    let mut engine = shared.engine.write().unwrap_or_else(PoisonError::into_inner);
    let idle = work.is_empty();
    engine.fold_records(&work)?;
    let due = engine.fold.records - engine.checkpointed;
    let late = checkpointed.elapsed() >= shared.options.checkpoint;
    if due >= CHECKPOINT_RECORDS || (late && due >= CHECKPOINT_WORTH) {
        engine.checkpoint()?;
        *checkpointed = Instant::now();
    }
    let now = engine.position.sequence;
    drop(engine);
    shared.position.send_if_modified(|p| std::mem::replace(p, now) != now);
    Ok(!idle)
}

/// After an error: what was not committed is dropped; a damaged store is folded again.
fn recover(shared: &Shared, error: &ProjectorError) {
    let reloaded = {
        let mut engine = shared.engine.write().unwrap_or_else(PoisonError::into_inner);
        if error.needs_rebuild() { None } else { Some(engine.reload()) }
    };
    let again = match reloaded {
        Some(Ok(())) => return,
        Some(Err(again)) => again,
        None => ProjectorError::Unresumable("a row is damaged"),
    };
    tracing::error!(error = %again, "the store is folded again from the log");
    if let Err(error) = shared.replace() {
        tracing::error!(error = %error, "the store could not be folded again");
    }
}

impl Shared {
    /// Folds again without looking at the live generation, which cannot be trusted.
    fn replace(&self) -> Result<(), ProjectorError> {
        let _one = lock(&self.rebuilding);
        let (engine, number) = build(&self.options, &self.log, &self.generations, &self.progress)?;
        let mut live = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        self.generations.swap(number).map_err(std::io::Error::other)?;
        let now = engine.position.sequence;
        *live = engine;
        drop(live);
        self.position.send_replace(now);
        self.generations.remove_stale(None).map_err(std::io::Error::other)?;
        Ok(())
    }
}
