//! The product's fold against the oracle, and the laws of views: whatever the order, the repetition and the points of commit,
//! the same customers with the same timelines and sums. `TRIBUTARY_LONG=1` judges many more histories.

mod laws;
mod one_sale;
mod sales;
mod scenarios;
mod suspicious;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    body::Body,
    event::RecordedEvent,
    fold::{
        contribution::Contribution,
        head::{Entry, Head},
    },
    identity::policy::Policy,
    ids::{CustomerId, EventId},
    view,
};
use tributary_tests::{
    generate::{Shape, crowd, deliver, history_of, policy},
    minimise::{describe, minimise},
    oracle::{Outcome, facts::Facts, outcome},
};
use world::{Seen, World};

/// Histories judged in a normal run.
const HISTORIES: u64 = 300;
/// Histories judged where somebody has the time.
const HISTORIES_LONG: u64 = 10_000;

fn histories() -> u64 {
    if std::env::var_os("TRIBUTARY_LONG").is_some_and(|v| v == "1") { HISTORIES_LONG } else { HISTORIES }
}

/// A history of this seed; some have the same identifier observed here and believed there.
fn history(seed: u64) -> Vec<RecordedEvent> {
    history_of(seed, &Shape { mixed_trust: seed % 3 == 2, ..Shape::default() })
}

/// Judges many histories: `judge` gives the first difference. A failure's message holds the smallest history found.
fn each_history(name: &str, judge: impl Fn(&[RecordedEvent], &Policy, u64) -> Option<String>) {
    for seed in 0..histories() {
        judge_one(name, seed, &history(seed), &policy(seed), &judge);
    }
}

fn judge_one(
    name: &str,
    seed: u64,
    events: &[RecordedEvent],
    policy: &Policy,
    judge: impl Fn(&[RecordedEvent], &Policy, u64) -> Option<String>,
) {
    if judge(events, policy, seed).is_some() {
        let small = minimise(events, |events| judge(events, policy, seed).is_some());
        let told = judge(&small, policy, seed).unwrap_or_default();
        panic!("{name}, seed {seed}: {told}\npolicy {}\n{}", policy.to_json(), describe(&small));
    }
}

fn expected(outcome: &Outcome) -> BTreeMap<CustomerId, Seen> {
    let seen = |c: &tributary_tests::oracle::Customer| Seen {
        identifiers: c.identifiers.clone(),
        timeline: c.timeline.clone(),
        purchases: c.purchases.clone(),
    };
    outcome.customers.iter().map(|c| (c.id, seen(c))).collect()
}

/// The first difference between the fold and the oracle.
fn against_oracle(events: &[RecordedEvent], policy: &Policy, seed: u64) -> Option<String> {
    let world = World::of(events, policy, seed);
    let wanted = expected(&outcome(events, policy));
    let found = world.seen(1 + (seed % 4) as usize);
    for (id, wanted) in &wanted {
        if found.get(id) != Some(wanted) {
            return Some(format!("{id}: found {:#?}\nwanted {wanted:#?}", found.get(id)));
        }
    }
    let more: Vec<_> = found.keys().filter(|id| !wanted.contains_key(id)).collect();
    (!more.is_empty()).then(|| format!("customers that should not be: {more:?}"))
}

#[test]
fn the_fold_gives_the_customers_timelines_and_sums_of_the_oracle() {
    each_history("listed", against_oracle);
}

#[test]
fn it_does_so_in_any_order_with_records_delivered_twice() {
    each_history("delivered", |events, policy, seed| against_oracle(&deliver(events, seed), policy, seed));
}

#[test]
fn it_does_so_for_crowds() {
    let policy = Policy { max_identifiers: 1_000, ..Policy::default() };
    for seed in 0..2 {
        judge_one("crowd", seed, &crowd(seed), &policy, against_oracle);
    }
}

/// L9: what stands in timelines is every fact that has a customer, once; the sums are those of the distinct purchases.
#[test]
fn every_fact_is_in_one_timeline_and_every_purchase_in_one_sum() {
    each_history("conservation", |events, policy, seed| {
        let world = World::of(events, policy, seed);
        let seen = world.seen(7);
        let listed: Vec<EventId> = seen.values().flat_map(|s| s.timeline.clone()).collect();
        let once: BTreeSet<EventId> = listed.iter().copied().collect();
        let nobody = outcome(events, policy).unattributed;
        let facts = Facts::of(events, policy).facts;
        let standing = facts.values().map(|f| &f.best.event);
        let standing =
            standing.filter(|e| !matches!(e.body, Body::Removed { .. }) && !nobody.contains(&e.id));
        let (mut orders, mut wanted) = (0, BTreeSet::new());
        for event in standing {
            orders += u64::from(matches!(event.body, Body::Purchase(_)));
            wanted.insert(event.id);
        }
        let summed: u64 = seen.values().flat_map(|s| s.purchases.values()).map(|b| b.orders).sum();
        let good = once.len() == listed.len() && once == wanted && summed == orders;
        (!good)
            .then(|| format!("{} listed, {} wanted, {summed} of {orders} sums", listed.len(), wanted.len()))
    });
}

/// L10: the sum of a customer's fragments is the sum of its facts.
#[test]
fn a_view_is_the_sum_of_its_facts() {
    each_history("homomorphism", |events, policy, seed| {
        let world = World::of(events, policy, seed);
        let facts = Facts::of(events, policy).facts;
        let wanted = outcome(events, policy);
        for (id, customer) in world.customers() {
            let mut direct = Head::default();
            let timeline = wanted.customers.iter().find(|c| c.id == id).map(|c| &c.timeline);
            for fact in facts.values().filter(|f| timeline.is_some_and(|t| t.contains(&f.best.event.id))) {
                let (at, event) = fact.when();
                let entry = Entry { at, event, position: fact.best.position };
                direct.add(entry, &Contribution::of(&fact.best.event));
            }
            let head = view::head(world.sources(), customer).expect("rows are sound");
            if head != direct {
                return Some(format!("{id}: summed {head:#?}\nfacts give {direct:#?}"));
            }
        }
        None
    });
}
