//! What an operator's act would do, tried on a copy of the identities it could concern: which customers change and how their sums do, why a
//! link would be refused, and what has gone out already under one id.

use super::damaged;
use crate::{hub::Hub, problem::Problem};
use serde_json::{Value, json as object};
use tributary_core::{
    body::IdentityAct,
    event::{Event, RecordedEvent},
    identity::{CustomerRef, Obstacle, Refusal, Regrouping, Resolver},
    ids::{CustomerId, Position},
    token::Token,
    view::{self, Sources},
};
use tributary_projector::View;

/// What the act in `event` would do to the customers of `tokens`.
///
/// # Errors
/// 422 if it could have no effect: a link that is refused, an unlink of what nothing links.
pub fn effect(
    hub: &Hub,
    act: IdentityAct,
    event: Event,
    tokens: &[Token],
    keep_apart: bool,
) -> Result<Value, Problem> {
    let recorded = RecordedEvent { position: Position::default(), recorded_at: hub.now(), event };
    hub.projector().read(|look| {
        let before = &look.engine().fold().resolver;
        let mut after = before.excerpt(tokens);
        after.act(&recorded, act);
        let regroupings = after.settle();
        match act {
            IdentityAct::Link => possible(&after, tokens)?,
            IdentityAct::Unlink if !keep_apart => linked(before, tokens)?,
            _ => {}
        }
        told(&look, before, &after, tokens, &regroupings)
    })
}

/// A link that the policy refuses would be kept for ever and do nothing.
fn possible(after: &Resolver, tokens: &[Token]) -> Result<(), Problem> {
    let [a, b] = tokens else { return Ok(()) };
    let (one, other) = (after.customer_of(*a), after.customer_of(*b));
    if one.is_some() && one == other {
        return Ok(());
    }
    let Some(customer) = one.or(other) else {
        let (_, remedy) = words(Obstacle::Nobody);
        let detail = "this link would have no effect: nobody holds either of the two";
        return Err(Problem::new(422, "link_refused", detail).remedy(remedy));
    };
    let ends = |link: &&tributary_core::identity::LinkStory| {
        (link.ends == (*a, *b) || link.ends == (*b, *a)) && link.refused.is_some()
    };
    let links = after.links(customer);
    let (why, remedy) = match links.iter().find(ends).and_then(|link| link.refused) {
        Some(Refusal::Unique) => words(Obstacle::Unique),
        Some(Refusal::Limit) => words(Obstacle::Limit),
        Some(Refusal::CannotLink) => words(Obstacle::CannotLink),
        _ => ("the two stay with different customers", "look at both with `tributary customer why`"),
    };
    Err(Problem::new(422, "link_refused", format!("this link would have no effect: {why}")).remedy(remedy))
}

/// What stands against a link, and what to do about it.
#[must_use]
pub fn words(obstacle: Obstacle) -> (&'static str, &'static str) {
    match obstacle {
        Obstacle::Nobody => (
            "nobody holds one of the two",
            "a blocked identifier must be unblocked first; cookies and devices join nobody",
        ),
        Obstacle::Unique => (
            "the customer would have two identifiers of a type of which the policy allows one, such as two member numbers",
            "if both are one person's, correct the identifier at its source, or apply an [identity] policy with a greater max \
             of that type",
        ),
        Obstacle::Limit => (
            "the customer would have more identifiers than the policy allows, of one type or in all",
            "look at both with `tributary customer why`, and unlink what is wrong first",
        ),
        Obstacle::CannotLink => (
            "other identifiers of the two were set apart by an operator",
            "link those two again first, if they belong together",
        ),
    }
}

/// Nothing joins them: an unlink would only rule out a future link, which has to be said.
fn linked(before: &Resolver, tokens: &[Token]) -> Result<(), Problem> {
    let [a, b] = tokens else { return Ok(()) };
    let (one, other) = (before.customer_of(*a), before.customer_of(*b));
    if one.is_some() && one == other {
        return Ok(());
    }
    let touching =
        |link: &tributary_core::identity::LinkStory| link.ends == (*a, *b) || link.ends == (*b, *a);
    let customers = one.into_iter().chain(other);
    if customers.flat_map(|customer| before.links(customer)).any(|link| touching(&link)) {
        return Ok(());
    }
    Err(Problem::new(422, "not_linked", "no link joins these two, now or refused")
        .remedy("to rule out that they are ever linked, say \"keep_apart\": true (--keep-apart)"))
}

fn told(
    look: &View<'_>,
    before: &Resolver,
    after: &Resolver,
    tokens: &[Token],
    regroupings: &[Regrouping],
) -> Result<Value, Problem> {
    let holders = |r: &Resolver| -> Vec<Option<CustomerId>> {
        tokens.iter().map(|t| r.customer_of(*t).and_then(|c| r.id(c))).collect()
    };
    let changes: Vec<Value> = regroupings
        .iter()
        .map(
            |r| object!({"customer": r.id, "exists": r.customer.is_some(), "from": r.from, "parts": r.parts}),
        )
        .collect();
    let mut gone: Vec<CustomerRef> = tokens.iter().filter_map(|t| before.customer_of(*t)).collect();
    let parted = regroupings.iter().flat_map(|r| r.from.iter().chain(&r.parts).chain([&r.id]));
    gone.extend(parted.filter_map(|id| look.resolve(*id)));
    gone.sort_unstable();
    gone.dedup();
    let mut come: Vec<CustomerRef> = tokens.iter().filter_map(|t| after.customer_of(*t)).collect();
    come.extend(regroupings.iter().filter_map(|r| r.customer));
    come.sort_unstable();
    come.dedup();
    let exposed = gone.iter().map(|c| exposed(look, *c, regroupings)).collect::<Result<Vec<_>, _>>()?;
    look.engine().with_sources(|sources, _| {
        let sums = |resolver, all: &[CustomerRef]| -> Result<Vec<Value>, Problem> {
            let sources = Sources { resolver, ..sources };
            let each = all.iter().map(|c| summary(sources, *c));
            each.filter_map(Result::transpose).collect()
        };
        Ok(object!({
            "before": holders(before),
            "after": holders(after),
            "changes": changes,
            "customers": {"before": sums(before, &gone)?, "after": sums(after, &come)?},
            "exposed": exposed.into_iter().flatten().collect::<Vec<_>>(),
        }))
    })
}

/// A customer's sums: what a timeline and its totals come to.
fn summary(sources: Sources<'_>, customer: CustomerRef) -> Result<Option<Value>, Problem> {
    let view = view::view(sources, customer).map_err(|e| damaged(&e))?;
    Ok(view.map(|view| {
        let view = object!(view);
        let own = view["identifiers"].as_array().map_or(0, Vec::len);
        object!({
            "id": view["id"], "identifiers": own, "interactions": view["interactions"],
            "purchases": view["purchases"],
        })
    }))
}

/// Changes that carried the data of several people under one id, where this act would part them.
fn exposed(look: &View<'_>, customer: CustomerRef, all: &[Regrouping]) -> Result<Option<Value>, Problem> {
    let Some(id) = look.engine().fold().resolver.id(customer) else { return Ok(None) };
    if !all.iter().any(|r| r.id == id && !r.parts.is_empty()) {
        return Ok(None);
    }
    let history = look.history(customer).map_err(|e| damaged(&e))?;
    Ok(Some(object!({
        "customer": id, "changes": history.told, "since": history.since, "until": history.until,
        "earlier_unknown": history.cut,
    })))
}
