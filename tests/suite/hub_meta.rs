//! Meta over HTTP: batches, redelivery, and what is taken back is gone from the view, in whatever order it is told.

use serde_json::{Value, json};
use tributary_tests::hub::{Folder, Hub, channels::Source};

const PAGE: &str = "100000000000001";
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// A comment of person `n` in one of its states.
fn comment(n: usize, verb: &str, time: u64, text: &str) -> Value {
    json!({"id": PAGE, "time": time, "changes": [{"field": "feed", "value": {"item": "comment", "verb": verb,
        "comment_id": format!("555_{n}"), "post_id": format!("{PAGE}_555"), "created_time": 1_772_331_100,
        "from": {"id": format!("70000000000000{n:02}"), "name": format!("Guest {n}")}, "message": text}}]})
}

fn post(source: &Source, hub: &Hub, entries: &[Value]) {
    let body = json!({"object": "page", "entry": entries}).to_string();
    source.send(&mut hub.provider(), "application/json", body.as_bytes()).must(200);
}

/// Everything that person `n`'s view and timeline show.
fn shown(hub: &Hub, n: usize) -> String {
    let mut api = hub.client();
    let named = json!({"identifier": {"type": "social", "scope": format!("facebook:{PAGE}"), "value": format!("70000000000000{n:02}")}});
    let found = api.post("/v1/customers/find", &named).must(200).json();
    let Some(id) = found["customers"][0]["id"].as_str() else { return "nobody".to_owned() };
    let timeline = api.get(&format!("/v1/customers/{id}/timeline")).must(200).text();
    api.get(&format!("/v1/customers/{id}")).must(200).text() + &timeline
}

#[test]
fn a_removed_comment_is_gone_in_any_order() {
    let source = Source::new("meta", Value::Null);
    let folder = Folder::new(std::slice::from_ref(&source));
    let hub = folder.start();
    // One person for each order, and two who keep what they said.
    for (n, order) in ORDERS.iter().enumerate() {
        let states = [
            comment(n, "add", 1_772_331_100, "first words"),
            comment(n, "edited", 1_772_331_150, "second words"),
            comment(n, "remove", 1_772_331_200, ""),
        ];
        for at in order {
            post(&source, &hub, &states[*at..=*at]);
        }
    }
    let (added, edited) = (
        comment(20, "add", 1_772_331_100, "first words"),
        comment(20, "edited", 1_772_331_150, "second words"),
    );
    let other = comment(21, "add", 1_772_331_100, "kept words");
    // A batch of several entries, and all of it again.
    for _ in 0..2 {
        post(&source, &hub, &[edited.clone(), added.clone(), other.clone()]);
    }
    hub.settle();
    for (n, order) in ORDERS.iter().enumerate() {
        let shown = shown(&hub, n);
        assert!(!shown.contains("words"), "{order:?}: {shown}");
    }
    let (edited, other) = (shown(&hub, 20), shown(&hub, 21));
    assert!(edited.contains("second words") && !edited.contains("first words"), "{edited}");
    assert_eq!(other.matches("kept words").count(), 1, "{other}");
    let row = hub.client().get("/v1/channels").must(200).json()["channels"][0].clone();
    assert_eq!(
        (&row["since_start"]["received"], &row["since_start"]["duplicate_at_door"]),
        (&json!(24), &json!(3)),
        "{row}"
    );
}
