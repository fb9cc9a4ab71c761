use crate::{
    adapter::{ChannelAdapter, Decoded, InboundRequest},
    settings::{self, Channel, Settings},
};
use serde_json::{Value, json};
use tributary_core::{body::Body, draft::Draft, event::Trust, ids::REMOVAL, seal::Raw, time::Micros};

pub(super) fn channel(table: Value) -> Channel {
    let Value::Object(mut table) = table else { panic!("a table") };
    table.insert("kind".into(), "pos_file".into());
    table.entry("key").or_insert_with(|| "test-key".into());
    let settings = Settings::new("till", table, "Asia/Taipei", "TW");
    settings::build(settings).unwrap_or_else(|e| panic!("{e}"))
}

pub(super) fn problem(table: Value) -> String {
    let Value::Object(mut table) = table else { panic!("a table") };
    table.insert("kind".into(), "pos_file".into());
    settings::build(Settings::new("till", table, "Asia/Taipei", "TW"))
        .expect_err("wrong settings")
        .to_string()
}

pub(super) fn decode_with(channel: &Channel, headers: &[(&str, &str)], body: &[u8]) -> Decoded {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let request = InboundRequest {
        received_at: Micros::from_secs(1_772_331_120),
        ..InboundRequest::post(&headers, body)
    };
    channel.adapter.decode(&request).expect("decodes")
}

/// Decodes, and checks that every raw request decodes to its event again, and alone.
pub(super) fn decode(channel: &Channel, body: impl AsRef<[u8]>) -> Decoded {
    let decoded = decode_with(channel, &[], body.as_ref());
    for draft in &decoded.events {
        let again = again(channel, &draft.raw);
        assert_eq!(again.unrecognised, []);
        assert_eq!(again.events.iter().map(fact).collect::<Vec<_>>(), [fact(draft)]);
    }
    for bad in &decoded.unrecognised {
        let again = again(channel, &bad.raw);
        assert_eq!(again.events.len() + again.unrecognised.len(), 1, "{}", bad.detail);
    }
    decoded
}

fn again(channel: &Channel, raw: &Raw) -> Decoded {
    let headers: Vec<(&str, &str)> = raw.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    decode_with(channel, &headers, &raw.body)
}

type Fact = (String, u64, Option<Micros>, Body, Value, Vec<(String, String, Trust)>);

pub(super) fn fact(draft: &Draft) -> Fact {
    let claims = draft.identifiers.iter().map(|c| (c.kind.clone(), c.value.clone(), c.trust)).collect();
    let content = serde_json::to_value(&draft.content).expect("content");
    (draft.key.clone(), draft.revision, draft.occurred_at, draft.body.clone(), content, claims)
}

pub(super) fn body(draft: &Draft) -> Value {
    serde_json::to_value(&draft.body).expect("body")
}

pub(super) fn details(decoded: &Decoded) -> Vec<&str> {
    decoded.unrecognised.iter().map(|u| u.detail.as_str()).collect()
}

#[test]
fn a_row_is_a_receipt_and_a_bad_row_costs_only_itself() {
    let channel = channel(json!({}));
    let file = "store,register,receipt,date,time,member,phone,name,total,tax\r\n\
                7,2,000123,2026-03-01,10:12,M1,0912-345-678,陳美玲,\"1,280\",61\r\n\
                7,2,000124,2026-03-01,10:13,,,,abc,\r\n\
                7,2,000125,2026-02-30,10:13,,,,5,\r\n\
                7,2,1.23E+11,2026-03-01,10:14,,,,5,\r\n\
                7,2,000126,2026-03-01,10:15,17850.0,9.12E+8,,85.50,\r\n\
                7,2,000127,2026-03-01\r\n";
    let decoded = decode(&channel, file);
    assert_eq!(decoded.events.len(), 2);
    let sale = &decoded.events[0];
    assert_eq!(sale.key, "7/2/000123");
    assert_eq!(sale.occurred_at, Micros::parse("2026-03-01T10:12:00+08:00"));
    let want = json!({"purchase": {"currency": "TWD", "total": "1280", "tax": "61", "refs": ["000123"]}});
    assert_eq!(body(sale), want);
    assert_eq!(fact(sale).4["profile"], json!({"name": "陳美玲", "telephone": "0912-345-678"}));
    let other = &decoded.events[1];
    assert_eq!(fact(other).5, [("member".to_owned(), "17850".to_owned(), Trust::Verified)]);
    assert_eq!(other.content.contacts[0].reason, "scientific_notation");
    let mut found = details(&decoded);
    found.sort_unstable();
    let want = [
        "line 3: total is not an amount",
        "line 4: date cannot be read",
        "line 5: receipt is in scientific notation: its last digits are lost",
        "line 7: has 4 columns, the header 10",
    ];
    assert_eq!(found, want);
}

#[test]
fn rows_with_one_key_are_one_purchase() {
    let table = json!({"row": "line", "cancel_prefix": "C", "currency": "GBP", "columns": {"receipt": "InvoiceNo",
        "sku": "StockCode", "quantity": "Quantity", "time": "InvoiceDate", "unit_price": "UnitPrice",
        "member": "CustomerID"}});
    let file = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\n\
                5001,A1,LAMP,6,2026-03-01 08:26:00,2.55,17850.0\n\
                5002,B2,\"BOX, \"\"BIG\"\"\",1,2026-03-01 08:27:00,4,\n\
                5001,C3,CUP,0.5,2026-03-01 08:27:00,3.390,17850.0\n\
                C5003,A1,LAMP,-1,2026-03-01 09:00:00,27.5,17850.0\n\
                5004,A1,LAMP,x,2026-03-01 09:00:00,1,\n\
                5004,A1,LAMP,1,2026-03-01 09:00:00,1,\n";
    let decoded = decode(&channel(table), file);
    assert_eq!(decoded.events.len(), 3);
    let want = json!({"purchase": {"currency": "GBP", "total": "16.9950", "lines": [
        {"sku": "A1", "quantity": "6", "amount": "15.30"}, {"sku": "C3", "quantity": "0.5", "amount": "1.6950"}],
        "refs": ["5001"]}});
    assert_eq!(body(&decoded.events[0]), want);
    assert_eq!(decoded.events[0].identifiers.len(), 1);
    assert!(decoded.events[1].identifiers.is_empty());
    assert_eq!(body(&decoded.events[2]), json!({"refund": {"of": "", "currency": "GBP", "total": "27.5"}}));
    assert_eq!(decoded.events[2].key, "C5003");
    assert_eq!(details(&decoded), ["line 6: quantity is not a number"]);
    assert_eq!(decoded.unrecognised[0].raw.body.iter().filter(|b| **b == b'\n').count(), 3);
}

#[test]
fn refunds_voids_and_versions_are_revisions_and_facts_of_their_own() {
    let channel = channel(json!({"store": "S1"}));
    let file =
        "receipt,total,refund_of,void,revision\n1,500,,,3\n2,-120,1,,1\n1,-500,1,,1\n3,70,,作廢,\n4,5,,0,x\n";
    let decoded = decode(&channel, file);
    let keys: Vec<(&str, u64)> = decoded.events.iter().map(|d| (d.key.as_str(), d.revision)).collect();
    assert_eq!(keys, [("S1/1", 3), ("S1/2", 1), ("S1/1#refund", 1), ("S1/3", REMOVAL)]);
    assert_eq!(
        body(&decoded.events[1]),
        json!({"refund": {"of": "S1/1", "currency": "TWD", "total": "120"}})
    );
    assert_eq!(body(&decoded.events[3]), json!({"removed": {"of": "S1/3"}}));
    assert_eq!(details(&decoded), ["line 6: revision is neither a whole number nor a time"]);
}

#[test]
fn without_a_version_only_the_files_time_supersedes() {
    let file = "receipt,total\n1,500\n";
    let never = channel(json!({}));
    assert_eq!(decode(&never, file).events[0].revision, 0);
    let timed = decode_with(&never, &[("x-file-time", "1772331000")], file.as_bytes());
    assert_eq!(timed.events[0].revision, 1_772_331_000);
    assert_eq!(fact(&again(&never, &timed.events[0].raw).events[0]), fact(&timed.events[0]));
    let upload = channel(json!({"supersede": "upload_time"}));
    assert_eq!(decode(&upload, file).events[0].revision, 1_772_331_120);
    let headers = [("x-file-time".to_owned(), "yesterday".to_owned())];
    let request = InboundRequest::post(&headers, file.as_bytes());
    assert_eq!(never.adapter.decode(&request).expect_err("no time").status, 400);
    let adapter: &dyn ChannelAdapter = &*never.adapter;
    assert_eq!(adapter.verify(&request).expect_err("no key").status, 401);
}

#[test]
fn the_same_key_twice_with_different_rows_is_never_dropped_silently() {
    let decoded = decode(&channel(json!({})), "receipt,total\n1,500\n1,500\n1,501\n");
    assert_eq!(decoded.events.len(), 2);
    assert_eq!(details(&decoded), ["line 4: has the key of line 2, but another content"]);
}

#[test]
fn a_receipts_rows_must_agree_on_who_and_when() {
    let channel = channel(json!({"row": "line"}));
    let file = "receipt,date,member,amount\n1,2026-03-01,M1,5\n1,2026-03-01,M2,6\n\
                2,2026-03-01,M1,5\n2,2026-03-03,,6\n3,2026-03-01,,5\n3,2026-03-02,M3,6\n";
    let decoded = decode(&channel, file);
    assert_eq!(decoded.events.len(), 1);
    assert_eq!(fact(&decoded.events[0]).5.len(), 1);
    let want = [
        "line 3: member differs between the rows of one receipt",
        "line 5: date is another day than before in one receipt: add {date} to fact_key",
    ];
    assert_eq!(details(&decoded), want);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (table, want) in [
        (json!({}), "key: is missing"),
        (json!({"key": "k", "columns": {"recipt": "x"}}), "columns.recipt: means nothing"),
        (json!({"key": "k", "columns": {"total": "t"}}), "columns: needs `receipt`"),
        (json!({"key": "k", "columns": {"receipt": "t"}}), "columns: needs `total`"),
        (json!({"key": "k", "fact_key": "{member}/{receipt}"}), "a personal value is never a key"),
        (json!({"key": "k", "fact_key": "{store}"}), "fact_key: needs {receipt}"),
        (json!({"key": "k", "header": false}), "columns are numbers from 1"),
        (json!({"key": "k", "charset": "latin1"}), "charset: must be"),
        (json!({"key": "k", "delimiter": "\""}), "delimiter: must be"),
        (json!({"key": "k", "time_zone": "Taipei"}), "time_zone: must be"),
        (json!({"key": "k", "head": "H"}), "head: needs"),
        (json!({"key": "k", "row": "lines"}), "row: must be \"receipt\" or \"line\""),
        (json!({"key": "k", "currency": "twd"}), "currency: must be"),
        (json!({"key": "k", "colums": {}}), "colums: is not a known setting"),
    ] {
        let found = problem(table);
        assert!(found.contains(want), "{found}");
    }
    assert!(
        channel(json!({"folder": "/srv/in", "done": "/srv/done", "expect_every": "1d"})).context.account
            == "till"
    );
}
