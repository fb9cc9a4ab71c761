//! Erasure of a customer, the identity side: the accepted request is an event that lists every identifier it covers. What
//! named them up to then names nobody any more, late arrivals included; whoever comes later is somebody new.

use super::{Answer, Shared, actor, blocking, command, customers::with_customer, damaged, json};
use crate::{hub::Hub, problem::Problem};
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::{Value, json as object};
use tributary_core::{
    body::{Body, IdentityAct},
    draft::Draft,
    event::{Event, Identifier, Trust},
    ids::{Cursor, CustomerId},
    time::Micros,
    view,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erase {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    dry_run: bool,
}

/// What an erasure covers.
struct Covered {
    customer: CustomerId,
    identifiers: Vec<Identifier>,
    /// For the answer: sums of what goes, and identifiers without values.
    told: Value,
}

/// `POST /v1/customers/{id}/erase {"reason", "dry_run"?}`: what it covers, and unless tried only, the event.
pub async fn erase(State(hub): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let actor = actor(&request);
    let wanted: Erase = command(request).await?;
    if wanted.reason.trim().is_empty() || wanted.reason.len() > super::identity::REASON_BYTES_MAX {
        return Err(super::identity::reason_missing());
    }
    let covered = blocking(|| covered(&hub, &id))?;
    if wanted.dry_run {
        return Ok(json(object!({"dry_run": true, "covers": covered.told})));
    }
    let now = hub.now();
    let event = event(&hub, &covered, wanted.reason.trim(), &actor.name, now)?;
    let id = event.id;
    let stored = hub.store("console", vec![event]).await?;
    let position = stored.position.map(|p| Cursor::new([p]));
    let answer = object!({"event": id, "position": position, "covers": covered.told});
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

fn covered(hub: &Hub, id: &str) -> Result<Covered, Problem> {
    with_customer(hub, id, |_, sources, customer, _| {
        let resolver = sources.resolver;
        let view = view::view(sources, customer).map_err(|e| damaged(&e))?.ok_or_else(Problem::internal)?;
        let named = resolver.covered(customer).into_iter().filter_map(|token| {
            let (kind, scope) = resolver.kind_of_token(token)?;
            let (kind, scope) = (kind.to_owned(), scope.to_owned());
            Some(Identifier { kind, scope, trust: Trust::Verified, token, marks: 0 })
        });
        let identifiers: Vec<Identifier> = named.collect();
        let kinds: Vec<Value> =
            identifiers.iter().map(|i| object!({"type": i.kind, "scope": i.scope})).collect();
        let told = object!({
            "customer": view.id,
            "identifiers": kinds,
            "interactions": view.interactions,
            "purchases": view.purchases,
        });
        Ok(Covered { customer: view.id, identifiers, told })
    })
}

/// The event names identifiers by their tokens alone: an erasure must not repeat what it erases.
fn event(hub: &Hub, covered: &Covered, reason: &str, actor: &str, now: Micros) -> Result<Event, Problem> {
    let body = Body::Identity { act: IdentityAct::Erase };
    let mut draft = Draft::new(format!("erase/{}/{}", covered.customer, now.0), body);
    draft.occurred_at = Some(now);
    draft.content.text = reason.to_owned();
    draft.actor = actor.to_owned();
    let mut events = hub.events(&super::console(hub), vec![draft], Vec::new(), now);
    let mut event = events.pop().ok_or_else(Problem::internal)?;
    event.identifiers.clone_from(&covered.identifiers);
    Ok(event)
}
