//! Identifiers with more receipts or stores on a day than one person makes, through the interface: listed, alarmed, kept apart
//! in views, cleared, and the same after everything was folded again.

use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};
use tributary_tests::hub::{Folder, Hub, channels::Source, http::Client};

const PHONE: &str = "0928-173-654";
/// The same as it must never stand in the log.
const DIGITS: &str = "928173654";
/// Longest wait for a warning in the log.
const PATIENCE: Duration = Duration::from_secs(60);

fn shop() -> (Source, Folder) {
    let source = Source::new("cloudevents", Value::Null);
    let folder = Folder::new(std::slice::from_ref(&source));
    (source, folder)
}

/// Stores purchases of one day, an hour apart from midnight in Taipei on, each of 100.
fn buy(hub: &Hub, source: &Source, (kind, value): (&str, &str), day: u32, stores: &[&str]) {
    for (n, store) in stores.iter().enumerate() {
        let key = format!("{kind}/{day}/{n}");
        let body = json!({"specversion": "1.0", "id": key, "source": "/till",
            "type": "tributary.v1.purchase.completed", "time": format!("2026-03-{day:02}T{n:02}:30:00+08:00"),
            "data": {"key": key, "store": store, "identifiers": [{"type": kind, "value": value, "trust": "verified"}],
                "purchase": {"currency": "TWD", "total": "100"}}});
        let answer =
            source.send(&mut hub.provider(), "application/cloudevents+json", body.to_string().as_bytes());
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    hub.settle();
}

fn list(api: &mut Client) -> Vec<Value> {
    api.pages("/v1/identity/suspicious?limit=1", "suspicious", "cursor", "next_cursor")
}

fn gauge(api: &mut Client) -> String {
    let text = api.get("/metrics").must(200).text();
    let line = text.lines().find(|line| line.starts_with("tributary_identity_suspicious "));
    line.expect("the gauge").rsplit(' ').next().unwrap_or_default().to_owned()
}

/// Waits until the log has so many warnings of new suspicious identifiers, and gives them.
fn warnings(folder: &Folder, count: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let log = folder.log();
        let found: Vec<String> =
            log.lines().filter(|l| l.contains("an identifier is suspicious")).map(str::to_owned).collect();
        assert!(found.len() <= count, "{found:?}");
        if found.len() == count {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{} of {count} warnings: {log}", found.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn customer(api: &mut Client, kind: &str, value: &str) -> Value {
    let body = json!({"identifier": {"type": kind, "value": value}});
    api.post("/v1/customers/find", &body).must(200).json()["customers"][0].clone()
}

fn clear(kind: &str, value: &str, more: Value) -> Value {
    let mut body = json!({"identifier": {"type": kind, "value": value}, "reason": "buys for a canteen"});
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

#[test]
fn too_many_receipts_or_stores_on_a_day_are_listed_alarmed_kept_apart_and_cleared() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    // As many as are allowed, twice as many over midnight as on a day, and too many of each.
    buy(&hub, &source, ("member", "M1"), 1, &["A"; 10]);
    buy(&hub, &source, ("member", "M1"), 2, &["A"; 10]);
    assert_eq!((list(&mut api), gauge(&mut api).as_str()), (vec![], "0"));
    buy(&hub, &source, ("member", "M2"), 3, &["A"; 11]);
    warnings(&folder, 1);
    buy(&hub, &source, ("phone", PHONE), 3, &["A", "B", "C", "D", "E", "F"]);
    let warned = warnings(&folder, 2);
    assert!(warned.iter().all(|line| !line.contains(DIGITS) && !line.contains("M2")), "{warned:?}");
    let rows = list(&mut api);
    let mut told: Vec<Value> =
        rows.iter().map(|r| json!([r["identifier"]["type"], r["days"], r["cleared"]])).collect();
    told.sort_by_key(Value::to_string);
    let wanted = [
        json!(["member", [{"day": "2026-03-03", "receipts": 11, "stores": 1}], false]),
        json!(["phone", [{"day": "2026-03-03", "receipts": 6, "stores": 6}], false]),
    ];
    assert_eq!((told.as_slice(), gauge(&mut api).as_str()), (wanted.as_slice(), "2"));
    let view = customer(&mut api, "phone", PHONE);
    assert!(rows.iter().any(|row| row["customer"] == view["id"]), "{rows:?}");
    assert_eq!(view["identifiers"][0]["suspicious"], true);
    assert_eq!(view["purchases"]["by_currency"][0]["orders"], 6);
    let part = json!({"identifiers": 1,
        "by_currency": [{"currency": "TWD", "orders": 6, "refunds": 0, "net": "600"}]});
    assert_eq!(view["purchases"]["suspicious"], part);
    assert_eq!(customer(&mut api, "member", "M1")["purchases"].get("suspicious"), None);
    let id = view["id"].as_str().expect("an id").to_owned();
    let why = api.get(&format!("/v1/customers/{id}/why")).must(200).json();
    assert_eq!(why["suspicious"][0]["days"][0]["stores"], 6, "{why}");
    let printed = folder.run(&["identity", "suspicious", "--hub", &hub.url()]);
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.contains("2026-03-03") && !printed.contains(DIGITS), "{printed}");

    // Nothing is appended by a try, or by what cannot count.
    let end = |api: &mut Client| api.get("/v1/lag").must(200).json()["end"].clone();
    let before = end(&mut api);
    let tried = api.post("/v1/identity/clear", &clear("phone", PHONE, json!({"dry_run": true}))).must(200);
    assert_eq!(tried.json()["effect"]["cleared"][0]["day"], "2026-03-03");
    for (body, code) in [
        (clear("member", "M1", json!({})), "not_suspicious"),
        (clear("phone", PHONE, json!({"at": "2026-03-02T12:00:00+08:00"})), "not_suspicious"),
        (clear("member", "M9", json!({})), "identifier_unknown"),
        (json!({"identifier": {"type": "phone", "value": PHONE}}), "reason_missing"),
    ] {
        assert_eq!(api.post("/v1/identity/clear", &body).said(), (422, code.to_owned()), "{body}");
    }
    assert_eq!(end(&mut api), before);
    let printed = folder.run(&[
        "identity",
        "clear",
        &format!("phone={PHONE}"),
        "--reason",
        "asked, a courier",
        "--hub",
        &hub.url(),
    ]);
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    hub.settle();
    assert_eq!(api.post("/v1/identity/clear", &clear("phone", PHONE, json!({}))).code(), "not_suspicious");
    let cleared: Vec<Value> = list(&mut api).into_iter().filter(|row| row["cleared"] == true).collect();
    assert_eq!((cleared.len(), gauge(&mut api).as_str()), (1, "1"));
    assert_eq!(cleared[0]["identifier"]["type"], "phone");
    let after = customer(&mut api, "phone", PHONE);
    assert_eq!(after["purchases"].get("suspicious"), None);
    assert!(after["version"].as_u64() > view["version"].as_u64(), "its readers are told");
    // The log says who did it.
    let events = api.pages("/v1/events?limit=1000", "events", "cursor", "next_cursor");
    let acts: Vec<&Value> = events.iter().filter(|e| e["type"] == "tributary.v1.identity.clear").collect();
    assert_eq!(acts.len(), 1, "{events:?}");
}

#[test]
fn a_clearing_outlives_the_store_and_ends_with_a_later_day() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    buy(&hub, &source, ("member", "M2"), 3, &["A"; 11]);
    warnings(&folder, 1);
    let at = json!({"at": "2026-03-03T18:00:00+08:00"});
    api.post("/v1/identity/clear", &clear("member", "M2", at)).must(202);
    hub.settle();
    let (rows, view) = (list(&mut api), customer(&mut api, "member", "M2"));
    assert_eq!((rows.len(), &rows[0]["cleared"]), (1, &json!(true)), "{rows:?}");
    drop(api);
    hub.terminate();
    drop(hub);
    fs::remove_dir_all(folder.data().join("views")).expect("the views are gone");

    let hub = folder.start();
    let mut api = hub.client();
    hub.settle();
    assert_eq!((list(&mut api), customer(&mut api, "member", "M2")), (rows, view));
    assert_eq!(gauge(&mut api), "0");
    buy(&hub, &source, ("member", "M2"), 4, &["A"; 12]);
    let again = list(&mut api);
    assert_eq!(again[0]["days"].as_array().map(Vec::len), Some(2), "{again:?}");
    assert_eq!((&again[0]["cleared"], gauge(&mut api).as_str()), (&json!(false), "1"));
    // The second one: what was folded again was no news.
    warnings(&folder, 2);
    // Limits are the policy's: with others nothing of it is suspicious.
    let text = "[identity]\nsuspicious_receipts = 0\n";
    let wanted = json!({"toml": text, "reason": "a wholesaler"});
    api.post("/v1/identity/policy/apply", &wanted).must(202);
    let began = Instant::now();
    while !list(&mut api).is_empty() {
        assert!(began.elapsed() < PATIENCE, "the policy is not in force");
        std::thread::sleep(Duration::from_millis(50));
    }
}
