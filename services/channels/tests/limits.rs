//! Each limit holds: what is beyond it is kept whole as unrecognised, nothing is cut short in silence.

mod support;

use serde_json::{Value, json};
use support::channel;
use tributary_channels::{
    adapter::Decoded,
    cloudevents,
    kit::Case,
    web_form::{multipart, urlencoded},
};

fn decode(table: &Value, content_type: &str, body: &[u8]) -> Decoded {
    let kind = table["kind"].as_str().expect("kind").to_owned();
    let channel = channel(&kind, table.as_object().expect("table").clone());
    channel.adapter.decode(&Case::new("post", content_type, body).request()).expect("not rejected")
}

fn only_reason(decoded: &Decoded, body: &[u8]) -> &'static str {
    assert_eq!((decoded.events.len(), decoded.unrecognised.len()), (0, 1));
    assert_eq!(decoded.unrecognised[0].raw.body, body);
    decoded.unrecognised[0].reason
}

#[test]
fn line_keeps_oversize_deliveries_whole() {
    let line = json!({"kind": "line", "provider": "p", "secret": "s"});
    let events = vec![json!({"type": "join"}); 1_001];
    let body = json!({"destination": "U1", "events": events}).to_string();
    assert_eq!(
        only_reason(&decode(&line, "application/json", body.as_bytes()), body.as_bytes()),
        "too_many_events"
    );

    let members = vec![json!({"type": "user"}); 501];
    let body = json!({"events": [{"type": "memberJoined", "joined": {"members": members}}]}).to_string();
    assert_eq!(
        only_reason(&decode(&line, "application/json", body.as_bytes()), body.as_bytes()),
        "too_many_members"
    );

    let long = "d".repeat(200_000);
    let body = json!({"destination": long, "events": [{"type": "join", "timestamp": 1}]}).to_string();
    let decoded = decode(&line, "application/json", body.as_bytes());
    assert!(
        decoded.events[0].raw.body.len() < 200,
        "a hostile destination is not copied into every raw request"
    );
}

#[test]
fn ids_that_are_no_ids_are_hashed_into_keys() {
    let line = json!({"kind": "line", "provider": "p", "secret": "s"});
    let long = "9".repeat(10_000);
    let body = json!({"events": [
        {"type": "message", "message": {"type": "text", "id": long, "text": "a"}},
        {"type": "join", "webhookEventId": long},
        {"type": "join", "webhookEventId": ""},
    ]});
    let decoded = decode(&line, "application/json", body.to_string().as_bytes());
    let lengths: Vec<usize> = decoded.events.iter().map(|e| e.key.len()).collect();
    assert_eq!(lengths, ["message/".len() + 32, 32, 32]);
}

#[test]
fn forms_refuse_more_than_forms_have() {
    let form = json!({"kind": "web_form", "form": "f"});
    let urlencoded = "application/x-www-form-urlencoded";
    let many = "a=1&".repeat(257);
    let long = format!("a={}", "x".repeat(64 * 1024 + 1));
    let name = format!("{}=x", "n".repeat(257));
    let nested = json!({"n".repeat(300): {"a": 1, "b": 2}}).to_string();
    for (content_type, body, want) in [
        (urlencoded, many, "too_many_fields"),
        (urlencoded, long, "field_too_long"),
        (urlencoded, name, "field_too_long"),
        ("application/json", nested, "field_too_long"),
        ("multipart/form-data", "x".to_owned(), "malformed_multipart"),
    ] {
        assert_eq!(only_reason(&decode(&form, content_type, body.as_bytes()), body.as_bytes()), want);
    }
}

#[test]
fn multipart_limits_and_ambiguities_are_refused() {
    let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nv\r\n");
    let whole = |parts: usize| part("f").repeat(parts) + "--b--";
    assert_eq!(multipart::parse(whole(multipart::PARTS_MAX).as_bytes(), "b").map(|p| p.len()), Ok(32));
    let long_header = format!("--b\r\nX: {}\r\n\r\nv\r\n--b--", "x".repeat(multipart::HEADER_BYTES_MAX));
    for (body, boundary, problem) in [
        (whole(33), "b", "too many parts"),
        (whole(1), "", "no usable boundary"),
        (whole(1), &"b".repeat(71), "no usable boundary"),
        (long_header, "b", "the headers do not end"),
        ("--b\r\n\r\nv\r\n--b--".to_owned(), "b", "a part without content-disposition"),
        ("--b\r\nContent-Disposition: form-data\r\n\r\nv\r\n--b--".to_owned(), "b", "a part without a name"),
        (
            "--b\r\nContent-Disposition: file; name=a\r\n\r\nv\r\n--b--".to_owned(),
            "b",
            "a part that is not form-data",
        ),
        (part("f"), "b", "the last boundary is missing"),
    ] {
        let error = multipart::parse(body.as_bytes(), boundary).expect_err(problem);
        assert_eq!(error.problem, problem);
    }
    let names = br#"--b
Content-Disposition: form-data; name="a\"b"; filename="C:\dir\x.txt"

v
--b
Content-Disposition: form-data; name=c; filename*=UTF-8''%E6%94%B6%20%2B.pdf; filename=old.pdf

v
--b--"#;
    let body = String::from_utf8_lossy(names).replace('\n', "\r\n");
    let parts = multipart::parse(body.as_bytes(), "b").expect("parts");
    assert_eq!(
        (parts[0].name.as_slice(), parts[0].file_name.as_deref()),
        (&b"a\"b"[..], Some(&b"C:\\dir\\x.txt"[..]))
    );
    assert_eq!(parts[1].file_name.as_deref(), Some("收 +.pdf".as_bytes()));
}

#[test]
fn urlencoded_pairs_follow_what_browsers_send() {
    let pairs = |body: &str| -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        urlencoded::pairs(body.as_bytes()).map(|(n, v)| (text(&n), text(&v))).collect()
    };
    for (body, want) in [
        ("a=1&a=2", vec![("a", "1"), ("a", "2")]),
        ("a+b=%2B+%e4%bd%A0", vec![("a b", "+ 你")]),
        ("&&a&=b&c==", vec![("a", ""), ("", "b"), ("c", "=")]),
        ("p=100%&q=%4&r=%zz", vec![("p", "100%"), ("q", "%4"), ("r", "%zz")]),
        ("", vec![]),
    ] {
        let got = pairs(body);
        let got: Vec<(&str, &str)> = got.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(got, want, "{body}");
    }
}

#[test]
fn cloudevents_name_the_field_and_never_the_value() {
    let too_many = format!("[{}0]", "0,".repeat(cloudevents::BATCH_MAX));
    let refused = cloudevents::decode_batch(too_many.as_bytes()).expect_err("too many");
    assert_eq!(refused.code, "batch_too_large");
    let data = |data: Value, kind: &str| json!({"specversion": "1.0", "id": "1", "source": "s", "type": format!("tributary.v1.{kind}"), "data": data});
    let secret = "amy@example.com";
    for (event, code) in [
        (
            data(json!({"identifiers": [{"type": "email", "value": [secret]}]}), "profile.changed"),
            "invalid_value",
        ),
        (data(json!({"identifiers": [{"value": secret}]}), "profile.changed"), "missing_field"),
        (
            data(json!({"identifiers": [{"type": "email", "value": secret, "trust": secret}]}), "note"),
            "invalid_value",
        ),
        (data(json!({"identifiers": secret}), "profile.changed"), "invalid_value"),
        (data(json!({"revision": secret}), "profile.changed"), "invalid_value"),
        (data(json!({"profile": {secret: secret}}), "profile.changed"), "unknown_field"),
        (data(json!({"order": {"number": "1", "state": secret}}), "order.changed"), "invalid_value"),
        (data(json!({"refund": {"of": "1", "currency": "TWD", "total": secret}}), "refund"), "invalid_value"),
        (data(json!({"consent": {"purpose": "m", "channel": "email"}}), "consent"), "missing_field"),
        (data(json!({"key": "k\n", "note": {"text": "x"}}), "note"), "invalid_value"),
        (data(json!({"note": {"text": "x"}}), "identity.link"), "reserved_type"),
        (json!({"id": "1"}), "missing_field"),
    ] {
        let outcomes = cloudevents::decode_batch(event.to_string().as_bytes()).expect("one event");
        let refused = outcomes[0].as_ref().expect_err("refused");
        assert_eq!(refused.code, code, "{refused}");
        assert!(!refused.to_string().contains("amy"), "{refused}");
    }
}

#[test]
fn a_header_is_not_repeated_without_end() {
    let channel = channel(
        "members_file",
        json!({"kind": "members_file", "key": "k"}).as_object().expect("table").clone(),
    );
    let file = format!("member,{}\n{}", "x".repeat(8 << 20), "M1,\n".repeat(40));
    let refused = channel.adapter.decode(&Case::new("file", "text/csv", file).request()).err();
    assert_eq!(refused.map(|refused| (refused.status, refused.code)), Some((413, "too_many_rows")));
}
