//! The product's resolver against the oracle: after every single event of a random history both know the same customers
//! by the same ids, and attribute every fact to the same one.

use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    body::{Body, IdentityAct},
    event::{RecordedEvent, Trust},
    fold::{contribution::Contribution, fact::ids_of},
    identity::{Born, Refusal, Resolver, policy::Policy},
    ids::{CustomerId, EventId, FactKey},
    time::Micros,
    token::Token,
};
use tributary_tests::{
    generate::{Shape, crowd, deliver, history_of, policy},
    minimise::{describe, minimise},
    oracle::{Outcome, Reason, facts::Facts, outcome},
};

/// Histories judged in a normal run.
const HISTORIES: u64 = 300;
/// Histories judged where somebody has the time: `TRIBUTARY_LONG=1`.
const HISTORIES_LONG: u64 = 10_000;

fn histories() -> u64 {
    if std::env::var_os("TRIBUTARY_LONG").is_some_and(|v| v == "1") { HISTORIES_LONG } else { HISTORIES }
}

type Asserted = (Vec<(Token, Trust)>, Micros, EventId, Option<Born>);

/// What a fold would tell the resolver, by the plainest of means: all best revisions, again after each event.
#[derive(Default)]
struct Teller {
    seen: Vec<RecordedEvent>,
    asserted: BTreeMap<FactKey, Asserted>,
}

impl Teller {
    fn tell(&mut self, event: &RecordedEvent, resolver: &mut Resolver) {
        let known = self.seen.iter().any(|e| e.event.id == event.event.id);
        self.seen.push(event.clone());
        if let Body::Identity { act } = event.event.body
            && !known
        {
            resolver.act(event, act);
        }
        if event.event.is_for_customers() {
            resolver.note(event);
        }
        let facts = Facts::of(&self.seen, resolver.policy()).facts;
        let (mut now, mut best) = (BTreeMap::new(), BTreeMap::new());
        for (key, fact) in facts {
            let ids = ids_of(&fact.best, resolver.policy()).to_vec();
            let born = Contribution::of(&fact.best.event).born();
            best.insert(key, fact.best.clone());
            now.insert(key, (ids, fact.when().0, fact.when().1, born));
        }
        for (key, old) in &self.asserted {
            if now.get(key) != Some(old) {
                resolver.release(key, old.1, old.2);
                resolver.retract(&old.0, old.1, old.2);
            }
        }
        for (key, new) in &now {
            if self.asserted.get(key) != Some(new) {
                resolver.assert(&new.0, new.1, new.2, new.3);
                resolver.bind(&best[key], &new.0, new.3);
            }
        }
        self.asserted = now;
        resolver.settle();
    }
}

/// The first difference after any prefix, if there is one.
fn difference(events: &[RecordedEvent], policy: &Policy) -> Option<String> {
    let mut resolver = Resolver::new(policy.clone());
    let mut teller = Teller::default();
    for (at, event) in events.iter().enumerate() {
        teller.tell(event, &mut resolver);
        if at % 5 == 4 {
            // A restart goes on from a snapshot as if nothing had happened.
            resolver = Resolver::from_snapshot(&resolver.snapshot()).expect("a snapshot can be read");
        }
        let wanted = outcome(&events[..=at], policy);
        let found: BTreeMap<CustomerId, BTreeSet<Token>> = resolver
            .customers_from(0)
            .filter_map(|(_, c)| Some((resolver.id(c)?, resolver.members(c).into_iter().collect())))
            .collect();
        let expected: BTreeMap<CustomerId, BTreeSet<Token>> =
            wanted.customers.iter().map(|c| (c.id, c.identifiers.clone())).collect();
        if found != expected {
            return Some(format!("after event {at}: found {found:?}, expected {expected:?}"));
        }
        // A hub's claims are refused without being looked at one by one.
        let hub = wanted.refused.len() > tributary_core::identity::policy::HUB_MAX;
        if let Some(told) = other_refusals(&resolver, &wanted).filter(|_| !hub) {
            return Some(format!("after event {at}: {told}"));
        }
        if let Some(told) = other_excerpt(&resolver, event) {
            return Some(format!("after event {at}: {told}"));
        }
        for (key, fact) in Facts::of(&events[..=at], policy).facts {
            let (ids, time, id, _) = &teller.asserted[&key];
            let found = resolver.attribute(ids, *time).and_then(|c| resolver.id(c));
            let removed = matches!(fact.best.event.body, Body::Removed { .. });
            // A refund without a name follows its sale: that is the fold's to know, not the resolver's.
            let holder = wanted.holder_of(*id).filter(|_| !fact.left.is_empty()).map(|c| c.id);
            if found != holder && !removed {
                return Some(format!("after event {at}: {id} is with {found:?}, not {holder:?}"));
            }
        }
    }
    None
}

/// What an act on the identifiers of `event` does to the whole resolver, if it does something else to an excerpt of it.
fn other_excerpt(resolver: &Resolver, event: &RecordedEvent) -> Option<String> {
    let tokens: Vec<Token> = event.event.identifiers.iter().map(|i| i.token).collect();
    let acts = [IdentityAct::Link, IdentityAct::Unlink, IdentityAct::Block, IdentityAct::Unblock];
    acts.into_iter().find_map(|act| {
        let whole = tried(resolver.clone(), event, act, &tokens);
        let part = tried(resolver.excerpt(&tokens), event, act, &tokens);
        (whole != part).then(|| format!("{act:?} of {tokens:?}: {part:#?} in an excerpt, not {whole:#?}"))
    })
}

/// What an act did, and all that is told of the customers that it concerned.
fn tried(mut resolver: Resolver, event: &RecordedEvent, act: IdentityAct, tokens: &[Token]) -> Vec<String> {
    let mut event = event.clone();
    event.event.id = EventId::derive("act", "", "", act as u64, 0);
    event.event.body = Body::Identity { act };
    event.event.identifiers.truncate(2);
    resolver.act(&event, act);
    let regroupings = resolver.settle();
    let holders = tokens.iter().filter_map(|t| resolver.customer_of(*t));
    let customers: BTreeSet<_> = holders.chain(regroupings.iter().filter_map(|r| r.customer)).collect();
    let mut told: Vec<String> = regroupings
        .iter()
        .map(|r| format!("{} {} {:?} {:?} {}", r.id, r.existed, r.from, r.parts, r.version))
        .collect();
    told.extend(customers.into_iter().map(|c| {
        let links = resolver.links(c);
        let stories = resolver.stories(c, &links);
        let (id, members, divided) = (resolver.id(c), resolver.members(c), resolver.divided(c));
        format!("{id:?} {members:?} {divided:?} {:?} {links:?} {stories:?}", resolver.apart_from(c).len())
    }));
    told.sort_unstable();
    told
}

/// Conflicts and suggestions, quarantine and what moved, if the oracle knows others.
fn other_refusals(resolver: &Resolver, wanted: &Outcome) -> Option<String> {
    let mut found: BTreeSet<(Token, Token, Reason)> = BTreeSet::new();
    let customers: Vec<_> = resolver.customers_from(0).map(|(_, customer)| customer).collect();
    for customer in &customers {
        for link in resolver.links(*customer) {
            let (small, large) = (link.ends.0.min(link.ends.1), link.ends.0.max(link.ends.1));
            found.extend(link.refused.map(|refusal| (small, large, reason(refusal))));
        }
    }
    if found != wanted.refused {
        return Some(format!("refused {found:?}, expected {:?}", wanted.refused));
    }
    let members = || customers.iter().flat_map(|c| resolver.members(*c));
    let held: BTreeSet<Token> = members().filter(|t| resolver.is_quarantined(*t)).collect();
    if held != wanted.quarantined {
        return Some(format!("in quarantine {held:?}, expected {:?}", wanted.quarantined));
    }
    let moved: BTreeSet<Token> = members().filter(|t| resolver.tenures(*t).len() > 1).collect();
    (!moved.is_subset(&wanted.moved)).then(|| format!("moved {moved:?}, expected {:?}", wanted.moved))
}

fn reason(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::CannotLink => Reason::CannotLink,
        Refusal::Unique => Reason::Unique,
        Refusal::Limit => Reason::Limit,
        Refusal::VerifiedElsewhere => Reason::VerifiedElsewhere,
        Refusal::Shared => Reason::Shared,
        Refusal::BirthDate => Reason::BirthDate,
        Refusal::Quarantined => Reason::Quarantined,
    }
}

fn judge(name: &str, seed: u64, events: &[RecordedEvent], policy: &Policy) {
    if difference(events, policy).is_some() {
        let small = minimise(events, |events| difference(events, policy).is_some());
        let told = difference(&small, policy).unwrap_or_default();
        panic!("{name}, seed {seed}: {told}\npolicy {}\n{}", policy.to_json(), describe(&small));
    }
}

#[test]
fn the_resolver_agrees_with_the_oracle_after_every_event() {
    for seed in 0..histories() {
        let shape = Shape { mixed_trust: seed % 3 == 2, ..Shape::default() };
        judge("listed", seed, &history_of(seed, &shape), &policy(seed));
    }
}

#[test]
fn the_resolver_agrees_with_the_oracle_in_any_order() {
    for seed in 0..histories() {
        let events = history_of(seed, &Shape { events_max: 25, ..Shape::default() });
        // One copy of an event id, as the log's first: which copy is the first is the fold's concern.
        let mut ids = BTreeSet::new();
        let events: Vec<_> = events.into_iter().filter(|e| ids.insert(e.event.id)).collect();
        judge("delivered", seed, &deliver(&events, seed), &policy(seed));
    }
}

#[test]
fn the_resolver_agrees_about_crowds() {
    let policy = Policy { max_identifiers: 1_000, ..Policy::default() };
    for seed in 0..2 {
        judge("crowd", seed, &crowd(seed), &policy);
    }
}
