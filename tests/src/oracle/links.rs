//! Step 1: the links of each tier in their order, and the pairs that an operator took apart.

use super::facts::{Facts, Named};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use tributary_core::{event::Trust, identity::policy::Policy, ids::EventId, time::Micros, token::Token};

/// A link between two identifiers: the sum of all evidence with these trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Smaller token and the trust of its end.
    pub small: (Token, Trust),
    /// Larger token and the trust of its end.
    pub large: (Token, Trust),
    /// Newest evidence.
    pub newest: (Micros, EventId),
}

/// The links, each tier in the order in which they are taken.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Of operators.
    pub operator: Vec<Link>,
    /// Both ends verified.
    pub verified: Vec<Link>,
    /// At least one end claimed, none observed.
    pub claimed: Vec<Link>,
    /// Pairs that no customer may hold, smaller token first.
    pub cannot: BTreeSet<(Token, Token)>,
}

impl Links {
    /// The links of these facts.
    #[must_use]
    pub fn of(facts: &Facts, policy: &Policy) -> Self {
        let mut links = Self::default();
        for ((small, large), act) in &facts.acts {
            let joinable = |t| facts.nodes.contains_key(t) && !facts.is_observed(*t);
            if !act.link {
                links.cannot.insert((*small, *large));
            } else if joinable(small) && joinable(large) {
                let (small, large) = ((*small, Trust::Verified), (*large, Trust::Verified));
                links.operator.push(Link { small, large, newest: act.when });
            }
        }
        for link in from_facts(facts) {
            if link.small.1 == Trust::Verified && link.large.1 == Trust::Verified {
                links.verified.push(link);
            } else {
                links.claimed.push(link);
            }
        }
        for tier in [&mut links.operator, &mut links.verified, &mut links.claimed] {
            tier.sort_by_key(|link| order(link, facts, policy));
        }
        links
    }
}

fn from_facts(facts: &Facts) -> Vec<Link> {
    type Ends = ((Token, Trust), (Token, Trust));
    let mut newest: BTreeMap<Ends, (Micros, EventId)> = BTreeMap::new();
    for fact in facts.facts.values() {
        let named = fact.named();
        for a in &named {
            for b in &named {
                if a.token < b.token && a.trust > Trust::Observed && b.trust > Trust::Observed {
                    let end = |n: &Named| (n.token, n.trust);
                    let known = newest.entry((end(a), end(b))).or_insert(fact.when());
                    *known = (*known).max(fact.when());
                }
            }
        }
    }
    newest.into_iter().map(|((small, large), newest)| Link { small, large, newest }).collect()
}

type Order = (u32, u32, Reverse<Micros>, EventId, Token, Token, Trust);

fn order(link: &Link, facts: &Facts, policy: &Policy) -> Order {
    let rank = |token: Token| facts.nodes.get(&token).map_or(u32::MAX, |n| policy.of(&n.kind).rank);
    let (a, b) = (rank(link.small.0), rank(link.large.0));
    let (time, id) = link.newest;
    (a.min(b), a.max(b), Reverse(time), id, link.small.0, link.large.0, link.small.1)
}
