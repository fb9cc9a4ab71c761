//! A cluster that cannot keep the promise, or did not.

use crate::{append, kafka::Topic, log, node::Carried, salts, until};
use std::{path::PathBuf, time::Duration};
use tributary_eventlog::{
    ReadLimits,
    pipe::{
        Mirrors, Pipe as _, PipeError, Place,
        kafka::{Kafka, Login, Options, Tls},
    },
};
use tributary_tests::{
    broker::{
        free_port,
        kafka::{Server, Shared},
        skipped,
    },
    rng::Rng,
};

/// The shared server, or a return that names the test.
macro_rules! server {
    ($test:literal) => {
        match Shared::get() {
            Ok(server) => server,
            Err(why) => return skipped($test, &why),
        }
    };
}

/// The settings that the pipe refuses.
fn refused(error: &PipeError) -> Vec<&'static str> {
    match error {
        PipeError::Settings(found) => found.iter().map(|f| f.setting).collect(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_topic_whose_settings_lose_events_is_refused_by_name() {
    let server = server!("a_topic_whose_settings_lose_events_is_refused_by_name");
    for (setting, value) in [
        ("cleanup.policy", "compact"),
        ("retention.ms", "3600000"),
        ("retention.bytes", "1000000000"),
        ("min.insync.replicas", "2"),
    ] {
        let topic = Topic::new(&server.brokers(), 1);
        topic.make(&[(setting, value)]).await;
        let error = topic.pipe().state().await.expect_err("it is refused");
        assert_eq!((refused(&error), error.code()), (vec![setting], "broker_settings"));
        assert!(!error.retryable());
    }
}

#[tokio::test]
async fn the_topic_it_makes_has_nothing_to_be_found_but_one_disk() {
    let server = server!("the_topic_it_makes_has_nothing_to_be_found_but_one_disk");
    let topic = Topic::new(&server.brokers(), 3);
    let found = topic.pipe().findings().await.expect("findings");
    let found: Vec<_> = found.iter().map(|f| (f.setting, f.fatal)).collect();
    assert_eq!(found, [("replication.factor", false)]);
    let state = topic.pipe().state().await.expect("a state");
    assert_eq!(state.held, [(0, (1, 1)), (1, (1, 0)), (2, (1, 0))].into(), "the mark and nothing else");
}

#[tokio::test]
async fn wrong_addresses_and_credentials_are_told_apart() {
    let server = server!("kafka_refusals::wrong_addresses_and_credentials_are_told_apart");
    let nobody = Topic::new(&format!("127.0.0.1:{}", free_port()), 1).pipe();
    let topic = Topic::new(&server.brokers(), 1);
    let user = |name: &str, password: &str| {
        let login = Login::Plain(name.to_owned(), password.to_owned());
        let brokers = server.sasl().unwrap_or_default();
        Kafka::new(Options { login, brokers, ..topic.options.clone() })
    };
    let (hub, wrong, stranger) = (user("hub", "right"), user("hub", "wrong"), user("stranger", "right"));
    let (nobody, hub, wrong, stranger) =
        tokio::join!(nobody.state(), hub.state(), wrong.state(), stranger.state());
    let error = nobody.expect_err("nobody is there");
    assert_eq!((error.code(), error.retryable()), ("broker_unreachable", true), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    if server.sasl().is_none() {
        return skipped("users of Kafka", "the named server has none of ours");
    }
    hub.expect("it may");
    for error in [wrong.expect_err("it is refused"), stranger.expect_err("it is refused")] {
        assert_eq!((error.code(), error.retryable()), ("broker_refused", false), "{error}");
    }
}

#[tokio::test]
async fn tls_and_scram_are_spoken_or_said_to_be_missing() {
    let scram = |password: &str| Login::Scram512("hub".to_owned(), password.to_owned());
    let nobody = Topic::new("127.0.0.1:1", 1).options;
    let error = Kafka::new(Options { login: scram("right"), ..nobody.clone() }).state().await;
    let error = error.expect_err("nobody is there");
    let has_tls = error.code() != "broker_not_built";
    if !has_tls {
        assert!(!error.retryable(), "{error}");
        let tls = Some(Tls::default());
        let error = Kafka::new(Options { tls, ..nobody }).state().await.expect_err("it cannot");
        assert_eq!(error.code(), "broker_not_built", "{error}");
        return;
    }
    let server = match Server::start_with_tls() {
        Ok(server) => server,
        Err(why) => return skipped("tls_and_scram_are_spoken_or_said_to_be_missing", &why),
    };
    let topic = Topic::new(&server.tls(), 1);
    let with = |login: Login, roots: Option<PathBuf>| {
        let tls = Some(Tls { roots, own: None });
        Kafka::new(Options { login, tls, ..topic.options.clone() })
    };
    let roots = Some(server.roots());
    with(scram("right"), roots.clone()).state().await.expect("it may");
    let sha256 = Login::Scram256("hub".to_owned(), "right".to_owned());
    with(sha256, roots.clone()).state().await.expect("it may");
    for wrong in [with(scram("wrong"), roots), with(scram("right"), None)] {
        let error = wrong.state().await.expect_err("it is refused");
        assert_eq!((error.code(), error.retryable()), ("broker_refused", false), "{error}");
    }
}

#[tokio::test]
async fn a_topic_that_was_made_again_is_refused() {
    let server = server!("a_topic_that_was_made_again_is_refused");
    let topic = Topic::new(&server.brokers(), 2);
    let carried = Carried::new(topic.made()).await;
    topic.delete().await;
    append(&carried.log, 1).await;
    let error = carried.send(42).await.expect_err("it is another topic");
    assert_eq!(error.code(), "broker_recreated", "{error}");
    let error = carried.refuses_to_copy().await;
    assert_eq!((error.code(), error.retryable()), ("broker_recreated", false), "{error}");
}

#[tokio::test]
async fn a_sender_notices_that_its_topic_was_made_again() {
    let server = server!("a_sender_notices_that_its_topic_was_made_again");
    let topic = Topic::new(&server.brokers(), 1);
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(folder.path(), 1);
    append(&log, 100).await;
    let records = log.read(1, ReadLimits::default()).expect("records");
    let pipe = topic.pipe();
    pipe.send(&records).await.expect("sent");
    topic.delete().await;
    topic.make(&[]).await;
    let error = loop {
        match pipe.send(&records[..50]).await {
            Err(error) if error.retryable() => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break error,
            Ok(sent) => panic!("a new topic took what follows in another: {sent:?}"),
        }
    };
    assert_eq!(error.code(), "broker_older", "{error}");
    assert_eq!(pipe.state().await.expect_err("no mark").code(), "broker_recreated");
}

#[tokio::test]
async fn a_topic_with_more_partitions_is_refused() {
    let server = server!("a_topic_with_more_partitions_is_refused");
    let topic = Topic::new(&server.brokers(), 2);
    let carried = Carried::new(topic.made()).await;
    let open = topic.pipe();
    open.state().await.expect("a state");
    topic.grow(3).await;
    for error in [
        open.state().await.expect_err("it has grown"),
        topic.pipe().state().await.expect_err("it has grown"),
        carried.send(42).await.expect_err("it has grown"),
    ] {
        assert_eq!(error, PipeError::Partitions { found: 3, expected: 2 });
        assert_eq!((error.code(), error.retryable()), ("broker_partitions", false));
    }
}

#[tokio::test]
async fn a_new_reader_of_a_topic_without_a_head_is_refused() {
    let server = server!("a_new_reader_of_a_topic_without_a_head_is_refused");
    let topic = Topic::new(&server.brokers(), 1);
    let carried = Carried::new(topic.made()).await;
    let before = topic.pipe().state().await.expect("a state");
    topic.behead(0, 10).await;
    let after = topic.pipe().state().await.expect("a state");
    assert_eq!((after.stream, after.held[&0].0), (before.stream, 11), "it is the same topic");
    // A consumer that had come so far only: its place is judged when it begins again.
    let behind = Place { read: [(0, 5)].into(), ..Place::default() };
    let mut incoming = topic.pipe().receive(&behind).await.expect("a consumer");
    let error = incoming.next().await.expect_err("that is gone");
    assert_eq!((error.code(), error.retryable()), ("broker_failed", true), "{error}");
    append(&carried.log, 5).await;
    carried.send(46).await.expect("who writes does not mind");
    carried.copy().await.expect("who has read it does not mind");
    std::fs::remove_dir_all(carried.folder.path().join("mirrors")).expect("removed");
    let error = carried.refuses_to_copy().await;
    assert_eq!((error.code(), error.retryable()), ("broker_head_gone", false), "{error}");
}

#[tokio::test]
async fn a_topic_that_takes_small_records_only_takes_those() {
    let server = server!("a_topic_that_takes_small_records_only_takes_those");
    let topic = Topic::new(&server.brokers(), 1);
    topic.make(&[("max.message.bytes", "300000")]).await;
    let found = topic.pipe().findings().await.expect("findings");
    assert!(found.iter().any(|f| f.setting == "max.message.bytes" && !f.fatal), "{found:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(folder.path(), 1);
    append(&log, 100).await;
    let mut records = log.read(1, ReadLimits::default()).expect("records");
    // Nothing that can be compressed: together they are more than the topic takes at once.
    let mut rng = Rng::new(1);
    let mut noise = |bytes: usize| (0..bytes).map(|_| rng.bits() as u8).collect::<Vec<u8>>().into();
    records.iter_mut().for_each(|record| record.payload = noise(10_000));
    topic.pipe().send(&records).await.expect("small ones go");
    let mut large = records[..1].to_vec();
    large[0].payload = noise(400_000);
    let error = topic.pipe().send(&large).await.expect_err("it is too large");
    assert!(matches!(error, PipeError::TooLarge { bytes: 400_000, .. }), "{error}");
    assert_eq!((error.code(), error.retryable()), ("broker_message_size", true));
}

#[tokio::test]
async fn what_is_no_record_is_counted_and_passed_over() {
    let server = server!("kafka_refusals::what_is_no_record_is_counted_and_passed_over");
    let topic = Topic::new(&server.brokers(), 1);
    topic.make(&[]).await;
    // Before the mark, and after it.
    topic.write(0, [&b""[..], b"{}"].into_iter().map(<[u8]>::to_vec)).await;
    topic.pipe().state().await.expect("a state");
    topic.write(0, std::iter::once(vec![0])).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (log, own) = (log(&folder.path().join("log"), 1), log(&folder.path().join("own"), 2));
    append(&log, 5).await;
    let records = log.read(1, ReadLimits::default()).expect("records");
    assert_eq!(topic.pipe().send(&records).await.expect("sent"), (0, 10));
    let mirrors = Mirrors::open(folder.path().join("mirrors"), own, salts()).expect("copies");
    let reading = topic.pipe();
    tokio::select! {
        ended = mirrors.run(&*reading) => panic!("{ended:?}"),
        () = until("it is copied", || mirrors.progress().copied == 6) => {}
    }
    assert_eq!(mirrors.progress().foreign, 3);
    let place = Place::read(&folder.path().join("mirrors/place")).expect("a file").expect("a place");
    assert_eq!(place.read, [(0, 10)].into(), "a mark, three that are none and six that are");
}

#[tokio::test]
async fn a_topic_that_is_somebody_elses_is_refused() {
    let server = server!("a_topic_that_is_somebody_elses_is_refused");
    let topic = Topic::new(&server.brokers(), 1);
    topic.make(&[]).await;
    topic.write(0, (0..1_100_u32).map(|n| n.to_be_bytes().to_vec())).await;
    let error = topic.pipe().state().await.expect_err("it is refused");
    assert_eq!((refused(&error), error.code()), (vec!["messages"], "broker_settings"));
}

#[tokio::test]
async fn holes_are_passed_over_where_nothing_can_be_removed() {
    let server = server!("holes_are_passed_over_where_nothing_can_be_removed");
    let topic = Topic::new(&server.brokers(), 1);
    let pipe = topic.pipe();
    pipe.state().await.expect("a state");
    topic.write_in_transaction(0, std::iter::once(b"x".to_vec())).await;
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(folder.path(), 1);
    append(&log, 5).await;
    let records = log.read(1, ReadLimits::default()).expect("records");
    // The mark, theirs, the end of the transaction, ours.
    assert_eq!(pipe.send(&records).await.expect("sent"), (0, 9));
    let mut incoming = pipe.receive(&Place::default()).await.expect("a consumer");
    let mut numbers = Vec::new();
    while numbers.last() != Some(&9) {
        numbers.extend(incoming.next().await.expect("messages").iter().map(|m| m.number));
    }
    assert_eq!(numbers, [1, 2, 4, 5, 6, 7, 8, 9]);
    topic.alter(&[("cleanup.policy", "compact"), ("retention.ms", "-1")]).await;
    let mut incoming = pipe.receive(&Place::default()).await.expect("a consumer");
    let error = loop {
        if let Err(error) = incoming.next().await {
            break error;
        }
    };
    assert_eq!(refused(&error), ["cleanup.policy"]);
}

/// The end of a transaction is a number without a message: a node that waits for all that the topic held must not wait for it.
/// And who has one copy only has nobody else to elect.
#[tokio::test]
async fn a_topic_that_ends_in_a_hole_is_read_to_its_end() {
    let server = server!("a_topic_that_ends_in_a_hole_is_read_to_its_end");
    let topic = Topic::new(&server.brokers(), 2);
    topic.make(&[("unclean.leader.election.enable", "true")]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (log, own) = (log(&folder.path().join("log"), 1), log(&folder.path().join("own"), 2));
    append(&log, 5).await;
    let records = log.read(1, ReadLimits::default()).expect("records");
    topic.pipe().send(&records).await.expect("sent");
    topic.write_in_transaction(0, std::iter::once(b"x".to_vec())).await;
    topic.write_in_transaction(1, std::iter::once(b"x".to_vec())).await;
    let held = topic.pipe().state().await.expect("a state").held;
    let mirrors = Mirrors::open(folder.path().join("mirrors"), own, salts()).expect("copies");
    let reading = topic.pipe();
    tokio::select! {
        ended = mirrors.run(&*reading) => panic!("{ended:?}"),
        () = until("it has caught up", || *mirrors.caught_up().borrow()) => {}
    }
    assert_eq!((mirrors.progress().copied, mirrors.progress().stalls), (6, 0));
    let place = Place::read(&folder.path().join("mirrors/place")).expect("a file").expect("a place");
    let ends = held.iter().map(|(partition, (_, end))| (*partition, *end)).collect();
    assert_eq!(place.read, ends, "the ends of the transactions, too");
}
