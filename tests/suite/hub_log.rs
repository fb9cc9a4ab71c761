//! `log copy` and `log archive` as people call them: the same hub afterwards, wherever they were stopped; and what they say to
//! those who call them for the first time.

mod archive;
mod mistakes;

use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};
use tributary_tests::{
    hub::{Folder, Hub, channels::Source, program},
    rng::Rng,
};

/// People who write.
const PEOPLE: usize = 12;

/// A hub whose log has segments of 1 MiB.
fn folder(source: &Source) -> Folder {
    Folder::with(std::slice::from_ref(source), "name = \"acme\"", "[log]\nsegment_mib = 1\n")
}

fn source() -> Source {
    Source::new("cloudevents", Value::Null)
}

/// Messages with so many letters each, some of which tie two people.
fn post(source: &Source, hub: &Hub, numbers: std::ops::Range<usize>, letters: usize) {
    let mut client = hub.provider();
    for n in numbers {
        let who =
            |n: usize| json!({"type": "member", "value": format!("M{}", n % PEOPLE), "trust": "verified"});
        let phone = json!({"type": "phone", "value": format!("+8869120000{:02}", n % 5), "trust": "claimed"});
        let identifiers = if n % 7 == 0 { vec![who(n), phone] } else { vec![who(n)] };
        let event = json!({"specversion": "1.0", "id": format!("e{n}"), "source": "/log",
            "type": "tributary.v1.message.received", "time": "2026-03-01T10:12:00+08:00",
            "data": {"key": format!("message/{n}"), "identifiers": identifiers,
                "message": {"text": format!("{n} {}", "x".repeat(letters))}}});
        let body = event.to_string();
        let sent = source.send(&mut client, "application/cloudevents+json", body.as_bytes());
        assert_eq!(sent.status, 202, "{}", sent.text());
    }
    hub.settle();
}

/// What must be the same after a copy.
#[derive(Debug, PartialEq, Eq)]
struct Picture {
    digest: String,
    customers: BTreeSet<String>,
    events: BTreeSet<String>,
}

fn picture(hub: &Hub) -> Picture {
    hub.settle();
    let mut client = hub.client();
    let verified = client.get("/v1/verify").must(200).json();
    assert_eq!(verified["ok"], true, "{verified}");
    let mut ids = |target: &str, items: &str| {
        let all = client.pages(target, items, "cursor", "next_cursor");
        all.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    };
    Picture {
        digest: verified["digest"].as_str().expect("a digest").to_owned(),
        customers: ids("/v1/customers?limit=100", "customers"),
        events: ids("/v1/events?limit=500", "events"),
    }
}

/// The cursor behind everything.
fn cursor(hub: &Hub, target: &str) -> String {
    let mut cursor = String::new();
    loop {
        let answer = hub.client().get(&format!("{target}?limit=1000&cursor={cursor}")).must(200).json();
        let next = answer["next_cursor"].as_str().expect("a cursor").to_owned();
        if next == cursor {
            return next;
        }
        cursor = next;
    }
}

fn number_behind(hub: &Hub, target: &str, items: &str, cursor: &str) -> usize {
    let answer = hub.client().get(&format!("{target}?limit=1000&cursor={cursor}")).must(200).json();
    answer[items].as_array().expect("a list").len()
}

/// The origin of a folder's own log.
fn origin(folder: &Folder) -> String {
    let text = fs::read_to_string(folder.data().join("hub.json")).expect("hub.json");
    let owner: Value = serde_json::from_str(&text).expect("JSON");
    format!("{:08x}", owner["origin"].as_u64().expect("an origin"))
}

fn shown(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn copy(from: &Path, to: &Path, more: &[&str]) -> Value {
    let mut arguments = vec!["log", "copy", "-o", "json", "--from", text(from), "--to", text(to)];
    arguments.extend(more);
    let done = run(&arguments);
    assert_eq!(done.status.code(), Some(0), "{}", shown(&done));
    serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("{e}: {}", shown(&done)))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

/// The program outside of any folder of ours.
fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRIBUTARY") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).current_dir(std::env::temp_dir());
    command
}

fn all_equal(answer: &Value) -> u64 {
    assert_eq!(answer["equal"], true, "{answer:#}");
    let logs = answer["logs"].as_array().expect("logs");
    for log in logs {
        let (digest, there) = (log["digest"].as_str(), log["digest_there"].as_str());
        assert!(digest == there && digest.is_some_and(|digest| digest.len() == 64), "{log}");
    }
    logs.iter().map(|log| log["copied"].as_u64().expect("a number")).sum()
}

#[test]
fn a_copied_folder_is_the_same_hub() {
    let source = source();
    let (old, new, third) = (folder(&source), folder(&source), folder(&source));
    let hub = old.start();
    post(&source, &hub, 0..60, 50);
    let before = picture(&hub);
    let cursors = ["/v1/events", "/v1/changes"].map(|target| cursor(&hub, target));
    hub.terminate();
    let origin = origin(&old);
    let first = copy(&old.data(), &new.data(), &["--as", &origin]);
    assert!(all_equal(&first) > 60 && first["notes"] == json!([]), "{first:#}");
    assert_eq!(first["logs"][0]["kept_as"], "own log");
    assert_eq!(all_equal(&copy(&old.data(), &new.data(), &["--as", &origin])), 0, "nothing comes twice");

    let hub = new.start();
    assert_eq!(picture(&hub), before);
    for (target, items, cursor) in
        [("/v1/events", "events", &cursors[0]), ("/v1/changes", "changes", &cursors[1])]
    {
        assert_eq!(
            number_behind(&hub, target, items, cursor),
            0,
            "{target}: what the old hub told comes again"
        );
    }
    post(&source, &hub, 60..61, 50);
    assert_eq!(number_behind(&hub, "/v1/events", "events", &cursors[0]), 1);
    assert!(number_behind(&hub, "/v1/changes", "changes", &cursors[1]) > 0);
    new.verify(&hub);
    hub.terminate();

    // As another node's log, beside one of its own.
    let answer = copy(&new.data(), &third.data(), &[]);
    assert!(
        all_equal(&answer) > 61 && answer["notes"][0].as_str().is_some_and(|n| n.contains("--as")),
        "{answer:#}"
    );
    assert_eq!(answer["logs"][0]["kept_as"], "copy");
    let hub = third.start();
    let now = picture(&hub);
    assert_eq!(now.customers, before.customers);
    assert_eq!(now.events.len(), before.events.len() + 1);
    assert_eq!(number_behind(&hub, "/v1/events", "events", &cursors[0]), 1, "the cursor of the first hub");
    third.verify(&hub);
}

/// The program is killed at any moment, again and again. Nothing is served in between that would begin a second history.
#[test]
fn a_copy_that_is_killed_goes_on() {
    let source = source();
    let (old, new) = (folder(&source), folder(&source));
    let hub = old.start();
    post(&source, &hub, 0..160, 60_000);
    let before = picture(&hub);
    hub.terminate();
    let (origin, data) = (origin(&old), new.data());
    let arguments =
        ["log", "copy", "--from", text(&old.data()).to_owned().leak(), "--to", text(&data), "--as", &origin];
    let mut rng = Rng::new(5);
    let mut unfinished = 0;
    for _ in 0..25 {
        let mut child =
            command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        thread::sleep(Duration::from_millis(2 + rng.below(60) as u64));
        let _ = child.kill();
        child.wait().expect("it ends");
        if data.join("copying").exists() {
            unfinished += 1;
            let refused = new.run(&["serve"]);
            assert_eq!(refused.status.code(), Some(1), "{}", shown(&refused));
            assert!(shown(&refused).contains("log_copy_unfinished"), "{}", shown(&refused));
        }
    }
    eprintln!("{unfinished} of 25 copies were killed in the middle");
    assert!(unfinished > 0, "none was killed in the middle");
    all_equal(&copy(&old.data(), &data, &["--as", &origin]));
    assert_eq!(all_equal(&copy(&old.data(), &data, &["--as", &origin])), 0);
    let hub = new.start();
    assert_eq!(picture(&hub), before);
    new.verify(&hub);
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    all.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    all.sort();
    all
}
