//! The simulated disk's names, counters and faults.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;

use super::Random;
use super::file::SimFile;

/// Kinds of calls that faults are placed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Creating, allocating, writing, renaming: what a full disk refuses.
    Write,
    /// Syncing a file or a folder.
    Sync,
    /// Removing and shortening.
    Other,
}

/// A call that fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Which kind.
    pub call: Call,
    /// Which one, as [`SimDisk::counted`](super::SimDisk::counted) counts: 1 is the first ever.
    pub nth: u64,
    /// All later ones of the kind fail as well.
    pub lasting: bool,
    /// The error number, [`ENOSPC`](super::ENOSPC) or [`EIO`](super::EIO).
    pub error: i32,
}

#[derive(Debug, Clone)]
pub(super) enum NameOp {
    Create(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Clone)]
pub(super) struct State {
    pub files: HashMap<u64, SimFile>,
    pub names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Since the folder was last synced.
    name_ops: Vec<NameOp>,
    pub boot: u64,
    pub calls: u64,
    writes: u64,
    syncs: u64,
    pub power_ends_at: Option<u64>,
    off: bool,
    pub faults: Vec<Fault>,
    pub random: Random,
}

impl State {
    pub fn new(seed: u64) -> Self {
        Self {
            files: HashMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_ops: Vec::new(),
            boot: 0,
            calls: 0,
            writes: 0,
            syncs: 0,
            power_ends_at: None,
            off: false,
            faults: Vec::new(),
            random: Random::new(seed),
        }
    }

    pub fn powered(&self) -> io::Result<()> {
        if self.off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    pub fn counted(&self, call: Call) -> u64 {
        match call {
            Call::Write => self.writes,
            Call::Sync => self.syncs,
            Call::Other => self.calls - self.writes - self.syncs,
        }
    }

    /// Counts a changing call and decides whether it fails.
    pub fn changing(&mut self, call: Call) -> io::Result<()> {
        self.powered()?;
        self.calls += 1;
        match call {
            Call::Write => self.writes += 1,
            Call::Sync => self.syncs += 1,
            Call::Other => {}
        }
        if self.power_ends_at.is_some_and(|at| self.calls >= at) {
            self.off = true;
            return Err(io::Error::other("the power went"));
        }
        let number = self.counted(call);
        let fault = self.faults.iter().find(|fault| {
            fault.call == call && (fault.nth == number || (fault.lasting && fault.nth <= number))
        });
        fault.map_or(Ok(()), |fault| Err(io::Error::from_raw_os_error(fault.error)))
    }

    pub fn new_file(&mut self) -> u64 {
        let file = self.files.len() as u64;
        self.files.insert(file, SimFile::default());
        file
    }

    pub fn file(&mut self, file: u64) -> &mut SimFile {
        self.files.entry(file).or_default()
    }

    pub fn sync_file(&mut self, file: u64, well: bool) {
        let off = self.off;
        let Some(sim_file) = self.files.get_mut(&file) else { return };
        if well {
            sim_file.sync();
        } else if !off {
            sim_file.sync_badly(&mut self.random);
        }
    }

    pub fn apply(&mut self, op: NameOp) {
        rename(&mut self.names, &op);
        self.name_ops.push(op);
    }

    pub fn sync_names(&mut self) {
        self.durable_names = self.names.clone();
        self.name_ops.clear();
    }

    pub fn restart(&mut self, random: &mut Random) {
        let mut files: Vec<&u64> = self.files.keys().collect();
        files.sort_unstable();
        for file in files.into_iter().copied().collect::<Vec<_>>() {
            self.file(file).crash(random);
        }
        let ops = std::mem::take(&mut self.name_ops);
        let prefix = random.below(ops.len() as u64 + 1) as usize;
        let subset = random.one_in(2);
        for (number, op) in ops.iter().enumerate() {
            if if subset { random.one_in(2) } else { number < prefix } {
                rename(&mut self.durable_names, op);
            }
        }
        self.names = self.durable_names.clone();
        self.power_on();
    }

    pub fn power_on(&mut self) {
        self.off = false;
        self.power_ends_at = None;
        self.boot += 1;
    }
}

fn rename(names: &mut BTreeMap<PathBuf, u64>, op: &NameOp) {
    match op {
        NameOp::Create(path, file) => {
            names.insert(path.clone(), *file);
        }
        NameOp::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        NameOp::Remove(path) => {
            names.remove(path);
        }
    }
}
