//! Operators' acts on identifiers: link, unlink, block, unblock, clear. Each is an event; nothing is appended that cannot count.

use super::{Answer, Shared, actor, blocking, command, customers::Named, effect::effect, json};
use crate::{hub::Hub, problem::Problem};
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::json as object;
use tributary_core::{
    body::{Body, IdentityAct},
    draft::{ChannelContext, Claim, Draft},
    event::Trust,
    identity::Resolver,
    ids::Cursor,
    time::Micros,
    token::Token,
};

/// Longest reason.
pub(super) const REASON_BYTES_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    #[serde(default)]
    identifiers: Vec<Named>,
    identifier: Option<Named>,
    #[serde(default)]
    reason: String,
    at: Option<Micros>,
    #[serde(default)]
    dry_run: bool,
    /// Of an unlink: also where nothing links the two, so that nothing ever will.
    #[serde(default)]
    keep_apart: bool,
}

/// The channel of the hub's own records.
#[must_use]
pub fn console(hub: &Hub) -> ChannelContext {
    ChannelContext {
        name: "console".to_owned(),
        kind: "console".to_owned(),
        account: hub.config.hub.name.clone(),
        region: hub.config.hub.default_region,
        trust_cap: Trust::Verified,
        member_is_phone: true,
        brand: String::new(),
        generation: 0,
        purchases: tributary_core::draft::Purchases::default(),
    }
}

/// `POST /v1/identity/{link|unlink|block|unblock|clear}`.
pub async fn act(State(hub): Shared, Path(name): Path<String>, request: Request) -> Answer {
    let (act, count) = match name.as_str() {
        "link" => (IdentityAct::Link, 2),
        "unlink" => (IdentityAct::Unlink, 2),
        "block" => (IdentityAct::Block, 1),
        "unblock" => (IdentityAct::Unblock, 1),
        "clear" => (IdentityAct::Clear, 1),
        _ => {
            let acts = "the acts are link, unlink, block, unblock and clear";
            return Err(Problem::not_found("not_found", acts));
        }
    };
    let actor = actor(&request);
    let body: Act = command(request).await?;
    let named: Vec<Named> = body.identifiers.into_iter().chain(body.identifier).collect();
    if named.len() != count {
        let detail =
            format!("{name} takes {count} identifier(s) as {{type, scope?, value}}, not {}", named.len());
        return Err(Problem::new(422, "wrong_number_of_identifiers", detail));
    }
    let Act { reason, at, dry_run, keep_apart, .. } = body;
    perform(&hub, Deed { act, name, named, reason, actor: actor.name, at, dry_run, keep_apart }).await
}

/// An operator's act, as asked for.
pub(super) struct Deed {
    pub act: IdentityAct,
    /// Its name in the answer.
    pub name: String,
    /// Whom it is about.
    pub named: Vec<Named>,
    pub reason: String,
    pub actor: String,
    /// When it holds from; `None` = now.
    pub at: Option<Micros>,
    pub dry_run: bool,
    pub keep_apart: bool,
}

/// Tells what an act would change; then, unless it is a try, appends its event.
///
/// # Errors
/// 422 where it cannot count: no reason, unknown identifiers, no effect.
pub(super) async fn perform(hub: &Hub, deed: Deed) -> Answer {
    let Deed { act, name, named, reason, actor, at, dry_run, keep_apart } = deed;
    if reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(reason_missing());
    }
    let tokens = known(hub, &named)?;
    let now = hub.now();
    let at = at.unwrap_or(now);
    if at > now {
        return Err(Problem::new(422, "time_in_the_future", "at must not be in the future"));
    }
    let draft = draft(act, &name, named, &reason, &actor, at, now);
    let events = hub.events(&console(hub), vec![draft], Vec::new(), now);
    let event = events.last().cloned().ok_or_else(Problem::internal)?;
    let effect = blocking(|| match (act, tokens.as_slice()) {
        (IdentityAct::Clear, [token]) => super::suspicious::effect(hub, *token, at),
        _ => effect(hub, act, event, &tokens, keep_apart),
    })?;
    if dry_run {
        return Ok(json(object!({"dry_run": true, "act": name, "effect": effect})));
    }
    let event = events.last().map(|e| e.id);
    let stored = hub.store("console", events).await?;
    let position = stored.position.map(|p| Cursor::new([p]));
    let answer = object!({"act": name, "event": event, "position": position, "effect": effect});
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

/// An act without a reason, or with too long a one.
pub(super) fn reason_missing() -> Problem {
    let detail = format!("an act needs a reason of 1 to {REASON_BYTES_MAX} bytes; it is kept with the act");
    Problem::new(422, "reason_missing", detail)
}

fn draft(
    act: IdentityAct,
    name: &str,
    named: Vec<Named>,
    reason: &str,
    actor: &str,
    at: Micros,
    now: Micros,
) -> Draft {
    // The time makes the key: two acts at the same microsecond are one.
    let mut draft = Draft::new(format!("{name}/{}", now.0), Body::Identity { act });
    draft.occurred_at = Some(at);
    draft.identifiers = named
        .into_iter()
        .map(|n| Claim { kind: n.kind, scope: n.scope, value: n.value, trust: Trust::Verified })
        .collect();
    draft.content.text = reason.trim().to_owned();
    draft.actor = actor.to_owned();
    draft
}

/// Whether an identifier was erased and names nobody any more.
fn forgotten(resolver: &Resolver, token: Token) -> bool {
    let once_erased = resolver.is_erased(token, Micros(i64::MIN));
    once_erased && resolver.customer_of(token).is_none() && resolver.owners(token).is_empty()
}

/// Every identifier must have been named by some event, and a pair must be two.
fn known(hub: &Hub, named: &[Named]) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::with_capacity(named.len());
    for n in named {
        let token = hub.key().token(&n.kind, &n.scope, &n.normal(hub)?);
        if hub.projector().read(|look| look.engine().fold().resolver.kind_of_token(token).is_none()) {
            let detail = format!("no event has named this identifier of type `{}`", n.kind);
            return Err(Problem::new(422, "identifier_unknown", detail)
                .remedy("check type, scope and value with `tributary customer find`"));
        }
        if hub.projector().read(|look| forgotten(&look.engine().fold().resolver, token)) {
            let detail =
                format!("this identifier of type `{}` was erased, and nobody has used it since", n.kind);
            return Err(Problem::new(422, "identifier_erased", detail));
        }
        if tokens.contains(&token) {
            return Err(Problem::new(422, "same_identifier", "the two identifiers are the same one"));
        }
        tokens.push(token);
    }
    Ok(tokens)
}
