use super::fields::{BODIES, COMMON, Shape};
use crate::cloudevents;
use serde_json::{Value, json, value::RawValue};
use std::collections::BTreeSet;

fn names(shape: &Shape) -> BTreeSet<String> {
    match shape {
        Shape::Table(fields) | Shape::Claim(fields) => {
            fields.iter().map(|(name, _)| (*name).to_owned()).collect()
        }
        Shape::Each(inner) => names(inner),
        _ => BTreeSet::new(),
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(map) => map.keys().cloned().collect(),
        Value::Array(items) => items.first().map(keys).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}

fn stated(kind: &str, data: &Value) -> Result<(), String> {
    let raw: Box<RawValue> = serde_json::from_str(&data.to_string()).unwrap();
    let kind = format!("tributary.v1.{kind}");
    cloudevents::stated("k".into(), kind, None, &raw).map(drop).map_err(|e| e.to_string())
}

/// The settings know the same names as the reader of CloudEvents: each of them is read, and no other.
#[test]
fn the_fields_of_bodies_are_those_of_cloudevents() {
    let lines = json!([{"sku": "a", "quantity": 1, "amount": "1"}]);
    let all = json!({
        "message": {"text": "t", "subject": "s", "direction": "inbound", "thread": "t", "reply_to": "r", "form": "f",
            "attachments": [{"kind": "k", "name": "n", "media_type": "m", "url": "u", "size": 1}]},
        "form": {"form": "f", "fields": {}},
        "mention": {"network": "n", "kind": "k", "thread": "t", "text": "t", "url": "u"},
        "purchase": {"currency": "TWD", "total": "1", "tax": "1", "discount": "1", "points_used": 1, "lines": lines,
            "refs": ["r"]},
        "refund": {"of": "o", "currency": "TWD", "total": "1"},
        "order": {"number": "n", "state": "paid", "carrier": "c", "tracking": "t"},
        "follow": {"following": true},
        "visit": {"url": "u", "kind": "k"},
        "cart": {"items": lines, "state": "open"},
        "consent": {"purpose": "p", "channel": "c", "granted": true, "method": "m", "text_sha256": "t",
            "expires_at": "2026-03-01T00:00:00Z"},
        "trait": {"name": "n", "value": "v"},
        "note": {"text": "t"},
        "delivery": {"campaign": "c", "state": "sent"},
        "link": {"with": "w", "nonce": "n", "ok": true},
        "removed": {"of": "o"},
        "activity": {"title": "t", "fields": {}},
    });
    assert_eq!(BODIES.len(), all.as_object().unwrap().len());
    for (name, shape) in BODIES {
        let mut body = all[*name].clone();
        assert_eq!(names(shape), keys(&body), "{name}");
        assert_eq!(stated(name, &json!({*name: body})), Ok(()), "{name}");
        body["zzz"] = json!(1);
        let refused = stated(name, &json!({*name: body})).unwrap_err();
        assert!(refused.starts_with("unknown_field"), "{name}: {refused}");
    }
    let common = json!({
        "revision": 1, "identifiers": [{"type": "email", "scope": "s", "value": "v", "trust": "claimed"}],
        "profile": {"name": "n", "displayName": "d", "email": "e", "telephone": "t", "birthDate": "b", "language": "l",
            "address": "a", "gender": "g", "image": "i"},
        "profile_source": "till", "actor": "a", "store": "s", "brand": "b", "historical": true, "test": false,
    });
    assert_eq!(stated("profile", &common), Ok(()));
    assert_eq!(COMMON.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), keys(&common));
    for (name, shape) in COMMON {
        assert_eq!(names(shape), keys(&common[*name]), "{name}");
    }
}
