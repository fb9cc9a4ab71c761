//! Ownership by time of identifiers that pass from one person to another: a phone number that the telecom gave to somebody
//! else, a LINE account that somebody left. Who owned it when is read from the evidence each time; only which pairs a
//! unique type keeps apart is remembered.

use super::{
    evidence::Evidence,
    partition::{Decision, Refusal, Tier},
    resolver::{CustomerRef, Resolver},
};
use crate::{event::Trust, time::Micros, token::Token};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// One stretch of ownership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The customer that owns it.
    pub customer: CustomerRef,
    /// From this time on; the first stretch reaches back for ever.
    pub from: Micros,
}

/// Pairs that the limit of a unique type keeps apart though a fact verified both, by either end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenancies {
    /// Of each identifier that moved: with whom it was.
    pub tenants: HashMap<u32, SmallVec<[u32; 2]>, FixedState>,
    /// The other way round.
    pub held: HashMap<u32, SmallVec<[u32; 2]>, FixedState>,
}

impl Tenancies {
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    pub fn insert(&mut self, moved: u32, tenant: u32) {
        let list = self.tenants.entry(moved).or_default();
        if !list.contains(&tenant) {
            list.push(tenant);
            self.held.entry(tenant).or_default().push(moved);
        }
    }

    /// Forgets the tenants of an identifier and gives them.
    pub fn remove(&mut self, moved: u32) -> SmallVec<[u32; 2]> {
        let Some(tenants) = self.tenants.remove(&moved) else { return SmallVec::new() };
        for tenant in &tenants {
            if let Some(list) = self.held.get_mut(tenant) {
                list.retain(|m| *m != moved);
                if list.is_empty() {
                    self.held.remove(tenant);
                }
            }
        }
        tenants
    }

    pub fn of(&self, moved: u32) -> &[u32] {
        self.tenants.get(&moved).map_or(&[], |list| list.as_slice())
    }

    pub fn held_by(&self, tenant: u32) -> &[u32] {
        self.held.get(&tenant).map_or(&[], |list| list.as_slice())
    }
}

impl Resolver {
    /// Keeps the pairs that this evaluation of `nodes` refused by uniqueness, instead of those of the last one. Customers of
    /// all of them may have other facts now.
    pub(crate) fn keep_tenancies(&mut self, nodes: &[u32], decisions: &[Decision]) {
        if !self.state.tenancies.is_empty() {
            for node in nodes {
                let tenants = self.state.tenancies.remove(*node);
                if !tenants.is_empty() {
                    self.stirred.push(*node);
                    self.stirred.extend(tenants);
                }
            }
        }
        let by_uniqueness = |d: &&Decision| d.tier == Tier::Verified && d.refused == Some(Refusal::Unique);
        for decision in decisions.iter().filter(by_uniqueness) {
            let strength = |n: u32| (self.state.kind_of(n).rank, self.state.nodes[n as usize].token);
            let (a, b) = decision.ends;
            let (tenant, moved) = if strength(a) < strength(b) { (a, b) } else { (b, a) };
            if self.state.kind_of(moved).transferable {
                self.state.tenancies.insert(moved, tenant);
                self.stirred.extend([moved, tenant]);
            }
        }
    }

    /// Evidence for a set of identifiers changed: whoever shares one of them over time may have other facts now.
    pub(crate) fn stir(&mut self, set: &[(u32, Trust)]) {
        if self.state.tenancies.is_empty() {
            return;
        }
        for (node, _) in set {
            let tenancies = &self.state.tenancies;
            let moved = std::iter::once(node).chain(tenancies.held_by(*node));
            for moved in moved.filter(|m| !tenancies.of(**m).is_empty()) {
                self.stirred.push(*moved);
                self.stirred.extend(tenancies.of(*moved));
            }
        }
    }

    /// Customers whose facts may have changed owner in the last [`Resolver::settle`] without a regrouping.
    #[must_use]
    pub fn stirred(&self) -> Vec<CustomerRef> {
        let slots = self.stirred_last.iter().filter_map(|n| self.customer_slot(*n));
        let mut customers: Vec<CustomerRef> = slots.map(|slot| CustomerRef(slot as u32)).collect();
        customers.sort_unstable();
        customers.dedup();
        customers
    }

    /// Who owned an identifier of a customer when: the node whose customer it was from each time on, up to the newest proof
    /// of its own customer. `None` where it never moved.
    fn proofs(&self, moved: u32) -> Option<Vec<(Evidence, u32)>> {
        let tenants = self.state.tenancies.of(moved);
        let own = self.state.nodes[moved as usize].customer;
        if tenants.is_empty() {
            return None;
        }
        let mut proofs: Vec<(Evidence, u32)> = Vec::new();
        for group in self.verified_groups(moved) {
            let beside = || self.state.ids(group).filter(|(n, t)| *n != moved && *t == Trust::Verified);
            let with_own = beside().any(|(n, _)| self.state.nodes[n as usize].customer == own);
            let tenant = beside().map(|(n, _)| n).filter(|n| tenants.contains(n));
            let strength = |n: &u32| (self.state.kind_of(*n).rank, self.state.nodes[*n as usize].token);
            let owner = if with_own { Some(moved) } else { tenant.min_by_key(strength) };
            if let Some(owner) = owner {
                proofs.extend(self.state.evidence(group).map(|e| (e, owner)));
            }
        }
        for tenant in tenants {
            self.replacements(moved, *tenant, &mut proofs);
        }
        // A fact that proves both is a proof of its own customer.
        proofs.sort_unstable_by_key(|(e, owner)| (*e, *owner != moved));
        proofs.dedup_by_key(|(e, _)| *e);
        let newest_own = proofs.iter().rposition(|(_, owner)| *owner == moved)?;
        proofs.truncate(newest_own + 1);
        Some(proofs)
    }

    /// Where there is one of a type to a customer, another of that type beside the tenant took this one's place.
    fn replacements(&self, moved: u32, tenant: u32, proofs: &mut Vec<(Evidence, u32)>) {
        let class = self.state.kind_of(moved).class;
        if self.state.kinds[class as usize].max != 1 {
            return;
        }
        let home = self.state.nodes[tenant as usize].customer;
        for group in self.verified_groups(tenant) {
            let replaces = |(n, t): (u32, Trust)| {
                t == Trust::Verified
                    && ![moved, tenant].contains(&n)
                    && self.state.kind_of(n).class == class
                    && self.state.nodes[n as usize].customer == home
            };
            if self.state.ids(group).any(replaces) {
                proofs.extend(self.state.evidence(group).map(|e| (e, moved)));
            }
        }
    }

    /// Groups of identifiers that are not observed, in which this one is verified.
    fn verified_groups(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        self.state.verified(node).iter().copied().filter(|g| self.state.active(*g))
    }

    /// The node whose customer owned this one at a time: itself, or a tenant.
    pub(crate) fn owner_then(&self, node: u32, time: Micros) -> u32 {
        let Some(proofs) = self.proofs(node) else { return node };
        let upto = proofs.partition_point(|(e, _)| e.0 <= time.0);
        if upto == proofs.len() {
            return node;
        }
        proofs[upto.saturating_sub(1)].1
    }

    /// Whether facts that name this identifier may belong to several customers, by their times.
    pub(crate) fn moved(&self, node: u32) -> bool {
        !self.state.tenancies.of(node).is_empty()
    }

    /// Who owned an identifier when, oldest first; the last one owns it now. Empty where nobody holds it, one entry at least
    /// otherwise.
    #[must_use]
    pub fn tenures(&self, token: Token) -> Vec<Tenure> {
        let Some(node) = self.state.find(token) else { return Vec::new() };
        let Some(own) = self.customer_slot(node) else { return Vec::new() };
        let from = Micros(self.state.nodes[node as usize].birth().recorded_at);
        let Some(proofs) = self.proofs(node) else {
            return vec![Tenure { customer: CustomerRef(own as u32), from }];
        };
        let mut out: Vec<Tenure> = Vec::new();
        for ((at, _), owner) in proofs {
            let Some(slot) = self.customer_slot(owner) else { continue };
            let tenure = Tenure { customer: CustomerRef(slot as u32), from: Micros(at) };
            if out.last().is_none_or(|last| last.customer != tenure.customer) {
                out.push(tenure);
            }
        }
        out
    }

    /// Identifiers that belonged to this customer once and moved on.
    #[must_use]
    pub fn past_contacts(&self, customer: CustomerRef) -> Vec<Token> {
        self.past_nodes(customer).into_iter().map(|n| self.state.nodes[n as usize].token).collect()
    }

    /// See [`Resolver::past_contacts`].
    pub(crate) fn past_nodes(&self, customer: CustomerRef) -> Vec<u32> {
        let members = self.slot(customer).map_or(&[][..], |c| &c.members);
        let mut past: Vec<u32> =
            members.iter().flat_map(|m| self.state.tenancies.held_by(*m)).copied().collect();
        past.sort_unstable();
        past.dedup();
        past
    }
}
