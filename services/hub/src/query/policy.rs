//! The identity policy: what is in force, what another would change, putting another in force; and how good identifiers are.

use super::{Answer, Shared, actor, blocking, command, json};
use crate::{
    config::{Source, identity::policy_from_text},
    hub::Hub,
    policy,
    problem::Problem,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::sync::Arc;
use tributary_core::{
    identity::{Difference, LinkStory, policy::Policy},
    ids::Cursor,
    view,
};
use tributary_projector::View;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// A text with an `[identity]` section.
    toml: String,
    #[serde(default)]
    reason: String,
}

/// `GET /v1/identity/policy`.
pub async fn show(State(hub): Shared) -> Answer {
    let policy = blocking(|| policy::in_force(&hub));
    let origin = match (&hub.config.identity, policy.applied) {
        (Some(_), _) => "configuration",
        (None, true) => "applied",
        (None, false) => "default",
    };
    Ok(json(object!({"policy": policy, "origin": origin})))
}

/// `POST /v1/identity/policy/plan`: a job that resolves the whole log once more and says what would be different.
pub async fn plan(State(hub): Shared, request: Request) -> Answer {
    let wanted = read(&hub, command(request).await?)?.0;
    let id = start(&hub, "plan")?;
    let working = Arc::clone(&hub);
    tokio::task::spawn_blocking(move || {
        let tell = |look: View<'_>, after: &tributary_core::identity::Resolver| told(&look, &wanted, after);
        match working.projector().plan(&wanted, tell) {
            Ok(result) => working.jobs.end(id, true, *working.projector().subscribe().borrow(), result),
            Err(error) => failed(&working, id, &error),
        }
    });
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"id": id}))).into_response())
}

/// `POST /v1/identity/policy/apply`: appends the policy as an event and folds everything again under it.
pub async fn apply(State(hub): Shared, request: Request) -> Answer {
    let actor = actor(&request);
    let (wanted, reason) = read(&hub, command(request).await?)?;
    if reason.trim().is_empty() || reason.len() > super::identity::REASON_BYTES_MAX {
        return Err(super::identity::reason_missing());
    }
    if hub.config.identity.is_some() {
        let detail = "the configuration has an [identity] section, which rules";
        return Err(Problem::new(409, "policy_in_configuration", detail)
            .remedy("change that section and start again, or take it out to manage the policy by command"));
    }
    let wanted = Policy { applied: true, ..wanted };
    if blocking(|| policy::in_force(&hub)) == wanted {
        return Err(Problem::new(409, "policy_in_force", "this policy is in force already"));
    }
    let id = start(&hub, "policy")?;
    let stored = match hub.store("console", policy::event(&hub, &wanted, &actor.name, reason.trim())).await {
        Ok(stored) => stored,
        Err(problem) => {
            hub.jobs.end(id, false, 0, object!({"error": problem.detail}));
            return Err(problem);
        }
    };
    let working = Arc::clone(&hub);
    tokio::task::spawn_blocking(move || match working.projector().adopt(wanted) {
        Ok(report) => {
            let result = object!({"records": report.records, "digest": format!("{:032x}", report.digest), "millis": report.millis});
            working.jobs.end(id, true, report.records, result);
        }
        Err(error) => failed(&working, id, &error),
    });
    let answer = object!({"id": id, "position": stored.position.map(|p| Cursor::new([p]))});
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

/// `POST /v1/identity/quality`: a job that counts blanks, placeholders and unusable values by channel and store.
pub async fn quality(State(hub): Shared) -> Answer {
    let id = start(&hub, "quality")?;
    let working = Arc::clone(&hub);
    tokio::task::spawn_blocking(move || {
        let counted = crate::quality::quality(&working, |done, total| working.jobs.advance(id, done, total));
        match counted {
            Ok(quality) => working.jobs.end(id, true, quality.records, object!(quality)),
            Err(error) => {
                tracing::error!(error = %error, "the log could not be counted");
                working.jobs.end(id, false, 0, object!({"error": error.to_string()}));
            }
        }
    });
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"id": id}))).into_response())
}

fn read(hub: &Hub, wanted: Wanted) -> Result<(Policy, String), Problem> {
    let source = Source { name: "policy".to_owned(), text: wanted.toml };
    let written = policy_from_text(source, hub.config.hub.default_region).map_err(|errors| {
        let code = errors.list.first().map_or("policy_invalid", |first| first.code);
        Problem::new(422, code, errors.to_string())
    })?;
    Ok((written.policy(hub.key()), wanted.reason))
}

fn start(hub: &Hub, kind: &'static str) -> Result<u64, Problem> {
    hub.jobs.start(kind).ok_or_else(|| {
        Problem::new(409, "job_running", format!("a {kind} is running already")).remedy("see /v1/jobs")
    })
}

fn failed(hub: &Hub, id: u64, error: &tributary_projector::ProjectorError) {
    tracing::error!(error = %error, "the job failed; the live views stay");
    hub.jobs.end(id, false, 0, object!({"error": error.to_string()}));
}

/// What is different, with evidence in words.
fn told(look: &View<'_>, wanted: &Policy, after: &tributary_core::identity::Resolver) -> Value {
    let before = &look.engine().fold().resolver;
    let Difference { customers, merged, split, merges, splits } = before.difference(after);
    look.engine().with_sources(|sources, _| {
        let links = |links: &[LinkStory]| view::why_links(sources, links);
        let merges: Vec<Value> = merges
            .iter()
            .map(|m| object!({"into": m.into, "from": m.from, "links": links(&m.links)}))
            .collect();
        let splits: Vec<Value> = splits
            .iter()
            .map(|s| object!({"from": s.from, "parts": s.parts, "links": links(&s.links)}))
            .collect();
        object!({
            "policy": wanted,
            "customers": {"before": customers.0, "after": customers.1},
            "merges": {"count": merged, "examples": merges},
            "splits": {"count": split, "examples": splits},
        })
    })
}
