//! For those who run the hub: lag, channels, jobs, dead letters, verification, rebuild, readiness, figures.

use super::{Answer, Params, Shared, blocking, damaged, json};
use crate::{hub::Hub, jobs::Underway, metrics, node::Standing, problem::Problem};
use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;
use tributary_core::{
    body::Body,
    fold::{Count, DeadLetter},
    ids::Cursor,
    view::Records as _,
};
use tributary_eventlog::Position as LogPosition;
use tributary_projector::View;

/// Lag from which the hub is not ready: answers would be this many records old.
const READY_LAG_MAX: u64 = 100_000;

/// Records not folded, also those that have no number yet, and the age of the oldest of them in seconds.
pub(crate) fn behind(hub: &Hub) -> (u64, f64, Cursor) {
    let folded = *hub.projector().subscribe().borrow();
    let position = hub.reach(folded).unwrap_or_default();
    let (mut events, mut oldest) = (0, None);
    for end in hub.order.ends() {
        let reached = position.sequence(end.origin.0);
        if end.sequence > reached {
            events += end.sequence - reached;
            let next = hub.order.record_at(LogPosition { sequence: reached + 1, ..end }).ok().flatten();
            oldest = oldest.into_iter().chain(next.map(|record| record.recorded_at)).min();
        }
    }
    let seconds = oldest.map_or(0.0, |at| (hub.now().0 - at).max(0) as f64 / 1e6);
    (events, seconds, position)
}

/// `GET /v1/lag`.
pub async fn lag(State(hub): Shared) -> Answer {
    let (events, seconds, position) = blocking(|| behind(&hub));
    let status = hub.projector().status();
    let broker = hub.node.as_ref().map(|node| told(node.engine, &node.standing()));
    Ok(json(object!({
        "role": hub.config.role.name(),
        "broker": broker,
        "events": events,
        "seconds": seconds,
        "position": position,
        "end": hub.end(),
        "error": status.error,
        "rebuilding": status.rebuilding,
    })))
}

/// How a node and its broker are doing.
fn told(engine: &str, standing: &Standing) -> Value {
    let trouble = standing.trouble.as_ref();
    let copying = standing.copying.as_ref();
    object!({
        "engine": engine,
        "unacknowledged": standing.waiting,
        "spilled": standing.spilled,
        "error": standing.sending,
        "origins": standing.origins,
        "copying": copying.map(|s| object!({"code": s.code, "detail": s.detail, "remedy": s.remedy})),
        "copied": standing.copied.copied,
        "foreign": standing.copied.foreign,
        "stalls": standing.copied.stalls,
        "changes": standing.changes.as_ref().map(|changes| object!({
            "publishing": changes.publishing, "published": changes.published, "error": changes.error,
        })),
        "trouble": trouble.map(|t| object!({"code": t.code, "detail": t.detail, "remedy": t.remedy})),
    })
}

/// `GET /v1/channels`: every channel with what became of its records. folded + duplicate + superseded + parked are all
/// records of it in the log; `rejected` (requests, by code) and `since_start` (events) are of this process alone.
pub async fn channels(State(hub): Shared) -> Answer {
    let counts = blocking(|| hub.projector().read(|look| look.counts())).map_err(|e| damaged(&e))?;
    let mut counts: BTreeMap<String, Count> = counts.into_iter().collect();
    let mut rows: Vec<Value> = Vec::new();
    for channel in &hub.config.channels {
        let name = &channel.context.name;
        let count = counts.remove(name).unwrap_or_default();
        rows.push(row(&hub, name, &channel.context.kind, &channel.context.account, count));
    }
    for (name, count) in counts {
        // Records of channels that are not configured (any more), and the hub's own.
        rows.push(row(&hub, &name, "", "", count));
    }
    Ok(json(object!({"channels": rows})))
}

fn row(hub: &Hub, name: &str, kind: &str, account: &str, count: Count) -> Value {
    let last = (count.last_at.0 != 0).then_some(count.last_at);
    let taken = hub.taken(name);
    let silent = hub.silence.all(hub.now()).into_iter().filter(|s| s.channel == name && s.is_too_long);
    let silent: Vec<Value> = silent.map(|s| object!({"store": s.store, "seconds": s.seconds})).collect();
    object!({
        "name": name,
        "kind": kind,
        "account": account,
        "events": count.folded,
        "folded": count.folded,
        "duplicate": count.duplicate,
        "superseded": count.superseded,
        "parked": count.parked,
        "rejected": hub.refusals(name),
        "since_start": {
            "received": taken.accepted + taken.duplicates,
            "appended": taken.accepted,
            "duplicate_at_door": taken.duplicates,
        },
        "last_event_at": last,
        "forwarded": hub.forwarding.figures(name),
        "state": hub.pulls.line(name),
        "pull": hub.pulls.json(name),
        "silent": silent,
    })
}

/// `GET /v1/jobs`.
pub async fn jobs(State(hub): Shared) -> Answer {
    Ok(json(object!({"jobs": hub.jobs.list(hub.projector().progress())})))
}

/// `GET /v1/deadletters?cursor=&limit=`, oldest first. A letter is `settled` once its request was read again with another result.
pub async fn dead_letters(State(hub): Shared, request: Request) -> Answer {
    let params = Params::of(&request);
    params.wait(&hub).await?;
    let limit = params.limit()?;
    let after: u64 = match params.get("cursor") {
        None => 0,
        Some(text) => text
            .strip_prefix('d')
            .and_then(|t| t.parse().ok())
            .ok_or_else(|| Problem::new(400, "invalid_cursor", "cursor is not one of this list"))?,
    };
    let letters =
        blocking(|| hub.projector().read(|look| look.dead_letters(after, limit))).map_err(|e| damaged(&e))?;
    let next = letters.last().filter(|_| letters.len() == limit).map(|l| format!("d{}", l.version));
    let settled = blocking(|| hub.projector().read(|look| settled(&look, &letters)));
    let rows: Vec<Value> = letters
        .iter()
        .zip(settled)
        .map(|(l, settled)| {
            object!({
                "position": Cursor::new([l.position]), "at": l.recorded_at, "channel": l.channel,
                "reason": l.reason, "detail": l.detail, "event": l.event, "settled": settled,
            })
        })
        .collect();
    Ok(json(object!({"deadletters": rows, "next_cursor": next})))
}

/// Which of these are history: their request was read again since, with another result.
fn settled(look: &View<'_>, letters: &[DeadLetter]) -> Vec<bool> {
    let engine = look.engine();
    let is_settled = |letter: &DeadLetter| {
        let event = engine.with_sources(|_, records| records.by_id(letter.event?))?;
        let is_kept = matches!(event.event.body, Body::Unrecognised { .. });
        Some(is_kept && !engine.is_current(&event).ok()?)
    };
    letters.iter().map(|letter| is_settled(letter).unwrap_or(false)).collect()
}

/// `GET /v1/verify`: the stored rows against the digest that the fold keeps.
pub async fn verify(State(hub): Shared) -> Answer {
    let found = blocking(|| hub.projector().read(|look| look.verify())).map_err(|e| damaged(&e))?;
    Ok(json(object!({
        "ok": found.facts_digest == found.stored_digest,
        "records": found.records,
        "facts": found.facts,
        "customers": found.customers,
        "digest": format!("{:032x}", found.digest),
    })))
}

/// `POST /v1/rebuild`: starts one.
pub async fn rebuild(State(hub): Shared) -> Answer {
    let Some(job) = Underway::start(&hub, "rebuild") else {
        return Err(
            Problem::new(409, "rebuild_running", "a rebuild is running already").remedy("see /v1/jobs")
        );
    };
    let id = job.id();
    tokio::task::spawn_blocking(move || match job.hub().projector().rebuild() {
        Ok(report) => {
            let equal = report.old_digest == Some(report.digest);
            let result = object!({
                "records": report.records,
                "digest": format!("{:032x}", report.digest),
                "old_digest": report.old_digest.map(|d| format!("{d:032x}")),
                "equal": equal,
                "millis": report.millis,
            });
            // Under another policy than the views before, they are meant to differ.
            job.end(equal || !report.same_policy, report.records, result);
        }
        Err(error) => {
            tracing::error!(error = %error, "the rebuild failed; the live views stay");
            job.end(false, 0, object!({"error": error.to_string()}));
        }
    });
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"id": id}))).into_response())
}

/// `GET /readyz`: each check by name.
pub async fn ready(State(hub): Shared) -> Response {
    let (events, _, _) = blocking(|| behind(&hub));
    let status = hub.projector().status();
    let checks = object!({
        "log": !hub.log.is_sealed(),
        "projection": status.error.is_none(),
        "lag": events < READY_LAG_MAX,
        // What the log held at the start is folded and looked at: warnings from here on are of new things.
        "alarm": hub.alarm.is_watching(),
        // A broker that is away is no check: what comes is durable here. One that does not fit is.
        "broker": hub.node.as_ref().is_none_or(|node| node.standing().fits()),
    });
    let ok = checks.as_object().is_some_and(|c| c.values().all(|v| v == &Value::Bool(true)));
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut answer = object!({"ready": ok, "checks": checks});
    // No check: a hub without suggestions serves all the same.
    answer["suggestions"] = match &hub.finder {
        Some(finder) => super::suggestions::state(&hub, finder),
        None => object!({"state": "disabled"}),
    };
    (code, axum::Json(answer)).into_response()
}

/// `GET /metrics`: OpenMetrics text.
pub async fn metrics(State(hub): Shared) -> Response {
    let text = blocking(|| {
        let (events, seconds, _) = behind(&hub);
        hub.metrics.projection_lag(events, seconds);
        if let Some(node) = &hub.node {
            hub.metrics.broker(&node.standing());
        }
        hub.metrics.stores(&hub.silence.all(hub.now()));
        if let Some(finder) = &hub.finder {
            let apart = hub.projector().read(|look| crate::suggest::all_apart(&look));
            hub.metrics.suggestions(finder.open_without(&apart), finder.customers().0);
        }
        if let Err(error) = hub.alarm.look(&hub) {
            tracing::error!(error = %error, "suspicious identifiers cannot be read");
        }
        hub.projector().read(|look| {
            let stats = look.engine().fold().stats;
            let quarantined = look.engine().fold().resolver.quarantined() as u64;
            hub.metrics.identity(stats.merges, stats.splits, quarantined);
            let store = look.engine().store().stats().bytes_on_disk;
            hub.metrics.sizes(store, hub.log.bytes());
            if let Ok(counts) = look.counts() {
                let parked = counts.iter().map(|(_, c)| c.parked).sum();
                hub.metrics.deadletters(&[("all", parked)]);
            }
        });
        hub.metrics.render(hub.now())
    });
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response()
}
