//! Binding an account by an offer, a login or the word of the shop's own system: what binds, and what binds nothing.

use serde_json::{Value, json};
use std::{thread, time::Duration};
use tributary_tests::hub::{
    Folder, Hub,
    channels::Source,
    elsewhere::{Elsewhere, says},
};

const AMY: &str = "U0123456789abcdef0123456789abcdef";
const BEN: &str = "Ufedcba9876543210fedcba9876543210";

/// A set of keys and a token signed with one of them: for the audience 1650000000, of Amy, with the nonce `n-of-a-test`, until 2100.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "t1", "use": "sig", "alg": "ES256", "x": "DKA5GBmJ2G9g7OfAFQceMMwQuasqJmHMIGzbFmp8aNU", "y": "EVDzjZTVCv90H_H1LQqc_Q6k3MiJC9v6PVchTvE42UY"}]}"#;
const TOKEN: &str = "eyJhbGciOiAiRVMyNTYiLCAia2lkIjogInQxIiwgInR5cCI6ICJKV1QifQ.eyJpc3MiOiAiaHR0cHM6Ly9hY2Nlc3MubGluZS5tZSIsICJzdWIiOiAiVTAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwgImF1ZCI6ICIxNjUwMDAwMDAwIiwgImV4cCI6IDQxMDI0NDQ4MDAsICJpYXQiOiAxNzcyMzMxMDAwLCAibm9uY2UiOiAibi1vZi1hLXRlc3QifQ.mm3H3nJxIPgbAubWShI9zvprKODHSuEXMfQY-_dln6S5-o5t6yLu_fR-jMFzVDGpF4INXx2uGqR5wr6wN6e0kQ";

fn shop() -> (Source, Folder) {
    let source = Source::new("line", json!({"login_channel": "1650000000", "login_keys": KEYS}));
    let folder = Folder::new(&[source.clone_of()]);
    (source, folder)
}

fn offer(hub: &Hub, body: &Value) -> Value {
    hub.client().post("/v1/identity/offers", body).must(201).json()
}

fn member(value: &str) -> Value {
    json!({"type": "member", "value": value})
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::try_from(now.as_millis()).expect("a time")
}

/// LINE's answer to the dialog.
fn account_link(hub: &Hub, source: &Source, event: &str, user: &str, nonce: &str, result: &str) {
    let body = json!({"destination": "U00000000000000000000000000000b07", "events": [{"type": "accountLink", "mode": "active",
        "timestamp": now_ms(), "source": {"type": "user", "userId": user}, "webhookEventId": event,
        "deliveryContext": {"isRedelivery": false}, "link": {"result": result, "nonce": nonce}}]});
    let answer = source.send(&mut hub.provider(), "application/json", body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn customer(hub: &Hub, kind: &str, scope: &str, value: &str) -> Option<String> {
    hub.settle();
    let named = json!({"identifier": {"type": kind, "scope": scope, "value": value}});
    let found = hub.client().post("/v1/customers/find", &named).must(200).json();
    found["customers"][0]["id"].as_str().map(str::to_owned)
}

fn of_line(hub: &Hub, user: &str) -> Option<String> {
    customer(hub, "line", "prov-test", user)
}

fn of_member(hub: &Hub, value: &str) -> Option<String> {
    customer(hub, "member", "", value)
}

#[test]
fn an_offer_binds_once_and_in_time() {
    let (source, folder) = shop();
    let hub = folder.start();
    let told = offer(
        &hub,
        &json!({"channel": "line", "identifier": member("M1"), "ttl": 60, "link_token": "tok/1"}),
    );
    let nonce = told["nonce"].as_str().expect("a nonce").to_owned();
    assert!((10..=255).contains(&nonce.len()));
    let redirect = format!("https://access.line.me/dialog/bot/accountLink?linkToken=tok%2F1&nonce={nonce}");
    assert_eq!(told["redirect"], json!(redirect));
    account_link(&hub, &source, "L1", BEN, &nonce, "failed");
    account_link(&hub, &source, "L2", BEN, "unknown-nonce-of-somebody", "ok");
    assert_ne!(of_member(&hub, "M1"), of_line(&hub, BEN));
    account_link(&hub, &source, "L3", AMY, &nonce, "ok");
    assert_eq!(of_member(&hub, "M1"), of_line(&hub, AMY));
    // Whoever plays it again gets nothing, and takes nothing away.
    account_link(&hub, &source, "L3", AMY, &nonce, "ok");
    account_link(&hub, &source, "L4", BEN, &nonce, "ok");
    let bound = of_member(&hub, "M1");
    assert_eq!((bound.clone(), bound == of_line(&hub, BEN)), (of_line(&hub, AMY), false));

    let late = offer(&hub, &json!({"channel": "line", "identifier": member("M2"), "ttl": 1}));
    thread::sleep(Duration::from_millis(1_500));
    account_link(&hub, &source, "L5", BEN, late["nonce"].as_str().expect("a nonce"), "ok");
    assert_ne!(of_member(&hub, "M2"), of_line(&hub, BEN));

    // A restart and a rebuild say the same.
    let digest = |hub: &Hub| hub.client().get("/v1/verify").must(200).json()["digest"].clone();
    let before = digest(&hub);
    hub.kill_now();
    drop(hub);
    let hub = folder.start();
    assert_eq!((of_line(&hub, AMY), digest(&hub)), (bound, before));
    let rebuilt = folder.run(&["--hub", &hub.url(), "rebuild"]);
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stdout));
    let events = hub.client().get("/v1/events?limit=1000").must(200).text();
    assert!(
        events.contains("identity.offered") && !events.contains(&nonce),
        "the nonce is kept nowhere in the open"
    );
}

#[test]
fn what_a_system_of_the_shop_verified_is_a_proof() {
    let (_, folder) = shop();
    let hub = folder.start();
    let body = json!({"identifiers": [{"type": "phone", "value": "0928-173-654"}, member("M7")], "method": "phone_code", "key": "otp-1"});
    let first = hub.client().post("/v1/identity/proofs", &body).must(201).json();
    let second = hub.client().post("/v1/identity/proofs", &body).must(201).json();
    assert_eq!(first["event"], second["event"], "the same verification is one event");
    assert_eq!(customer(&hub, "phone", "", "+886928173654"), of_member(&hub, "M7"));
    let told = folder.run(&[
        "--hub",
        &hub.url(),
        "identity",
        "prove",
        "email=amy@shop.tw",
        "member=M7",
        "--method",
        "mail_code",
        "--key",
        "m-1",
    ]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert_eq!(customer(&hub, "email", "", "amy@shop.tw"), of_member(&hub, "M7"));
    let told = folder.run(&["--hub", &hub.url(), "-o", "json", "identity", "offer", "line", "member=M7"]);
    assert!(told.status.success() && String::from_utf8_lossy(&told.stdout).contains("\"nonce\""));
    for (path, body, code) in [
        ("offers", json!({"channel": "nowhere", "identifier": member("M1")}), "channel_unknown"),
        ("offers", json!({"channel": "line", "identifier": member("M1"), "ttl": 86_400}), "invalid_ttl"),
        (
            "offers",
            json!({"channel": "line", "identifier": {"type": "email", "value": "x"}}),
            "invalid_identifier",
        ),
        (
            "proofs",
            json!({"identifiers": [member("M1")], "method": "m", "key": "k"}),
            "wrong_number_of_identifiers",
        ),
        (
            "proofs",
            json!({"identifiers": [member("M1"), member("M2")], "method": "m", "key": "陳"}),
            "invalid_name",
        ),
        ("proofs", json!({"channel": "line"}), "invalid_body"),
    ] {
        let answer = hub.client().post(&format!("/v1/identity/{path}"), &body);
        assert_eq!(answer.code(), code, "{}", answer.text());
    }
}

#[test]
fn a_login_is_a_proof_if_the_platform_signed_it() {
    let (_, folder) = shop();
    let hub = folder.start();
    let post = |token: &str| {
        hub.client().post("/v1/identity/proofs", &json!({"channel": "line", "id_token": token}))
    };
    let proven = post(TOKEN).must(201).json();
    assert_eq!(post(TOKEN).must(201).json()["event"], proven["event"]);
    assert!(of_line(&hub, AMY).is_some());
    let event = hub
        .client()
        .get(&format!("/v1/events/{}", proven["event"].as_str().expect("an id")))
        .must(200)
        .json();
    assert_eq!(event["event"]["type"], "tributary.v1.link.proven");
    let (signed, signature) = TOKEN.rsplit_once('.').expect("three parts");
    let other = format!(
        "{signed}.{}",
        signature.replacen(&signature[5..6], if &signature[5..6] == "A" { "B" } else { "A" }, 1)
    );
    assert_eq!(post(&other).said(), (401, "login_refused".to_owned()));
    assert_eq!(post("none").said(), (401, "login_refused".to_owned()));
}

#[test]
fn keys_of_a_platform_are_fetched_once_and_their_absence_is_said() {
    let platform = Elsewhere::new(vec![says(500, ""), says(200, "no keys"), says(200, KEYS)]);
    let keys = platform.url("/oauth2/v2.1/certs");
    let folder =
        Folder::new(&[Source::new("line", json!({"login_channel": "1650000000", "login_keys": keys}))]);
    let hub = folder.start();
    let post = || hub.client().post("/v1/identity/proofs", &json!({"channel": "line", "id_token": TOKEN}));
    for _ in 0..2 {
        assert_eq!(post().said(), (503, "login_keys_unusable".to_owned()));
    }
    let proven = post().must(201).json();
    assert_eq!(post().must(201).json()["event"], proven["event"]);
    let asked = platform.wait(3, Duration::from_secs(1));
    assert_eq!((asked.len(), asked[0].line.as_str()), (3, "GET /oauth2/v2.1/certs"));
}

#[test]
fn offers_and_proofs_need_a_scope_of_their_own() {
    let folder = Folder::with(
        &[Source::new("line", Value::Null)],
        "",
        "[[tokens]]\nname = \"desk\"\nsha256 = \"27d8b6afad46c2e0bdf7e5dc33bc8ee0ac6ee25fd4e6e4ebf5d4eee7a3c2a1a5\"\nscopes = [\"read\", \"operate\", \"ingest\", \"privacy\"]\n",
    );
    let text = folder.configuration().replace(
        "27d8b6afad46c2e0bdf7e5dc33bc8ee0ac6ee25fd4e6e4ebf5d4eee7a3c2a1a5",
        &tributary_channels::digest::hex64(b"desk-token"),
    );
    folder.configure(&text);
    let hub = folder.start();
    let mut desk = hub.client().with_token("desk-token");
    for path in ["offers", "proofs"] {
        let answer = desk.post(&format!("/v1/identity/{path}"), &json!({}));
        assert_eq!(answer.said(), (403, "scope_missing".to_owned()), "{path}");
    }
}
