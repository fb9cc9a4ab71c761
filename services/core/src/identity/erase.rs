//! Erasure as identity sees it: a tombstone for each identifier. What named it up to that time names it no more, in any
//! order of arrival; what names it later is somebody new, with a birth of its own.

use super::{
    evidence::Evidence,
    resolver::{CustomerRef, Resolver},
    state::Birth,
};
use crate::{event::Trust, ids::EventId, time::Micros, token::Token};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Namings that are remembered one by one, of whatever identifiers: the newest that were folded. An erasure dated before all
/// of them finds no birth for what named its identifiers between, and is their birth itself. The hub dates
/// erasures by its own clock, so only another node's log can come that late.
const NAMINGS_KEPT: usize = 1 << 17;

/// When an event named an identifier, and the birth that this would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    pub at: i64,
    pub birth: Birth,
}

/// Tombstones and what they need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Erasures {
    /// When each identifier was erased last.
    pub tombstones: HashMap<u32, i64, FixedState>,
    /// Erased identifiers whose fragments may hold facts that name this one.
    pub lost: HashMap<u32, SmallVec<[u32; 2]>, FixedState>,
    /// All namings of erased identifiers since they could be remembered.
    pub namings: HashMap<u32, Namings, FixedState>,
    /// The newest namings of all identifiers: the births after an erasure to come.
    pub recent: VecDeque<(u32, Naming)>,
}

impl Erasures {
    /// Whether an event of this time loses the identifier.
    pub fn covers(&self, node: u32, at: i64) -> bool {
        !self.tombstones.is_empty() && self.tombstones.get(&node).is_some_and(|erased| at <= *erased)
    }

    /// Whether it was ever erased.
    pub fn touches(&self, node: u32) -> bool {
        !self.tombstones.is_empty() && self.tombstones.contains_key(&node)
    }

    /// Erased identifiers at home with which facts may stand that name this one.
    pub fn lost_by(&self, node: u32) -> &[u32] {
        self.lost.get(&node).map_or(&[], |list| list.as_slice())
    }

    /// Remembers a naming.
    fn push(&mut self, node: u32, naming: Naming) {
        if self.recent.len() == NAMINGS_KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back((node, naming));
        if self.touches(node) {
            self.namings.entry(node).or_default().insert(naming);
        }
    }

    /// Puts up a tombstone, at the latest time of several.
    fn bury(&mut self, node: u32, erased_at: i64) {
        if self.tombstones.insert(node, erased_at).is_none() {
            let list = self.namings.entry(node).or_default();
            let of_it = self.recent.iter().filter(|(n, _)| *n == node);
            of_it.for_each(|(_, naming)| list.insert(*naming));
        }
    }
}

/// Namings of one identifier: of copies of one event that counts which was recorded first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namings(HashMap<(EventId, u8), Naming, FixedState>);

impl Namings {
    pub fn insert(&mut self, naming: Naming) {
        let known = self.0.entry((naming.birth.event, naming.birth.ordinal)).or_insert(naming);
        if naming.birth < known.birth {
            *known = naming;
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Naming> {
        self.0.values()
    }
}

impl Resolver {
    /// Whether what named this identifier at this time was erased.
    #[must_use]
    pub fn is_erased(&self, token: Token, at: Micros) -> bool {
        self.state.find(token).is_some_and(|node| self.state.erasures.covers(node, at.0))
    }

    /// When an identifier was erased last.
    #[must_use]
    pub fn erased_at(&self, token: Token) -> Option<Micros> {
        let node = self.state.find(token)?;
        self.state.erasures.tombstones.get(&node).copied().map(Micros)
    }

    /// What an erasure of this customer covers: its own identifiers, and the observed ones that nobody else logged in with.
    #[must_use]
    pub fn covered(&self, customer: CustomerRef) -> Vec<Token> {
        let Some(members) = self.slot(customer).map(|c| c.members.clone()) else { return Vec::new() };
        let token = |n: u32| self.state.nodes[n as usize].token;
        let mut seen: Vec<u32> = members.iter().flat_map(|n| self.seen_with(*n)).collect();
        seen.sort_unstable();
        seen.dedup();
        let only_here = |n: &u32| self.owners(token(*n)).iter().all(|owner| *owner == customer);
        seen.retain(|n| self.state.is_observed(*n) && only_here(n));
        members.into_iter().chain(seen).map(token).collect()
    }

    /// Whether an identifier was erased since the last settling: its customer goes on in nobody.
    pub(crate) fn is_forgotten(&self, node: u32) -> bool {
        self.forgotten.iter().any(|(n, _)| *n == node)
    }

    /// A naming for the births after an erasure to come, or of one that was. Says whether the identifier's birth changed.
    pub(crate) fn remember_naming(&mut self, node: u32, at: i64, birth: Birth) -> bool {
        self.state.erasures.push(node, Naming { at, birth });
        // One more naming can only lower the birth, so the others need not be looked at again; nor does one that is covered.
        if !self.state.erasures.touches(node) || self.state.erasures.covers(node, at) {
            return false;
        }
        let lowers = birth < self.state.nodes[node as usize].birth();
        if lowers {
            self.state.set_birth(node, birth);
        }
        lowers
    }

    /// The birth after the last erasure, which itself is one if facts name the identifier whose births are not remembered.
    fn rebirth(&mut self, node: u32, erasure: Birth) {
        let erasures = &self.state.erasures;
        let namings = erasures.namings.get(&node).into_iter().flat_map(Namings::iter);
        let lasting = namings.filter(|n| !erasures.covers(node, n.at)).map(|n| n.birth);
        let remembered = lasting.min().or_else(|| self.state.is_named(node).then_some(erasure));
        let unborn = Birth { recorded_at: i64::MAX, ..self.state.nodes[node as usize].birth() };
        self.state.set_birth(node, remembered.unwrap_or(unborn));
    }

    /// Current facts that name an identifier, with the group that says so.
    fn facts_of(&self, node: u32) -> impl Iterator<Item = (Evidence, u32)> + '_ {
        let groups = self.state.all(node).iter().copied();
        groups.flat_map(|g| self.state.evidence(g).map(move |e| (e, g)))
    }

    /// Facts that lost identifiers still live in their fragments.
    pub(crate) fn remember_lost(&mut self, set: &[(u32, Trust)], lost: &[u32]) {
        for (node, _) in set.iter().filter(|_| !lost.is_empty()) {
            let list = self.state.erasures.lost.entry(*node).or_default();
            list.extend(lost.iter().copied());
            list.sort_unstable();
            list.dedup();
        }
    }

    /// Everything that named an identifier up to `erased_at` loses it. `erasure`: where the act names it.
    pub(crate) fn erase(&mut self, node: u32, erased_at: i64, erasure: Birth) {
        if self.state.erasures.covers(node, erased_at) {
            return;
        }
        let birth = self.state.nodes[node as usize].birth();
        if birth.recorded_at < i64::MAX {
            self.forgotten.push((node, birth.customer()));
        }
        self.touch_neighbours(node);
        let mut covered: Vec<(Evidence, u32)> =
            self.facts_of(node).filter(|(evidence, _)| evidence.0 <= erased_at).collect();
        covered.sort_unstable();
        self.state.erasures.bury(node, erased_at);
        for of_one_fact in covered.chunk_by(|a, b| a.0 == b.0) {
            self.lose(node, of_one_fact);
        }
        self.rebirth(node, erasure);
    }

    /// One fact loses an identifier; `groups` are those that hold it.
    fn lose(&mut self, node: u32, groups: &[(Evidence, u32)]) {
        let Some((evidence, _)) = groups.first().copied() else { return };
        let ids = groups.iter().flat_map(|(_, g)| self.state.ids(*g));
        let mut all: SmallVec<[(u32, Trust); 8]> = ids.collect();
        all.sort_unstable();
        all.dedup();
        // An observed one is in none of the groups that keep birth dates.
        let firm: SmallVec<[(u32, Trust); 4]> =
            all.iter().filter(|(_, t)| *t != Trust::Observed).copied().collect();
        let group = (!firm.is_empty()).then(|| self.state.group(&firm));
        let born = group.and_then(|g| self.state.born_in(g, evidence.1));
        self.stir_all(&all);
        self.each_group(&all, evidence, false, None);
        all.retain(|(n, _)| *n != node);
        self.remember_lost(&all, &[node]);
        self.each_group(&all, evidence, true, born);
        self.stir_all(&all);
    }

    /// Whoever holds one of these, or logged in with it, may have other facts now.
    pub(super) fn stir_all(&mut self, ids: &[(u32, Trust)]) {
        for (node, _) in ids {
            let owners: Vec<u32> = self.logins(*node).map(|(_, owner)| owner).collect();
            for with in owners.iter().chain([node]) {
                self.stirred.extend(self.state.tenancies.of(*with));
                self.stirred.push(*with);
            }
        }
    }
}
