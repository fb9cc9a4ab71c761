//! What a request decodes to, as JSON for golden files (layout: `fixtures/README.md`).

use super::{Case, decode, event};
use crate::{adapter::Decoded, settings::Channel};
use serde_json::{Map, Value, json};
use tributary_core::event::Event;

/// Decodes the request and writes everything down; `verify` must accept it first.
#[must_use]
pub fn golden(channel: &Channel, case: &Case) -> Value {
    let signed = case.signed(channel);
    let decoded = channel.adapter.verify(&signed.request()).and_then(|()| decode(channel, &signed));
    match decoded {
        Ok(decoded) => accepted(channel, &decoded),
        Err(rejected) => json!({"rejected": {"status": rejected.status, "code": rejected.code}}),
    }
}

fn accepted(channel: &Channel, decoded: &Decoded) -> Value {
    let events: Vec<Value> =
        decoded.events.iter().filter_map(|d| event(channel, d)).map(|e| of_event(&e)).collect();
    let mut out = json!({"events": events});
    if !decoded.unrecognised.is_empty() {
        let rest = decoded.unrecognised.iter().map(|u| json!({"reason": u.reason, "detail": u.detail}));
        out["unrecognised"] = rest.collect();
    }
    let reply = &decoded.reply;
    if *reply != crate::adapter::Reply::default() {
        let headers: Map<String, Value> =
            reply.headers.iter().map(|(n, v)| ((*n).to_owned(), Value::from(v.as_str()))).collect();
        let body = String::from_utf8_lossy(&reply.body);
        out["reply"] = json!({"status": reply.status, "headers": headers, "body": body});
    }
    out
}

fn of_event(event: &Event) -> Value {
    let identifiers: Vec<Value> = event
        .identifiers
        .iter()
        .zip(0_u8..)
        .map(|(i, at)| {
            let value = event.identifier_value(at).map(|v| v.plain).unwrap_or_default();
            json!({"type": i.kind, "scope": i.scope, "value": value, "trust": i.trust})
        })
        .collect();
    let mut out = json!({
        "id": event.id,
        "key": event.key,
        "revision": event.revision,
        "occurred_at": event.occurred_at,
        "type": event.body.type_name(),
        "identifiers": identifiers,
        "body": event.body,
    });
    let content = event.content().unwrap_or_default();
    if !content.is_empty() {
        out["content"] = serde_json::to_value(content).unwrap_or_default();
    }
    if event.flags != 0 {
        out["flags"] = event.flags.into();
    }
    for (name, value) in [("actor", &event.actor), ("store", &event.store), ("brand", &event.brand)] {
        if !value.is_empty() {
            out[name] = value.as_str().into();
        }
    }
    out
}
