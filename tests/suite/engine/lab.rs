//! A projector on sled in a folder of its own, over a log that outlives it, with switches for faults.

use std::{
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};
use tributary_core::{
    body::Body,
    change::{Change, ChangeKind},
    draft::{Claim, Draft},
    event::{Event, RecordedEvent},
    identity::policy::Policy,
    ids::{Cursor, CustomerId},
    time::Micros,
    token::IndexKey,
    view, wire,
};
use tributary_eventlog::{EventLog, ManualClock, MemoryLog, NewRecord, Origin, RealDisk, SegmentLog};
use tributary_projector::{
    Options, Projector,
    store::{FaultStore, SledOptions, open_or_move_aside},
};
use tributary_tests::scenario::Channel;

pub const ORIGIN: Origin = Origin(0x0a0b_0c0d);
/// How long a projector may take to catch up before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);
const CACHE_BYTES: u64 = 8 << 20;
/// So little that every rebuild writes facts to a file on the way, and has some in memory at its end.
const REBUILD_BYTES: usize = 3_000;
/// So few that every rebuild of a longer history writes runs of its indexes on the way.
pub const REBUILD_ENTRIES: usize = 20;

/// A log whose clock the test sets.
pub struct Source {
    pub log: Arc<dyn EventLog>,
    pub clock: Arc<ManualClock>,
}

impl Source {
    pub fn memory() -> Self {
        Self::memory_of(ORIGIN)
    }

    pub fn memory_of(origin: Origin) -> Self {
        let clock = Arc::new(ManualClock::new(1_700_000_000_000_000));
        Self { log: Arc::new(MemoryLog::new(origin, Arc::clone(&clock) as _)), clock }
    }

    /// Segments on the disk that forget ids at once, so that copies of an event get into the log.
    pub fn segments(dir: &Path) -> Self {
        let clock = Arc::new(ManualClock::new(1_700_000_000_000_000));
        let salts = std::sync::atomic::AtomicU64::new(1);
        let salts = Arc::new(move || salts.fetch_add(1, Ordering::Relaxed));
        let mut options = tributary_eventlog::Options::new(dir, Some(ORIGIN), salts);
        options.clock = Arc::clone(&clock) as _;
        options.disk = Arc::new(RealDisk);
        options.dedupe_window = 1;
        options.segment_bytes = 64 << 10;
        Self { log: Arc::new(SegmentLog::open(options).expect("a log")), clock }
    }

    /// Appends events at the times at which they say they were recorded, where the log's order allows.
    pub fn append(&self, events: &[RecordedEvent]) {
        for event in events {
            self.clock.set(event.recorded_at.0);
            self.append_raw(event.event.id.0, wire::encode(&event.event));
        }
    }

    pub fn append_raw(&self, id: [u8; 16], payload: Vec<u8>) {
        let attributes = [("channel", "shop")].into();
        let record = NewRecord { id, attributes, payload: payload.into() };
        self.log.append_blocking(vec![record]).expect("appended");
    }
}

/// An event that says that it happened then, through the gate of a channel.
pub fn event(channel: Channel, key: &str, at: Micros, body: Body, identifiers: Vec<Claim>) -> Event {
    let mut draft = Draft::new(key, body);
    draft.occurred_at = Some(at);
    draft.identifiers = identifiers;
    channel.context().events(draft, at, &IndexKey::new(&[7; 32])).remove(0)
}

/// What the stores of one folder do wrong, shared by all that are opened there.
#[derive(Clone, Default)]
pub struct Faults {
    open: Arc<Mutex<Option<Arc<FaultStore>>>>,
    /// Batches after which the next store to be opened fails.
    next: Arc<Mutex<Option<usize>>>,
}

impl Faults {
    /// Options whose stores obey.
    pub fn options(&self, dir: &Path, policy: &Policy) -> Options {
        let mut options = Options::new(dir, policy.clone());
        options.cache_bytes = CACHE_BYTES;
        options.rebuild_bytes = REBUILD_BYTES;
        options.rebuild_entries = REBUILD_ENTRIES;
        let faults = self.clone();
        options.store = Some(Arc::new(move |path| {
            let sled = SledOptions { cache_bytes: CACHE_BYTES, ..SledOptions::default() };
            let (store, moved) = open_or_move_aside(path, sled)?;
            let store = Arc::new(FaultStore::new(Arc::new(store)));
            if let Some(batches) = faults.next.lock().expect("no panic").take() {
                store.fail_after(batches);
            }
            *faults.open.lock().expect("no panic") = Some(Arc::clone(&store));
            Ok((store as _, moved))
        }));
        options
    }

    /// Lets the next store that is opened fail after so many batches.
    pub fn fail_next_store_after(&self, batches: usize) {
        *self.next.lock().expect("no panic") = Some(batches);
    }

    pub fn store(&self) -> Arc<FaultStore> {
        self.open.lock().expect("no panic").clone().expect("a store is open")
    }

    /// Ends a projector without its last checkpoint.
    pub fn crash(&self, projector: Projector) {
        self.store().fail_next_flush();
        self.stop(projector);
    }

    /// Ends a projector as an operator does.
    pub fn stop(&self, projector: Projector) {
        drop(projector);
        // Else the lock is still held.
        *self.open.lock().expect("no panic") = None;
    }
}

/// Waits until all of the log is folded.
pub fn catch_up(projector: &Projector, log: &dyn EventLog) {
    let started = Instant::now();
    while *projector.subscribe().borrow() < log.end() {
        assert!(started.elapsed() < PATIENCE, "the projector does not catch up: {:?}", projector.status());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What readers see of a projector that has caught up.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub digest: u128,
    /// By id, as JSON.
    pub views: Vec<(CustomerId, String)>,
    pub timelines: Vec<String>,
}

pub fn picture(projector: &Projector) -> Picture {
    projector.read(|read| {
        let engine = read.engine();
        engine.with_sources(|sources, _| {
            let mut views = Vec::new();
            let mut timelines = Vec::new();
            for (_, customer) in sources.resolver.customers_from(0) {
                let view = view::view(sources, customer).expect("sound").expect("it is there");
                views.push((view.id, serde_json::to_string(&view).expect("JSON")));
                let timeline = view::timeline(sources, customer, None, 1_000).expect("sound");
                timelines.push(serde_json::to_string(&timeline).expect("JSON"));
            }
            views.sort();
            timelines.sort();
            Picture { digest: engine.fold().digest(), views, timelines }
        })
    })
}

/// The whole feed, read in pages.
pub fn feed(projector: &Projector, page: usize) -> Vec<Change> {
    let mut all = Vec::new();
    let mut cursor = Cursor::default();
    loop {
        let found = projector.read(|read| read.changes(&cursor, page)).expect("sound");
        if found.changes.is_empty() {
            assert_eq!(
                found.next,
                projector.read(|read| read.cursor()).expect("a cursor"),
                "an empty page is the end"
            );
            return all;
        }
        assert!(found.next.covers(&cursor) && found.next != cursor, "every page goes on");
        all.extend(found.changes);
        cursor = found.next;
    }
}

/// The changes that are told for their own event, whatever the batches; what they follow may be an `updated`.
pub fn identity_changes(projector: &Projector) -> Vec<Change> {
    let mut changes = feed(projector, 100);
    changes.retain(|c| c.kind != ChangeKind::Updated);
    changes.iter_mut().for_each(|c| c.follows = 0);
    changes
}
