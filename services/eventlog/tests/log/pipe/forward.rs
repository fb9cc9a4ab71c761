//! Sending a log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tributary_eventlog::pipe::{Forwarder, PipeError, Place};
use tributary_eventlog::{EventLog, Origin};

use super::{Client, Stream, log, new, until};

struct Sender {
    _folder: tempfile::TempDir,
    file: PathBuf,
    log: Arc<dyn EventLog>,
    stream: Arc<Stream>,
}

impl Sender {
    /// The log holds its opening and records of these sizes.
    fn new(sizes: &[usize]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log(&folder, 1);
        let records = sizes.iter().enumerate().map(|(at, bytes)| new(at as u64, *bytes)).collect();
        log.append_blocking(records).expect("appended");
        Self { file: folder.path().join("sent"), _folder: folder, log, stream: Stream::new() }
    }

    fn forwarder(&self) -> Arc<Forwarder> {
        let pipe = Arc::new(Client(Arc::clone(&self.stream)));
        let forwarder = Forwarder::new(Arc::clone(&self.log), pipe, self.file.clone()).expect("a forwarder");
        Arc::new(forwarder.refused_pause(Duration::from_millis(200)))
    }
}

fn run(forwarder: &Arc<Forwarder>) -> (watch::Sender<bool>, JoinHandle<Result<(), PipeError>>) {
    let (stop, stopped) = watch::channel(false);
    let forwarder = Arc::clone(forwarder);
    (stop, tokio::spawn(async move { forwarder.run(stopped).await }))
}

fn code(forwarder: &Forwarder) -> Option<&'static str> {
    forwarder.error().map(|error| error.code())
}

#[tokio::test]
async fn a_record_that_is_too_large_holds_up_nothing_before_it_and_is_named() {
    let mut sizes = vec![10; 300];
    sizes[149] = 5_000;
    let sender = Sender::new(&sizes);
    sender.stream.held().largest = Some(1_000);
    let forwarder = sender.forwarder();
    let (stop, running) = run(&forwarder);
    // The opening and 149 records stand before it.
    let mut sent = forwarder.acknowledged();
    until("all before it is acknowledged", || *sent.borrow_and_update() == 150).await;
    until("it is told", || code(&forwarder) == Some("broker_message_size")).await;
    let told = forwarder.error().expect("an error").to_string();
    assert!(told.contains("00000001:151") && told.contains("5000 bytes"), "{told}");
    // Nothing is sent again and again meanwhile.
    let messages = sender.stream.held().messages.len();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(sender.stream.held().messages.len(), messages);
    sender.stream.held().largest = None;
    until("the rest goes", || *sent.borrow_and_update() == 301).await;
    until("it is not told any more", || code(&forwarder).is_none()).await;
    stop.send_replace(true);
    running.await.expect("no panic").expect("it ends well");
    let mut seen = sender.stream.sequences(Origin(1));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (1..=301).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_older_log_than_was_sent_is_refused() {
    let sender = Sender::new(&[10; 5]);
    let place = Place { stream: "one".to_owned(), read: [(0, 0)].into(), sent: 9 };
    place.write(&sender.file).expect("written");
    let forwarder = sender.forwarder();
    assert_eq!(*forwarder.acknowledged().borrow(), 6, "nobody is told that more is safe than there is");
    let error = forwarder.check_own().expect_err("it is older");
    assert_eq!((error.code(), error.retryable()), ("log_behind_broker", false), "{error}");
    let (_stop, running) = run(&forwarder);
    assert_eq!(running.await.expect("no panic"), Err(PipeError::OwnOlder { end: 6, sent: 9 }));
    assert!(sender.stream.held().messages.is_empty(), "nothing was sent");
    let kept = Place::read(&sender.file).expect("a file").expect("a place");
    assert_eq!(kept.sent, 9, "and nothing forgotten");
}

#[tokio::test]
async fn what_passed_is_not_told_any_more_though_nothing_is_to_be_sent() {
    let sender = Sender::new(&[10; 5]);
    let forwarder = sender.forwarder();
    let (stop, running) = run(&forwarder);
    until("all is sent", || *forwarder.acknowledged().borrow() == 6).await;
    stop.send_replace(true);
    running.await.expect("no panic").expect("it ends well");
    sender.stream.held().away = Some(PipeError::Unreachable("nobody".to_owned()));
    let (stop, running) = run(&forwarder);
    until("it is told", || code(&forwarder) == Some("broker_unreachable")).await;
    sender.stream.held().away = None;
    until("it is not told any more", || code(&forwarder).is_none()).await;
    stop.send_replace(true);
    running.await.expect("no panic").expect("it ends well");
}

#[tokio::test]
async fn a_refusal_is_told_and_tried_again() {
    let sender = Sender::new(&[10; 5]);
    sender.stream.held().away = Some(PipeError::Refused("unknown user".to_owned()));
    let forwarder = sender.forwarder();
    let (stop, running) = run(&forwarder);
    until("it is told", || code(&forwarder) == Some("broker_refused")).await;
    sender.stream.held().away = None;
    until("all is sent", || *forwarder.acknowledged().borrow() == 6).await;
    until("it is not told any more", || code(&forwarder).is_none()).await;
    stop.send_replace(true);
    running.await.expect("no panic").expect("it ends well");
}
