//! Step 5: who owned an identifier that moved, and when.

use super::{
    facts::Facts,
    parts::{Parts, part_of},
};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{event::Trust, identity::policy::Policy, ids::EventId, time::Micros, token::Token};

type When = (Micros, EventId);

/// Every moved identifier with its proofs: when, and the part that owned it from then on. The last one is of its own part.
#[derive(Clone, Debug, Default)]
pub struct Tenures(BTreeMap<Token, Vec<(When, usize)>>);

impl Tenures {
    /// From the pairs whose verified link was refused as unique.
    #[must_use]
    pub fn of(facts: &Facts, parts: &Parts, apart: &BTreeSet<(Token, Token)>, policy: &Policy) -> Self {
        let mut tenants: BTreeMap<Token, BTreeSet<Token>> = BTreeMap::new();
        for (a, b) in apart {
            let strength = |t: Token| (policy.of(&facts.nodes[&t].kind).rank, t);
            let (tenant, moved) = if strength(*a) < strength(*b) { (*a, *b) } else { (*b, *a) };
            if policy.of(&facts.nodes[&moved].kind).transferable {
                tenants.entry(moved).or_default().insert(tenant);
            }
        }
        let proofs = |(moved, tenants): (&Token, &BTreeSet<Token>)| {
            (*moved, proofs(facts, parts, policy, *moved, tenants))
        };
        Self(tenants.iter().map(proofs).filter(|(_, proofs)| !proofs.is_empty()).collect())
    }

    /// The part that owned this identifier at a time; `None` where it never moved.
    #[must_use]
    pub fn owner(&self, token: Token, at: Micros) -> Option<usize> {
        let proofs = self.0.get(&token)?;
        let before = proofs.iter().rev().find(|((time, _), _)| *time <= at);
        before.or_else(|| proofs.first()).map(|(_, part)| *part)
    }

    /// Identifiers that moved.
    #[must_use]
    pub fn moved(&self) -> BTreeSet<Token> {
        self.0.keys().copied().collect()
    }
}

fn proofs(
    facts: &Facts,
    parts: &Parts,
    policy: &Policy,
    moved: Token,
    tenants: &BTreeSet<Token>,
) -> Vec<(When, usize)> {
    let part = |t: Token| part_of(parts, t);
    let Some(own) = part(moved) else { return Vec::new() };
    let node = &facts.nodes[&moved];
    let row = policy.of(&node.kind);
    let same_type = |t: Token| {
        let other = &facts.nodes[&t];
        other.kind == node.kind && (!row.per_scope || other.scope == node.scope)
    };
    let mut proofs: BTreeMap<When, usize> = BTreeMap::new();
    for fact in facts.facts.values() {
        let verified: Vec<Token> =
            fact.named().into_iter().filter(|n| n.trust == Trust::Verified).map(|n| n.token).collect();
        let others = || verified.iter().copied().filter(|t| *t != moved);
        let names_it = verified.contains(&moved);
        let replaces = |tenant: &Token| {
            verified.contains(tenant)
                && others().any(|t| t != *tenant && same_type(t) && part(t) == part(*tenant))
        };
        let for_own = (names_it && others().any(|t| part(t) == Some(own)))
            || (row.max == 1 && tenants.iter().any(replaces));
        if for_own {
            proofs.insert(fact.when(), own);
        } else if names_it {
            let strongest = others()
                .filter(|t| tenants.contains(t))
                .min_by_key(|t| (policy.of(&facts.nodes[t].kind).rank, *t));
            if let Some(home) = strongest.and_then(part) {
                proofs.insert(fact.when(), home);
            }
        }
    }
    // What nobody newer of its own customer took back proves nothing.
    let mut proofs: Vec<(When, usize)> = proofs.into_iter().collect();
    while proofs.last().is_some_and(|(_, home)| *home != own) {
        proofs.pop();
    }
    proofs
}
