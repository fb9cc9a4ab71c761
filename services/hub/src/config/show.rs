//! `config show`: the effective configuration as TOML that could be read again, with the origin of each line.

use super::Config;
use crate::output::width;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// As TOML; with `origin`, each line says where its value comes from.
#[must_use]
pub fn text(config: &Config, origin: bool) -> String {
    let line = |key: &str, value: &str| format!("{key} = {value}");
    let widest = config.shown().iter().map(|row| width(&line(&row.key, &row.value))).max().unwrap_or(0);
    // Long values push the comments of all lines away; beyond a screen's half each stands on its own.
    let column = widest.min(60);
    let mut out = String::new();
    let mut section = "";
    for row in config.shown() {
        if row.section != section {
            section = &row.section;
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = match section.strip_prefix("tokens.") {
                Some(_) => writeln!(out, "{gap}[[tokens]]"),
                None => writeln!(out, "{gap}[{section}]"),
            };
        }
        let line = line(&row.key, &row.value);
        if origin {
            let pad = " ".repeat(column.saturating_sub(width(&line)));
            let _ = writeln!(out, "{line}{pad}  # {}", config.source.name_origin(&row.origin));
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

/// As JSON: a list of `{key, value, origin}`, the value in TOML notation.
#[must_use]
pub fn rows(config: &Config) -> Json {
    config
        .shown()
        .iter()
        .map(|row| {
            let origin = config.source.name_origin(&row.origin);
            json!({"key": format!("{}.{}", row.section, row.key), "value": row.value, "origin": origin})
        })
        .collect()
}
