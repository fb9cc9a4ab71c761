use super::*;
use serde_json::json;
use std::fs;
use tributary_core::{
    body::{Body, Direction},
    content::ProfileField,
    draft::Draft,
    event::flags,
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/email");

#[expect(clippy::disallowed_methods, reason = "tests read their fixtures")]
fn bytes(name: &str) -> Vec<u8> {
    fs::read(format!("{FIXTURES}/{name}.eml")).expect("the fixture is there")
}

fn adapter() -> Box<dyn ChannelAdapter> {
    let settings: serde_json::Map<_, _> =
        serde_json::from_slice(include_bytes!("../../fixtures/email/settings.json"))
            .expect("settings are JSON");
    let built = build(&mut Settings::new("email-test", settings, "Asia/Taipei", "TW"))
        .expect("settings are complete");
    assert_eq!(built.account, "help@shop.example");
    built.adapter
}

fn decode(body: &[u8]) -> Decoded {
    adapter().decode(&InboundRequest::post(&[], body)).expect("a mail is taken")
}

fn drafts(name: &str) -> Vec<Draft> {
    decode(&bytes(name)).events
}

fn one(name: &str) -> Draft {
    let mut drafts = drafts(name);
    assert_eq!(drafts.len(), 1, "{name}");
    drafts.remove(0)
}

fn who(draft: &Draft) -> Vec<(String, Trust)> {
    draft.identifiers.iter().map(|c| (c.value.clone(), c.trust)).collect()
}

#[test]
fn asian_charsets_are_read() {
    for (name, person, subject, start, reply) in [
        (
            "big5-outlook",
            "王小明",
            "回覆: 您的訂單",
            "請問明天會到嗎？謝謝！",
            Some("請問明天會到嗎？謝謝！"),
        ),
        ("gb18030", "朱镕", "发票镕", "镕总您好，发票抬头请写“瑞通（台灣）”。㐀", None),
        ("iso-2022-jp", "山田花子", "注文について", "いつ届きますか？", None),
        ("shift-jis-raw-header", "花子", "返品の件", "返品したいです。", None),
        ("big5-raw-unlabelled", "陳美玲", "退貨", "我要退貨。", None),
        ("qp-utf8-outlook", "王小明", "回覆: 您的訂單", "已收到，謝謝。", Some("已收到，謝謝。")),
        ("html-only", "", "hello", "您好 & thanks", None),
    ] {
        let draft = one(name);
        let named = draft.content.profile.get(&ProfileField::Name).map_or("", String::as_str);
        assert_eq!((named, draft.content.subject.as_str()), (person, subject), "{name}");
        assert!(draft.content.text.starts_with(start), "{name}: {}", draft.content.text);
        assert_eq!(draft.content.fields.get("reply").and_then(|v| v.as_str()), reply, "{name}");
    }
    assert!(one("qp-utf8-outlook").content.text.contains("您好，您的訂單已成立。"), "the full text stays");
}

#[test]
fn a_thread_is_named_by_its_first_message() {
    let (reply, other) = (one("big5-outlook"), one("qp-utf8-outlook"));
    let (Body::Message(reply), Body::Message(other)) = (&reply.body, &other.body) else { panic!("messages") };
    assert_eq!(reply.thread, mail::digest("first-1@example.com"));
    assert_eq!(reply.thread, other.thread);
    assert_eq!(reply.reply_to, mail::digest("sent-1@shop.example"));
    assert_eq!(reply.direction, Direction::Inbound);
    let alone = one("html-only");
    assert_eq!(alone.key, format!("mail/{}", mail::digest("html-1@example.com")));
    assert!(one("no-message-id").occurred_at.is_none(), "1970 is a broken clock");
}

#[test]
fn only_our_own_receiver_vouches_for_a_sender() {
    for (name, want) in [
        ("qp-utf8-outlook", vec![("Xiaoming.Wang@example.com".to_owned(), Trust::Verified)]),
        ("forged-dmarc", vec![("wang@example.com".to_owned(), Trust::Claimed)]),
        ("gb18030", vec![("zhu@example.cn".to_owned(), Trust::Claimed)]),
        ("dmarc-fail-own-address", vec![]),
        ("auto-reply", vec![]),
        ("list-via", vec![]),
    ] {
        assert_eq!(who(&one(name)), want, "{name}");
    }
    assert_eq!(one("dmarc-fail-own-address").flags, flags::SPAM);
    let mail = |results: &str| {
        format!(
            "Authentication-Results: mx.shop.example; {results}\nFrom: a@b.example\nMessage-ID: <1@b>\n\nx"
        )
    };
    for (results, want) in [
        ("dmarc=pass header.from=b.example", Trust::Verified),
        ("spf=fail; dmarc=pass header.from=B.example", Trust::Verified),
        ("dmarc=pass header.from=evil.example", Trust::Claimed),
        ("dmarc=pass", Trust::Claimed),
        ("spf=pass (; dmarc=pass header.from=b.example)", Trust::Claimed),
        ("spf=pass smtp.mailfrom=\"x; dmarc=pass header.from=b.example \"@evil.example", Trust::Claimed),
        ("spf=pass smtp.mailfrom=\"\\\"; dmarc=pass header.from=b.example \"@evil.example", Trust::Claimed),
        ("dmarc=pass header.from=b.example; dmarc=none header.from=b.example", Trust::Claimed),
        ("dmarc=fail header.from=b.example; dmarc=pass header.from=b.example", Trust::Observed),
    ] {
        assert_eq!(who(&decode(mail(results).as_bytes()).events[0])[0].1, want, "{results}");
    }
    let two = "Authentication-Results: mx.shop.example; dmarc=pass header.from=b.example\nFrom: a@b.example\n\
        From: c@b.example\n\nx";
    assert_eq!(who(&decode(two.as_bytes()).events[0]), [("a@b.example".to_owned(), Trust::Claimed)]);
}

#[test]
fn machines_are_no_customers() {
    for name in
        ["auto-reply", "list-via", "dsn-two-recipients", "bounce-text", "arf-complaint", "mdn-displayed"]
    {
        assert!(
            drafts(name).iter().all(|d| d.flags == flags::AUTOMATIC && d.content.profile.is_empty()),
            "{name}"
        );
    }
    assert_eq!(one("list-via").content.contacts[0].reason, "list");
}

#[test]
fn reports_name_the_recipient_and_our_mail() {
    let sent = mail::digest("sent-1@shop.example");
    let state = |draft: &Draft| match &draft.body {
        Body::Delivery { campaign, state } => (campaign.clone(), state.clone()),
        other => panic!("{other:?}"),
    };
    let dsn = drafts("dsn-two-recipients");
    assert_eq!(
        dsn.iter().map(state).collect::<Vec<_>>(),
        [(sent.clone(), "bounced".to_owned()), (sent.clone(), "delayed".to_owned())]
    );
    assert_eq!(who(&dsn[0]), [("gone@example.com".to_owned(), Trust::Claimed)], "whom we wrote to");
    assert_eq!(who(&dsn[1]), [("slow@example.com".to_owned(), Trust::Claimed)]);
    let text = one("bounce-text");
    assert_eq!(
        (state(&text), who(&text)[0].0.as_str()),
        ((sent.clone(), "bounced".into()), "gone@example.com")
    );
    let read = one("mdn-displayed");
    assert_eq!((state(&read), who(&read)[0].0.as_str()), ((sent, "opened".into()), "wang@example.com"));
    let arf = drafts("arf-complaint");
    assert_eq!(state(&arf[0]).1, "complained");
    let Body::Consent(consent) = &arf[1].body else { panic!("a complaint withdraws consent") };
    assert!(!consent.granted && consent.method == "complaint" && consent.channel == "email");
    assert_eq!(who(&arf[1])[0].0, "annoyed@example.com");
}

#[test]
fn our_mail_to_two_people_does_not_join_them() {
    let drafts = drafts("sent-to-two");
    let people: Vec<_> = drafts.iter().flat_map(who).map(|(address, _)| address).collect();
    assert_eq!(people, ["wang@example.com", "lin@example.com"]);
    assert!(drafts.iter().all(|d| d.body.type_name() == "message.sent" && d.identifiers.len() == 1));
    assert_ne!(drafts[0].key, drafts[1].key);
}

#[test]
fn parts_are_told_apart() {
    let draft = one("attachment");
    assert_eq!(draft.content.text, "See the picture.");
    let files: Vec<_> =
        draft.content.attachments.iter().map(|a| (a.kind.as_str(), a.name.as_str(), a.size)).collect();
    assert_eq!(files, [("image", "杯子.jpg", Some(21)), ("tnef", "winmail.dat", Some(4))]);
}

#[test]
fn nests_and_floods_of_parts_end() {
    let mut nest = String::from("From: a@b.example\nMessage-ID: <nest@b>\n");
    for level in 0..5_000 {
        nest.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    nest.push_str("\ndeep");
    assert_eq!(decode(nest.as_bytes()).events.len(), 1);
    let rfc822 = format!("From: a@b.example\n{}\n\nx", "Content-Type: message/rfc822\n\n".repeat(50_000));
    assert_eq!(decode(rfc822.as_bytes()).events[0].content.attachments.len(), 1);
    let many = format!(
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\n\nx\n".repeat(90_000)
    );
    assert!(decode(many.as_bytes()).events[0].content.text.len() <= mime::PARTS_MAX * 2);
    let words = format!("From: a@b.example\nSubject: {}\n\nx", "=?aa?b?xx ".repeat(20_000));
    assert_eq!(decode(words.as_bytes()).events.len(), 1);
}

#[test]
fn a_stored_mail_gives_its_event_again() {
    for name in ["dsn-two-recipients", "arf-complaint", "sent-to-two", "attachment"] {
        for draft in drafts(name) {
            let again = adapter()
                .decode(&InboundRequest::post(&draft.raw.headers, &draft.raw.body))
                .expect("its own raw request");
            assert_eq!(again.events.len(), 1, "{name}");
            assert_eq!((&again.events[0].key, &again.events[0].raw), (&draft.key, &draft.raw), "{name}");
        }
    }
    assert_eq!(decode(&bytes("not-a-mail")).unrecognised[0].reason, "not_a_mail");
}

#[test]
fn the_key_is_checked() {
    let adapter = adapter();
    let body = bytes("html-only");
    for (name, value, good) in [
        ("authorization", "Bearer email-test-key", true),
        ("x-api-key", "email-test-key", true),
        ("authorization", "Bearer email-test-kex", false),
        ("authorization", "email-test-key", false),
        ("x-other", "email-test-key", false),
    ] {
        let headers = vec![(name.to_owned(), value.to_owned())];
        assert_eq!(adapter.verify(&InboundRequest::post(&headers, &body)).is_ok(), good, "{name}: {value}");
    }
    for (settings, key) in [
        (json!({"mailbox": "a@b.example"}), "key"),
        (json!({"key": "k"}), "mailbox"),
        (json!({"key": "k", "mailbox": "a"}), "mailbox"),
        (json!({"key": "k", "mailbox": "a@b.example", "charset": "klingon"}), "charset"),
    ] {
        let map = settings.as_object().cloned().unwrap_or_default();
        let error =
            build(&mut Settings::new("m", map, "Asia/Taipei", "TW")).map(|b| b.account).expect_err("refused");
        assert_eq!(error.key, key);
    }
}

#[test]
fn old_spellings_of_addresses_are_read() {
    for (from, want) in [
        ("From  : John Doe <jdoe@machine.  example>", "jdoe@machine.  example"),
        ("From: jdoe@b.example (John Doe)", "jdoe@b.example"),
        ("From: \"Doe, John\" <jdoe@b.example>", "jdoe@b.example"),
        ("FROM: <jdoe@b.example>,\n <other@b.example>", "jdoe@b.example"),
        ("From: Staff: jdoe@b.example, other@b.example;", "jdoe@b.example"),
    ] {
        let decoded = decode(format!("{from}\nTo: help@shop.example\n\nx").as_bytes());
        assert_eq!(who(&decoded.events[0]).first().map(|w| w.0.as_str()), Some(want), "{from}");
    }
}
