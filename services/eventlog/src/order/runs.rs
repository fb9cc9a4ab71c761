//! The file of an order: which origin's records follow each other from which number on.
//!
//! A header and then runs of 24 bytes each, every one with a checksum over it and the one before. A run ends where the next one
//! begins; the last one is open and goes as far as its log, so a node with one busy origin writes nothing. Runs are synced before
//! anybody sees a number in them, so the end of an unfinished write was never relied on: it is cut off. Damage before runs
//! that were written later is told from that, and refused.

use std::{io, path::Path, sync::Arc};

use super::interleaved::OrderError;
use crate::{Disk, DiskFile, Origin, Position};

const MAGIC: &[u8; 8] = b"trbordr1";
/// Bytes of the header, and of each run.
const BYTES: u64 = 24;
/// Runs between marks: those after the last mark are in memory, others are read a block at a time. No more are written at
/// once, so an unfinished write is not longer.
pub(super) const BLOCK: usize = 512;
/// A disk writes these whole or not at all.
const SECTOR: u64 = 512;

/// Records of one origin in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The number of the first of them.
    pub number: u64,
    /// Where it stands.
    pub first: Position,
}

impl Run {
    /// `before` is the checksum of the run before it, 0 for the first.
    fn to_bytes(self, before: u32) -> [u8; BYTES as usize] {
        let mut out = [0; BYTES as usize];
        out[..4].copy_from_slice(&self.first.origin.0.to_be_bytes());
        out[4..12].copy_from_slice(&self.number.to_be_bytes());
        out[12..20].copy_from_slice(&self.first.sequence.to_be_bytes());
        let crc = crc32c::crc32c_append(before, &out[..20]);
        out[20..].copy_from_slice(&crc.to_be_bytes());
        out
    }

    fn crc(self, before: u32) -> u32 {
        let bytes = self.to_bytes(before);
        bytes.last_chunk().map_or(0, |crc| u32::from_be_bytes(*crc))
    }

    /// The run, and its checksum.
    fn of_bytes(bytes: &[u8], before: u32) -> Option<(Self, u32)> {
        let crc = u32::from_be_bytes(bytes.get(20..24)?.try_into().ok()?);
        if crc != crc32c::crc32c_append(before, bytes.get(..20)?) {
            return None;
        }
        let origin = Origin(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?));
        let number = u64::from_be_bytes(bytes.get(4..12)?.try_into().ok()?);
        let sequence = u64::from_be_bytes(bytes.get(12..20)?.try_into().ok()?);
        Some((Self { number, first: Position { origin, sequence } }, crc))
    }
}

/// The runs in these bytes, up to the first that is not good, and the last one's checksum.
fn parse(bytes: &[u8], mut crc: u32) -> (Vec<Run>, u32) {
    let mut runs = Vec::with_capacity(bytes.len() / BYTES as usize);
    for chunk in bytes.chunks_exact(BYTES as usize) {
        let Some((run, its)) = Run::of_bytes(chunk, crc) else { break };
        crc = its;
        runs.push(run);
    }
    (runs, crc)
}

/// How far each origin has come, by origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach(Vec<Position>);

impl Reach {
    /// The last sequence of an origin, 0 for none.
    pub fn of(&self, origin: Origin) -> u64 {
        self.0.iter().find(|p| p.origin == origin).map_or(0, |p| p.sequence)
    }

    /// Moves an origin by so many records.
    pub fn advance(&mut self, origin: Origin, records: u64) {
        if records == 0 {
            return;
        }
        match self.0.binary_search_by_key(&origin, |p| p.origin) {
            Ok(at) => self.0[at].sequence += records,
            Err(at) => self.0.insert(at, Position { origin, sequence: records }),
        }
    }

    /// Whether these positions cover it.
    pub fn within(&self, reached: &[Position]) -> bool {
        self.0.iter().all(|p| reached.iter().any(|r| r.origin == p.origin && r.sequence >= p.sequence))
    }

    pub fn into_positions(self) -> Vec<Position> {
        self.0
    }
}

/// Before the run of this index.
struct Mark {
    index: usize,
    number: u64,
    reach: Reach,
    /// The checksum of the run before.
    crc: u32,
}

/// All runs.
pub(super) struct Runs {
    file: Arc<dyn DiskFile>,
    marks: Vec<Mark>,
    /// The runs from the last mark on: at least one.
    tail: Vec<Run>,
    /// The last run's checksum.
    crc: u32,
    /// How far the runs before the last one reach.
    settled: Reach,
}

/// Runs between two marks, and how far all before them reach.
pub(super) struct Block<'a> {
    pub before: &'a Reach,
    /// The run before it has this checksum; none for the first block.
    crc: Option<u32>,
    pub runs: std::borrow::Cow<'a, [Run]>,
    /// Where the run after the last one begins; none if that is open.
    pub next: Option<u64>,
}

impl Runs {
    /// Opens the file, or makes one that begins with the node's own log, whose order the node had before.
    pub fn open(disk: &dyn Disk, path: &Path, node: Origin) -> Result<Self, OrderError> {
        let file: Arc<dyn DiskFile> = match disk.open(path) {
            Ok(file) => file.into(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::create(disk, path, node),
            Err(error) => return Err(error.into()),
        };
        let length = file.len()?;
        let mut head = [0; BYTES as usize];
        let read = file.read_at(0, &mut head)?;
        if head.starts_with(MAGIC) && head == header(node_of(&head)) && node_of(&head) != node {
            return Err(OrderError::Foreign);
        }
        let mut runs = Self::empty(Arc::clone(&file));
        let slots = length.saturating_sub(BYTES) / BYTES;
        if head[..read] == header(node) {
            runs.load(slots)?;
        }
        let good = runs.count() as u64;
        if good > 0 {
            runs.cut(good, length)?;
            return Ok(runs);
        }
        if length > 2 * BYTES {
            return Err(OrderError::Corrupt { run: 0 });
        }
        // A crash while it was made: nothing was numbered by it yet.
        tracing::warn!("the order's file does not read back; it is made again from the logs");
        disk.remove(path)?;
        Self::create(disk, path, node)
    }

    fn empty(file: Arc<dyn DiskFile>) -> Self {
        Self { file, marks: Vec::new(), tail: Vec::new(), crc: 0, settled: Reach::default() }
    }

    /// Takes the runs in up to the first that is not good.
    fn load(&mut self, slots: u64) -> Result<(), OrderError> {
        let file = Arc::clone(&self.file);
        let mut at = 0;
        while at < slots {
            let bytes = slots_of(&*file, at, slots)?;
            let (runs, _) = parse(&bytes, self.crc);
            for run in &runs {
                self.note(*run)?;
            }
            if runs.len() * (BYTES as usize) < bytes.len() {
                break;
            }
            at += runs.len() as u64;
        }
        Ok(())
    }

    /// Cuts off the end of an unfinished write, which is all that may follow the good runs.
    fn cut(&self, good: u64, length: u64) -> Result<(), OrderError> {
        let end = (1 + good) * BYTES;
        if length <= end {
            return Ok(());
        }
        let last = last_that_follows(&*self.file, good, (length - BYTES) / BYTES)?;
        let is_unfinished =
            |last: u64| Ok::<_, io::Error>(last < good + BLOCK as u64 && hole(&*self.file, end)?);
        if let Some(last) = last
            && !is_unfinished(last)?
        {
            return Err(OrderError::Corrupt { run: good });
        }
        tracing::warn!(bytes = length - end, "an unfinished end of the order's file is cut off");
        self.file.truncate(end)?;
        self.file.sync_data()?;
        Ok(())
    }

    fn create(disk: &dyn Disk, path: &Path, node: Origin) -> Result<Self, OrderError> {
        let dir = path.parent().unwrap_or(Path::new("."));
        disk.create_dir_all(dir)?;
        let file: Arc<dyn DiskFile> = disk.create(path)?.into();
        let first = Run { number: 1, first: Position { origin: node, sequence: 1 } };
        file.write_at(0, &[header(node), first.to_bytes(0)].concat())?;
        file.sync_data()?;
        disk.sync_dir(dir)?;
        let mut runs = Self::empty(file);
        runs.note(first)?;
        Ok(runs)
    }

    /// The next run in memory; refused if it does not follow the last one.
    fn note(&mut self, run: Run) -> Result<(), OrderError> {
        let index = self.count();
        let mut reach = self.settled.clone();
        let follows = match self.tail.last() {
            Some(last) if run.number > last.number => {
                reach.advance(last.first.origin, run.number - last.number);
                true
            }
            Some(_) => false,
            None => run.number == 1,
        };
        if !follows || reach.of(run.first.origin) + 1 != run.first.sequence {
            return Err(OrderError::Corrupt { run: index as u64 });
        }
        if self.tail.len() == BLOCK || self.tail.is_empty() {
            self.marks.push(Mark { index, number: run.number, reach: reach.clone(), crc: self.crc });
            self.tail.clear();
        }
        self.settled = reach;
        self.crc = run.crc(self.crc);
        self.tail.push(run);
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.marks.last().map_or(0, |mark| mark.index) + self.tail.len()
    }

    /// Where the next runs go, and their bytes.
    pub fn outgoing(&self, new: &[Run]) -> Outgoing {
        let at = (1 + self.count() as u64) * BYTES;
        let (mut bytes, mut crc) = (Vec::with_capacity(new.len() * BYTES as usize), self.crc);
        for run in new {
            bytes.extend(run.to_bytes(crc));
            crc = run.crc(crc);
        }
        Outgoing { file: Arc::clone(&self.file), at, bytes }
    }

    /// Takes in what was written.
    pub fn add(&mut self, new: &[Run]) -> Result<(), OrderError> {
        new.iter().try_for_each(|run| self.note(*run))
    }

    /// The run that is open.
    pub fn last(&self) -> Option<Run> {
        self.tail.last().copied()
    }

    /// The block that this number is in.
    pub fn block_of(&self, number: u64) -> io::Result<Block<'_>> {
        let after = self.marks.partition_point(|mark| mark.number <= number);
        self.block(after.saturating_sub(1))
    }

    /// The last block before which everything is covered by these positions.
    pub fn block_covered(&self, reached: &[Position]) -> io::Result<Block<'_>> {
        let after = self.marks.partition_point(|mark| mark.reach.within(reached));
        self.block(after.saturating_sub(1))
    }

    /// The last block before which the origin has not come to this sequence.
    pub fn block_before(&self, position: Position) -> io::Result<Block<'_>> {
        let before = |mark: &Mark| mark.reach.of(position.origin) < position.sequence;
        self.block(self.marks.partition_point(before).saturating_sub(1))
    }

    fn block(&self, at: usize) -> io::Result<Block<'_>> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the order's file does not read back");
        let mark = self.marks.get(at).ok_or_else(damaged)?;
        let crc = (at > 0).then_some(mark.crc);
        let Some(next) = self.marks.get(at + 1) else {
            return Ok(Block { before: &mark.reach, crc, runs: self.tail.as_slice().into(), next: None });
        };
        let mut bytes = vec![0; (next.index - mark.index) * BYTES as usize];
        let read = self.file.read_at((1 + mark.index as u64) * BYTES, &mut bytes)?;
        let (runs, _) = parse(&bytes[..read], mark.crc);
        if runs.len() != next.index - mark.index {
            return Err(damaged());
        }
        Ok(Block { before: &mark.reach, crc, runs: runs.into(), next: Some(next.number) })
    }
}

/// Runs before they are in the file.
pub(super) struct Outgoing {
    file: Arc<dyn DiskFile>,
    at: u64,
    bytes: Vec<u8>,
}

impl Outgoing {
    /// Makes them durable. Blocks.
    pub fn write(&self) -> io::Result<()> {
        self.file.write_at(self.at, &self.bytes)?;
        self.file.sync_data()
    }

    /// Takes back what a failed write may have left: after a crash it would read like runs.
    pub fn take_back(&self) -> io::Result<()> {
        self.file.truncate(self.at)?;
        self.file.sync_data()
    }
}

/// The bytes of at most a block of runs, from this one on.
fn slots_of(file: &dyn DiskFile, at: u64, slots: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; (slots - at).min(BLOCK as u64) as usize * BYTES as usize];
    let read = file.read_at((1 + at) * BYTES, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The last run behind a bad one that fits to the checksum before it, though that is not good itself.
fn last_that_follows(file: &dyn DiskFile, bad: u64, slots: u64) -> io::Result<Option<u64>> {
    let (mut at, mut before, mut last) = (bad, None, None);
    while at < slots {
        let bytes = slots_of(file, at, slots)?;
        if bytes.len() < BYTES as usize {
            break;
        }
        for slot in bytes.chunks_exact(BYTES as usize) {
            if before.is_some_and(|before| Run::of_bytes(slot, before).is_some()) {
                last = Some(at);
            }
            before = slot.last_chunk().map(|crc| u32::from_be_bytes(*crc));
            at += 1;
        }
    }
    Ok(last)
}

/// Whether the sector of this byte, or that of the run's end, was never written: a power cut leaves such holes in what was
/// not synced, before sectors that were written.
fn hole(file: &dyn DiskFile, from: u64) -> io::Result<bool> {
    let next = (from / SECTOR + 1) * SECTOR;
    let zeros = |from: u64, upto: u64| {
        let mut bytes = vec![0; (upto - from) as usize];
        let read = file.read_at(from, &mut bytes)?;
        Ok::<_, io::Error>(bytes[..read].iter().all(|byte| *byte == 0))
    };
    Ok(zeros(from, next)? || (from + BYTES > next && zeros(next, next + SECTOR)?))
}

/// The node that a header names.
fn node_of(head: &[u8; BYTES as usize]) -> Origin {
    Origin(head[8..12].first_chunk().map_or(0, |node| u32::from_be_bytes(*node)))
}

impl Block<'_> {
    /// Each run with the number that the next one begins at.
    pub fn spans(&self) -> impl Iterator<Item = (Run, Option<u64>)> + '_ {
        let nexts = self.runs.iter().skip(1).map(|run| Some(run.number)).chain([self.next]);
        self.runs.iter().copied().zip(nexts)
    }

    /// The checksum of all runs up to that of this number, which is in this block; 0 for the first run, which all orders of
    /// a node begin with.
    pub fn fingerprint(&self, number: u64) -> u32 {
        let upto = self.runs.iter().take_while(|run| run.number <= number);
        let (first, crc) = upto
            .fold((self.crc.is_none(), self.crc.unwrap_or_default()), |(first, crc), run| {
                (first && run.number == 1, run.crc(crc))
            });
        if first { 0 } else { crc }
    }

    /// How far the first `number` records reach; the number is in this block.
    pub fn reach(&self, number: u64) -> Reach {
        along(self.before.clone(), &self.runs, self.next, number)
    }
}

fn along(mut reach: Reach, runs: &[Run], next: Option<u64>, number: u64) -> Reach {
    for (at, run) in runs.iter().enumerate().take_while(|(_, run)| run.number <= number) {
        let end = runs.get(at + 1).map(|run| run.number).or(next).map_or(number, |next| number.min(next - 1));
        reach.advance(run.first.origin, end + 1 - run.number);
    }
    reach
}

fn header(node: Origin) -> [u8; BYTES as usize] {
    let mut out = [0; BYTES as usize];
    out[..8].copy_from_slice(MAGIC);
    out[8..12].copy_from_slice(&node.0.to_be_bytes());
    let crc = crc32c::crc32c(&out[..20]);
    out[20..].copy_from_slice(&crc.to_be_bytes());
    out
}
