//! Square's own examples and signature vector through the adapter.

mod support;

use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs};
use tributary_channels::{
    adapter::InboundRequest,
    settings::{self, Channel, Settings},
};

fn channel(extra: Value) -> Channel {
    let mut table: Map<String, Value> =
        serde_json::from_value(json!({"kind": "square", "merchant": "M"})).expect("a table");
    table.extend(serde_json::from_value::<Map<String, Value>>(extra).expect("a table"));
    settings::build(Settings::new("square-1", table, "UTC", "US")).unwrap_or_else(|e| panic!("{e}"))
}

/// What each official example becomes: an event's type and key, or the reason it is kept.
const EXPECTED: [(&str, &str, &str); 14] = [
    ("customer.created", "profile.changed", "customer/QPTXM8PQNX3Q726ZYHPMNP46XC"),
    ("customer.updated", "profile.changed", "customer/A0AP25A6SCVTH8JES9BX01GXM4"),
    ("gift_card.customer_linked", "activity", "event/875f2038-6015-492e-9f29-d040b3809e49"),
    ("inventory.count.updated", "unrecognised", "unknown_event_type"),
    ("invoice.payment_made", "activity", "invoice/inv:0-ChCHu2mZEabLeeHahQnXDjZQECY"),
    ("loyalty.account.created", "activity", "loyalty.account/ba2f8ab6-e131-46d9-9882-17714404eb49"),
    ("loyalty.event.created", "unrecognised", "unknown_event_type"),
    ("order.created", "activity", "order/eA3vssLHKJrv9H0IdJCM3gNqfdcZY"),
    ("order.updated", "activity", "order/eA3vssLHKJrv9H0IdJCM3gNqfdcZY"),
    ("payment.created", "activity", "payment/hYy9pRFVxpDsO1FB05SunFWUe9JZY"),
    ("payment.updated", "purchase.completed", "payment/hYy9pRFVxpDsO1FB05SunFWUe9JZY"),
    (
        "refund.created",
        "activity",
        "refund/KkAkhdMsgzn59SM8A89WgKwekxLZY_ptNBVqHYxt5gAdfcobBe4u1AZsXhoz06KTtuq9Ls24P",
    ),
    ("team_member.created", "unrecognised", "unknown_event_type"),
    ("terminal.checkout.created", "unrecognised", "unknown_event_type"),
];

#[test]
fn the_official_examples_become_what_the_list_says() {
    let Some(folder) = support::corpus("fixtures/pos/square") else { return };
    let channel = channel(json!({"signature_key": "k"}));
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&folder).expect("folder") {
        let name = entry.expect("entry").file_name().to_string_lossy().into_owned();
        if name == "signature-vector.json" {
            continue;
        }
        let body = fs::read_to_string(folder.join(&name)).expect("file");
        let decoded = channel.adapter.decode(&InboundRequest::post(&[], body.as_bytes())).expect("decodes");
        let result = match (decoded.events.as_slice(), decoded.unrecognised.as_slice()) {
            ([event], []) => (event.body.type_name().to_owned(), event.key.clone()),
            ([], [kept]) => ("unrecognised".to_owned(), kept.reason.to_owned()),
            _ => panic!("{name}: not one thing"),
        };
        found.insert(name.trim_end_matches(".json").to_owned(), result);
    }
    let expected = EXPECTED.map(|(name, kind, key)| (name.to_owned(), (kind.to_owned(), key.to_owned())));
    assert_eq!(found, BTreeMap::from(expected));
}

#[test]
fn the_published_signature_vector_holds() {
    let Some(folder) = support::corpus("fixtures/pos/square") else { return };
    let text = fs::read_to_string(folder.join("signature-vector.json"));
    let vector: Value = serde_json::from_str(&text.expect("file")).expect("json");
    let channel = channel(
        json!({"signature_key": ["the-next-key", vector["signature_key"]], "notification_url": vector["notification_url"]}),
    );
    let body = vector["body"].as_str().expect("body").as_bytes();
    let signature = vector["signature"].as_str().expect("signature");
    let verify = |value: &str, body: &[u8]| {
        let headers = [("x-square-hmacsha256-signature".to_owned(), value.to_owned())];
        channel.adapter.verify(&InboundRequest::post(&headers, body))
    };
    assert!(verify(signature, body).is_ok());
    assert!(verify(&signature.to_lowercase(), body).is_err());
    assert!(verify(signature, &body[1..]).is_err());
    let kept = channel.adapter.decode(&InboundRequest::post(&[], body)).expect("decodes");
    assert_eq!(kept.unrecognised[0].detail, "webhooks.test_notification names no customer");
}
