//! `POST /v1/channels/{channel}/import`: a whole file of history, appended by a job. A file that was begun is gone on with;
//! one that is there already is told as such.

use super::{Answer, Params, Shared, blocking};
use crate::{
    folders::{
        append::{Named, append},
        portions::{self, Input, Stream},
        progress::Progress,
    },
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
use tributary_channels::{adapter::Transport, digest};

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
    let look = blocking(|| digest::hex64_of(&[&held.bytes, format!("{headers:?}").as_bytes()]));
    let input = Input { channel: name, headers, body: held.bytes.clone(), received_at: hub.now() };
    let input = Arc::new(input);
    let stream = portions::open(&hub, &input).await?;
    let Some(job) = Underway::start(&hub, "import") else {
        return Err(
            Problem::new(409, "import_running", "an import is running already").remedy("see /v1/jobs")
        );
    };
    let (id, settings) = (job.id(), channel.fingerprint.clone());
    tokio::spawn(run(job, input, look, settings, stream));
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"id": id}))).into_response())
}

async fn run(job: Underway, input: Arc<Input>, look: String, settings: String, stream: Stream) {
    let (hub, id, total) = (Arc::clone(job.hub()), job.id(), stream.total);
    hub.jobs.advance(id, 0, total);
    // Not the watcher's file: two that write one would undo each other's work.
    let mut progress = Progress::open(&hub.config.hub.data_dir, &format!("{}.imports", input.channel));
    let file = format!("sha256:{look}");
    let named = Named { file: &file, look: &look, settings: &settings };
    let told = |done: u64| hub.jobs.advance(id, done, total);
    match append(&hub, &input, &named, stream, &mut progress, told).await {
        Ok(outcome) => {
            let result = object!({
                "events": outcome.events, "refused": outcome.refused, "accepted": outcome.stored.accepted,
                "duplicates": outcome.stored.duplicates, "problems": outcome.problems,
            });
            job.end(true, outcome.records as u64, result);
        }
        Err(problem) => {
            let remedy = "start it again: it goes on where it was";
            job.end(false, total, object!({"error": problem.detail, "code": problem.code, "remedy": remedy}));
        }
    }
}
