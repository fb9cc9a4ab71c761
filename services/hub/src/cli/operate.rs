//! What an operator looks at and does: lag, channels, dead letters, rebuild, verify.

use super::{
    Exit, Failure, Session,
    args::{Lag, Rebuild},
    outline::outline,
};
use crate::output::{Format, Table, cell};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Between two looks at a job.
const POLL: Duration = Duration::from_millis(300);

/// `lag`. With a limit, more than that is a failed check.
pub async fn lag(args: &Lag, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let answer = session.client.get("/v1/lag").await?;
    session.print(&answer, "", outline)?;
    let Some(max) = args.max else { return Ok(Exit::Ok) };
    match answer.get("events").and_then(Json::as_u64) {
        Some(events) if events <= max => Ok(Exit::Ok),
        Some(_) => Ok(Exit::CheckFailed),
        // An unknown lag must not pass for a small one.
        None => Err(Failure::new(Exit::CheckFailed, "the hub does not say how many events are waiting")),
    }
}

/// `channel ls`.
pub async fn channels(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let columns = &["name", "kind", "account", "events", "last_event_at", "state"];
    list(session, "channels", columns, "no channels are configured").await
}

/// `deadletters ls`.
pub async fn deadletters(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let columns = &["position", "at", "channel", "reason", "detail", "event", "settled"];
    list(session, "deadletters", columns, "none").await
}

async fn list(
    session: &mut Session<'_>,
    name: &'static str,
    columns: &[&'static str],
    empty: &str,
) -> Result<Exit, Failure> {
    let answer = session.client.get(&format!("/v1/{name}")).await?;
    session.print(&answer, name, |answer| {
        let items = answer.get(name).and_then(Json::as_array).or_else(|| answer.as_array());
        let mut table = Table::new(columns);
        for item in items.into_iter().flatten() {
            table.row(columns.iter().map(|key| cell(item.get(*key))));
        }
        if table.is_empty() { format!("{empty}\n") } else { table.render() }
    })?;
    Ok(Exit::Ok)
}

/// `verify` against a running hub: `ok` in the answer decides.
pub async fn verify(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let answer = session.client.get("/v1/verify").await?;
    session.print(&answer, "", outline)?;
    let ok = answer.get("ok").and_then(Json::as_bool).unwrap_or(false);
    Ok(if ok { Exit::Ok } else { Exit::CheckFailed })
}

/// `rebuild`: starts the job and, unless told otherwise, follows it to its end.
pub async fn rebuild(args: &Rebuild, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let started = session.client.post("/v1/rebuild", &json!({})).await?;
    if args.no_wait {
        session.print(&started, "", outline)?;
        return Ok(Exit::Ok);
    }
    follow_job(&started, "rebuilding", session, |_| {}).await
}

/// Follows the job that `started` names to its end, with a progress bar, and prints what it found.
/// `ended` sees the job as it ended.
pub async fn follow_job(
    started: &Json,
    doing: &str,
    session: &mut Session<'_>,
    ended: impl FnOnce(&Json),
) -> Result<Exit, Failure> {
    let id = started.get("id").cloned().unwrap_or_default();
    let bar = bar(session.global.output, doing);
    loop {
        let jobs = session.client.get("/v1/jobs").await?;
        let list = jobs.get("jobs").and_then(Json::as_array);
        let job = list.into_iter().flatten().find(|job| job.get("id") == Some(&id));
        let Some(job) = job else {
            bar.finish_and_clear();
            return Err(Failure::new(Exit::CheckFailed, "the hub no longer knows the job")
                .remedy("if it was restarted, start the command again"));
        };
        let number = |key: &str| job.get(key).and_then(Json::as_u64).unwrap_or(0);
        bar.set_length(number("total"));
        bar.set_position(number("done"));
        let exit = match job.get("state").and_then(Json::as_str) {
            Some("done") => Exit::Ok,
            Some("failed") => Exit::CheckFailed,
            _ => {
                tokio::time::sleep(POLL).await;
                continue;
            }
        };
        bar.finish_and_clear();
        ended(job);
        session.print(job, "", outline)?;
        return Ok(exit);
    }
}

/// On a terminal only, which the bar itself looks for; other formats are for programs.
fn bar(format: Format, doing: &str) -> ProgressBar {
    if format != Format::Table {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let template = format!("{doing} {{wide_bar}} {{human_pos}}/{{human_len}} {{per_sec}} {{eta}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}
