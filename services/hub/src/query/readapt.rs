//! `POST /v1/channels/{channel}/readapt`: a job that reads the channel's stored requests again with today's adapter.

use super::{Answer, Shared, actor, command};
use crate::{
    hub::Hub,
    jobs::Underway,
    problem::Problem,
    readapt::{Wanted, Window, readapt as run},
};
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::json as object;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `30d`, a day, a time, or `start`.
    since: String,
    until: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Starts one.
pub async fn readapt(State(hub): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let actor = actor(&request).name;
    let asked: Asked = command(request).await?;
    if hub.channel(&name).is_none() {
        return Err(Problem::not_found("channel_unknown", "no channel of this name is configured")
            .remedy("see `tributary channel ls`"));
    }
    let window = Window::parse(&asked.since, asked.until.as_deref(), hub.now(), &hub.config.hub.time_zone)?;
    let Some(job) = Underway::start(&hub, "readapt") else {
        return Err(Problem::new(409, "readapt_running", "a channel is being readapted already")
            .remedy("see /v1/jobs"));
    };
    let id = job.id();
    let wanted = Wanted { window, dry_run: asked.dry_run, actor };
    tokio::task::spawn_blocking(move || work(job, &name, &wanted));
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"id": id}))).into_response())
}

fn work(job: Underway, name: &str, wanted: &Wanted) {
    let (hub, id): (Arc<Hub>, u64) = (Arc::clone(job.hub()), job.id());
    let Some(channel) = hub.channel(name) else { return };
    let goes_on = |done, total| {
        hub.jobs.advance(id, done, total);
        !hub.projector().is_stopping()
    };
    match run(&hub, channel, wanted, &goes_on) {
        Ok(result) => {
            let requests = result["requests"].as_u64().unwrap_or(0);
            tracing::info!(channel.name = %name, dry_run = wanted.dry_run, facts = %result["facts"], "readapted");
            job.end(true, requests, result);
        }
        Err(problem) => {
            let Problem { code, detail, remedy, .. } = problem;
            tracing::warn!(channel.name = %name, code, "readapting ended early");
            job.end(false, 0, object!({"error": detail, "code": code, "remedy": remedy}));
        }
    }
}
