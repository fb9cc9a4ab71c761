//! Captured payloads of real senders through the real ingress, validly signed: each becomes events, is kept with a reason,
//! or is refused by a documented rule; and none of their people shows in the hub's log.
//!
//! The captures are not part of the repository: `TRIBUTARY_CORPUS` names their folder.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tributary_tests::hub::{Folder, Hub, channels::Source};

/// One group of captures: channel, folder, ending, content type.
struct Group {
    source: Source,
    folder: &'static str,
    ending: &'static str,
    media: &'static str,
    /// Names of files that are no payloads.
    not: &'static [&'static str],
}

fn group(source: Source, folder: &'static str, ending: &'static str, media: &'static str) -> Group {
    Group { source, folder, ending, media, not: &["signature", "vector", "TOTALS", "LICENSE"] }
}

fn named(name: &str, kind: &str, settings: Value) -> Source {
    let mut table = settings.as_object().cloned().unwrap_or_default();
    table.insert("kind".into(), json!(kind));
    Source::of(name, table)
}

fn email(name: &str) -> Source {
    named(name, "email", json!({"mailbox": "us@tributary.example", "key": "k"}))
}

fn groups() -> Vec<Group> {
    const JSON: &str = "application/json";
    let uci = json!({"key": "k", "row": "line", "cancel_prefix": "C", "currency": "GBP",
        "time_zone": "Europe/London", "columns": {"receipt": "InvoiceNo", "sku": "StockCode",
        "quantity": "Quantity", "time": "InvoiceDate", "unit_price": "UnitPrice", "member": "CustomerID"}});
    vec![
        group(named("line", "line", json!({"provider": "p", "secret": "s"})), "line", "json", JSON),
        group(email("mail"), "email/eml", "eml", "message/rfc822"),
        group(email("mail-bounces"), "email/bounces", "eml", "message/rfc822"),
        group(email("mail-charsets"), "email/charsets", "eml", "message/rfc822"),
        group(email("mail-replies"), "email/replies", "eml", "message/rfc822"),
        group(
            named("meta", "meta", json!({"app_secret": "s", "verify_token": "t", "page": "12345654332"})),
            "social-meta",
            "json",
            JSON,
        ),
        group(
            named("form", "web_form", json!({"form": "lead", "fields": {}, "token": "t"})),
            "web-forms",
            "json",
            JSON,
        ),
        group(
            named("square", "square", json!({"signature_key": "k", "merchant": "M"})),
            "pos/square",
            "json",
            JSON,
        ),
        group(
            named("einvoice", "tw_einvoice", json!({"key": "k"})),
            "pos/tw-einvoice",
            "xml",
            "application/xml",
        ),
        group(named("till", "pos_file", uci), "pos/uci-online-retail", "csv", "text/csv"),
    ]
}

fn captures(group: &Group, corpus: &Path) -> Vec<PathBuf> {
    let folder = corpus.join("fixtures").join(group.folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let is = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(&format!(".{}", group.ending)) && !group.not.iter().any(|n| name.contains(n))
    };
    found.retain(is);
    found.sort();
    found
}

fn row(hub: &Hub, name: &str) -> [u64; 5] {
    let answer = hub.client().get("/v1/channels").must(200).json();
    let rows = answer["channels"].as_array().expect("a list");
    let row = rows.iter().find(|r| r["name"] == name).unwrap_or_else(|| panic!("{answer}"));
    let number = |path: &str| row.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    ["/folded", "/superseded", "/duplicate", "/parked", "/since_start/duplicate_at_door"].map(number)
}

/// Values of people in what was posted: addresses, and whatever stands under a name, phone or text.
fn canaries(body: &[u8], into: &mut Vec<String>) {
    let text = String::from_utf8_lossy(body);
    let word = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    let words = text.split(|c| !word(c)).filter(|w| w.len() >= 8);
    into.extend(words.clone().filter(|w| w.contains('@')).map(str::to_owned));
    into.extend(words.filter(|w| w.starts_with('U') && w.len() == 33).map(str::to_owned));
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        values(&json, into);
    }
}

fn values(json: &Value, into: &mut Vec<String>) {
    match json {
        Value::Array(items) => items.iter().for_each(|item| values(item, into)),
        Value::Object(map) => {
            for (key, value) in map {
                let personal = ["name", "phone", "text", "email", "message", "given_name", "userId"];
                match value.as_str() {
                    Some(text) if personal.iter().any(|p| key.contains(p)) && text.len() >= 6 => {
                        into.push(text.to_owned());
                    }
                    _ => values(value, into),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn captured_payloads_are_taken_kept_or_refused() {
    let Some(corpus) = std::env::var_os("TRIBUTARY_CORPUS").map(PathBuf::from) else {
        println!("skipped: fixtures of {} groups (TRIBUTARY_CORPUS is not set)", groups().len());
        return;
    };
    let groups = groups();
    let sections: Vec<Source> = self::groups().into_iter().map(|g| g.source).collect();
    let folder = Folder::new(&sections);
    let hub = folder.start();
    let (mut client, mut people) = (hub.provider(), Vec::new());
    println!("channel         files  taken  refused  folded  superseded  duplicate  parked");
    for group in &groups {
        let files = captures(group, &corpus);
        assert!(!files.is_empty(), "{} holds no captures", group.folder);
        let (mut taken, mut refused) = (0_u64, BTreeMap::<String, u64>::new());
        for file in &files {
            let body = fs::read(file).expect("a capture is readable");
            canaries(&body, &mut people);
            let before: u64 = ends(&hub, &group.source.name);
            let answer = group.source.send(&mut client, group.media, &body);
            match answer.status {
                200..=299 => {
                    taken += 1;
                    let told = ends(&hub, &group.source.name) - before;
                    let nothing = told == 0 && !is_empty(&body);
                    assert!(!nothing, "{} is lost", file.display());
                }
                413 | 415 => *refused.entry(answer.code()).or_default() += 1,
                _ => panic!("{}: {} {}", file.display(), answer.status, answer.text()),
            }
        }
        hub.settle();
        let [folded, superseded, duplicate, parked, door] = row(&hub, &group.source.name);
        let count = files.len();
        println!(
            "{:<14} {count:>6} {taken:>6} {:>8} {folded:>7} {superseded:>11} {:>10} {parked:>7}",
            group.source.name,
            refused.values().sum::<u64>(),
            duplicate + door
        );
        assert_eq!(taken + refused.values().sum::<u64>(), count as u64, "{refused:?}");
    }
    hub.client().get("/readyz").must(200);
    let verified = folder.run(&["verify", "--hub", &hub.url()]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let (_, _) = hub.terminate();
    silent(&folder, &mut people);
}

/// A delivery of LINE that tests the address holds no event.
fn is_empty(body: &[u8]) -> bool {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    json["events"].as_array().is_some_and(Vec::is_empty)
}

fn ends(hub: &Hub, name: &str) -> u64 {
    let answer = hub.client().get("/v1/channels").must(200).json();
    let rows = answer["channels"].as_array().expect("a list");
    let row = rows.iter().find(|r| r["name"] == name);
    row.and_then(|r| r["since_start"]["received"].as_u64()).unwrap_or_default()
}

fn silent(folder: &Folder, people: &mut Vec<String>) {
    people.sort();
    people.dedup();
    assert!(people.len() > 100, "only {} values to look for", people.len());
    let log = folder.log();
    assert!(log.contains("serving"), "{log}");
    let shown: Vec<&String> = people.iter().filter(|value| log.contains(value.as_str())).collect();
    println!("{} personal values looked for in {} bytes of log", people.len(), log.len());
    assert!(shown.is_empty(), "the log shows {shown:?}");
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}
