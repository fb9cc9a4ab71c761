//! Two published data sets through the `pos_file` adapter: five trading days of UCI Online Retail against totals
//! computed apart, and the CDNOW sample against the customer summary its authors published.

mod support;

use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use tributary_channels::{
    adapter::InboundRequest,
    settings::{self, Channel, Settings},
};
use tributary_core::{body::Body, draft::Draft, money::Money, time::Micros};

const SEEDS: [u64; 3] = [1, 20_260_301, 0xdead_beef];

fn channel(table: Value) -> Channel {
    let table: Map<String, Value> = serde_json::from_value(table).expect("a table");
    let settings = Settings::new("till", table, "UTC", "GB");
    settings::build(settings).unwrap_or_else(|e| panic!("{e}"))
}

fn decode(channel: &Channel, file: &str) -> Vec<Draft> {
    let decoded = channel.adapter.decode(&InboundRequest::post(&[], file.as_bytes())).expect("decodes");
    let bad: Vec<&str> = decoded.unrecognised.iter().map(|u| u.detail.as_str()).collect();
    assert!(bad.is_empty(), "{bad:?}");
    decoded.events
}

/// Fisher and Yates with splitmix64.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for at in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        items.swap(at, ((z ^ (z >> 31)) % (at as u64 + 1)) as usize);
    }
}

fn uci() -> Channel {
    channel(json!({"kind": "pos_file", "key": "k", "row": "line", "cancel_prefix": "C", "currency": "GBP",
        "time_zone": "Europe/London", "columns": {"receipt": "InvoiceNo", "sku": "StockCode",
        "quantity": "Quantity", "time": "InvoiceDate", "unit_price": "UnitPrice", "member": "CustomerID"}}))
}

/// Header and rows of one day. A day's parts are cut inside an invoice, and all rows of a receipt must stand in one file:
/// so the parts are put together again.
fn day_rows(folder: &Path, day: &str) -> (String, Vec<String>) {
    let mut head = String::new();
    let mut rows = Vec::new();
    for part in 1.. {
        let Ok(text) = fs::read_to_string(folder.join(format!("{day}.part{part}.csv"))) else { break };
        let mut lines = text.lines().map(str::to_owned);
        head = lines.next().unwrap_or_default();
        rows.extend(lines.filter(|l| !l.is_empty()));
    }
    assert!(!rows.is_empty(), "{day}");
    (head, rows)
}

fn figures(events: &[Draft]) -> Value {
    let (mut rows, mut cancellations, mut anonymous) = (0, 0, 0);
    let (mut positive, mut negative) = (Money::new(0, 2), Money::new(0, 2));
    let mut customers = BTreeSet::new();
    for draft in events {
        let own = draft.raw.body.iter().filter(|b| **b == b'\n').count() - 1;
        rows += own;
        match &draft.body {
            Body::Purchase(purchase) => {
                assert_eq!(purchase.lines.len(), own, "{}", draft.key);
                for line in &purchase.lines {
                    let side = if line.amount.units < 0 { &mut negative } else { &mut positive };
                    *side = side.plus(line.amount);
                }
            }
            Body::Refund(refund) => {
                cancellations += 1;
                negative = negative.plus(refund.total.negated());
            }
            other => panic!("{}", other.type_name()),
        }
        match draft.identifiers.as_slice() {
            [] => anonymous += own,
            [one] => {
                customers.insert(one.value.clone());
            }
            more => panic!("{} identifiers", more.len()),
        }
    }
    let cents = |m: Money| {
        let mut m = m;
        while m.scale > 2 {
            assert_eq!(m.units % 10, 0, "exact to the cent");
            m = Money::new(m.units / 10, m.scale - 1);
        }
        m.to_string()
    };
    json!({"rows": rows, "invoices": events.len(), "cancellation_invoices": cancellations,
        "rows_without_customer": anonymous, "customers": customers.len(), "positive": cents(positive),
        "negative": cents(negative), "net": cents(positive.plus(negative))})
}

#[test]
fn uci_days_give_the_published_totals_in_any_order() {
    let Some(folder) = support::corpus("fixtures/pos/uci-online-retail") else { return };
    let totals = fs::read_to_string(folder.join("TOTALS.computed.json")).expect("totals");
    let totals: Value = serde_json::from_str(&totals).expect("json");
    let mut days: Vec<(&String, &Value)> = totals["uci_by_day"].as_object().expect("days").iter().collect();
    assert_eq!(days.len(), 5);
    let channel = uci();
    for seed in SEEDS {
        shuffle(&mut days, seed);
        for (day, want) in &days {
            let (head, mut rows) = day_rows(&folder, day);
            if seed != SEEDS[0] {
                shuffle(&mut rows, seed);
            }
            let found = figures(&decode(&channel, &format!("{head}\n{}\n", rows.join("\n"))));
            for (name, value) in found.as_object().expect("figures") {
                assert_eq!(&want[name], value, "{day} {name}, seed {seed}");
            }
        }
    }
}

fn days_of(events: &[Draft]) -> BTreeMap<u64, BTreeSet<i64>> {
    let mut days: BTreeMap<u64, BTreeSet<i64>> = BTreeMap::new();
    for draft in events {
        assert!(matches!(draft.body, Body::Purchase(_)));
        let day = draft.occurred_at.expect("a time").0.div_euclid(86_400_000_000);
        let customer = draft.identifiers[0].value.parse().expect("a number");
        days.entry(customer).or_default().insert(day);
    }
    days
}

/// Hundredths of weeks, rounded: a seventh is never half a hundredth.
fn weeks(days: i64) -> i64 {
    (days * 200 + 7) / 14
}

fn hundredths(text: &str) -> i64 {
    Money::parse(text).expect("a number").plus(Money::new(0, 2)).units
}

fn cdnow(sample: &Path, summary: &Path) -> usize {
    let end = Micros::parse("1997-09-30T00:00:00Z").expect("a time").0 / 86_400_000_000;
    // Columns: number in the whole set, number in the sample, day, discs, dollars; no receipt number.
    let channel = channel(json!({"kind": "pos_file", "key": "k", "delimiter": "space", "header": false,
        "fact_key": "{hash}", "currency": "USD", "columns": {"member": 2, "date": 3, "quantity": 4, "total": 5}}));
    let text = fs::read_to_string(sample).expect("sample");
    let summary = fs::read_to_string(summary).expect("summary");
    let mut customers = 0;
    for seed in SEEDS {
        let mut rows: Vec<&str> = text.lines().collect();
        shuffle(&mut rows, seed);
        let events = decode(&channel, &rows.join("\n"));
        assert_eq!(events.len(), rows.len());
        let keys: BTreeSet<&str> = events.iter().map(|d| d.key.as_str()).collect();
        assert_eq!(keys.len(), rows.len(), "every purchase is a fact of its own");
        let bought = days_of(&events);
        customers = 0;
        for line in summary.lines().skip(1).filter(|l| !l.is_empty()) {
            let fields: Vec<&str> = line.split(',').collect();
            let id: u64 = fields[0].parse().expect("id");
            let days: Vec<i64> = bought[&id].iter().copied().filter(|d| *d <= end).collect();
            let (first, last) = (days[0], days[days.len() - 1]);
            let found = (days.len() as i64 - 1, weeks(last - first), weeks(end - first));
            let want = (fields[1].parse().expect("frequency"), hundredths(fields[2]), hundredths(fields[3]));
            assert_eq!(found, want, "customer {id}, seed {seed}");
            customers += 1;
        }
    }
    customers
}

#[test]
fn cdnow_customers_have_the_published_frequency_recency_and_age() {
    let Some(folder) = support::corpus("data/cdnow") else { return };
    let customers = cdnow(&folder.join("CDNOW_sample.txt"), &folder.join("cdnow_customers_summary.csv"));
    assert_eq!(customers, 2_357);
    let Some(folder) = support::corpus("fixtures/pos/cdnow") else { return };
    let reduced = cdnow(&folder.join("CDNOW_sample.a.txt"), &folder.join("cdnow_customers_summary.csv"));
    assert_eq!(reduced, 1_417);
}
