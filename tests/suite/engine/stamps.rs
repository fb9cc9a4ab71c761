//! Records that reach the fold in another order than they were stamped in, as those of several origins do: of two copies of
//! one event the earlier stamp counts, whichever comes first, and a restart sees it as the live fold did.

use super::{
    crash::judge,
    history,
    lab::{ORIGIN, Source, event},
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;
use tributary_core::{
    body::IdentityAct,
    event::{Event, RecordedEvent},
    ids::Position,
    time::Micros,
};
use tributary_eventlog::{
    AppendError, Appended, Clock as _, EventLog, ManualClock, NewRecord, Origin, ReadError, ReadLimits,
    Record, TrimError,
};
use tributary_tests::{
    generate::deliver,
    rng::Rng,
    scenario::{
        Channel,
        builder::{act, at, message, v},
    },
};

const HISTORIES: u64 = 3;
const STORIES: u64 = 24;
/// Acts on the same few identifiers.
const ACTS: usize = 14;

/// A log whose records keep the stamps that they came with.
struct Mirror {
    inner: Arc<dyn EventLog>,
    clock: Arc<ManualClock>,
    stamps: Mutex<BTreeMap<u64, i64>>,
}

impl Mirror {
    fn stamped(&self, mut record: Record) -> Record {
        let stamps = self.stamps.lock().expect("no panic");
        record.recorded_at = stamps.get(&record.position.sequence).copied().unwrap_or(record.recorded_at);
        record
    }
}

#[async_trait]
impl EventLog for Mirror {
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, AppendError> {
        // Nobody may read it before its stamp is known.
        let mut stamps = self.stamps.lock().expect("no panic");
        let appended = self.inner.append_blocking(records)?;
        let written = appended.iter().filter(|one| !one.duplicate);
        stamps.extend(written.map(|one| (one.position.sequence, self.clock.now_micros())));
        Ok(appended)
    }

    fn read(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        Ok(self.inner.read(from, limits)?.into_iter().map(|record| self.stamped(record)).collect())
    }

    fn get(&self, sequence: u64) -> Result<Option<Record>, ReadError> {
        Ok(self.inner.get(sequence)?.map(|record| self.stamped(record)))
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.subscribe()
    }

    fn start(&self) -> u64 {
        self.inner.start()
    }

    fn end(&self) -> u64 {
        self.inner.end()
    }

    fn origin(&self) -> Origin {
        ORIGIN
    }

    fn last_recorded_at(&self) -> i64 {
        self.inner.last_recorded_at()
    }

    fn trim(&self, before: u64) -> Result<(), TrimError> {
        self.inner.trim(before)
    }

    fn is_sealed(&self) -> bool {
        self.inner.is_sealed()
    }

    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    fn close(&self) {
        self.inner.close();
    }
}

fn mirror(dir: &Path) -> Source {
    let Source { log, clock } = Source::segments(dir);
    let mirror = Mirror { inner: log, clock: Arc::clone(&clock), stamps: Mutex::default() };
    Source { log: Arc::new(mirror), clock }
}

/// The history as several origins may deliver it: in any order, with copies stamped at other times.
fn mixed(seed: u64) -> Vec<RecordedEvent> {
    let mut rng = Rng::new(seed ^ 0x7374_616d);
    let mut events = history(seed);
    for at in 0..events.len() {
        if rng.percent(20) {
            let mut copy = events[at].clone();
            copy.recorded_at.0 += (rng.below(120) as i64 - 60) * 1_000_000 + 1;
            events.push(copy);
        }
    }
    deliver(&events, seed)
}

/// Three identifiers, and operators who link, part, block and unblock them. All acts say that they are still to come, so that
/// the earliest stamp among the copies of each decides since when it holds, and so which of them is the newest.
fn acts(seed: u64) -> Vec<RecordedEvent> {
    let mut rng = Rng::new(seed ^ 0x6163_7473);
    let pool = [v("member", "M1"), v("phone", "0933000111"), v("email", "amy@x.tw")];
    let mut out = Vec::new();
    let mut record = |event: Event, second: usize| {
        let recorded_at = Micros(at(2, 0).0 + second as i64 * 1_000_000);
        out.push(RecordedEvent { position: Position::default(), recorded_at, event });
    };
    for (n, one) in pool.iter().enumerate() {
        record(event(Channel::Web, &format!("f{n}"), at(1, n as i64), message(), vec![one.clone()]), n);
    }
    for n in 0..ACTS {
        let which =
            [IdentityAct::Link, IdentityAct::Unlink, IdentityAct::Block, IdentityAct::Unblock][rng.below(4)];
        let pair = matches!(which, IdentityAct::Link | IdentityAct::Unlink);
        let mut named = pool.to_vec();
        rng.shuffle(&mut named);
        named.truncate(if pair { 2 } else { 1 });
        let act = event(Channel::Ops, &format!("act{n}"), at(90, 0), act(which), named);
        for _ in 0..1 + rng.below(3) {
            record(act.clone(), 10 + rng.below(60));
        }
    }
    rng.shuffle(&mut out);
    out
}

#[test]
fn copies_with_other_stamps_show_nowhere_after_a_crash() {
    for seed in 200..200 + HISTORIES {
        let dir = tempfile::tempdir().expect("a folder");
        judge(&mirror(dir.path()), &mixed(seed), seed);
    }
}

#[test]
fn an_act_holds_since_its_earliest_stamp_after_a_crash_too() {
    for seed in 0..STORIES {
        let dir = tempfile::tempdir().expect("a folder");
        judge(&mirror(dir.path()), &acts(seed), seed);
    }
}
