//! `channel import`: hands whole files to a running hub, which appends them and remembers how far it came.

use super::{Exit, Failure, Session, args::Import, check, operate::follow_job};
use crate::{
    config::Config,
    folders::files::{self, Given},
};
use hyper::Method;
use serde_json::{Value as Json, json};
use std::path::Path;
use tributary_channels::adapter::Transport;

/// Largest file where the channel is not configured here: what its kind takes, the hub says.
const FILE_MAX: usize = 64 * 1024 * 1024;

/// Runs `channel import`, file after file.
pub async fn run(args: &Import, config: &Config, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let channel = config.channel(&args.channel);
    let pair = channel.and_then(|c| c.pair.as_ref());
    let max = channel.map_or(FILE_MAX, |c| c.registration.body_max);
    let unusable = |file: &Path, error| Failure::usage(format!("{}: {error}", file.display()));
    for file in &args.files {
        // All are looked at before the first is sent: a slip in a name must not leave half of them behind.
        files::check(file, pair, max).map_err(|e| unusable(file, e))?;
    }
    let mut exit = Exit::Ok;
    for file in &args.files {
        let given = files::read(file, pair, max).map_err(|e| unusable(file, e))?;
        let one = if args.dry_run {
            dry(args, config, &given, file, session)?
        } else {
            send(args, given, file, session).await?
        };
        if one != Exit::Ok {
            exit = one;
        }
    }
    Ok(exit)
}

/// Counts what a file would become.
fn dry(
    args: &Import,
    config: &Config,
    given: &Given,
    file: &Path,
    session: &mut Session<'_>,
) -> Result<Exit, Failure> {
    let channel = check::configured(config, &args.channel)?;
    if channel.registration.transport != Transport::Watch {
        return Err(Failure::usage(format!("a channel of kind {} takes no files", channel.context.kind)));
    }
    let counts = check::count(channel, given)?;
    let answer = json!({
        "file": file.display().to_string(), "dry_run": true, "events": counts.events,
        "refused": counts.refused, "problems": counts.problems,
    });
    session.print(&answer, "", super::outline::outline)?;
    Ok(if counts.refused == 0 { Exit::Ok } else { Exit::CheckFailed })
}

async fn send(args: &Import, given: Given, file: &Path, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let historical = if args.historical { "?historical=1" } else { "" };
    let path = format!("/v1/channels/{}/import{historical}", args.channel);
    let answer = session.client.send(Method::POST, &path, &given.headers, given.body.into()).await?;
    let started = session.client.read(&answer)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut refused = 0;
    let exit = follow_job(&started, &name, session, |job| {
        refused = job.pointer("/result/refused").and_then(Json::as_u64).unwrap_or(0);
    })
    .await?;
    // What was refused is kept, and the rest is in: but nobody should take it for the whole file.
    Ok(if exit == Exit::Ok && refused > 0 { Exit::CheckFailed } else { exit })
}
