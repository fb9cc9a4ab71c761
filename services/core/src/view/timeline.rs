//! A customer's timeline: entries of all its fragments merged by time, newest first.

use super::{Sources, each_part, event_json};
use crate::{
    codec::BadRow,
    fold::{
        fragment::Fragment,
        head::{Entry, When},
    },
    identity::CustomerRef,
    ids::EventId,
    time::Micros,
    token::Token,
};
use serde::Serialize;

/// Entries of a page at most.
pub const LIMIT_MAX: usize = 1_000;

/// One entry.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct TimelineEntry {
    /// The event.
    pub id: EventId,
    /// Its time.
    pub at: Micros,
    /// The event as JSON; absent if the log cannot give it.
    pub event: Option<serde_json::Value>,
}

/// A page of a timeline.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Timeline {
    /// Newest first.
    pub entries: Vec<TimelineEntry>,
    /// Give this as `before` for the next page; absent at the end.
    pub next_before: Option<String>,
}

/// The moment that a `before` text names: `<microseconds>.<event id>`.
#[must_use]
pub fn parse_before(text: &str) -> Option<When> {
    let (at, event) = text.split_once('.')?;
    Some((Micros(at.parse().ok()?), event.parse().ok()?))
}

/// All of a customer's entries before `before`, newest first, at most `limit`.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn entries(
    sources: Sources<'_>,
    customer: CustomerRef,
    before: Option<When>,
    limit: usize,
) -> Result<Vec<Entry>, BadRow> {
    let mut all: Vec<Entry> = Vec::new();
    let whole = |t: &Token| !sources.resolver.is_divided(*t);
    for token in sources.resolver.members(customer).into_iter().filter(whole) {
        let mut fragment = Fragment::load(sources.rows, token, false)?;
        all.extend(fragment.entries(sources.rows, before, limit)?);
    }
    for token in sources.resolver.divided(customer) {
        each_part(sources, customer, token, |entry, _| all.push(entry))?;
    }
    all.retain(|e| before.is_none_or(|b| (e.at, e.event) < b));
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.truncate(limit);
    Ok(all)
}

/// A page of a customer's timeline.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn timeline(
    sources: Sources<'_>,
    customer: CustomerRef,
    before: Option<When>,
    limit: usize,
) -> Result<Timeline, BadRow> {
    let limit = limit.clamp(1, LIMIT_MAX);
    let found = entries(sources, customer, before, limit + 1)?;
    let more = found.len() > limit;
    let page = &found[..found.len().min(limit)];
    let next_before = page.last().filter(|_| more).map(|last| format!("{}.{}", last.at.0, last.event));
    let entry = |e: &Entry| TimelineEntry {
        id: e.event,
        at: e.at,
        event: sources.records.at(e.position).map(|r| event_json(&r)),
    };
    Ok(Timeline { entries: page.iter().map(entry).collect(), next_before })
}
