//! What the demonstration prints. Plain lines: the same on a terminal and in a file.

use super::figures::Figures;
use crate::output::{cell, printable, width};
use serde_json::Value as Json;
use std::{collections::BTreeMap, fmt::Write as _};
use tributary_core::normalise::mask;

/// Links of one customer that are told at most.
const LINKS_MAX: usize = 12;

/// `12 345`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// `a 1 │ b 2`.
#[must_use]
pub fn parts<'a>(parts: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let part = |(name, count): (&str, u64)| format!("{} {}", printable(name), thousands(count));
    parts.into_iter().map(part).collect::<Vec<_>>().join(" │ ")
}

fn counted<K: AsRef<str>>(map: &BTreeMap<K, usize>) -> String {
    parts(map.iter().map(|(name, count)| (name.as_ref(), *count as u64)))
}

/// Events, customers, links, dead letters.
#[must_use]
pub fn figures(figures: &Figures, duplicates: u64) -> String {
    let dead: usize = figures.dead.values().sum();
    let taken: usize = figures.taken.values().sum();
    let refused: usize = figures.refused.values().sum();
    let mut out = format!(
        "▸ {} records in the log, {} duplicates recognised, {dead} dead letters (on purpose)\n",
        thousands(figures.records),
        thousands(duplicates)
    );
    let _ = writeln!(out, "  {}", counted(&figures.dead));
    let _ = writeln!(
        out,
        "▸ {} identifiers → {} customers   {} links taken, {} refused between customers",
        thousands(figures.identifiers as u64),
        thousands(figures.customers as u64),
        thousands(taken as u64),
        thousands(refused as u64)
    );
    let _ = writeln!(out, "  taken: {}   refused: {}", counted(&figures.taken), counted(&figures.refused));
    out
}

fn name(identifier: &Json) -> String {
    let kind = cell(identifier.get("type"));
    let scope = cell(identifier.get("scope"));
    let value = mask(&kind, &cell(identifier.get("value")));
    let network = scope.split(':').next().unwrap_or_default();
    let label = if kind == "social" { network } else { &kind };
    printable(&format!("{label} {value}"))
}

fn list<'a>(json: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    json.get(key).and_then(Json::as_array).into_iter().flatten()
}

/// One customer: the channels, the identifiers, and which event joined what.
#[must_use]
pub fn heroine(view: &Json, why: &Json, latin: &str) -> String {
    let at = |pointer: &str| printable(&cell(view.pointer(pointer)));
    let (channels, ids) = (list(view, "channels").count(), list(view, "identifiers").count());
    let mut out = format!(
        "▸ {} ({latin}): {channels} channels, {ids} identifiers, 1 customer, {} events\n",
        at("/profile/name"),
        at("/interactions/events")
    );
    let row = |channel: &Json| {
        let count = channel.get("events").and_then(Json::as_u64).unwrap_or_default();
        format!("{} {}", printable(&cell(channel.get("channel"))), thousands(count))
    };
    let _ = writeln!(out, "  {}", list(view, "channels").map(row).collect::<Vec<_>>().join(" │ "));
    let _ = writeln!(out, "  {}", list(view, "identifiers").map(name).collect::<Vec<_>>().join(" │ "));
    let told = |link: &&Json| link.get("taken").and_then(Json::as_bool) == Some(true);
    let pairs: Vec<(String, &Json)> = list(why, "links")
        .filter(told)
        .take(LINKS_MAX)
        .map(|link| (list(link, "identifiers").map(name).collect::<Vec<_>>().join(" ─ "), link))
        .collect();
    let column = pairs.iter().map(|(pair, _)| width(pair)).max().unwrap_or_default();
    for (pair, link) in &pairs {
        let field = |key| printable(&cell(link.get(key)));
        let day: String = field("at").chars().take(10).collect();
        let pad = " ".repeat(column - width(pair));
        let _ = writeln!(
            out,
            "     {pair}{pad}  {:<8}  {} {} {day}  event {}",
            field("tier"),
            field("channel"),
            field("type"),
            field("event")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{heroine, parts, thousands};
    use serde_json::json;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(parts([("LINE", 2_500), ("web", 3)]), "LINE 2 500 │ web 3");
    }

    #[test]
    fn a_customer_is_told_with_masked_identifiers_and_evidence() {
        let view = json!({"profile": {"name": "陳美玲"}, "interactions": {"events": 9},
            "channels": [{"channel": "line-main", "events": 9}],
            "identifiers": [{"type": "phone", "scope": "", "value": "+886928114706"}]});
        let pair = json!([{"type": "member", "scope": "", "value": "M10000"},
            {"type": "phone", "scope": "", "value": "+886928114706"}]);
        let why = json!({"links": [
            {"identifiers": pair, "tier": "claimed", "taken": true, "event": "e1", "channel": "till",
             "type": "purchase.completed", "at": "2025-03-01T10:00:00Z"},
            {"identifiers": pair, "tier": "claimed", "taken": false, "reason": "shared", "event": "e2"}]});
        let text = heroine(&view, &why, "Mei-Ling Chen");
        assert!(text.contains("1 channels, 1 identifiers, 1 customer, 9 events"), "{text}");
        assert!(text.contains("till purchase.completed 2025-03-01  event e1"), "{text}");
        assert!(!text.contains("928114706") && !text.contains("M10000") && !text.contains("e2"), "{text}");
    }
}
