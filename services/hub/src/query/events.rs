//! Events: the raw stream, one event traced, and publishing CloudEvents.

use super::{Answer, PUBLISH_BODY_MAX, Params, Shared, actor, blocking, damaged, json, no_stream};
use crate::{hub::Hub, problem::Problem};
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde_json::{Value, json as object};
use std::collections::{HashSet, VecDeque};
use tributary_channels::{cloudevents, settings::Channel};
use tributary_core::{
    draft::ChannelContext,
    event::Trust,
    ids::{Cursor, EventId},
    view::{Records, event_json},
};
use tributary_eventlog::ReadLimits;
use tributary_projector::decode;

/// Changes of one event that its trace tells.
const CHANGES_MAX: usize = 1_000;
/// Records looked at for one page, so that a stretch of the hub's own records cannot hold a request for long.
const SCAN_MAX: usize = 20_000;

/// `GET /v1/events?cursor=&limit=&copies=`: events in log order up to the projected position, each once.
pub async fn page(State(hub): Shared, request: Request) -> Answer {
    let params = Params::of(&request);
    params.no_filter()?;
    no_stream(request.headers())?;
    params.wait(&hub).await?;
    let (cursor, limit) = (params.cursor("cursor")?, params.limit()?);
    let copies = params.get("copies") == Some("true");
    blocking(|| read_page(&hub, &cursor, limit, copies)).map(json)
}

fn read_page(hub: &Hub, cursor: &Cursor, limit: usize, copies: bool) -> Result<Value, Problem> {
    let upto = *hub.projector().subscribe().borrow();
    let covered = hub.covered(cursor)?;
    let mut next = covered + 1;
    let mut events = Vec::new();
    let mut looked = 0;
    let records = hub.projector().read(|view| view.engine().with_sources(|_, records| records.clone()));
    let mut seen: HashSet<EventId> = HashSet::new();
    while next <= upto && events.len() < limit && looked < SCAN_MAX {
        let limits = ReadLimits { max_records: (limit - events.len()).max(16), ..ReadLimits::default() };
        let batch: VecDeque<_> = hub.order.read_numbers(next, limits).map_err(|e| damaged(&e))?.into();
        for record in batch {
            if next > upto || events.len() == limit {
                break;
            }
            next += 1;
            looked += 1;
            // A cursor of another node may cover some that came later here.
            let given = cursor.sequence(record.position.origin.0) >= record.position.sequence;
            let Ok(Some(event)) = decode(&record) else { continue };
            if given {
                continue;
            }
            // A copy far away in the log is told by the index, which knows the place of one of them.
            let first = records.position(event.event.id).is_none_or(|p| p == event.position);
            if copies || (first && seen.insert(event.event.id)) {
                events.push(event_json(&event));
            }
        }
    }
    let mut next_cursor = if next == covered + 1 { cursor.clone() } else { hub.reach(next - 1)? };
    cursor.positions().iter().for_each(|p| next_cursor.advance(*p));
    Ok(object!({"events": events, "next_cursor": next_cursor}))
}

/// `GET /v1/events/{id}`: raw, decoded, identity decision, change.
pub async fn trace(State(hub): Shared, Path(id): Path<String>, request: Request) -> Answer {
    Params::of(&request).wait(&hub).await?;
    let id: EventId = id.parse().map_err(|_| Problem::new(400, "invalid_id", "this is not an event id"))?;
    blocking(|| read_trace(&hub, id)).map(json)
}

fn read_trace(hub: &Hub, id: EventId) -> Result<Value, Problem> {
    hub.projector().read(|view| {
        let engine = view.engine();
        let (event, customer) = engine
            .with_sources(|sources, records| {
                let event = records.by_id(id)?;
                let customer = engine.home_of(&event).and_then(|c| sources.resolver.id(c));
                Some((event, customer))
            })
            .ok_or_else(|| Problem::not_found("event_unknown", "no event of this id has been folded"))?;
        let raw = match event.event.raw() {
            Ok(Some(raw)) => object!({
                "headers": raw.headers.iter().map(|(n, v)| object!([n, v])).collect::<Vec<_>>(),
                "body": String::from_utf8_lossy(&raw.body),
            }),
            Ok(None) => object!("in chunk records before the event"),
            Err(_) => object!("[sealed]"),
        };
        let changes = view.changes_by(event.position, CHANGES_MAX).map_err(|e| damaged(&e))?;
        let current = engine.is_current(&event).map_err(|e| damaged(&e))?;
        Ok(object!({
            "event": event_json(&event),
            "raw": raw,
            "current": current,
            "customer": customer,
            "changes": changes,
            "deliveries": [],
        }))
    })
}

/// `POST /v1/events`: CloudEvents, one or a list, each with its own outcome.
pub async fn publish(State(hub): Shared, request: Request) -> Answer {
    let context = publisher(&hub, &actor(&request).name);
    let body = hub.bodies.read(request.into_body(), PUBLISH_BODY_MAX).await?;
    let decoded = blocking(|| cloudevents::decode_batch(&body.bytes));
    let decoded = decoded.map_err(|refused| {
        Problem::new(400, "invalid_body", format!("{}: {}", refused.code, refused.detail))
    })?;
    let received_at = hub.now();
    let (mut drafts, mut rejected) = (Vec::new(), Vec::new());
    for (index, outcome) in decoded.into_iter().enumerate() {
        match outcome {
            Ok(draft) => drafts.push(draft),
            Err(refused) => {
                hub.refused(&context.name, refused.code);
                rejected.push(object!({"index": index, "code": refused.code, "detail": refused.detail}));
            }
        }
    }
    let events = hub.events(&context, drafts, Vec::new(), received_at);
    let stored = hub.store(&context.name, events).await?;
    let position = stored.position.map(|p| Cursor::new([p]));
    let answer = object!({
        "accepted": stored.accepted,
        "duplicates": stored.duplicates,
        "rejected": rejected,
        "position": position,
    });
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

/// The credential names the channel: a configured one of kind `cloudevents` and the same name, else one of that name that
/// may only claim.
fn publisher(hub: &Hub, actor: &str) -> ChannelContext {
    let configured = hub.channel(actor).filter(|c: &&Channel| c.context.kind == "cloudevents");
    match configured {
        Some(channel) => channel.context.clone(),
        None => ChannelContext {
            name: actor.to_owned(),
            kind: "cloudevents".to_owned(),
            account: actor.to_owned(),
            region: hub.config.hub.default_region,
            trust_cap: Trust::Claimed,
            member_is_phone: false,
            brand: String::new(),
            generation: 0,
            purchases: tributary_core::draft::Purchases::default(),
        },
    }
}
