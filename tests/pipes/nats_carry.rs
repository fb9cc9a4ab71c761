//! Records get through a NATS server, once and in order.

use crate::{append, made, node::Node};
use std::time::Duration;
use tributary_tests::broker::{nats::Server, skipped};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_has_every_log() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("every_node_has_every_log", &why),
    };
    let folders = [1, 2, 3].map(|_| tempfile::tempdir().expect("a folder"));
    let start = |n: usize| Node::start(folders[n].path(), n as u32 + 1, &made(&server));
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
    let pipe = made(&server);
    let start = |n: usize| Node::start(folders[n].path(), n as u32 + 1, &pipe);
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
