//! A channel without code, as the README shows it: from its configuration and a signed post to the customer.

use serde_json::{Value, json};
use tributary_tests::{
    hub::{Folder, channels::Source},
    repo,
};

/// The part of the README's section between these two.
fn between(text: &str, start: &str, end: &str) -> String {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{start} in the README"));
    let (part, _) = rest.split_once(end).unwrap_or_else(|| panic!("{end} in the README"));
    part.to_owned()
}

/// The README's channel as configuration, and its payload.
fn readme() -> (String, String) {
    let text = repo::text("README.md");
    let section = between(&text, "### A channel without code\n", "### ");
    let toml = between(&section, "```toml\n", "```");
    (toml, between(&section, "BODY='", "'\n"))
}

/// Signs as the README's channel checks it.
fn signer(secret: &str) -> Source {
    let table = json!({"kind": "mapped", "signature": "hmac-sha256", "secret": secret, "header": "x-signature",
        "prefix": "sha256=", "events": [{"type": "follow", "key": "payload.id"}]});
    Source::of("helpdesk", table.as_object().cloned().unwrap_or_default())
}

#[test]
fn the_readmes_channel_takes_its_post() {
    let (toml, body) = readme();
    let folder = Folder::new(&[]);
    let file = folder.path().join("secret");
    std::fs::write(&file, "shown-to-nobody").expect("a secret file is written");
    let toml = toml.replace("env:HELPDESK_SECRET", &format!("file:{}", file.display()));
    folder.configure(&format!("{}\n{toml}", folder.configuration()));
    let hub = folder.start();
    let (mut client, mut api) = (hub.provider(), hub.client());
    let desk = signer("shown-to-nobody");
    for _ in 0..2 {
        desk.send(&mut client, "application/json", body.as_bytes()).must(200);
    }
    let forged = signer("guessed").send(&mut client, "application/json", body.as_bytes());
    assert_eq!(forged.said(), (401, "bad_signature".into()));
    let closed = body.replace("ticket.created", "ticket.closed");
    desk.send(&mut client, "application/json", closed.as_bytes()).must(200);
    let broken = body.replace("\"id\":7,", "");
    desk.send(&mut client, "application/json", broken.as_bytes()).must(200);
    hub.settle();

    let find = json!({"identifier": {"type": "email", "value": "AMY@example.com"}});
    let found = api.post("/v1/customers/find", &find).must(200).json();
    let id = found["customers"][0]["id"].as_str().unwrap_or_else(|| panic!("{found}"));
    let view = api.get(&format!("/v1/customers/{id}")).must(200).json();
    assert_eq!(view["profile"]["name"], "Amy Lee", "{view}");
    assert_eq!(view["channels"][0]["kind"], "mapped", "{view}");
    assert_eq!(view["interactions"]["events"], 1, "the same post twice is one fact: {view}");
    let timeline = api.get(&format!("/v1/customers/{id}/timeline")).must(200).json();
    let said = &timeline["entries"][0];
    assert_eq!(said["at"], "2026-03-01T02:12:00Z", "{timeline}");
    assert!(said.to_string().contains("Too small"), "{timeline}");
    kept(&mut api);
    assert!(hub.terminate().0.success());
}

/// What no event takes and what does not fit is kept, each with its reason.
fn kept(api: &mut tributary_tests::hub::http::Client) {
    let events = api.pages("/v1/events", "events", "cursor", "next_cursor");
    let mut reasons: Vec<&str> = events
        .iter()
        .filter_map(|e| e.pointer("/data/unrecognised/reason").and_then(Value::as_str))
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["expression_failed", "unknown_event_type"], "{events:?}");
}

#[test]
fn a_wrong_expression_is_an_error_before_anything_is_served() {
    let (toml, _) = readme();
    let folder = Folder::new(&[]);
    let file = folder.path().join("secret");
    std::fs::write(&file, "shown-to-nobody").expect("a secret file is written");
    let toml = toml.replace("env:HELPDESK_SECRET", &format!("file:{}", file.display()));
    let toml = toml.replace("payload.ticket.subject", "tikcet.subject");
    folder.configure(&format!("{}\n{toml}", folder.configuration()));
    for (arguments, code) in [(&["config", "check"][..], 1), (&["serve"], 2)] {
        let output = folder.run(arguments);
        let told =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        for part in [
            "channels.helpdesk.events.0.message.subject",
            "character 1",
            "tikcet",
            "tributary.toml:",
            "payload, header",
        ] {
            assert!(told.contains(part), "{arguments:?}: {part}: {told}");
        }
    }
}
