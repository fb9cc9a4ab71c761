//! Reading: what was just written, page by page, by tag, and on from a cursor whatever happened to the hub in between.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use tributary_tests::hub::{Folder, Hub, channels::Source, http::Client};

/// Events of one customer; more than a head's newest entries and than one page.
const EVENTS: u64 = 130;

fn event(n: u64, member: &str) -> Value {
    json!({"specversion": "1.0", "id": format!("v{n}"), "source": "/site", "type": "tributary.v1.message.received",
        "time": format!("2026-03-01T{:02}:{:02}:00Z", n / 60, n % 60),
        "data": {"identifiers": [{"type": "member", "value": member, "trust": "verified"}],
            "message": {"text": format!("message {n}")}}})
}

fn publish(api: &mut Client, events: &[Value]) -> Value {
    api.post("/v1/events", &json!(events)).must(202).json()
}

fn hub() -> (Folder, Hub) {
    let folder = Folder::new(&[Source::new("cloudevents", Value::Null)]);
    let hub = folder.start();
    (folder, hub)
}

#[test]
fn what_was_written_is_read() {
    let (_folder, hub) = hub();
    let mut api = hub.client();
    for n in 0..50 {
        let answer = publish(&mut api, &[event(n, &format!("W{n}"))]);
        assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(1), &json!(0)), "{answer}");
        let position = answer["position"].as_str().expect("a position");
        let find = json!({"identifier": {"type": "member", "value": format!("W{n}")}});
        let found = api.post(&format!("/v1/customers/find?min_position={position}"), &find).must(200).json();
        assert_eq!(found["customers"].as_array().map(Vec::len), Some(1), "event {n}: {found}");
    }
    let again = publish(&mut api, &[event(0, "W0"), json!({"specversion": "1.0"})]);
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(1)), "{again}");
    assert_eq!(again["rejected"][0]["index"], 1, "{again}");
    assert!(again["position"].is_string(), "a duplicate has a position to wait for: {again}");
    let beyond = api.get("/v1/lag").must(200).json()["end"].as_str().expect("a cursor").to_owned();
    assert_eq!(api.get(&format!("/v1/customers?min_position={beyond}")).status, 200);
    assert_eq!(api.get("/v1/customers?min_position=zzz").said(), (400, "invalid_cursor".into()));
}

#[test]
fn a_timeline_is_read_page_by_page() {
    let (_folder, hub) = hub();
    let mut api = hub.client();
    // In an order that is not that of time.
    let events: Vec<Value> = (0..EVENTS).map(|n| event(n * 37 % EVENTS, "T1")).collect();
    publish(&mut api, &events);
    hub.settle();
    let id = api.holder("member", "T1");
    for limit in [1, 7, 32, 1000] {
        let target = format!("/v1/customers/{id}/timeline?limit={limit}");
        let entries = api.pages(&target, "entries", "before", "next_before");
        let texts: Vec<&str> = entries.iter().filter_map(|e| e["data"]["message"]["text"].as_str()).collect();
        let want: Vec<String> = (0..EVENTS).rev().map(|n| format!("message {n}")).collect();
        assert_eq!(texts, want, "newest first, each once, by {limit}");
    }
    assert_eq!(
        api.get(&format!("/v1/customers/{id}/timeline?before=x")).said(),
        (400, "invalid_cursor".into())
    );
}

#[test]
fn a_view_has_a_tag_and_takes_notes() {
    let (_folder, hub) = hub();
    let mut api = hub.client();
    publish(&mut api, &[event(1, "N1")]);
    hub.settle();
    let id = api.holder("member", "N1");
    let target = format!("/v1/customers/{id}");
    let tag = api.get(&target).must(200).header("etag").to_owned();
    let known = [("if-none-match".to_owned(), tag.clone())];
    let same = api.send("GET", &target, &known, b"").expect("an answer");
    assert_eq!((same.status, same.body.len()), (304, 0), "unchanged");
    let note = api.post(&format!("{target}/notes"), &json!({"text": "prefers mornings"})).must(202).json();
    let position = note["position"].as_str().expect("a position");
    let other =
        api.send("GET", &format!("{target}?min_position={position}"), &known, b"").expect("an answer");
    assert_eq!(other.status, 200, "changed");
    assert_ne!(other.header("etag"), tag);
    let view = other.json();
    assert!(view["notes"].to_string().contains("prefers mornings"), "{view}");
    assert_eq!(view["notes"].as_array().map(Vec::len), Some(1), "{view}");
    for (text, status) in [("", 422), (&*"x".repeat(16_385), 422)] {
        assert_eq!(api.post(&format!("{target}/notes"), &json!({"text": text})).status, status);
    }
    let timeline = api.get(&format!("{target}/timeline")).must(200).json();
    assert_eq!(timeline["entries"].as_array().map(Vec::len), Some(2), "{timeline}");
}

fn ids(changes: &[Value]) -> Vec<String> {
    changes.iter().map(|c| c["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_cursor_of_changes_survives_a_restart_and_a_rebuild() {
    let (folder, hub) = hub();
    let mut api = hub.client();
    for n in 0..30 {
        let answer = publish(&mut api, &[event(n, &format!("C{}", n % 10))]);
        let position = answer["position"].as_str().expect("a position");
        api.get(&format!("/v1/changes?limit=1&min_position={position}")).must(200);
    }
    let all = ids(&api.pages("/v1/changes?limit=1000", "changes", "cursor", "next_cursor"));
    assert!(all.len() >= 30, "each event was committed alone: {}", all.len());
    let page = api.get("/v1/changes?limit=7").must(200).json();
    let mut read = ids(page["changes"].as_array().expect("a list"));
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    let on = |api: &mut Client, cursor: &str| {
        api.get(&format!("/v1/changes?limit=7&cursor={cursor}")).must(200).json()
    };

    hub.kill_now();
    drop(hub);
    let hub = folder.start();
    let mut api = hub.client();
    let page = on(&mut api, &cursor);
    read.extend(ids(page["changes"].as_array().expect("a list")));
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();

    let done = folder.run(&["rebuild", "--hub", &hub.url()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    // From the beginning: a rebuild tells of nothing that was not told before.
    let retold = ids(&api.pages("/v1/changes?limit=1000", "changes", "cursor", "next_cursor"));
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (all.iter().collect(), retold.iter().collect());
    let made_up: Vec<_> = after.difference(&before).collect();
    assert!(made_up.is_empty() && after.len() >= 10, "{} retold, made up: {made_up:?}", after.len());
    let mut cursor = cursor;
    loop {
        let page = on(&mut api, &cursor);
        let found = ids(page["changes"].as_array().expect("a list"));
        if found.is_empty() {
            break;
        }
        read.extend(found);
        cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    }
    let distinct: BTreeSet<_> = read.iter().collect();
    assert_eq!(distinct.len(), read.len(), "nothing was told twice");
    assert_eq!(read.last(), all.last(), "the last change was told");
}
