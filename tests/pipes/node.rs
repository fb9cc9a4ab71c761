//! Machines that a pipe connects, whichever broker it is.

use crate::{PATIENCE, all, append, log, salts, until};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle};
use tributary_eventlog::{
    EventLog,
    pipe::{Forwarder, MirrorError, Mirrors, Pipe, PipeError},
};

/// Makes a pipe that is not connected yet.
pub(crate) type Make = Arc<dyn Fn() -> Arc<dyn Pipe> + Send + Sync>;

/// One machine: its log, what sends it, and copies of all others.
pub(crate) struct Node {
    pub log: Arc<dyn EventLog>,
    pub mirrors: Arc<Mirrors>,
    pub forwarder: Arc<Forwarder>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    pub fn start(dir: &Path, origin: u32, pipe: &Make) -> Self {
        Self::over(dir, log(&dir.join("log"), origin), pipe)
    }

    /// One with this log.
    pub fn over(dir: &Path, log: Arc<dyn EventLog>, pipe: &Make) -> Self {
        let mirrors = Mirrors::open(dir.join("mirrors"), Arc::clone(&log), salts()).expect("copies");
        let mirrors = Arc::new(mirrors);
        let forwarder = Forwarder::new(Arc::clone(&log), pipe(), dir.join("sent")).expect("a forwarder");
        let forwarder = Arc::new(forwarder);
        let (stop, stopped) = watch::channel(false);
        let (of_forwarder, of_mirrors) = (Arc::clone(&forwarder), Arc::clone(&mirrors));
        let (receiving, mut told) = (pipe(), stopped.clone());
        let tasks = vec![
            tokio::spawn(async move { of_forwarder.run(stopped).await.expect("it mends itself") }),
            tokio::spawn(async move {
                loop {
                    tokio::select! {
                        _ = told.wait_for(|stop| *stop) => return,
                        Err(error) = of_mirrors.run(&*receiving) => assert!(error.retryable(), "{error}"),
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }),
        ];
        Self { log, mirrors, forwarder, stop, tasks }
    }

    /// The codes with which its sender and its copies refuse a broker.
    pub async fn refuses(dir: &Path, origin: u32, pipe: &Make) -> [&'static str; 2] {
        let log = log(&dir.join("log"), origin);
        let mirrors = Mirrors::open(dir.join("mirrors"), Arc::clone(&log), salts()).expect("copies");
        let forwarder = Forwarder::new(log, pipe(), dir.join("sent")).expect("a forwarder");
        let (_stop, stopped) = watch::channel(false);
        let sending = forwarder.run(stopped).await.expect_err("it is refused");
        let reading = mirrors.run(&*pipe()).await.expect_err("it is refused");
        [sending.code(), reading.code()]
    }

    /// As a crash does: nothing is written any more.
    pub async fn abort(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        self.mirrors.logs().values().for_each(|log| log.close());
        self.log.close();
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.expect("it ends well");
        }
        self.mirrors.logs().values().for_each(|log| log.close());
        self.log.close();
    }

    /// Waits until it has all of the other's log, and looks that it is that.
    pub async fn has_all_of(&self, other: &Node) {
        let origin = other.log.origin();
        let end = other.log.end();
        let of = || self.mirrors.logs().get(&origin).map(Arc::clone);
        until("the copy comes to the end", || of().is_some_and(|copy| copy.end() >= end)).await;
        assert!(all(&*of().expect("a copy")) == all(&*other.log), "the copy of {origin} differs");
        assert!(!self.mirrors.logs().contains_key(&self.log.origin()), "nobody copies its own log");
    }
}

/// Two nodes that write, and a late one that has nothing but its opening: all have all.
pub(crate) async fn three(start: &dyn Fn(usize) -> Node) -> [Node; 3] {
    let (a, b) = (start(0), start(1));
    for _ in 0..20 {
        append(&a.log, 50).await;
        append(&b.log, 7).await;
    }
    a.has_all_of(&b).await;
    b.has_all_of(&a).await;
    let end = a.log.end();
    let mut sent = a.forwarder.acknowledged();
    let wait = tokio::time::timeout(Duration::from_secs(5), sent.wait_for(|s| *s >= end));
    wait.await.expect("in time").expect("it runs");
    let c = start(2);
    c.has_all_of(&a).await;
    c.has_all_of(&b).await;
    a.has_all_of(&c).await;
    assert_eq!(c.mirrors.progress().foreign, 0);
    [a, b, c]
}

/// Two nodes write while in turn the broker is killed (`power` turns it off and on) and each of them is; nothing is lost, and
/// nothing doubled. With `greeted` both have heard of each other before anything stops.
pub(crate) async fn churn(
    rounds: u64,
    greeted: bool,
    start: &dyn Fn(usize) -> Node,
    power: &mut dyn FnMut(bool),
) {
    let (mut a, mut b) = (start(0), start(1));
    // Each log begins with its opening.
    let (mut of_a, mut of_b) = (1, 1);
    for round in 0..rounds {
        if greeted {
            b.has_all_of(&a).await;
            a.has_all_of(&b).await;
        }
        for _ in 0..8 {
            append(&a.log, 20 + round % 3).await;
            append(&b.log, 5).await;
            (of_a, of_b) = (of_a + 20 + round % 3, of_b + 5);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        match round % 3 {
            0 => {
                power(false);
                append(&a.log, 30).await;
                of_a += 30;
                tokio::time::sleep(Duration::from_millis(100)).await;
                power(true);
            }
            1 => {
                a.abort().await;
                a = start(0);
            }
            _ => {
                b.abort().await;
                b = start(1);
            }
        }
    }
    b.has_all_of(&a).await;
    a.has_all_of(&b).await;
    assert!(a.forwarder.error().is_none(), "it goes on");
    let ends = (a.log.end(), b.log.end());
    assert_eq!(ends, (of_a, of_b), "nothing that was appended is gone, nothing stands twice");
    a.stop().await;
    b.stop().await;
}

/// A log, sent whole, and a copy of it, whole.
pub(crate) struct Carried {
    pub folder: tempfile::TempDir,
    pub log: Arc<dyn EventLog>,
    other: Arc<dyn EventLog>,
    pipe: Make,
}

impl Carried {
    pub async fn new(pipe: Make) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, other) = (log(&folder.path().join("log"), 1), log(&folder.path().join("other"), 2));
        append(&log, 40).await;
        let carried = Self { folder, log, other, pipe };
        carried.send(40).await.expect("it is sent");
        carried.copy().await.expect("it is copied");
        carried
    }

    pub async fn send(&self, upto: u64) -> Result<(), PipeError> {
        let file = self.folder.path().join("sent");
        let forwarder = Forwarder::new(Arc::clone(&self.log), (self.pipe)(), file).expect("a forwarder");
        let (stop, stopped) = watch::channel(false);
        let mut sent = forwarder.acknowledged();
        tokio::select! {
            ended = tokio::time::timeout(PATIENCE, forwarder.run(stopped)) => ended.expect("it ends"),
            _ = sent.wait_for(|s| *s >= upto) => {
                stop.send_replace(true);
                forwarder.run(stop.subscribe()).await
            }
        }
    }

    /// Why it cannot be copied.
    pub async fn refuses_to_copy(&self) -> MirrorError {
        let (mirrors, pipe) = (self.mirrors(), (self.pipe)());
        let ended = tokio::time::timeout(PATIENCE, mirrors.run(&*pipe)).await;
        ended.expect("it ends").expect_err("it is refused")
    }

    fn mirrors(&self) -> Mirrors {
        let copies = Mirrors::open(self.folder.path().join("mirrors"), Arc::clone(&self.other), salts());
        copies.expect("copies")
    }

    /// Until everything of the log is there.
    pub async fn copy(&self) -> Result<(), MirrorError> {
        let (mirrors, pipe) = (self.mirrors(), (self.pipe)());
        let whole = until("it is copied", || {
            mirrors.logs().get(&self.log.origin()).is_some_and(|copy| copy.end() >= self.log.end())
        });
        tokio::select! {
            ended = mirrors.run(&*pipe) => ended,
            () = async { whole.await; tokio::time::sleep(Duration::from_millis(100)).await } => Ok(()),
        }
    }
}
