//! Pipes against real brokers: nothing is lost, nothing comes twice, whatever stops in between, and a broker that lost
//! something is refused.

mod cluster;
mod conformance;
mod doctor;
mod hubs;
mod hubs_refused;
mod kafka;
mod kafka_carry;
mod kafka_refusals;
mod log_copy;
mod nats_carry;
mod nats_refusals;
mod node;
mod outputs;
mod story;
mod subscriber;

use bytes::Bytes;
use node::Make;
use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    time::{Duration, Instant},
};
use tributary_eventlog::{
    EventLog, NewRecord, Options, Origin, Record, SegmentLog,
    pipe::{
        Plain,
        nats::{self, Nats},
    },
    scan,
};
use tributary_tests::broker::nats::Server;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A log of this origin.
pub(crate) fn log(dir: &Path, origin: u32) -> Arc<dyn EventLog> {
    Arc::new(SegmentLog::open(Options::new(dir, Some(Origin(origin)), salts())).expect("a log"))
}

/// Different numbers; nothing here depends on which.
pub(crate) fn salts() -> tributary_eventlog::Salts {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Arc::new(|| NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
}

/// Appends so many records whose ids no other call makes.
pub(crate) async fn append(log: &Arc<dyn EventLog>, count: u64) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let record = |n: u64| {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&n.to_be_bytes());
        let attributes = [("type", "test"), ("channel", "c")].into();
        NewRecord { id, attributes, payload: Bytes::from(vec![n as u8; (n % 700) as usize]) }
    };
    let first = NEXT.fetch_add(count, Ordering::Relaxed);
    log.append((first..first + count).map(record).collect()).await.expect("appended");
}

pub(crate) fn all(log: &dyn EventLog) -> Vec<Record> {
    scan(log, log.start()).map(|record| record.expect("a record")).collect()
}

pub(crate) fn options(url: &str) -> nats::Options {
    let (url, login) = (url.to_owned(), nats::Login::None);
    nats::Options { url, login, roots: None, name: "test".to_owned(), replicas: 1, labels: Arc::new(Plain) }
}

pub(crate) fn pipe(url: &str) -> Arc<Nats> {
    Arc::new(Nats::new(options(url)))
}

/// Makes pipes over a server.
pub(crate) fn made(server: &Server) -> Make {
    let url = server.url();
    Arc::new(move || pipe(&url))
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
