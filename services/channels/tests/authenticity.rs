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
fn typeform_signs_the_raw_bytes_in_base64() {
    let table = json!({"kind": "typeform", "form": "f", "secret": ["new", "secret"]});
    let good = "sha256=yCGX/RrK4fcuNtr3ztk5tQGsOBjcAzHpGLdMUrbV8yI=";
    for (signature, body, want) in [
        (good, "foo=anything", true),
        (good, "foo=anything ", false),
        (good.trim_start_matches("sha256="), "foo=anything", false),
        ("sha256=", "foo=anything", false),
        ("sha256=c82197fd1acae1f72e36daf7ced939b501ac3818dc0331e918b74c52b6d5f322", "foo=anything", false),
        ("", "foo=anything", false),
    ] {
        let headers = [("typeform-signature", signature)];
        assert_eq!(verified(&table, &headers, "application/json", body), want, "{signature}");
    }
}

#[test]
fn google_leads_carry_the_forms_key_which_is_never_kept() {
    let table = json!({"kind": "google_lead", "form": "f", "key": ["key-1", "key-0"]});
    for (body, want) in [
        (r#"{"google_key":"key-1","lead_id":"a"}"#, true),
        (r#"{"google_key":"key\u002d0"}"#, true),
        (r#"{"google_key":"key-"}"#, false),
        (r#"{"google_key":""}"#, false),
        (r#"{"google_key":["key-1"]}"#, false),
        (r#"{"lead_id":"a"}"#, false),
        (r#"["key-1"]"#, false),
        ("key-1", false),
    ] {
        assert_eq!(verified(&table, &[], "application/json", body), want, "{body}");
    }
    let channel = channel("google_lead", table.as_object().expect("table").clone());
    for body in [
        r#"{"google_key":"key\u002d1","lead_id":"a","user_column_data":[]}"#,
        r#"{"google_key":"key-1","lead_id":"a","user_column_data":7}"#,
    ] {
        let case = Case::new("lead", "application/json", body);
        let decoded = channel.adapter.decode(&case.request()).expect("decodes");
        let raws = decoded.events.iter().map(|e| &e.raw).chain(decoded.unrecognised.iter().map(|u| &u.raw));
        let kept: Vec<String> = raws.map(|raw| String::from_utf8_lossy(&raw.body).into_owned()).collect();
        assert!(
            kept.len() == 1 && !kept[0].contains("google_key") && kept[0].contains("lead_id"),
            "{kept:?}"
        );
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
        (json!({"kind": "typeform", "form": "f"}), "secret"),
        (json!({"kind": "typeform", "secret": "s"}), "form"),
        (json!({"kind": "typeform", "form": "f", "secret": "s", "honeypot": "h"}), "honeypot"),
        (json!({"kind": "google_lead", "form": "f"}), "key"),
        (json!({"kind": "google_lead", "form": "f", "key": "k", "fields": {"size": "x"}}), "fields.size"),
        (json!({"kind": "cloudevents", "key": ""}), "key"),
        (json!({"kind": "telepathy"}), "kind"),
    ] {
        let values = table.as_object().expect("table").clone();
        let error = build(Settings::new("x", values, "Asia/Taipei", "TW")).expect_err("refused");
        assert_eq!(error.key, key, "{error}");
    }
}
