//! Records get through, once and in order.

use crate::{all, append, log, pipe, salts, until};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle};
use tributary_eventlog::{
    EventLog,
    pipe::{Forwarder, Mirrors, Pipe},
};
use tributary_tests::broker::{nats::Server, skipped};

/// One machine: its log, what sends it, and copies of all others.
struct Node {
    log: Arc<dyn EventLog>,
    mirrors: Arc<Mirrors>,
    forwarder: Arc<Forwarder>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    fn start(dir: &Path, origin: u32, url: &str) -> Self {
        let log = log(&dir.join("log"), origin);
        let mirrors = Mirrors::open(dir.join("mirrors"), Arc::clone(&log), salts()).expect("copies");
        let mirrors = Arc::new(mirrors);
        let sending: Arc<dyn Pipe> = pipe(url);
        let forwarder = Forwarder::new(Arc::clone(&log), sending, dir.join("sent")).expect("a forwarder");
        let forwarder = Arc::new(forwarder);
        let (stop, stopped) = watch::channel(false);
        let (of_forwarder, of_mirrors) = (Arc::clone(&forwarder), Arc::clone(&mirrors));
        let (receiving, mut told) = (pipe(url), stopped.clone());
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

    /// As a crash does: nothing is written any more.
    async fn abort(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        self.mirrors.logs().values().for_each(|log| log.close());
        self.log.close();
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.expect("it ends well");
        }
        self.mirrors.logs().values().for_each(|log| log.close());
        self.log.close();
    }

    /// Waits until it has all of the other's log, and looks that it is that.
    async fn has_all_of(&self, other: &Node) {
        let origin = other.log.origin();
        let end = other.log.end();
        let of = || self.mirrors.logs().get(&origin).map(Arc::clone);
        until("the copy comes to the end", || of().is_some_and(|copy| copy.end() >= end)).await;
        assert!(all(&*of().expect("a copy")) == all(&*other.log), "the copy of {origin} differs");
        assert!(!self.mirrors.logs().contains_key(&self.log.origin()), "nobody copies its own log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_has_every_log() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("every_node_has_every_log", &why),
    };
    let folders = [1, 2, 3].map(|_| tempfile::tempdir().expect("a folder"));
    let start = |n: usize| Node::start(folders[n].path(), n as u32 + 1, &server.url());
    let (a, b) = (start(0), start(1));
    for _ in 0..20 {
        append(&a.log, 50).await;
        append(&b.log, 7).await;
    }
    a.has_all_of(&b).await;
    b.has_all_of(&a).await;
    let end = a.log.end();
    let mut sent = a.forwarder.acknowledged();
    tokio::time::timeout(Duration::from_secs(5), sent.wait_for(|s| *s >= end))
        .await
        .expect("in time")
        .expect("it runs");
    // A late node, that has no log of its own but its opening, gets everything.
    let c = start(2);
    c.has_all_of(&a).await;
    c.has_all_of(&b).await;
    assert_eq!(c.mirrors.progress().foreign, 0);
    for node in [a, b, c] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_anything_stops() {
    let mut server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("nothing_is_lost_or_doubled_when_anything_stops", &why),
    };
    let rounds = if std::env::var_os("TRIBUTARY_LONG").is_some_and(|v| v == "1") { 100 } else { 12 };
    let folders = [1, 2].map(|_| tempfile::tempdir().expect("a folder"));
    let url = server.url();
    let start = |n: usize| Node::start(folders[n].path(), n as u32 + 1, &url);
    let (mut a, mut b) = (start(0), start(1));
    // Each log begins with its opening.
    let (mut of_a, mut of_b) = (1, 1);
    for round in 0..rounds {
        for _ in 0..8 {
            append(&a.log, 20 + round % 3).await;
            append(&b.log, 5).await;
            (of_a, of_b) = (of_a + 20 + round % 3, of_b + 5);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        match round % 3 {
            0 => {
                server.kill();
                append(&a.log, 30).await;
                of_a += 30;
                tokio::time::sleep(Duration::from_millis(100)).await;
                server.resume();
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
    assert_eq!(
        (a.log.end(), b.log.end()),
        (of_a, of_b),
        "nothing that was appended is gone, nothing stands twice"
    );
    a.stop().await;
    b.stop().await;
}
