//! Sending and copying over a stream in memory that fails as it is told. Real brokers are met elsewhere.

mod forward;
mod mirror;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use tributary_eventlog::pipe::{Arrived, Finding, Incoming, Pipe, PipeError, Place, State};
use tributary_eventlog::sim::Random;
use tributary_eventlog::{EventLog, NewRecord, Options, Origin, Record, SegmentLog};

const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of one partition.
pub(super) struct Stream {
    held: Mutex<Held>,
    end: watch::Sender<usize>,
}

#[derive(Default)]
pub(super) struct Held {
    pub messages: Vec<Record>,
    /// It takes no larger payload.
    pub largest: Option<usize>,
    /// What it says to whoever asks for its state.
    pub away: Option<PipeError>,
}

impl Stream {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), end: watch::Sender::new(0) })
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("no panic")
    }

    pub fn put(&self, records: &[Record]) {
        let mut held = self.held();
        held.messages.extend_from_slice(records);
        self.end.send_replace(held.messages.len());
    }

    /// Sequences of an origin, in the order in which they came.
    pub fn sequences(&self, origin: Origin) -> Vec<u64> {
        let held = self.held();
        held.messages.iter().map(|r| r.position).filter(|p| p.origin == origin).map(|p| p.sequence).collect()
    }
}

/// A client of the stream.
pub(super) struct Client(pub Arc<Stream>);

#[async_trait]
impl Pipe for Client {
    /// Takes what it can of a window, also behind a record that it refuses, as brokers do.
    async fn send(&self, records: &[Record]) -> Result<(u32, u64), PipeError> {
        let largest = self.0.held().largest.unwrap_or(usize::MAX);
        let (small, large): (Vec<Record>, Vec<Record>) =
            records.iter().cloned().partition(|record| record.payload.len() <= largest);
        self.0.put(&small);
        match large.first() {
            None => Ok((0, self.0.held().messages.len() as u64)),
            Some(record) => {
                Err(PipeError::TooLarge { bytes: record.payload.len(), detail: "too large".to_owned() })
            }
        }
    }

    async fn state(&self) -> Result<State, PipeError> {
        let held = self.0.held();
        let end = held.messages.len() as u64;
        held.away.clone().map_or(Ok(State { stream: "one".to_owned(), held: [(0, (1, end))].into() }), Err)
    }

    async fn receive(&self, after: &Place) -> Result<Box<dyn Incoming>, PipeError> {
        let next = after.read.get(&0).copied().unwrap_or(0) as usize;
        Ok(Box::new(Reader { stream: Arc::clone(&self.0), next, end: self.0.end.subscribe() }))
    }

    async fn findings(&self) -> Result<Vec<Finding>, PipeError> {
        Ok(Vec::new())
    }
}

struct Reader {
    stream: Arc<Stream>,
    next: usize,
    end: watch::Receiver<usize>,
}

#[async_trait]
impl Incoming for Reader {
    async fn next(&mut self) -> Result<Vec<Arrived>, PipeError> {
        let next = self.next;
        self.end.wait_for(|end| *end > next).await.expect("the stream lives");
        let held = self.stream.held();
        self.next = held.messages.len();
        let arrived = held.messages[next..].iter().enumerate().map(|(at, record)| Arrived {
            partition: 0,
            number: (next + at + 1) as u64,
            record: Ok(record.clone()),
        });
        Ok(arrived.collect())
    }
}

/// An empty log on the machine's disk.
pub(super) fn log(folder: &tempfile::TempDir, origin: u32) -> Arc<dyn EventLog> {
    let dir = folder.path().join(format!("log-{origin}"));
    let options = Options::new(dir, Some(Origin(origin)), Random::new(origin.into()).into_salts());
    Arc::new(SegmentLog::open(options).expect("a log"))
}

/// A record of so many bytes.
pub(super) fn new(number: u64, bytes: usize) -> NewRecord {
    let record = tributary_eventlog::conformance::record(number, &[]);
    NewRecord { payload: Bytes::from(vec![7; bytes]), ..record }
}

/// Waits until it is so.
pub(super) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
