//! A server that cannot keep the promise, or did not.

use crate::{append, log, made, node::Carried, options, pipe, salts, until};
use async_nats::jetstream::{
    self,
    stream::{Config, DiscardPolicy, RetentionPolicy},
};
use std::time::Duration;
use tributary_eventlog::pipe::{
    Mirrors, Pipe, PipeError, Place,
    nats::{Login, Nats},
};
use tributary_tests::broker::{free_port, nats::Server, skipped};

const STREAM: &str = "TRIBUTARY-test";

async fn jetstream(server: &Server) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.expect("a connection"))
}

/// Makes the stream beforehand, with one setting of its own.
async fn stream_with(server: &Server, change: impl FnOnce(&mut Config)) {
    let mut config = Config {
        name: STREAM.to_owned(),
        subjects: vec!["tributary.test.events.>".to_owned()],
        ..Config::default()
    };
    change(&mut config);
    jetstream(server).await.create_stream(config).await.expect("a stream");
}

/// The settings that the pipe refuses.
fn refused(error: &PipeError) -> Vec<&'static str> {
    match error {
        PipeError::Settings(found) => found.iter().map(|f| f.setting).collect(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_stream_whose_settings_lose_events_is_refused_by_name() {
    type Change = fn(&mut Config);
    let cases: [(&str, Change); 3] = [
        ("max_age", |c| c.max_age = Duration::from_secs(3_600)),
        ("retention", |c| c.retention = RetentionPolicy::WorkQueue),
        ("max_msgs_per_subject", |c| c.max_messages_per_subject = 10),
    ];
    for (setting, change) in cases {
        let server = match Server::start("") {
            Ok(server) => server,
            Err(why) => return skipped("a_stream_whose_settings_lose_events_is_refused_by_name", &why),
        };
        stream_with(&server, change).await;
        let error = pipe(&server.url()).state().await.expect_err("it is refused");
        assert_eq!((refused(&error), error.code()), (vec![setting], "broker_settings"));
        assert!(!error.retryable());
    }
}

#[tokio::test]
async fn the_stream_it_makes_has_nothing_to_be_found_but_one_disk() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("the_stream_it_makes_has_nothing_to_be_found_but_one_disk", &why),
    };
    let found = pipe(&server.url()).findings().await.expect("findings");
    assert_eq!(found.iter().map(|f| (f.setting, f.fatal)).collect::<Vec<_>>(), [("replicas", false)]);
    let purged = jetstream(&server).await.get_stream(STREAM).await.expect("the stream").purge().await;
    assert!(purged.is_err(), "nobody purges it");
}

#[tokio::test]
async fn wrong_addresses_and_credentials_are_told_apart() {
    let server = match Server::start("authorization { user: hub, password: right }") {
        Ok(server) => server,
        Err(why) => return skipped("wrong_addresses_and_credentials_are_told_apart", &why),
    };
    let as_user = |password: &str| {
        let login = Login::Password("hub".to_owned(), password.to_owned());
        Nats::new(tributary_eventlog::pipe::nats::Options { login, ..options(&server.url()) })
    };
    assert!(as_user("right").state().await.is_ok());
    for wrong in [as_user("wrong"), Nats::new(options(&server.url()))] {
        let error = wrong.state().await.expect_err("it is refused");
        assert_eq!((error.code(), error.retryable()), ("broker_refused", false), "{error}");
    }
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    let error = pipe(&nobody).state().await.expect_err("nobody is there");
    assert_eq!((error.code(), error.retryable()), ("broker_unreachable", true), "{error}");
}

#[tokio::test]
async fn a_server_without_jetstream_says_so() {
    let server = match Server::start("accounts { A { users: [{user: hub, password: p}] } }") {
        Ok(server) => server,
        Err(why) => return skipped("a_server_without_jetstream_says_so", &why),
    };
    let login = Login::Password("hub".to_owned(), "p".to_owned());
    let pipe = Nats::new(tributary_eventlog::pipe::nats::Options { login, ..options(&server.url()) });
    let error = pipe.state().await.expect_err("it is refused");
    assert_eq!(error.code(), "broker_refused", "{error}");
}

#[tokio::test]
async fn a_stream_that_was_made_again_is_refused() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a_stream_that_was_made_again_is_refused", &why),
    };
    let carried = Carried::new(made(&server)).await;
    jetstream(&server).await.delete_stream(STREAM).await.expect("deleted");
    append(&carried.log, 1).await;
    let error = carried.send(42).await.expect_err("it is another stream");
    assert_eq!(error.code(), "broker_recreated", "{error}");
    let error = carried.refuses_to_copy().await;
    assert_eq!((error.code(), error.retryable()), ("broker_recreated", false), "{error}");
}

#[tokio::test]
async fn a_server_that_went_back_in_time_is_refused() {
    let mut server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a_server_that_went_back_in_time_is_refused", &why),
    };
    let carried = Carried::new(made(&server)).await;
    server.kill();
    let before = server.snapshot();
    server.resume();
    append(&carried.log, 20).await;
    carried.send(61).await.expect("it is sent");
    carried.copy().await.expect("it is copied");
    server.kill();
    server.restore(before.path());
    server.resume();
    for error in
        [carried.send(62).await.expect_err("it is older").code(), carried.refuses_to_copy().await.code()]
    {
        assert_eq!(error, "broker_older");
    }
}

#[tokio::test]
async fn a_full_stream_and_a_record_that_is_too_large_are_told_apart() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a_full_stream_and_a_record_that_is_too_large_are_told_apart", &why),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(&folder.path().join("log"), 1);
    append(&log, 700).await;
    let records = log.read(1, tributary_eventlog::ReadLimits::default()).expect("records");
    stream_with(&server, |c| (c.discard, c.max_messages) = (DiscardPolicy::New, 10)).await;
    let error = pipe(&server.url()).send(&records[..20]).await.expect_err("it is full");
    assert_eq!((error.code(), error.retryable()), ("broker_full", true), "{error}");
    jetstream(&server).await.delete_stream(STREAM).await.expect("deleted");
    stream_with(&server, |c| c.max_message_size = 700).await;
    let large = records.iter().position(|r| r.payload.len() > 600).expect("a large one");
    let error = pipe(&server.url()).send(&records[large..=large]).await.expect_err("it is too large");
    assert_eq!((error.code(), error.retryable()), ("broker_message_size", true), "{error}");
}

#[tokio::test]
async fn a_new_reader_of_a_stream_without_a_head_is_refused() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a_new_reader_of_a_stream_without_a_head_is_refused", &why),
    };
    stream_with(&server, |_| {}).await;
    let carried = Carried::new(made(&server)).await;
    let stream = jetstream(&server).await.get_stream(STREAM).await.expect("the stream");
    stream.purge().sequence(10).await.expect("purged");
    carried.copy().await.expect("who has read it does not mind");
    std::fs::remove_dir_all(carried.folder.path().join("mirrors")).expect("removed");
    let error = carried.refuses_to_copy().await;
    assert_eq!(error.code(), "broker_head_gone", "{error}");
}

#[tokio::test]
async fn what_is_no_record_is_counted_and_passed_over() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("what_is_no_record_is_counted_and_passed_over", &why),
    };
    assert!(pipe(&server.url()).state().await.is_ok());
    let context = jetstream(&server).await;
    for payload in ["", "{}", "\u{0}"] {
        context
            .publish("tributary.test.events.x", payload.into())
            .await
            .expect("sent")
            .await
            .expect("stored");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (log, own) = (log(&folder.path().join("log"), 1), log(&folder.path().join("own"), 2));
    append(&log, 5).await;
    let records = log.read(1, tributary_eventlog::ReadLimits::default()).expect("records");
    pipe(&server.url()).send(&records).await.expect("sent");
    let mirrors = Mirrors::open(folder.path().join("mirrors"), own, salts()).expect("copies");
    let reading = pipe(&server.url());
    tokio::select! {
        ended = mirrors.run(&*reading) => panic!("{ended:?}"),
        () = until("it is copied", || mirrors.progress().copied == 6) => {}
    }
    assert_eq!(mirrors.progress().foreign, 3);
    let place = Place::read(&folder.path().join("mirrors/place")).expect("a file").expect("a place");
    assert_eq!(place.read, [(0, 9)].into(), "three that are none and six that are");
}
