use super::*;
use crate::{
    adapter::Outbound,
    kit::{Case, RECEIVED_AT},
    pull::{Imap, Maildir},
    settings::{Channel, Settings, build},
};
use serde_json::{Value, json};

fn channel(table: Value) -> Channel {
    let mut all = json!({"kind": "email", "mailbox": "help@shop.example", "key": "k3y"});
    for (key, value) in table.as_object().cloned().unwrap_or_default() {
        all[key] = value;
    }
    let map = all.as_object().cloned().unwrap_or_default();
    build(Settings::new("mail", map, "Asia/Taipei", "TW")).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(table: Value) -> (String, String) {
    let mut all = json!({"kind": "email", "mailbox": "help@shop.example"});
    for (key, value) in table.as_object().cloned().unwrap_or_default() {
        all[key] = value;
    }
    let map = all.as_object().cloned().unwrap_or_default();
    let error = build(Settings::new("mail", map, "Asia/Taipei", "TW")).map(|_| ()).expect_err("refused");
    (error.key, error.problem)
}

const MAIL: &str = "From: amy@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: hi\r\n\r\nhello\r\n";

fn signed(channel: &Channel) -> Case {
    Case::new("mail", "message/rfc822", MAIL).signed(channel)
}

fn code(channel: &Channel, case: &Case) -> Option<&'static str> {
    channel.adapter.verify(&case.request()).err().map(|rejected| rejected.code)
}

#[test]
fn each_provider_carries_the_same_mail() {
    let bare = channel(json!({}));
    let want = bare.adapter.decode(&signed(&bare).request()).expect("taken").events.remove(0);
    for provider in ["sendgrid", "mailgun", "postmark"] {
        let channel = channel(json!({"provider": provider}));
        let case = signed(&channel);
        assert_eq!(code(&channel, &case), None, "{provider}");
        let got = channel.adapter.decode(&case.request()).expect("taken").events.remove(0);
        assert_eq!((&got.key, &got.content.text), (&want.key, &want.content.text), "{provider}");
        assert_eq!(got.raw.body, case.body, "{provider}: what came is kept");
        let unsigned = Case::new("mail", "message/rfc822", MAIL);
        assert!(code(&channel, &unsigned).is_some(), "{provider}: a raw mail without its key");
    }
}

#[test]
fn basic_authentication_takes_the_key_as_password() {
    let channel = channel(json!({"provider": "postmark", "key": ["old:one", "k3y"]}));
    for (value, good) in [
        ("Basic dHJpYnV0YXJ5OmszeQ==", true), // tributary:k3y
        ("Basic OmszeQ==", true),             // :k3y
        ("Basic b2xkOm9uZQ==", true),         // old:one
        ("Basic b25lOm9uZQ==", false),        // one:one
        ("Basic dHJpYnV0YXJ5Omszeg==", false),
        ("Basic k3y", false),
        ("Basic ", false),
        ("Bearer k3y", true),
        ("", false),
    ] {
        let mut case = Case::new("mail", "application/json", "{}");
        case.headers.push(("authorization".into(), value.into()));
        assert_eq!(code(&channel, &case).is_none(), good, "{value}");
    }
}

#[test]
fn mailguns_signature_has_an_age() {
    let channel = channel(json!({"provider": "mailgun"}));
    let at = |seconds: i64| {
        let mut request = Outbound { body: MAIL.into(), ..Outbound::default() };
        request.at.0 = RECEIVED_AT.0 + seconds * 1_000_000;
        channel.adapter.sign(&mut request);
        Case { headers: request.headers, ..Case::new("mail", "", request.body) }
    };
    for (seconds, want) in [
        (0, None),
        (299, None),
        (301, Some("stale_signature")),
        (-9 * 3_600, None),
        (-9 * 3_600 - 1, Some("stale_signature")),
    ] {
        assert_eq!(code(&channel, &at(seconds)), want, "{seconds}");
    }
    let good = String::from_utf8(at(0).body).expect("text");
    let time = (RECEIVED_AT.0 / 1_000_000).to_string();
    for (from, to) in [
        (time.as_str(), "1772331121"),
        (time.as_str(), ""),
        ("name=\"token\"", "name=\"tokem\""),
        ("name=\"signature\"", "name=\"Signature\""),
    ] {
        let case = Case { body: good.replacen(from, to, 1).into_bytes(), ..at(0) };
        assert_eq!(code(&channel, &case), Some("bad_signature"), "{from} as {to}");
    }
}

#[test]
fn a_token_belongs_to_what_it_came_with() {
    let channel = channel(json!({"provider": "mailgun"}));
    let case = signed(&channel);
    let once = |case: &Case| channel.adapter.once(&case.request()).expect("a token");
    let first = once(&case);
    assert_eq!(first, once(&case));
    assert!(first.until > RECEIVED_AT);
    let text = String::from_utf8(case.body.clone()).expect("text");
    let boundary = case.headers[0].1.split("boundary=").nth(1).expect("a boundary");
    let mut other = Case { body: text.replace(boundary, "another").into_bytes(), ..case.clone() };
    other.headers[0].1 = "multipart/form-data; boundary=another".into();
    assert_eq!(first, once(&other), "the boundary is no content");
    let forged = Case { body: text.replace("hello", "hullo").into_bytes(), ..case.clone() };
    assert_eq!(code(&channel, &forged), None, "the signature does not cover the mail");
    assert_eq!(once(&forged).token, first.token);
    assert_ne!(once(&forged).content, first.content);
    let raw = super::tests_provider::channel(json!({}));
    assert_eq!(raw.adapter.once(&signed(&raw).request()), None);
}

#[test]
fn other_forms_are_refused_or_kept() {
    for (provider, media, want) in [
        ("sendgrid", "application/json", 415),
        ("mailgun", "application/json", 415),
        ("postmark", "multipart/form-data; boundary=x", 415),
        ("raw", "multipart/form-data; boundary=x", 415),
    ] {
        let channel = channel(json!({"provider": provider}));
        let rejected = channel.adapter.decode(&Case::new("x", media, "x").request()).expect_err(provider);
        assert_eq!(rejected.status, want, "{provider}");
    }
    let many = "a=b&".repeat(300);
    for (provider, media, body, reason) in [
        ("sendgrid", "multipart/form-data; boundary=x", "x", "malformed_multipart"),
        ("mailgun", "application/x-www-form-urlencoded", &many, "too_many_fields"),
        ("mailgun", "application/x-www-form-urlencoded", "body-plain=x", "not_a_mail"),
        ("postmark", "application/json", "[]", "malformed_json"),
        ("postmark", "application/json", "{\"RawEmail\": \"no header\"}", "not_a_mail"),
    ] {
        let channel = channel(json!({"provider": provider}));
        let decoded = channel.adapter.decode(&Case::new("x", media, body).request()).expect("kept");
        assert_eq!(decoded.unrecognised[0].reason, reason, "{provider}");
        assert_eq!(decoded.unrecognised[0].raw.body, body.as_bytes(), "{provider}");
    }
}

#[test]
fn a_providers_field_cannot_add_lines_to_the_header() {
    let channel = channel(json!({"provider": "postmark"}));
    let post = json!({"From": "a@b.example", "Subject": "x\r\nAuto-Submitted: auto-replied\r\n\r\nbody",
        "Headers": [{"Name": "X-A\r\nFrom", "Value": "evil@b.example"}, {"Name": "X-B", "Value": "1\nTo: c@d.example"}]});
    let case = Case::new("x", "application/json", post.to_string());
    let draft = channel.adapter.decode(&case.request()).expect("taken").events.remove(0);
    assert_eq!(draft.flags, 0);
    assert_eq!(draft.identifiers[0].value, "a@b.example");
    assert_eq!(draft.content.subject, "x  Auto-Submitted: auto-replied    body");
}

#[test]
fn a_mail_that_was_fetched_in_part_says_so() {
    let channel = channel(json!({}));
    let mut case = Case::new("mail", "", MAIL);
    case.headers = vec![(CUT_HEADER.into(), "99999999".into())];
    let draft = channel.adapter.decode(&case.request()).expect("taken").events.remove(0);
    assert_eq!(draft.content.fields["whole_size"], 99_999_999);
    assert_eq!(draft.raw.headers, case.headers, "and its raw request too");
}

#[test]
fn what_is_fetched_stands_in_the_settings() {
    assert_eq!(channel(json!({})).adapter.pulls(), []);
    let dir = channel(json!({"maildir": "/m", "maildir_done": "/d"}));
    assert_eq!(
        dir.adapter.pulls(),
        [Pull::Maildir(Maildir { folder: "/m".into(), done: Some("/d".into()) })]
    );
    let table =
        |server: &str| json!({"imap": server, "imap_user": "u", "password": "p", "imap_folder": "客服"});
    let pulled = |table: Value| -> Imap {
        match channel(table).adapter.pulls().as_slice() {
            [Pull::Imap(imap)] => imap.clone(),
            other => panic!("{other:?}"),
        }
    };
    for (server, host, port) in [
        ("imap.shop.example", "imap.shop.example", 993),
        ("imap.shop.example:1993", "imap.shop.example", 1993),
        ("[2001:db8::1]:1993", "2001:db8::1", 1993),
        ("2001:db8::1", "2001:db8::1", 993),
    ] {
        let imap = pulled(table(server));
        assert_eq!((imap.host.as_str(), imap.port, imap.tls), (host, port, true), "{server}");
        assert_eq!((imap.folder.as_str(), imap.seen, imap.move_to), ("客服", false, None));
    }
    let mut plain = table("127.0.0.1");
    plain["imap_tls"] = false.into();
    assert_eq!(pulled(plain).port, 143);
}

#[test]
fn wrong_settings_name_their_remedy() {
    let imap = |more: Value| {
        let mut table = json!({"imap": "mx.example", "imap_user": "u", "password": "p"});
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            table[key] = value;
        }
        table
    };
    for (table, key, words) in [
        (json!({}), "key", "env:NAME"),
        (json!({"provider": "gmail", "key": "k"}), "provider", "mailgun"),
        (json!({"provider": "mailgun"}), "key", "webhook signing key"),
        (json!({"provider": "sendgrid", "maildir": "/m"}), "key", "PASSWORD@"),
        (json!({"provider": "mailgun", "key": "k", "authserv_id": "mx"}), "authserv_id", "leave it out"),
        (json!({"key": "k", "agents": ["mei"]}), "agents", "@shop.example"),
        (json!({"key": "k", "mailbox": "@shop.example"}), "mailbox", "help@shop.example"),
        (json!({"key": "k", "maildir_done": "/d"}), "maildir_done", "maildir"),
        (json!({"maildir": "/m", "maildir_done": "/m/new/"}), "maildir_done", "/m/new"),
        (json!({"key": "k", "imap_user": "u"}), "imap_user", "needs `imap`"),
        (imap(json!({"imap": "imaps://mx.example"})), "imap", "without imaps://"),
        (imap(json!({"imap": "mx.example:0"})), "imap", "host:port"),
        (imap(json!({"imap_user": null})), "imap_user", "quotes"),
        (imap(json!({"password": ["a", "b"]})), "password", "one password"),
        (imap(json!({"password": "p\r\nA LOGOUT"})), "password", "ASCII"),
        (imap(json!({"imap_tls": false})), "imap_tls", "this machine"),
        (imap(json!({"imap_folder": ""})), "imap_folder", "INBOX"),
        (imap(json!({"imap_move": "INBOX"})), "imap_move", "another mailbox"),
    ] {
        let (got, problem) = refused(table.clone());
        assert!(got == key && problem.contains(words), "{table}: {got}: {problem}");
    }
    let fetched = json!({"kind": "email", "mailbox": "a@b.example", "maildir": "/m"});
    let fetched = build(Settings::new("m", fetched.as_object().cloned().unwrap_or_default(), "UTC", "TW"));
    let fetched = fetched.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(code(&fetched, &Case::new("x", "", MAIL)), Some("bad_key"), "without a key nobody may post");
    let mut empty = Case::new("x", "", MAIL);
    empty.headers.push(("x-api-key".into(), String::new()));
    assert_eq!(code(&fetched, &empty), Some("bad_key"));
}
