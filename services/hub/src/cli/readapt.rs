//! `readapt`: has the hub read a channel's stored requests again, and prints what differs.

use super::{Exit, Failure, Session, args::Readapt, operate::follow_job};
use crate::client::query_value;
use serde_json::json;

/// Runs `readapt`.
pub async fn run(args: &Readapt, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let path = format!("/v1/channels/{}/readapt", query_value(&args.channel));
    let body = json!({"since": args.since, "until": args.until, "dry_run": args.dry_run});
    let started = session.client.post(&path, &body).await?;
    follow_job(&started, "reading again", session, |_| {}).await
}
