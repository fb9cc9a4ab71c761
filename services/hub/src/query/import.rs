//! `POST /v1/channels/{channel}/import`: a whole file of history, appended by a job. A file that was begun is gone on with;
//! one that is there already is told as such.

use super::{Answer, Params, Shared, blocking};
use crate::{
    folders::{
        append::{Named, append},
        progress::Progress,
    },
    hub::Hub,
    ingress::decode_verified,
    jobs::Underway,
    problem::Problem,
};
use axum::{
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde_json::json as object;
use std::sync::Arc;
use tributary_channels::{
    adapter::{InboundRequest, Method, Transport},
    digest,
    settings::Channel,
};
use tributary_core::{body::Body, event::Event};

/// Refused rows that the job's result tells; all of them are dead letters.
const TOLD_MAX: usize = 20;
/// What an adapter reads of a file's headers.
const HEADERS: [&str; 3] = ["content-type", "x-file-time", "x-detail-at"];

/// Starts an import. `historical=1` marks what it holds as imported history.
pub async fn import(State(hub): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let unknown = || Problem::not_found("channel_unknown", "no channel of this name is configured");
    let channel = hub.channel(&name).ok_or_else(unknown)?;
    if channel.registration.transport != Transport::Watch {
        let detail = format!("a channel of kind {} takes no files", channel.context.kind);
        return Err(Problem::new(400, "no_files", detail)
            .remedy("import into a channel of kind pos_file, members_file or bindings_file"));
    }
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(415, "content_encoding", "compressed bodies are not taken"));
    }
    let is_historical = Params::of(&request).get("historical").is_some_and(|v| v == "1");
    let mut headers: Vec<(String, String)> = Vec::new();
    for name in HEADERS {
        let value = request.headers().get(name).and_then(|v| v.to_str().ok());
        headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    if is_historical {
        headers.push(("x-historical".to_owned(), "1".to_owned()));
    }
    let held = hub.bodies.read(request.into_body(), channel.registration.body_max).await?;
    let body = &held.bytes;
    let look = digest::hex64(&[&body[..], format!("{headers:?}").as_bytes()].concat());
    let events = blocking(|| decode(&hub, channel, &headers, body))?;
    let Some(job) = Underway::start(&hub, "import") else {
        return Err(
            Problem::new(409, "import_running", "an import is running already").remedy("see /v1/jobs")
        );
    };
    let (id, settings) = (job.id(), channel.fingerprint.clone());
    tokio::spawn(run(job, name, look, settings, events));
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"id": id}))).into_response())
}

fn decode(
    hub: &Hub,
    channel: &Channel,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Vec<Event>, Problem> {
    let received_at = hub.now();
    let request =
        InboundRequest { method: Method::Post, query: "", headers, body, received_at, public_url: None };
    decode_verified(hub, channel, &request).map(|(events, _)| events)
}

async fn run(job: Underway, channel: String, look: String, settings: String, events: Vec<Event>) {
    let (hub, id) = (Arc::clone(job.hub()), job.id());
    let is_event = |e: &&Event| !matches!(e.body, Body::Chunk { .. });
    let all = events.iter().filter(is_event).count() as u64;
    let refused: Vec<&Event> =
        events.iter().filter(|e| matches!(e.body, Body::Unrecognised { .. })).collect();
    let told: Vec<String> = refused.iter().take(TOLD_MAX).map(|e| problem(e)).collect();
    let refused = refused.len() as u64;
    let total = events.len() as u64;
    hub.jobs.advance(id, 0, total);
    // Not the watcher's file: two that write one would undo each other's work.
    let mut progress = Progress::open(&hub.config.hub.data_dir, &format!("{channel}.imports"));
    let file = format!("sha256:{look}");
    let named = Named { file: &file, look: &look, settings: &settings };
    let done = |at: usize| hub.jobs.advance(id, at as u64, total);
    match append(&hub, &channel, &named, events, &mut progress, done).await {
        Ok(stored) => {
            let result = object!({
                "events": all - refused, "refused": refused, "accepted": stored.accepted,
                "duplicates": stored.duplicates, "problems": told,
            });
            job.end(true, total, result);
        }
        Err(problem) => {
            let remedy = "start it again: it goes on where it was";
            job.end(false, total, object!({"error": problem.detail, "code": problem.code, "remedy": remedy}));
        }
    }
}

/// `line 17: ...`, as the dead letter has it; never a value.
fn problem(event: &Event) -> String {
    let Body::Unrecognised { reason } = &event.body else { return String::new() };
    let content = event.content().unwrap_or_default();
    let detail = content.fields.get("detail").and_then(|d| d.as_str()).unwrap_or_default();
    format!("{reason}: {detail}")
}
