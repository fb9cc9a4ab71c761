//! The sets that identifiers were named in, and how each stands in them.

use super::{
    compact::Few,
    evidence::{Evidence, Proofs},
    long_lists::Place,
    node::{Group, Standing, pack, unpack},
    state::State,
};
use crate::event::Trust;
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// Groups of an identifier that are looked through one by one.
const SEARCHED_MAX: usize = 12;

impl State {
    /// All groups that name an identifier, in no order that means anything.
    pub fn all(&self, node: u32) -> &[u32] {
        let groups = &self.nodes[node as usize].groups;
        groups.here().unwrap_or_else(|place| self.long_lists.get(place).0)
    }

    /// Its groups, the end of those that verify it, and the end of those with an observed identifier.
    fn parts(&self, node: u32) -> (&[u32], usize, usize) {
        let n = &self.nodes[node as usize];
        let here = n.groups.here().map(|groups| (groups, n.parts_here()));
        let (groups, parts) = here.unwrap_or_else(|place| self.long_lists.get(place));
        (groups, parts.verifying as usize, (parts.verifying + parts.seeing) as usize)
    }

    /// Groups that verify an identifier, beside no observed one.
    pub fn verified(&self, node: u32) -> &[u32] {
        let (groups, verifying, _) = self.parts(node);
        &groups[..verifying]
    }

    /// Groups that name it beside an observed one, or as one.
    pub fn seen(&self, node: u32) -> &[u32] {
        let (groups, verifying, seen) = self.parts(node);
        &groups[verifying..seen]
    }

    /// Groups that claim it, beside no observed one.
    pub fn claimed(&self, node: u32) -> &[u32] {
        let (groups, _, seen) = self.parts(node);
        &groups[seen..]
    }

    /// Groups without an observed identifier; without those that claim it, unless `claims`.
    pub fn firm(&self, node: u32, claims: bool) -> impl Iterator<Item = u32> + Clone + '_ {
        let claimed = if claims { self.claimed(node) } else { &[] };
        self.verified(node).iter().chain(claimed).copied()
    }

    fn packed(&self, group: u32) -> &[u32] {
        let ids = &self.groups[group as usize].packed;
        ids.here().unwrap_or_else(|place| &self.wide_groups[place.block as usize])
    }

    /// The identifiers of a group, sorted.
    pub fn ids(&self, group: u32) -> impl Iterator<Item = (u32, Trust)> + Clone + '_ {
        self.packed(group).iter().map(|packed| unpack(*packed))
    }

    /// Whether a group names this identifier so.
    pub fn has(&self, group: u32, node: u32, trust: Trust) -> bool {
        self.packed(group).contains(&pack((node, trust)))
    }

    /// Whether current facts name this group.
    pub fn active(&self, group: u32) -> bool {
        !self.proofs(group).is_empty()
    }

    /// The newest evidence for a group.
    pub fn newest(&self, group: u32) -> Option<Evidence> {
        self.proofs(group).newest()
    }

    /// All evidence for a group, the newest first.
    pub fn evidence(&self, group: u32) -> impl Iterator<Item = Evidence> + '_ {
        self.older.iter(self.proofs(group))
    }

    /// What [`Older`](super::evidence::Older) knows the evidence by.
    pub fn proofs(&self, group: u32) -> &Proofs {
        &self.groups[group as usize].proofs
    }

    /// Adds evidence to a group, or takes it away; says whether that changed anything.
    pub fn set_evidence(&mut self, group: u32, evidence: Evidence, there: bool) -> bool {
        let proofs = &mut self.groups[group as usize].proofs;
        if there { self.older.insert(proofs, evidence) } else { self.older.remove(proofs, evidence) }
    }

    /// The group of exactly these identifiers and trusts; a new one if it was never seen.
    pub fn group(&mut self, ids: &[(u32, Trust)]) -> u32 {
        let packed: SmallVec<[u32; 8]> = ids.iter().copied().map(pack).collect();
        self.known_group(&packed).unwrap_or_else(|| self.new_group(ids))
    }

    /// A group of identifiers and trusts that were never named together.
    pub fn new_group(&mut self, ids: &[(u32, Trust)]) -> u32 {
        let at = self.groups.len() as u32;
        let mut packed = Few::default();
        if !ids.iter().all(|id| packed.push(pack(*id))) {
            packed.point_to(Place { size: 0, block: self.wide_groups.len() as u32 });
            self.wide_groups.push(ids.iter().copied().map(pack).collect());
        }
        self.groups.push(Group { packed, proofs: Proofs::default() });
        let observed = ids.iter().any(|(_, trust)| *trust == Trust::Observed);
        for (node, trust) in ids {
            let standing = match trust {
                _ if observed => Standing::Seen,
                Trust::Verified => Standing::Verified,
                _ => Standing::Claimed,
            };
            self.join(*node, at, standing);
        }
        at
    }

    fn join(&mut self, node: u32, group: u32, standing: Standing) {
        let n = &mut self.nodes[node as usize];
        if n.join(group, standing) {
            return;
        }
        let place = match n.groups.here() {
            Err(place) => place,
            Ok(here) => self.long_lists.start(here, n.parts_here()),
        };
        n.groups.point_to(self.long_lists.join(place, group, standing));
    }

    /// The group of these, found among those of the identifier that is in the fewest. Where all of them are in many, the
    /// answer is kept, be it that there is none: then the caller makes the next one.
    fn known_group(&mut self, packed: &[u32]) -> Option<u32> {
        let shortest = packed.iter().map(|p| unpack(*p).0).min_by_key(|node| self.all(*node).len())?;
        let same = |g: &&u32| self.packed(**g) == packed;
        if self.all(shortest).len() <= SEARCHED_MAX {
            return self.all(shortest).iter().find(same).copied();
        }
        let hasher = FixedState::default();
        let hash = hasher.hash_one(packed);
        if let Some(at) = self.group_index.find(hash, |g| self.packed(*g) == packed) {
            return Some(*at);
        }
        let found = self.all(shortest).iter().find(same).copied();
        // Rehashing asks for groups that are there; the one to come is not, and is put in with its own hash.
        let next = self.groups.len() as u32;
        let mut index = std::mem::take(&mut self.group_index);
        let hash_of = |g: &u32| if *g == next { hash } else { hasher.hash_one(self.packed(*g)) };
        index.insert_unique(hash, found.unwrap_or(next), hash_of);
        self.group_index = index;
        found
    }

    /// Whether a current fact names an identifier verified.
    pub fn is_verified(&self, node: u32) -> bool {
        let in_login = |g: &u32| self.active(*g) && self.has(*g, node, Trust::Verified);
        self.verified(node).iter().any(|g| self.active(*g)) || self.seen(node).iter().any(in_login)
    }

    /// Whether a current fact names it at all.
    pub fn is_named(&self, node: u32) -> bool {
        self.all(node).iter().any(|g| self.active(*g))
    }

    /// Whether it is seen only as observed, in every fact that names it.
    pub fn is_observed(&self, node: u32) -> bool {
        if self.firm(node, true).any(|g| self.active(g)) {
            return false;
        }
        self.seen(node).iter().any(|g| self.active(*g) && self.has(*g, node, Trust::Observed))
    }
}
