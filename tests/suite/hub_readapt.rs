//! `readapt`: stored requests under other settings give what a hub with those settings would have; nothing is delivered again.

use serde_json::{Value, json};
use std::time::Duration;
use tributary_tests::hub::{
    Folder, Hub,
    channels::Source,
    elsewhere::{Elsewhere, says},
};

const PATIENCE: Duration = Duration::from_secs(60);
const FORM: &str = "application/x-www-form-urlencoded";
const AMY: &str = "U0123456789abcdef0123456789abcdef";

/// A contact form that maps these fields.
fn form(fields: Value) -> Source {
    let table = json!({"kind": "web_form", "form": "contact", "submission_id": "sid", "fields": fields});
    Source::of("shop", table.as_object().cloned().unwrap_or_default())
}

/// The channel's section becomes another one.
fn reconfigure(folder: &Folder, from: &Source, to: &Source) {
    let (from, to) = (from.section(folder.path()), to.section(folder.path()));
    let text = folder.configuration();
    assert!(text.contains(&from), "{text}");
    folder.configure(&text.replace(&from, &to));
}

/// Runs the command; its exit code and what it printed.
fn readapt(folder: &Folder, hub: &Hub, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let url = hub.url();
    let done = folder.run(&[&["readapt", "--hub", &url, "-o", "json"], arguments].concat());
    hub.settle();
    let out = serde_json::from_slice(&done.stdout).unwrap_or_default();
    (done.status.code(), out, String::from_utf8_lossy(&done.stderr).into_owned())
}

/// All views, without names of events and times of receipt.
fn views(hub: &Hub) -> Vec<Value> {
    hub.settle();
    let mut all = hub.client().pages("/v1/customers", "customers", "cursor", "next_cursor");
    all.iter_mut().for_each(without);
    all.sort_by_key(ToString::to_string);
    all
}

fn without(value: &mut Value) {
    const NAMES: [&str; 11] = [
        "id",
        "version",
        "provenance",
        "first",
        "newest",
        "first_seen",
        "last_seen",
        "first_at",
        "last_at",
        "at",
        "event",
    ];
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !NAMES.contains(&key.as_str()));
            map.values_mut().for_each(without);
        }
        Value::Array(items) => items.iter_mut().for_each(without),
        _ => {}
    }
}

fn submit(hub: &Hub, source: &Source) {
    for n in 0..4 {
        // The last two are of one person, who is known by the number alone.
        let (email, phone) = (n, n.min(2));
        let body = format!(
            "sid=post-{n}&mail=amy{email}%40shop.example&tel=0928-173-65{phone}&who=Amy+{n}&text=hello+{n}"
        );
        let answer = source.send(&mut hub.provider(), FORM, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    hub.settle();
}

fn row(hub: &Hub, name: &str) -> Value {
    let channels = hub.client().get("/v1/channels").must(200).json();
    let rows = channels["channels"].as_array().expect("a list");
    rows.iter().find(|r| r["name"] == name).expect("the channel").clone()
}

#[test]
fn a_form_read_again_is_as_if_it_had_been_mapped_so() {
    let first = form(json!({"email": "mail", "message": "who"}));
    let last = form(json!({"email": "mail", "phone": "tel", "name": "who", "message": "text"}));
    let folder = Folder::new(std::slice::from_ref(&first));
    let hub = folder.start();
    submit(&hub, &first);
    let before = views(&hub);
    assert_eq!(before.len(), 4, "{before:#?}");
    let heard = row(&hub, "shop")["last_event_at"].clone();
    drop(hub);
    reconfigure(&folder, &first, &last);
    let hub = folder.start();
    hub.settle();
    let end = |hub: &Hub| hub.client().get("/v1/lag").must(200).json()["end"].clone();
    let old = end(&hub);

    let (code, told, stderr) = readapt(&folder, &hub, &["shop", "--since", "1h", "--dry-run"]);
    assert_eq!(code, Some(0), "{told:#} {stderr}");
    let result = &told["result"];
    assert_eq!((&result["facts"]["changed"], &result["appended"]), (&json!(4), &json!(0)), "{result:#}");
    assert_eq!(result["customers"]["customers"], json!({"before": 4, "after": 3}), "{result:#}");
    assert_eq!(result["customers"]["merges"]["count"], 1, "{result:#}");
    let differs = result["examples"][0]["differs"].as_str().expect("what differs");
    assert_eq!(differs, "identifiers, text, profile", "{result:#}");
    assert!(
        !result.to_string().contains("amy") && !result.to_string().contains("0928"),
        "no values: {result}"
    );
    assert_eq!((end(&hub), views(&hub)), (old, before), "nothing has changed");

    let (code, told, stderr) = readapt(&folder, &hub, &["shop", "--since", "start"]);
    assert_eq!((code, &told["result"]["appended"]), (Some(0), &json!(4)), "{told:#} {stderr}");
    let fresh_folder = Folder::new(std::slice::from_ref(&last));
    let fresh = fresh_folder.start();
    submit(&fresh, &last);
    assert_eq!(views(&hub), views(&fresh));
    assert_eq!(row(&hub, "shop")["last_event_at"], heard, "the channel was not heard");

    // Once more there is nothing to do, also for a copy that comes in later.
    let again = end(&hub);
    let (code, told, _) = readapt(&folder, &hub, &["shop", "--since", "start"]);
    assert_eq!((code, &told["result"]["appended"]), (Some(0), &json!(0)), "{told:#}");
    submit(&hub, &last);
    assert_eq!((end(&hub), views(&hub)), (again, views(&fresh)));
    folder.verify(&hub);
    drop(hub);
    let hub = folder.start();
    assert_eq!(views(&hub), views(&fresh), "after a restart");
}

#[test]
fn nothing_is_delivered_or_asked_again() {
    let bot = Elsewhere::new(vec![says(200, "")]);
    let answer = json!({"userId": AMY, "displayName": "May"}).to_string();
    let api = Elsewhere::new(vec![says(200, &answer)]);
    let settings = |brand: &str| {
        json!({"forward": bot.url("/"), "fetch_profile": true, "access_token": "tok", "profile_url": api.url(""),
            "brand": brand})
    };
    let (first, last) = (Source::new("line", settings("a")), Source::new("line", settings("b")));
    let folder = Folder::new(std::slice::from_ref(&first));
    let hub = folder.start();
    let post = |hub: &Hub, n: u32| {
        let body = json!({"destination": "U00000000000000000000000000000b07", "events": [{"type": "message",
            "mode": "active", "timestamp": 1_772_331_119_000_u64 + u64::from(n),
            "source": {"type": "user", "userId": AMY}, "webhookEventId": format!("01JAGAIN{n}"),
            "message": {"id": format!("9{n}"), "type": "text", "text": format!("hello {n}")}}]});
        let sent = first.send(&mut hub.provider(), "application/json", body.to_string().as_bytes());
        assert_eq!(sent.status, 200, "{}", sent.text());
    };
    (0..3).for_each(|n| post(&hub, n));
    assert_eq!((bot.wait(3, PATIENCE).len(), api.wait(1, PATIENCE).len()), (3, 1));
    assert!(hub.terminate().0.success());
    drop(hub);
    reconfigure(&folder, &first, &last);
    let hub = folder.start();
    hub.settle();
    let (code, told, stderr) = readapt(&folder, &hub, &["line", "--since", "1d"]);
    assert_eq!(code, Some(0), "{told:#} {stderr}");
    // The messages, and the profile that was asked for.
    assert_eq!(told["result"]["facts"]["changed"], 4, "{told:#}");
    assert!(hub.terminate().0.success());
    drop(hub);
    // After a restart requests are made again from the log: none of these.
    let hub = folder.start();
    post(&hub, 3);
    let delivered = bot.wait(4, PATIENCE);
    assert!(String::from_utf8_lossy(&delivered[3].body).contains("hello 3"), "{delivered:?}");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!((bot.asked().len(), api.asked().len()), (4, 1));
    let events = hub.client().pages("/v1/events", "events", "cursor", "next_cursor");
    let acts = events.iter().filter(|e| e["data"]["activity"]["title"] == "channel readapted").count();
    assert_eq!(acts, 1, "who did it stands in the log: {events:#?}");
}

/// What was not understood is listed as settled once it is.
#[test]
fn dead_letters_are_settled() {
    let mapped = |key: &str| {
        let table = json!({"kind": "mapped", "signature": "none", "events": [{"type": "note", "key": key,
            "identifiers": [{"type": "email", "value": "payload.mail"}], "note": {"text": "payload.text"}}]});
        Source::of("desk", table.as_object().cloned().unwrap_or_default())
    };
    let (first, last) = (mapped("payload.number"), mapped("payload.id"));
    let folder = Folder::new(std::slice::from_ref(&first));
    let hub = folder.start();
    for body in [
        r#"{"id":"a1","mail":"amy@shop.example","text":"hello"}"#,
        r#"{"mail":"ben@shop.example","text":"no name at all"}"#,
    ] {
        assert_eq!(first.send(&mut hub.provider(), "application/json", body.as_bytes()).status, 200);
    }
    drop(hub);
    reconfigure(&folder, &first, &last);
    let hub = folder.start();
    hub.settle();
    let (code, told, stderr) = readapt(&folder, &hub, &["desk", "--since", "1h"]);
    assert_eq!(code, Some(0), "{told:#} {stderr}");
    assert_eq!(told["result"]["facts"]["understood"], 1, "{told:#}");
    let letters = hub.client().get("/v1/deadletters").must(200).json();
    let settled: Vec<&Value> =
        letters["deadletters"].as_array().expect("a list").iter().map(|l| &l["settled"]).collect();
    assert_eq!(settled, [&json!(true), &json!(false)], "{letters:#}");
    assert_eq!(hub.client().holders("email", "amy@shop.example").len(), 1);
    let events = hub.client().pages("/v1/events", "events", "cursor", "next_cursor");
    assert_eq!(
        events.iter().filter(|e| e["generation"] == 1).count(),
        2,
        "one new, one taken back: {events:#?}"
    );
}

#[test]
fn what_cannot_be_done_is_told_with_a_remedy() {
    let source = form(json!({"email": "mail"}));
    let folder = Folder::new(std::slice::from_ref(&source));
    let hub = folder.start();
    for (arguments, code, exit) in [
        (&["nobody", "--since", "1d"][..], "channel_unknown", 1),
        (&["shop", "--since", "yesterday"], "bad_time", 2),
        (&["shop", "--since", "1d", "--until", "2d"], "empty_window", 2),
    ] {
        let (got, told, stderr) = readapt(&folder, &hub, arguments);
        assert_eq!(got, Some(exit), "{arguments:?}: {told} {stderr}");
        assert!(stderr.contains(code) && stderr.contains("help: "), "{arguments:?}: {stderr}");
    }
    let (got, told, _) = readapt(&folder, &hub, &["shop", "--since", "1d"]);
    assert_eq!((got, &told["result"]["code"]), (Some(1), &json!("nothing_stored")), "{told:#}");
    assert!(told["result"]["remedy"].is_string(), "{told:#}");
    submit(&hub, &source);
    drop(hub);
    let other = Source::of(
        "shop",
        json!({"kind": "mapped", "signature": "none", "events": [{"type": "note", "key": "payload.sid",
            "note": {"text": "payload.text"}}]})
        .as_object()
        .cloned()
        .unwrap_or_default(),
    );
    reconfigure(&folder, &source, &other);
    let hub = folder.start();
    let (got, told, _) = readapt(&folder, &hub, &["shop", "--since", "1d"]);
    assert_eq!((got, &told["result"]["code"]), (Some(1), &json!("channel_kind_changed")), "{told:#}");
    assert!(told["result"]["remedy"].is_string(), "{told:#}");
    let gone = readapt(&folder, &hub, &["shop", "--since", "1d", "--hub", "http://127.0.0.1:1"]);
    assert_eq!(gone.0, Some(2), "an option twice is wrong use: {}", gone.2);
}
