//! One consumer's life: what it brings goes into the copies, and what it brings of our own log is compared.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    Arrived, Incoming, MirrorError, Mirrors, NotOurs, Pipe, PipeError, Place, Stopped, reorder::Reorder,
};
use crate::{
    CopyError, EventLog as _, Origin, Position, ReadError, Record,
    copy::{Twin, differing},
};

/// The place is written this often: a restart reads again what came after.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// The consumer is torn down and made anew where the stream goes on and nothing comes for so long.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// What came while something was written is written together, and so is what comes within this time: each write costs a sync.
/// What comes after a pause does not wait.
const TOGETHER: Duration = Duration::from_millis(5);
const AHEAD_MAX: usize = 4_096;
const AHEAD_BYTES_MAX: usize = 8 << 20;
/// Records of our own log are compared so many together, or after so long: they come back while we send.
const OWN_MAX: usize = 1_024;
const OWN_WAIT: Duration = Duration::from_millis(200);

pub(super) struct Reading<'a> {
    mirrors: &'a Mirrors,
    place: Place,
    /// The newest message of each partition.
    newest: BTreeMap<u32, u64>,
    /// The end of each partition when the reading began.
    goal: BTreeMap<u32, u64>,
    waiting: BTreeMap<Origin, Waiting>,
    /// What came back of our own log and was not compared yet, and since when.
    own: Vec<Twin>,
    own_since: Instant,
}

/// What goes into a copy.
struct Ready {
    /// Where the copy ends with these.
    end: u64,
    records: Vec<Record>,
}

/// What waits for its predecessors.
struct Waiting {
    /// What it came by.
    partition: u32,
    records: Reorder,
    /// Where the copy ended when it was looked at, and since when; none where nothing waits.
    since: Option<(u64, Instant)>,
}

impl<'a> Reading<'a> {
    pub fn new(mirrors: &'a Mirrors, place: Place, goal: BTreeMap<u32, u64>) -> Self {
        Self {
            mirrors,
            newest: place.read.clone(),
            place,
            goal,
            waiting: BTreeMap::new(),
            own: Vec::new(),
            own_since: Instant::now(),
        }
    }

    /// Everything up to here is copied.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns where the consumer stalled.
    pub async fn run(mut self, pipe: &dyn Pipe, incoming: Box<dyn Incoming>) -> Result<(), MirrorError> {
        let mut incoming = Ahead::start(incoming);
        let (mut saved, mut heard) = (Instant::now(), Instant::now());
        self.reached();
        loop {
            let quiet = STALLED_AFTER.saturating_sub(heard.elapsed());
            let wait = self.until_gap().map_or(quiet, |gap| gap.min(quiet));
            let wait = if self.own.is_empty() { wait } else { wait.min(OWN_WAIT) };
            match tokio::time::timeout(wait, incoming.next()).await {
                Ok(arrived) => {
                    let arrived = arrived?;
                    heard = Instant::now();
                    for message in &arrived {
                        self.newest.insert(message.partition, message.number);
                    }
                    self.take(arrived).await?;
                    self.advance();
                    self.look_for_gaps().await?;
                    self.reached();
                }
                Err(_) if heard.elapsed() < STALLED_AFTER => {
                    self.compare_due().await?;
                    self.look_for_gaps().await?;
                }
                Err(_) => {
                    heard = Instant::now();
                    let held = pipe.state().await?.held;
                    let behind =
                        |(p, (_, end)): (&u32, &(u64, u64))| *end > self.newest.get(p).copied().unwrap_or(0);
                    if held.iter().any(behind) {
                        return Ok(());
                    }
                }
            }
            if saved.elapsed() >= SAVE_EVERY {
                self.mirrors.place.write_aside(&self.place).await;
                saved = Instant::now();
            }
        }
    }

    async fn take(&mut self, arrived: Vec<Arrived>) -> Result<(), MirrorError> {
        let mut ready: BTreeMap<Origin, Ready> = BTreeMap::new();
        for Arrived { partition, number, record } in arrived {
            let record = match record {
                Ok(record) => record,
                Err(NotOurs::Mark | NotOurs::Hole) => continue,
                Err(why) => {
                    tracing::warn!(broker.number = number, %why, "a message of the stream is no record");
                    self.mirrors.note(|progress| progress.foreign += 1);
                    continue;
                }
            };
            let origin = record.position.origin;
            if origin == self.mirrors.own.origin() {
                if self.own.is_empty() {
                    self.own_since = Instant::now();
                }
                self.own.push(Twin::of(&record));
                continue;
            }
            if !self.mirrors.keeps {
                continue;
            }
            let ready = match ready.entry(origin) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let end = self.mirrors.log(origin).await?.end();
                    new.insert(Ready { end, records: Vec::new() })
                }
            };
            let waiting = self.waiting.entry(origin).or_insert_with(|| Waiting {
                partition,
                records: Reorder::default(),
                since: None,
            });
            let found = record.position.sequence;
            let taken = waiting.records.insert(ready.end, number, record, &mut ready.records);
            taken.map_err(|missing| CopyError::Gap { end: missing - 1, found })?;
            // What comes once more is older.
            ready.end = ready.records.last().map_or(ready.end, |last| last.position.sequence.max(ready.end));
        }
        self.compare_due().await?;
        for (origin, Ready { records, .. }) in ready {
            let copied = self.mirrors.log(origin).await?.copy(records).await? as u64;
            self.mirrors.note(|progress| progress.copied += copied);
        }
        Ok(())
    }

    /// Compares what came back of our own log, where it is enough or has waited, and always before the node is told that it was
    /// compared.
    async fn compare_due(&mut self) -> Result<(), MirrorError> {
        let is_compared = *self.mirrors.caught_up.borrow();
        if is_compared && self.own.len() < OWN_MAX && self.own_since.elapsed() < OWN_WAIT {
            return Ok(());
        }
        let own = std::mem::take(&mut self.own);
        self.compare(own).await
    }

    /// What the pipe holds of our own log is what we have, or two histories were written under our origin.
    async fn compare(&self, own: Vec<Twin>) -> Result<(), MirrorError> {
        if own.is_empty() {
            return Ok(());
        }
        let log = Arc::clone(&self.mirrors.own);
        let (origin, end) = (log.origin(), log.end());
        let beyond = own.iter().map(|twin| twin.sequence).filter(|sequence| *sequence > end).min();
        let compared = tokio::task::spawn_blocking(move || {
            differing((log.start(), end), own, &|from, limits| log.read(from, limits))
        });
        let panicked = |panic| ReadError::Io(std::io::Error::other(panic));
        let found = compared.await.map_err(panicked).and_then(|found| found).map_err(MirrorError::Own)?;
        match (found, beyond) {
            (Some(sequence), _) => Err(MirrorError::OwnDiffers(Position { origin, sequence })),
            (None, Some(found)) => Err(MirrorError::OwnOlder { end, found }),
            (None, None) => Ok(()),
        }
    }

    fn reached(&self) {
        let there = |(partition, end): (&u32, &u64)| self.newest.get(partition).copied().unwrap_or(0) >= *end;
        if self.goal.iter().all(there) {
            self.mirrors.caught_up.send_if_modified(|caught_up| !std::mem::replace(caught_up, true));
            if self.waiting.values().all(|waiting| waiting.since.is_none()) {
                self.mirrors.set_stopped(None);
            }
        }
    }

    /// How long the oldest gap that nobody was told of may still last.
    fn until_gap(&self) -> Option<Duration> {
        let since = self.waiting.values().filter_map(|waiting| waiting.since);
        let left = since.map(|(_, since)| self.mirrors.gap_max.saturating_sub(since.elapsed()));
        left.filter(|left| !left.is_zero()).min()
    }

    /// Tells of records that are missing for long while later ones of their origin wait. The others' are copied meanwhile:
    /// whoever has them may be away, and will send them.
    async fn look_for_gaps(&mut self) -> Result<(), MirrorError> {
        let mut overdue = None;
        for (origin, waiting) in &mut self.waiting {
            let Some(found) = waiting.records.first_sequence() else {
                waiting.since = None;
                continue;
            };
            let end = self.mirrors.log(*origin).await?.end();
            // From anew whenever the copy has grown.
            let since =
                waiting.since.filter(|(at, _)| *at == end).map_or_else(Instant::now, |(_, since)| since);
            waiting.since = Some((end, since));
            if since.elapsed() >= self.mirrors.gap_max {
                overdue.get_or_insert(MirrorError::Copy(CopyError::Gap { end, found }));
            }
        }
        let gap: Option<Stopped> = overdue.as_ref().map(Stopped::from);
        if gap.is_some() || self.mirrors.stopped().is_some() {
            self.mirrors.set_stopped(gap);
        }
        Ok(())
    }

    /// What waits for a predecessor is read again after a restart, so the place stays before it.
    fn advance(&mut self) {
        self.place.read.clone_from(&self.newest);
        for waiting in self.waiting.values() {
            if let (Some(first), Some(read)) =
                (waiting.records.first_number(), self.place.read.get_mut(&waiting.partition))
            {
                *read = (*read).min(first.saturating_sub(1));
            }
        }
    }
}

/// Reads on while what came is written.
struct Ahead {
    come: mpsc::Receiver<Result<Vec<Arrived>, PipeError>>,
    reading: JoinHandle<()>,
}

impl Ahead {
    fn start(mut incoming: Box<dyn Incoming>) -> Self {
        let (sender, come) = mpsc::channel(1);
        let reading = tokio::spawn(async move {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            let mut handed_over = tokio::time::Instant::now() - TOGETHER;
            loop {
                let has_room = batch.len() < AHEAD_MAX && bytes < AHEAD_BYTES_MAX;
                let taken = async {
                    tokio::time::sleep_until(handed_over + TOGETHER).await;
                    sender.reserve().await
                };
                let next = tokio::select! {
                    permit = taken, if !batch.is_empty() => {
                        let Ok(permit) = permit else { return };
                        permit.send(Ok(std::mem::take(&mut batch)));
                        (bytes, handed_over) = (0, tokio::time::Instant::now());
                        continue;
                    }
                    next = incoming.next(), if has_room => next,
                };
                match next {
                    Ok(mut arrived) => {
                        let payload =
                            |one: &Arrived| one.record.as_ref().map_or(0, |record| record.payload.len());
                        bytes += arrived.iter().map(payload).sum::<usize>();
                        batch.append(&mut arrived);
                    }
                    Err(error) => {
                        // What came before it counts.
                        if !batch.is_empty() && sender.send(Ok(batch)).await.is_err() {
                            return;
                        }
                        // Nobody listens any more where this fails.
                        let _ = sender.send(Err(error)).await;
                        return;
                    }
                }
            }
        });
        Self { come, reading }
    }

    async fn next(&mut self) -> Result<Vec<Arrived>, PipeError> {
        let ended = || PipeError::Unreachable("the consumer ended".to_owned());
        self.come.recv().await.ok_or_else(ended)?
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.mirrors.place.write(&self.place);
    }
}
