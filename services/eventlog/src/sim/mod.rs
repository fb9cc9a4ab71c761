//! A disk in memory that loses what was not synced, for tests of this crate and of those above it.
//!
//! Every file has a volatile and a durable half, told apart by sectors of 512 bytes; names are durable only
//! after their folder was synced. A power cut keeps any part of what was not synced, down to torn sectors.
//! A failed sync marks what it did not write as clean, as real kernels do: it reads back until the power
//! goes. Same seed and same calls, same disk.

mod file;
mod random;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use random::Random;
pub use state::{Call, Fault};

use crate::{Disk, DiskFile};
use state::{NameOp, State};

/// The error number of a full disk.
pub const ENOSPC: i32 = 28;
/// The error number of a broken disk.
pub const EIO: i32 = 5;

/// The disk. Clones are the same disk; [`fork`](SimDisk::fork) makes another one.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed))) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the disk as it is now; open files belong to the original.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().clone())) }
    }

    /// Cuts the power in the middle of the `calls`-th changing call from now on, counting from 1.
    pub fn cut_power_after(&self, calls: u64) {
        let mut state = self.state();
        state.power_ends_at = Some(state.calls + calls);
    }

    /// Changing calls so far: creations, writes, renames, removals and syncs.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Writes and syncs so far, to place faults.
    #[must_use]
    pub fn counted(&self, call: Call) -> u64 {
        self.state().counted(call)
    }

    /// Makes a call fail, in addition to earlier faults.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// No faults from now on.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// The power goes, and comes back: any part of what was not synced may have reached the disk, chosen by
    /// the seed. Files opened before are of no use any more.
    pub fn restart(&self, seed: u64) {
        self.state().restart(&mut Random::new(seed));
    }

    /// Only the process died, after [`cut_power_after`](Self::cut_power_after) or without: what it wrote reads
    /// back, and what it did not sync is no more durable than before. Its open files are gone.
    pub fn restart_process(&self) {
        self.state().power_on();
    }

    /// The contents of a file, to damage them.
    ///
    /// # Panics
    /// When there is no such file.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files[&state.names[path]].volatile.clone()
    }

    /// Replaces the contents of a file, durably.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn set_contents(&self, path: &Path, contents: Vec<u8>) {
        let mut state = self.state();
        let file = state.names[path];
        state.files.insert(file, file::SimFile::durable(contents));
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        // Folders are not modelled: the log has one, made before the first record.
        self.state().powered()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.changing(Call::Write)?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.new_file();
        state.apply(NameOp::Create(path.to_owned(), file));
        Ok(self.handle(&state, file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.powered()?;
        let file = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(&state, file))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.powered()?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing(Call::Write)?;
        state.apply(NameOp::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing(Call::Other)?;
        state.apply(NameOp::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing(Call::Sync)?;
        state.sync_names();
        Ok(())
    }
}

impl SimDisk {
    fn handle(&self, state: &State, file: u64) -> Box<dyn DiskFile> {
        Box::new(Handle { disk: self.clone(), file, boot: state.boot })
    }
}

struct Handle {
    disk: SimDisk,
    file: u64,
    boot: u64,
}

impl Handle {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        state.powered()?;
        if state.boot != self.boot {
            return Err(io::Error::other("opened before the power cut"));
        }
        Ok(state)
    }
}

impl DiskFile for Handle {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.state()?;
        Ok(state.files[&self.file].read(offset, into))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        let failed = state.changing(Call::Write);
        let written = match &failed {
            Ok(()) => bytes.len(),
            Err(_) => state.random.below(bytes.len() as u64 + 1) as usize,
        };
        state.file(self.file).write(offset, &bytes[..written]);
        failed
    }

    fn allocate(&self, to: u64) -> io::Result<()> {
        let mut state = self.state()?;
        let failed = state.changing(Call::Write);
        let file = state.file(self.file);
        let missing = usize::try_from(to).unwrap_or(0).saturating_sub(file.volatile.len());
        let written = if failed.is_ok() { missing } else { missing / 2 };
        let at = file.volatile.len() as u64;
        file.write(at, &vec![0; written]);
        failed
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        let failed = state.changing(Call::Sync);
        state.sync_file(self.file, failed.is_ok());
        failed
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.files[&self.file].volatile.len() as u64)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.changing(Call::Other)?;
        state.file(self.file).truncate(len);
        Ok(())
    }
}

/// A path on a simulated disk; any will do.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from("/log")
}
