//! What shops do: two files for one receipt, control rows, nights, workbooks.

use super::tests::{body, channel, decode, decode_with, details, fact, problem};
use serde_json::{Value, json};
use std::io::Write as _;

/// Both files as one request.
fn two<'a>(heads: &str, details: &str, headers: &'a mut String) -> (Vec<u8>, [(&'a str, &'a str); 1]) {
    *headers = heads.len().to_string();
    (format!("{heads}{details}").into_bytes(), [("x-detail-at", headers)])
}

fn paired(extra: Value) -> crate::settings::Channel {
    let mut table = json!({"pair": ["-h", "-d"], "columns": {"store": "s", "receipt": "no", "date": "d", "total": "sum"},
        "detail_columns": {"store": "shop", "receipt": "no", "sku": "item", "quantity": "n", "amount": "sum"}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        table[key] = value.clone();
    }
    channel(table)
}

#[test]
fn heads_and_details_may_come_in_two_files() {
    let channel = paired(json!({}));
    let heads = "s,no,d,sum\n7,001,2026-03-01,150\n8,001,2026-03-01,9\n7,002,2026-03-01,5\n";
    let details = "shop,no,item,n,sum\n8,1,X,1,1\n7,001,A,1,100\n8,001,C,1,9\n7,001,B,2,50\n7,002,D,x,5\n";
    let mut at = String::new();
    let (file, headers) = two(heads, details, &mut at);
    let decoded = decode_with(&channel, &headers, &file);
    assert_eq!(decoded.events.len(), 2);
    let want = json!({"purchase": {"currency": "TWD", "total": "150", "lines": [
        {"sku": "A", "quantity": "1", "amount": "100"}, {"sku": "B", "quantity": "2", "amount": "50"}],
        "refs": ["001"]}});
    assert_eq!((decoded.events[0].key.as_str(), body(&decoded.events[0])), ("7/001", want));
    assert_eq!(decoded.events[1].key, "8/001");
    let mut found = details_of(&decoded);
    found.sort();
    assert_eq!(found, ["line 2: is a detail without its head", "line 6: quantity is not a number"]);
    for part in decoded.events.iter().map(|e| &e.raw).chain(decoded.unrecognised.iter().map(|u| &u.raw)) {
        let headers: Vec<(&str, &str)> = part.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let again = decode_with(&channel, &headers, &part.body);
        assert_eq!(again.events.len() + again.unrecognised.len(), 1);
        assert!(again.events.iter().all(|e| decoded.events.iter().any(|d| fact(d) == fact(e))));
    }
    // Without the stores nobody can say whose a detail is.
    let table = json!({"detail_columns": {"receipt": "no", "sku": "item", "quantity": "n", "amount": "sum"}});
    let decoded = decode_with(&paired(table), &headers, &file);
    assert_eq!(details_of(&decoded)[1], "line 3: is a detail of several heads: map more of their columns");
}

fn details_of(decoded: &crate::adapter::Decoded) -> Vec<String> {
    details(decoded).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_void_head_takes_its_details_along() {
    let table = json!({"header": false, "head": "H", "detail": "D",
        "columns": {"record_type": 1, "receipt": 2, "total": 3, "void": 4},
        "detail_columns": {"sku": 2, "amount": 3}});
    let decoded = decode(&channel(table), "H,1,100,1\nD,A,100\n");
    assert_eq!(body(&decoded.events[0]), json!({"removed": {"of": "1"}}));
}

#[test]
fn control_rows_are_compared() {
    let table = json!({"header": false, "control": "T", "control_columns": {"receipts": 2, "total": "3", "rows": 4},
        "columns": {"receipt": 1, "total": 2}});
    let channel = channel(table);
    let right = "1,\"1,500\"\n2,-20\nT,2,1480.0,2\n";
    assert_eq!(decode(&channel, right).unrecognised, []);
    let wrong = decode(&channel, "1,500\n2,x\nT,2,480,3\n");
    let want = [
        "line 2: total is not an amount",
        "line 3: rows: it says 3, the file has 2; total: it says 480, the file has 500",
    ];
    assert_eq!(details(&wrong), want);
    assert_eq!((wrong.events.len(), wrong.unrecognised[1].reason), (1, "control_differs"));
    let cut = decode_with(&channel, &[], b"1,500\n2,20\n");
    assert_eq!((cut.events.len(), cut.unrecognised[0].reason), (2, "control_missing"));
    assert!(problem(json!({"key": "k", "control": "T"})).contains("control: needs"));
    let bad = json!({"key": "k", "control": "T", "control_columns": {"sum": 1}});
    assert!(problem(bad).contains("control_columns.sum: means nothing"));
}

#[test]
fn the_night_belongs_to_the_day_before() {
    let table = json!({"fact_key": "{date}/{receipt}", "day_starts": "05:00"});
    let decoded =
        decode(&channel(table), "receipt,date,time,total\n1,2026-03-02,01:30,5\n1,2026-03-02,05:00,6\n");
    let keys: Vec<&str> = decoded.events.iter().map(|d| d.key.as_str()).collect();
    assert_eq!(keys, ["2026-03-01/1", "2026-03-02/1"]);
    assert!(problem(json!({"key": "k", "date_is": "business"})).contains("date_is: needs `day_starts`"));
    assert!(problem(json!({"key": "k", "day_starts": "17:00"})).contains("day_starts: must be"));
}

/// A workbook of these parts beside the ones that every workbook has.
fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let parts = [
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{rels}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{rels}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{main}" xmlns:r="{rels}"><sheets><sheet name="Sales" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                r#"<styleSheet xmlns="{main}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="20"/></cellXfs></styleSheet>"#
            ),
        ),
        ("xl/sharedStrings.xml", format!(r#"<sst xmlns="{main}" {strings}</sst>"#)),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>"#),
        ),
    ];
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("a part's text");
    }
    zip.finish().expect("a workbook").into_inner()
}

const STRINGS: &str = r#"count="5" uniqueCount="5"><si><t>receipt</t></si><si><t>date</t></si><si><t>time</t></si><si><t>total</t></si><si><t>name</t></si>"#;
const HEADER: &str = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v>3</v></c><c r="E1" t="s"><v>4</v></c></row>"#;

#[test]
fn a_workbook_is_a_table() {
    let sheet = format!(
        r#"{HEADER}<row r="2"><c r="A2"><v>17850</v></c><c r="B2" s="1"><v>46082</v></c><c r="C2" s="2"><v>0.425</v></c><c r="D2"><v>85.5</v></c><c r="E2" t="inlineStr"><is><t>陳, "美"玲</t></is></c></row>
           <row r="4"><c r="A4"><v>1.234567890123E+16</v></c><c r="B4" s="1"><v>46082</v></c><c r="D4"><v>5</v></c></row>
           <row r="5"><c r="A5" t="inlineStr"><is><t>0007</t></is></c><c r="B5" s="1"><v>46082.5</v></c><c r="D5"><v>5</v></c></row>"#
    );
    let decoded = decode(&channel(json!({"date_format": ["roc"]})), workbook(&sheet, STRINGS));
    let facts: Vec<(&str, String)> =
        decoded.events.iter().map(|d| (d.key.as_str(), d.occurred_at.expect("a time").to_string())).collect();
    let want = [("17850", "2026-03-01T02:12:00Z".to_owned()), ("0007", "2026-03-01T04:00:00Z".to_owned())];
    assert_eq!(facts, want);
    assert_eq!(body(&decoded.events[0])["purchase"]["total"], "85.5");
    assert_eq!(fact(&decoded.events[0]).4["profile"]["name"], "陳, \"美\"玲");
    assert_eq!(details(&decoded), ["line 4: receipt is in scientific notation: its last digits are lost"]);
    let raw = String::from_utf8(decoded.events[1].raw.body.clone()).expect("text");
    assert_eq!(raw, "\u{feff}receipt,date,time,total,name\n0007,2026-03-01T12:00:00,,5,\n");
}

#[test]
fn a_workbook_that_would_burst_is_kept_unread() {
    let kept = |table: Value, file: Vec<u8>| {
        let decoded = decode_with(&channel(table), &[], &file);
        assert_eq!((decoded.events.len(), decoded.unrecognised[0].reason), (0, "bad_workbook"));
        decoded.unrecognised[0].detail.clone()
    };
    let padding = format!("{HEADER}{}", " ".repeat(70 * 1024 * 1024));
    let bomb = workbook(&padding, STRINGS);
    assert!(bomb.len() < 200_000);
    assert_eq!(kept(json!({}), bomb), "the workbook unpacks to more than 64 MiB");
    let many = r#"count="1" uniqueCount = '99999999999'>"#;
    assert_eq!(kept(json!({}), workbook(HEADER, many)), "the workbook claims more texts than it has");
    let far = r#"<row r="1"><c r="XFD1"><v>1</v></c></row>"#;
    assert!(kept(json!({}), workbook(far, STRINGS)).contains("wider than"));
    assert!(kept(json!({"sheet": "Other"}), workbook(HEADER, STRINGS)).contains("no sheet"));
    assert!(kept(json!({"delimiter": "space"}), workbook(HEADER, STRINGS)).contains("delimiter"));
    assert_eq!(kept(json!({}), b"PK\x03\x04 and no more".to_vec()), "the workbook is no whole archive");
    let deep = r#"<row r="1048576"><c r="A1048576"><v>1</v></c></row>"#;
    assert!(decode_with(&channel(json!({})), &[], &workbook(deep, STRINGS)).unrecognised.len() <= 1);
}
