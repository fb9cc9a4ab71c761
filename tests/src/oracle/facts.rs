//! The facts that take part (one event for each fact key), the operator's acts, and step 0: dropped identifiers.

use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    body::{Body, IdentityAct},
    event::{Event, RecordedEvent, Trust},
    identity::policy::Policy,
    ids::{EventId, FactKey},
    time::Micros,
    token::Token,
};

/// An identifier that is left of an event.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its place in the event's list.
    pub ordinal: u8,
    /// Its type.
    pub kind: String,
    /// Its scope.
    pub scope: String,
    /// How far this event believes it.
    pub trust: Trust,
    /// What it is.
    pub token: Token,
}

/// A fact: its best revision with the identifiers that are left.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The best revision, with the smallest `recorded_at` of its copies.
    pub best: RecordedEvent,
    /// Identifiers that were not dropped.
    pub left: Vec<Named>,
    /// Whom it names besides, because it redeems an offer.
    pub offered: Vec<Named>,
    /// Whether it lost an identifier to an erasure.
    pub lost: bool,
    /// Whether it names nobody by itself, whatever operators blocked.
    pub nameless: bool,
    /// Whether it claims or verifies somebody by itself, whatever operators blocked.
    pub firm: bool,
}

impl Fact {
    /// Everybody it names, each with the most trust.
    #[must_use]
    pub fn named(&self) -> Vec<Named> {
        let mut all = self.left.clone();
        for offered in &self.offered {
            match all.iter_mut().find(|own| own.token == offered.token) {
                Some(own) => own.trust = own.trust.max(offered.trust),
                None => all.push(offered.clone()),
            }
        }
        all
    }

    /// What it is ordered by.
    #[must_use]
    pub fn when(&self) -> (Micros, EventId) {
        when(&self.best)
    }
}

/// The newest act on a pair of identifiers.
#[derive(Clone, Copy, Debug)]
pub struct PairAct {
    /// Link, or unlink.
    pub link: bool,
    /// Its time and id.
    pub when: (Micros, EventId),
}

/// What is known of an identifier that is left in at least one fact.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its type.
    pub kind: String,
    /// Its scope.
    pub scope: String,
    /// The most trust of any fact.
    pub trust: Trust,
}

/// Everything the later steps work on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Facts that may touch customers, by key.
    pub facts: BTreeMap<FactKey, Fact>,
    /// Identifiers that are left in a fact.
    pub nodes: BTreeMap<Token, Node>,
    /// The newest act on each pair, smaller token first.
    pub acts: BTreeMap<(Token, Token), PairAct>,
    /// Every naming that can be a birth: superseded revisions too, copies with their smallest `recorded_at`.
    pub namings: Vec<(Token, Micros, EventId, u8)>,
}

impl Facts {
    /// Reads the events.
    #[must_use]
    pub fn of(events: &[RecordedEvent], policy: &Policy) -> Self {
        let copies = first_copies(events);
        let best = best_of(&copies);
        let mut blocked = blocked(best.values());
        let erased = erased(best.values());
        blocked.extend(marked(copies.values(), policy));
        let mut facts = BTreeMap::new();
        let mut nodes: BTreeMap<Token, Node> = BTreeMap::new();
        for (key, event) in &best {
            if !event.event.is_for_customers() {
                continue;
            }
            let mut left = left(&event.event, &blocked);
            left.retain(|n| lasts(&erased, n.token, event.effective_at()));
            let lost = loses(event, &erased, policy);
            for named in &left {
                let node = nodes.entry(named.token).or_insert_with(|| Node {
                    kind: named.kind.clone(),
                    scope: named.scope.clone(),
                    trust: named.trust,
                });
                node.trust = node.trust.max(named.trust);
            }
            let own = self::left(&event.event, &marked(std::iter::once(event), policy));
            let (nameless, firm) = (own.is_empty(), own.iter().any(|n| n.trust > Trust::Observed));
            facts.insert(*key, Fact { best: event.clone(), left, offered: Vec::new(), lost, nameless, firm });
        }
        redeem(&mut facts, &erased);
        let mut namings = Vec::new();
        for copy in copies.values().filter(|c| c.event.is_for_customers()) {
            let named = left(&copy.event, &blocked).into_iter();
            for named in named.filter(|n| lasts(&erased, n.token, copy.effective_at())) {
                namings.push((named.token, copy.recorded_at, copy.event.id, named.ordinal));
            }
        }
        Self { facts, nodes, acts: pair_acts(best.values(), &erased), namings }
    }

    /// Whether this identifier is only ever seen with: no fact claims or verifies it.
    #[must_use]
    pub fn is_observed(&self, token: Token) -> bool {
        self.nodes.get(&token).is_some_and(|n| n.trust == Trust::Observed)
    }
}

/// Each offer is redeemed by the first that does so in time.
fn redeem(facts: &mut BTreeMap<FactKey, Fact>, erased: &Erased) {
    let offers: Vec<(FactKey, Fact)> = facts.iter().map(|(key, fact)| (*key, fact.clone())).collect();
    for (key, offer) in offers {
        let Body::Offered { expires_at } = offer.best.event.body else { continue };
        let redeems = |fact: &&mut Fact| {
            let event = &fact.best.event;
            let Body::Link { with, ok: true } = &event.body else { return false };
            let of = FactKey::derive(&event.kind, &event.account, &format!("offer/{with}"));
            of == key && fact.firm && fact.when().0 <= expires_at
        };
        let Some(first) = facts.values_mut().filter(redeems).min_by_key(|fact| fact.when()) else { continue };
        let at = first.when().0;
        first.offered = offer.left.into_iter().filter(|n| lasts(erased, n.token, at)).collect();
    }
}

fn when(event: &RecordedEvent) -> (Micros, EventId) {
    (event.effective_at(), event.event.id)
}

/// One record for each event id: the copy that was recorded first.
pub(super) fn first_copies(events: &[RecordedEvent]) -> BTreeMap<EventId, RecordedEvent> {
    let mut copies: BTreeMap<EventId, RecordedEvent> = BTreeMap::new();
    for event in events {
        let first = copies.entry(event.event.id).or_insert_with(|| event.clone());
        if (event.recorded_at, event.position) < (first.recorded_at, first.position) {
            *first = event.clone();
        }
    }
    copies
}

/// The greatest (revision, generation) of each fact, and of equals the lowest event id.
pub(super) fn best_of(copies: &BTreeMap<EventId, RecordedEvent>) -> BTreeMap<FactKey, RecordedEvent> {
    let mut best: BTreeMap<FactKey, RecordedEvent> = BTreeMap::new();
    // Copies come with the lowest event id first, so only a greater revision takes the place of one.
    for copy in copies.values() {
        let known = best.entry(copy.event.fact_key()).or_insert_with(|| copy.clone());
        let (old, new) = (&known.event, &copy.event);
        if (new.revision, new.generation) > (old.revision, old.generation) {
            *known = copy.clone();
        }
    }
    best
}

/// Identifiers that an operator blocked: the newest act on each counts.
pub(super) fn blocked<'a>(best: impl Iterator<Item = &'a RecordedEvent>) -> BTreeSet<Token> {
    let mut newest: BTreeMap<Token, ((Micros, EventId), bool)> = BTreeMap::new();
    for event in best {
        let Body::Identity { act: act @ (IdentityAct::Block | IdentityAct::Unblock) } = event.event.body
        else {
            continue;
        };
        for identifier in &event.event.identifiers {
            let this = (when(event), act == IdentityAct::Block);
            let known = newest.entry(identifier.token).or_insert(this);
            *known = (*known).max(this);
        }
    }
    newest.into_iter().filter(|(_, (_, block))| *block).map(|(token, _)| token).collect()
}

/// Identifiers that a pattern in force blocks. One event that says so is enough: values keep their marks for ever, and an
/// older normaliser may have missed one.
pub(super) fn marked<'a>(
    copies: impl Iterator<Item = &'a RecordedEvent>,
    policy: &Policy,
) -> BTreeSet<Token> {
    let named = copies.filter(|c| c.event.is_for_customers()).flat_map(|c| &c.event.identifiers);
    named.filter(|i| policy.blocks(i.token, i.marks)).map(|i| i.token).collect()
}

/// When each identifier was erased last.
pub(super) type Erased = BTreeMap<Token, Micros>;

pub(super) fn erased<'a>(best: impl Iterator<Item = &'a RecordedEvent>) -> Erased {
    let mut erased = Erased::new();
    for event in best.map(|b| &b.event).filter(|e| e.body == Body::Identity { act: IdentityAct::Erase }) {
        for identifier in &event.identifiers {
            let at = erased.entry(identifier.token).or_insert(event.occurred_at);
            *at = (*at).max(event.occurred_at);
        }
    }
    erased
}

/// Whether something that names this identifier at this time still does.
pub(super) fn lasts(erased: &Erased, token: Token, at: Micros) -> bool {
    erased.get(&token).is_none_or(|erased| at > *erased)
}

/// Whether an event loses an identifier to an erasure, one that an operator blocked too.
fn loses(event: &RecordedEvent, erased: &Erased, policy: &Policy) -> bool {
    let failed_link = matches!(event.event.body, Body::Link { ok: false, .. });
    let counted = if failed_link { 1 } else { event.event.identifiers.len() };
    let named = event.event.identifiers.iter().take(counted);
    let mut named = named.filter(|i| !policy.blocks(i.token, i.marks));
    named.any(|i| !lasts(erased, i.token, event.effective_at()))
}

fn pair_acts<'a>(
    best: impl Iterator<Item = &'a RecordedEvent>,
    erased: &Erased,
) -> BTreeMap<(Token, Token), PairAct> {
    let mut newest: BTreeMap<(Token, Token), PairAct> = BTreeMap::new();
    for event in best {
        let Body::Identity { act: act @ (IdentityAct::Link | IdentityAct::Unlink) } = event.event.body else {
            continue;
        };
        let tokens: Vec<Token> = event.event.identifiers.iter().map(|i| i.token).collect();
        let Some(&a) = tokens.first() else { continue };
        let Some(&b) = tokens.iter().find(|t| **t != a) else { continue };
        let this = PairAct { link: act == IdentityAct::Link, when: when(event) };
        let known = newest.entry((a.min(b), a.max(b))).or_insert(this);
        if this.when > known.when {
            *known = this;
        }
    }
    newest.retain(|(a, b), act| lasts(erased, *a, act.when.0) && lasts(erased, *b, act.when.0));
    newest
}

/// Step 0 for one event.
fn left(event: &Event, blocked: &BTreeSet<Token>) -> Vec<Named> {
    let failed_link = matches!(event.body, Body::Link { ok: false, .. });
    let counted = if failed_link { 1 } else { event.identifiers.len() };
    let mut left: Vec<Named> = Vec::new();
    for (ordinal, identifier) in event.identifiers.iter().enumerate().take(counted) {
        if blocked.contains(&identifier.token) {
            continue;
        }
        if let Some(known) = left.iter_mut().find(|n| n.token == identifier.token) {
            known.trust = known.trust.max(identifier.trust);
            continue;
        }
        left.push(Named {
            ordinal: u8::try_from(ordinal).unwrap_or(u8::MAX),
            kind: identifier.kind.clone(),
            scope: identifier.scope.clone(),
            trust: identifier.trust,
            token: identifier.token,
        });
    }
    left
}
