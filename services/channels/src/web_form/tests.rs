use crate::{
    adapter::{OVER_PACE, Pace, Rejected},
    kit::Case,
    settings::{Channel, Settings, SettingsError, build},
};
use serde_json::{Value, json};
use tributary_core::{body::Body, event::flags};

fn built(changes: &Value) -> Result<Channel, SettingsError> {
    let mut table = json!({"kind": "web_form", "form": "contact", "fields": {"email": "mail", "consent_marketing": "ok"}});
    let given = changes.as_object().expect("an object").clone();
    table.as_object_mut().expect("an object").extend(given);
    build(Settings::new("contact", table.as_object().expect("an object").clone(), "Asia/Taipei", "TW"))
}

fn channel(changes: &Value) -> Channel {
    built(changes).unwrap_or_else(|e| panic!("{changes}: {e}"))
}

fn form(body: &str) -> Case {
    Case::new("post", "application/x-www-form-urlencoded", body)
}

#[test]
fn wrong_settings_are_named() {
    for (changes, key, problem) in [
        (json!({"origins": ["*"]}), "origins", "must hold absolute addresses"),
        (json!({"origins": ["https://a.example/"]}), "origins", "must hold origins"),
        (json!({"origins": ["https://*.example"]}), "origins", "must hold origins"),
        (json!({"origins": ["https://A.example"]}), "origins", "must hold origins"),
        (json!({"thanks": ["//evil.example"]}), "thanks", "must hold absolute addresses"),
        (json!({"thanks": ["https://a.example/\r\nx: y"]}), "thanks", "must hold absolute addresses"),
        (json!({"rate": 0}), "rate", "must be a whole number"),
        (json!({"rate": "10"}), "rate", "must be a whole number"),
        (json!({"rate_in_all": -1}), "rate_in_all", "must be a whole number"),
        (json!({"consent_version": "v"}), "consent_version", "needs `consent_text`"),
        (json!({"consent_text": {"v1": "a"}}), "consent_text", "needs `consent_version`"),
        (json!({"consent_text": {"v1": 1}, "consent_version": "v"}), "consent_text", "must hold version"),
        (json!({"consent_text": 7}), "consent_text", "must be a text in quotes"),
    ] {
        match built(&changes) {
            Ok(_) => panic!("{changes} is taken"),
            Err(error) => assert!(error.key == key && error.problem.contains(problem), "{changes}: {error}"),
        }
    }
    let pace = |changes| channel(&changes).adapter.pace();
    assert_eq!(pace(json!({})), None);
    assert_eq!(
        pace(json!({"rate": 3, "rate_in_all": 9})),
        Some(Pace { per_address: Some(3), in_all: Some(9) })
    );
}

#[test]
fn browsers_may_post_from_listed_origins_only() {
    let channel = channel(&json!({"origins": ["https://www.example.com", "http://localhost:3000"]}));
    let ask = |origin: Option<&str>| {
        let mut case = form("");
        case.headers.extend(origin.map(|o| ("origin".to_owned(), o.to_owned())));
        channel.adapter.preflight(&case.request())
    };
    let reply = ask(Some("http://localhost:3000")).expect("listed");
    let header = |name: &str| reply.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(header("access-control-allow-methods"), Some("POST"));
    assert_eq!(header("access-control-allow-headers"), Some("content-type, x-form-token"));
    assert_eq!(header("vary"), Some("origin"));
    assert_eq!(header("access-control-allow-credentials"), None);
    for origin in [None, Some("null"), Some("https://www.example.com.evil.example"), Some("*")] {
        let refused: Rejected = ask(origin).expect_err("not listed");
        assert_eq!((refused.status, refused.code), (403, "origin_not_allowed"), "{origin:?}");
    }
}

#[test]
fn an_open_redirect_is_never_made() {
    let settings =
        json!({"redirect": "_next", "thanks": ["https://a.example/thanks", "https://a.example/merci"]});
    let channel = channel(&settings);
    for (next, accept, want) in [
        ("https%3A%2F%2Fa.example%2Fmerci", "*/*", Some("https://a.example/merci")),
        ("https%3A%2F%2Fevil.example", "text/html", Some("https://a.example/thanks")),
        ("https%3A%2F%2Fa.example%2Fmerci%2F..%2F", "text/html", Some("https://a.example/thanks")),
        ("%2F%2Fevil.example", "*/*", None),
        ("", "text/html", Some("https://a.example/thanks")),
    ] {
        let mut case = form(&format!("mail=amy%40example.com&_next={next}"));
        case.headers.push(("accept".into(), accept.into()));
        let reply = channel.adapter.decode(&case.request()).expect("decodes").reply;
        let to = reply.headers.iter().find(|(name, _)| *name == "location").map(|(_, to)| to.as_str());
        assert_eq!((to, reply.status), (want, if want.is_some() { 303 } else { 200 }), "{next}");
    }
}

#[test]
fn spam_names_nobody_and_is_answered_like_any_post() {
    let channel = channel(&json!({"honeypot": "website"}));
    let plain = form("mail=amy%40example.com&ok=1&website=");
    let mut flood = plain.clone();
    flood.headers.push((OVER_PACE.into(), "1".into()));
    let bot = form("mail=amy%40example.com&ok=1&website=http%3A%2F%2Fx.example");
    let decode = |case: &Case| channel.adapter.decode(&case.request()).expect("decodes");
    let good = decode(&plain);
    assert_eq!((good.events.len(), good.events[0].flags, good.events[0].identifiers.len()), (2, 0, 1));
    for case in [flood, bot] {
        let spam = decode(&case);
        assert_eq!(spam.events.len(), 1, "no consent");
        assert_eq!(spam.events[0].flags, flags::SPAM);
        assert!(spam.events[0].identifiers.is_empty());
        assert_eq!(spam.reply, good.reply);
    }
}

#[test]
fn a_consent_holds_the_text_that_was_shown() {
    let texts = json!({"v1": "one", "v2": "two"});
    let channel = channel(&json!({"consent_version": "terms", "consent_text": texts}));
    for (version, want) in [("v1", Some("one")), ("v2", Some("two")), ("v3", None), ("", None)] {
        let case = form(&format!("mail=amy%40example.com&ok=1&terms={version}"));
        let decoded = channel.adapter.decode(&case.request()).expect("decodes");
        let found: Vec<&str> = decoded
            .events
            .iter()
            .filter_map(|e| match &e.body {
                Body::Consent(consent) => Some(consent.text_sha256.as_str()),
                _ => None,
            })
            .collect();
        let want: Vec<String> = want.map(|text| crate::digest::hex64(text.as_bytes())).into_iter().collect();
        assert_eq!(found, want, "{version}");
    }
}

#[test]
fn files_of_one_name_are_told_apart_by_their_bytes() {
    let channel = channel(&json!({}));
    let post = |bytes: &str| {
        let body =
            format!("--b\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n\r\n{bytes}\r\n--b--");
        let case = Case::new("post", "multipart/form-data; boundary=b", body);
        channel.adapter.decode(&case.request()).expect("decodes").events.remove(0)
    };
    let (one, two) = (post("one"), post("two"));
    assert_ne!(one.key, two.key);
    assert_eq!(post("one").key, one.key);
    assert_eq!(
        one.content.attachments[0].url,
        "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    );
}
