//! Channels without code: what their settings may say, who may post, and what becomes of batches.

mod support;

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use support::channel;
use tributary_channels::{
    adapter::Decoded,
    kit::{Case, RECEIVED_AT},
    settings::{Channel, Settings, build},
};

fn table(changes: &Value) -> Map<String, Value> {
    let mut table = json!({"kind": "mapped", "signature": "none",
        "events": [{"type": "note", "key": "payload.id", "note": {"text": "payload.text"}}]});
    let map = table.as_object_mut().expect("a table");
    for (key, value) in changes.as_object().expect("a table") {
        map.insert(key.clone(), value.clone());
    }
    map.retain(|_, value| !value.is_null());
    map.clone()
}

fn made(changes: &Value) -> Channel {
    channel("mapped", table(changes))
}

fn decode(channel: &Channel, body: &str) -> Decoded {
    channel.adapter.decode(&Case::new("post", "application/json", body).request()).expect("not rejected")
}

#[test]
fn settings_name_what_is_wrong_and_what_would_be_right() {
    let event = |changes: Value| {
        let mut event = json!({"type": "note", "key": "payload.id", "note": {"text": "payload.text"}});
        event.as_object_mut().expect("a table").extend(changes.as_object().expect("a table").clone());
        event.as_object_mut().expect("a table").retain(|_, value| !value.is_null());
        json!({"events": [event]})
    };
    let hmac = json!({"signature": "hmac-sha256", "secret": "s", "header": "x-s"});
    let with = |base: &Value, key: &str, value: Value| {
        let mut changed = base.clone();
        changed[key] = value;
        changed
    };
    for (changes, key, problem) in [
        (json!({"signature": null}), "signature", "is missing: how posts are proven: \"hmac-sha256\""),
        (json!({"signature": "md5", "secret": "s"}), "signature", "must be \"hmac-sha256\""),
        (json!({"signature": "token"}), "secret", "is missing"),
        (json!({"signature": "token", "secret": "s"}), "header", "is missing"),
        (json!({"signature": "basic", "secret": "s"}), "user", "is missing"),
        (with(&hmac, "header", json!("x s")), "header", "must be the name of a header"),
        (with(&hmac, "encoding", json!("base32")), "encoding", "must be \"hex\" or \"base64\""),
        (with(&hmac, "signed", json!("{timestamp}")), "signed", "must name {body}"),
        (with(&hmac, "signed", json!("{body")), "signed", "has a brace"),
        (with(&hmac, "signed", json!("{timestamp}.{body}")), "timestamp_header", "must be there exactly if"),
        (with(&hmac, "timestamp_header", json!("x-t")), "timestamp_header", "must be there exactly if"),
        (with(&hmac, "tolerance", json!(0)), "tolerance", "from 1 to 86400"),
        (with(&hmac, "secret_encoding", json!("base64")), "secret", "is not base64"),
        (with(&hmac, "headers", json!(["X-S"])), "headers", "it is a credential"),
        (json!({"headers": ["cookie"]}), "headers", "it is a credential"),
        (json!({"format": "xml"}), "format", "must be \"json\" or \"form\""),
        (json!({"for_each": "payload.orders[0]"}), "for_each", "must be the path of a list"),
        (json!({"for_each": "orders"}), "for_each", "no variable is called orders"),
        (json!({"for_each": "payload.o", "format": "form"}), "for_each", "does not go with format"),
        (json!({"events": null}), "events", "is missing"),
        (json!({"events": []}), "events", "must be 1 to 32 tables"),
        (json!({"evnts": 1}), "evnts", "is not a known setting"),
        (json!({"user": "u"}), "user", "is not a known setting"),
        (event(json!({"key": null})), "events.0.key", "is missing"),
        (event(json!({"key": "payload.id +"})), "events.0.key", "`payload.id +`, line 1, character 13"),
        (
            event(json!({"key": "item.id"})),
            "events.0.key",
            "no variable is called item; there are: payload, header",
        ),
        (event(json!({"key": ["payload.id"]})), "events.0.key", "must be an expression in quotes"),
        (event(json!({"type": "nota"})), "events.0.type", "is no type of event; there are: message"),
        (event(json!({"type": "purchase"})), "events.0.purchase", "is missing"),
        (event(json!({"message": {"text": "payload.t"}})), "events.0.message", "does not go with type note"),
        (
            event(json!({"note": {"txt": "payload.t"}})),
            "events.0.note.txt",
            "is no field of it; there are: text",
        ),
        (event(json!({"note": {"text": {"a": "payload.t"}}})), "events.0.note.text", "must be an expression"),
        (event(json!({"whn": "true"})), "events.0.whn", "is no part of an event"),
        (event(json!({"when": true})), "events.0.when", "must be an expression"),
        (event(json!({"when": "now() > 1"})), "events.0.when", "no function is called now"),
        (
            event(json!({"identifiers": [{"type": "email", "vlaue": "payload.e"}]})),
            "events.0.identifiers.0.vlaue",
            "is no field of it; there are: type, scope, value, trust",
        ),
    ] {
        let settings = Settings::new("x", table(&changes), "Asia/Taipei", "TW");
        match build(settings) {
            Ok(_) => panic!("{changes} is taken"),
            Err(error) => assert!(error.key == key && error.problem.contains(problem), "{changes}: {error}"),
        }
    }
}

fn verified(channel: &Channel, headers: &[(&str, &str)], body: &str) -> bool {
    let mut case = Case::new("post", "application/json", body);
    case.headers.extend(headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    case.public_url = Some("https://example.com/hook".to_owned());
    channel.adapter.verify(&case.request()).is_ok()
}

/// Published test vectors of each scheme.
#[test]
fn known_signatures_are_taken() {
    let sha256 = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let hex = json!({"signature": "hmac-sha256", "secret": ["new", "It's a Secret to Everybody"],
        "header": "X-Hub-Signature-256", "prefix": "sha256="});
    let hex = made(&hex);
    let header = "x-hub-signature-256";
    assert!(verified(&hex, &[(header, &format!("sha256={sha256}"))], "Hello, World!"));
    for (value, body) in [
        (format!("sha256={sha256}"), "Hello, World"),
        (format!("sha256={}", sha256.to_uppercase()), "Hello, World!"),
        (sha256.to_owned(), "Hello, World!"),
        (format!("sha256={}", &sha256[..62]), "Hello, World!"),
        ("sha256=".to_owned(), "Hello, World!"),
        (format!("{}sha256={sha256}", "sha256=00,".repeat(8)), "Hello, World!"), // beyond what is looked at
    ] {
        assert!(!verified(&hex, &[(header, &value)], body), "{value} {body}");
    }
    assert!(
        verified(&hex, &[(header, &format!("sha256=00,sha256={sha256}"))], "Hello, World!"),
        "one of several"
    );
    let base64 =
        made(&json!({"signature": "hmac-sha256", "secret": "secret", "header": "x-h", "encoding": "base64"}));
    assert!(verified(&base64, &[("x-h", "yCGX/RrK4fcuNtr3ztk5tQGsOBjcAzHpGLdMUrbV8yI=")], "foo=anything"));
    let sha1 = made(&json!({"signature": "hmac-sha1", "secret": "Jefe", "header": "x-h"}));
    let body = "what do ya want for nothing?";
    assert!(verified(&sha1, &[("x-h", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")], body));
    assert!(!verified(&sha1, &[("x-h", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c78")], body));
    let basic = made(&json!({"signature": "basic", "user": "Aladdin", "secret": ["new", "open sesame"]}));
    for (value, want) in [
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", true),
        ("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", true),
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", false),
        ("Basic QWxhZGRpbjpvcGVu", false),
        ("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", false),
        ("", false),
    ] {
        assert_eq!(verified(&basic, &[("authorization", value)], ""), want, "{value}");
    }
    let token =
        json!({"signature": "token", "header": "Authorization", "prefix": "Token ", "secret": ["b", "a"]});
    let token = made(&token);
    for (value, want) in
        [("Token a", true), ("Token b", true), ("a", false), ("Token ", false), ("Token ab", false)]
    {
        assert_eq!(verified(&token, &[("authorization", value)], ""), want, "{value}");
    }
}

#[test]
fn signed_parts_and_stale_time_stamps() {
    let settings = |stamp: &str, prefix: &str| {
        json!({"signature": "hmac-sha256", "secret": "s", "header": "x-s", "prefix": "v1=", "tolerance": 60,
            "signed": "v1:{timestamp}:{x-id}:{url}:{body}", "timestamp_header": stamp, "timestamp_prefix": prefix})
    };
    for (stamp, prefix) in [("x-t", ""), ("x-s", "t=")] {
        let channel = made(&settings(stamp, prefix));
        let mut case = Case::new("post", "application/json", "{}");
        case.headers.push(("x-id".into(), "7".into()));
        case.public_url = Some("https://example.com/hook".into());
        let signed = case.signed(&channel);
        let accepts = |signed: &Case, late_seconds: i64, url: &str| {
            let mut request = signed.request();
            request.received_at.0 = RECEIVED_AT.0 + late_seconds * 1_000_000;
            request.public_url = Some(url);
            channel.adapter.verify(&request).is_ok()
        };
        let url = "https://example.com/hook";
        for (late, want) in [(0, true), (60, true), (-60, true), (61, false), (-61, false), (86_400, false)] {
            assert_eq!(accepts(&signed, late, url), want, "{stamp}: {late} s late");
        }
        assert!(!accepts(&signed, 0, "https://example.com/hook/"), "the address is signed");
        for (name, value) in
            [("x-id", "8"), ("x-id", ""), (stamp, "t=1772331121"), (stamp, "t="), (stamp, "")]
        {
            let mut changed = signed.clone();
            changed.headers.retain(|(n, _)| n != name);
            assert!(!accepts(&changed, 0, url), "without {name}");
            changed.headers.push((name.into(), value.into()));
            assert!(!accepts(&changed, 0, url), "{name}: {value}");
        }
        let own_url = made(&{
            let mut own = settings(stamp, prefix);
            own["public_url"] = json!("https://other.example");
            own
        });
        assert!(
            own_url.adapter.verify(&signed.request()).is_err(),
            "configuration counts, not the hub's address"
        );
        assert!(own_url.adapter.verify(&case.signed(&own_url).request()).is_ok());
    }
    for (text, late, want) in
        [("1772331120000", 0, true), ("2026-03-01T10:12:00+08:00", 60, true), ("soon", 0, false)]
    {
        let channel =
            made(&json!({"signature": "hmac-sha256", "secret": "s", "header": "x-s", "tolerance": 60,
            "signed": "{timestamp}{body}", "timestamp_header": "x-t"}));
        let plain = made(&json!({"signature": "hmac-sha256", "secret": "s", "header": "x-s"}));
        let mut case = Case::new("post", "application/json", format!("{text}{{}}")).signed(&plain);
        case.body = b"{}".to_vec();
        case.headers.push(("x-t".into(), text.into()));
        let mut request = case.request();
        request.received_at.0 += late * 1_000_000;
        assert_eq!(channel.adapter.verify(&request).is_ok(), want, "{text}");
    }
}

fn batch_channel() -> Channel {
    made(&json!({"for_each": "payload.a.list", "events": [
        {"when": "item.n % 3 != 0", "type": "trait", "key": "\"t/\" + string(item.n)", "store": "payload.store",
            "trait": {"name": "n", "value": "item.value"}},
        {"when": "item.n % 4 == 0", "type": "note", "key": "\"n/\" + string(item.n)",
            "note": {"text": "string(payload.a.list.size()) + item.value"}},
    ]}))
}

/// What it comes to, without the raw requests and in no order.
fn sum(channel: &Channel, bodies: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for body in bodies {
        let decoded = decode(channel, body);
        let events =
            decoded.events.iter().map(|e| format!("{} {} {:?} {:?}", e.key, e.store, e.body, e.content.text));
        all.extend(events);
        all.extend(
            decoded.unrecognised.iter().map(|u| format!("{u:?} {}", String::from_utf8_lossy(&u.raw.body))),
        );
    }
    all
}

#[test]
fn a_batch_is_its_elements_however_it_is_cut() {
    let channel = batch_channel();
    let items: Vec<Value> = (0..40)
        .map(|n| match n % 7 {
            5 => json!({"n": n}),
            6 => json!(["no", n]),
            _ => json!({"n": n, "value": format!("v{n}")}),
        })
        .collect();
    let body = |items: &[Value]| {
        json!({"store": "s\u{0}1", "a": {"list": items, "z": [1]}, "list": "another"}).to_string()
    };
    let whole = sum(&channel, &[body(&items)]);
    assert!(whole.len() > 35, "{whole:?}");
    for size in [1, 2, 3, 17] {
        let mut bodies: Vec<String> = items.chunks(size).map(body).collect();
        assert_eq!(sum(&channel, &bodies), whole, "in pieces of {size}");
        bodies.reverse();
        assert_eq!(sum(&channel, &bodies), whole, "in pieces of {size}, from the end");
    }
    // An element's raw request holds that element alone.
    for event in decode(&channel, &body(&items)).events {
        let raw: Value = serde_json::from_slice(&event.raw.body).expect("JSON");
        assert_eq!(raw["a"]["list"].as_array().map(Vec::len), Some(1), "{raw}");
    }
}

#[test]
fn beyond_a_limit_the_payload_is_kept_whole() {
    let channel = batch_channel();
    let list = |times: usize, store: &str| {
        json!({"store": store, "a": {"list": vec![json!({"n": 1, "value": "v"}); times]}}).to_string()
    };
    let (wide, long) = (list(1_001, "s"), list(500, &"s".repeat(100_000)));
    let deep = format!("{{\"a\":{{\"list\":[{}1{}]}}}}", "[".repeat(60), "]".repeat(60));
    for (body, reason) in [
        (&wide, "too_many_events"),
        (&long, "batch_too_large"),
        (&deep, "malformed_json"),
        (&"{\"a\":[]}".to_owned(), "malformed_event"),
        (&"[]".to_owned(), "malformed_event"),
        (&"{\"a\":{\"list\":[1,]}}".to_owned(), "malformed_json"),
    ] {
        let decoded = decode(&channel, body);
        assert_eq!((decoded.events.len(), decoded.unrecognised.len()), (0, 1));
        assert_eq!(
            (decoded.unrecognised[0].reason, &decoded.unrecognised[0].raw.body),
            (reason, &body.as_bytes().to_vec())
        );
    }
    assert_eq!(decode(&channel, &list(1_000, "s")).events.len(), 1_000);
    let many = "a=1&".repeat(257);
    let form = Case::new("post", "application/x-www-form-urlencoded", many.as_str());
    let decoded = made(&json!({})).adapter.decode(&form.request()).expect("kept");
    assert_eq!(decoded.unrecognised[0].reason, "too_many_fields");
}
