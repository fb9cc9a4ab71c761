//! Birth dates of identifiers, which of them are mixed, and the matched links between those that a mixed one stands beside.

use super::{
    facts::{Fact, Facts},
    links::Link,
};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    body::Body,
    content::ProfileField,
    event::Trust,
    identity::{Born, policy::Policy},
    token::Token,
};

/// What the facts say about birth dates.
#[derive(Clone, Debug, Default)]
pub struct Dates {
    /// Of each identifier that is not mixed.
    pub clear: BTreeMap<Token, BTreeSet<Born>>,
    /// Identifiers of transferable types with several.
    pub mixed: BTreeSet<Token>,
}

/// The birth date that a fact gives.
fn born(fact: &Fact) -> Option<Born> {
    if matches!(fact.best.event.body, Body::Removed { .. }) {
        return None;
    }
    let content = fact.best.event.content().ok()?;
    Born::of(content.profile.get(&ProfileField::BirthDate)?)
}

impl Dates {
    /// Reads the facts; `hubs` are identifiers that too many others claim.
    #[must_use]
    pub fn of(facts: &Facts, hubs: &BTreeSet<Token>, policy: &Policy) -> Self {
        let mut all: BTreeMap<Token, BTreeSet<Born>> = BTreeMap::new();
        if policy.birth_dates {
            for fact in facts.facts.values() {
                let Some(born) = born(fact) else { continue };
                let counted = fact.named().into_iter().filter(|n| n.trust > Trust::Observed);
                for named in counted.filter(|n| !hubs.contains(&n.token)) {
                    all.entry(named.token).or_default().insert(born);
                }
            }
        }
        let is_mixed = |(token, dates): &(&Token, &BTreeSet<Born>)| {
            dates.len() > 1 && policy.of(&facts.nodes[*token].kind).transferable
        };
        let mixed: BTreeSet<Token> = all.iter().filter(is_mixed).map(|(t, _)| *t).collect();
        all.retain(|token, _| !mixed.contains(token));
        Self { clear: all, mixed }
    }

    /// All birth dates of a customer.
    #[must_use]
    pub fn of_customer(&self, identifiers: &BTreeSet<Token>) -> BTreeSet<Born> {
        identifiers.iter().filter_map(|t| self.clear.get(t)).flatten().copied().collect()
    }

    /// Matched links in the order in which they are taken. `counts` says whether a claimed identifier may be matched.
    #[must_use]
    pub fn matched(&self, facts: &Facts, policy: &Policy, counts: impl Fn(Token) -> bool) -> Vec<Link> {
        let mut beside: BTreeMap<(Token, Born), BTreeMap<(u32, Token), Link>> = BTreeMap::new();
        for fact in facts.facts.values() {
            let Some(born) = born(fact) else { continue };
            let named = fact.named();
            let claims = named.iter().filter(|n| n.trust == Trust::Claimed && self.mixed.contains(&n.token));
            for x in claims {
                for other in &named {
                    let fits = match other.trust {
                        Trust::Verified => true,
                        Trust::Claimed => counts(other.token),
                        Trust::Observed => false,
                    };
                    if !fits || other.token == x.token || self.mixed.contains(&other.token) {
                        continue;
                    }
                    let end = (other.token, Trust::Claimed);
                    let strength = (policy.of(&other.kind).rank, other.token);
                    let link = Link { small: end, large: end, newest: fact.when() };
                    beside.entry((x.token, born)).or_default().insert(strength, link);
                }
            }
        }
        let mut links: BTreeMap<(u32, u32, Token, Token), Link> = BTreeMap::new();
        for others in beside.values() {
            let mut others = others.iter();
            let Some((first, link)) = others.next() else { continue };
            for (other, _) in others {
                let (small, large) = (first.1.min(other.1), first.1.max(other.1));
                let (small, large) = ((small, Trust::Claimed), (large, Trust::Claimed));
                let order = (first.0.min(other.0), first.0.max(other.0), small.0, large.0);
                links.insert(order, Link { small, large, newest: link.newest });
            }
        }
        links.into_values().collect()
    }
}
