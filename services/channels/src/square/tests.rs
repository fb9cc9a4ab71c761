use crate::{
    adapter::{Decoded, InboundRequest, Outbound},
    settings::{self, Channel, Settings},
};
use serde_json::{Value, json};
use tributary_core::{draft::Draft, event::Trust, ids::REMOVAL, time::Micros};

const URL: &str = "https://hooks.example.com/in/square-1";

fn channel(extra: &[(&str, &str)]) -> Channel {
    let mut table = json!({"kind": "square", "signature_key": "k1", "merchant": "M1"});
    for (key, value) in extra {
        table[*key] = (*value).into();
    }
    let Value::Object(table) = table else { panic!("a table") };
    settings::build(Settings::new("square-1", table, "Asia/Taipei", "TW")).unwrap_or_else(|e| panic!("{e}"))
}

fn with<T>(headers: &[(String, String)], body: &[u8], f: impl FnOnce(&InboundRequest<'_>) -> T) -> T {
    f(&InboundRequest { public_url: Some(URL), ..InboundRequest::post(headers, body) })
}

fn decode(kind: &str, name: &str, object: Value) -> Decoded {
    let body = json!({"merchant_id": "M1", "type": kind, "event_id": "e1", "created_at": "2026-03-01T02:12:00Z",
        "data": {"type": name, "id": "x1", "object": {name: object}}});
    decode_body(body.to_string().as_bytes())
}

fn decode_body(body: &[u8]) -> Decoded {
    with(&[], body, |request| channel(&[]).adapter.decode(request)).expect("decodes")
}

fn one(kind: &str, name: &str, object: Value) -> Draft {
    let mut decoded = decode(kind, name, object);
    assert_eq!(decoded.unrecognised, []);
    let draft = decoded.events.pop().expect("an event");
    assert_eq!(decode_body(&draft.raw.body).events.len(), 1);
    draft
}

fn body(draft: &Draft) -> Value {
    serde_json::to_value(&draft.body).expect("body")
}

fn claims(draft: &Draft) -> Vec<(&str, &str, &str, Trust)> {
    draft.identifiers.iter().map(|c| (c.kind.as_str(), c.scope.as_str(), c.value.as_str(), c.trust)).collect()
}

#[test]
fn the_signature_covers_the_url_and_the_raw_body() {
    let plain = channel(&[]);
    let mut out =
        Outbound { body: b"{\"a\": 1}".to_vec(), public_url: Some(URL.to_owned()), ..Outbound::default() };
    plain.adapter.sign(&mut out);
    let verify = |channel: &Channel, headers: &[(String, String)], body: &[u8]| {
        with(headers, body, |request| channel.adapter.verify(request))
    };
    assert!(verify(&plain, &out.headers, &out.body).is_ok());
    assert!(verify(&plain, &out.headers, b"{\"a\":1}").is_err());
    assert!(verify(&plain, &[], &out.body).is_err());
    let slash = format!("{URL}/");
    let other = channel(&[("notification_url", slash.as_str())]);
    assert!(verify(&other, &out.headers, &out.body).is_err(), "a trailing slash is another address");
    assert!(verify(&channel(&[("signature_key", "k2")]), &out.headers, &out.body).is_err());
    let mut signed = Outbound { body: out.body.clone(), ..Outbound::default() };
    other.adapter.sign(&mut signed);
    assert!(verify(&other, &signed.headers, &signed.body).is_ok(), "configuration counts, not the request");
}

#[test]
fn a_payment_is_a_purchase_when_it_is_complete() {
    let payment = |status: &str, at: &str| {
        json!({"id": "p1", "status": status, "created_at": "2026-03-01T02:00:00Z", "updated_at": at,
            "location_id": "L1", "order_id": "o1", "receipt_number": "r1", "customer_id": "C1",
            "buyer_email_address": "mei@example.com", "team_member_id": "T1",
            "amount_money": {"amount": 1000, "currency": "JPY"}, "total_money": {"amount": 1250, "currency": "JPY"}})
    };
    let approved = one("payment.created", "payment", payment("APPROVED", "2026-03-01T02:00:00.000001Z"));
    let done = one("payment.updated", "payment", payment("COMPLETED", "2026-03-01T02:00:00.000002Z"));
    let gone = one("payment.updated", "payment", payment("CANCELED", "2026-03-01T02:00:00.000003Z"));
    assert_eq!(body(&approved), json!({"activity": {"title": "payment.approved"}}));
    let want = json!({"purchase": {"currency": "JPY", "total": "1250", "refs": ["o1", "r1"]}});
    assert_eq!(body(&done), want);
    assert_eq!(body(&gone), json!({"removed": {"of": "payment/p1"}}));
    assert!(approved.revision < done.revision && done.revision < gone.revision && gone.revision < REMOVAL);
    for draft in [&approved, &done, &gone] {
        assert_eq!(draft.key, "payment/p1");
    }
    assert_eq!((done.store.as_str(), done.actor.as_str()), ("L1", "T1"));
    assert_eq!(done.occurred_at, Micros::parse("2026-03-01T02:00:00Z"));
    let want =
        [("external", "square:M1", "C1", Trust::Verified), ("email", "", "mei@example.com", Trust::Claimed)];
    assert_eq!(claims(&done), want);
    let strange = decode("payment.updated", "payment", payment("ON_HOLD", "2026-03-01T02:00:00Z"));
    assert_eq!(strange.unrecognised[0].reason, "malformed_event");
}

#[test]
fn only_a_completed_refund_counts() {
    let refund = |status: &str, currency: &str| {
        json!({"id": "r1", "payment_id": "p1", "status": status, "updated_at": "2026-03-01T02:00:00Z",
            "amount_money": {"amount": 1000, "currency": currency}})
    };
    let done = one("refund.updated", "refund", refund("COMPLETED", "USD"));
    let want = json!({"refund": {"of": "payment/p1", "currency": "USD", "total": "10.00"}});
    assert_eq!((done.key.as_str(), body(&done)), ("refund/r1", want));
    let thousandths = one("refund.updated", "refund", refund("COMPLETED", "KWD"));
    assert_eq!(body(&thousandths)["refund"]["total"], "1.000");
    let pending = one("refund.created", "refund", refund("PENDING", "USD"));
    assert_eq!(body(&pending), json!({"activity": {"title": "refund.pending"}}));
    assert_eq!(body(&one("refund.updated", "refund", refund("FAILED", "USD")))["removed"]["of"], "refund/r1");
    let bad = decode("refund.updated", "refund", refund("COMPLETED", "usd"));
    assert_eq!(bad.unrecognised[0].detail, "amount_money is missing or not what it should be");
}

#[test]
fn customers_are_profiles_and_merges_survive_their_deletion() {
    let chinese = one(
        "customer.updated",
        "customer",
        json!({"id": "C1", "version": 4, "given_name": "美玲", "family_name": "陳", "birthday": "0000-03-04",
            "email_address": "mei@example.com", "phone_number": "0912-345-678"}),
    );
    assert_eq!((chinese.key.as_str(), chinese.revision), ("customer/C1", 4));
    let profile = serde_json::to_value(&chinese.content.profile).expect("profile");
    let want = json!({"name": "陳美玲", "email": "mei@example.com", "telephone": "0912-345-678"});
    assert_eq!(profile, want);
    assert_eq!(claims(&chinese).len(), 3);
    let latin = one(
        "customer.created",
        "customer",
        json!({"id": "C2", "given_name": "Ann", "family_name": "Lee", "birthday": "1990-03-04",
            "updated_at": "1970-01-01T00:00:01Z", "address": {"address_line_1": "1 Main St", "locality": "Oakland"}}),
    );
    assert_eq!(latin.revision, 1_000_000);
    let profile = serde_json::to_value(&latin.content.profile).expect("profile");
    assert_eq!(
        profile,
        json!({"name": "Ann Lee", "birthDate": "1990-03-04", "address": "1 Main St, Oakland"})
    );

    let deleted = json!({"type": "customer.deleted", "event_id": "e9", "data": {"id": "C2", "deleted": true,
        "object": {"customer": {"id": "C2"}, "event_context": {"merge": {"from_customer_ids": ["C2"],
        "to_customer_id": "C1"}}}}});
    let decoded = decode_body(deleted.to_string().as_bytes());
    let removal = &decoded.events[0];
    assert_eq!((removal.key.as_str(), removal.revision), ("customer/C2", REMOVAL));
    let want =
        [("external", "square:M1", "C2", Trust::Verified), ("external", "square:M1", "C1", Trust::Verified)];
    assert_eq!(claims(removal), want);
    let plain = decode_body(br#"{"type":"customer.deleted","data":{"id":"C3","deleted":true}}"#);
    assert_eq!((plain.events[0].key.as_str(), plain.events[0].identifiers.len()), ("customer/C3", 0));
}

#[test]
fn the_rest_is_an_activity_or_kept() {
    let loyalty = json!({"id": "l1", "mapping": {"phone_number": "+886912345678"}});
    let loyalty = one("loyalty.account.created", "loyalty_account", loyalty);
    assert_eq!(claims(&loyalty), [("phone", "", "+886912345678", Trust::Claimed)]);
    let order =
        one("order.updated", "order_updated", json!({"order_id": "o1", "version": 2, "state": "OPEN"}));
    assert_eq!((order.key.as_str(), order.revision), ("order/o1", 2));
    let booking = one("booking.created", "booking", json!({"id": "b1", "customer_id": "C1"}));
    assert_eq!((booking.key.as_str(), claims(&booking).len()), ("event/e1", 1));
    for (body, reason) in [
        (&b"{"[..], "malformed_json"),
        (b"[]", "malformed_event"),
        (b"{\"type\": \"payment.updated\"}", "malformed_event"),
        (b"{\"type\": \"A person\"}", "malformed_event"),
        (b"{\"type\": \"inventory.count.updated\", \"data\": {\"object\": {}}}", "unknown_event_type"),
    ] {
        let decoded = decode_body(body);
        assert_eq!(decoded.unrecognised[0].reason, reason);
        assert_eq!(decoded.unrecognised[0].raw.body, body);
        assert!(decoded.events.is_empty());
    }
}
