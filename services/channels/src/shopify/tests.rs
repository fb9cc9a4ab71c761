use crate::{
    adapter::{Decoded, InboundRequest, Method, Outbound},
    settings::{self, Channel, Settings},
};
use serde_json::{Value, json};
use tributary_core::{draft::Draft, event::flags, ids::REMOVAL, time::Micros};

fn channel(secret: Value) -> Channel {
    let table = json!({"kind": "shopify", "shop": "Acme.myshopify.com", "secret": secret});
    settings::build(Settings::new("shop", table.as_object().expect("a table").clone(), "Asia/Taipei", "TW"))
        .unwrap_or_else(|e| panic!("{e}"))
}

fn request<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> InboundRequest<'a> {
    InboundRequest {
        method: Method::Post,
        query: "",
        headers,
        body,
        received_at: Micros(0),
        public_url: None,
    }
}

fn decode(topic: &str, body: &Value) -> Decoded {
    let headers = [
        ("x-shopify-topic".to_owned(), topic.to_owned()),
        ("x-shopify-shop-domain".to_owned(), "acme.myshopify.com".to_owned()),
        ("x-shopify-api-version".to_owned(), "2026-10".to_owned()),
    ];
    channel(json!("s")).adapter.decode(&request(&headers, body.to_string().as_bytes())).expect("decodes")
}

fn drafts(topic: &str, body: &Value) -> Vec<Draft> {
    let decoded = decode(topic, body);
    assert_eq!(decoded.unrecognised, [], "{topic}");
    decoded.events
}

fn order(financial: &str, updated: &str) -> Value {
    json!({"id": 450, "name": "#1001", "created_at": "2026-03-01T10:00:00+08:00", "updated_at": updated,
        "currency": "TWD", "financial_status": financial, "fulfillment_status": null, "total_price": "1280.00",
        "total_tax": "61.00", "total_discounts": "20.00", "cancelled_at": null, "customer": null, "location_id": 7,
        "email": "", "line_items": [
            {"sku": "A", "quantity": 2, "price": "650.00", "total_discount": "20.00"},
            {"sku": null, "variant_id": 9, "quantity": 1, "price": "0.00"}]})
}

fn body(draft: &Draft) -> Value {
    serde_json::to_value(&draft.body).expect("body")
}

#[test]
fn either_secret_signs_while_rotating_and_nothing_else() {
    let both = channel(json!(["new", "old"]));
    let sign = |secret: &str| {
        let mut out = Outbound { body: b"{}".to_vec(), ..Outbound::default() };
        channel(json!(secret)).adapter.sign(&mut out);
        out.headers
    };
    for (secret, passes) in [("new", true), ("old", true), ("other", false)] {
        let headers = sign(secret);
        assert_eq!(both.adapter.verify(&request(&headers, b"{}")).is_ok(), passes, "{secret}");
        assert!(both.adapter.verify(&request(&headers, b"{} ")).is_err());
    }
    assert!(both.adapter.verify(&request(&[], b"{}")).is_err());
}

#[test]
fn an_order_is_a_purchase_once_it_is_paid_in_any_order() {
    let placed = drafts("orders/create", &order("pending", "2026-03-01T10:00:00+08:00"));
    let paid = drafts("orders/paid", &order("paid", "2026-03-01T10:00:05+08:00"));
    assert_eq!(placed[0].key, "order/450");
    assert!(placed[0].revision < paid[0].revision && placed[0].key == paid[0].key);
    assert_eq!(body(&placed[0]), json!({"activity": {"title": "order.pending"}}));
    let want = json!({"purchase": {"currency": "TWD", "total": "1280.00", "tax": "61.00", "discount": "20.00", "lines": [
        {"sku": "A", "quantity": "2", "amount": "1280.00"}, {"sku": "9", "quantity": "1", "amount": "0.00"}],
        "refs": ["#1001", "450"]}});
    assert_eq!(body(&paid[0]), want);
    assert_eq!(body(&paid[1]), json!({"order": {"number": "#1001", "state": "paid"}}));
    assert_eq!((paid[0].store.as_str(), paid[0].identifiers.len()), ("7", 0));

    let mut cancelled = order("voided", "2026-03-01T11:00:00+08:00");
    cancelled["cancelled_at"] = json!("2026-03-01T11:00:00+08:00");
    let cancelled = drafts("orders/cancelled", &cancelled);
    assert_eq!(body(&cancelled[0]), json!({"removed": {"of": "order/450"}}));
    assert_eq!(body(&cancelled[1])["order"]["state"], "cancelled");
    assert!(cancelled[0].revision > paid[0].revision && cancelled[0].revision < REMOVAL);
    let mut shipped = order("partially_refunded", "2026-03-02T11:00:00+08:00");
    shipped["fulfillment_status"] = json!("fulfilled");
    shipped["fulfillments"] = json!([{"tracking_company": "black cat", "tracking_number": "123"}]);
    shipped["test"] = json!(true);
    shipped["customer"] =
        json!({"id": 7, "email": "mei@example.com", "first_name": "美玲", "last_name": "陳"});
    shipped["email"] = json!("mei@example.com");
    let shipped = drafts("orders/updated", &shipped);
    let want =
        json!({"order": {"number": "#1001", "state": "shipped", "carrier": "black cat", "tracking": "123"}});
    assert_eq!(body(&shipped[1]), want);
    assert!(shipped.iter().all(|d| d.flags == flags::TEST));
    let claims: Vec<(&str, &str)> =
        shipped[0].identifiers.iter().map(|c| (c.kind.as_str(), c.scope.as_str())).collect();
    assert_eq!(claims, [("external", "shopify:acme.myshopify.com"), ("email", "")]);
}

#[test]
fn a_refund_is_what_its_transactions_gave_back() {
    let refund = |transactions: Value| {
        json!({"id": 9, "order_id": 450, "created_at": "2026-03-02T10:00:00+08:00", "refund_line_items": [],
            "transactions": transactions})
    };
    let given = json!([{"kind": "refund", "status": "success", "amount": "100.50", "currency": "TWD"},
        {"kind": "refund", "status": "failure", "amount": "7", "currency": "TWD"},
        {"kind": "refund", "status": "success", "amount": "20", "currency": "TWD"}]);
    let draft = drafts("refunds/create", &refund(given)).remove(0);
    let want = json!({"refund": {"of": "order/450", "currency": "TWD", "total": "120.50"}});
    assert_eq!((draft.key.as_str(), body(&draft)), ("refund/9", want));
    let restocked = drafts("refunds/create", &refund(json!([]))).remove(0);
    assert_eq!(body(&restocked), json!({"activity": {"title": "refund.without_money"}}));
    let bare = json!([{"kind": "refund", "status": "success", "amount": "5"}]);
    assert!(decode("refunds/create", &refund(bare)).unrecognised[0].detail.contains("set `currency`"));
}

#[test]
fn customers_their_consents_and_their_merges() {
    let customer = json!({"id": 7, "updated_at": "2026-03-01T10:00:00Z", "email": "mei@example.com", "phone": null,
        "first_name": "Mei", "last_name": "Chen",
        "email_marketing_consent": {"state": "subscribed", "consent_updated_at": "2026-02-01T00:00:00Z"},
        "sms_marketing_consent": {"state": "not_subscribed", "consent_updated_at": null}});
    let told = drafts("customers/update", &customer);
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].key, "customer/7/consent/email");
    assert_eq!(body(&told[1])["consent"]["granted"], true);
    assert_eq!(told[1].occurred_at, Micros::parse("2026-02-01T00:00:00Z"));
    assert_eq!(drafts("customers/delete", &json!({"id": 7}))[0].revision, REMOVAL);
    let merge = json!({"admin_graphql_api_customer_kept_id": "gid://shopify/Customer/7",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/8", "status": "completed"});
    let merged = drafts("customers/merge", &merge).remove(0);
    assert_eq!((merged.body.type_name(), merged.identifiers.len()), ("link.proven", 2));
    let redact =
        json!({"shop_id": 1, "customer": {"id": 7, "email": "mei@example.com"}, "orders_to_redact": []});
    let asked = drafts("customers/redact", &redact).remove(0);
    assert_eq!(
        (body(&asked), asked.identifiers.len()),
        (json!({"activity": {"title": "privacy.redact_requested"}}), 1)
    );
}

#[test]
fn what_cannot_be_read_is_kept() {
    let bare = |mut order: Value, field: &str| {
        order.as_object_mut().expect("an object").remove(field);
        order
    };
    let paid = order("paid", "2026-03-01T10:00:05+08:00");
    for (topic, body, detail) in [
        ("orders/paid", bare(paid.clone(), "total_price"), "total_price"),
        ("orders/paid", bare(paid.clone(), "updated_at"), ""),
        ("orders/paid", order("odd", "2026-03-01T10:00:05+08:00"), "financial_status"),
        ("orders/paid", json!({"id": -1}), "the id of the order"),
        ("products/update", json!({"id": 1}), "topic"),
    ] {
        let decoded = decode(topic, &body);
        assert_eq!(decoded.events.len(), usize::from(detail.is_empty()) * 2, "{topic}");
        assert!(decoded.unrecognised.iter().all(|u| u.detail.contains(detail)));
    }
    let headers = [("x-shopify-shop-domain".to_owned(), "other.myshopify.com".to_owned())];
    let body = paid.to_string();
    let other = channel(json!("s")).adapter.decode(&request(&headers, body.as_bytes())).expect("decodes");
    assert_eq!(other.unrecognised[0].reason, "other_shop");
}
