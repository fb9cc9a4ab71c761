//! The running projector: a thread of its own that follows the log, and the lock that readers share with it.

use crate::{
    engine::{Engine, Work},
    error::{ProjectorError, StartError},
    projection::{Customers, Projection},
    read::View,
    rebuild::{Progress, RebuildReport},
    store::{StoreError, ViewStore, generation::Generations},
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
use tributary_core::identity::{Resolver, policy::Policy};
use tributary_eventlog::{Order, ReadError, ReadLimits, Record};

/// Records read at once. Readers wait for at most one such batch.
pub(crate) const BATCH_RECORDS: usize = 1_024;
/// Records after which a checkpoint is due.
const CHECKPOINT_RECORDS: u64 = 500_000;
/// Fewer records than these are not worth a snapshot of everything, however long ago the last one was.
const CHECKPOINT_WORTH: u64 = 20_000;
/// So many records are folded live in a few seconds.
const BULK_FROM: u64 = 100_000;
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
    /// The identity policy in force; `None`: the one that an operator applied last, else the default one.
    pub policy: Option<Policy>,
    /// What stands for the default policy: that of this release, for this place.
    pub default_policy: Policy,
    /// sled's cache in bytes.
    pub cache_bytes: u64,
    /// Bytes of memory that a rebuild uses for facts before it writes them to a temporary file.
    pub rebuild_bytes: usize,
    /// Index entries that a rebuild holds in memory before it writes them as a run; at most so many records are read and
    /// changes written at once.
    pub rebuild_entries: usize,
    /// Views that are at least so many records behind, and half as many as they hold, are folded again in bulk, not brought
    /// up to date batch by batch.
    pub bulk_from: u64,
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
            policy: Some(policy),
            default_policy: Policy::default(),
            cache_bytes: 256 << 20,
            rebuild_bytes: 32 << 20,
            // With those that come meanwhile they fit tables of 2^20 places.
            rebuild_entries: 800_000,
            bulk_from: BULK_FROM,
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

pub(crate) struct Shared {
    pub engine: RwLock<Engine>,
    pub options: Options,
    /// The policy of the live generation, and of those to come.
    pub policy: Mutex<Policy>,
    pub order: Arc<dyn Order>,
    pub generations: Generations,
    pub position: watch::Sender<u64>,
    stop: AtomicBool,
    /// Wakes an idle projector that is to stop.
    wake: Notify,
    pub status: Mutex<Status>,
    pub progress: Progress,
    /// One rebuild at a time.
    pub rebuilding: Mutex<()>,
}

/// A running projector. Dropping it stops the thread after its current batch.
pub struct Projector {
    shared: Arc<Shared>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Projector {
    /// Opens the live generation and follows the log. A store that cannot be opened or resumed is folded again first.
    /// Blocks while it catches up from a rebuild; call it outside the async runtime. Views that are far behind the log are
    /// folded again in bulk, without blocking.
    ///
    /// # Errors
    /// [`StartError`] where log and store do not belong together, or the disk fails.
    pub fn start(options: Options, order: Arc<dyn Order>) -> Result<Self, StartError> {
        let generations = Generations::open(&options.dir)?;
        let progress = Progress::default();
        let mut status = Status::default();
        let engine = crate::regenerate::open_live(&options, &order, &generations, &progress, &mut status)?;
        let position = watch::Sender::new(engine.number);
        let shared = Arc::new(Shared {
            policy: Mutex::new(engine.fold.resolver.policy().clone()),
            engine: RwLock::new(engine),
            options,
            order,
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

    /// The number of the last record folded, in the node's order, now and whenever it rises.
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

    /// What would merge and split under another policy: the log's identities resolved once more beside the live ones, in
    /// memory, up to the same position. Blocks; `tell` looks at the live views and the identities as they would be.
    ///
    /// # Errors
    /// [`ProjectorError`]; nothing has changed in any case.
    pub fn plan<R>(
        &self,
        policy: &Policy,
        tell: impl FnOnce(View<'_>, &Resolver) -> R,
    ) -> Result<R, ProjectorError> {
        self.shared.preview((&self.shared.order, Some(policy)), &mut std::iter::empty(), tell)
    }

    /// Who would be who if the log held `more`: its identities resolved once more beside the live ones, in memory, with these
    /// records. `order` is the live one, and gives the records of `more` too where it is asked for their positions, which lie
    /// beyond its end. Blocks; `tell` looks at the live views and the identities as they would be.
    ///
    /// # Errors
    /// [`ProjectorError`]; nothing has changed in any case.
    pub fn preview<R>(
        &self,
        order: &Arc<dyn Order>,
        more: &mut dyn Iterator<Item = Result<Record, ReadError>>,
        tell: impl FnOnce(View<'_>, &Resolver) -> R,
    ) -> Result<R, ProjectorError> {
        self.shared.preview((order, None), more, tell)
    }

    /// Folds the whole log into a new generation under another policy and puts it in the live one's place. The log must
    /// state the policy first. Blocks.
    ///
    /// # Errors
    /// [`ProjectorError`]; the live generation stays, and the next start tries again.
    pub fn adopt(&self, policy: Policy) -> Result<RebuildReport, ProjectorError> {
        self.shared.adopt(policy)
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
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

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    let mut in_bulk = true;
    let mut end = shared.order.numbers();
    let mut backoff = Duration::from_millis(50);
    // What the start had to read again is not to be read again at the next one, however soon that comes.
    let mut checkpointed = None;
    while !shared.stop.load(Ordering::Relaxed) {
        in_bulk = in_bulk && shared.catch_up_in_bulk();
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
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
fn step(shared: &Shared, checkpointed: &mut Option<Instant>) -> Result<bool, ProjectorError> {
    let position = *shared.position.borrow();
    let limits = ReadLimits { max_records: BATCH_RECORDS, ..ReadLimits::default() };
    let records = shared.order.read_numbers(position + 1, limits)?;
    let work: Vec<Work> = records.iter().map(Work::of).collect();
    let mut engine = shared.engine.write().unwrap_or_else(PoisonError::into_inner);
    let idle = work.is_empty();
    engine.fold_records(position + 1, &work)?;
    let due = engine.fold.records - engine.checkpointed;
    let late = checkpointed.is_none_or(|at| at.elapsed() >= shared.options.checkpoint);
    if due >= CHECKPOINT_RECORDS || (late && due >= CHECKPOINT_WORTH) {
        engine.checkpoint()?;
        *checkpointed = Some(Instant::now());
    } else if checkpointed.is_none() {
        *checkpointed = Some(Instant::now());
    }
    let now = engine.number;
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
