//! Whether an operator's link could count, told before anybody makes it.

use super::{
    partition::{Joining, Refusal, Tier, link, operator_link, operator_links},
    resolver::{CustomerRef, Resolver},
};
use crate::{event::Trust, ids::EventPrefix, token::Token};
use serde::Serialize;

/// What stands against a link that an operator would make now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// Nobody holds one of the two: it is blocked, erased, or a cookie or device, which join nobody.
    Nobody,
    /// The customer would have two identifiers of a type of which the policy allows one.
    Unique,
    /// The customer would have more identifiers, of one type or in all, than the policy allows.
    Limit,
    /// Operators set apart two identifiers that this link and earlier ones would join.
    CannotLink,
}

impl Resolver {
    /// The identifier of a customer that holds it together best, for acts on the customer that are to last. `None` for a
    /// customer that is no more.
    #[must_use]
    pub fn strongest_own(&self, customer: CustomerRef) -> Option<Token> {
        let members = self.slot(customer)?.members.iter();
        let strength = |node: &u32| {
            let trust = match (self.state.is_verified(*node), self.state.is_observed(*node)) {
                (true, _) => Trust::Verified,
                (false, true) => Trust::Observed,
                (false, false) => Trust::Claimed,
            };
            let token = self.state.nodes[*node as usize].token;
            (self.policy.strength(&self.state.kind_of(*node).kind, trust), token)
        };
        members.map(strength).min().map(|(_, token)| token)
    }

    /// Why a link of these two by an operator would have no effect; `None` if it would join their customers. Operators' links
    /// are taken before all others, so only those that hang together with the two are looked at.
    #[must_use]
    pub fn obstacle(&self, a: Token, b: Token) -> Option<Obstacle> {
        let held = |token: Token| {
            let node = self.state.find(token)?;
            (self.customer_slot(node).is_some() && !self.state.is_observed(node)).then_some(node)
        };
        let (Some(a), Some(b)) = (held(a), held(b)) else { return Some(Obstacle::Nobody) };
        let nodes = self.joined_by_operators(a, b);
        let now = (i64::MAX, EventPrefix::default());
        let mut links = operator_links(&self.state, &nodes);
        let ends = |x: (u32, u32)| (x.0.min(x.1), x.0.max(x.1));
        links.retain(|known| ends(known.ends) != ends((a, b)));
        links.push(link(&self.state, Tier::Operator, (a, Trust::Verified), (b, Trust::Verified), now));
        links.sort_unstable_by_key(|link| link.order());
        let mut join = Joining::new(&self.state, &self.policy, &nodes);
        // It would be the newest word on the two.
        let pair = ends_of(join.index(a), join.index(b));
        join.cannot.retain(|cannot| ends_of(cannot.0, cannot.1) != pair);
        for one in links {
            let refused = join.take(one.ends, false);
            if ends(one.ends) == ends((a, b)) {
                return refused.map(|refused| match refused {
                    Refusal::Unique => Obstacle::Unique,
                    Refusal::CannotLink => Obstacle::CannotLink,
                    _ => Obstacle::Limit,
                });
            }
        }
        None
    }

    /// All that operators' links join with one of the two, sorted; without what takes no part.
    fn joined_by_operators(&self, a: u32, b: u32) -> Vec<u32> {
        let takes_part = |n: u32| {
            !self.state.dropped(&self.policy, n) && self.state.is_named(n) && !self.state.is_observed(n)
        };
        let mut nodes = vec![a, b];
        let mut at = 0;
        while at < nodes.len() {
            for partner in self.state.partners(nodes[at]) {
                let linked = operator_link(&self.state, nodes[at], *partner).is_some();
                if linked && takes_part(*partner) && !nodes.contains(partner) {
                    nodes.push(*partner);
                }
            }
            at += 1;
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

fn ends_of(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}
