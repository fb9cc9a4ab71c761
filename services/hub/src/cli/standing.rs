//! `channel check` without a file: has the hub check a configured channel, and compares its settings with those here.

use super::{Exit, Failure, Session, load};
use crate::{
    client::query_value,
    config::ConfigErrors,
    output::{Table, cell, printable},
};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Runs it; a check that fails ends with 1.
pub async fn run(channel: &str, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let path = format!("/v1/channels/{}/check", query_value(channel));
    let mut answer = session.client.post(&path, &json!({})).await?;
    if let Some(row) = here(channel, &answer, session)
        && let Some(checks) = answer.get_mut("checks").and_then(Json::as_array_mut)
    {
        checks.insert(0, row);
    }
    session.print(&answer, "checks", table)?;
    let ok = answer.get("ok").and_then(Json::as_bool).unwrap_or(false);
    Ok(if ok { Exit::Ok } else { Exit::CheckFailed })
}

/// Whether the configuration here is what the hub works with; nothing where none is here.
fn here(channel: &str, answer: &Json, session: &Session<'_>) -> Option<Json> {
    let row = |detail: &str, remedy: &str| {
        Some(json!({"check": "file", "result": "warn", "detail": detail, "remedy": remedy}))
    };
    let config = match load(session.global) {
        Ok(config) => config,
        Err(ConfigErrors { list, .. }) => {
            let codes: Vec<&str> = list.iter().map(|one| one.code).collect();
            let detail = format!("the configuration here cannot be read: {}", codes.join(", "));
            return row(
                &detail,
                "run `tributary config check`; secrets of the hub's environment may be missing here",
            );
        }
    };
    if config.channels.is_empty() {
        return None;
    }
    match config.channel(channel) {
        None => row("the configuration here has no such channel", "name the hub's own file with --config"),
        Some(found) if answer.get("settings").and_then(Json::as_str) != Some(&found.fingerprint) => row(
            "the settings here are not those that the hub works with",
            "restart the hub, if the file was changed since it started; then see what `readapt --dry-run` says",
        ),
        Some(_) => None,
    }
}

/// Checks with their results, then what to do about those that need it.
pub(super) fn table(answer: &Json) -> String {
    let list = |name: &str| answer.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut table = Table::new(&["check", "result", "detail"]);
    let checks = list("checks");
    for row in &checks {
        table.row(["check", "result", "detail"].map(|key| cell(row.get(key))));
    }
    let mut text = table.render();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{title}:");
            lines.iter().for_each(|line| {
                let _ = writeln!(text, "  {}", printable(line));
            });
        }
    };
    let remedy = |row: &Json| {
        let remedy = cell(row.get("remedy"));
        (!remedy.is_empty()).then(|| format!("{}: {remedy}", cell(row.get("check"))))
    };
    section("what to do", checks.iter().filter_map(remedy).collect());
    section(
        "at the platform, where only you can look",
        list("reminders").iter().map(|r| cell(Some(r))).collect(),
    );
    text
}
