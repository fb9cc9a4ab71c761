//! What every log owes its callers, asked of a log that a broker carries: appended to the original on one machine, read from the
//! copy on another one.

use crate::{PATIENCE, kafka::Topic, node::Make, node::Node, options, salts};
use async_trait::async_trait;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};
use tributary_eventlog::{
    AppendError, Appended, Clock, EventLog, NewRecord, Options, Origin, ReadError, ReadLimits, Record,
    SegmentLog, TrimError,
    conformance::{Subject, run_all},
    pipe::nats::Nats,
};
use tributary_tests::broker::{kafka::Shared, nats::Server, skipped};

const WRITER: Origin = Origin(1);
const READER: u32 = 2;

struct Carried {
    folder: TempDir,
    pipe: Make,
    runtime: Arc<Runtime>,
}

impl Carried {
    fn new(pipe: Make) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = Arc::new(runtime.expect("a runtime"));
        Self { folder: tempfile::tempdir().expect("a folder"), pipe, runtime }
    }
}

impl Subject for Carried {
    fn open(&self, clock: Arc<dyn Clock>) -> Arc<dyn EventLog> {
        let [here, there] = ["here", "there"].map(|name| self.folder.path().join(name));
        let mut options = Options::new(here.join("log"), Some(WRITER), salts());
        options.clock = clock;
        let original: Arc<dyn EventLog> = Arc::new(SegmentLog::open(options).expect("it opens"));
        let _inside = self.runtime.enter();
        let writer = Node::over(&here, Arc::clone(&original), &self.pipe);
        let reader = Node::start(&there, READER, &self.pipe);
        let (begun, end) = (Instant::now(), original.end());
        let copy = loop {
            match reader.mirrors.logs().remove(&WRITER) {
                Some(copy) if copy.end() >= end => break copy,
                _ => assert!(begun.elapsed() < PATIENCE, "no copy comes"),
            }
            thread::sleep(Duration::from_millis(5));
        };
        let (nodes, runtime) = (Some([writer, reader]), Arc::clone(&self.runtime));
        Arc::new(Pair { original, copy, nodes, runtime })
    }

    fn survives(&self) -> bool {
        true
    }
}

/// A log and its copy, as one.
struct Pair {
    original: Arc<dyn EventLog>,
    copy: Arc<dyn EventLog>,
    nodes: Option<[Node; 2]>,
    runtime: Arc<Runtime>,
}

#[async_trait]
impl EventLog for Pair {
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, AppendError> {
        let answers = self.original.append(records).await?;
        if let Some(last) = answers.iter().map(|answer| answer.position.sequence).max() {
            self.copy.subscribe().wait_for(|end| *end >= last).await.expect("the copy is open");
        }
        Ok(answers)
    }

    fn read(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        self.copy.read(from, limits)
    }

    fn get(&self, sequence: u64) -> Result<Option<Record>, ReadError> {
        self.copy.get(sequence)
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.copy.subscribe()
    }

    fn start(&self) -> u64 {
        self.copy.start()
    }

    fn end(&self) -> u64 {
        self.copy.end()
    }

    fn origin(&self) -> Origin {
        self.copy.origin()
    }

    fn last_recorded_at(&self) -> i64 {
        self.copy.last_recorded_at()
    }

    fn trim(&self, before: u64) -> Result<(), TrimError> {
        self.copy.trim(before)
    }

    fn is_sealed(&self) -> bool {
        self.original.is_sealed() || self.copy.is_sealed()
    }

    fn bytes(&self) -> u64 {
        self.copy.bytes()
    }

    fn close(&self) {
        self.original.close();
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for node in self.nodes.take().into_iter().flatten() {
            self.runtime.block_on(node.stop());
        }
    }
}

#[test]
fn a_log_over_nats_is_a_log() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("conformance over NATS", &why),
    };
    let next = AtomicU64::new(1);
    run_all(&|| {
        let mut options = options(&server.url());
        options.name = format!("log{}", next.fetch_add(1, Ordering::Relaxed));
        Box::new(Carried::new(Arc::new(move || Arc::new(Nats::new(options.clone())))))
    });
}

#[test]
fn a_log_over_kafka_is_a_log() {
    let server = match Shared::get() {
        Ok(server) => server,
        Err(why) => return skipped("conformance over Kafka", &why),
    };
    run_all(&|| Box::new(Carried::new(Topic::new(&server.brokers(), 2).made())));
}
