//! Mail that the hub fetches from a Maildir, with `kill -9` at random moments: every mail is one event of one customer,
//! and none stays behind. And mail that Mailgun posts: a signature that was overheard carries no other mail.
//!
//! 6 rounds; 200 with `TRIBUTARY_LONG=1`. `TRIBUTARY_SEED` repeats a run's choices.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tributary_tests::{
    hub::{Folder, Hub, channels::Source},
    rng::Rng,
};

const ROUNDS: usize = 6;
const ROUNDS_LONG: usize = 200;
/// Longest life of a hub in milliseconds: long enough for a few looks at the folder.
const LIFE_MILLIS: usize = 1_800;
/// Mails a round.
const MAILS: usize = 60;
/// Longest wait for the folder to be empty.
const PATIENCE: Duration = Duration::from_secs(60);

fn source(more: Value) -> Source {
    let mut table = json!({"kind": "email", "mailbox": "help@shop.example"});
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        table[key] = value;
    }
    Source::of("mail", table.as_object().cloned().unwrap_or_default())
}

fn maildir() -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    for name in ["new", "cur", "tmp"] {
        fs::create_dir(dir.path().join(name)).expect("a folder of the Maildir");
    }
    dir
}

fn mail(number: usize) -> String {
    format!(
        "From: Person {number} <p{number}@example.com>\r\nTo: help@shop.example\r\n\
         Message-ID: <{number}@example.com>\r\nDate: Sun, 1 Mar 2026 10:12:00 +0800\r\n\r\nHello {number}\r\n"
    )
}

/// As mail servers deliver: written in `tmp`, then renamed.
fn deliver(dir: &Path, number: usize) {
    let name = format!("{number:08}.test");
    fs::write(dir.join("tmp").join(&name), mail(number)).expect("a mail is written");
    fs::rename(dir.join("tmp").join(&name), dir.join("new").join(&name)).expect("a mail is delivered");
}

fn files(dir: &Path, name: &str) -> usize {
    fs::read_dir(dir.join(name)).expect("a folder of the Maildir").count()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// How often each key of the channel stands in the log.
fn keys(hub: &Hub) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    for event in hub.client().pages("/v1/events?limit=1000", "events", "cursor", "next_cursor") {
        if event["channel"] == "mail" {
            *keys.entry(event["data"]["key"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    keys
}

#[test]
fn mail_in_a_maildir_is_taken_once_whatever_is_killed() {
    let rounds = if std::env::var_os("TRIBUTARY_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    let given = std::env::var("TRIBUTARY_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros() as u64)
    });
    println!("TRIBUTARY_SEED={seed}, {rounds} rounds");
    let (mut rng, dir) = (Rng::new(seed), maildir());
    let folder = Folder::new(&[source(json!({"maildir": dir.path().display().to_string()}))]);
    fs::write(dir.path().join("tmp/half"), "From: half@example.com\r\n").expect("half a mail");
    let mut sent = 0;
    for _ in 0..rounds {
        let hub = folder.start();
        let end = Instant::now() + Duration::from_millis(500 + rng.below(LIFE_MILLIS) as u64);
        for _ in 0..MAILS {
            deliver(dir.path(), sent);
            sent += 1;
            thread::sleep(Duration::from_millis(rng.below(20) as u64));
        }
        thread::sleep(end.saturating_duration_since(Instant::now()));
        hub.kill_now();
    }
    assert!(files(dir.path(), "cur") > 0, "no hub lived long enough to take a mail");
    let hub = folder.start();
    until("an empty folder", || files(dir.path(), "new") == 0);
    hub.settle();
    let keys = keys(&hub);
    assert_eq!((keys.len(), keys.values().max()), (sent, Some(&1)), "every mail once in the log");
    let customers = hub.client().pages("/v1/customers?limit=1000", "customers", "cursor", "next_cursor");
    assert_eq!(customers.len(), sent, "every sender is one customer");
    assert_eq!((files(dir.path(), "cur"), files(dir.path(), "tmp")), (sent, 1));
    let channels = hub.client().get("/v1/channels").must(200).json();
    let row = &channels["channels"][0];
    assert_eq!((row["name"].as_str(), row["state"].as_str()), (Some("mail"), Some("maildir waiting")));
    let metrics = hub.client().get("/metrics").must(200).text();
    assert!(metrics.contains("tributary_pull_connected{channel=\"mail\"} 1"), "{metrics}");
    let shown = folder.run(&["channel", "ls", "--hub", &hub.url()]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("maildir waiting"));
    let log = folder.log();
    let loud: Vec<&str> = log.lines().filter(|l| l.contains("panicked") || l.contains("ERROR")).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn an_overheard_signature_carries_no_other_mail() {
    let source = source(json!({"provider": "mailgun", "key": "k"}));
    let folder = Folder::new(std::slice::from_ref(&source));
    let hub = folder.start();
    let mut client = hub.provider();
    let request = source.signed(&[("content-type", "message/rfc822")], mail(1).as_bytes());
    let send = |client: &mut _, request: &_| source.post(client, request).expect("an answer").status;
    assert_eq!(
        (send(&mut client, &request), send(&mut client, &request)),
        (200, 200),
        "a redelivery is welcome"
    );
    let mut forged = request.clone();
    forged.body = String::from_utf8_lossy(&request.body).replace("Hello 1", "Pay 1").into_bytes();
    forged.body =
        String::from_utf8_lossy(&forged.body).replace("<1@example.com>", "<2@example.com>").into_bytes();
    assert_eq!(send(&mut client, &forged), 401);
    hub.settle();
    assert_eq!(keys(&hub).len(), 1);
    let channels = hub.client().get("/v1/channels").must(200).json();
    assert_eq!(channels["channels"][0]["rejected"]["replayed_signature"], 1);
}
