//! Character sets, delimiters, records, JSON and keys without receipts.

use super::tests::{body, channel, decode, details, fact};
use serde_json::json;

#[test]
fn big5_and_gb18030_keep_their_bytes() {
    let file = "receipt,name,total\n許1,許功蓋,500\n2,王大明,70\n";
    for (label, encoding) in [("big5", encoding_rs::BIG5), ("gb18030", encoding_rs::GB18030)] {
        let (bytes, _, _) = encoding.encode(file);
        let decoded = decode(&channel(json!({"charset": label})), &bytes);
        assert_eq!(decoded.events.len(), 2, "{label}");
        assert_eq!(decoded.events[0].key, "許1");
        assert_eq!(fact(&decoded.events[0]).4["profile"]["name"], "許功蓋");
        let (want, _, _) = encoding.encode("receipt,name,total\n許1,許功蓋,500\n");
        assert_eq!(decoded.events[0].raw.body, want.as_ref(), "{label}");
    }
    // The second byte of 功 in Big5 is a backslash, that of others a bar.
    let (bytes, _, _) = encoding_rs::BIG5.encode("receipt|name|total\n1|許功蓋育|500\n");
    let decoded = decode(&channel(json!({"charset": "big5", "delimiter": "|"})), &bytes);
    assert_eq!(fact(&decoded.events[0]).4["profile"]["name"], "許功蓋育");
}

#[test]
fn a_byte_order_mark_counts_more_than_the_configured_charset() {
    let file = "\u{feff}receipt\ttotal\tname\n1\t500\t陳\n";
    let tabs = channel(json!({"charset": "big5", "delimiter": "tab"}));
    let utf16: Vec<u8> = file.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [file.as_bytes(), &utf16] {
        let decoded = decode(&tabs, bytes);
        assert_eq!(decoded.events[0].key, "1");
        assert_eq!(fact(&decoded.events[0]).4["profile"]["name"], "陳");
    }
}

#[test]
fn unreadable_bytes_cost_a_name_but_never_an_id() {
    let decoded = decode(&channel(json!({})), b"receipt,total,name,member\n1,5,\xff\xfe,M1\n2,6,A,\xffM\n");
    assert_eq!(decoded.events.len(), 1);
    assert!(decoded.events[0].content.profile.is_empty());
    assert_eq!(details(&decoded), ["line 3: member has bytes that are not UTF-8"]);
}

#[test]
fn a_stray_quote_costs_one_line() {
    let mut file = "receipt,name,total\n1,\"two\nlines \"\"x\"\"\",5\n2,\"open,6\n".to_owned();
    for n in 3..40 {
        file.push_str(&format!("{n},5\" pipe,7\n"));
    }
    let decoded = decode(&channel(json!({})), &file);
    assert_eq!(decoded.events.len(), 38);
    assert_eq!(fact(&decoded.events[0]).4["profile"]["name"], "two\nlines \"x\"");
    assert_eq!(fact(&decoded.events[1]).4["profile"]["name"], "5\" pipe");
    assert_eq!(details(&decoded), ["line 4: has a quote that is not closed"]);
    let at_the_end = decode(&channel(json!({})), "receipt,name,total\n1,\"open,5\n2,b,6");
    assert_eq!(at_the_end.events.len(), 1);
}

#[test]
fn spaces_and_numbered_columns_and_keys_from_hashes() {
    let table = json!({"delimiter": "space", "header": false, "fact_key": "{hash}", "currency": "USD",
        "time_zone": "UTC", "columns": {"member": 1, "date": 3, "quantity": "4", "total": 5}});
    let file = " 00004 0001 19970101  2   29.33\n 00004 0001 19970101  2   29.33\n 00050 0003 19970101  1\n";
    let decoded = decode(&channel(table.clone()), file);
    assert_eq!(decoded.events.len(), 2);
    let (first, second) = (&decoded.events[0], &decoded.events[1]);
    assert_eq!(second.key, format!("{}-1", first.key));
    assert!(first.key.len() == 32 && first.key != "00004");
    assert_eq!(body(first), json!({"purchase": {"currency": "USD", "total": "29.33"}}));
    assert_eq!(first.identifiers[0].value, "00004");
    assert_eq!(details(&decoded), ["line 3: total is missing: there are 4 columns"]);
    let later = decode(&channel(table), &file[file.len() / 3..]);
    assert_eq!(later.events[0].key, first.key, "the same row in another file is the same fact");
}

#[test]
fn heads_and_details_are_one_receipt() {
    let table = json!({"header": false, "head": "H", "detail": "D", "ignore": ["T"], "date_format": ["roc"],
        "columns": {"record_type": 1, "store": 2, "receipt": 3, "date": 4, "member": 5, "total": 6},
        "detail_columns": {"sku": 2, "quantity": 3, "amount": 4}});
    let file = "H,7,001,1150301,M1,150\nD,A1,1,100\nD,B2,2,50\nH,7,002,1150301,,80\nD,C3,1,x\n\
                H,7,,1150301,,80\nD,C3,1,80\nH,7,004,1150302,,9\nX,1\nT,4\n";
    let decoded = decode(&channel(table), file);
    assert_eq!(decoded.events.len(), 2);
    let want = json!({"purchase": {"currency": "TWD", "total": "150", "lines": [
        {"sku": "A1", "quantity": "1", "amount": "100"}, {"sku": "B2", "quantity": "2", "amount": "50"}],
        "refs": ["001"]}});
    assert_eq!(body(&decoded.events[0]), want);
    assert_eq!(decoded.events[1].key, "7/004");
    let mut found = details(&decoded);
    found.sort_unstable();
    let want = [
        "line 5: amount is not a number",
        "line 6: receipt is empty or no id, and the key needs it",
        "line 7: is a detail without its head",
        "line 9: record_type is none of the configured ones",
    ];
    assert_eq!(found, want);
}

#[test]
fn json_lines_follow_paths_and_keep_numbers_as_written() {
    let table = json!({"lines": "items", "columns": {"receipt": "no", "time": "at", "total": "sum.gross",
        "member": "who.card", "sku": "id", "quantity": "n", "amount": "price"}});
    let file = "{\"no\": 1, \"at\": \"2026-03-01T10:12:00+08:00\", \"sum\": {\"gross\": 29.330}, \
                \"who\": {\"card\": \"0012\"}, \"items\": [{\"id\": \"A\", \"n\": 2, \"price\": 29.33}, {\"id\": \"B\", \"price\": 0}]}\n\
                {\"no\": 2, \"at\": \"2026-03-01T10:13:00+08:00\", \"sum\": {\"gross\": 1}, \"items\": []}\n\
                [1]\n{\"no\": {\"x\": 1}}\n{\"no\": 3, \"items\": 4}\n";
    let decoded = decode(&channel(table), file);
    assert_eq!(decoded.events.len(), 2);
    let want = json!({"purchase": {"currency": "TWD", "total": "29.330", "lines": [
        {"sku": "A", "quantity": "2", "amount": "29.33"}, {"sku": "B", "quantity": "1", "amount": "0"}],
        "refs": ["1"]}});
    assert_eq!(body(&decoded.events[0]), want);
    assert_eq!(decoded.events[0].identifiers[0].value, "0012");
    let want = [
        "line 3: is not a JSON object",
        "line 4: receipt is not a single value",
        "line 5: items is not an array of at most 10000 objects",
    ];
    assert_eq!(details(&decoded), want);
}

#[test]
fn a_mapped_column_that_is_not_there_keeps_the_whole_file() {
    let table = json!({"columns": {"receipt": "No", "total": "Sum"}});
    let decoded = decode(&channel(table), "No,Total\n1,5\n2,6\n");
    assert!(decoded.events.is_empty());
    assert_eq!(details(&decoded), ["line 1: no column \"Sum\" (total)"]);
    assert_eq!(decoded.unrecognised[0].raw.body, b"No,Total\n1,5\n2,6\n");
    assert!(decode(&channel(json!({})), "").events.is_empty());
}

#[test]
fn a_line_that_stands_twice_counts_once() {
    let channel = channel(json!({"row": "line"}));
    let file = "receipt,line_no,sku,amount\n1,2,B,5\n1,1,A,7\n1,2,B,5\n2,1,A,7\n2,1,A,8\n";
    let decoded = decode(&channel, file);
    let want =
        json!([{"sku": "A", "quantity": "1", "amount": "7"}, {"sku": "B", "quantity": "1", "amount": "5"}]);
    assert_eq!(body(&decoded.events[0])["purchase"]["lines"], want);
    assert_eq!(body(&decoded.events[0])["purchase"]["total"], "12");
    assert_eq!(details(&decoded), ["line 6: line_no stands twice in one receipt, with different rows"]);
}
