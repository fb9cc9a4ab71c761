//! Records get through a NATS server, once and in order.

use crate::{
    made,
    node::{self, Node},
};
use tributary_tests::broker::{nats::Server, skipped};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_has_every_log() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("every_node_has_every_log", &why),
    };
    let folders = [1, 2, 3].map(|_| tempfile::tempdir().expect("a folder"));
    let start = |n: usize| Node::start(folders[n].path(), n as u32 + 1, &made(&server));
    for node in node::three(&start).await {
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
    let mut power = |on: bool| if on { server.resume() } else { server.kill() };
    node::churn(rounds, false, &start, &mut power).await;
}
