//! No value of a person shows where operators and monitors look: not in the log, the figures, the list of dead letters or an
//! error's text, whatever was posted and however broken it was.

use serde_json::{Value, json};
use tributary_channels::samples;
use tributary_core::time::Micros;
use tributary_tests::hub::{Folder, channels::Source};

/// Values that nothing else would hold.
const PEOPLE: [&str; 6] = [
    "U5ca1ab1e00000000000000000000ca9a",
    "0928-271-828",
    "928271828",
    "canary.person@tributary.example",
    "Canaria Vogelsang",
    "meet me at the aviary",
];

fn overrides() -> Vec<(&'static str, &'static str)> {
    vec![
        ("user", PEOPLE[0]),
        ("phone", PEOPLE[1]),
        ("email", PEOPLE[3]),
        ("from", PEOPLE[3]),
        ("name", PEOPLE[4]),
        ("from_name", PEOPLE[4]),
        ("given", PEOPLE[4]),
        ("text", PEOPLE[5]),
    ]
}

#[test]
fn no_person_shows_in_log_figures_dead_letters_or_errors() {
    let sources = Source::all();
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let (mut client, mut api, mut shown) = (hub.provider(), hub.client(), String::new());
    for source in &sources {
        for (n, sample) in source.registration().samples.iter().enumerate() {
            let at = Micros::from_secs(1_772_331_120);
            let body = samples::fill(sample, 77_000 + n as u64, at, &overrides());
            let answer = source.send(&mut client, sample.content_type, &body);
            assert!((200..400).contains(&answer.status), "{}: {}", source.name, answer.text());
            // Cut, and with a wrong signature.
            let cut = &body[..body.len() * 2 / 3];
            shown.push_str(&source.send(&mut client, sample.content_type, cut).text());
            let unsigned = source.unsigned(&[("content-type", sample.content_type)], &body);
            shown.push_str(&source.post(&mut client, &unsigned).expect("an answer").text());
        }
    }
    hub.settle();
    for (kind, value) in [("phone", PEOPLE[1]), ("email", PEOPLE[3])] {
        let found = api.post("/v1/customers/find", &json!({"identifier": {"type": kind, "value": value}}));
        let found = found.must(200).json();
        assert!(found["customers"].as_array().is_some_and(|c| !c.is_empty()), "{kind} is known: {found}");
    }
    let broken = json!({"identifier": {"type": "email", "value": "canary.person@tributary.example@"}});
    shown.push_str(&api.post("/v1/customers/find", &broken).text());
    let unknown = json!({"identifiers": [{"type": "email", "value": PEOPLE[3]},
        {"type": "member", "value": PEOPLE[5]}], "reason": PEOPLE[4]});
    shown.push_str(&api.post("/v1/identity/link", &unknown).text());
    let wrong = json!({"identifier": PEOPLE[3], PEOPLE[4]: 1});
    shown.push_str(&api.post("/v1/identity/block", &wrong).text());
    for target in [
        "/metrics",
        "/v1/deadletters",
        "/v1/channels",
        "/v1/changes",
        "/v1/identity/suggestions",
        "/v1/lag",
        "/readyz",
    ] {
        shown.push_str(&api.get(target).must(200).text());
    }
    let letters = api.get("/v1/deadletters").must(200).json();
    assert_ne!(letters["deadletters"], Value::Array(Vec::new()), "cut payloads are kept");
    assert!(hub.terminate().0.success());
    shown.push_str(&folder.log());
    for value in PEOPLE {
        let at = shown.find(value);
        let around = at.map(|at| shown.get(at.saturating_sub(200)..at + value.len()).unwrap_or(value));
        assert_eq!(around, None, "a value of a person shows");
    }
}
