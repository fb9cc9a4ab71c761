//! Customers: found by identifier or text, listed, shown with timeline and reasons; notes.

use super::{Answer, Params, Shared, actor, agent_link, blocking, command, damaged, json, suggestions};
use crate::{hub::Hub, problem::Problem};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json as object};
use tributary_core::{
    body::Body,
    change::Change,
    draft::{Claim, Draft},
    event::Trust,
    identity::CustomerRef,
    ids::{Cursor, CustomerId, EventId},
    normalise::{self, Normal},
    view::{self, Sources},
};
use tributary_projector::View;

/// Longest note.
const NOTE_BYTES_MAX: usize = 16 * 1024;

/// An identifier as requests name it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Scope.
    #[serde(default)]
    pub scope: String,
    /// Value, in any spelling.
    pub value: String,
}

impl Named {
    /// The normalised value.
    ///
    /// # Errors
    /// 422 if it is no identifier of its type.
    pub fn normal(&self, hub: &Hub) -> Result<String, Problem> {
        match normalise::normalise(&self.kind, &self.scope, &self.value, hub.config.hub.default_region) {
            Normal::Key { value, .. } => Ok(value),
            Normal::Attribute { reason, .. } | Normal::Reject { reason } => {
                let detail =
                    format!("the value is no identifier of type `{}`: {}", self.kind, reason.as_str());
                Err(Problem::new(422, "invalid_identifier", detail))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    identifier: Option<Named>,
    q: Option<String>,
}

/// `POST /v1/customers/find`.
pub async fn find(State(hub): Shared, request: Request) -> Answer {
    Params::of(&request).wait(&hub).await?;
    let wanted: Find = command(request).await?;
    let found = match (wanted.identifier, wanted.q) {
        (Some(named), None) => blocking(|| find_identifier(&hub, &named).map(|v| told(&hub, v)))?,
        (None, Some(text)) => blocking(|| find_text(&hub, text.trim()).map(|v| told(&hub, v)))?,
        _ => {
            let detail = "give either {\"identifier\": {type, scope?, value}} or {\"q\": text}";
            return Err(Problem::new(400, "invalid_body", detail));
        }
    };
    Ok(json(object!({"customers": found})))
}

fn find_identifier(hub: &Hub, named: &Named) -> Result<Vec<view::View>, Problem> {
    let token = hub.key().token(&named.kind, &named.scope, &named.normal(hub)?);
    hub.projector().read(|look| {
        let resolver = &look.engine().fold().resolver;
        let mut all = resolver.owners(token);
        all.extend(resolver.customer_of(token));
        views(&look, all)
    })
}

/// An id, or a value of any type of identifier that it can be read as.
fn find_text(hub: &Hub, text: &str) -> Result<Vec<view::View>, Problem> {
    if let Ok(id) = text.parse::<CustomerId>() {
        return hub.projector().read(|look| views(&look, look.resolve(id).into_iter().collect()));
    }
    if let Ok(id) = text.parse::<EventId>() {
        return hub.projector().read(|look| {
            let home = look.engine().with_sources(|_, records| {
                use tributary_core::view::Records as _;
                records.by_id(id).and_then(|event| look.engine().home_of(&event))
            });
            views(&look, home.into_iter().collect())
        });
    }
    hub.projector().read(|look| {
        let resolver = &look.engine().fold().resolver;
        let mut all: Vec<CustomerRef> = Vec::new();
        for (kind, scope) in resolver.kinds() {
            let normal = normalise::normalise(kind, scope, text, hub.config.hub.default_region);
            if let Normal::Key { value, .. } = normal {
                let token = hub.key().token(kind, scope, &value);
                all.extend(resolver.owners(token));
                all.extend(resolver.customer_of(token));
            }
        }
        all.sort_unstable();
        all.dedup();
        views(&look, all)
    })
}

fn views(look: &View<'_>, customers: Vec<CustomerRef>) -> Result<Vec<view::View>, Problem> {
    look.engine().with_sources(|sources, _| {
        let all = customers.into_iter().map(|c| view::view(sources, c).map_err(|e| damaged(&e)));
        all.filter_map(Result::transpose).collect()
    })
}

/// The views as they are answered.
fn told(hub: &Hub, views: Vec<view::View>) -> Vec<Value> {
    views.into_iter().map(|view| suggestions::with_alike(hub, view)).collect()
}

/// `GET /v1/customers?cursor=&limit=`: all, in the order they became known.
pub async fn list(State(hub): Shared, request: Request) -> Answer {
    let params = Params::of(&request);
    params.no_filter()?;
    params.wait(&hub).await?;
    let limit = params.limit()?;
    let from: u32 = match params.get("cursor") {
        None => 0,
        Some(text) => text
            .strip_prefix('k')
            .and_then(|t| t.parse().ok())
            .ok_or_else(|| Problem::new(400, "invalid_cursor", "cursor is not one of this list"))?,
    };
    let (customers, next) = blocking(|| {
        hub.projector().read(|look| {
            let resolver = &look.engine().fold().resolver;
            let page: Vec<_> = resolver.customers_from(from).take(limit + 1).collect();
            let next = page.get(limit).map(|(at, _)| format!("k{at}"));
            let customers = page.into_iter().take(limit).map(|(_, c)| c).collect();
            views(&look, customers).map(|v| (v, next))
        })
    })?;
    let customers = blocking(|| told(&hub, customers));
    Ok(json(object!({"customers": customers, "next_cursor": next})))
}

/// Runs `f` on the customer that an id names today; the flag says whether it is another id by now.
pub(crate) fn with_customer<R>(
    hub: &Hub,
    id: &str,
    f: impl FnOnce(&View<'_>, Sources<'_>, CustomerRef, bool) -> Result<R, Problem>,
) -> Result<R, Problem> {
    let id: CustomerId = id.parse().map_err(|_| {
        Problem::new(400, "invalid_id", "this is not a customer id")
            .remedy("an id begins with cus_ and has 30 characters")
    })?;
    hub.projector().read(|look| {
        let unknown = || Problem::not_found("customer_unknown", "no customer has or had this id");
        if look.is_erased(id) {
            return Err(Problem::new(410, "customer_erased", "the customer of this id was erased"));
        }
        let customer = look.resolve(id).ok_or_else(unknown)?;
        let moved = look.engine().fold().resolver.id(customer) != Some(id);
        look.engine().with_sources(|sources, _| f(&look, sources, customer, moved))
    })
}

/// `GET /v1/customers/{id}`.
pub async fn show(State(hub): Shared, Path(id): Path<String>, request: Request) -> Answer {
    Params::of(&request).wait(&hub).await?;
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let (view, moved) = blocking(|| {
        with_customer(&hub, &id, |_, sources, customer, moved| {
            let view = view::view(sources, customer).map_err(|e| damaged(&e))?;
            view.map(|v| (v, moved)).ok_or_else(Problem::internal)
        })
    })?;
    let mut tag = format!("{}-{}", view.id, view.version);
    let mut body = blocking(|| suggestions::with_alike(&hub, view));
    agent_link::add_to_view(&hub, &mut body);
    if let Some(number) = suggestions::unversioned(&body) {
        tag = format!("{tag}-{number:x}");
    }
    let tag = format!("\"{tag}\"");
    let tag = HeaderValue::from_str(&tag).map_err(|_| Problem::internal())?;
    let mut response: Response = if known.as_ref() == Some(&tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        if moved {
            body["requested_id"] = object!(id);
        }
        json(body)
    };
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// `GET /v1/customers/{id}/timeline?limit=&before=`.
pub async fn timeline(State(hub): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let params = Params::of(&request);
    params.wait(&hub).await?;
    let limit = params.limit()?;
    let before = match params.get("before") {
        None => None,
        Some(text) => Some(view::parse_before(text).ok_or_else(|| {
            Problem::new(400, "invalid_cursor", "before is not a `next_before` of this interface")
        })?),
    };
    let page = blocking(|| {
        with_customer(&hub, &id, |_, sources, customer, _| {
            view::timeline(sources, customer, before, limit).map_err(|e| damaged(&e))
        })
    })?;
    let entries: Vec<Value> = page.entries.iter().map(|e| entry(&hub, e)).collect();
    Ok(json(object!({"entries": entries, "next_before": page.next_before})))
}

/// An entry for readers: what a list shows, and the event's own data.
fn entry(hub: &Hub, entry: &view::TimelineEntry) -> Value {
    let event = entry.event.as_ref();
    let field = |name: &str| event.and_then(|e| e.get(name)).cloned().unwrap_or_default();
    let mut told = object!({
        "event": entry.id,
        "at": entry.at,
        "channel": field("channel"),
        "kind": field("kind"),
        "type": field("type").as_str().map(|t| t.trim_start_matches("tributary.v1.").to_owned()),
        "position": field("position"),
        "data": field("data"),
    });
    if let Some(link) = event.and_then(|event| agent_link::of_entry(hub, entry.id, event)) {
        told["agent_link"] = link.into();
    }
    told
}

/// `GET /v1/customers/{id}/why`.
pub async fn why(State(hub): Shared, Path(id): Path<String>, request: Request) -> Answer {
    Params::of(&request).wait(&hub).await?;
    let why = blocking(|| {
        with_customer(&hub, &id, |look, sources, customer, _| {
            let why = view::why(sources, customer).map_err(|e| damaged(&e))?;
            let why = why.ok_or_else(Problem::internal)?;
            let history = look.history(customer).map_err(|e| damaged(&e))?;
            let refused = view::refused_links(sources, customer);
            let id = why.id;
            let mut told = object!(why);
            told["history"] = history.changes.iter().map(past).collect();
            told["history_cut"] = history.cut.into();
            Ok((id, told, refused))
        })
    })?;
    let (id, mut told, refused) = why;
    told["suggestions"] = blocking(|| suggestions::list(&hub, id, &refused)).into();
    Ok(json(told))
}

/// A merge, a split, or the creation.
fn past(change: &Change) -> Value {
    let mut told = object!({
        "kind": change.kind, "version": change.version, "at": change.at, "caused_by": change.caused_by,
    });
    for (name, ids) in [("from", &change.from), ("parts", &change.parts)] {
        if !ids.is_empty() {
            told[name] = object!(ids);
        }
    }
    told
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
}

/// `POST /v1/customers/{id}/notes {"text"}`.
pub async fn note(State(hub): Shared, Path(id): Path<String>, request: Request) -> Answer {
    let actor = actor(&request);
    let note: Note = command(request).await?;
    if note.text.trim().is_empty() || note.text.len() > NOTE_BYTES_MAX {
        let detail = format!("a note has 1 to {NOTE_BYTES_MAX} bytes");
        return Err(Problem::new(422, "invalid_note", detail));
    }
    let strongest = blocking(|| {
        with_customer(&hub, &id, |_, sources, customer, _| {
            let view =
                view::view(sources, customer).map_err(|e| damaged(&e))?.ok_or_else(Problem::internal)?;
            let policy = sources.resolver.policy();
            let best = view.identifiers.into_iter().min_by_key(|i| policy.strength(&i.kind, i.trust));
            best.ok_or_else(Problem::internal)
        })
    })?;
    let now = hub.now();
    let key = format!("note/{}/{}", id, now.0);
    let mut draft = Draft::new(key, Body::Note {});
    draft.identifiers.push(Claim::new(&strongest.kind, &strongest.scope, strongest.value, Trust::Claimed));
    draft.content.text = note.text;
    draft.actor.clone_from(&actor.name);
    let events = hub.events(&super::identity::console(&hub), vec![draft], Vec::new(), now);
    let event = events.last().map(|e| e.id);
    let stored = hub.store("console", events).await?;
    let position = stored.position.map(|p| Cursor::new([p]));
    Ok((StatusCode::ACCEPTED, axum::Json(object!({"event": event, "position": position}))).into_response())
}
