//! `doctor` against a real NATS server: what it says of settings, of servers that are away, and that looking makes nothing.

use super::hubs::{converge, event, folders, on_kafka, on_nats, post};
use async_nats::jetstream::{
    self,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use std::time::Duration;
use tributary_tests::{
    broker::{free_port, kafka::Shared, nats::Server, skipped},
    hub::{
        Folder,
        doctor::{Rows, examine},
    },
};

fn has(rows: &Rows, check: &str, result: &str, detail: &str) {
    let row = rows.get(check).unwrap_or_else(|| panic!("no check {check:?} in {rows:#?}"));
    assert!(row.0 == result && row.1.contains(detail), "{check}: {row:?}");
}

fn monitored(folder: &Folder, port: u16) {
    let text = folder.configuration();
    let with = format!("[log.nats]\nmonitor = \"http://127.0.0.1:{port}\"\n");
    folder.configure(&text.replace("[log.nats]\n", &with));
}

#[test]
fn a_broker_that_is_away_or_refuses_ends_with_three() {
    let closed = match Server::start("authorization { user: \"a\", password: \"b\" }\n") {
        Ok(server) => server,
        Err(why) => return skipped("doctor and a broker that refuses", &why),
    };
    let nowhere = format!("nats://127.0.0.1:{}", free_port());
    for (url, code) in [(nowhere, "broker_unreachable: "), (closed.url(), "broker_refused: ")] {
        let (exit, rows) = examine(&folders(&on_nats(&url, ""), 1).1[0]);
        assert_eq!(exit, 3, "{rows:?}");
        has(&rows, "engine", "problem", code);
        has(&rows, "keys", "ok", "");
    }
}

#[test]
fn a_broker_that_the_hub_set_up_is_well() {
    let port = free_port();
    let server = match Server::start(&format!("http: 127.0.0.1:{port}\n")) {
        Ok(server) => server,
        Err(why) => return skipped("doctor and a good broker", &why),
    };
    let (source, all) = folders(&on_nats(&server.url(), ""), 1);
    let folder = &all[0];
    let (_, rows) = examine(folder);
    has(&rows, "engine", "ok", "nothing holds events there yet");
    has(&rows, "nats sync_interval", "warning", "does not tell");
    assert!(!rows.contains_key("clock"), "nobody told a time: {rows:?}");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let context = runtime
        .block_on(async { jetstream::new(async_nats::connect(server.url()).await.expect("connected")) });
    assert!(runtime.block_on(context.get_stream("TRIBUTARY-shop")).is_err(), "looking made the stream");

    let hub = folder.start();
    assert_eq!(post(&source, &mut hub.provider(), &event(1, 1, false)), Some(202));
    let hubs = [hub];
    converge(&hubs);
    monitored(folder, port);
    let (exit, rows) = examine(folder);
    assert_ne!(exit, 3);
    has(&rows, "engine", "ok", "2.15");
    has(&rows, "nats replicas", "warning", "replicas = 1");
    has(&rows, "nats sync_interval", "warning", "sync_interval = 120s");
    has(&rows, "clock", "ok", "the broker's clock");
    for (setting, value) in [
        ("retention", "limits"),
        ("storage", "file"),
        ("discard", "new"),
        ("max_age", "none"),
        ("duplicate_window", "120s"),
        ("max_message_size", "1048576"),
        ("server_version", "2.15"),
        ("deny_purge", "true"),
    ] {
        has(&rows, &format!("nats {setting}"), "ok", &format!("{setting} = {value}"));
    }
    // The hub goes on beside it.
    assert_eq!(post(&source, &mut hubs[0].provider(), &event(2, 1, false)), Some(202));
    converge(&hubs);
}

/// Looking at Kafka makes no topic; a topic that the hub made has one copy here, which is said.
#[test]
fn kafka_is_looked_at_without_making_anything() {
    let broker = match Shared::get() {
        Ok(broker) => broker,
        Err(why) => return skipped("doctor and Kafka", &why),
    };
    let (_, all) = folders(&on_kafka(&broker.brokers(), 2), 1);
    for _ in 0..2 {
        let (exit, rows) = examine(&all[0]);
        assert_ne!(exit, 3, "{rows:?}");
        has(&rows, "engine", "ok", "nothing holds events there yet");
    }
    drop(all[0].start());
    let (exit, rows) = examine(&all[0]);
    assert_ne!(exit, 3, "{rows:?}");
    has(&rows, "engine", "ok", "what holds the events is there");
    has(&rows, "kafka retention.ms", "ok", "-1");
    has(&rows, "kafka partitions", "ok", "2");
    let doubtful =
        |(name, (result, _)): (&String, &(String, String))| name.starts_with("kafka ") && result == "warning";
    assert!(rows.iter().any(doubtful), "one copy is no promise: {rows:?}");
}

#[test]
fn a_stream_that_forgets_is_a_problem_and_each_setting_is_named() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("doctor and a stream that forgets", &why),
    };
    let config = Config {
        name: "TRIBUTARY-shop".to_owned(),
        subjects: vec!["tributary.shop.events.>".to_owned()],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::Old,
        storage: StorageType::Memory,
        max_age: Duration::from_secs(3_600),
        max_message_size: 10_000,
        duplicate_window: Duration::from_secs(30),
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = async_nats::connect(server.url()).await.expect("connected");
        jetstream::new(client).create_stream(config).await.expect("a stream");
    });
    let folder = &folders(&on_nats(&server.url(), ""), 1).1[0];
    let (exit, rows) = examine(folder);
    assert_eq!(exit, 1, "{rows:?}");
    has(&rows, "nats retention", "problem", "broker_settings: retention = workqueue");
    has(&rows, "nats storage", "problem", "memory");
    has(&rows, "nats max_age", "problem", "3600s");
    for setting in
        ["discard", "duplicate_window", "max_message_size", "replicas", "deny_purge", "deny_delete"]
    {
        has(&rows, &format!("nats {setting}"), "warning", setting);
    }
    monitored(folder, free_port());
    has(&examine(folder).1, "nats sync_interval", "warning", "cannot be asked");
}

#[test]
fn a_server_that_always_syncs_is_seen() {
    let port = free_port();
    let store = tempfile::tempdir().expect("a folder");
    // The later block takes the place of the helper's.
    let more = format!(
        "http: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
        store.path().display()
    );
    let server = match Server::start(&more) {
        Ok(server) => server,
        Err(why) => return skipped("doctor and a server that always syncs", &why),
    };
    let folder = &folders(&on_nats(&server.url(), ""), 1).1[0];
    monitored(folder, port);
    let (_, rows) = examine(folder);
    has(&rows, "nats sync_interval", "ok", "always");
    has(&rows, "clock", "ok", "the broker's clock");
}
