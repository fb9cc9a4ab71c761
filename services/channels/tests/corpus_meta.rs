//! The Meta adapter over a corpus of captured webhooks: every one is understood or kept, none panics.
//! The corpus lies outside the repository; without `TRIBUTARY_CORPUS` these tests say so and do nothing.

#![expect(clippy::disallowed_methods, reason = "tests read the corpus")]

mod support;

use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tributary_channels::{
    adapter::{Decoded, InboundRequest},
    settings::Channel,
};
use tributary_core::draft::Draft;

fn channel(secret: &str) -> Channel {
    let values = json!({ "kind": "meta", "app_secret": secret, "verify_token": "t", "page": "12345654332" });
    support::channel("meta", values.as_object().cloned().unwrap_or_default())
}

fn folder() -> Option<PathBuf> {
    support::corpus("fixtures/social-meta")
}

fn decode(channel: &Channel, body: &[u8]) -> Decoded {
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    channel.adapter.decode(&InboundRequest::post(&headers, body)).expect("JSON is never refused")
}

/// The type an element of this capture must have; `None` = kept as unrecognised.
fn expected(name: &str) -> Option<&'static str> {
    // Captures whose writer is the page itself are our own side.
    match name {
        "threads-user-posts" | "feed-two-entries-25" => None,
        _ if name.starts_with("feed-like-remove") || name.contains("-remove-") => Some("removed"),
        _ if name.starts_with("feed-like") || name.starts_with("feed-reaction") => Some("activity"),
        "feed-post-add-25" => Some("mention.created"),
        _ if name.starts_with("feed-") => Some("message.sent"),
        _ if name.starts_with("mention-") || name.starts_with("ratings-") => Some("mention.created"),
        "instagram-wh-comments" | "instagram-wh-mentions" => Some("mention.created"),
        "instagram-messaging-seen" | "messaging-delivery-basic" | "messaging-read-basic" => {
            Some("delivery.reported")
        }
        "messaging-message-basic-echo" => Some("message.sent"),
        _ if name.starts_with("messaging-message-") => Some("message.received"),
        _ => Some("activity"),
    }
}

#[test]
fn captured_webhooks_are_understood_or_kept() {
    let Some(folder) = folder() else { return };
    let channel = channel("secret");
    let mut found: Vec<_> = fs::read_dir(folder).expect("the corpus has this folder").flatten().collect();
    found.sort_by_key(fs::DirEntry::file_name);
    let mut count = 0;
    for entry in found {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".json").filter(|name| *name != "x-hub-signature-256-vector")
        else {
            continue;
        };
        let body = fs::read(entry.path()).expect("a corpus file is readable");
        let decoded = decode(&channel, &body);
        let types: Vec<_> = decoded.events.iter().map(|e| e.body.type_name()).collect();
        let reasons: Vec<_> = decoded.unrecognised.iter().map(|u| u.reason).collect();
        let people = |e: &Draft| e.identifiers.iter().map(|c| c.scope.clone()).collect::<Vec<_>>();
        eprintln!(
            "{name}: {types:?} {:?} {reasons:?}",
            decoded.events.iter().map(people).collect::<Vec<_>>()
        );
        match expected(name) {
            Some(kind) => assert_eq!((types.as_slice(), reasons.len()), ([kind].as_slice(), 0), "{name}"),
            None => assert!(types.is_empty() && !reasons.is_empty(), "{name} is kept, not understood"),
        }
        for event in &decoded.events {
            assert!(event.identifiers.len() <= 1, "{name} names one person");
            let again = channel
                .adapter
                .decode(&InboundRequest::post(&event.raw.headers, &event.raw.body))
                .expect("its own raw");
            assert_eq!((again.events.len(), &again.events[0].key), (1, &event.key), "{name}");
        }
        count += 1;
    }
    assert!(count > 30, "{count} captures read");
}

#[test]
fn the_published_signature_holds() {
    let Some(folder) = folder() else { return };
    let text = fs::read(folder.join("x-hub-signature-256-vector.json")).expect("the vector is there");
    let vector: Value = serde_json::from_slice(&text).expect("the vector is JSON");
    let of = |name: &str| vector[name].as_str().expect("the vector is complete").to_owned();
    let body = of("body");
    let headers = [("x-hub-signature-256".to_owned(), of("header"))];
    assert!(channel(&of("secret")).adapter.verify(&InboundRequest::post(&headers, body.as_bytes())).is_ok());
    assert!(channel("another").adapter.verify(&InboundRequest::post(&headers, body.as_bytes())).is_err());
    assert!(
        channel(&of("secret")).adapter.verify(&InboundRequest::post(&headers, b"Hello, World?")).is_err()
    );
}
