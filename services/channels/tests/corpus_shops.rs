//! Published Shopify resources with their signature vector, and published e-invoices, through the adapters.

use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tributary_channels::{
    adapter::{Decoded, InboundRequest, Method},
    settings::{self, Channel, Settings},
};
use tributary_core::{body::Body, time::Micros};

fn corpus(part: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("TRIBUTARY_CORPUS") else {
        eprintln!("skipped: {part} (TRIBUTARY_CORPUS is not set)");
        return None;
    };
    Some(Path::new(&root).join(part))
}

fn channel(table: Value) -> Channel {
    let table: Map<String, Value> = serde_json::from_value(table).expect("a table");
    settings::build(Settings::new("shop", table, "Asia/Taipei", "TW")).unwrap_or_else(|e| panic!("{e}"))
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

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn shopifys_vector_and_resources() {
    let Some(folder) = corpus("fixtures/pos/shopify") else { return };
    let vector: Value = serde_json::from_str(&read(&folder.join("signature-vector.json"))).expect("JSON");
    let shop =
        channel(json!({"kind": "shopify", "shop": "s", "secret": vector["secret"], "currency": "USD"}));
    let (body, signature) =
        (vector["body"].as_str().expect("text"), vector["signature"].as_str().expect("text"));
    let verify = |signature: &str, body: &str| {
        shop.adapter.verify(&request(&[header("x-shopify-hmac-sha256", signature)], body.as_bytes())).is_ok()
    };
    assert!(verify(signature, body));
    assert!(!verify(&signature.to_lowercase(), body) && !verify(signature, "foo=anything "));

    let resource = |name: &str, topic: &str| -> Decoded {
        let whole: Value = serde_json::from_str(&read(&folder.join(format!("{name}.json")))).expect("JSON");
        let body = whole[name].to_string();
        shop.adapter.decode(&request(&[header("x-shopify-topic", topic)], body.as_bytes())).expect("decodes")
    };
    let order = resource("order", "orders/updated");
    assert_eq!(order.events[0].key, "order/450789469");
    assert_eq!(order.events[0].body, Body::Activity { title: "order.authorized".into() });
    let Body::Order(state) = &order.events[1].body else { panic!("a state") };
    assert_eq!(state.number, "#1001");
    let customer = resource("customer", "customers/update");
    assert_eq!(customer.events[0].identifiers[0].value, "207119551");
    let refund = resource("refund", "refunds/create");
    let Body::Refund(refund) = &refund.events[0].body else { panic!("{:?}", refund.unrecognised) };
    assert_eq!(refund.of, "order/450789469");
    assert!(refund.total.units > 0);
    for (name, topic) in [("location", "locations/update"), ("transaction", "order_transactions/create")] {
        assert_eq!(resource(name, topic).unrecognised[0].reason, "unknown_event_type");
    }
}

#[test]
fn published_invoices_are_anonymous_purchases() {
    let Some(folder) = corpus("fixtures/pos/tw-einvoice") else { return };
    let channel = channel(json!({"kind": "tw_einvoice", "key": "k"}));
    let mut found = Vec::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("a folder").flatten().map(|e| e.path()).collect();
    files.sort();
    for file in files {
        let body = read(&file);
        let decoded = channel.adapter.decode(&request(&[], body.as_bytes())).expect("decodes");
        assert_eq!(decoded.unrecognised, []);
        let event = &decoded.events[0];
        assert!(event.identifiers.is_empty() && event.content.is_empty(), "{}", event.key);
        let Body::Purchase(purchase) = &event.body else { panic!("a purchase") };
        found.push((
            event.key.clone(),
            event.occurred_at.expect("a time").to_string(),
            purchase.total.to_string(),
        ));
    }
    let one = |key: &str, at: &str, total: &str| (key.to_owned(), at.to_owned(), total.to_owned());
    let want = [
        one("24634102/202107/LY42140650", "2021-08-21T14:56:00Z", "1000"),
        one("24634102/202107/LY42140651", "2021-08-21T14:58:00Z", "2000"),
        one("24634102/202107/LY42140652", "2021-08-30T00:58:00Z", "2000"),
    ];
    assert_eq!(found, want);
}
