//! Suggestions: customers that look like one person, beside links that were refused; taken and turned down by operators.

use super::{
    Answer, Params, Shared, actor, blocking, command,
    customers::{Named, with_customer},
    damaged,
    effect::words,
    identity::{Deed, perform},
    json,
};
use crate::{
    hub::{Hub, WAIT_MAX},
    problem::Problem,
    suggest::{Alike, Finder, Key, stands},
};
use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::{
    cmp::Reverse,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};
use tributary_core::{
    body::IdentityAct,
    identity::Obstacle,
    ids::CustomerId,
    view::{self, ViewIdentifier},
};

/// Hundredths of a bit in a bit.
const BIT: f64 = 100.0;

/// `GET /v1/identity/suggestions?cursor=&limit=`: pairs that look alike, the highest score first. A pair that stays as it is
/// stands on exactly one page, whatever happens to others; one whose score changes meanwhile may be missed or met again.
pub async fn page(State(hub): Shared, request: Request) -> Answer {
    let params = Params::of(&request);
    let finder = finder(&hub)?;
    wait(&hub, &finder, &params).await?;
    let limit = params.limit()?;
    let mut after = params.get("cursor").map(read_key).transpose()?;
    let (mut rows, mut next) = (Vec::new(), None);
    blocking(|| {
        // Those that stand no more are left out, which may take some further looks.
        while rows.len() < limit {
            let page = finder.page(after, limit);
            let more = page.len() == limit;
            after = page.last().map(Alike::key);
            let standing = standing(&hub, page);
            let room = limit - rows.len();
            let cut = standing.len() > room;
            rows.extend(standing.into_iter().take(room));
            next = match (cut, more) {
                (true, _) => rows.last().map(|(alike, _)| alike.key()),
                (false, true) => after,
                (false, false) => None,
            };
            if next.is_none() {
                break;
            }
        }
    });
    let told: Vec<Value> =
        rows.iter().map(|(alike, obstacle)| pair(alike, *obstacle, &alike.customers)).collect();
    let mut answer = state(&hub, &finder);
    answer["suggestions"] = told.into();
    answer["next_cursor"] = object!(next.map(write_key));
    Ok(json(answer))
}

/// How the finder is doing, as answers say it.
pub(super) fn state(hub: &Hub, finder: &Finder) -> Value {
    let (customers, max) = finder.customers();
    object!({
        "state": finder.state(), "position": finder.taken().and_then(|number| hub.reach(number).ok()), "customers": customers,
        "max_customers": max,
    })
}

fn finder(hub: &Hub) -> Result<Arc<Finder>, Problem> {
    hub.finder.clone().ok_or_else(|| {
        Problem::new(409, "suggestions_disabled", "customers that look alike are not looked for in this hub")
            .remedy("set [suggestions] enabled = true and start again")
    })
}

/// Waits for `min_position=`, in the views and in the finder, which comes after them.
async fn wait(hub: &Hub, finder: &Finder, params: &Params) -> Result<(), Problem> {
    params.wait(hub).await?;
    if params.get("min_position").is_none() {
        return Ok(());
    }
    let number = hub.number_covering(&params.cursor("min_position")?)?;
    if finder.wait_for(number, WAIT_MAX).await {
        return Ok(());
    }
    Err(Problem::new(503, "suggestions_behind", "the suggestions have not come so far yet")
        .remedy("try again, or ask without min_position: the answer says how far they are")
        .retry_after(1))
}

/// Those of them that hold in the views as they are now, each with what would stand against accepting it.
fn standing(hub: &Hub, all: Vec<Alike>) -> Vec<(Alike, Option<Obstacle>)> {
    if all.is_empty() {
        return Vec::new();
    }
    hub.projector().read(|look| {
        let resolver = &look.engine().fold().resolver;
        let strongest = |token| resolver.strongest_own(resolver.customer_of(token)?);
        let obstacle = |alike: &Alike| match alike.tokens.map(strongest) {
            [Some(a), Some(b)] => resolver.obstacle(a, b),
            _ => Some(Obstacle::Nobody),
        };
        let standing = all.into_iter().filter(|alike| stands(&look, alike));
        standing
            .map(|alike| {
                let obstacle = obstacle(&alike);
                (alike, obstacle)
            })
            .collect()
    })
}

/// A pair that looks alike, with evidence but without any value of a person.
fn pair(alike: &Alike, obstacle: Option<Obstacle>, customers: &[CustomerId]) -> Value {
    let bits = |hundredths: i32| f64::from(hundredths) / BIT;
    let reasons = alike.suggestion.reasons();
    let reasons: Vec<Value> = reasons
        .map(|r| object!({"field": r.field.as_str(), "level": r.level.as_str(), "weight": bits(r.weight)}))
        .collect();
    let obstacle = obstacle.map(|obstacle| {
        let (detail, remedy) = words(obstacle);
        object!({"reason": obstacle, "detail": detail, "remedy": remedy})
    });
    object!({
        "kind": "look_alike", "customers": customers, "score": bits(alike.suggestion.score), "reasons": reasons,
        "obstacle": obstacle,
    })
}

/// A customer's suggestions: refused links first, then who looks alike.
pub(super) fn list(hub: &Hub, id: CustomerId, refused: &[view::Suggestion]) -> Vec<Value> {
    let alike = hub.finder.as_ref().map(|finder| standing(hub, finder.of(id))).unwrap_or_default();
    let others =
        |one: &Alike| -> Vec<CustomerId> { one.customers.iter().filter(|c| **c != id).copied().collect() };
    let links = refused.iter().map(|link| {
        let mut told = object!(link);
        told["kind"] = "link_refused".into();
        told
    });
    links.chain(alike.iter().map(|(one, obstacle)| pair(one, *obstacle, &others(one)))).collect()
}

/// A view as it is answered, with who looks alike.
pub(super) fn with_alike(hub: &Hub, view: view::View) -> Value {
    let all = list(hub, view.id, &view.suggestions);
    let mut told = object!(view);
    told["suggestions"] = all.into();
    told
}

/// A number for what in an answered view comes and goes without a new version of it; `None` if there is nothing of it.
pub(super) fn unversioned(view: &Value) -> Option<u64> {
    let lists = [&view["suggestions"], &view["conflicts"]];
    if lists.iter().all(|list| list.as_array().is_none_or(Vec::is_empty)) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    lists.map(Value::to_string).hash(&mut hasher);
    Some(hasher.finish())
}

/// `s<hundredths of a bit>.<customer>.<customer>`.
fn write_key((Reverse(score), a, b): Key) -> String {
    format!("s{score}.{a}.{b}")
}

fn read_key(text: &str) -> Result<Key, Problem> {
    let read = || -> Option<Key> {
        let mut parts = text.strip_prefix('s')?.split('.');
        let score = parts.next()?.parse().ok()?;
        let (a, b) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some((Reverse(score), a, b))
    };
    read().ok_or_else(|| Problem::new(400, "invalid_cursor", "cursor is not one of this list"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    customers: [String; 2],
    #[serde(default)]
    reason: String,
    #[serde(default)]
    dry_run: bool,
}

/// `POST /v1/identity/suggestions/{accept|reject}`: a link of the two customers' strongest identifiers, or an unlink that
/// keeps them apart; for any two customers, suggested or not.
pub async fn answer(State(hub): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let act = match name.as_str() {
        "accept" => IdentityAct::Link,
        "reject" => IdentityAct::Unlink,
        _ => return Err(Problem::not_found("not_found", "suggestions are answered by accept or reject")),
    };
    let actor = actor(&request).name;
    let Decision { customers, reason, dry_run } = command(request).await?;
    let ends = blocking(|| {
        let [a, b] = &customers;
        Ok::<_, Problem>([strongest(&hub, a)?, strongest(&hub, b)?])
    })?;
    if ends[0].0 == ends[1].0 {
        let detail = "the two ids are of one customer";
        return Err(Problem::new(422, "same_customer", detail).remedy("see `tributary customer why`"));
    }
    let named: Vec<Named> = ends.into_iter().map(|(_, named)| named).collect();
    let act_name = if act == IdentityAct::Link { "link" } else { "unlink" }.to_owned();
    perform(&hub, Deed { act, name: act_name, named, reason, actor, at: None, dry_run, keep_apart: true })
        .await
}

/// The customer that an id names today, and its strongest own identifier: the one that holds it together best, so that an
/// act on it lasts.
fn strongest(hub: &Hub, id: &str) -> Result<(CustomerId, Named), Problem> {
    with_customer(hub, id, |_, sources, customer, _| {
        let view = view::view(sources, customer).map_err(|e| damaged(&e))?.ok_or_else(Problem::internal)?;
        let resolver = sources.resolver;
        let token = |i: &ViewIdentifier| hub.key().token(&i.kind, &i.scope, &i.value);
        let strongest = resolver.strongest_own(customer);
        let best = view.identifiers.into_iter().find(|i| Some(token(i)) == strongest);
        let best = best.ok_or_else(Problem::internal)?;
        Ok((view.id, Named { kind: best.kind, scope: best.scope, value: best.value }))
    })
}
