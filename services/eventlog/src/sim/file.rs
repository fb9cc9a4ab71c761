//! One simulated file: what reads see, what a power cut cannot take, and which sectors are in between.

use std::collections::BTreeSet;

use super::Random;

pub(super) const SECTOR_BYTES: usize = 512;

#[derive(Clone, Default)]
pub(super) struct SimFile {
    pub volatile: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl SimFile {
    pub fn durable(contents: Vec<u8>) -> Self {
        Self { volatile: contents.clone(), durable: contents, dirty: BTreeSet::new() }
    }

    pub fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.volatile.len());
        let len = into.len().min(self.volatile.len() - from);
        into[..len].copy_from_slice(&self.volatile[from..from + len]);
        len
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let from = usize::try_from(offset).expect("simulated files are small");
        let to = from + bytes.len();
        if self.volatile.len() < to {
            self.volatile.resize(to, 0);
        }
        self.volatile[from..to].copy_from_slice(bytes);
        self.dirty.extend(from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES));
    }

    pub fn truncate(&mut self, len: u64) {
        self.volatile.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        let sectors = self.volatile.len().div_ceil(SECTOR_BYTES);
        self.dirty.retain(|sector| *sector < sectors);
    }

    pub fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.settle(sector, SECTOR_BYTES);
        }
        self.durable.resize(self.volatile.len(), 0);
    }

    /// Some sectors are written, the others pass for clean from now on: no later sync writes them.
    pub fn sync_badly(&mut self, random: &mut Random) {
        for sector in std::mem::take(&mut self.dirty) {
            if random.one_in(2) {
                self.settle(sector, SECTOR_BYTES);
            }
        }
    }

    /// Chooses what the power cut left: nothing, all, a prefix, or any subset of the unsynced sectors, the
    /// last of them torn or not.
    pub fn crash(&mut self, random: &mut Random) {
        let dirty: Vec<usize> = std::mem::take(&mut self.dirty).into_iter().collect();
        let kept: Vec<usize> = match random.below(4) {
            0 => Vec::new(),
            1 => dirty,
            2 => {
                let len = random.below(dirty.len() as u64 + 1) as usize;
                dirty[..len].to_vec()
            }
            _ => dirty.into_iter().filter(|_| random.one_in(2)).collect(),
        };
        let torn = random.one_in(2);
        for (number, sector) in kept.iter().enumerate() {
            let last = number + 1 == kept.len();
            let bytes = if torn && last { random.below(SECTOR_BYTES as u64) as usize } else { SECTOR_BYTES };
            self.settle(*sector, bytes);
        }
        if random.one_in(2) {
            // The new length was written although not every sector was.
            self.durable.resize(self.volatile.len(), 0);
        }
        self.volatile = self.durable.clone();
    }

    /// The first `bytes` of a sector reach the disk.
    fn settle(&mut self, sector: usize, bytes: usize) {
        let from = (sector * SECTOR_BYTES).min(self.volatile.len());
        let to = (from + bytes).min(self.volatile.len());
        if self.durable.len() < to {
            self.durable.resize(to, 0);
        }
        self.durable[from..to].copy_from_slice(&self.volatile[from..to]);
    }
}
