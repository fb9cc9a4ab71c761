//! The view store on sled, over a base if rows were loaded into it.
//!
//! What to know about sled 0.34.7: it may panic on a damaged file, so every call is guarded; its `flush` makes no
//! fsync on Linux, so [`SledStore`] adds it; an error of a write leaves its memory ahead of its disk, so
//! the handle refuses everything from then on and must be reopened. Call it from a thread of its own, never from a
//! tokio worker: it blocks, and it takes a global lock for each batch.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::base::{Base, BaseWriter};
use super::error::{while_in_use, while_opening};
use super::layers::{Below, Layers};
use super::plan::plan;
use super::{Commit, Key, StoreError, StoreStats, Value, ViewStore, sync_dir};

/// A store that was just dropped may hold its lock a moment longer, through sled's own threads.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
const LOCK_POLL: Duration = Duration::from_millis(10);
/// Broken copies beside a store: more than this and somebody has to look at the machine.
const BROKEN_COPIES_MAX: u32 = 1_000;
/// Where sled puts values that do not fit a segment's message, one file each.
const BLOBS: &str = "blobs";

/// How sled is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SledOptions {
    /// Bytes of page cache; at least the live rows where memory allows (four times the writes, a tenth of the
    /// read time).
    pub cache_bytes: u64,
    /// How often sled writes in the background, in milliseconds; `None` for never.
    pub flush_every_ms: Option<u64>,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { cache_bytes: 256 << 20, flush_every_ms: Some(500) }
    }
}

/// Rows in a tree of sled, and in the base beneath it where there is one.
pub struct SledStore {
    db: sled::Db,
    path: PathBuf,
    layers: RwLock<Layers>,
    /// A write failed: what memory shows may never reach the disk.
    failed: AtomicBool,
    /// Names of blob files that are durable already; they never change once written.
    blobs_synced: Mutex<HashSet<OsString>>,
}

impl SledStore {
    /// Opens or creates the store in the folder `path`. Costs about a second a gigabyte.
    ///
    /// # Errors
    /// [`StoreError::Unopenable`] when the files are damaged (also when sled panics), [`StoreError::Locked`]
    /// when another handle holds them, [`StoreError::Io`] for the machine's trouble, such as a full disk.
    pub fn open(path: &Path, options: SledOptions) -> Result<Self, StoreError> {
        let deadline = Instant::now() + LOCK_WAIT_MAX;
        loop {
            match open_once(path, options) {
                Err(StoreError::Locked) if Instant::now() < deadline => std::thread::sleep(LOCK_POLL),
                Err(error) => return Err(error),
                Ok((db, layers)) => {
                    return Ok(Self {
                        db,
                        path: path.to_owned(),
                        layers: RwLock::new(layers),
                        failed: AtomicBool::new(false),
                        blobs_synced: Mutex::default(),
                    });
                }
            }
        }
    }

    /// Runs `body`, turning a panic of sled into an error.
    fn guarded<T>(&self, body: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failed.load(Ordering::SeqCst) {
            return Err(StoreError::Failed);
        }
        let outcome = catch_unwind(AssertUnwindSafe(body));
        let result = outcome.unwrap_or_else(|_panic| Err(panicked()));
        if result.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
        result
    }

    // They are replaced whole, so poison is of no interest.
    fn layers(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_layers(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What rows are loaded with; begun if need be.
    fn loader(&self) -> Result<Arc<BaseWriter>, StoreError> {
        let mut layers = self.change_layers();
        match &layers.below {
            Below::Loading(writer) => Ok(Arc::clone(writer)),
            Below::Nothing if layers.tree.is_empty() => {
                let writer = Arc::new(BaseWriter::create(&self.path)?);
                *layers = Layers::over(&self.db, Below::Loading(Arc::clone(&writer)))?;
                Ok(writer)
            }
            Below::Nothing | Below::Base(_) => Err(StoreError::NotEmpty),
        }
    }

    /// Fsyncs every file of the store: a second descriptor reaches the same file.
    fn sync_files(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                sync_file(&entry.path())?;
            }
        }
        let blobs = self.path.join(BLOBS);
        let mut synced = self.blobs_synced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = HashSet::new();
        for entry in fs::read_dir(&blobs)? {
            let name = entry?.file_name();
            if !synced.contains(&name) {
                sync_file(&blobs.join(&name))?;
            }
            present.insert(name);
        }
        *synced = present;
        sync_dir(&blobs)?;
        sync_dir(&self.path)
    }
}

/// A file that sled's own threads removed meanwhile needs no fsync.
fn sync_file(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

// The panic's text may quote rows, so it stays out of the error.
fn panicked() -> StoreError {
    StoreError::Damaged { reason: "the engine panicked".to_owned() }
}

fn open_once(path: &Path, options: SledOptions) -> Result<(sled::Db, Layers), StoreError> {
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(options.cache_bytes)
        .flush_every_ms(options.flush_every_ms);
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let db = config.open().map_err(while_opening)?;
        let layers = Layers::open(&db, path)?;
        // Damage in the first or the last leaf would come up later, in the middle of work.
        layers.tree.first().map_err(while_opening)?;
        layers.tree.last().map_err(while_opening)?;
        Ok((db, layers))
    }));
    opened.unwrap_or_else(|_panic| Err(StoreError::Unopenable { reason: "the engine panicked".to_owned() }))
}

/// Opens the store in `path`; one that will not open is renamed to `<name>.broken-<n>` and an empty one takes its
/// place. Then the second value is where the broken one went, and the caller rebuilds, loudly.
///
/// # Errors
/// As [`SledStore::open`]; damage only when even an empty store cannot be opened. A store that is locked or on a
/// full disk is left where it is.
pub fn open_or_move_aside(
    path: &Path,
    options: SledOptions,
) -> Result<(SledStore, Option<PathBuf>), StoreError> {
    match SledStore::open(path, options) {
        Ok(store) => Ok((store, None)),
        Err(StoreError::Unopenable { .. }) => {
            let aside = move_aside(path)?;
            Ok((SledStore::open(path, options)?, Some(aside)))
        }
        Err(error) => Err(error),
    }
}

fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a store needs a folder with a name"));
    };
    for number in 1..=BROKEN_COPIES_MAX {
        let mut broken = name.to_owned();
        broken.push(format!(".broken-{number}"));
        let aside = parent.join(broken);
        if !aside.try_exists()? {
            fs::rename(path, &aside)?;
            sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
            return Ok(aside);
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many broken copies beside the store"))
}

impl ViewStore for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.guarded(|| self.layers().get(key))
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        for batch in plan(commit) {
            self.guarded(|| {
                let layers = self.layers();
                let batch = layers.batch(batch)?;
                layers.tree.apply_batch(batch).map_err(while_in_use)
            })?;
        }
        Ok(())
    }

    fn load(&self, rows: Vec<(Key, Value)>) -> Result<(), StoreError> {
        self.guarded(|| {
            let writer = match &self.layers().below {
                Below::Loading(writer) => Some(Arc::clone(writer)),
                _ => None,
            };
            match writer {
                Some(writer) => writer.load(rows),
                None => self.loader()?.load(rows),
            }
        })
    }

    fn loaded(&self) -> Result<(), StoreError> {
        self.guarded(|| {
            let mut layers = self.change_layers();
            if let Below::Loading(writer) = &layers.below {
                let base = writer.finish()?;
                layers.below = Below::Base(Arc::new(base));
            }
            Ok(())
        })
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.guarded(|| self.layers().scan(from, to, limit, false))
    }

    fn scan_back(&self, from: &[u8], before: &[u8], limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.guarded(|| self.layers().scan(from, Some(before), limit, true))
    }

    /// Removes row by row: to empty a large store, make a new generation instead.
    fn wipe(&self) -> Result<(), StoreError> {
        self.guarded(|| {
            let mut layers = self.change_layers();
            layers.tree.clear().map_err(while_in_use)?;
            Base::remove(&self.path)?;
            *layers = Layers::open(&self.db, &self.path)?;
            Ok(())
        })
    }

    fn stats(&self) -> StoreStats {
        let of_sled = self.guarded(|| self.db.size_on_disk().map_err(while_in_use)).unwrap_or(0);
        StoreStats { bytes_on_disk: of_sled + self.layers().base().map_or(0, Base::bytes), rows: None }
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.guarded(|| self.db.flush().map(|_| ()).map_err(while_in_use))?;
        // After a failed fsync the kernel may have dropped the pages: the handle is of no use any more.
        self.sync_files().inspect_err(|_| self.failed.store(true, Ordering::SeqCst))?;
        Ok(())
    }
}
