//! A part of the resolver that an operator's act is tried on: everything the act could touch, and nothing else, as a copy of
//! ten million identifiers would take a second and a gigabyte.

use super::{
    erase::Erasures,
    policy::HUB_MAX,
    resolver::Resolver,
    state::{Customer, State},
};
use crate::{event::Trust, token::Token};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

/// Numbers there and here.
type Numbers = HashMap<u32, u32, FixedState>;

impl Resolver {
    /// A resolver that answers as this one does for everybody whom an act on these identifiers could concern, the act done or
    /// not. Others it does not know. Costs as much as their identifiers and facts are many.
    #[must_use]
    pub fn excerpt(&self, tokens: &[Token]) -> Self {
        let seeds: SmallVec<[u32; 4]> = tokens.iter().filter_map(|token| self.state.find(*token)).collect();
        let core = self.connected(&seeds);
        let mut groups: Vec<u32> = core.iter().flat_map(|n| self.state.all(*n)).copied().collect();
        groups.sort_unstable();
        groups.dedup();
        groups.retain(|g| self.state.active(*g));
        // Whoever claims a hub stands in its sets; nothing more is known of them.
        let mut nodes: Vec<u32> = groups.iter().flat_map(|g| self.state.ids(*g)).map(|(n, _)| n).collect();
        nodes.extend(&core);
        nodes.sort_unstable();
        nodes.dedup();
        let mut part = Self::new(self.policy.clone());
        part.state.take_kinds(&self.state);
        let numbers: Numbers = nodes.iter().zip(0..).map(|(n, here)| (*n, here)).collect();
        self.copy_nodes(&mut part.state, &nodes, &numbers);
        self.copy_groups(&mut part.state, &groups, &numbers);
        self.copy_acts(&mut part.state, &nodes, &numbers);
        part.state.erasures = self.state.erasures.part(&numbers);
        self.copy_customers(&mut part.state, &core, &numbers);
        part
    }

    /// All identifiers that may come together with these in one customer, or share facts with it, whatever an act says: by
    /// any link, login, act, tenancy or erasure, but through claims on a hub only where the hub is one of these.
    fn connected(&self, seeds: &[u32]) -> Vec<u32> {
        let mut known: HashSet<u32, FixedState> = seeds.iter().copied().collect();
        let mut found: Vec<u32> = seeds.to_vec();
        let mut at = 0;
        while let Some(node) = found.get(at).copied() {
            at += 1;
            let through_claims = seeds.contains(&node) || !self.stays_hub(node, seeds.len());
            let claimed = if through_claims { self.state.claimed(node) } else { &[] };
            let groups = self.state.verified(node).iter().chain(self.state.seen(node)).chain(claimed);
            let named = groups.filter(|g| self.state.active(**g)).flat_map(|g| self.state.ids(*g));
            let tenancies = &self.state.tenancies;
            let customer = self.customer_slot(node).and_then(|slot| self.state.customers[slot].as_ref());
            let others = named
                .map(|(n, _)| n)
                .chain(self.state.partners(node).iter().copied())
                .chain(tenancies.of(node).iter().chain(tenancies.held_by(node)).copied())
                .chain(self.state.erasures.lost_by(node).iter().copied())
                .chain(customer.into_iter().flat_map(|c| c.members.iter().copied()));
            found.extend(others.filter(|other| known.insert(*other)));
        }
        found
    }

    /// Whether an identifier is claimed beside so many others that it stays a hub though an act drops as many as it names.
    fn stays_hub(&self, node: u32, dropped: usize) -> bool {
        let mut partners: HashSet<u32, FixedState> = HashSet::default();
        for group in self.state.claimed(node).iter().filter(|g| self.state.active(**g)) {
            let counts = |n: &u32| *n != node && !self.state.dropped(&self.policy, *n);
            partners.extend(self.state.ids(*group).map(|(n, _)| n).filter(counts));
            if partners.len() > HUB_MAX + dropped {
                return true;
            }
        }
        false
    }

    fn copy_nodes(&self, part: &mut State, nodes: &[u32], numbers: &Numbers) {
        for node in nodes {
            let n = &self.state.nodes[*node as usize];
            part.push_node(n.token, n.kind, n.marks, n.birth());
            if let Some(copy) = part.nodes.last_mut() {
                copy.blocked = n.blocked;
            }
        }
        for node in nodes.iter().filter(|n| self.state.quarantined.contains(*n)) {
            part.quarantined.extend(numbers.get(node));
        }
    }

    fn copy_groups(&self, part: &mut State, groups: &[u32], numbers: &Numbers) {
        for group in groups {
            let ids = self.state.ids(*group).filter_map(|(n, trust)| Some((*numbers.get(&n)?, trust)));
            let ids: SmallVec<[(u32, Trust); 4]> = ids.collect();
            let copy = part.new_group(&ids);
            let pieces: SmallVec<[_; 8]> = self.state.evidence(*group).collect();
            for piece in pieces.into_iter().rev() {
                part.set_evidence(copy, piece, true);
            }
            if let Some(born) = self.state.born.get(group) {
                part.born.insert(copy, born.clone());
            }
        }
    }

    fn copy_acts(&self, part: &mut State, nodes: &[u32], numbers: &Numbers) {
        for (node, here) in nodes.iter().filter_map(|n| Some((*n, *numbers.get(n)?))) {
            for (partner, there) in
                self.state.partners(node).iter().filter_map(|p| Some((*p, *numbers.get(p)?)))
            {
                part.add_partner(here, there);
                if let Some(acts) = self.state.pairs.get(&(node.min(partner), node.max(partner))) {
                    part.pairs.insert((here.min(there), here.max(there)), acts.clone());
                }
            }
            if let Some(acts) = self.state.blocks.get(&node) {
                part.blocks.insert(here, acts.clone());
            }
            for tenant in self.state.tenancies.of(node).iter().filter_map(|t| numbers.get(t)) {
                part.tenancies.insert(here, *tenant);
            }
        }
    }

    fn copy_customers(&self, part: &mut State, core: &[u32], numbers: &Numbers) {
        let mut slots: Vec<usize> = core.iter().filter_map(|n| self.customer_slot(*n)).collect();
        slots.sort_unstable();
        slots.dedup();
        for customer in slots.into_iter().filter_map(|slot| self.state.customers[slot].as_ref()) {
            let members: SmallVec<[u32; 4]> =
                customer.members.iter().filter_map(|n| numbers.get(n).copied()).collect();
            let Some(eldest) = numbers.get(&customer.eldest).copied() else { continue };
            let (version, contested) = (customer.version, customer.contested);
            let slot = part.new_customer(Customer { members: members.clone(), eldest, version, contested });
            members.into_iter().for_each(|n| part.nodes[n as usize].customer = slot);
        }
    }
}

impl Erasures {
    /// What is remembered of these identifiers; no births after an erasure to come.
    fn part(&self, numbers: &Numbers) -> Self {
        let mut part = Self::default();
        for (node, here) in numbers {
            if let Some(at) = self.tombstones.get(node) {
                part.tombstones.insert(*here, *at);
            }
            if let Some(lost) = self.lost.get(node) {
                part.lost.insert(*here, lost.iter().filter_map(|n| numbers.get(n).copied()).collect());
            }
            if let Some(namings) = self.namings.get(node) {
                part.namings.insert(*here, namings.clone());
            }
        }
        part
    }
}
