//! The second pass: for each fact that was noted, what to append so that today's reading counts.

use super::{
    again::{Target, again, differing},
    kept::{Current, First, current, stored},
    sweep::{Best, Found, Scope},
};
use crate::problem::Problem;
use serde::Serialize;
use tributary_core::{
    body::Body,
    event::Event,
    ids::{EventId, FactKey},
};

/// What a fact is removed as, if no request gives it any more.
const TAKEN_BACK: &str = "readapted";
/// What an operator took back stays so.
const RETRACTED: u32 = u32::MAX;

/// How a fact differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// It was not known.
    New,
    /// It says something else.
    Changed,
    /// No request gives it any more.
    TakenBack,
    /// What was not understood gives facts now, or nothing to be kept.
    Understood,
    /// What gave facts, or other ones, is not understood.
    NotUnderstood,
}

/// An event to append.
pub(super) struct Decision {
    pub event: Event,
    /// The event that counted when this was decided.
    pub was: Option<EventId>,
    /// The record whose request says so.
    pub first: First,
    pub what: What,
    /// Which parts differ.
    pub parts: Vec<&'static str>,
    /// The newest revision that comes out is less than the one in the log: newer ones of the source may lose against it.
    pub lowered: bool,
}

/// What to append for a fact, if anything.
pub(super) fn decide(scope: &Scope<'_>, key: FactKey, found: Found) -> Result<Option<Decision>, Problem> {
    let now = current(scope.hub, &key)?;
    let Some(best) = found.best else {
        return Ok(now.filter(|now| found.unsupported && may_replace(scope, now)).and_then(take_back));
    };
    let Some((target, first)) = target(scope, key, best)? else { return Ok(None) };
    let Some(now) = now else { return Ok(Some(fresh(target, first, What::New))) };
    let old = &now.event.event;
    if old.revision < target.event.revision {
        let what = if is_taken_back(old) { What::New } else { What::Changed };
        return Ok(Some(Decision { was: Some(old.id), ..fresh(target, first, what) }));
    }
    if !may_replace(scope, &now) {
        return Ok(None);
    }
    let lowered = old.revision > target.event.revision;
    // Its own request still gives it: it comes first, or is the newer revision.
    if !found.unsupported && (lowered || now.first.sequence < best.sequence) {
        return Ok(None);
    }
    let parts = differing(&now.event, &target);
    if parts.is_empty() {
        return Ok(None);
    }
    let what = match (&old.body, &target.event.body) {
        (_, Body::Unrecognised { .. }) => What::NotUnderstood,
        (Body::Unrecognised { .. }, _) => What::Understood,
        _ if is_taken_back(old) => What::New,
        _ => What::Changed,
    };
    let event = adapted(target.event, old.revision, old.generation.saturating_add(1));
    Ok(Some(Decision { event, was: Some(old.id), first, what, parts, lowered }))
}

/// The reading that was noted.
fn target(scope: &Scope<'_>, key: FactKey, best: Best) -> Result<Option<(Target, First)>, Problem> {
    let Some((event, raw)) = stored(scope.hub, best.sequence)? else { return Ok(None) };
    let first =
        First { origin: event.position.origin, sequence: best.sequence, recorded_at: event.recorded_at };
    let targets = again(scope.hub, scope.channel, &event, &raw).unwrap_or_default();
    let is_it = |t: &Target| t.event.revision == best.revision && t.event.fact_key() == key;
    Ok(targets.into_iter().find(is_it).map(|target| (target, first)))
}

fn fresh(target: Target, first: First, what: What) -> Decision {
    let what =
        if matches!(target.event.body, Body::Unrecognised { .. }) { What::NotUnderstood } else { what };
    let revision = target.event.revision;
    Decision {
        event: adapted(target.event, revision, 1),
        was: None,
        first,
        what,
        parts: Vec::new(),
        lowered: false,
    }
}

/// The event in this generation.
fn adapted(event: Event, revision: u64, generation: u32) -> Event {
    let id = EventId::derive(&event.kind, &event.account, &event.key, revision, generation);
    Event { id, revision, generation, ..event }
}

/// What was recorded outside the window, and what an operator took back, stays.
fn may_replace(scope: &Scope<'_>, now: &Current) -> bool {
    scope.window.holds(now.first.recorded_at) && now.event.event.generation < RETRACTED - 1
}

fn is_taken_back(event: &Event) -> bool {
    event.generation > 0 && matches!(&event.body, Body::Removed { of } if of == TAKEN_BACK)
}

fn take_back(now: Current) -> Option<Decision> {
    let old = now.event.event;
    if is_taken_back(&old) {
        return None;
    }
    let what = if matches!(old.body, Body::Unrecognised { .. }) { What::Understood } else { What::TakenBack };
    let was = Some(old.id);
    let (revision, generation) = (old.revision, old.generation + 1);
    let removed = Event {
        identifiers: Vec::new(),
        sealed: Vec::new(),
        body: Body::Removed { of: TAKEN_BACK.to_owned() },
        ..old
    };
    let event = adapted(removed, revision, generation);
    Some(Decision { event, was, first: now.first, what, parts: Vec::new(), lowered: false })
}
