//! Records get through a Kafka topic, once and in order.

use crate::{
    append,
    kafka::Topic,
    log,
    node::{self, Node},
};
use std::time::{Duration, Instant};
use tributary_eventlog::{
    ReadLimits,
    pipe::{Pipe as _, kafka::Login},
};
use tributary_tests::broker::{
    kafka::{Server, Shared},
    skipped,
};

async fn every_node_has_every_log(partitions: u32, test: &str) {
    let server = match Shared::get() {
        Ok(server) => server,
        Err(why) => return skipped(test, &why),
    };
    let topic = Topic::new(&server.brokers(), partitions);
    let folders = [1, 2, 3].map(|_| tempfile::tempdir().expect("a folder"));
    let start = |n: usize| Node::start(folders[n].path(), n as u32 + 1, &topic.made());
    // The first two find no topic, and both make it.
    let nodes = node::three(&start).await;
    let state = topic.pipe().state().await.expect("a topic");
    let of_origin = |origin: u32| state.held[&(origin % partitions)];
    assert_eq!(state.held.len(), partitions as usize);
    for (node, origin) in nodes.iter().zip(1..) {
        let (first, newest) = of_origin(origin);
        assert!(first == 1 && newest >= node.log.end(), "origin {origin} lies in its partition");
    }
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_has_every_log_with_one_partition() {
    every_node_has_every_log(1, "every_node_has_every_log_with_one_partition").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_has_every_log_with_six_partitions() {
    every_node_has_every_log(6, "every_node_has_every_log_with_six_partitions").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_anything_stops() {
    // Else it starts anew for the tests beside this one.
    let _shared = Shared::keep();
    let mut server = match Server::start() {
        Ok(server) => server,
        Err(why) => return skipped("kafka_carry::nothing_is_lost_or_doubled_when_anything_stops", &why),
    };
    let rounds = if std::env::var_os("TRIBUTARY_LONG").is_some_and(|v| v == "1") { 90 } else { 3 };
    let folders = [1, 2].map(|_| tempfile::tempdir().expect("a folder"));
    let mut topic = Topic::new(&server.brokers(), 2);
    // A broker that dies in the middle of a greeting has not refused anybody.
    topic.options.brokers = server.sasl();
    topic.options.login = Login::Plain("hub".to_owned(), "right".to_owned());
    let start = |n: usize| Node::start(folders[n].path(), n as u32 + 1, &topic.made());
    let mut earlier = None;
    let mut power = |on: bool| {
        if on {
            return server.resume();
        }
        server.kill();
        earlier.get_or_insert_with(|| server.snapshot());
    };
    // What happens happens to clients at work, which need a second for their greetings.
    node::churn(rounds, true, &start, &mut power).await;
    a_broker_that_is_away_costs_bounded_time(&mut server, &topic).await;
    // Somebody puts an old copy of its disk in its place.
    server.restore(earlier.expect("it was killed").path());
    server.resume();
    for (n, folder) in folders.iter().enumerate() {
        let codes = Node::refuses(folder.path(), n as u32 + 1, &topic.made()).await;
        assert_eq!(codes, ["broker_older"; 2]);
    }
}

async fn a_broker_that_is_away_costs_bounded_time(server: &mut Server, topic: &Topic) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(folder.path(), 9);
    append(&log, 600).await;
    let records = log.read(1, ReadLimits::default()).expect("records");
    let pipe = topic.pipe();
    pipe.send(&records).await.expect("sent");
    server.kill();
    let begun = Instant::now();
    let (sent, state) = tokio::join!(pipe.send(&records), pipe.state());
    for error in [sent.expect_err("nobody is there"), state.expect_err("nobody is there")] {
        assert_eq!((error.code(), error.retryable()), ("broker_unreachable", true), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}
