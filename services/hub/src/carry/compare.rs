//! What a stream holds, held against the logs of a folder.

use super::{coded, digest::Digest, failed, in_order::InOrder, sweep::Sink};
use crate::cli::Failure;
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use tributary_eventlog::{EventLog, Origin, ReadLimits, Record, SegmentLog};

/// Records behind a hole; readers of the stream could not wait for more.
const BEHIND_MAX: usize = 4_096;

pub type Logs = BTreeMap<Origin, Arc<SegmentLog>>;

/// Records of a log that are read one after the other most of the time.
#[derive(Default)]
struct Ahead(VecDeque<Record>);

impl Ahead {
    fn get(&mut self, log: &SegmentLog, sequence: u64) -> Result<Option<Record>, Failure> {
        let unreadable = |e| failed("log_unreadable", &e);
        while self.0.front().is_some_and(|record| record.position.sequence < sequence) {
            self.0.pop_front();
        }
        if self.0.is_empty() {
            self.0 = log.read(sequence, ReadLimits::default()).map_err(unreadable)?.into();
        }
        match self.0.front() {
            Some(record) if record.position.sequence == sequence => Ok(self.0.pop_front()),
            // One that came out of its turn.
            _ => log.get(sequence).map_err(unreadable),
        }
    }
}

fn forked(record: &Record) -> Failure {
    let detail = format!("at {} the stream and the folder hold different records", record.position);
    coded(
        "log_forked",
        &detail,
        "two logs were written under one origin, such as by a folder that was started twice: keep the right one",
    )
}

/// What a stream holds of one log.
#[derive(Default)]
pub struct Held {
    /// Everything up to there.
    pub end: u64,
    /// And these, behind a hole.
    beyond: BTreeSet<u64>,
}

impl Held {
    /// Whether it holds this one.
    #[must_use]
    pub fn has(&self, sequence: u64) -> bool {
        sequence <= self.end || self.beyond.contains(&sequence)
    }

    /// It holds this one too.
    pub fn add(&mut self, sequence: u64) {
        if sequence > self.end {
            self.beyond.insert(sequence);
        }
        while self.beyond.remove(&(self.end + 1)) {
            self.end += 1;
        }
    }
}

/// Finds out which records of a folder's logs a stream holds already; each must be the same.
pub struct Survey<'a> {
    logs: &'a Logs,
    ahead: BTreeMap<Origin, Ahead>,
    /// By log.
    pub held: BTreeMap<Origin, Held>,
    /// The stream holds records that the folder does not have.
    pub holds_more: bool,
}

impl<'a> Survey<'a> {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(logs: &'a Logs) -> Self {
        Self { logs, ahead: BTreeMap::new(), held: BTreeMap::new(), holds_more: false }
    }

    fn one(&mut self, record: &Record) -> Result<(), Failure> {
        let (origin, sequence) = (record.position.origin, record.position.sequence);
        let Some(log) = self.logs.get(&origin).filter(|log| sequence <= log.end()) else {
            self.holds_more = true;
            return Ok(());
        };
        let held = self.held.entry(origin).or_default();
        if self.ahead.entry(origin).or_default().get(log, sequence)?.as_ref() != Some(record) {
            return Err(forked(record));
        }
        held.add(sequence);
        if held.beyond.len() > BEHIND_MAX {
            let detail = format!("the stream holds {origin}:{sequence}, and not {origin}:{}", held.end + 1);
            return Err(coded(
                "log_gap",
                &detail,
                "nobody can read this stream in order: copy the log to a new one",
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for Survey<'_> {
    async fn take(&mut self, records: Vec<Record>) -> Result<(), Failure> {
        tokio::task::block_in_place(|| records.iter().try_for_each(|record| self.one(record)))
    }
}

/// Digests of what a stream holds of a folder's logs, as far as they reach there.
pub struct Verifying<'a> {
    logs: &'a Logs,
    waiting: InOrder,
    /// By log.
    pub found: BTreeMap<Origin, Digest>,
    /// Records that the stream holds more than once.
    pub repeated: u64,
}

impl<'a> Verifying<'a> {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(logs: &'a Logs) -> Self {
        Self { logs, waiting: InOrder::default(), found: BTreeMap::new(), repeated: 0 }
    }

    fn one(&mut self, record: Record) -> Result<(), Failure> {
        let origin = record.position.origin;
        let Some(log) = self.logs.get(&origin).filter(|log| record.position.sequence <= log.end()) else {
            return Ok(());
        };
        let digest = self.found.entry(origin).or_default();
        for record in self.waiting.push(digest.records, record)? {
            if record.position.sequence == digest.records + 1 {
                digest.add(&record);
                continue;
            }
            self.repeated += 1;
            let here = log.get(record.position.sequence).map_err(|e| failed("log_unreadable", &e))?;
            if here.as_ref() != Some(&record) {
                return Err(forked(&record));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for Verifying<'_> {
    async fn take(&mut self, records: Vec<Record>) -> Result<(), Failure> {
        tokio::task::block_in_place(|| records.into_iter().try_for_each(|record| self.one(record)))
    }
}

#[cfg(test)]
mod tests {
    use super::Held;

    #[test]
    fn holes_close() {
        let mut held = Held::default();
        for sequence in [2, 5, 1, 1, 3] {
            held.add(sequence);
        }
        assert_eq!(held.end, 3);
        assert!(held.has(5) && !held.has(4) && held.has(1));
        held.add(4);
        assert_eq!((held.end, held.beyond.len()), (5, 0));
    }
}
