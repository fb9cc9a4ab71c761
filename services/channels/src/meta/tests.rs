use super::*;
use std::fs;
use tributary_core::{body::Body, content::ProfileField, ids::REMOVAL};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/meta");
const PAGE: &str = "100000000000001";

#[expect(clippy::disallowed_methods, reason = "tests read their fixtures")]
fn bytes(name: &str) -> Vec<u8> {
    fs::read(format!("{FIXTURES}/{name}.json")).expect("the fixture is there")
}

fn adapter() -> Box<dyn ChannelAdapter> {
    let settings = serde_json::from_slice(include_bytes!("../../fixtures/meta/settings.json")).expect("JSON");
    let built =
        build(&mut Settings::new("meta-test", settings, "Asia/Taipei", "TW")).expect("complete settings");
    assert_eq!((built.account.as_str(), built.trust_cap), (PAGE, Trust::Verified));
    built.adapter
}

fn json_type() -> Vec<(String, String)> {
    vec![("content-type".into(), "application/json; charset=utf-8".into())]
}

fn decode(body: &[u8]) -> Decoded {
    adapter().decode(&InboundRequest::post(&json_type(), body)).expect("JSON is taken")
}

fn one(name: &str) -> Draft {
    let mut decoded = decode(&bytes(name));
    assert_eq!((decoded.events.len(), decoded.unrecognised.len()), (1, 0), "{name}");
    decoded.events.remove(0)
}

#[test]
fn fixtures_become_their_facts() {
    let page = |network: &str| format!("{network}:{PAGE}");
    let instagram = "instagram:17840000000000001".to_owned();
    for (name, kind, key, who) in [
        (
            "feed-comment-add",
            "mention.created",
            "comment/555_1",
            Some((page("facebook"), "7000000000000002")),
        ),
        (
            "feed-comment-edited",
            "mention.created",
            "comment/555_1",
            Some((page("facebook"), "7000000000000002")),
        ),
        ("feed-comment-remove", "removed", "comment/555_1", None),
        ("feed-comment-hide", "activity", "comment/555_1/hide/1772331210", None),
        ("feed-own-reply", "message.sent", "comment/555_2", None),
        (
            "feed-old-ids-are-numbers",
            "mention.created",
            "post/100000000000001_556",
            Some((page("facebook"), "7000000000000004")),
        ),
        (
            "feed-photo",
            "mention.created",
            "post/100000000000001_557",
            Some((page("facebook"), "7000000000000002")),
        ),
        ("mention-without-person", "mention.created", "comment/777_1", None),
        ("ratings", "mention.created", "rating/123456", Some((page("facebook"), "7000000000000005"))),
        ("leadgen", "activity", "lead/444444444444", None),
        ("messenger-text", "message.received", "mid/m_1", Some((page("messenger"), "7000000000000001"))),
        ("messenger-echo", "message.sent", "mid/m_2", Some((page("messenger"), "7000000000000001"))),
        ("messenger-edit", "message.received", "mid/m_1", Some((page("messenger"), "7000000000000001"))),
        ("messenger-deleted", "removed", "mid/m_1", None),
        ("messenger-standby", "message.received", "mid/m_9", Some((page("messenger"), "7000000000000001"))),
        ("instagram-message", "message.received", "mid/igm_1", Some((instagram.clone(), "7000000000000001"))),
        ("instagram-comment", "mention.created", "comment/178001", Some((instagram, "7000000000000003"))),
        ("instagram-mention", "mention.created", "mention/178002", None),
    ] {
        let draft = one(name);
        assert_eq!((draft.body.type_name(), draft.key.as_str()), (kind, key), "{name}");
        let found = draft.identifiers.first().map(|c| (c.scope.clone(), c.value.as_str()));
        assert_eq!(found, who, "{name}");
        assert!(draft.identifiers.iter().all(|c| c.kind == "social" && c.trust == Trust::Verified), "{name}");
    }
    assert_eq!(one("messenger-standby").flags, flags::STANDBY);
}

#[test]
fn edits_and_removals_are_revisions() {
    let revisions =
        ["feed-comment-add", "feed-comment-edited", "feed-comment-remove"].map(|n| one(n).revision);
    assert_eq!((revisions[0], revisions[1] >> 20, revisions[2]), (0, 1_772_331_180, REMOVAL));
    assert_eq!(
        ["messenger-text", "messenger-edit", "messenger-deleted"].map(|n| one(n).revision),
        [0, 1, REMOVAL]
    );
    let (love, gone) = (one("feed-reaction-love"), one("feed-reaction-remove"));
    assert_eq!(love.key, gone.key);
    assert!(love.revision < gone.revision && matches!(gone.body, Body::Removed { .. }));
    assert!(!love.key.contains("7000000000000002"), "a person's id is no key");
}

/// Times have whole seconds: what happens within one must not depend on the order in which it arrives.
#[test]
fn states_of_one_second_are_told_apart() {
    let change = |value: &str| {
        let body = format!(
            "{{\"object\":\"page\",\"entry\":[{{\"id\":\"{PAGE}\",\"time\":1772331180,\"changes\":[{{\"field\":\"feed\",\"value\":{value}}}]}}]}}"
        );
        let draft = decode(body.as_bytes()).events.remove(0);
        (draft.key, draft.revision)
    };
    let edit = |text: &str| {
        change(&format!(r#"{{"item":"comment","verb":"edited","comment_id":"5_1","message":"{text}"}}"#))
    };
    let (one, two) = (edit("one"), edit("two"));
    assert_eq!((&one.0, edit("one").1), (&two.0, one.1));
    assert_ne!(one.1, two.1, "the second edit is no copy of the first");
    let like = |verb: &str, kind: &str| {
        change(&format!(
            r#"{{"item":"reaction","verb":"{verb}","reaction_type":"{kind}","post_id":"5_1","from":{{"id":"7"}}}}"#
        ))
    };
    let (love, haha, gone) = (like("add", "love"), like("edit", "haha"), like("remove", "haha"));
    assert_eq!((&love.0, &haha.0), (&gone.0, &gone.0));
    assert!(love.1 != haha.1 && love.1 < gone.1 && haha.1 < gone.1, "a removal wins");
}

#[test]
fn seconds_and_milliseconds_are_told_apart() {
    let at = |name: &str| one(name).occurred_at.map(|at| at.to_string()).unwrap_or_default();
    assert_eq!(at("feed-comment-add"), "2026-03-01T02:11:55Z");
    assert_eq!(at("feed-comment-edited"), "2026-03-01T02:13:00Z");
    assert_eq!(at("messenger-text"), "2026-03-01T02:12:00.25Z");
    assert_eq!(at("instagram-comment"), "2026-03-01T02:12:00Z");
}

#[test]
fn content_holds_what_was_said() {
    let comment = one("feed-comment-add").content;
    assert_eq!((comment.text.as_str(), comment.url.as_str()), ("好漂亮！😀", "https://www.facebook.com/555"));
    assert_eq!(comment.profile.get(&ProfileField::DisplayName).map(String::as_str), Some("陳美玲"));
    assert_eq!(one("feed-photo").content.attachments.len(), 2);
    let Body::Message(text) = one("messenger-text").body else { panic!("a message") };
    assert_eq!((text.reply_to.as_str(), text.form.as_str()), ("m_0", "text"));
    let files = one("messenger-attachments").content.attachments;
    let kinds: Vec<_> = files.iter().map(|a| a.kind.as_str()).collect();
    assert_eq!(kinds, ["image", "sticker", "location"]);
    assert_eq!(files[2].url, "geo:25.03,121.56");
    assert_eq!(one("ratings").content.text, "很好喝");
    assert_eq!(one("messenger-cut-emoji").content.text, "好\u{fffd}");
    assert_eq!(one("leadgen").content.fields["state"], "pending_fetch");
}

#[test]
fn signals_are_no_messages() {
    for (name, want) in [
        ("messenger-postback", Body::Activity { title: "postback".into() }),
        ("messenger-reaction", Body::Activity { title: "reaction".into() }),
        ("messenger-unlinked", Body::Activity { title: "account_unlinked".into() }),
        ("messenger-read", Body::Delivery { campaign: String::new(), state: "opened".into() }),
        ("messenger-delivery", Body::Delivery { campaign: "m_2".into(), state: "delivered".into() }),
        ("instagram-seen", Body::Delivery { campaign: "igm_0".into(), state: "opened".into() }),
    ] {
        let draft = one(name);
        assert_eq!(draft.body, want, "{name}");
        assert!(!draft.key.contains("7000000000000001"), "{name}: a person's id is no key");
        assert_eq!(draft.identifiers.len(), 1, "{name}");
    }
    let Body::Link { with, ok } = one("messenger-linked").body else { panic!("a link") };
    let code = Sha256::digest(b"one-time-code").iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!((with, ok), (code, true));
}

#[test]
fn nothing_is_lost_and_each_part_decodes_alone() {
    let decoded = decode(&bytes("batch-with-unknown"));
    let reasons: Vec<_> = decoded.unrecognised.iter().map(|u| (u.reason, u.detail.as_str())).collect();
    assert_eq!(decoded.events.len(), 2);
    assert_eq!(reasons[0], ("unknown_field", "parking"));
    assert_eq!(reasons[1], ("unknown_messaging_event", "future"));
    assert_eq!(reasons[2].0, "empty_entry");
    for draft in &decoded.events {
        let again = adapter()
            .decode(&InboundRequest::post(&draft.raw.headers, &draft.raw.body))
            .expect("its own raw request");
        assert_eq!((again.events.len(), again.unrecognised.len()), (1, 0));
        assert_eq!((&again.events[0].key, &again.events[0].raw), (&draft.key, &draft.raw));
    }
    for rest in &decoded.unrecognised {
        let again = decode(&rest.raw.body);
        assert_eq!((again.events.len(), again.unrecognised), (0, vec![rest.clone()]));
    }
    for (name, reason) in [("not-a-webhook", "unknown_object"), ("malformed", "malformed_json")] {
        assert_eq!(decode(&bytes(name)).unrecognised[0].reason, reason, "{name}");
    }
    let large = format!(
        "{{\"object\":\"page\",\"entry\":[{{\"id\":1,\"messaging\":[{{\"message\":{{\"mid\":\"m\",\"text\":\"{}\"}}}}]}}]}}",
        "x".repeat(ELEMENT_MAX)
    );
    assert_eq!(decode(large.as_bytes()).unrecognised[0].reason, "element_too_large");
}

#[test]
fn only_signed_requests_and_the_right_challenge_pass() {
    let adapter = adapter();
    let mut signed = Outbound { body: bytes("messenger-text"), ..Outbound::default() };
    adapter.sign(&mut signed);
    assert!(adapter.verify(&InboundRequest::post(&signed.headers, &signed.body)).is_ok());
    assert_eq!(adapter.verify(&InboundRequest::post(&[], &signed.body)), Err(Rejected::signature()));
    assert_eq!(adapter.verify(&InboundRequest::post(&signed.headers, b"{}")), Err(Rejected::signature()));
    for bad in [signed.headers[0].1.to_uppercase(), signed.headers[0].1.replace("sha256=", "")] {
        let headers = vec![(SIGNATURE.to_owned(), bad)];
        assert_eq!(adapter.verify(&InboundRequest::post(&headers, &signed.body)), Err(Rejected::signature()));
    }
    let get =
        |query: &'static str| InboundRequest { method: Method::Get, query, ..InboundRequest::post(&[], &[]) };
    let good = get("hub.mode=subscribe&hub.verify_token=meta-test-token&hub.challenge=42");
    assert!(adapter.verify(&good).is_ok());
    let reply = adapter.decode(&good).expect("the challenge is answered").reply;
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"42".as_slice()));
    for bad in [
        "hub.mode=subscribe&hub.verify_token=guess&hub.challenge=42",
        "hub.mode=other&hub.verify_token=meta-test-token&hub.challenge=42",
        "hub.mode=subscribe&hub.verify_token=meta-test-token",
        "",
    ] {
        assert_eq!(adapter.verify(&get(bad)).map_err(|r| r.status), Err(403), "{bad}");
        assert!(adapter.decode(&get(bad)).is_err(), "{bad}");
    }
    let plain = vec![("content-type".to_owned(), "text/plain".to_owned())];
    assert_eq!(
        adapter.decode(&InboundRequest::post(&plain, b"{}")).map(|_| ()).map_err(|r| r.status),
        Err(415)
    );
}
