//! The logs of several origins in the order in which this node met their records.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use tokio::sync::watch;

use super::{
    Order,
    runs::{BLOCK, Outgoing, Reach, Run, Runs},
};
use crate::{Disk, EventLog, Origin, Position, ReadError, ReadLimits, Record};

/// Records of one origin stay together while they are at most this much newer than the oldest of the others, in
/// microseconds: fewer runs, and still the order of time for whoever reads along.
const SLACK_MICROS: i64 = 100_000;
/// Records that one step numbers at most.
const STEP: usize = 65_536;

/// Why an order cannot be opened or go on.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The file is of another node.
    #[error("the order in this folder is that of another node")]
    Foreign,
    /// Runs do not read back.
    #[error("the order of this node's records is damaged at run {run}")]
    Corrupt {
        /// Runs before it are good.
        run: u64,
    },
    /// A log is not here, or shorter than what was numbered.
    #[error("the log of {origin} has been numbered up to {numbered}, but ends at {end}")]
    Shorter {
        /// Whose log.
        origin: Origin,
        /// What the order says.
        numbered: u64,
        /// What is there, 0 for nothing.
        end: u64,
    },
    /// A log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file system refused.
    #[error("the order's file could not be used: {0}")]
    Io(#[from] io::Error),
}

impl OrderError {
    /// A stable name for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Foreign => "order_foreign",
            Self::Corrupt { .. } => "order_corrupt",
            Self::Shorter { .. } => "log_ends_before_order",
            Self::Read(_) | Self::Io(_) => "order_io",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Foreign => "check data_dir: the folder `order` belongs to another node",
            Self::Corrupt { .. } => {
                "move the folder `order` and the store's folder aside: both are made again from the logs"
            }
            Self::Shorter { .. } => {
                "restore the log or the mirror it names; if its newest records are lost for good, move the folders \
                 `order` and of the store aside: both are made again from what is there"
            }
            Self::Read(_) | Self::Io(_) => {
                "check that the data folder can be read and written and that its disk has room"
            }
        }
    }
}

/// The order of a node that holds several logs. It numbers what is new with [`weave`](Self::weave), which somebody calls
/// whenever a log has grown.
pub struct Interleaved {
    own: Arc<dyn EventLog>,
    logs: RwLock<BTreeMap<Origin, Arc<dyn EventLog>>>,
    runs: RwLock<Runs>,
    last: watch::Sender<u64>,
    /// One weaves at a time; what a failed write left must be taken back before the next.
    weaving: Mutex<Option<Outgoing>>,
}

impl Interleaved {
    /// Opens the order in the file `path`, over the node's own log and the copies of others. A file that is not there is made,
    /// and begins with the own log.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub fn open(
        disk: &dyn Disk,
        path: &Path,
        own: Arc<dyn EventLog>,
        copies: impl IntoIterator<Item = Arc<dyn EventLog>>,
    ) -> Result<Self, OrderError> {
        let runs = Runs::open(disk, path, own.origin())?;
        let mut logs: BTreeMap<_, _> = copies.into_iter().map(|log| (log.origin(), log)).collect();
        logs.insert(own.origin(), Arc::clone(&own));
        let last = number_of_end(&runs, &logs)?;
        let order = Self {
            own,
            logs: RwLock::new(logs),
            runs: RwLock::new(runs),
            last: watch::Sender::new(last),
            weaving: Mutex::default(),
        };
        while order.weave()? > 0 {}
        Ok(order)
    }

    /// One more copy, of an origin that was not known before.
    pub fn add(&self, log: Arc<dyn EventLog>) {
        self.logs.write().unwrap_or_else(PoisonError::into_inner).entry(log.origin()).or_insert(log);
    }

    /// The logs it is over, by origin.
    #[must_use]
    pub fn logs(&self) -> BTreeMap<Origin, Arc<dyn EventLog>> {
        self.logs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Numbers what is new in the logs, the older first, and returns how many records that were: at most some 65,536. Blocks
    /// on the disk where the origin changes; readers do not wait for that.
    ///
    /// # Errors
    /// [`OrderError::Read`] and [`OrderError::Io`]; the next call goes on with what was not numbered.
    pub fn weave(&self) -> Result<u64, OrderError> {
        let mut left = self.weaving()?;
        let before = *self.last.borrow();
        let (open, reach) = self.open_run(before)?;
        let news = self.logs().into_values().filter(|log| log.end() > reach.of(log.origin()));
        let news: Vec<Arc<dyn EventLog>> = news.collect();
        let (new, last) = match &*news {
            [] => return Ok(0),
            [only] if Some(only.origin()) == open => {
                (Vec::new(), before + (only.end() - reach.of(only.origin())))
            }
            _ => in_turns(&news, &reach, open, before)?,
        };
        self.write(&new, &mut left)?;
        self.last.send_replace(last);
        Ok(last - before)
    }

    /// Numbers what is new in the log whose run is open, which needs no disk, and returns how many records that were. What is
    /// new in others waits for [`weave`](Self::weave).
    ///
    /// # Errors
    /// [`OrderError::Io`].
    pub fn weave_open(&self) -> Result<u64, OrderError> {
        let _one = self.weaving()?;
        let before = *self.last.borrow();
        let (open, reach) = self.open_run(before)?;
        let Some(log) = open.and_then(|origin| self.log(origin)) else { return Ok(0) };
        let new = log.end().saturating_sub(reach.of(log.origin()));
        if new > 0 {
            self.last.send_replace(before + new);
        }
        Ok(new)
    }

    /// Records that have no number yet.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let ends: u64 = self.ends().iter().map(|end| end.sequence).sum();
        ends.saturating_sub(self.last_number())
    }

    /// How often the origin changed so far: each costs a place in the file, and some of them one sync.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.runs().count() as u64
    }

    /// One at a time. Nothing gets a number while the file may hold runs that were never seen.
    fn weaving(&self) -> Result<MutexGuard<'_, Option<Outgoing>>, OrderError> {
        let mut left = self.weaving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outgoing) = &*left {
            outgoing.take_back()?;
            *left = None;
        }
        Ok(left)
    }

    /// Whose run is open, and how far each log is numbered.
    fn open_run(&self, last: u64) -> Result<(Option<Origin>, Reach), OrderError> {
        let runs = self.runs();
        Ok((runs.last().map(|run| run.first.origin), runs.block_of(last)?.reach(last)))
    }

    /// Makes runs durable, then lets readers see them.
    fn write(&self, new: &[Run], left: &mut Option<Outgoing>) -> Result<(), OrderError> {
        for (at, piece) in new.chunks(BLOCK).enumerate() {
            let outgoing = self.runs().outgoing(piece);
            if let Err(error) = outgoing.write() {
                if outgoing.take_back().is_err() {
                    *left = Some(outgoing);
                }
                return Err(error.into());
            }
            self.runs.write().unwrap_or_else(PoisonError::into_inner).add(piece)?;
            // Where a later piece fails, this one counts.
            if let Some(next) = new.get((at + 1) * BLOCK) {
                self.last.send_replace(next.number - 1);
            }
        }
        Ok(())
    }

    fn runs(&self) -> RwLockReadGuard<'_, Runs> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, origin: Origin) -> Option<Arc<dyn EventLog>> {
        self.logs.read().unwrap_or_else(PoisonError::into_inner).get(&origin).cloned()
    }

    /// Whose records have the numbers from `from` up to `upto`: origin, first sequence, how many.
    fn plan(&self, from: u64, upto: u64) -> io::Result<Vec<(Position, u64)>> {
        let (mut plan, mut next) = (Vec::new(), from);
        let runs = self.runs();
        while next <= upto {
            let block = runs.block_of(next)?;
            for (run, end) in block.spans() {
                let end = end.map_or(upto, |end| upto.min(end - 1));
                if end < next {
                    continue;
                }
                let sequence = run.first.sequence + (next - run.number);
                plan.push((Position { sequence, ..run.first }, end + 1 - next));
                next = end + 1;
            }
        }
        Ok(plan)
    }
}

/// The number of the last record of the open run.
fn number_of_end(runs: &Runs, logs: &BTreeMap<Origin, Arc<dyn EventLog>>) -> Result<u64, OrderError> {
    let end = |origin: Origin| logs.get(&origin).map_or(0, |log| log.end());
    let Some(open) = runs.last() else { return Ok(0) };
    let before = runs.block_of(open.number)?.reach(open.number - 1);
    for Position { origin, sequence } in before.into_positions() {
        if end(origin) < sequence {
            return Err(OrderError::Shorter { origin, numbered: sequence, end: end(origin) });
        }
    }
    let Position { origin, sequence } = open.first;
    if end(origin) + 1 < sequence {
        return Err(OrderError::Shorter { origin, numbered: sequence - 1, end: end(origin) });
    }
    Ok(open.number + end(origin) + 1 - sequence - 1)
}

/// What is new in each log, one run after the other by time: the runs, and the last number then.
fn in_turns(
    news: &[Arc<dyn EventLog>],
    reach: &Reach,
    mut open: Option<Origin>,
    before: u64,
) -> Result<(Vec<Run>, u64), OrderError> {
    let mut heads: Vec<Head<'_>> = news
        .iter()
        .map(|log| Head {
            log: &**log,
            next: reach.of(log.origin()) + 1,
            end: log.end(),
            read: VecDeque::new(),
        })
        .collect();
    let (mut runs, mut last) = (Vec::new(), before);
    while last - before < STEP as u64 {
        let mut stamps = Vec::with_capacity(heads.len());
        for (at, head) in heads.iter_mut().enumerate() {
            stamps.extend(head.stamp()?.map(|stamp| (stamp, head.log.origin(), at)));
        }
        let Some((_, origin, at)) = stamps.iter().min().copied() else { break };
        let others = stamps.iter().filter(|(_, o, _)| *o != origin).map(|(stamp, ..)| *stamp).min();
        let limit = others.map_or(i64::MAX, |stamp| stamp.saturating_add(SLACK_MICROS));
        let head = &mut heads[at];
        let first = Position { origin, sequence: head.next };
        if open != Some(origin) {
            runs.push(Run { number: last + 1, first });
            open = Some(origin);
        }
        while last - before < STEP as u64 && head.stamp()?.is_some_and(|stamp| stamp <= limit) {
            head.read.pop_front();
            head.next += 1;
            last += 1;
        }
    }
    Ok((runs, last))
}

/// The stamps of what is new in one log.
struct Head<'a> {
    log: &'a dyn EventLog,
    next: u64,
    end: u64,
    read: VecDeque<i64>,
}

impl Head<'_> {
    fn stamp(&mut self) -> Result<Option<i64>, ReadError> {
        if self.read.is_empty() && self.next <= self.end {
            let left = usize::try_from(self.end - self.next + 1).unwrap_or(usize::MAX);
            let limits = ReadLimits::default();
            let limits = ReadLimits { max_records: limits.max_records.min(left), ..limits };
            self.read = self.log.read(self.next, limits)?.iter().map(|record| record.recorded_at).collect();
        }
        Ok(self.read.front().copied())
    }
}

impl Order for Interleaved {
    fn node(&self) -> Origin {
        self.own.origin()
    }

    fn first_number(&self) -> u64 {
        let trimmed = self.logs().into_values().filter(|log| log.start() > 1);
        let first = trimmed.filter_map(|log| {
            let gone = Position { origin: log.origin(), sequence: log.start() - 1 };
            self.number_of(gone).ok()?.map(|number| number + 1)
        });
        first.max().unwrap_or(1)
    }

    fn last_number(&self) -> u64 {
        *self.last.borrow()
    }

    fn numbers(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    fn ends(&self) -> Vec<Position> {
        let logs = self.logs();
        logs.iter().map(|(origin, log)| Position { origin: *origin, sequence: log.end() }).collect()
    }

    fn newest_stamp(&self) -> i64 {
        self.logs().values().map(|log| log.last_recorded_at()).max().unwrap_or_default()
    }

    fn read_numbers(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        let last = self.last_number();
        if from > last || from == 0 {
            return Ok(Vec::new());
        }
        let upto = last.min(from + (limits.max_records.max(1) as u64 - 1));
        let plan = self.plan(from, upto)?;
        let mut left: BTreeMap<Origin, (u64, u64, VecDeque<Record>)> = BTreeMap::new();
        for (first, count) in &plan {
            left.entry(first.origin).or_insert((first.sequence, 0, VecDeque::new())).1 += count;
        }
        let (mut out, mut bytes) = (Vec::with_capacity((upto + 1 - from) as usize), 0);
        for (first, count) in plan {
            let Some((next, wanted, read)) = left.get_mut(&first.origin) else { continue };
            for _ in 0..count {
                if read.is_empty() {
                    let log = self.log(first.origin).ok_or_else(|| io::Error::other("a log is not here"))?;
                    let max_records = usize::try_from(*wanted).unwrap_or(usize::MAX);
                    *read = log.read(*next, ReadLimits { max_records, ..limits })?.into();
                }
                let Some(record) = read.pop_front() else { return Ok(out) };
                (*next, *wanted) = (*next + 1, *wanted - 1);
                bytes += record.payload.len();
                if bytes > limits.max_bytes && !out.is_empty() {
                    return Ok(out);
                }
                out.push(record);
            }
        }
        Ok(out)
    }

    fn record_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        self.log(position.origin).map_or(Ok(None), |log| log.get(position.sequence))
    }

    fn reach(&self, number: u64) -> Result<Vec<Position>, ReadError> {
        Ok(self.runs().block_of(number)?.reach(number).into_positions())
    }

    fn fingerprint(&self, number: u64) -> Result<u32, ReadError> {
        Ok(self.runs().block_of(number)?.fingerprint(number))
    }

    fn covered(&self, reached: &[Position]) -> Result<u64, ReadError> {
        let (runs, last) = (self.runs(), self.last_number());
        let mut covered = 0;
        for (run, next) in runs.block_covered(reached)?.spans() {
            let upto = reached.iter().find(|p| p.origin == run.first.origin).map_or(0, |p| p.sequence);
            let of_run = (upto + 1).saturating_sub(run.first.sequence);
            let length = next.map_or(u64::MAX, |next| next - run.number);
            covered = run.number - 1 + of_run.min(length);
            if of_run < length {
                break;
            }
        }
        Ok(covered.min(last))
    }

    fn number_of(&self, position: Position) -> Result<Option<u64>, ReadError> {
        if position.sequence == 0 {
            return Ok(None);
        }
        let (runs, last) = (self.runs(), self.last_number());
        for (run, next) in runs.block_before(position)?.spans() {
            let length = next.map_or(u64::MAX, |next| next - run.number);
            if run.first.origin == position.origin
                && let Some(at) = position.sequence.checked_sub(run.first.sequence)
                && at < length
            {
                let number = run.number + at;
                return Ok((number <= last).then_some(number));
            }
        }
        Ok(None)
    }
}
