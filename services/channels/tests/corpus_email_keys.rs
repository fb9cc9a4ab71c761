//! The e-mail adapter against answers that others gave: another parser's reading of 32 mails, the fields of recorded
//! webhooks, Mailgun's signature. The corpus lies outside the repository; without `TRIBUTARY_CORPUS` these tests say so
//! and do nothing.

mod support;

use serde_json::{Map, Value, json};
use std::path::PathBuf;
use tributary_channels::{
    adapter::Decoded,
    kit::Case,
    settings::{Channel, Settings, build},
};
use tributary_core::time::Micros;

/// Mails that the two read differently, and why.
const DIFFERENT: [(&str, &str); 4] = [
    ("stalwart-malformed-005.eml", "boundaries that are beginnings of each other"),
    ("stalwart-malformed-020.eml", "a part without its boundary: the HTML is read, not the raw source of it"),
    ("stalwart-malformed-021.eml", "the same"),
    ("stalwart-thirdparty-000.eml", "control characters are left out"),
];

fn corpus(folder: &str) -> Option<PathBuf> {
    let Some(corpus) = support::variable("TRIBUTARY_CORPUS") else {
        eprintln!("skipped: fixtures/email/{folder} (TRIBUTARY_CORPUS is not set)");
        return None;
    };
    Some([&corpus, "fixtures/email", folder].iter().collect())
}

fn json_file(path: &std::path::Path) -> Value {
    serde_json::from_slice(&support::bytes(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn channel(provider: &str) -> Channel {
    let table = json!({"kind": "email", "mailbox": "us@tributary.example", "provider": provider,
        "key": "TEST_WEBHOOK_SIGNING_KEY"});
    build(Settings::new("email-test", table.as_object().cloned().unwrap_or_default(), "Asia/Taipei", "TW"))
        .expect("the settings are complete")
}

fn decode(channel: &Channel, case: &Case) -> Decoded {
    channel.adapter.decode(&case.request()).expect("taken")
}

/// Texts of the leaves that the other parser calls the text body.
fn texts(answer: &Value) -> Vec<String> {
    let parts = answer["parts"].as_array().cloned().unwrap_or_default();
    let text = |at: &Value| {
        let body = &parts.get(usize::try_from(at.as_u64()?).ok()?)?["body"];
        body["Text"].as_str().map(str::to_owned)
    };
    answer["text_body"].as_array().into_iter().flatten().filter_map(text).collect()
}

fn subject(answer: &Value) -> Option<String> {
    let headers = answer["parts"][0]["headers"].as_array()?;
    let found = headers.iter().rfind(|h| h["name"] == "subject")?;
    found["value"]["Text"].as_str().map(str::to_owned)
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn another_parser_reads_the_same_texts() {
    let Some(folder) = corpus("eml") else { return };
    let channel = channel("raw");
    let (mut seen, mut different) = (0, Vec::new());
    let known: Vec<&str> = DIFFERENT.iter().map(|(name, _)| *name).collect();
    let mut answers: Vec<PathBuf> =
        folder.read_dir().expect("the corpus").map(|entry| entry.expect("an entry").path()).collect();
    answers.retain(|path| path.to_string_lossy().ends_with(".expected.json"));
    answers.sort();
    for path in answers {
        let mail = PathBuf::from(path.to_string_lossy().replace(".expected.json", ".eml"));
        let answer = json_file(&path);
        let decoded = decode(&channel, &Case::new("mail", "message/rfc822", support::bytes(&mail)));
        let Some(draft) = decoded.events.first() else { continue };
        seen += 1;
        let name = mail.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(want) = subject(&answer) {
            assert_eq!(words(&draft.content.subject), words(&want), "{name}");
        }
        let first = texts(&answer).into_iter().map(|t| words(&t)).find(|t| !t.is_empty());
        if let Some(want) = first.filter(|want| !words(&draft.content.text).contains(want.as_str())) {
            eprintln!("  {name}: {want:.80} / {:.80}", words(&draft.content.text));
            different.push(name);
        }
    }
    assert_eq!((seen, different), (32, known.iter().map(|name| (*name).to_owned()).collect()));
}

#[test]
fn recorded_webhooks_are_messages() {
    let Some(folder) = corpus("webhooks") else { return };
    let form = |name: &str| {
        let fields: Map<String, Value> =
            json_file(&folder.join(name)).as_object().cloned().unwrap_or_default();
        let mut body = String::new();
        for (name, value) in &fields {
            let value = value.as_str().unwrap_or_default();
            body.push_str(&format!(
                "--b1\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        Case::new(name, "multipart/form-data; boundary=b1", body + "--b1--\r\n")
    };
    let recorded = support::bytes(&folder.join("sendgrid-multipart-parsed.lf.txt"));
    let recorded = String::from_utf8(recorded).expect("text").replace('\n', "\r\n");
    let json = |name: &str| Case::new(name, "application/json", support::bytes(&folder.join(name)));
    for (provider, case, address, text, id) in [
        (
            "sendgrid",
            form("sendgrid-parse-parsed.fields.json"),
            "from+test@example.org",
            "Test body plain",
            true,
        ),
        (
            "sendgrid",
            Case::new("recorded", "multipart/form-data; boundary=xYzZY", recorded),
            "test@example.com",
            "Hello Twilio SendGrid!",
            false,
        ),
        (
            "mailgun",
            form("mailgun-route-parsed.fields.json"),
            "from+test@example.org",
            "Test body plain",
            true,
        ),
        ("postmark", json("postmark-inbound.json"), "from+test@example.org", "Test body plain", true),
    ] {
        let decoded = decode(&channel(provider), &case);
        assert_eq!((decoded.events.len(), decoded.unrecognised.len()), (1, 0), "{}", case.name);
        let draft = &decoded.events[0];
        assert_eq!(draft.identifiers[0].value, address, "{}", case.name);
        assert_eq!(draft.content.text, text, "{}", case.name);
        let named = tributary_channels::digest::hex32(b"CAEPk3R+4Zr@mail.example.org");
        assert_eq!(draft.key == format!("mail/{named}"), id, "{}: {}", case.name, draft.key);
    }
    let sample = decode(&channel("postmark"), &json("postmark-sample.json"));
    assert_eq!(sample.events.len() + sample.unrecognised.len(), 1);
    let files = sample.events.iter().flat_map(|e| &e.content.attachments);
    assert!(files.clone().count() > 0 && files.clone().all(|file| file.url.starts_with("sha256:")));
}

#[test]
fn mailguns_published_signature_is_right() {
    let Some(folder) = corpus("webhooks") else { return };
    let vector = json_file(&folder.join("mailgun-signature-vector.json"));
    let text = |name: &str| vector[name].as_str().expect("a text").to_owned();
    let channel = channel("mailgun");
    assert_eq!(text("signing_key"), "TEST_WEBHOOK_SIGNING_KEY");
    let post = |signature: &str| {
        let body = format!("timestamp={}&token={}&signature={signature}", text("timestamp"), text("token"));
        Case::new("vector", "application/x-www-form-urlencoded", body)
    };
    let verify = |case: &Case, at: i64| {
        let mut request = case.request();
        request.received_at = Micros::from_secs(at);
        channel.adapter.verify(&request).err().map(|r| r.code)
    };
    let at: i64 = text("timestamp").parse().expect("seconds");
    assert_eq!(verify(&post(&text("signature")), at), None);
    assert_eq!(verify(&post(&text("signature")), at + 86_400), Some("stale_signature"));
    assert_eq!(verify(&post(&text("signature").to_uppercase()), at), Some("bad_signature"));
}
