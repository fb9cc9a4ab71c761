//! Who is one customer, said through the interface: link, unlink, block and unblock, the changes they cause, and ids that
//! once were given out.

use serde_json::{Value, json};
use std::collections::HashMap;
use tributary_tests::hub::{Hub, channels::Source, http::Client, shop};

/// In one of its spellings.
const PHONE: &str = "0928-173-654";

fn claim(kind: &str, value: &str, trust: &str) -> Value {
    json!({"type": kind, "value": value, "trust": trust})
}

fn named(kind: &str, value: &str) -> Value {
    json!({"type": kind, "value": value})
}

/// Stores a purchase that names these identifiers.
fn buy(hub: &Hub, source: &Source, n: u64, identifiers: &[Value]) {
    let body = json!({"specversion": "1.0", "id": format!("b{n}"), "source": "/till",
        "type": "tributary.v1.purchase.completed", "time": format!("2026-03-01T10:{n:02}:00+08:00"),
        "data": {"key": format!("receipt/{n}"), "identifiers": identifiers,
            "purchase": {"currency": "TWD", "total": "100"}}});
    hub.take(source, &body);
}

/// An act, and reading on from it.
fn act(api: &mut Client, name: &str, body: &Value) -> Value {
    let done = api.post(&format!("/v1/identity/{name}"), body).must(202).json();
    let position = done["position"].as_str().expect("a position").to_owned();
    api.get(&format!("/v1/customers?min_position={position}")).must(200);
    done
}

fn changes(api: &mut Client) -> Vec<Value> {
    api.pages("/v1/changes?limit=1000", "changes", "cursor", "next_cursor")
}

/// Per customer, each change follows the one before; one that came back after a merge begins anew, later than it ended.
fn chained(changes: &[Value]) {
    let mut last: HashMap<&str, u64> = HashMap::new();
    for change in changes {
        let customer = change["customer"].as_str().expect("a customer");
        let (version, follows) = (change["version"].as_u64().expect("a number"), change["follows"].as_u64());
        let before = last.insert(customer, version).unwrap_or(0);
        let begins = change["kind"] == "created";
        assert_eq!(follows, Some(if begins { 0 } else { before }), "{change}");
        assert!(version > before, "{change}");
    }
}

fn kinds_of(changes: &[Value], customer: &str) -> Vec<String> {
    let own = changes.iter().filter(|c| c["customer"] == customer);
    own.map(|c| c["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_link_merges_and_an_unlink_splits() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    buy(&hub, &source, 1, &[claim("member", "M1", "verified")]);
    buy(&hub, &source, 2, &[claim("phone", PHONE, "verified")]);
    let (first, second) = (api.holder("member", "M1"), api.holder("phone", PHONE));
    assert_ne!(first, second);
    let pair = json!({"identifiers": [named("member", "M1"), named("phone", "+886 928 173 654")], "reason": "the same person"});
    let tried = json!({"identifiers": pair["identifiers"], "reason": "a try", "dry_run": true});
    let before = api.get("/v1/lag").must(200).json()["end"].clone();
    let tried = api.post("/v1/identity/link", &tried).must(200).json();
    assert_eq!(tried["effect"]["after"], json!([first, first]), "{tried}");
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], before, "a try appends nothing");

    let linked = act(&mut api, "link", &pair);
    assert_eq!(api.holder("phone", PHONE), first, "the older id stays");
    let old = api.get(&format!("/v1/customers/{second}")).must(200).json();
    assert_eq!((&old["id"], &old["requested_id"]), (&json!(first), &json!(second)), "an id is for ever");
    assert_eq!(old["purchases"]["by_currency"][0]["orders"], 2, "{old}");
    let all = changes(&mut api);
    chained(&all);
    let merged = all.iter().find(|c| c["kind"] == "merged").expect("a merge");
    assert_eq!((&merged["customer"], &merged["from"]), (&json!(first), &json!([second])));
    assert_eq!(merged["caused_by"], linked["event"]);

    act(&mut api, "unlink", &pair);
    assert_eq!(api.holder("member", "M1"), first);
    assert_eq!(api.holder("phone", PHONE), second, "the same id as before");
    let all = changes(&mut api);
    chained(&all);
    let split = all.iter().find(|c| c["kind"] == "split").expect("a split");
    assert_eq!(split["customer"], json!(first));
    assert!(split["parts"].as_array().is_some_and(|p| p.contains(&json!(second))), "{split}");
    assert!(kinds_of(&all, &second).contains(&"created".to_owned()));
    let apart = api.get(&format!("/v1/customers/{second}")).must(200).json();
    assert_eq!((&apart["id"], &apart["purchases"]["by_currency"][0]["orders"]), (&json!(second), &json!(1)));
    folder.verify(&hub);
}

#[test]
fn a_blocked_identifier_ties_nobody_together() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let phone = claim("phone", PHONE, "verified");
    let mail = claim("email", "mei.ling@tributary.example", "verified");
    buy(&hub, &source, 1, &[claim("member", "M1", "verified"), phone.clone()]);
    buy(&hub, &source, 2, &[phone, mail]);
    let together = api.holder("member", "M1");
    assert_eq!(api.holder("phone", "+886 928 173 654"), together, "any spelling");
    assert_eq!(api.holder("email", "mei.ling@tributary.example"), together);
    let body = json!({"identifier": named("phone", "0928 173 654"), "reason": "the shop's own phone"});
    act(&mut api, "block", &body);
    assert_eq!(api.holder("member", "M1"), together, "the member keeps the id");
    let apart = api.holder("email", "mei.ling@tributary.example");
    assert_ne!(apart, together, "only the phone held them together");
    let all = changes(&mut api);
    chained(&all);
    assert!(kinds_of(&all, &together).contains(&"split".to_owned()));
    act(&mut api, "unblock", &body);
    assert_eq!(api.holder("email", "mei.ling@tributary.example"), together);
    let old = api.get(&format!("/v1/customers/{apart}")).must(200).json();
    assert_eq!((&old["id"], &old["requested_id"]), (&json!(together), &json!(apart)), "an id is for ever");
    let all = changes(&mut api);
    chained(&all);
    assert!(kinds_of(&all, &together).contains(&"merged".to_owned()));
    folder.verify(&hub);
}

/// A customer's view without what counts changes.
fn timeless(api: &mut Client, id: &str) -> (Value, Value) {
    let mut view = api.get(&format!("/v1/customers/{id}")).must(200).json();
    view.as_object_mut().expect("a view").remove("version");
    (view, api.get(&format!("/v1/customers/{id}/timeline")).must(200).json())
}

#[test]
fn an_unlink_is_told_before_it_is_done_and_leaves_no_trace_of_the_merge() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    buy(&hub, &source, 1, &[claim("member", "M1", "verified")]);
    buy(&hub, &source, 2, &[claim("phone", PHONE, "verified")]);
    let (first, second) = (api.holder("member", "M1"), api.holder("phone", PHONE));
    let apart = (timeless(&mut api, &first), timeless(&mut api, &second));
    let pair = json!({"identifiers": [named("member", "M1"), named("phone", PHONE)], "reason": "a guess"});
    act(&mut api, "link", &pair);
    buy(&hub, &source, 3, &[claim("device", "till-9", "observed")]);
    let trial = json!({"identifiers": pair["identifiers"], "reason": "a try", "dry_run": true});
    let told = api.post("/v1/identity/unlink", &trial).must(200).json()["effect"].clone();
    let orders = |side: &str| -> Vec<(String, u64)> {
        let all = told["customers"][side].as_array().expect("customers").iter();
        let sum = |c: &Value| c["purchases"]["by_currency"][0]["orders"].as_u64().unwrap_or(0);
        all.map(|c| (c["id"].as_str().expect("an id").to_owned(), sum(c))).collect()
    };
    assert_eq!(orders("before"), [(first.clone(), 2)], "{told}");
    let mut after = orders("after");
    after.sort();
    let mut wanted = vec![(first.clone(), 1), (second.clone(), 1)];
    wanted.sort();
    assert_eq!(after, wanted, "{told}");
    let exposed = &told["exposed"][0];
    assert_eq!((&exposed["customer"], &exposed["changes"]), (&json!(first), &json!(1)), "{told}");
    assert!(exposed["since"].is_string() && exposed["since"] == exposed["until"], "{told}");

    act(&mut api, "unlink", &pair);
    assert_eq!((timeless(&mut api, &first), timeless(&mut api, &second)), apart);
    let why = api.get(&format!("/v1/customers/{first}/why")).must(200).json();
    let history: Vec<&str> =
        why["history"].as_array().expect("a history").iter().filter_map(|c| c["kind"].as_str()).collect();
    assert_eq!(history, ["split", "merged", "created"], "{why}");
    assert_eq!(why["history"][1]["from"], json!([second]), "{why}");
    folder.verify(&hub);
}

#[test]
fn acts_without_effect_are_refused_and_say_why() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    buy(&hub, &source, 1, &[claim("member", "M1", "verified")]);
    buy(&hub, &source, 2, &[claim("member", "M2", "verified")]);
    buy(&hub, &source, 3, &[claim("phone", PHONE, "verified")]);
    let before = api.get("/v1/lag").must(200).json()["end"].clone();
    let (m1, m2, phone) = (named("member", "M1"), named("member", "M2"), named("phone", PHONE));
    let group = json!({"type": "line", "scope": "prov-1", "value": format!("C{}", "4".repeat(32))});
    for (name, body, code) in [
        ("link", json!({"identifiers": [m1, m2], "reason": "r"}), "link_refused"),
        ("link", json!({"identifiers": [m1, group], "reason": "r"}), "invalid_identifier"),
        ("unlink", json!({"identifiers": [m1, phone], "reason": "r"}), "not_linked"),
    ] {
        let answer = api.post(&format!("/v1/identity/{name}"), &body);
        assert_eq!(answer.said(), (422, code.to_owned()), "{name} {body}: {}", answer.text());
    }
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], before, "the log has grown");
    act(&mut api, "unlink", &json!({"identifiers": [m1, phone], "reason": "twins", "keep_apart": true}));
    buy(&hub, &source, 4, &[claim("member", "M1", "verified"), claim("phone", PHONE, "verified")]);
    assert_ne!(api.holder("member", "M1"), api.holder("phone", PHONE), "kept apart for good");
}

#[test]
fn acts_that_cannot_count_are_refused() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    buy(&hub, &source, 1, &[claim("member", "M1", "verified")]);
    let before = api.get("/v1/lag").must(200).json()["end"].clone();
    let m1 = named("member", "M1");
    for (name, body, status, code) in [
        (
            "link",
            json!({"identifiers": [m1, named("member", "M9")], "reason": "r"}),
            422,
            "identifier_unknown",
        ),
        ("link", json!({"identifiers": [m1, m1], "reason": "r"}), 422, "same_identifier"),
        ("link", json!({"identifiers": [m1], "reason": "r"}), 422, "wrong_number_of_identifiers"),
        ("block", json!({"identifier": m1}), 422, "reason_missing"),
        (
            "block",
            json!({"identifier": m1, "reason": "r", "at": "2999-01-01T00:00:00Z"}),
            422,
            "time_in_the_future",
        ),
        ("block", json!({"identifier": named("phone", "12"), "reason": "r"}), 422, "invalid_identifier"),
        ("block", json!({"identifer": m1, "reason": "r"}), 400, "invalid_body"),
        ("marry", json!({"identifiers": [m1, m1], "reason": "r"}), 404, "not_found"),
    ] {
        let answer = api.post(&format!("/v1/identity/{name}"), &body);
        assert_eq!(answer.said(), (status, code.to_owned()), "{name} {body}");
        assert!(!answer.text().contains("M9"), "no value is repeated");
    }
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], before, "the log has grown");
}

#[test]
fn a_forgotten_customer_stays_forgotten_and_may_come_back_as_somebody_new() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let both = [claim("member", "M1", "verified"), claim("phone", PHONE, "verified")];
    buy(&hub, &source, 1, &both);
    buy(&hub, &source, 2, &[claim("member", "M2", "verified")]);
    let (gone, other) = (api.holder("member", "M1"), api.holder("member", "M2"));
    let end = api.get("/v1/lag").must(200).json()["end"].clone();
    let target = format!("/v1/customers/{gone}/erase");
    let unfounded = api.post(&target, &json!({"dry_run": true}));
    assert_eq!(unfounded.said(), (422, "reason_missing".to_owned()));
    let tried = api.post(&target, &json!({"reason": "a request", "dry_run": true})).must(200).json();
    assert_eq!(tried["covers"]["identifiers"].as_array().map(Vec::len), Some(2), "{tried}");
    assert_eq!(tried["covers"]["purchases"]["by_currency"][0]["orders"], 1, "{tried}");
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], end, "a try appends nothing");
    assert!(!tried.to_string().contains("173"), "no value is repeated");

    let erased = api.post(&target, &json!({"reason": "a request"})).must(202).json();
    let position = erased["position"].as_str().expect("a position").to_owned();
    api.get(&format!("/v1/customers?min_position={position}")).must(200);
    assert_eq!(api.get(&format!("/v1/customers/{gone}")).said(), (410, "customer_erased".to_owned()));
    assert!(api.holders("phone", PHONE).is_empty());
    let all = changes(&mut api);
    let last = all.iter().rfind(|c| c["customer"] == json!(gone)).expect("a change");
    assert_eq!((&last["kind"], &last["caused_by"]), (&json!("erased"), &erased["event"]), "{all:?}");
    let trace = api.get(&format!("/v1/events/{}", erased["event"].as_str().expect("an id"))).must(200);
    assert!(!trace.text().contains("M1") && !trace.text().contains("173654"), "{}", trace.text());
    let link = json!({"identifiers": [named("member", "M1"), named("member", "M2")], "reason": "r"});
    assert_eq!(api.post("/v1/identity/link", &link).said(), (422, "identifier_erased".to_owned()));

    // What comes late says nothing about anyone; what comes new is somebody new.
    buy(&hub, &source, 3, &both);
    assert!(api.holders("member", "M1").is_empty(), "it occurred before");
    let body = json!({"specversion": "1.0", "id": "new", "source": "/till",
        "type": "tributary.v1.purchase.completed", "time": "2999-01-01T00:00:00Z",
        "data": {"key": "receipt/new", "identifiers": [claim("member", "M1", "verified")],
            "purchase": {"currency": "TWD", "total": "7"}}});
    hub.take(&source, &body);
    let fresh = api.holder("member", "M1");
    assert!(fresh != gone && fresh != other);
    let view = api.get(&format!("/v1/customers/{fresh}")).must(200).json();
    assert_eq!(view["purchases"]["by_currency"][0]["net"], "7", "{view}");
    assert_eq!(api.get(&format!("/v1/customers/{gone}")).said().0, 410);
    folder.verify(&hub);
    drop(hub);
    std::fs::remove_dir_all(folder.data().join("views")).expect("the views are gone");
    let hub = folder.start();
    hub.settle();
    let mut api = hub.client();
    assert_eq!(api.holder("member", "M1"), fresh, "from the log alone");
    assert_eq!(api.get(&format!("/v1/customers/{gone}")).said().0, 410);
}
