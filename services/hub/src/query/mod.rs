//! The second listener: everything but `/in/*`. Every route asks for a scope first; values never stand in addresses.

mod agent_link;
mod bind;
mod changes;
mod check;
mod customers;
mod effect;
mod erase;
mod events;
mod identity;
mod import;
mod operate;
mod policy;
mod readapt;
mod suggestions;
mod suspicious;

use crate::{
    hub::Hub,
    problem::Problem,
    tokens::{Actor, Scope},
};
use axum::{
    Json, Router,
    extract::{Request, State},
    http::HeaderMap,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};
use tributary_core::ids::Cursor;

/// Largest body of a publish.
pub(crate) const PUBLISH_BODY_MAX: usize = 16 << 20;
/// Largest body of a command (identifiers and a reason).
pub(crate) const COMMAND_BODY_MAX: usize = 64 * 1024;

/// Items of a page unless the request says otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

pub use identity::console;
pub(crate) use policy::{adopt_stated, differing};

pub(crate) type Shared = State<Arc<Hub>>;
pub(crate) type Answer = Result<Response, Problem>;

/// The routes of the second listener.
pub fn router(hub: Arc<Hub>) -> Router {
    let read = Router::new()
        .route("/v1/events", get(events::page))
        .route("/v1/events/{id}", get(events::trace))
        .route("/v1/customers", get(customers::list))
        .route("/v1/customers/find", post(customers::find))
        .route("/v1/customers/{id}", get(customers::show))
        .route("/v1/customers/{id}/timeline", get(customers::timeline))
        .route("/v1/customers/{id}/why", get(customers::why))
        .route("/v1/changes", get(changes::page))
        .route("/v1/identity/policy", get(policy::show))
        .route("/v1/identity/suggestions", get(suggestions::page))
        .route("/v1/identity/suspicious", get(suspicious::page))
        .route("/v1/lag", get(operate::lag))
        .route("/v1/channels", get(operate::channels))
        .route("/v1/jobs", get(operate::jobs))
        .route("/v1/deadletters", get(operate::dead_letters))
        .route("/v1/verify", get(operate::verify))
        .merge(crate::page::router())
        .route_layer(middleware::from_fn_with_state((Arc::clone(&hub), Scope::Read), guard));
    let operate = Router::new()
        .route("/v1/identity/{act}", post(identity::act))
        .route("/v1/identity/suggestions/{answer}", post(suggestions::answer))
        .route("/v1/identity/quality", post(policy::quality))
        .route("/v1/identity/policy/plan", post(policy::plan))
        .route("/v1/identity/policy/apply", post(policy::apply))
        .route("/v1/customers/{id}/notes", post(customers::note))
        .route("/v1/channels/{channel}/check", post(check::check))
        .route("/v1/channels/{channel}/readapt", post(readapt::readapt))
        .route("/v1/rebuild", post(operate::rebuild))
        .route_layer(middleware::from_fn_with_state((Arc::clone(&hub), Scope::Operate), guard));
    let privacy = Router::new()
        .route("/v1/customers/{id}/erase", post(erase::erase))
        .route_layer(middleware::from_fn_with_state((Arc::clone(&hub), Scope::Privacy), guard));
    let prove = Router::new()
        .route("/v1/identity/offers", post(bind::offer))
        .route("/v1/identity/proofs", post(bind::prove))
        .route_layer(middleware::from_fn_with_state((Arc::clone(&hub), Scope::Prove), guard));
    let ingest = Router::new()
        .route("/v1/events", post(events::publish))
        .route("/v1/channels/{channel}/import", post(import::import))
        .route_layer(middleware::from_fn_with_state((Arc::clone(&hub), Scope::Ingest), guard));
    let open = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(operate::ready))
        .route("/metrics", get(operate::metrics));
    read.merge(operate)
        .merge(privacy)
        .merge(prove)
        .merge(ingest)
        .merge(open)
        .fallback(|| async {
            Problem::not_found("not_found", "there is no such address; see the README for the interface")
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(405, "method_not_allowed", "this address does not take this method")
        })
        .with_state(hub)
}

/// Lets a request pass whose token has the scope; its actor goes along.
async fn guard(State((hub, scope)): State<(Arc<Hub>, Scope)>, mut request: Request, next: Next) -> Response {
    let admitted = hub.config.tokens.admit(request.headers());
    let admitted = admitted.and_then(|actor| actor.require(scope).map(|()| actor));
    match admitted.and_then(|actor| serves(&hub, scope, request.uri().path()).map(|()| actor)) {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Whether this node does what is asked for.
fn serves(hub: &Hub, scope: Scope, path: &str) -> Result<(), Problem> {
    let role = hub.config.role;
    match scope {
        Scope::Ingest => role.require_taking(),
        // An offer or a proof is an event; whom it concerns is found where it is folded.
        Scope::Prove => Ok(()),
        Scope::Read | Scope::Operate | Scope::Privacy => role.require_views(path),
    }
}

/// The actor that [`guard`] admitted.
pub(crate) fn actor(request: &Request) -> Actor {
    request.extensions().get::<Actor>().cloned().unwrap_or_else(Actor::local)
}

/// Query parameters of a request; repeated ones keep the last value.
pub(crate) struct Params(HashMap<String, String>);

impl Params {
    pub fn of(request: &Request) -> Self {
        let pairs = tributary_channels::web_form::urlencoded::pairs(
            request.uri().query().unwrap_or_default().as_bytes(),
        );
        let text = |b: std::borrow::Cow<'_, [u8]>| String::from_utf8_lossy(&b).into_owned();
        Self(pairs.into_iter().map(|(k, v)| (text(k), text(v))).collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else { return Ok(LIMIT) };
        let number = text.parse().ok().filter(|n| (1..=LIMIT_MAX).contains(n));
        number.ok_or_else(|| {
            Problem::new(400, "invalid_limit", format!("limit must be a number from 1 to {LIMIT_MAX}"))
        })
    }

    /// The cursor of this name; an empty one if it is absent.
    pub fn cursor(&self, name: &str) -> Result<Cursor, Problem> {
        let Some(text) = self.get(name) else { return Ok(Cursor::default()) };
        text.parse().map_err(|_| {
            Problem::new(400, "invalid_cursor", format!("{name} is not a cursor of this interface"))
                .remedy("give back a cursor as it was received, or leave it out to begin at the start")
        })
    }

    /// `where=` is not there yet, and saying so beats answering with everything.
    pub fn no_filter(&self) -> Result<(), Problem> {
        match self.get("where") {
            None => Ok(()),
            Some(_) => {
                Err(Problem::new(400, "filter_unsupported", "this release does not filter by `where`"))
            }
        }
    }

    /// Waits for `min_position=`, if it is given.
    pub async fn wait(&self, hub: &Hub) -> Result<(), Problem> {
        if self.get("min_position").is_none() {
            return Ok(());
        }
        hub.wait_for(&self.cursor("min_position")?).await
    }
}

/// The JSON body of a command.
pub(crate) async fn command<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    command_up_to(request, COMMAND_BODY_MAX).await
}

/// The JSON body of a command that may be longer than others.
pub(crate) async fn command_up_to<T: DeserializeOwned>(
    request: Request,
    bytes_max: usize,
) -> Result<T, Problem> {
    let body = crate::bodies::read(request.into_body(), bytes_max).await?;
    serde_json::from_slice(&body).map_err(|error| {
        // serde's text may quote the value; only where it is wrong is told.
        let place = format!("line {}, column {}", error.line(), error.column());
        Problem::new(400, "invalid_body", format!("the body has not the documented form at {place}"))
    })
}

/// Runs what reads the store on a thread that may block.
pub(crate) fn blocking<R>(f: impl FnOnce() -> R) -> R {
    tokio::task::block_in_place(f)
}

/// The store could not give a row: the projector will notice and fold again.
pub(crate) fn damaged(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = %error, "a view could not be read");
    Problem::new(503, "view_unavailable", "this view cannot be read at the moment").retry_after(2)
}

pub(crate) fn json(value: Value) -> Response {
    Json(value).into_response()
}

/// Whether the client wants a stream instead of a page; there is none yet.
pub(crate) fn no_stream(headers: &HeaderMap) -> Result<(), Problem> {
    let accept = headers.get("accept").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accept.contains("text/event-stream") {
        let detail = "this release answers with JSON pages only, not with an event stream";
        return Err(
            Problem::new(406, "stream_unsupported", detail).remedy("poll with the cursor of the last page")
        );
    }
    Ok(())
}
