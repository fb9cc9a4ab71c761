//! One sale as four channels tell it, by their real adapters: the till's file, the e-invoice, the payment's webhook and the shop's
//! order. In every order of arrival, with commits anywhere, live and in bulk, it is one order: the till's, whose channel counts.

use super::World;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tributary_channels::{
    adapter::InboundRequest,
    settings::{self, Channel, Settings},
};
use tributary_core::{
    event::RecordedEvent, identity::policy::Policy, ids::Position, money::Money, time::Micros,
    token::IndexKey,
};
use tributary_tests::{oracle::Bought, rng::Rng};

/// 2026-03-02T00:00:00Z: when the first of them arrives.
const ARRIVED: Micros = Micros(1_772_409_600_000_000);

const TILL: &str = "store,register,receipt,invoice,time,member,phone,total\n\
                    7,2,SHOP-10017788,AB-12345678,2026-03-01T10:12:00+08:00,M0001,0928-173-654,1280\n";
const INVOICE: &str = "<Invoice><Main><InvoiceNumber>AB12345678</InvoiceNumber><InvoiceDate>20260301</InvoiceDate>\
    <InvoiceTime>10:12:05</InvoiceTime><Seller><Identifier>12345675</Identifier></Seller><Buyer>\
    <Identifier>0000000000</Identifier><CustomerNumber>M0001</CustomerNumber></Buyer>\
    <RelateNumber>SHOP-10017788</RelateNumber></Main><Amount><TotalAmount>1280</TotalAmount></Amount></Invoice>";

/// What a provider sends, in the order in which it sends it.
struct Told {
    channel: Channel,
    requests: Vec<(Vec<(String, String)>, String)>,
}

fn told(table: Value, attaches: bool, headers: &[(&str, &str)], bodies: Vec<String>) -> Told {
    let mut table: Map<String, Value> = table.as_object().cloned().unwrap_or_default();
    table.insert("purchases".into(), if attaches { "attach" } else { "count" }.into());
    let name = table["kind"].as_str().expect("a kind").replace('_', "-");
    let channel = settings::build(Settings::new(&name, table, "Asia/Taipei", "TW"));
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let requests = bodies.into_iter().map(|body| (headers.clone(), body)).collect();
    Told { channel: channel.unwrap_or_else(|e| panic!("{name}: {e}")), requests }
}

fn payment(status: &str, at: &str) -> String {
    json!({"merchant_id": "MERCHANT1", "type": "payment.updated", "event_id": format!("ev-{status}"), "created_at": at,
        "data": {"type": "payment", "id": "pay-1", "object": {"payment": {"id": "pay-1", "status": status,
            "created_at": "2026-03-01T02:11:58Z", "updated_at": at, "location_id": "L1", "order_id": "sq-order-1",
            "reference_id": "SHOP-10017788", "customer_id": "CUST1", "buyer_email_address": "mei@example.com",
            "total_money": {"amount": 128_000, "currency": "TWD"}}}}})
    .to_string()
}

fn order(financial: &str, at: &str) -> String {
    json!({"id": 4507, "name": "SHOP-10017788", "created_at": "2026-03-01T10:11:50+08:00", "updated_at": at,
        "processed_at": "2026-03-01T10:11:50+08:00", "currency": "TWD", "financial_status": financial,
        "total_price": "1280", "source_name": "pos", "email": "mei@example.com",
        "customer": {"id": 207, "email": "mei@example.com", "phone": "+886928173654"}, "line_items": []})
    .to_string()
}

fn channels() -> Vec<Told> {
    vec![
        told(
            json!({"kind": "pos_file", "key": "k", "trust": "verified"}),
            false,
            &[("content-type", "text/csv")],
            vec![TILL.to_owned()],
        ),
        told(
            json!({"kind": "tw_einvoice", "key": "k", "customer_number": "member", "trust": "verified"}),
            true,
            &[],
            vec![INVOICE.to_owned()],
        ),
        told(
            json!({"kind": "square", "signature_key": "k", "merchant": "MERCHANT1"}),
            true,
            &[],
            vec![payment("APPROVED", "2026-03-01T02:12:00Z"), payment("COMPLETED", "2026-03-01T02:12:03Z")],
        ),
        told(
            json!({"kind": "shopify", "shop": "acme.myshopify.com", "secret": "s"}),
            true,
            &[("content-type", "application/json"), ("x-shopify-topic", "orders/updated")],
            vec![order("pending", "2026-03-01T10:11:51+08:00"), order("paid", "2026-03-01T10:12:04+08:00")],
        ),
    ]
}

/// All events of all requests, by the channel that tells them.
fn events(key: &IndexKey) -> Vec<Vec<tributary_core::event::Event>> {
    let of = |told: Told| {
        let mut events = Vec::new();
        for (headers, body) in &told.requests {
            let request =
                InboundRequest { received_at: ARRIVED, ..InboundRequest::post(headers, body.as_bytes()) };
            let decoded = told.channel.adapter.decode(&request).expect("decodes");
            assert_eq!(decoded.unrecognised, [], "{}", told.channel.context.name);
            let drafts = decoded.events.into_iter();
            events.extend(drafts.flat_map(|draft| told.channel.context.events(draft, ARRIVED, key)));
        }
        events
    };
    channels().into_iter().map(of).collect()
}

fn recorded<'a>(events: impl IntoIterator<Item = &'a tributary_core::event::Event>) -> Vec<RecordedEvent> {
    let record = |(event, sequence): (&tributary_core::event::Event, u64)| RecordedEvent {
        position: Position { origin: 1, sequence },
        recorded_at: Micros(ARRIVED.0 + sequence as i64),
        event: event.clone(),
    };
    events.into_iter().zip(1..).map(record).collect()
}

/// Every order of `items`.
fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    let [first, rest @ ..] = items else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for at in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(at, *first);
            all.push(longer);
        }
    }
    all
}

/// The sums of those who have any.
fn bought(world: &World) -> Vec<BTreeMap<String, Bought>> {
    let all = world.seen(50).into_values().map(|seen| seen.purchases);
    all.filter(|bought| !bought.is_empty()).collect()
}

#[test]
fn a_sale_that_four_channels_tell_is_one_order_in_any_order() {
    let key = IndexKey::new(&[7; 32]);
    let told = events(&key);
    let once = Bought { orders: 1, refunds: 0, net: Money::new(1_280, 0) };
    let check = |events: &[RecordedEvent], seed: u64, what: &str| {
        let world = World::of(events, &Policy::default(), seed);
        let found = bought(&world);
        assert_eq!(found.len(), 1, "{what}, seed {seed}: {found:?}");
        let sum = &found[0]["TWD"];
        assert_eq!((sum.orders, sum.refunds), (1, 0), "{what}, seed {seed}");
        assert_eq!(
            sum.net.to_string().parse::<f64>().ok(),
            once.net.to_string().parse().ok(),
            "{what}, seed {seed}"
        );
        world.fold.digest()
    };
    let orders = permutations(&[0, 1, 2, 3]);
    assert_eq!(orders.len(), 24);
    for order in &orders {
        let events = recorded(order.iter().flat_map(|channel| &told[*channel]));
        let seen: Vec<_> = (0..4).map(|seed| check(&events, seed, &format!("{order:?}"))).collect();
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{order:?}: commits change nothing");
    }
    // Each event for itself in any place, some of them twice.
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut all: Vec<_> = told.iter().flatten().collect();
        let again: Vec<_> = all.iter().copied().filter(|_| rng.percent(30)).collect();
        all.extend(again);
        rng.shuffle(&mut all);
        check(&recorded(all), seed, "shuffled");
    }
}
