//! Golden bytes: what this release writes is what the first one wrote, and what lies in `tests/data/v*` is still read.
//!
//! The files there are never rewritten. `UPDATE_EXPECT=1` writes one that is missing; a format that must change gets a
//! number of its own and a folder beside.

mod offers;
mod rows;
mod size;
mod suspicious;
mod values;

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};
use tributary_core::{
    event::RecordedEvent,
    ids::{Cursor, CustomerId, EventId, FactKey, Position, REMOVAL},
    token::IndexKey,
    wire,
};

fn path_of(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(file)
}

/// What a file of an earlier format holds.
fn old(file: &str) -> BTreeMap<String, String> {
    let golden = std::fs::read_to_string(path_of(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    golden.lines().filter_map(|l| l.split_once('\t')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Compares lines of `name, tab, value` with the file; gives what the file holds.
fn check(file: &str, lines: &[(String, String)]) -> BTreeMap<String, String> {
    let path = path_of(file);
    let text = lines.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name}\t{value}");
        text
    });
    let update = std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1");
    if update && !path.exists() {
        std::fs::write(&path, &text).expect("a golden file");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    for (have, want) in text.lines().zip(golden.lines()) {
        assert_eq!(have, want, "{file}: what is written is not what the first release wrote");
    }
    assert_eq!(text.lines().count(), golden.lines().count(), "{file}: lines");
    old(file)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn names_are_for_ever() {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push((name.to_owned(), value));
    let receipt = ("pos_csv", "store7", "store7/till2/000123");
    let (kind, account, key) = receipt;
    for (revision, generation) in [(0, 0), (1, 0), (REMOVAL, 0), (0, 1), (7, 300)] {
        let id = EventId::derive(kind, account, key, revision, generation);
        line(&format!("event {revision} {generation}"), id.to_string());
    }
    line("event empty", EventId::derive("", "", "", 0, 0).to_string());
    line("event unicode", EventId::derive("web_form", "店", "陳/1", 2, 0).to_string());
    line("fact", hex(&FactKey::derive(kind, account, key).0));
    line("fact unicode", hex(&FactKey::derive("web_form", "店", "陳/1").0));
    let birth = EventId::derive(kind, account, key, 0, 0);
    for ordinal in [0, 1, 31, 32, 255] {
        let id = CustomerId { event: birth, ordinal };
        assert_eq!(id.to_string().parse(), Ok(id));
        line(&format!("customer {ordinal}"), id.to_string());
    }
    let index = IndexKey::new(&[7; 32]);
    for (kind, scope, value) in [
        ("phone", "", "+886912111222"),
        ("email", "", "amy@x.tw"),
        ("line", "prov-1", "U00000000000000000000000000000001"),
        ("member", "", "M1"),
        ("social", "facebook", "100001"),
        ("", "", ""),
        ("a", "bc", ""),
        ("ab", "c", ""),
    ] {
        line(&format!("token {kind}/{scope} {value}"), index.token(kind, scope, value).to_hex());
    }
    for positions in [&[][..], &[(1, 0)], &[(0x0a0b_0c0d, 70_000)], &[(9, 3), (1, u64::MAX)]] {
        let positions =
            positions.iter().map(|(origin, sequence)| Position { origin: *origin, sequence: *sequence });
        let cursor = Cursor::new(positions);
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        line(&format!("cursor {:?}", cursor.positions()), cursor.to_string());
    }
    let golden = check("v1/names.tsv", &lines);
    // The design's own examples.
    assert_eq!(golden["event 0 0"], "c8e3a51a-480f-510b-ae00-ddad2fee1d8c");
    assert_eq!(golden["customer 0"], "cus_zdr2kgsib4ilxabxnnf7xb3daa");
    assert_eq!(golden["customer 1"], "cus_zdr2kgsib4ilxabxnnf7xb3dab");
}

/// One event of every type, in the bytes of the log.
#[test]
fn events_are_for_ever() {
    let events: Vec<RecordedEvent> = values::one_of_each();
    let name = |e: &RecordedEvent| format!("{} {}", e.event.body.type_name(), e.event.key);
    let lines: Vec<_> = events.iter().map(|e| (name(e), hex(&wire::encode(&e.event)))).collect();
    let types: std::collections::BTreeSet<_> = events.iter().map(|e| e.event.body.type_name()).collect();
    assert_eq!(types.len(), values::TYPES, "every type once at least");
    let golden = check("v1/events.tsv", &lines);
    for event in &events {
        let decoded = wire::decode(&unhex(&golden[&name(event)])).expect("an event of the first release");
        assert_eq!(decoded, event.event);
    }
}
