//! Prints an answer whose shape has no table of its own: an indented outline, lists of alike objects as tables.

use crate::output::{Table, cell, printable, width};
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;

/// Deeper answers are no answers of a hub.
const DEPTH_MAX: usize = 8;

/// The answer as lines.
#[must_use]
pub fn outline(answer: &Json) -> String {
    let mut out = String::new();
    write(&mut out, answer, 0);
    out
}

fn write(out: &mut String, value: &Json, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Json::Object(fields) if depth < DEPTH_MAX => object(out, fields, depth),
        Json::Array(items) if items.is_empty() => {
            let _ = writeln!(out, "{indent}none");
        }
        Json::Array(items) if depth < DEPTH_MAX => match table(items) {
            Some(table) => table.lines().for_each(|line| {
                let _ = writeln!(out, "{indent}{line}");
            }),
            None => items.iter().for_each(|item| write(out, item, depth)),
        },
        other => {
            let _ = writeln!(out, "{indent}{}", printable(&cell(Some(other))));
        }
    }
}

fn object(out: &mut String, fields: &Map<String, Json>, depth: usize) {
    let indent = "  ".repeat(depth);
    let plain = |value: &Json| !(value.is_object() || value.is_array());
    let widest = fields.iter().filter(|(_, v)| plain(v)).map(|(k, _)| width(k)).max().unwrap_or(0);
    for (key, value) in fields {
        if plain(value) {
            let pad = " ".repeat(widest - width(key));
            let _ = writeln!(out, "{indent}{}{pad}  {}", printable(key), printable(&cell(Some(value))));
        } else {
            let _ = writeln!(out, "{indent}{}:", printable(key));
            write(out, value, depth + 1);
        }
    }
}

/// A list of flat objects as a table; identifiers inside count as flat.
fn table(items: &[Json]) -> Option<String> {
    let mut keys: Vec<&str> = Vec::new();
    for item in items {
        for (key, value) in item.as_object()? {
            if value.is_array() || (value.is_object() && identifier(value).is_none()) {
                return None;
            }
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
    }
    let mut rows: Vec<Vec<String>> = vec![keys.iter().map(|key| key.to_uppercase()).collect()];
    for item in items {
        let one = |key: &&str| item.get(*key).and_then(identifier).unwrap_or_else(|| cell(item.get(*key)));
        rows.push(keys.iter().map(one).collect());
    }
    let blank = vec![""; keys.len()];
    let mut table = Table::new(&blank);
    rows.into_iter().for_each(|row| table.row(row));
    // The header's place is empty, since its names come from the answer.
    table.render().split_once('\n').map(|(_, rest)| rest.to_owned())
}

/// `type[:scope]=value`, the form that commands take.
#[must_use]
pub fn identifier(value: &Json) -> Option<String> {
    let kind = value.get("type")?.as_str()?;
    let text = value.get("value")?.as_str()?;
    Some(match value.get("scope").and_then(Json::as_str) {
        Some(scope) if !scope.is_empty() => format!("{kind}:{scope}={text}"),
        _ => format!("{kind}={text}"),
    })
}

#[cfg(test)]
mod tests {
    use super::outline;
    use serde_json::json;

    #[test]
    fn alike_objects_become_a_table() {
        let answer = json!({"customer": "cus_a", "reason": "shared\u{1b}",
            "links": [{"with": {"type": "phone", "scope": "", "value": "+886******678"}, "count": 2},
                      {"with": {"type": "line", "scope": "p", "value": "U4…91"}, "count": null}],
            "blocked": []});
        let want = "blocked:\n  none\ncustomer  cus_a\nlinks:\n  COUNT  WITH\n  2      phone=+886******678\n         \
                    line:p=U4…91\nreason    shared·\n";
        assert_eq!(outline(&answer), want);
    }
}
