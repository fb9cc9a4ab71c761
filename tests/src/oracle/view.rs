//! Step 4 and what follows from the partition: owners of observed identifiers, timelines, money, names of customers.

use super::{
    Customer, Outcome,
    facts::{Fact, Facts, Named},
    parts::{Parts, Resolved, part_of},
    tenure::Tenures,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use tributary_core::{
    body::Body,
    event::Trust,
    identity::policy::Policy,
    ids::{CustomerId, EventId, FactKey},
    time::Micros,
    token::Token,
};

/// A login on an observed identifier: when, and the part it belongs to.
type Login = ((Micros, EventId), usize);

struct Homes<'a> {
    facts: &'a Facts,
    policy: &'a Policy,
    parts: Parts,
    tenures: Tenures,
    logins: BTreeMap<Token, Vec<Login>>,
}

/// The outcome of these parts.
#[must_use]
pub fn outcome(facts: &Facts, resolved: Resolved, policy: &Policy) -> Outcome {
    let Resolved { mut parts, refused, shared, apart, matched, quarantined } = resolved;
    let tenures = Tenures::of(facts, &parts, &apart, policy);
    let logins = logins(facts, &parts, &tenures, policy);
    for token in facts.nodes.keys() {
        if facts.is_observed(*token) && !logins.contains_key(token) {
            parts.push(BTreeSet::from([*token]));
        }
    }
    let births = births(facts);
    let moved = tenures.moved();
    let homes = Homes { facts, policy, parts, tenures, logins };
    let mut customers: Vec<Customer> = homes.parts.iter().map(|part| homes.customer(part, &births)).collect();
    let mut unattributed = BTreeSet::new();
    let mut facts: Vec<&Fact> = facts.facts.values().collect();
    facts.sort_by_key(|fact| fact.when());
    for fact in facts {
        let event = &fact.best.event;
        if matches!(event.body, Body::Removed { .. }) {
            continue;
        }
        let Some(home) = homes.of_fact(fact) else {
            unattributed.insert(event.id);
            continue;
        };
        customers[home].timeline.push(event.id);
        count(&mut customers[home], &event.body);
    }
    customers.sort_by_key(|customer| customer.id);
    Outcome { customers, refused, shared, matched, moved, quarantined, unattributed, births }
}

fn count(customer: &mut Customer, body: &Body) {
    let bought = &mut customer.purchases;
    match body {
        Body::Purchase(purchase) => {
            let row = bought.entry(purchase.currency.clone()).or_default();
            row.orders += 1;
            row.net = row.net.plus(purchase.total);
        }
        Body::Refund(refund) => {
            let row = bought.entry(refund.currency.clone()).or_default();
            row.refunds += 1;
            row.net = row.net.plus(refund.total.negated());
        }
        _ => {}
    }
}

/// The smallest (`recorded_at`, event id, ordinal) at which each identifier was named.
fn births(facts: &Facts) -> BTreeMap<Token, CustomerId> {
    let mut namings = facts.namings.clone();
    namings.sort_by_key(|(_, recorded_at, event, ordinal)| (*recorded_at, *event, *ordinal));
    let mut births = BTreeMap::new();
    for (token, _, event, ordinal) in namings {
        births.entry(token).or_insert(CustomerId { event, ordinal });
    }
    births
}

/// The strongest identifier of a fact among those left that `counts`.
fn strongest<'a>(fact: &'a Fact, policy: &Policy, counts: impl Fn(&Named) -> bool) -> Option<&'a Named> {
    strongest_of(fact.left.iter(), policy, counts)
}

fn strongest_of<'a>(
    named: impl Iterator<Item = &'a Named>,
    policy: &Policy,
    counts: impl Fn(&Named) -> bool,
) -> Option<&'a Named> {
    let strength = |n: &&Named| (Reverse(n.trust), policy.of(&n.kind).rank, n.token);
    named.filter(|n| counts(n)).min_by_key(strength)
}

fn logins(facts: &Facts, parts: &Parts, tenures: &Tenures, policy: &Policy) -> BTreeMap<Token, Vec<Login>> {
    let mut logins: BTreeMap<Token, Vec<Login>> = BTreeMap::new();
    for fact in facts.facts.values() {
        let named = fact.named();
        let person = strongest_of(named.iter(), policy, |n| n.trust > Trust::Observed);
        let home = |token| tenures.owner(token, fact.when().0).or_else(|| part_of(parts, token));
        let Some(home) = person.and_then(|p| home(p.token)) else {
            continue;
        };
        for seen in named.iter().filter(|n| facts.is_observed(n.token)) {
            logins.entry(seen.token).or_default().push((fact.when(), home));
        }
    }
    for logins in logins.values_mut() {
        logins.sort_unstable();
    }
    logins
}

impl Homes<'_> {
    fn customer(&self, part: &BTreeSet<Token>, births: &BTreeMap<Token, CustomerId>) -> Customer {
        let home = self.parts.iter().position(|p| p == part);
        let namings = self.facts.namings.iter().filter(|(token, ..)| part.contains(token));
        let birth = namings.min_by_key(|(_, recorded_at, event, ordinal)| (*recorded_at, *event, *ordinal));
        let id = birth.and_then(|(token, ..)| births.get(token)).copied().unwrap_or_default();
        let attached = self.logins.iter().filter(|(_, logins)| logins.iter().any(|(_, h)| Some(*h) == home));
        Customer {
            id,
            identifiers: part.clone(),
            attached: attached.map(|(token, _)| *token).collect(),
            timeline: Vec::new(),
            purchases: BTreeMap::new(),
        }
    }

    /// The owner at a time: of an observed identifier the latest login at or before it, else the first one after it.
    fn owner(&self, token: Token, at: Micros) -> Option<usize> {
        let Some(logins) = self.logins.get(&token) else {
            return self.tenures.owner(token, at).or_else(|| part_of(&self.parts, token));
        };
        let before = logins.iter().rev().find(|((time, _), _)| *time <= at);
        before.or_else(|| logins.first()).map(|(_, home)| *home)
    }

    fn of_fact(&self, fact: &Fact) -> Option<usize> {
        if let Some(named) = strongest(fact, self.policy, |_| true) {
            return self.owner(named.token, fact.when().0);
        }
        // Money given back without a name goes where the money came from. With a name that an operator blocked it has one.
        if !fact.nameless {
            return None;
        }
        let event = &fact.best.event;
        let Body::Refund(refund) = &event.body else {
            return None;
        };
        let of = FactKey::derive(&event.kind, &event.account, &refund.of);
        let purchase = self.facts.facts.get(&of)?;
        let bought = matches!(purchase.best.event.body, Body::Purchase(_));
        let named = strongest(purchase, self.policy, |_| true).filter(|_| bought)?;
        self.owner(named.token, purchase.when().0)
    }
}
