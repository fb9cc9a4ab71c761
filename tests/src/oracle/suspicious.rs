//! Suspicious identifiers: a plain count of all current receipts. It knows nothing of the newest days that the product keeps,
//! so histories must have fewer days than that.

use super::facts::{best_of, blocked, erased, first_copies, lasts, marked};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use tributary_core::{
    body::{Body, IdentityAct},
    event::{Event, RecordedEvent},
    fold::receipts::RECEIPTS_MAX,
    identity::policy::Policy,
    ids::EventId,
    time::Micros,
    token::Token,
};

/// Receipts and stores of suspicious days, by days since 1970.
pub type Days = BTreeMap<i64, (usize, usize)>;

/// One identifier with suspicious days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicious {
    /// Its suspicious days.
    pub days: Days,
    /// One of them is later than what was cleared.
    pub open: bool,
}

/// A receipt: when, and in which store.
type Receipt = ((Micros, EventId), String);

fn day(policy: &Policy, at: Micros) -> i64 {
    (at.0 + i64::from(policy.day_offset_minutes) * 60_000_000).div_euclid(86_400_000_000)
}

/// Every identifier with suspicious days. Any order of events, any duplicates.
#[must_use]
pub fn suspicious(events: &[RecordedEvent], policy: &Policy) -> BTreeMap<Token, Suspicious> {
    let copies = first_copies(events);
    let best = best_of(&copies);
    let mut dropped = blocked(best.values());
    dropped.extend(marked(copies.values(), policy));
    let erased = erased(best.values());
    let mut receipts: BTreeMap<(Token, i64), Vec<Receipt>> = BTreeMap::new();
    let mut cleared: BTreeMap<Token, i64> = BTreeMap::new();
    for event in best.values() {
        let at = event.effective_at();
        if event.event.body == (Body::Identity { act: IdentityAct::Clear }) {
            let Some(named) = event.event.identifiers.first() else { continue };
            let known = cleared.entry(named.token).or_insert(i64::MIN);
            *known = (*known).max(day(policy, at));
        }
        let Some(home) = home(&event.event, policy) else { continue };
        let of_day = receipts.entry((home, day(policy, at))).or_default();
        of_day.push(((at, event.event.id), event.event.store.clone()));
    }
    let mut out: BTreeMap<Token, Suspicious> = BTreeMap::new();
    for ((home, day), all) in receipts {
        let standing = all.iter().filter(|((at, _), _)| lasts(&erased, home, *at)).cloned().collect();
        // A day is not made suspicious by an erasure.
        let (Some(_), Some(found)) = (too_many(all, policy), too_many(standing, policy)) else { continue };
        if dropped.contains(&home) {
            continue;
        }
        let one = out.entry(home).or_insert(Suspicious { days: Days::new(), open: false });
        one.open |= cleared.get(&home).is_none_or(|upto| day > *upto);
        one.days.insert(day, found);
    }
    out
}

/// The identifier on which an event counts as a receipt.
fn home(event: &Event, policy: &Policy) -> Option<Token> {
    if !event.is_for_customers() || !matches!(event.body, Body::Purchase(_)) {
        return None;
    }
    let named = event.identifiers.iter().filter(|i| !policy.blocks(i.token, i.marks));
    named.min_by_key(|i| (Reverse(i.trust), policy.of(&i.kind).rank, i.token)).map(|i| i.token)
}

/// Receipts and stores of a day, if they are too many.
fn too_many(mut receipts: Vec<Receipt>, policy: &Policy) -> Option<(usize, usize)> {
    receipts.sort();
    receipts.truncate(RECEIPTS_MAX);
    let stores: BTreeSet<&String> =
        receipts.iter().map(|(_, store)| store).filter(|s| !s.is_empty()).collect();
    let over = |number: usize, limit: u32| limit > 0 && number > limit as usize;
    let bad =
        over(receipts.len(), policy.suspicious_receipts) || over(stores.len(), policy.suspicious_stores);
    bad.then_some((receipts.len(), stores.len()))
}
