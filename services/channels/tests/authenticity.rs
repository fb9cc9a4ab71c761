//! Who may post: signatures, keys and tokens, in all the ways they can be given.

mod support;

use serde_json::{Value, json};
use support::channel;
use tributary_channels::{adapter::Method, kit::Case};

fn verified(table: &Value, headers: &[(&str, &str)], content_type: &str, body: &str) -> bool {
    let kind = table["kind"].as_str().expect("kind").to_owned();
    let channel = channel(&kind, table.as_object().expect("table").clone());
    let mut case = Case::new("post", content_type, body);
    case.headers.extend(headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    assert_eq!(case.method, Method::Post);
    channel.adapter.verify(&case.request()).is_ok()
}

#[test]
fn line_takes_the_channel_secret_over_the_raw_bytes() {
    let good = "3q8QXTAGaey18yL8FWTqdVlbMr6hcuNvM4tefa0o9nA=";
    for (secret, body, signature, want) in [
        (json!("SECRET"), "{}", good, true),
        (json!(["new", "SECRET"]), "{}", good, true),
        (json!("SECRET"), "{ }", good, false),
        (json!("secret"), "{}", good, false),
        (json!("SECRET"), "{}", "3Q8QXTAGaey18yL8FWTqdVlbMr6hcuNvM4tefa0o9nA=", false),
        (json!("SECRET"), "{}", "", false),
        (json!("SECRET"), "{}", "3q8QXTAGaey18yL8FWTqdVlbMr6hcuNvM4tefa0o", false),
        (json!("SECRET"), "{}", "not base64 at all", false),
    ] {
        let table = json!({"kind": "line", "provider": "p", "secret": secret});
        let headers = [("x-line-signature", signature)];
        assert_eq!(verified(&table, &headers, "application/json", body), want, "{secret} {signature}");
    }
}

#[test]
fn forms_take_their_token_from_the_header_or_the_field() {
    let public = json!({"kind": "web_form", "form": "contact"});
    let closed = json!({"kind": "web_form", "form": "contact", "token": "tok-1", "token_field": "t"});
    let header_only = json!({"kind": "web_form", "form": "contact", "token": ["tok-1", "tok-0"]});
    let form = "application/x-www-form-urlencoded";
    for (table, headers, content_type, body, want) in [
        (&public, &[][..], form, "a=1", true),
        (&closed, &[], form, "a=1", false),
        (&closed, &[], form, "a=1&t=tok-1", true),
        (&closed, &[], "application/json", r#"{"a":1,"t":"tok-1"}"#, true),
        (&closed, &[], "text/plain", "t=tok-1", false),
        (&closed, &[], form, "a=1&t=tok-2", false),
        (&closed, &[("x-form-token", "tok-1")], form, "a=1", true),
        (&closed, &[("x-form-token", "wrong")], form, "a=1&t=tok-1", false),
        (&header_only, &[], form, "a=1&t=tok-1", false),
        (&header_only, &[("x-form-token", "tok-0")], form, "a=1", true),
        (&header_only, &[("x-form-token", "tok-")], form, "a=1", false),
    ] {
        assert_eq!(verified(table, headers, content_type, body), want, "{headers:?} {body}");
    }
}

#[test]
fn cloudevents_take_a_bearer_or_an_api_key() {
    let table = json!({"kind": "cloudevents", "key": ["key-1", "key-0"]});
    for (name, value, want) in [
        ("authorization", "Bearer key-1", true),
        ("authorization", "bearer key-0", true),
        ("authorization", "Basic key-1", false),
        ("authorization", "key-1", false),
        ("authorization", "Bearer ", false),
        ("authorization", "Bearer key-11", false),
        ("x-api-key", "key-1", true),
        ("x-api-key", "", false),
        ("x-other", "key-1", false),
    ] {
        assert_eq!(verified(&table, &[(name, value)], "application/json", "{}"), want, "{name}: {value}");
    }
}

#[test]
fn settings_name_what_is_wrong() {
    use tributary_channels::settings::{Settings, build};
    for (table, key) in [
        (json!({"kind": "line", "secret": "s"}), "provider"),
        (json!({"kind": "line", "provider": "p"}), "secret"),
        (json!({"kind": "line", "provider": "p", "secret": ["a", "b", "c"]}), "secret"),
        (json!({"kind": "line", "provider": "p", "secret": "s", "secrt": "s"}), "secrt"),
        (json!({"kind": "web_form"}), "form"),
        (json!({"kind": "web_form", "form": "f", "fields": {"shoe_size": "x"}}), "fields.shoe_size"),
        (json!({"kind": "web_form", "form": "f", "fields": {"email": 1}}), "fields.email"),
        (json!({"kind": "web_form", "form": "f", "charset": "klingon"}), "charset"),
        (json!({"kind": "web_form", "form": "f", "thanks": "/thanks"}), "thanks"),
        (json!({"kind": "cloudevents"}), "key"),
        (json!({"kind": "cloudevents", "key": ""}), "key"),
        (json!({"kind": "telepathy"}), "kind"),
    ] {
        let values = table.as_object().expect("table").clone();
        let error = build(Settings::new("x", values, "Asia/Taipei", "TW")).expect_err("refused");
        assert_eq!(error.key, key, "{error}");
    }
}
