//! One consumer's life: what it brings goes into the copies, and what it brings of our own log is compared.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Arrived, Incoming, MirrorError, Mirrors, NotOurs, Pipe, Place, Stopped, reorder::Reorder};
use crate::{
    CopyError, EventLog as _, Origin, Position, ReadError, Record,
    copy::{Twin, differing},
};

/// The place is written this often: a restart reads again what came after.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// The consumer is torn down and made anew where the stream goes on and nothing comes for so long.
const STALLED_AFTER: Duration = Duration::from_secs(30);

pub(super) struct Reading<'a> {
    mirrors: &'a Mirrors,
    place: Place,
    /// The newest message of each partition.
    newest: BTreeMap<u32, u64>,
    /// The end of each partition when the reading began.
    goal: BTreeMap<u32, u64>,
    waiting: BTreeMap<Origin, Waiting>,
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
        Self { mirrors, newest: place.read.clone(), place, goal, waiting: BTreeMap::new() }
    }

    /// Everything up to here is copied.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns where the consumer stalled.
    pub async fn run(mut self, pipe: &dyn Pipe, mut incoming: Box<dyn Incoming>) -> Result<(), MirrorError> {
        let (mut saved, mut heard) = (Instant::now(), Instant::now());
        self.reached();
        loop {
            let quiet = STALLED_AFTER.saturating_sub(heard.elapsed());
            let wait = self.until_gap().map_or(quiet, |gap| gap.min(quiet));
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
                Err(_) if heard.elapsed() < STALLED_AFTER => self.look_for_gaps().await?,
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
        let mut ready: BTreeMap<Origin, Vec<Record>> = BTreeMap::new();
        let mut own = Vec::new();
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
                own.push(Twin::of(&record));
                continue;
            }
            if !self.mirrors.keeps {
                continue;
            }
            let copy_end = self.mirrors.log(origin).await?.end();
            let list = ready.entry(origin).or_default();
            let end =
                list.iter().map(|r| r.position.sequence).max().map_or(copy_end, |last| last.max(copy_end));
            let waiting = self.waiting.entry(origin).or_insert_with(|| Waiting {
                partition,
                records: Reorder::default(),
                since: None,
            });
            let found = record.position.sequence;
            let follow = waiting.records.insert(end, number, record);
            list.extend(follow.map_err(|missing| CopyError::Gap { end: missing - 1, found })?);
        }
        self.compare(own).await?;
        for (origin, records) in ready {
            let copied = self.mirrors.log(origin).await?.copy(records).await? as u64;
            self.mirrors.note(|progress| progress.copied += copied);
        }
        Ok(())
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

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.mirrors.place.write(&self.place);
    }
}
