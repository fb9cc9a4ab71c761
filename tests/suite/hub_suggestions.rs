//! Customers that look like one person, through the interface: told with reasons, taken, turned down, and taken back when
//! a correction tells them apart.

use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};
use tributary_tests::hub::{Folder, Hub, channels::Source, http::Client, shop};

/// One person as a form and a till spell her: the name with its title, the date of the Republic's era, the address in full-width
/// digits and the other characters. Nothing joins the two.
const FORM: [&str; 3] = ["陳美玲", "1988-04-09", "台北市大安區和平東路二段96號3樓"];
const TILL: [&str; 3] = ["陳美玲 小姐", "77/4/9", "臺北市大安區和平東路2段９６號３Ｆ"];
/// Somebody else in the same house.
const OTHER: [&str; 3] = ["林國華", "1975-11-30", "台北市大安區和平東路二段96號5樓"];

const MAIL: &str = "mei@shop.example";
/// Longest wait for a warning in the log.
const PATIENCE: Duration = Duration::from_secs(60);

/// A member's number, or an e-mail address.
fn kind_of(who: &str) -> &'static str {
    if who.contains('@') { "email" } else { "member" }
}

/// States the profile of who has this identifier; a higher revision corrects it.
fn state(hub: &Hub, source: &Source, who: &str, revision: u64, [name, born, address]: [&str; 3]) {
    let verified = json!({"type": kind_of(who), "value": who, "trust": "verified"});
    let body = json!({"specversion": "1.0", "id": format!("{who}-{revision}"), "source": "/crm",
        "type": "tributary.v1.profile.updated", "time": "2026-03-01T10:00:00+08:00",
        "data": {"key": format!("profile/{who}"), "revision": revision, "identifiers": [verified],
            "profile": {"name": name, "birthDate": born, "address": address}}});
    hub.take(source, &body);
}

/// Two who look alike and one who does not; their ids.
fn three(hub: &Hub, source: &Source) -> [String; 3] {
    let mut api = hub.client();
    [("M1", FORM), (MAIL, TILL), ("M3", OTHER)].map(|(who, profile)| {
        state(hub, source, who, 0, profile);
        one(&mut api, who)
    })
}

fn one(api: &mut Client, who: &str) -> String {
    api.holder(kind_of(who), who)
}

/// All suggestions, when the finder has taken everything in the log.
fn suggestions(api: &mut Client) -> Vec<Value> {
    let end = api.get("/v1/lag").must(200).json()["end"].as_str().expect("a position").to_owned();
    let answer = api.get(&format!("/v1/identity/suggestions?min_position={end}")).must(200).json();
    assert_eq!(answer["state"], "following", "{answer}");
    answer["suggestions"].as_array().expect("a list").clone()
}

/// The customers of a suggestion, in the order of their texts.
fn customers(suggestion: &Value) -> Vec<String> {
    let ids = suggestion["customers"].as_array().expect("ids").iter();
    let mut ids: Vec<String> = ids.map(|id| id.as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

fn decide(api: &mut Client, name: &str, pair: &[String], more: &Value) -> Value {
    let mut body = json!({"customers": pair, "reason": "asked on the phone"});
    body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let answer = api.post(&format!("/v1/identity/suggestions/{name}"), &body);
    assert!(answer.status < 300, "{}", answer.text());
    answer.json()
}

/// What a customer's view and its reasons say of who looks alike; both say the same.
fn of(api: &mut Client, id: &str) -> Vec<Value> {
    let view = api.get(&format!("/v1/customers/{id}")).must(200).json()["suggestions"].clone();
    let why = api.get(&format!("/v1/customers/{id}/why")).must(200).json()["suggestions"].clone();
    assert_eq!(view, why);
    view.as_array().expect("a list").clone()
}

#[test]
fn people_in_two_spellings_are_suggested_with_reasons_and_accepting_makes_them_one() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let [a, b, c] = three(&hub, &source);
    let all = suggestions(&mut api);
    let [only] = all.as_slice() else { panic!("{all:?}") };
    let mut pair = vec![a.clone(), b.clone()];
    pair.sort();
    assert_eq!((customers(only), &only["kind"]), (pair.clone(), &json!("look_alike")));
    let reason = |field: &str| {
        let reasons = only["reasons"].as_array().expect("reasons").iter();
        reasons.filter(|r| r["field"] == field).map(|r| r["level"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (reason("han_name"), reason("birth_date")),
        (vec![json!("same")], vec![json!("same")]),
        "{only}"
    );
    let weights = only["reasons"].as_array().expect("reasons").iter();
    let sum: f64 = weights.filter_map(|r| r["weight"].as_f64()).sum();
    assert!((sum - only["score"].as_f64().expect("a score")).abs() < 1e-9, "{only}");
    for value in FORM.iter().chain(&TILL).chain(&["M1", MAIL]) {
        assert!(!only.to_string().contains(value), "no value of a person: {only}");
    }
    assert_eq!(of(&mut api, &a)[0]["customers"], json!([b]));
    assert_eq!(of(&mut api, &b)[0]["customers"], json!([a]));
    assert_eq!(of(&mut api, &c), [] as [Value; 0]);
    let tag = api.get(&format!("/v1/customers/{a}")).must(200).header("etag").to_owned();

    let before = api.get("/v1/lag").must(200).json()["end"].clone();
    let tried = decide(&mut api, "accept", &pair, &json!({"dry_run": true}));
    assert_eq!(tried["effect"]["after"], json!([a, a]), "{tried}");
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], before, "a try appends nothing");
    decide(&mut api, "accept", &pair, &Value::Null);
    assert_eq!(suggestions(&mut api), [] as [Value; 0]);
    assert_eq!(one(&mut api, MAIL), a, "one customer, by the older id");
    assert_eq!(of(&mut api, &a), [] as [Value; 0]);
    assert_ne!(api.get(&format!("/v1/customers/{a}")).must(200).header("etag"), tag);
    let again = api.post("/v1/identity/suggestions/accept", &json!({"customers": pair, "reason": "r"}));
    assert_eq!(again.said(), (422, "same_customer".to_owned()));
}

#[test]
fn what_was_rejected_does_not_come_back() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let [a, b, _] = three(&hub, &source);
    assert_eq!(suggestions(&mut api).len(), 1);
    let rejected = decide(&mut api, "reject", &[a.clone(), b.clone()], &Value::Null);
    let position = rejected["position"].as_str().expect("a position");
    // Gone with the views, however far the finder is.
    let own = api.get(&format!("/v1/customers/{b}?min_position={position}")).must(200).json();
    assert_eq!(own["suggestions"], json!([]));
    assert_eq!(suggestions(&mut api), [] as [Value; 0]);
    // A change of one of them does not bring it back.
    state(&hub, &source, MAIL, 1, FORM);
    assert_eq!(suggestions(&mut api), [] as [Value; 0]);
    assert!(hub.terminate().0.success());
    for without_views in [false, true] {
        if without_views {
            fs::remove_dir_all(folder.data().join("views")).expect("the views are removed");
        }
        let hub = folder.start();
        let mut api = hub.client();
        assert_eq!(suggestions(&mut api), [] as [Value; 0], "without views: {without_views}");
        assert_eq!((one(&mut api, "M1"), one(&mut api, MAIL)), (a.clone(), b.clone()));
        let rebuilt = folder.run(&["rebuild", "--hub", &hub.url()]);
        assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stdout));
        assert_eq!(suggestions(&mut api), [] as [Value; 0], "after a rebuild");
        assert!(hub.terminate().0.success());
    }
    // Linking what was set apart takes the decision back: they are one.
    let hub = folder.start();
    let mut api = hub.client();
    decide(&mut api, "accept", &[a.clone(), b], &Value::Null);
    hub.settle();
    assert_eq!(one(&mut api, MAIL), a);
}

#[test]
fn a_correction_takes_a_suggestion_back_and_another_brings_it() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let [a, b, c] = three(&hub, &source);
    assert_eq!(suggestions(&mut api).len(), 1);
    state(&hub, &source, MAIL, 1, ["黃志明", "1990-12-01", "高雄市左營區博愛二路777號"]);
    assert_eq!(suggestions(&mut api), [] as [Value; 0]);
    assert_eq!(of(&mut api, &a), [] as [Value; 0]);
    state(&hub, &source, "M3", 1, TILL);
    let all = suggestions(&mut api);
    let mut pair = vec![a, c];
    pair.sort();
    assert_eq!(all.iter().map(customers).collect::<Vec<_>>(), [pair], "not {b}");
}

#[test]
fn suggestions_are_paged_listed_by_command_and_counted() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let person = |n: usize| format!("p{n}@shop.example");
    for member in 0..5 {
        state(&hub, &source, &person(member), 0, if member % 2 == 0 { FORM } else { TILL });
    }
    let all = suggestions(&mut api);
    assert_eq!(all.len(), 10, "every pair of five");
    let pages = api.pages("/v1/identity/suggestions?limit=3", "suggestions", "cursor", "next_cursor");
    assert_eq!(pages, all);
    let scores: Vec<f64> = all.iter().filter_map(|s| s["score"].as_f64()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    for cursor in ["k3", "s1.cus_a.cus_b", "s9"] {
        let answer = api.get(&format!("/v1/identity/suggestions?cursor={cursor}"));
        assert_eq!(answer.said(), (400, "invalid_cursor".to_owned()));
    }
    let metrics = api.get("/metrics").must(200).text();
    assert!(metrics.contains("\ntributary_identity_suggestions 10\n"), "{metrics}");
    let run = |arguments: &[&str]| {
        let done = folder.run(&[arguments, &["--hub", &hub.url()]].concat());
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    let (code, text) = run(&["identity", "suggestions", "--limit", "4"]);
    assert_eq!((code, text.lines().count()), (Some(0), 7), "{text}");
    assert!(text.contains("birth_date same") && !text.contains("陳"), "{text}");
    let lines = run(&["identity", "suggestions", "-o", "jsonl"]).1;
    assert_eq!(lines.lines().count(), 10, "{lines}");
    let (a, b) = (one(&mut api, &person(0)), one(&mut api, &person(1)));
    let shown = run(&["customer", "show", &a]).1;
    assert!(shown.contains("looks alike: "), "{shown}");
    assert_eq!(run(&["identity", "reject", &a, &b, "--reason", "twins", "--dry-run"]).0, Some(0));
    assert_eq!(suggestions(&mut api).len(), 10, "a try changes nothing");
    assert_eq!(run(&["identity", "reject", &a, &b, "--reason", "twins"]).0, Some(0));
    assert_eq!(suggestions(&mut api).len(), 9);
    let metrics = api.get("/metrics").must(200).text();
    assert!(metrics.contains("\ntributary_identity_suggestions 9\n"), "{metrics}");
    assert_eq!(run(&["identity", "accept", "0912345678", &b, "--reason", "r"]).0, Some(2));
    let (code, text) = run(&["identity", "accept", &a, &b, "--reason", "changed our mind"]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn answers_that_cannot_count_are_refused() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let [a, b, _] = three(&hub, &source);
    state(&hub, &source, "M4", 0, FORM);
    let other = one(&mut api, "M4");
    // It is said beforehand which of the pairs cannot be accepted, and why.
    let mut refused = 0;
    for suggestion in suggestions(&mut api) {
        let obstacle = &suggestion["obstacle"];
        let members = [&a, &other].iter().all(|id| customers(&suggestion).contains(id));
        assert_eq!(obstacle["reason"], if members { json!("unique") } else { Value::Null }, "{suggestion}");
        refused += usize::from(members);
        if members {
            assert!(obstacle["detail"].as_str().is_some_and(|d| d.contains("allows one")), "{obstacle}");
            let own = of(&mut api, &a);
            let told = own.iter().find(|s| s["customers"] == json!([other])).expect("in the view too");
            assert_eq!(told["obstacle"], *obstacle);
        }
    }
    assert_eq!(refused, 1);
    let before = api.get("/v1/lag").must(200).json()["end"].clone();
    for dry_run in [true, false] {
        let body = json!({"customers": [a, other], "reason": "r", "dry_run": dry_run});
        let answer = api.post("/v1/identity/suggestions/accept", &body);
        assert_eq!(answer.said(), (422, "link_refused".to_owned()));
        let told = answer.json();
        assert!(
            told["detail"].as_str().is_some_and(|d| d.contains("of which the policy allows one")),
            "{told}"
        );
        assert!(told["remedy"].as_str().is_some_and(|r| r.contains("[identity] policy")), "{told}");
    }
    let nobody = format!("cus_{}", "a".repeat(26));
    for (name, body, status, code) in [
        ("accept", json!({"customers": [a, nobody], "reason": "r"}), 404, "customer_unknown"),
        ("reject", json!({"customers": [a, "0912345678"], "reason": "r"}), 400, "invalid_id"),
        ("accept", json!({"customers": [a, a], "reason": "r"}), 422, "same_customer"),
        // Two members' numbers are two accounts, as long as the policy says so.
        ("accept", json!({"customers": [a, other], "reason": "r"}), 422, "link_refused"),
        ("accept", json!({"customers": [a, b]}), 422, "reason_missing"),
        ("accept", json!({"customers": [a], "reason": "r"}), 400, "invalid_body"),
        ("marry", json!({"customers": [a, b], "reason": "r"}), 404, "not_found"),
    ] {
        let answer = api.post(&format!("/v1/identity/suggestions/{name}"), &body);
        assert_eq!(answer.said(), (status, code.to_owned()), "{name} {body}");
    }
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], before, "the log has grown");
}

#[test]
fn a_hub_without_a_finder_says_so_and_one_without_room_too() {
    let source = Source::new("cloudevents", Value::Null);
    let off = Folder::with(std::slice::from_ref(&source), "", "[suggestions]\nenabled = false");
    let hub = off.start();
    let mut api = hub.client();
    let answer = api.get("/v1/identity/suggestions");
    assert_eq!(answer.said(), (409, "suggestions_disabled".to_owned()));
    assert_eq!(api.get("/readyz").must(200).json()["suggestions"], json!({"state": "disabled"}));
    let [a, b, _] = three(&hub, &source);
    assert_eq!(of(&mut api, &a), [] as [Value; 0]);
    // Whom people find by themselves can be joined all the same.
    decide(&mut api, "accept", &[a, b], &Value::Null);
    assert!(hub.terminate().0.success());

    let small = Folder::with(std::slice::from_ref(&source), "", "[suggestions]\nmax_customers = 2");
    let hub = small.start();
    let mut api = hub.client();
    let [a, b, _] = three(&hub, &source);
    let begun = Instant::now();
    while api.get("/readyz").must(200).json()["suggestions"]["state"] != "full" {
        assert!(begun.elapsed() < PATIENCE, "the third finds no room");
    }
    let full = api.get("/v1/identity/suggestions").must(200).json();
    assert_eq!((&full["customers"], &full["max_customers"]), (&json!(2), &json!(2)));
    let mut pair = vec![a, b];
    pair.sort();
    assert_eq!(customers(&full["suggestions"][0]), pair, "those that are in are compared: {full}");
    assert!(small.log().contains("suggestions.max_customers=2"), "{}", small.log());
}

#[test]
fn refused_links_and_people_who_look_alike_stand_in_one_list() {
    let (source, folder) = shop();
    let hub = folder.start();
    let mut api = hub.client();
    let [a, b, _] = three(&hub, &source);
    // The member typed the other's verified address: it joins nobody by itself.
    let body = json!({"specversion": "1.0", "id": "typed", "source": "/till",
        "type": "tributary.v1.purchase.completed", "time": "2026-03-02T10:00:00+08:00",
        "data": {"key": "receipt/1", "purchase": {"currency": "TWD", "total": "100"}, "identifiers": [
            {"type": "member", "value": "M1", "trust": "verified"},
            {"type": "email", "value": MAIL, "trust": "claimed"}]}});
    hub.take(&source, &body);
    assert_eq!(suggestions(&mut api).len(), 1);
    for (id, other) in [(&a, &b), (&b, &a)] {
        let told: Vec<(Value, Value)> =
            of(&mut api, id).iter().map(|s| (s["kind"].clone(), s["customers"].clone())).collect();
        let want = ["link_refused", "look_alike"].map(|kind| (json!(kind), json!([other])));
        assert_eq!(told, want);
    }
    let tag = api.get(&format!("/v1/customers/{a}")).must(200).header("etag").to_owned();
    // Set apart, the link is a conflict and nothing is suggested any more.
    decide(&mut api, "reject", &[a.clone(), b], &Value::Null);
    hub.settle();
    let answer = api.get(&format!("/v1/customers/{a}")).must(200);
    assert_ne!(answer.header("etag"), tag);
    let view = answer.json();
    assert_eq!(view["suggestions"], json!([]));
    assert_eq!(view["conflicts"][0]["reason"], "cannot_link", "{view}");
}
