//! The e-mail adapter over a corpus of real mails: none is lost, none panics, no mail system becomes a customer.
//! The corpus lies outside the repository; without `TRIBUTARY_CORPUS` these tests say so and do nothing.

#![expect(clippy::disallowed_methods, reason = "tests read the corpus")]

mod support;

use std::{collections::BTreeMap, fs};
use tributary_channels::{
    adapter::{Decoded, InboundRequest},
    settings::Channel,
};
use tributary_core::{body::Body, event::flags, time::Micros};

fn channel() -> Channel {
    let values = serde_json::json!({ "kind": "email", "mailbox": "us@tributary.example", "key": "k" });
    support::channel("email", values.as_object().cloned().unwrap_or_default())
}

fn mails(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = support::corpus(&format!("fixtures/email/{folder}")) else { return Vec::new() };
    let mut found: Vec<_> = fs::read_dir(&folder).expect("the corpus has this folder").flatten().collect();
    found.sort_by_key(fs::DirEntry::file_name);
    let eml = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|e| e == "eml");
    let read = |entry: fs::DirEntry| {
        (
            entry.file_name().to_string_lossy().into_owned(),
            fs::read(entry.path()).expect("a corpus file is readable"),
        )
    };
    found.into_iter().filter(eml).map(read).collect()
}

fn decode(channel: &Channel, body: &[u8]) -> Decoded {
    let request =
        InboundRequest { received_at: Micros::from_secs(1_772_331_120), ..InboundRequest::post(&[], body) };
    channel.adapter.decode(&request).expect("a mail is never refused")
}

#[test]
fn no_mail_is_lost() {
    let channel = channel();
    for folder in ["eml", "charsets", "bounces", "replies"] {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (name, body) in mails(folder) {
            let decoded = decode(&channel, &body);
            assert!(decoded.events.len() + decoded.unrecognised.len() > 0, "{name} is lost");
            *counts.entry("mails".into()).or_default() += 1;
            for event in &decoded.events {
                let kind = event.body.type_name();
                let automatic = if event.flags & flags::AUTOMATIC == 0 { "person" } else { "automatic" };
                *counts.entry(format!("{kind}, {automatic}")).or_default() += 1;
                if event.content.text.contains('\u{fffd}') {
                    *counts.entry("with replacement characters".into()).or_default() += 1;
                    eprintln!("  replacement characters: {folder}/{name}");
                }
                if event.content.fields.contains_key("reply") {
                    *counts.entry("with a stripped reply".into()).or_default() += 1;
                }
                let mut raw = decode_again(&channel, &event.raw.headers, &event.raw.body);
                assert_eq!(raw.events.len(), 1, "{name}: the raw request is one event's");
                assert_eq!(raw.events.remove(0).key, event.key, "{name}");
            }
            for rest in &decoded.unrecognised {
                eprintln!("  unrecognised ({}): {folder}/{name}", rest.reason);
                *counts.entry(format!("unrecognised: {}", rest.reason)).or_default() += 1;
            }
        }
        eprintln!("{folder}: {counts:?}");
    }
}

fn decode_again(channel: &Channel, headers: &[(String, String)], body: &[u8]) -> Decoded {
    channel.adapter.decode(&InboundRequest::post(headers, body)).expect("a stored mail is never refused")
}

#[test]
fn bounces_never_make_a_mail_system_a_customer() {
    let channel = channel();
    let (mut all, mut named, mut delivery) = (0, 0, 0);
    for (name, body) in mails("bounces") {
        let decoded = decode(&channel, &body);
        let automatic = decoded.events.iter().all(|e| e.flags & flags::AUTOMATIC != 0);
        if name.contains("is-not-bounce") {
            assert!(!automatic && decoded.events.len() == 1, "{name} is written by a person");
            continue;
        }
        all += 1;
        assert!(automatic, "{name} is automatic");
        for claim in decoded.events.iter().flat_map(|e| &e.identifiers) {
            let value = claim.value.to_lowercase();
            let system = value.starts_with("mailer-daemon") || value.contains("mail-daemon");
            assert!(!system, "{name} makes a mail system a customer");
        }
        let reports: Vec<_> =
            decoded.events.iter().filter(|e| matches!(e.body, Body::Delivery { .. })).collect();
        delivery += usize::from(!reports.is_empty());
        let found = reports.iter().any(|e| !e.identifiers.is_empty());
        named += usize::from(found);
        if !found {
            eprintln!("  no recipient: {name}");
        }
    }
    eprintln!("bounces: {all}, as delivery reports: {delivery}, with the recipient: {named}");
    if all > 0 {
        assert!(delivery == all && named * 100 >= all * 90, "{named} of {all} bounces name the recipient");
    }
}

#[test]
fn japanese_mails_are_text() {
    let channel = channel();
    for (name, body) in mails("charsets") {
        let decoded = decode(&channel, &body);
        let content = &decoded.events.first().expect("one message").content;
        let kana =
            |text: &str| text.chars().any(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'));
        let clean = |text: &str| !text.contains('\u{fffd}') && !text.contains('\u{1b}');
        assert!(clean(&content.text) && clean(&content.subject), "{name} has broken characters");
        let names = content.attachments.iter().map(|a| a.name.as_str());
        let japanese = [content.text.as_str(), content.subject.as_str()].into_iter().chain(names).any(kana);
        assert!(japanese, "{name} has no Japanese text");
    }
}
