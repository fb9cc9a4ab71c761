//! The developer's kit around channels: kinds told, channels begun from samples, fixtures tested. No hub runs.

use clap::Parser as _;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;
use tributary::{
    cli::{self, Exit, Failure, args::Cli},
    config::{self, Source},
};
use tributary_channels::{REGISTRY, setup};

/// Runs a command with the configuration in this folder.
async fn run(folder: &Path, arguments: &[&str]) -> (Result<Exit, Failure>, String) {
    let config = folder.join("tributary.toml").display().to_string();
    let all = ["tributary", "--config", &config].into_iter().chain(arguments.iter().copied());
    let mut out = Vec::new();
    let ended = cli::run(Cli::try_parse_from(all).unwrap(), &mut out).await;
    (ended, String::from_utf8(out).unwrap())
}

/// A folder with a sample.
fn folder(sample: &Value) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("Ticket Created.json");
    fs::write(&file, format!("{sample:#}")).unwrap();
    (folder, file.display().to_string())
}

fn ticket() -> Value {
    json!({"event": "ticket.created", "ticket": {"id": 40012, "created_at": "2026-03-01T10:05:00+08:00",
        "subject": "退貨", "description": "鞋太小 🥲", "assignee": {"email": "bo@desk.example"},
        "requester": {"id": "u-17", "name": "陳美玲", "email": "mei@shop.example", "phone": "0912-345-678"}}})
}

#[tokio::test]
async fn a_channel_begun_from_a_sample_passes_its_test_at_once() {
    let (folder, sample) = folder(&ticket());
    let before = "[hub]\nname = \"acme\" # no newline at the end";
    fs::write(folder.path().join("tributary.toml"), before).unwrap();
    let (ended, out) = run(folder.path(), &["channel", "new", "desk", "--from", &sample]).await;
    assert_eq!(ended, Ok(Exit::Ok), "{out}");
    for line in [
        r#"when = 'payload.event == "ticket.created"'"#,
        r#"key = '"ticket/" + string(payload.ticket.id)'"#,
        "time = 'payload.ticket.created_at'",
        "{ type = \"email\", value = 'payload.ticket.?requester.?email' }",
        "profile = { name = 'payload.ticket.?requester.?name' }",
        "message = { subject = 'payload.ticket.?subject', text = 'payload.ticket.?description' }",
    ] {
        assert!(out.contains(line), "{line} in\n{out}");
    }
    let after = fs::read_to_string(folder.path().join("tributary.toml")).unwrap();
    assert!(after.starts_with(before), "what was there stays");
    let fixtures = folder.path().join("fixtures/desk");
    let kept = fs::read(fixtures.join("ticket-created.json")).unwrap();
    assert_eq!(kept, fs::read(&sample).unwrap(), "the sample, byte for byte");
    let golden: Value =
        serde_json::from_slice(&fs::read(fixtures.join("ticket-created.expected.json")).unwrap()).unwrap();
    let event = &golden["events"][0];
    assert_eq!((&event["key"], &event["type"]), (&json!("ticket/40012"), &json!("message.received")));
    let values: Vec<&Value> = event["identifiers"].as_array().unwrap().iter().map(|i| &i["value"]).collect();
    assert_eq!(values, ["mei@shop.example", "u-17", "+886912345678"], "the customer, not the assignee");

    let (ended, out) = run(folder.path(), &["channel", "test"]).await;
    assert_eq!(ended, Ok(Exit::Ok), "{out}");
    assert!(out.contains("ok      desk/ticket-created.json  1 event: message.received"), "{out}");
    // Another one of the same name is refused, and nothing is written.
    let (ended, _) = run(folder.path(), &["channel", "new", "desk", "--from", &sample]).await;
    let failure = ended.unwrap_err();
    assert!(failure.exit == Exit::Usage && failure.message.starts_with("name_taken"), "{failure:?}");
    assert_eq!(fs::read_to_string(folder.path().join("tributary.toml")).unwrap(), after);
}

#[tokio::test]
async fn samples_of_many_forms_become_channels() {
    let order = json!({"id": "A-1", "paid_at": 1_772_331_120, "total": "1280", "currency": "TWD",
        "customer": {"member_no": "M-10023", "email": "mei@shop.example"}});
    for (name, sample, holds) in [
        ("list", json!([order]), "for_each = \"payload\""),
        (
            "batch",
            json!({"shop": "acme", "orders": [order, {"id": "A-2", "paid_at": 1, "total": "1", "currency": "TWD"}]}),
            "for_each = 'payload.orders'",
        ),
        ("flat", order.clone(), "purchase = { currency = 'payload.currency', total = 'payload.total' }"),
        (
            "millis",
            json!({"type": "ping", "id": 7, "sent_ts": 1_772_331_120_123_u64}),
            "time = 'unix_ms(payload.sent_ts)'",
        ),
        (
            "local",
            json!({"id": "x", "time": "2026-03-01 10:12", "text": "hi"}),
            "time = 'local_time(payload.time)'",
        ),
        (
            "form",
            json!({"your-name": "Amy's", "your-email": "amy@shop.example", "message": "it's {{me}}"}),
            "value = 'payload[?\"your-email\"]'",
        ),
        ("reserved", json!({"in": {"for": "a@shop.example"}, "id": 1}), "payload[\"in\"][?\"for\"]"),
        ("thin", json!({"a": 1}), "digest(string(payload.a))"),
        ("apostrophe", json!({"type": "a", "it's": {"id": 5}, "id": 6}), "string(payload[\"it's\"].id)"),
        ("badmail", json!({"id": 1, "email": "a..b@shop.example"}), "Left out"),
    ] {
        let (folder, file) = folder(&sample);
        let (ended, out) = run(folder.path(), &["channel", "new", name, "--from", &file]).await;
        assert_eq!(ended, Ok(Exit::Ok), "{name}: {out}");
        assert!(out.contains(holds), "{name}: {holds} in\n{out}");
        let (ended, out) = run(folder.path(), &["channel", "test", name]).await;
        assert_eq!(ended, Ok(Exit::Ok), "{name}: {out}");
        assert!(!out.contains("unrecognised"), "{name}: {out}");
    }
}

#[tokio::test]
async fn what_cannot_be_begun_is_refused_and_nothing_is_written() {
    let (folder, good) = folder(&ticket());
    let path = folder.path();
    let file = |name: &str, text: &str| {
        fs::write(path.join(name), text).unwrap();
        path.join(name).display().to_string()
    };
    let (bad, empty, number) = (file("bad", "a=1&b=2"), file("empty", "{}"), file("number", "[1, 2]"));
    let gone = path.join("gone").display().to_string();
    fs::create_dir_all(path.join("fixtures/taken")).unwrap();
    for (arguments, code) in [
        (["desk", "--from", &bad].as_slice(), "bad_sample"),
        (&["desk", "--from", &empty], "bad_sample"),
        (&["desk", "--from", &number], "bad_sample"),
        (&["desk", "--from", &gone], "bad_sample"),
        (&["My_Desk", "--from", &good], "bad_name"),
        (&["-desk", "--from", &good], ""),
        (&["../desk", "--from", &good], "bad_name"),
        (&["taken", "--from", &good], "fixtures_taken"),
        (&["line", "--from", &good, "--rust"], "name_taken"),
        (&["fn", "--from", &good, "--rust"], "bad_name"),
        (&["a-b", "--from", &good, "--rust"], "bad_name"),
    ] {
        let all = [&["tributary", "channel", "new"], arguments].concat();
        if code.is_empty() {
            assert!(Cli::try_parse_from(all).is_err(), "{arguments:?}");
            continue;
        }
        let (ended, out) = run(path, &all[1..]).await;
        let failure = ended.expect_err(&out);
        assert_eq!(failure.exit, Exit::Usage, "{arguments:?}: {failure:?}");
        assert!(failure.message.starts_with(&format!("{code}: ")), "{arguments:?}: {failure:?}");
        assert!(failure.remedy.is_some(), "{arguments:?}: {failure:?}");
        assert!(!path.join("tributary.toml").exists() && !path.join("fixtures/desk").exists());
    }
    let (ended, out) = run(path, &["channel", "new", "desk", "--from", &good, "--dry-run"]).await;
    assert!(ended == Ok(Exit::Ok) && out.contains("would write") && !path.join("tributary.toml").exists());
    // A configuration that does not load is told as such, and not added to.
    fs::write(path.join("tributary.toml"), "[hub]\nnmae = 1\n").unwrap();
    let failure = run(path, &["channel", "new", "desk", "--from", &good]).await.0.unwrap_err();
    assert!(failure.exit == Exit::Usage && failure.message.contains("did you mean `name`?"), "{failure:?}");
    assert_eq!(fs::read_to_string(path.join("tributary.toml")).unwrap(), "[hub]\nnmae = 1\n");
}

#[test]
fn an_adapter_is_begun_only_inside_a_checkout() {
    let (folder, file) = folder(&ticket());
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tributary"));
    let ended = program
        .args(["channel", "new", "desk", "--rust", "--from", &file])
        .current_dir(&folder)
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{told}");
    assert!(told.contains("no_workspace: ") && told.contains("  help: "), "{told}");
}

#[tokio::test]
async fn a_fixture_that_fails_says_where_and_why() {
    let (folder, sample) = folder(&ticket());
    let path = folder.path();
    assert_eq!(run(path, &["channel", "new", "desk", "--from", &sample]).await.0, Ok(Exit::Ok));
    let fixtures = path.join("fixtures/desk");
    let write = |name: &str, text: &str| fs::write(fixtures.join(name), text).unwrap();
    let other = format!("{:#}", ticket()).replace("40012", "40013");
    let test = ["channel", "test", "desk"];
    for (name, text, told) in [
        (
            "ticket-created.json",
            other.as_str(),
            "/events/0/key: wanted \"ticket/40012\", got \"ticket/40013\"",
        ),
        ("second.json", "{}", "golden: none yet; --update writes it"),
        ("left.expected.json", "{}", "there is no request that it is of"),
        ("ticket-created.headers.json", "{\"X-A\": \"b\"}", "X-A must be in lower case"),
        ("ticket-created.headers.json", "[", "is no JSON"),
        ("ticket-created.headers.json", "{}", "40013"),
    ] {
        write(name, text);
        let (ended, out) = run(path, &test).await;
        assert_eq!(ended, Ok(Exit::CheckFailed), "{name}: {out}");
        assert!(out.contains("FAILED  desk/") && out.contains(told), "{name}: {told} in\n{out}");
    }
    fs::remove_file(fixtures.join("left.expected.json")).unwrap();
    let (ended, out) = run(path, &["channel", "test", "--update"]).await;
    assert!(ended == Ok(Exit::Ok) && out.matches("golden result written").count() == 2, "{out}");
    let (ended, out) = run(path, &["channel", "test", "-o", "jsonl"]).await;
    assert_eq!(ended, Ok(Exit::Ok));
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() == 3 && rows.iter().all(|row| row["ok"] == true), "{out}");
    // Folders that no channel has, and channels that have no folder, do not pass in silence.
    fs::create_dir(path.join("fixtures/renamed")).unwrap();
    let (ended, out) = run(path, &["channel", "test"]).await;
    assert!(ended == Ok(Exit::CheckFailed) && out.contains("no channel of this name"), "{out}");
    fs::remove_dir_all(path.join("fixtures")).unwrap();
    let failure = run(path, &["channel", "test"]).await.0.unwrap_err();
    assert!(failure.exit == Exit::CheckFailed && failure.message.starts_with("no fixtures"), "{failure:?}");
    assert_eq!(run(path, &["channel", "test", "nosuch"]).await.0.unwrap_err().exit, Exit::Usage);
}

#[tokio::test]
async fn every_kind_tells_settings_that_load() {
    let (folder, _) = folder(&json!({}));
    let (_, listed) = run(folder.path(), &["channel", "ls", "--kinds"]).await;
    for registration in REGISTRY {
        let kind = registration.kind;
        assert!(listed.contains(kind), "{kind} in\n{listed}");
        let (ended, out) = run(folder.path(), &["channel", "describe", kind]).await;
        assert_eq!(ended, Ok(Exit::Ok));
        for setting in registration.all_settings() {
            assert!(out.contains(setting.about), "{kind}: {} in\n{out}", setting.name);
        }
        let text = setup::block(registration, "a");
        let source = Source { name: kind.to_owned(), text };
        let built = config::from_text_to_try(source, &config::Environment::new());
        assert_eq!(built.expect(kind).channels.len(), 1);
    }
    let failure = run(folder.path(), &["channel", "describe", "telepathy"]).await.0.unwrap_err();
    assert!(failure.exit == Exit::Usage && failure.remedy.unwrap().contains("line, web_form"));
}
