//! `GET /v1/changes?cursor=&limit=`: the change feed as JSON pages. A cursor survives restarts and rebuilds.

use super::{Answer, Params, Shared, blocking, damaged, json, no_stream};
use crate::problem::Problem;
use axum::extract::{Request, State};
use serde_json::json as object;

/// A page of changes after the cursor.
pub async fn page(State(hub): Shared, request: Request) -> Answer {
    let params = Params::of(&request);
    params.no_filter()?;
    no_stream(request.headers())?;
    if params.get("snapshot").is_some() {
        let detail = "this release does not start a feed with a snapshot";
        return Err(Problem::new(400, "snapshot_unsupported", detail)
            .remedy("read GET /v1/customers first, then changes from the cursor of /v1/lag"));
    }
    params.wait(&hub).await?;
    let (cursor, limit) = (params.cursor("cursor")?, params.limit()?);
    if !hub.end().covers(&cursor) {
        let detail = "this cursor is beyond the end of the log, or of another hub";
        return Err(Problem::new(400, "invalid_cursor", detail));
    }
    let page =
        blocking(|| hub.projector().read(|look| look.changes(&cursor, limit))).map_err(|e| damaged(&e))?;
    Ok(json(object!({"changes": page.changes, "next_cursor": page.next})))
}
