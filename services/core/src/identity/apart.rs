//! What keeps customers apart: operators, and links that were refused.

use super::{
    partition::{Refusal, evaluate, reach},
    resolver::{CustomerRef, Resolver},
};
use crate::{
    ids::{CustomerId, EventPrefix},
    token::Token,
};
use std::collections::{BTreeMap, BTreeSet};

/// Customers by id, and what keeps each apart from others.
pub type Apart = BTreeMap<CustomerId, (CustomerRef, KeptApart)>;

/// A refused link as one of its customers sees it.
pub type Refused = ((Token, Token), Refusal, EventPrefix, Option<CustomerId>);

/// What keeps one customer apart from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptApart {
    /// Links that were refused: the ends, why, the newest evidence, and the other customer.
    pub refused: BTreeSet<Refused>,
    /// Whom operators set apart from it.
    pub by_operators: Vec<CustomerId>,
}

impl Resolver {
    /// Customers that an operator set apart from this one: the newest act on an identifier of this and one of theirs is an
    /// unlink. Costs as much as the customer's identifiers have acts.
    #[must_use]
    pub fn apart_from(&self, customer: CustomerRef) -> Vec<CustomerRef> {
        let members = self.slot(customer).map_or(&[][..], |c| &c.members);
        let mut apart = Vec::new();
        for member in members {
            for partner in self.state.partners(*member) {
                let acts = self.state.pairs.get(&(*member.min(partner), *member.max(partner)));
                let unlinked = acts.and_then(|acts| acts.last()).is_some_and(|act| !act.2);
                let other = self.customer_slot(*partner).map(|slot| CustomerRef(slot as u32));
                apart.extend(other.filter(|other| unlinked && *other != customer));
            }
        }
        apart.sort_unstable();
        apart.dedup();
        apart
    }

    /// Whether an operator set these two apart.
    #[must_use]
    pub fn set_apart(&self, a: CustomerRef, b: CustomerRef) -> bool {
        self.apart_from(a).contains(&b)
    }

    /// All pairs that operators set apart, each once, the smaller first. Costs as much as there are acts.
    #[must_use]
    pub fn all_apart(&self) -> Vec<(CustomerRef, CustomerRef)> {
        let unlinked = self.state.pairs.iter().filter(|(_, acts)| acts.last().is_some_and(|act| !act.2));
        let customers = unlinked.filter_map(|((a, b), _)| {
            let (a, b) = (self.customer_slot(*a)? as u32, self.customer_slot(*b)? as u32);
            (a != b).then_some((CustomerRef(a.min(b)), CustomerRef(a.max(b))))
        });
        let mut all: Vec<_> = customers.collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn by_operators(&self, customer: CustomerRef) -> KeptApart {
        let others = self.apart_from(customer).into_iter().filter_map(|other| self.id(other));
        KeptApart { by_operators: others.collect(), ..KeptApart::default() }
    }

    /// Everybody who hangs together with these identifiers or with what is named beside them, and what keeps each apart from
    /// others. Costs as much as evaluating them all.
    #[must_use]
    pub fn apart_around(&self, tokens: &[Token]) -> Apart {
        let mut seeds: Vec<u32> = tokens.iter().filter_map(|token| self.state.find(*token)).collect();
        for at in 0..seeds.len() {
            let groups = self.state.all(seeds[at]).iter();
            let beside = groups.flat_map(|g| self.state.ids(*g)).map(|(node, _)| node);
            seeds.extend(beside.chain(self.state.partners(seeds[at]).iter().copied()).collect::<Vec<_>>());
        }
        let nodes = reach(&self.state, &self.policy, &seeds);
        let holder = |node: u32| self.customer_slot(node).map(|slot| CustomerRef(slot as u32));
        let mut apart = Apart::new();
        for customer in nodes.iter().filter_map(|node| holder(*node)) {
            if let Some(id) = self.id(customer) {
                apart.entry(id).or_insert_with(|| (customer, self.by_operators(customer)));
            }
        }
        let token = |node: u32| self.state.nodes[node as usize].token;
        for link in evaluate(&self.state, &self.policy, &nodes).decisions {
            let Some(refused) = link.refused else { continue };
            let (a, b) = (holder(link.ends.0), holder(link.ends.1));
            for (own, other) in [(a, b), (b, a)].into_iter().filter(|_| a != b) {
                let ends = (token(link.ends.0), token(link.ends.1));
                let own = own.and_then(|own| apart.get_mut(&self.id(own)?));
                if let Some((_, kept)) = own {
                    kept.refused.insert((
                        ends,
                        refused,
                        link.newest.1,
                        other.and_then(|other| self.id(other)),
                    ));
                }
            }
        }
        apart
    }
}
