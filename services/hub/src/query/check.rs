//! `POST /v1/channels/{channel}/check`: how a channel stands. A POST, since others are asked.

use super::{Answer, Shared, json};
use crate::{problem::Problem, standing};
use axum::extract::{Path, State};

/// Checks it while the caller waits.
pub async fn check(State(hub): Shared, Path(name): Path<String>) -> Answer {
    let channel = hub.channel(&name).ok_or_else(|| {
        Problem::not_found("channel_unknown", "the hub has no channel of this name").remedy(
            "see `tributary channel ls`; a channel added to the configuration needs a restart of the hub",
        )
    })?;
    Ok(json(standing::check(&hub, channel).await))
}
