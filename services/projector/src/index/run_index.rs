//! The index as its users see it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::manifest::{Manifest, RunEntry};
use super::memory::Memory;
use super::merge::{Source, merge, runs_to_merge};
use super::run::Run;
use super::scan::Scan;
use super::slot::{IndexValue, Slot, VALUE_LEN_MAX};
use super::writer::RunWriter;
use super::{IndexError, IndexKey, KeyPrefix};
use crate::store::sync_dir;

/// Longest mark: a set of positions, one for each origin.
pub const MARK_BYTES_MAX: usize = 64 << 10;

/// Sizes of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// Bytes of the run files.
    pub bytes_on_disk: u64,
    /// Bytes in memory: filters, first keys, and what no checkpoint has written yet.
    pub bytes_in_memory: usize,
    /// Number of runs.
    pub runs: usize,
    /// Entries in the runs; a key that was overwritten or removed may count several times.
    pub entries: u64,
}

/// A sorted-run index. All methods take `&self`: one thread writes, that or another one makes checkpoints, any thread may
/// read meanwhile, and nobody waits for a checkpoint's disk work. What is written during a checkpoint is in the next one.
pub struct RunIndex {
    dir: PathBuf,
    name: String,
    value_len: u16,
    state: RwLock<State>,
    /// Number of the next run; held for the length of a checkpoint.
    next_run: Mutex<u64>,
}

/// What lookups see.
struct State {
    memory: Memory,
    /// What a checkpoint is writing at the moment.
    frozen: Option<Arc<Memory>>,
    /// Newest first.
    runs: Arc<[Arc<Run>]>,
    mark: Option<Vec<u8>>,
}

impl State {
    /// Puts what a failed checkpoint could not write back under what came since.
    fn thaw(&mut self) {
        if let Some(frozen) = self.frozen.take() {
            let mut whole = Memory::new(self.memory.value_len());
            whole.absorb(&frozen);
            whole.absorb(&self.memory);
            self.memory = whole;
        }
    }

    fn freeze(&mut self) -> Arc<Memory> {
        self.thaw();
        let empty = Memory::new(self.memory.value_len());
        let frozen = Arc::new(std::mem::replace(&mut self.memory, empty));
        self.frozen = Some(Arc::clone(&frozen));
        frozen
    }
}

impl RunIndex {
    /// Opens the index `name` in `dir`, or starts an empty one, with values of `value_len` bytes. Files that a
    /// crash left behind are removed.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`], [`IndexError::Format`] or [`IndexError::ValueLen`] when the files cannot be used:
    /// then [`RunIndex::remove_files`] and rebuild. [`IndexError::Settings`] for a name other than lower-case
    /// letters, digits and `_`, or a value length over [`VALUE_LEN_MAX`].
    pub fn open(dir: &Path, name: &str, value_len: usize) -> Result<Self, IndexError> {
        check_name(name)?;
        let value_len = u16::try_from(value_len).ok().filter(|len| usize::from(*len) <= VALUE_LEN_MAX);
        let value_len = value_len.ok_or(IndexError::Settings("values are too long"))?;
        fs::create_dir_all(dir)?;
        let manifest_path = dir.join(manifest_name(name));
        let manifest = Manifest::read(&manifest_path)?;
        if let Some(other) = manifest.as_ref().filter(|manifest| manifest.value_len != value_len) {
            return Err(IndexError::ValueLen { file: manifest_name(name), found: other.value_len });
        }
        let entries = manifest.as_ref().map_or(&[][..], |manifest| &manifest.runs);
        let runs =
            entries.iter().map(|entry| open_run(dir, name, entry, value_len)).collect::<Result<_, _>>()?;
        remove_strays(dir, name, entries)?;
        let next_run = manifest.as_ref().map_or(1, |manifest| manifest.next_run);
        let mark = manifest.map(|manifest| manifest.mark);
        let memory = Memory::new(usize::from(value_len));
        let state = RwLock::new(State { memory, frozen: None, runs, mark });
        Ok(Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            value_len,
            state,
            next_run: Mutex::new(next_run),
        })
    }

    /// Removes every file of the index `name` in `dir`, so that it can be rebuilt. Do not call it while it is open.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn remove_files(dir: &Path, name: &str) -> Result<(), IndexError> {
        check_name(name)?;
        match fs::remove_file(dir.join(manifest_name(name))) {
            // The manifest goes first: without it the runs are strays.
            Ok(()) => sync_dir(dir)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        if dir.is_dir() { remove_strays(dir, name, &[]) } else { Ok(()) }
    }

    /// The value under `key`. An absent key costs a look at one cache line a run; a present one, one read.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] when a block that was read is damaged; a wrong value is never returned.
    pub fn get(&self, key: &IndexKey) -> Result<Option<IndexValue>, IndexError> {
        let runs = {
            let state = self.read();
            let recent = state.memory.get(key).or_else(|| state.frozen.as_ref()?.get(key));
            if let Some(slot) = recent {
                return Ok(slot.value());
            }
            Arc::clone(&state.runs)
        };
        for run in &*runs {
            if let Some(slot) = run.get(key)? {
                return Ok(slot.value());
            }
        }
        Ok(None)
    }

    /// The keys that begin with these eight bytes and have a value, sorted. Costs a read for each run.
    ///
    /// # Errors
    /// As for [`RunIndex::get`].
    pub fn beginning(&self, prefix: KeyPrefix) -> Result<Vec<IndexKey>, IndexError> {
        let mut known: BTreeMap<IndexKey, Slot> = BTreeMap::new();
        let runs = {
            let state = self.read();
            for memory in std::iter::once(&state.memory).chain(state.frozen.as_deref()) {
                memory.beginning(prefix).for_each(|(key, slot)| {
                    known.entry(key).or_insert(slot);
                });
            }
            Arc::clone(&state.runs)
        };
        for run in &*runs {
            for (key, slot) in run.beginning(prefix)? {
                known.entry(key).or_insert(slot);
            }
        }
        Ok(known.into_iter().filter(|(_, slot)| slot.value().is_some()).map(|(key, _)| key).collect())
    }

    /// Sets a value, in memory.
    ///
    /// # Panics
    /// When the value has another length than the index was opened with.
    pub fn put(&self, key: IndexKey, value: &[u8]) {
        assert_eq!(value.len(), usize::from(self.value_len), "length of an index value");
        self.write().memory.set(key, Some(value));
    }

    /// Sets a value, in memory, unless the key has one already.
    ///
    /// # Errors
    /// As for [`RunIndex::get`].
    ///
    /// # Panics
    /// When the value has another length than the index was opened with.
    pub fn put_new(&self, key: IndexKey, value: &[u8]) -> Result<(), IndexError> {
        assert_eq!(value.len(), usize::from(self.value_len), "length of an index value");
        let mut state = self.write();
        if state.runs.is_empty() && state.frozen.is_none() {
            state.memory.set_new(key, value);
            return Ok(());
        }
        drop(state);
        if self.get(&key)?.is_none() {
            self.write().memory.set(key, Some(value));
        }
        Ok(())
    }

    /// Makes room in memory for so many new keys, so that many writes do not move the old ones again and again.
    pub fn reserve(&self, keys: usize) {
        self.write().memory.reserve(keys);
    }

    /// Removes a key, in memory.
    pub fn remove(&self, key: IndexKey) {
        self.write().memory.set(key, None);
    }

    /// Makes everything put or removed before the call durable, together with `mark`, which says up to where the
    /// caller has read. Merges runs when it is time to, so a call may take as long as rewriting the index.
    ///
    /// # Errors
    /// On an error nothing is lost: memory keeps what was not written, and the old mark counts. What is on disk
    /// after a failure is the old state or the new one, whole.
    pub fn checkpoint(&self, mark: &[u8]) -> Result<(), IndexError> {
        if mark.len() > MARK_BYTES_MAX {
            return Err(IndexError::Settings("the mark is too long"));
        }
        let mut next_run = self.next_run.lock().unwrap_or_else(PoisonError::into_inner);
        let (frozen, runs) = {
            let mut state = self.write();
            (state.freeze(), Arc::clone(&state.runs))
        };
        let persisted = self.persist(&mut next_run, &frozen, &runs, mark);
        let mut state = self.write();
        match persisted {
            Ok(kept) => {
                state.frozen = None;
                state.mark = Some(mark.to_vec());
                state.runs = kept.into();
                for run in runs.iter().filter(|run| !state.runs.iter().any(|kept| kept.number == run.number))
                {
                    // Readers that still hold the run keep reading; a file that stays is removed at the next open.
                    let _ = fs::remove_file(&run.path);
                }
                Ok(())
            }
            Err(error) => {
                state.thaw();
                Err(error)
            }
        }
    }

    /// The mark of the last checkpoint; `None` when there was none.
    #[must_use]
    pub fn mark(&self) -> Option<Vec<u8>> {
        self.read().mark.clone()
    }

    /// Keys that were put or removed and are in no checkpoint yet.
    #[must_use]
    pub fn len_memory(&self) -> usize {
        let state = self.read();
        state.memory.len() + state.frozen.as_ref().map_or(0, |frozen| frozen.len())
    }

    /// Sizes.
    #[must_use]
    pub fn stats(&self) -> IndexStats {
        let state = self.read();
        let frozen = state.frozen.as_ref().map_or(0, |frozen| frozen.bytes());
        IndexStats {
            bytes_on_disk: state.runs.iter().map(|run| run.file_len).sum(),
            bytes_in_memory: state.runs.iter().map(|run| run.memory_bytes()).sum::<usize>()
                + state.memory.bytes()
                + frozen,
            runs: state.runs.len(),
            entries: state.runs.iter().map(|run| run.layout.count).sum(),
        }
    }

    /// Writes the new run, if any, and the manifest. Returns the runs that count from now on.
    fn persist(
        &self,
        next_run: &mut u64,
        memory: &Memory,
        runs: &[Arc<Run>],
        mark: &[u8],
    ) -> Result<Vec<Arc<Run>>, IndexError> {
        let mut kept = runs.to_vec();
        if memory.len() > 0 {
            let counts: Vec<u64> = runs.iter().map(|run| run.layout.count).collect();
            let merged = runs_to_merge(memory.len() as u64, &counts);
            let number = *next_run;
            // Also used up by a failure: a manifest that was renamed but not synced may name this run.
            *next_run += 1;
            let (merging, older) = runs.split_at_checked(merged).unwrap_or((runs, &[]));
            let run = self.write_run(number, memory, merging, older.is_empty())?;
            kept = run.into_iter().chain(older.iter().cloned()).collect();
        }
        let entry = |run: &Arc<Run>| RunEntry {
            number: run.number,
            count: run.layout.count,
            footer_crc: run.footer_crc,
        };
        let manifest = Manifest {
            value_len: self.value_len,
            next_run: *next_run,
            mark: mark.to_vec(),
            runs: kept.iter().map(entry).collect(),
        };
        manifest.write(&self.dir, &manifest_name(&self.name))?;
        Ok(kept)
    }

    /// Merges memory and runs into one run; `None` when nothing is left of them.
    fn write_run(
        &self,
        number: u64,
        memory: &Memory,
        merging: &[Arc<Run>],
        drop_removed: bool,
    ) -> Result<Option<Arc<Run>>, IndexError> {
        let path = self.dir.join(run_name(&self.name, number));
        let entries_max = memory.len() as u64 + merging.iter().map(|run| run.layout.count).sum::<u64>();
        let mut out = RunWriter::create(&path, self.value_len, entries_max)?;
        let mut sources: Vec<Source<'_>> = vec![Box::new(memory.sorted().map(Ok))];
        sources.extend(merging.iter().map(|run| Box::new(Scan::new(run)) as Source<'_>));
        merge(sources, drop_removed, &mut out)?;
        if !out.finish(&path)? {
            return Ok(None);
        }
        // The name must be durable before a manifest refers to it.
        sync_dir(&self.dir)?;
        Run::open(&path, number, self.value_len).map(|run| Some(Arc::new(run)))
    }

    // No panic can leave the state half-changed, so poison is of no interest.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_name(name: &str) -> Result<(), IndexError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(IndexError::Settings("the name is not made of lower-case letters, digits and _"))
    }
}

fn manifest_name(name: &str) -> String {
    format!("{name}.manifest")
}

fn run_name(name: &str, number: u64) -> String {
    format!("{name}-{number}.run")
}

/// Opens a run and compares it with what the manifest says about it.
fn open_run(dir: &Path, name: &str, entry: &RunEntry, value_len: u16) -> Result<Arc<Run>, IndexError> {
    let path = dir.join(run_name(name, entry.number));
    let run = Run::open(&path, entry.number, value_len)?;
    if (run.layout.count, run.footer_crc) == (entry.count, entry.footer_crc) {
        Ok(Arc::new(run))
    } else {
        Err(IndexError::corrupt(&path, "identity"))
    }
}

/// Removes runs of this index that the manifest does not name, and temporary files.
fn remove_strays(dir: &Path, name: &str, runs: &[RunEntry]) -> Result<(), IndexError> {
    let prefix = format!("{name}-");
    for file in fs::read_dir(dir)? {
        let file = file?;
        let Some(rest) =
            file.file_name().to_str().and_then(|file| file.strip_prefix(&prefix)).map(str::to_owned)
        else {
            continue;
        };
        let (number, suffix) = rest.split_once('.').unwrap_or((&rest, ""));
        let Ok(number) = number.parse::<u64>() else { continue };
        let named = runs.iter().any(|run| run.number == number);
        if suffix == "run.tmp" || (suffix == "run" && !named) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}
