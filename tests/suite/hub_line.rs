//! LINE as a whole: what its webhooks leave in the views, profiles that are asked for, links to the agent tool, and accounts
//! bound by an offer.

use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};
use tributary_tests::hub::{
    Folder, Hub,
    channels::Source,
    elsewhere::{Elsewhere, Says, says},
};

const PATIENCE: Duration = Duration::from_secs(60);
const AMY: &str = "U0123456789abcdef0123456789abcdef";
const BEN: &str = "Ufedcba9876543210fedcba9876543210";

fn line(changes: Value) -> Source {
    Source::new("line", changes)
}

/// Posts one element of `events`.
fn tell(hub: &Hub, source: &Source, element: &Value) {
    let body = json!({"destination": "U00000000000000000000000000000b07", "events": [element]});
    let answer = source.send(&mut hub.provider(), "application/json", body.to_string().as_bytes());
    assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{element}");
}

fn element(kind: &str, n: u32, source: &Value) -> Value {
    json!({"type": kind, "mode": "active", "timestamp": 1_772_331_119_000_u64 + u64::from(n), "source": source,
        "webhookEventId": format!("01JLINE{n:05}"), "deliveryContext": {"isRedelivery": false}})
}

fn with(mut element: Value, key: &str, value: Value) -> Value {
    element[key] = value;
    element
}

fn user(id: &str) -> Value {
    json!({"type": "user", "userId": id})
}

fn find(hub: &Hub, kind: &str, scope: &str, value: &str) -> Vec<Value> {
    hub.settle();
    let named = json!({"identifier": {"type": kind, "scope": scope, "value": value}});
    let found = hub.client().post("/v1/customers/find", &named).must(200).json();
    found["customers"].as_array().expect("a list").clone()
}

fn entries(hub: &Hub, customer: &Value) -> Vec<Value> {
    let id = customer["id"].as_str().expect("an id");
    let page = hub.client().get(&format!("/v1/customers/{id}/timeline?limit=100")).must(200).json();
    page["entries"].as_array().expect("a list").clone()
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_webhooks_leave_in_the_views() {
    let source = line(json!({"agent_link": "https://desk.example.com/chat/{user}#{event}"}));
    let answers = Source::new("cloudevents", json!({}));
    let folder = Folder::new(&[source.clone_of(), answers.clone_of()]);
    let hub = folder.start();
    let empty = br#"{"destination":"U00000000000000000000000000000b07","events":[]}"#;
    assert_eq!(source.send(&mut hub.provider(), "application/json", empty).status, 200);
    let group = json!({"type": "group", "groupId": "C0123456789abcdef0123456789abcdef"});
    let in_group = with(group.clone(), "userId", json!(AMY));
    let text = |n: u32, place: &Value, id: &str, text: &str| {
        with(element("message", n, place), "message", json!({"id": id, "type": "text", "text": text}))
    };
    tell(&hub, &source, &text(1, &in_group, "1", "in the group"));
    tell(&hub, &source, &with(text(2, &user(AMY), "2", "first words"), "mode", json!("standby")));
    let edit = with(
        element("messageEdited", 3, &user(AMY)),
        "message",
        json!({"id": "2", "type": "text", "text": "better words"}),
    );
    tell(&hub, &source, &edit);
    let again = with(edit, "deliveryContext", json!({"isRedelivery": true}));
    tell(&hub, &source, &again);
    tell(&hub, &source, &text(4, &user(AMY), "4", "never mind"));
    tell(&hub, &source, &with(element("unsend", 5, &user(AMY)), "unsend", json!({"messageId": "4"})));
    // Nobody did these; two people did the last one.
    for (n, kind) in [(6, "join"), (7, "leave")] {
        tell(&hub, &source, &element(kind, n, &group));
    }
    for (n, kind) in [(8, "activated"), (9, "botSuspended"), (10, "botResumed"), (11, "deactivated")] {
        let mut bare = element(kind, n, &Value::Null);
        bare.as_object_mut().expect("an object").remove("source");
        tell(&hub, &source, &bare);
    }
    let joined = json!({"members": [user(AMY), user(BEN)]});
    tell(&hub, &source, &with(element("memberJoined", 12, &group), "joined", joined));
    tell(&hub, &source, &with(element("telepathy", 13, &user(AMY)), "thought", json!(1)));

    // What the agent tool answered.
    let sent = json!({"specversion": "1.0", "id": "a1", "source": "/desk", "type": "tributary.v1.message.sent",
        "time": "2026-03-01T10:20:00+08:00", "data": {"key": "answer/1", "actor": "may",
            "identifiers": [{"type": "line", "scope": "prov-test", "value": AMY}],
            "message": {"text": "we are here", "direction": "outbound"}}});
    let answer =
        answers.send(&mut hub.provider(), "application/cloudevents+json", sent.to_string().as_bytes());
    assert_eq!(answer.status, 202, "{}", answer.text());
    hub.settle();

    let all = hub.client().pages("/v1/customers", "customers", "cursor", "next_cursor");
    assert_eq!(all.len(), 2, "groups, rooms and the bot itself are nobody: {all:#?}");
    let amy = find(&hub, "line", "prov-test", AMY).remove(0);
    let told = entries(&hub, &amy);
    let texts: Vec<&str> = told.iter().filter_map(|e| e.pointer("/data/message/text")?.as_str()).collect();
    assert_eq!(texts, ["we are here", "better words", "in the group"], "edited once, unsent, answered");
    let standing = told.iter().find(|e| e["data"]["message"]["text"] == "in the group").expect("an entry");
    assert_eq!(standing["data"]["message"]["thread"], group["groupId"]);
    let event = standing["event"].as_str().expect("an id");
    assert_eq!(standing["agent_link"], json!(format!("https://desk.example.com/chat/{AMY}#{event}")));
    let answered = told.iter().find(|e| e["type"] == "message.sent").expect("an answer");
    assert_eq!((&answered["data"]["actor"], &answered["agent_link"]), (&json!("may"), &Value::Null));
    let first = hub.client().get("/v1/events?limit=1000").must(200).json();
    let flagged = first["events"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|e| e["data"]["flags"] == json!(["standby"]));
    assert_eq!(flagged.count(), 1);
    let letters = hub.client().get("/v1/deadletters").must(200).json();
    assert_eq!(letters["deadletters"][0]["reason"], "unknown_event_type", "{letters}");
}

fn profile(name: &str) -> Says {
    says(200, &json!({"userId": AMY, "displayName": name, "pictureUrl": "https://p.example/a", "language": "zh-TW"}).to_string())
}

fn follow(hub: &Hub, source: &Source, n: u32) {
    tell(hub, source, &with(element("follow", n, &user(AMY)), "follow", json!({"isUnblocked": n > 1})));
}

fn display_name(hub: &Hub) -> Value {
    find(hub, "line", "prov-test", AMY)
        .first()
        .map(|c| c["profile"]["displayName"].clone())
        .unwrap_or_default()
}

fn profile_events(hub: &Hub) -> usize {
    hub.settle();
    let events = hub.client().get("/v1/events?limit=1000").must(200).json();
    events["events"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|e| e["type"] == "tributary.v1.profile.changed")
        .count()
}

#[test]
fn profiles_are_asked_for_on_a_follow_and_weekly_and_delay_nothing() {
    let busy = Says { header: "retry-after: 1".to_owned(), ..says(429, "") };
    let slow = Says { after: Duration::from_secs(3), ..says(500, "") };
    let api = Elsewhere::new(vec![slow, busy, profile("美玲"), profile("美玲"), profile("May")]);
    let settings = json!({"fetch_profile": true, "access_token": "tok-1", "profile_url": api.url("")});
    let source = line(settings);
    let folder = Folder::new(&[source.clone_of()]);
    let hub = folder.start();
    let begun = Instant::now();
    follow(&hub, &source, 1);
    assert!(begun.elapsed() < Duration::from_secs(2), "the answer waits for nobody");
    wait_for("the profile comes", || display_name(&hub) == "美玲");
    let asked = api.asked();
    assert_eq!(asked.len(), 3, "a failure and a full hour are tried again");
    assert_eq!(asked[2].line, format!("GET /v2/bot/profile/{AMY}"));
    assert_eq!(asked[2].header("authorization"), "Bearer tok-1");
    let view = find(&hub, "line", "prov-test", AMY).remove(0);
    assert_eq!(
        (&view["profile"]["language"], &view["profile"]["image"]),
        (&json!("zh-TW"), &json!("https://p.example/a"))
    );

    // Whoever was asked about is not asked about again, also after a restart.
    let message = json!({"id": "m1", "type": "text", "text": "hello"});
    tell(&hub, &source, &with(element("message", 2, &user(AMY)), "message", message));
    let (status, _) = hub.terminate();
    assert!(status.success());
    drop(hub);
    let hub = folder.start();
    let message = json!({"id": "m2", "type": "text", "text": "again"});
    tell(&hub, &source, &with(element("message", 3, &user(AMY)), "message", message));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(api.asked().len(), 3);
    // A follow asks; the same profile twice is one event, another one a later one.
    follow(&hub, &source, 4);
    api.wait(4, PATIENCE).clear();
    follow(&hub, &source, 5);
    wait_for("the new name comes", || display_name(&hub) == "May");
    assert_eq!((api.asked().len(), profile_events(&hub)), (5, 2));
    assert!(!folder.log().contains(AMY) && !folder.log().contains("tok-1"));
}

#[test]
fn who_blocked_us_has_no_profile_and_is_let_alone() {
    let api = Elsewhere::new(vec![says(404, "{}")]);
    let settings = json!({"fetch_profile": true, "access_token": "tok-1", "profile_url": api.url("")});
    let source = line(settings);
    let folder = Folder::new(&[source.clone_of()]);
    let hub = folder.start();
    for n in 1..4 {
        let message = json!({"id": format!("m{n}"), "type": "text", "text": "hello"});
        tell(&hub, &source, &with(element("message", n, &user(AMY)), "message", message));
        api.wait(1, PATIENCE).clear();
    }
    thread::sleep(Duration::from_millis(500));
    assert_eq!((api.asked().len(), profile_events(&hub)), (1, 0));
}
