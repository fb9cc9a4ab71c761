//! Accounting as an identity, per channel: what a client counted as received is what the hub says it folded, recognised as a
//! duplicate, superseded, parked or refused. Two processes serve the folder, so figures of both are added up.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tributary_channels::samples;
use tributary_core::time::Micros;
use tributary_tests::hub::{Folder, Hub, channels::Source, http::Client};

/// Posts of each sample.
const FRESH: u64 = 3;

/// What a client counted on one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ledger {
    /// Events in requests that were answered with 2xx.
    received: u64,
    /// Of these, in a request whose bytes the hub had answered with 2xx before.
    again: u64,
    /// Requests that were refused, by code.
    refused: BTreeMap<String, u64>,
}

impl Ledger {
    fn post(&mut self, source: &Source, client: &mut Client, media: &str, body: &[u8], events: u64) {
        let answer = source.send(client, media, body);
        assert!((200..400).contains(&answer.status), "{}: {}", source.name, answer.text());
        self.received += events;
    }

    fn refusal(&mut self, status: u16, answer: &tributary_tests::hub::http::Answer) {
        assert_eq!(answer.status, status, "{}", answer.text());
        *self.refused.entry(answer.code()).or_default() += 1;
    }
}

/// How many events a sample holds.
fn events_of(kind: &str, sample: &str) -> u64 {
    match (kind, sample) {
        // A sign-up is the form and the consent.
        ("cloudevents", "batch")
        | ("web_form", "newsletter")
        | ("typeform", "response")
        | ("members_file", "withdrawn") => 2,
        // An order is a sale and a state, a customer a profile and a consent.
        ("shopify", "order" | "customer") => 2,
        ("members_file", "member") => 5,
        _ => 1,
    }
}

/// What a kind cannot read or does not know: content type, body, how many events and remainders it holds.
fn odd(kind: &str) -> Vec<(&'static str, &'static str, u64)> {
    const JSON: &str = "application/json";
    match kind {
        "line" => vec![
            (JSON, "{\"events\":[{", 1),
            (
                JSON,
                r#"{"destination":"x","events":[{"type":"hologram","webhookEventId":"h1","timestamp":1772331120000,"source":{"type":"user","userId":"U000000000000000000000000000000a1"}}]}"#,
                1,
            ),
        ],
        "web_form" => vec![(JSON, "{\"submission_id\":", 1)],
        "typeform" => vec![
            (JSON, "{\"event_type\":", 1),
            (JSON, r#"{"event_type":"form_response_partial","form_response":{"token":"t1"}}"#, 1),
        ],
        "google_lead" => vec![
            (JSON, r#"{"user_column_data":[]}"#, 1),
            (JSON, r#"{"lead_id":"odd","user_column_data":7}"#, 1),
        ],
        "cloudevents" => vec![
            ("application/cloudevents+json", "{\"specversion\":", 1),
            (
                "application/cloudevents-batch+json",
                r#"[{"specversion":"1.0","id":"u1","source":"/x","type":"com.example.new","data":{}},{"specversion":"1.0"}]"#,
                2,
            ),
        ],
        "email" => vec![("message/rfc822", "no mail at all", 1)],
        "meta" => vec![
            (JSON, "{\"object\":", 1),
            (
                JSON,
                r#"{"object":"page","entry":[{"id":"100000000000001","time":1,"changes":[{"field":"hologram","value":{}}]}]}"#,
                1,
            ),
        ],
        "pos_file" => vec![(
            "text/csv",
            "store,register,receipt,time,member,total\n7,2,ok1,2026-03-01T10:00:00+08:00,M0001,500\n7,2,bad1,2026-03-01T10:00:00+08:00,M0001,abc\n",
            2,
        )],
        "members_file" => vec![("text/csv", "member,points\n,5\nM1,many\n", 2)],
        "bindings_file" => vec![("text/csv", "member,line,bound_at\nM1,,2024-05-06\n", 1)],
        "shopify" => vec![(JSON, "{\"id\":", 1), (JSON, "{\"odd\":true}", 1)],
        "tw_einvoice" => vec![("application/xml", "<Invoice>", 1), ("application/xml", "<Other></Other>", 1)],
        "square" => vec![
            (JSON, "{\"merchant_id\":", 1),
            (
                JSON,
                r#"{"merchant_id":"MERCHANT1","type":"inventory.count.updated","event_id":"i1","created_at":"2026-03-01T02:12:00Z","data":{"type":"inventory","id":"1","object":{}}}"#,
                1,
            ),
        ],
        "mapped" => {
            vec![(JSON, "{\"event\":", 1), (JSON, r#"{"event":"ticket.closed","ticket":{"id":1}}"#, 1)]
        }
        other => panic!("no odd payloads for the new kind {other}: add some"),
    }
}

/// Three revisions of one fact, out of order; the one in the middle of the list never counts.
fn revisions(kind: &str) -> Vec<(&'static str, String)> {
    match kind {
        "cloudevents" => [5, 3, 7]
            .map(|revision| {
                let body = json!({"specversion": "1.0", "id": format!("r{revision}"), "source": "/x",
                    "type": "tributary.v1.order.changed", "data": {"key": "order/900", "revision": revision,
                    "identifiers": [{"type": "member", "value": "M900"}],
                    "order": {"number": "900", "state": "shipped"}}});
                ("application/cloudevents+json", body.to_string())
            })
            .to_vec(),
        "square" => [5, 3, 7]
            .map(|minute| {
                let at = format!("2026-03-01T02:0{minute}:00Z");
                let body = json!({"merchant_id": "MERCHANT1", "type": "payment.updated",
                    "event_id": format!("rev-{minute}"), "created_at": at, "data": {"type": "payment", "id": "pay-rev",
                    "object": {"payment": {"id": "pay-rev", "status": "COMPLETED", "created_at": at,
                    "updated_at": at, "customer_id": "CUST1", "total_money": {"amount": 100, "currency": "USD"}}}}});
                ("application/json", body.to_string())
            })
            .to_vec(),
        "mapped" => [5, 3, 7]
            .map(|revision| {
                let body = json!({"event": "order.shipped", "order": {"number": "rev-1", "updated_at": revision,
                    "customer": {"member": "M900"}}});
                ("application/json", body.to_string())
            })
            .to_vec(),
        _ => Vec::new(),
    }
}

/// Everything of the first process, in one ledger; gives the bodies that are sent again later.
fn first_life(source: &Source, client: &mut Client, ledger: &mut Ledger) -> Vec<(String, Vec<u8>, u64)> {
    let kind = source.registration().kind;
    let mut sent = Vec::new();
    for (at, sample) in source.registration().samples.iter().enumerate() {
        for n in 0..FRESH {
            let number = 1_000 * (at as u64 + 1) + n;
            let body = samples::fill(sample, number, Micros::from_secs(1_772_331_120), &[]);
            sent.push((sample.content_type.to_owned(), body, events_of(kind, sample.name)));
        }
    }
    let odd = odd(kind).into_iter().map(|(media, body, n)| (media.to_owned(), body.as_bytes().to_vec(), n));
    sent.extend(odd);
    let revisions = revisions(kind).into_iter().map(|(media, body)| (media.to_owned(), body.into_bytes(), 1));
    sent.extend(revisions);
    for (media, body, events) in &sent {
        ledger.post(source, client, media, body, *events);
    }
    again(source, client, ledger, &sent[..2]);
    refused(source, client, ledger);
    sent
}

fn again(source: &Source, client: &mut Client, ledger: &mut Ledger, sent: &[(String, Vec<u8>, u64)]) {
    for (media, body, events) in sent {
        ledger.post(source, client, media, body, *events);
        ledger.again += events;
    }
}

fn refused(source: &Source, client: &mut Client, ledger: &mut Ledger) {
    let body = b"{\"not\": \"signed\"}";
    let unsigned = source.unsigned(&[("content-type", "application/json")], body);
    let answer = source.post(client, &unsigned).expect("an answer");
    ledger.refusal(401, &answer);
    // The length alone is enough to refuse: the body itself is never sent.
    let length = source.registration().body_max + 1;
    let answer = client.announce(&format!("/in/{}", source.name), length).expect("an answer");
    ledger.refusal(413, &answer);
}

fn rows(hub: &Hub) -> BTreeMap<String, Value> {
    let answer = hub.client().get("/v1/channels").must(200).json();
    let rows = answer["channels"].as_array().expect("a list").iter();
    rows.map(|row| (row["name"].as_str().unwrap_or_default().to_owned(), row.clone())).collect()
}

fn number(row: &Value, path: &str) -> u64 {
    row.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {row}"))
}

fn check_since_start(name: &str, ledger: &Ledger, row: &Value) {
    assert_eq!(number(row, "/since_start/received"), ledger.received, "{name}: received: {row}");
    let refused: BTreeMap<String, u64> = serde_json::from_value(row["rejected"].clone()).expect("by code");
    assert_eq!(refused, ledger.refused, "{name}: refused");
    let (appended, door) =
        (number(row, "/since_start/appended"), number(row, "/since_start/duplicate_at_door"));
    assert_eq!(appended + door, ledger.received, "{name}");
    assert!(door >= ledger.again, "{name}: {} sent again, {door} recognised", ledger.again);
}

#[test]
fn what_was_received_is_what_became_of_it() {
    let sources = Source::all();
    let folder = Folder::new(&sources);
    let mut ledgers: Vec<[Ledger; 2]> = vec![Default::default(); sources.len()];
    let mut sent = Vec::new();
    let hub = folder.start();
    let mut client = hub.provider();
    for (source, [first, _]) in sources.iter().zip(&mut ledgers) {
        sent.push(first_life(source, &mut client, first));
    }
    hub.settle();
    let before = rows(&hub);
    assert!(hub.terminate().0.success());
    let hub = folder.start();
    let mut client = hub.provider();
    for ((source, [_, second]), sent) in sources.iter().zip(&mut ledgers).zip(&sent) {
        again(source, &mut client, second, sent);
        refused(source, &mut client, second);
    }
    hub.settle();
    let after = rows(&hub);
    let metrics = hub.client().get("/metrics").must(200).text();
    println!("channel      received  door  folded  duplicate  superseded  parked  refused");
    for (source, [first, second]) in sources.iter().zip(&ledgers) {
        let name = &source.name;
        check_since_start(name, first, &before[name]);
        check_since_start(name, second, &after[name]);
        let row = &after[name];
        let received = first.received + second.received;
        let door = number(&before[name], "/since_start/duplicate_at_door")
            + number(row, "/since_start/duplicate_at_door");
        let ends = ["/folded", "/duplicate", "/superseded", "/parked"].map(|path| number(row, path));
        let refused: u64 = first.refused.values().chain(second.refused.values()).sum();
        println!(
            "{name:<12} {received:>8} {door:>5} {:>7} {:>10} {:>11} {:>7} {refused:>8}",
            ends[0], ends[1], ends[2], ends[3]
        );
        assert_eq!(received, door + ends.iter().sum::<u64>(), "{name}: {row}");
        check_ends(source, ends);
        let counted = format!("tributary_ingest_events_total{{channel=\"{name}\",result=\"duplicate\"}} ");
        let counted = metrics.lines().find_map(|l| l.strip_prefix(&counted)?.parse().ok());
        assert_eq!(counted, Some(number(row, "/since_start/duplicate_at_door")), "{name}: the metric");
    }
}

/// What this test knows of the ends without asking the hub.
fn check_ends(source: &Source, [folded, _, superseded, parked]: [u64; 4]) {
    let kind = source.registration().kind;
    assert!(folded > 0, "{kind}");
    // pos_file's and the batch's first element are good.
    let odd: u64 = odd(kind).iter().map(|(_, _, n)| n).sum();
    let good = u64::from(matches!(kind, "pos_file" | "cloudevents"));
    assert_eq!(parked, odd - good, "{kind}: parked");
    if !revisions(kind).is_empty() {
        assert!(superseded >= 2, "{kind}: one came too late, one was replaced: {superseded}");
    }
}
