//! The laws of the partition function, checked on the oracle with random histories: it judges the product only if it
//! keeps them itself.

use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    body::{Body, IdentityAct},
    event::{Identifier, RecordedEvent, Trust},
    identity::{offer_key, policy::Policy},
    ids::{EventId, Position},
    token::Token,
};
use tributary_tests::{
    generate::{Shape, crowd, deliver, history, history_of, policy, with_copies},
    minimise::{describe, minimise},
    oracle::{
        Outcome, Reason,
        facts::{Fact, Facts, Named},
        outcome,
    },
};

/// Histories a law is judged on.
const HISTORIES: u64 = 400;

/// Judges a law on many histories; the message of a failure holds the smallest history found.
fn law(name: &str, holds: impl Fn(&[RecordedEvent], &Policy, u64) -> bool) {
    for seed in 0..HISTORIES {
        let policy = policy(seed);
        let shape = Shape { mixed_trust: seed % 4 == 3, ..Shape::default() };
        let events = history_of(seed, &shape);
        if !holds(&events, &policy, seed) {
            let small = minimise(&events, |events| !holds(events, &policy, seed));
            panic!(
                "{name}: broken by seed {seed}, policy {}, events\n{}",
                policy.to_json(),
                describe(&small)
            );
        }
    }
}

#[test]
fn any_order_and_any_repetition_give_the_same_outcome() {
    law("permutation and duplicates", |events, policy, seed| {
        let listed = outcome(events, policy);
        (0..5).all(|order| outcome(&deliver(events, seed * 5 + order), policy) == listed)
    });
}

#[test]
fn later_copies_of_an_event_change_nothing() {
    law("copies", |events, policy, seed| {
        outcome(&with_copies(events, seed), policy) == outcome(events, policy)
    });
}

#[test]
fn a_blocked_identifier_is_as_good_as_never_named() {
    law("blocklist", |events, policy, _| {
        let tokens: BTreeSet<Token> =
            events.iter().flat_map(|e| &e.event.identifiers).map(|i| i.token).take(3).collect();
        tokens.iter().all(|token| {
            let blocked = with_act(events, &[*token], IdentityAct::Block);
            let removed = without(events, *token);
            // Not the ids: a place in a list from which one was taken is another place.
            if nameless_refunds(&removed, policy) > nameless_refunds(events, policy) {
                return true; // blocked by an operator it keeps a name; removed it has none and follows its purchase
            }
            if only_seen_redemptions(&removed, policy) > only_seen_redemptions(events, policy) {
                return true; // it binds whomever it names, blocked or not; without any name but a cookie's nobody
            }
            let (blocked, removed) = (outcome(&blocked, policy), outcome(&removed, policy));
            blocked.partition() == removed.partition()
                && timelines(&blocked) == timelines(&removed)
                && (blocked.refused, blocked.shared) == (removed.refused, removed.shared)
        })
    });
}

#[test]
fn what_is_ours_is_as_good_as_never_named() {
    law("ours", |events, policy, _| {
        let tokens: BTreeSet<Token> =
            events.iter().flat_map(|e| &e.event.identifiers).map(|i| i.token).take(3).collect();
        tokens.iter().all(|token| {
            let policy_with = Policy { ours: BTreeSet::from([*token]), ..policy.clone() };
            let (ours, removed) = (outcome(events, &policy_with), outcome(&without(events, *token), policy));
            ours.partition() == removed.partition()
                && timelines(&ours) == timelines(&removed)
                && (ours.refused, ours.shared) == (removed.refused, removed.shared)
        })
    });
}

#[test]
fn block_and_unblock_cancel_out() {
    law("block and unblock", |events, policy, _| {
        let untouched = |token: &Token| !events.iter().any(|e| is_act(e) && names(e, *token));
        let mut tokens = events.iter().flat_map(|e| &e.event.identifiers).map(|i| i.token);
        let Some(token) = tokens.find(untouched) else { return true };
        let blocked = with_act(events, &[token], IdentityAct::Block);
        outcome(&with_act(&blocked, &[token], IdentityAct::Unblock), policy) == outcome(events, policy)
    });
}

#[test]
fn no_customer_breaks_a_limit_or_holds_a_pair_that_was_taken_apart() {
    law("safety", |events, policy, _| {
        let facts = Facts::of(events, policy);
        let apart = facts.acts.iter().filter(|(_, act)| !act.link).map(|(pair, _)| *pair);
        let apart: Vec<(Token, Token)> = apart.collect();
        outcome(events, policy).customers.iter().all(|customer| {
            let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
            for node in customer.identifiers.iter().map(|t| &facts.nodes[t]) {
                let scope = if policy.of(&node.kind).per_scope { node.scope.as_str() } else { "" };
                *counts.entry((&node.kind, scope)).or_default() += 1;
            }
            let holds = |(a, b): &(Token, Token)| {
                customer.identifiers.contains(a) && customer.identifiers.contains(b)
            };
            counts.iter().all(|((kind, _), count)| *count <= policy.of(kind).max)
                && customer.identifiers.len() <= policy.max_identifiers as usize
                && !apart.iter().any(holds)
        })
    });
}

#[test]
fn every_fact_is_in_one_timeline_and_every_purchase_in_one_sum() {
    law("conservation", |events, policy, _| {
        let facts = Facts::of(events, policy);
        let standing = facts.facts.values().filter(|f| !matches!(f.best.event.body, Body::Removed { .. }));
        let standing: BTreeSet<EventId> = standing.map(|f| f.best.event.id).collect();
        let outcome = outcome(events, policy);
        let mut seen: Vec<EventId> = outcome.customers.iter().flat_map(|c| c.timeline.clone()).collect();
        let orders: u64 = outcome.customers.iter().flat_map(|c| c.purchases.values()).map(|b| b.orders).sum();
        let bought = facts.facts.values().filter(|f| {
            let event = &f.best.event;
            matches!(event.body, Body::Purchase(_)) && !outcome.unattributed.contains(&event.id)
        });
        let bought = bought.count() as u64;
        seen.extend(&outcome.unattributed);
        let count = seen.len();
        let seen: BTreeSet<EventId> = seen.into_iter().collect();
        seen.len() == count && seen == standing && orders == bought
    });
}

#[test]
fn customers_are_disjoint_and_named_after_the_birth_of_one_of_theirs() {
    law("ids", |events, policy, _| {
        let outcome = outcome(events, policy);
        let facts = Facts::of(events, policy);
        let mut held = BTreeSet::new();
        let mut ids = BTreeSet::new();
        let named = outcome.customers.iter().all(|customer| {
            let own = customer.identifiers.iter().any(|t| outcome.births.get(t) == Some(&customer.id));
            own && ids.insert(customer.id) && customer.identifiers.iter().all(|t| held.insert(*t))
        });
        let attached: BTreeSet<Token> = outcome.customers.iter().flat_map(|c| c.attached.clone()).collect();
        let all: BTreeSet<Token> = facts.nodes.keys().copied().collect();
        named && held.is_disjoint(&attached) && held.union(&attached).copied().collect::<BTreeSet<_>>() == all
    });
}

#[test]
fn a_superseded_revision_shows_nowhere_but_in_births() {
    law("revisions", |events, policy, _| {
        let best: BTreeSet<EventId> =
            Facts::of(events, policy).facts.values().map(|f| f.best.event.id).collect();
        let kept = |e: &&RecordedEvent| is_act(e) || best.contains(&e.event.id);
        let kept: Vec<RecordedEvent> = events.iter().filter(kept).cloned().collect();
        let (all, alone) = (outcome(events, policy), outcome(&kept, policy));
        all.partition() == alone.partition()
            && timelines(&all) == timelines(&alone)
            && all.refused == alone.refused
    });
}

#[test]
fn a_value_with_too_many_partners_is_shared_and_joins_nobody() {
    let policy = Policy { max_identifiers: 1_000, birth_dates: false, ..Policy::default() };
    let mut met = BTreeSet::new();
    for seed in 0..40 {
        let events = crowd(seed);
        let outcome = outcome(&events, &policy);
        let phone = events[0].event.identifiers.iter().find(|i| i.kind == "phone").expect("a phone").token;
        let alone = outcome.customer_of(phone).is_none_or(|c| c.identifiers.len() == 1);
        let facts = Facts::of(&events, &policy);
        let shared = outcome.shared.contains(&phone);
        assert_eq!(shared, facts.nodes.len() - 1 > tributary_core::identity::policy::HUB_MAX);
        assert_eq!(shared, alone, "seed {seed}: shared joins nobody");
        met.insert(shared);
    }
    assert_eq!(met.len(), 2, "crowds on both sides of the limit");
}

/// Laws that hold because nothing happens judge nothing.
#[test]
fn histories_meet_every_rule() {
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    let mut meet = |what: &str, when: bool| *met.entry(what.to_owned()).or_default() += u32::from(when);
    for seed in 0..HISTORIES {
        let (events, policy) = (history(seed), policy(seed));
        let out = outcome(&events, &policy);
        for reason in [
            Reason::Limit,
            Reason::Unique,
            Reason::CannotLink,
            Reason::VerifiedElsewhere,
            Reason::Shared,
            Reason::BirthDate,
            Reason::Quarantined,
        ] {
            meet(&format!("{reason:?}"), out.refused.iter().any(|(.., r)| *r == reason));
        }
        let facts = Facts::of(&events, &policy);
        meet("erased", facts.facts.values().any(|f| f.lost));
        let redeemed = || facts.facts.values().filter(|f| !f.offered.is_empty());
        let one =
            |a: &Named, b: &Named| out.customer_of(a.token).is_some_and(|c| c.identifiers.contains(&b.token));
        let bound = |f: &Fact| {
            f.left.iter().any(|own| f.offered.iter().any(|other| own.token != other.token && one(own, other)))
        };
        meet("redeemed", redeemed().next().is_some());
        meet("bound by an offer", redeemed().any(bound));
        meet("redeemed too late or again", redeems_nothing(&facts));
        meet("born again", born_again(&events, &out));
        meet("shared", !out.shared.is_empty());
        meet("matched", !out.matched.is_empty());
        meet("moved", !out.moved.is_empty());
        meet("unattributed", !out.unattributed.is_empty());
        meet("joined", out.customers.iter().any(|c| c.identifiers.len() > 2));
        meet("several owners", owners_of_one(&out));
        meet(
            "observed alone",
            out.customers.iter().any(|c| c.identifiers.iter().any(|t| facts.is_observed(*t))),
        );
        meet("empty timeline", out.customers.iter().any(|c| c.timeline.is_empty()));
        meet(
            "refund",
            out.customers.iter().any(|c| c.purchases.values().any(|b| b.refunds > 0 && b.orders > 0)),
        );
        meet(
            "dropped",
            events.iter().any(|e| e.event.identifiers.iter().any(|i| policy.blocks(i.token, i.marks))),
        );
        let unnamed = facts.facts.values().any(|f| {
            matches!(f.best.event.body, Body::Refund(_))
                && f.left.is_empty()
                && out.holder_of(f.best.event.id).is_some()
        });
        meet("refund without a name", unnamed);
    }
    for (what, count) in &met {
        println!("{what}: {count} of {HISTORIES}");
    }
    let rare: Vec<_> = met.iter().filter(|(_, count)| **count < 10).collect();
    assert!(rare.is_empty(), "rules that too few histories meet: {rare:?}");
}

/// Whether somebody tried an offer in vain.
fn redeems_nothing(facts: &Facts) -> bool {
    facts.facts.values().filter(|f| f.offered.is_empty()).any(|fact| {
        let event = &fact.best.event;
        let Body::Link { with, ok: true } = &event.body else { return false };
        let offer = facts.facts.get(&offer_key(event, with));
        offer.is_some_and(|o| matches!(o.best.event.body, Body::Offered { .. }) && !o.left.is_empty())
    })
}

fn timelines(outcome: &Outcome) -> BTreeSet<Vec<EventId>> {
    outcome.customers.iter().map(|c| c.timeline.clone()).collect()
}

fn owners_of_one(outcome: &Outcome) -> bool {
    let attached: Vec<Token> = outcome.customers.iter().flat_map(|c| c.attached.clone()).collect();
    attached.len() > attached.iter().collect::<BTreeSet<_>>().len()
}

/// Whether somebody was erased and came back.
fn born_again(events: &[RecordedEvent], outcome: &Outcome) -> bool {
    let acts = events.iter().filter(|e| e.event.body == Body::Identity { act: IdentityAct::Erase });
    let erased: BTreeSet<Token> = acts.flat_map(|e| &e.event.identifiers).map(|i| i.token).collect();
    outcome.customers.iter().any(|c| c.identifiers.iter().any(|t| erased.contains(t)))
}

/// Redemptions of offers that name somebody only by what was seen with them.
fn only_seen_redemptions(events: &[RecordedEvent], policy: &Policy) -> usize {
    let firm = |i: &Identifier| i.trust != Trust::Observed && !policy.blocks(i.token, i.marks);
    let named = |e: &RecordedEvent| e.event.identifiers.iter().any(firm);
    events.iter().filter(|e| matches!(e.event.body, Body::Link { .. }) && !named(e)).count()
}

fn nameless_refunds(events: &[RecordedEvent], policy: &Policy) -> usize {
    let nameless = |e: &&RecordedEvent| {
        let named = e.event.identifiers.iter().any(|i| !policy.blocks(i.token, i.marks));
        matches!(e.event.body, Body::Refund(_)) && !named
    };
    events.iter().filter(nameless).count()
}

fn is_act(event: &RecordedEvent) -> bool {
    matches!(event.event.body, Body::Identity { .. })
}

fn names(event: &RecordedEvent, token: Token) -> bool {
    event.event.identifiers.iter().any(|i| i.token == token)
}

/// With an operator's act after everything else.
fn with_act(events: &[RecordedEvent], tokens: &[Token], act: IdentityAct) -> Vec<RecordedEvent> {
    let mut out = events.to_vec();
    let sequence = out.iter().map(|e| e.position.sequence).max().unwrap_or_default() + 1;
    let Some(mut recorded) = out.first().cloned() else { return out };
    let named = out.iter().flat_map(|e| &e.event.identifiers).filter(|i| tokens.contains(&i.token));
    let mut identifiers: Vec<_> = named.cloned().collect();
    identifiers.sort_by_key(|i| i.token);
    identifiers.dedup_by_key(|i| i.token);
    for identifier in &mut identifiers {
        identifier.trust = Trust::Claimed;
    }
    recorded.recorded_at.0 = out.iter().map(|e| e.recorded_at.0).max().unwrap_or_default() + 1;
    recorded.position = Position { origin: 1, sequence };
    recorded.event.occurred_at = recorded.recorded_at;
    recorded.event.kind = "hub".to_owned();
    recorded.event.key = format!("late-act-{sequence}");
    recorded.event.revision = 0;
    recorded.event.flags = 0;
    recorded.event.identifiers = identifiers;
    recorded.event.body = Body::Identity { act };
    recorded.event.id =
        EventId::derive("hub", &recorded.event.account, &recorded.event.key, 0, recorded.event.generation);
    out.push(recorded);
    out
}

/// With every naming of this identifier taken out. A link that failed counts its first identifier only: without that one it
/// names nobody.
fn without(events: &[RecordedEvent], token: Token) -> Vec<RecordedEvent> {
    let mut out = events.to_vec();
    for event in out.iter_mut().map(|e| &mut e.event) {
        let failed = matches!(event.body, Body::Link { ok: false, .. });
        if failed && event.identifiers.first().is_some_and(|i| i.token == token) {
            event.identifiers.clear();
        }
        event.identifiers.retain(|i| i.token != token);
    }
    out
}
