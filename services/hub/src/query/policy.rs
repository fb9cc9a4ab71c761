//! The identity policy: what is in force, what another would change, putting another in force; and how good identifiers are.

use super::{Answer, Shared, actor, blocking, command_up_to, json};
use crate::{
    config::{Source, identity::policy_from_text},
    hub::Hub,
    jobs::Underway,
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

/// Longest request with a policy in bytes: thousands of own addresses fit.
const POLICY_BODY_MAX: usize = 2 << 20;

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
    let wanted = read(&hub, command_up_to(request, POLICY_BODY_MAX).await?)?.0;
    let job = start(&hub, "plan")?;
    let id = job.id();
    tokio::task::spawn_blocking(move || {
        let tell = |look: View<'_>, after: &tributary_core::identity::Resolver| told(&look, &wanted, after);
        let projector = job.hub().projector();
        match projector.plan(&wanted, tell) {
            Ok(result) => {
                let total = *projector.subscribe().borrow();
                job.end(true, total, result);
            }
            Err(error) => failed(job, &error),
        }
    });
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"id": id}))).into_response())
}

/// `POST /v1/identity/policy/apply`: appends the policy as an event and folds everything again under it.
pub async fn apply(State(hub): Shared, request: Request) -> Answer {
    let actor = actor(&request);
    let (wanted, reason) = read(&hub, command_up_to(request, POLICY_BODY_MAX).await?)?;
    if reason.trim().is_empty() || reason.len() > super::identity::REASON_BYTES_MAX {
        return Err(super::identity::reason_missing());
    }
    if hub.config.identity.is_some() {
        let detail = "the configuration has an [identity] section, which rules";
        return Err(Problem::new(409, "policy_in_configuration", detail)
            .remedy("change that section and start again, or take it out to manage the policy by command"));
    }
    let wanted = Policy { applied: true, ..wanted };
    let known = blocking(|| {
        policy::in_force(&hub) == wanted
            && policy::stated(&hub).is_some_and(|stated| stated.policy == wanted.to_json())
    });
    if known {
        return Err(Problem::new(409, "policy_in_force", "this policy is in force already"));
    }
    let job = start(&hub, "policy")?;
    let id = job.id();
    let event = policy::event(&hub, &wanted, &actor.name, reason.trim());
    // A task of its own: a client that goes away must not leave a stated policy that nobody puts in force.
    let work = tokio::spawn(async move {
        let stored = match job.hub().store("console", event).await {
            Ok(stored) => stored,
            Err(problem) => {
                job.end(false, 0, object!({"error": problem.detail}));
                return Err(problem);
            }
        };
        tokio::task::spawn_blocking(move || adopt(job, wanted));
        Ok::<_, Problem>(stored)
    });
    let stored = work.await.map_err(|_| Problem::internal())??;
    let answer = object!({"id": id, "position": stored.position.map(|p| Cursor::new([p]))});
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

/// Puts a policy in force that another node's log states by now, as a job; not while another job is underway. Blocks.
pub(crate) fn adopt_stated(hub: &Arc<Hub>) {
    let stated = policy::stated(hub).and_then(|stated| Policy::from_json(&stated.policy).ok());
    let other = stated.filter(|stated| stated.applied && *stated != policy::in_force(hub));
    let Some(wanted) = other else { return };
    let Ok(job) = start(hub, "policy") else { return };
    tracing::info!("another node applied a policy: everything is folded again under it");
    adopt(job, wanted);
}

fn adopt(job: Underway, wanted: Policy) {
    match job.hub().projector().adopt(wanted) {
        Ok(report) => {
            let digest = format!("{:032x}", report.digest);
            let result = object!({"records": report.records, "digest": digest, "millis": report.millis});
            job.end(true, report.records, result);
        }
        Err(error) => failed(job, &error),
    }
}

/// `POST /v1/identity/quality`: a job that counts blanks, placeholders and unusable values by channel and store.
pub async fn quality(State(hub): Shared) -> Answer {
    let job = start(&hub, "quality")?;
    let id = job.id();
    tokio::task::spawn_blocking(move || {
        let hub = Arc::clone(job.hub());
        let goes_on = |done, total| {
            hub.jobs.advance(id, done, total);
            !hub.projector().is_stopping()
        };
        match crate::quality::quality(&hub, goes_on) {
            Ok(Some(quality)) => job.end(true, quality.records, object!(quality)),
            Ok(None) => job.end(false, 0, object!({"error": "the hub is stopping"})),
            Err(error) => {
                tracing::error!(error = %error, "the log could not be counted");
                job.end(false, 0, object!({"error": error.to_string()}));
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
    Ok((written.policy(hub.key(), &hub.config.hub.time_zone), wanted.reason))
}

fn start(hub: &Arc<Hub>, kind: &'static str) -> Result<Underway, Problem> {
    Underway::start(hub, kind).ok_or_else(|| {
        Problem::new(409, "job_running", format!("a {kind} is running already")).remedy("see /v1/jobs")
    })
}

fn failed(job: Underway, error: &tributary_projector::ProjectorError) {
    tracing::error!(error = %error, "the job failed; the live views stay");
    job.end(false, 0, object!({"error": error.to_string()}));
}

/// What is different, with evidence in words.
fn told(look: &View<'_>, wanted: &Policy, after: &tributary_core::identity::Resolver) -> Value {
    let before = &look.engine().fold().resolver;
    let difference = before.difference(after);
    let mut told = differing(look, &difference);
    told["policy"] = object!(wanted);
    told
}

/// What merges and splits, with evidence in words and without values.
pub(crate) fn differing(look: &View<'_>, difference: &Difference) -> Value {
    let Difference { customers, merged, split, merges, splits, .. } = difference;
    look.engine().with_sources(|sources, _| {
        let links = |links: &[LinkStory]| nameless(object!(view::why_links(sources, links)));
        let merges: Vec<Value> = merges
            .iter()
            .map(|m| object!({"into": m.into, "from": m.from, "links": links(&m.links)}))
            .collect();
        let splits: Vec<Value> = splits
            .iter()
            .map(|s| object!({"from": s.from, "parts": s.parts, "links": links(&s.links)}))
            .collect();
        object!({
            "customers": {"before": customers.0, "after": customers.1},
            "merges": {"count": merged, "examples": merges},
            "splits": {"count": split, "examples": splits},
        })
    })
}

/// Links without values: results of jobs are kept, and an erasure does not reach them.
fn nameless(mut links: Value) -> Value {
    for link in links.as_array_mut().into_iter().flatten() {
        for identifier in link["identifiers"].as_array_mut().into_iter().flatten() {
            if let Some(fields) = identifier.as_object_mut() {
                fields.remove("value");
            }
        }
    }
    links
}
