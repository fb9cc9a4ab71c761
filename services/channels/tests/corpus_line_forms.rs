//! Real LINE and form payloads, read in place from `$TRIBUTARY_CORPUS/fixtures`; skipped by name without it.

mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use support::{bytes, channel};
use tributary_channels::{
    adapter::InboundRequest,
    kit::{self, Case, Effort},
    settings::Channel,
    web_form::multipart::{self, Part},
};

fn corpus(folder: &str) -> Option<PathBuf> {
    support::corpus(&format!("fixtures/{folder}"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == extension));
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn line(secret: &str) -> Channel {
    let table = json!({"kind": "line", "provider": "prov-1", "secret": secret});
    channel("line", object(table))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn line_payloads_are_all_accounted_for() {
    let Some(folder) = corpus("line") else { return };
    let channel = line("secret");
    let mut seen = 0;
    for path in files(&folder, "json") {
        let body = bytes(&path);
        let payload: Value = serde_json::from_slice(&body).expect("JSON");
        let Some(elements) = payload["events"].as_array() else { continue };
        let case = Case::new(&name(&path), "application/json", body);
        let decoded = channel.adapter.decode(&case.request()).expect("LINE is never rejected");
        assert!(decoded.events.len() + decoded.unrecognised.len() >= elements.len(), "{}", case.name);
        for rest in &decoded.unrecognised {
            println!("{}: unrecognised: {} ({})", case.name, rest.reason, rest.detail);
        }
        assert!(decoded.unrecognised.is_empty(), "{}: all of LINE's own samples are known", case.name);
        let effort = Effort { mutations: 100, truncations: 400, ..Effort::default() };
        assert_eq!(kit::check(&channel, &case, effort), Vec::<String>::new());
        seen += 1;
    }
    assert!(seen >= 31, "{seen} payloads");
}

#[test]
fn line_signature_vectors_hold() {
    let Some(folder) = corpus("line") else { return };
    let vectors: Value =
        serde_json::from_slice(&bytes(&folder.join("signature-vectors.json"))).expect("JSON");
    for (list, valid) in [("valid", true), ("invalid", false)] {
        let vectors = vectors[list].as_array().expect("vectors");
        assert!(!vectors.is_empty());
        for vector in vectors {
            let text = |key: &str| vector[key].as_str().expect("text").to_owned();
            let headers = [("x-line-signature".to_owned(), text("signature"))];
            let body = text("body");
            let case = Case::new("vector", "application/json", body.clone());
            let request = InboundRequest { headers: &headers, body: body.as_bytes(), ..case.request() };
            let verified = line(&text("secret")).adapter.verify(&request).is_ok();
            assert_eq!(verified, valid, "{}", text("source"));
        }
    }
}

#[test]
fn form_services_decode_with_a_mapping() {
    let Some(folder) = corpus("web-forms") else { return };
    let google = json!({"kind": "web_form", "form": "google", "submission_id": "lead_id", "test": "is_test", "fields": {
        "name": "user_column_data.FULL_NAME.string_value", "email": "user_column_data.EMAIL.string_value",
        "phone": "user_column_data.PHONE_NUMBER.string_value"}});
    let typeform = json!({"kind": "web_form", "form": "typeform", "submission_id": "form_response.token",
        "fields": {"email": "form_response.answers.a46913210c42aaf5.email"}});
    let meta = json!({"kind": "web_form", "form": "leadgen", "fields": {}});
    for (file, table, identifiers) in [
        ("google-lead-form.json", google, 1), // its phone number is not in use: a contact,
        ("typeform-email-answer.json", typeform, 1),
        ("meta-leadgen-webhook.json", meta, 0),
    ] {
        let channel = channel("web_form", object(table));
        let case = Case::new(file, "application/json", bytes(&folder.join(file)));
        let golden = kit::golden(&channel, &case);
        assert_eq!(golden["events"].as_array().map(Vec::len), Some(1), "{file}: {golden:#}");
        let found = golden["events"][0]["identifiers"].as_array().map(Vec::len);
        assert_eq!(found, Some(identifiers), "{file}: {golden:#}");
        assert_eq!(kit::check(&channel, &case, Effort::default()), Vec::<String>::new());
    }
}

#[test]
fn form_services_have_channels_of_their_own() {
    let Some(folder) = corpus("web-forms") else { return };
    let google = json!({"kind": "google_lead", "form": "google", "key": "k"});
    let typeform = json!({"kind": "typeform", "form": "typeform", "secret": "s",
        "fields": {"email": "a46913210c42aaf5"}});
    for (file, kind, table, at, person) in [
        ("google-lead-form.json", "google_lead", google, "2026-07-21T10:00:00Z", "jane@example.com"),
        ("typeform-email-answer.json", "typeform", typeform, "2020-11-12T17:49:44Z", "redacted@example.com"),
    ] {
        let channel = channel(kind, object(table));
        let case = Case::new(file, "application/json", bytes(&folder.join(file)));
        let golden = kit::golden(&channel, &case);
        let events = golden["events"].as_array().expect("events");
        assert_eq!((events.len(), golden.get("unrecognised")), (1, None), "{file}: {golden:#}");
        assert_eq!(events[0]["occurred_at"], at, "{file}: {golden:#}");
        assert_eq!(events[0]["identifiers"][0]["value"], person, "{file}: {golden:#}");
        assert_eq!(kit::check(&channel, &case, Effort::default()), Vec::<String>::new());
    }
}

#[test]
fn multipart_bodies_match_their_answer_keys() {
    let Some(folder) = corpus("web-forms/multipart") else { return };
    let channel = channel("web_form", object(json!({"kind": "web_form", "form": "contact"})));
    let mut refused = 0;
    let paths = files(&folder, "http");
    for path in &paths {
        let (boundary, want) = answer(&path.with_extension("yaml"));
        let body = bytes(path);
        let got = multipart::parse(&body, &boundary);
        let content_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let case = Case::new(&name(path), &content_type, body.clone());
        let decoded = channel.adapter.decode(&case.request()).expect("multipart is a form");
        match want {
            None => {
                refused += 1;
                assert!(got.is_err(), "{}: must be refused", case.name);
                let reasons: Vec<_> = decoded.unrecognised.iter().map(|u| u.reason).collect();
                assert_eq!(reasons, ["malformed_multipart"], "{}", case.name);
                println!("{}: kept as unrecognised: {}", case.name, decoded.unrecognised[0].detail);
            }
            Some(want) => {
                let got = got.unwrap_or_else(|e| panic!("{}: {e}", case.name));
                let got: Vec<Expected> = got.iter().map(Expected::of).collect();
                assert_eq!(got, want, "{}", case.name);
                assert_eq!(decoded.events.len() + decoded.unrecognised.len(), 1, "{}", case.name);
            }
        }
        let effort = Effort { mutations: 100, ..Effort::default() };
        assert_eq!(kit::check(&channel, &case, effort), Vec::<String>::new());
    }
    assert_eq!((paths.len(), refused), (18, 4));
}

/// A part as the answer keys write it; a plain field's media type is not compared.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    data: Vec<u8>,
}

impl Expected {
    fn of(part: &Part<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self {
            name: text(&part.name),
            file_name: part.file_name.as_deref().map(text),
            content_type: part.file_name.is_some().then(|| part.content_type.clone()),
            data: part.data.to_vec(),
        }
    }
}

/// The few forms of YAML the answer keys use: the boundary, and the expected parts or `None` for an error.
fn answer(path: &Path) -> (String, Option<Vec<Expected>>) {
    let text = String::from_utf8(bytes(path)).expect("UTF-8");
    let (mut boundary, mut parts, mut error) = (String::new(), Vec::<Expected>::new(), false);
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (key, value) = line.strip_prefix("- ").unwrap_or(line).split_once(':').unwrap_or((line, ""));
        let value = value.trim().trim_matches('\'').to_owned();
        match (key, parts.last_mut()) {
            ("boundary", _) => boundary = value,
            ("error", _) => error = true,
            ("name", _) => parts.push(Expected { name: value, ..Expected::default() }),
            ("file_name", Some(part)) => part.file_name = Some(value),
            ("content_type", Some(part)) => part.content_type = Some(value),
            ("expected" | "type" | "data", _) => {}
            (packed, Some(part)) => part.data = STANDARD.decode(packed).expect("base64"),
            (other, None) => panic!("{}: {other}", path.display()),
        }
    }
    for part in parts.iter_mut().filter(|p| p.file_name.is_none()) {
        part.content_type = None;
    }
    (boundary, (!error).then_some(parts))
}
