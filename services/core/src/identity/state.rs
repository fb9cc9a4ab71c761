//! What the resolver remembers: identifiers, the sets they were named in with all evidence, operators' acts, customers.
//! Flat vectors and 32-bit numbers: ten million identifiers are meant to fit in memory.

use crate::{
    event::{Identifier, RecordedEvent, Trust},
    identity::{born::Born, erase::Erasures, policy::Policy, tenure::Tenancies},
    ids::{CustomerId, EventId},
    token::Token,
};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet, HashTable};
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// No customer: the identifier is dropped, observed with an owner, or in no current fact.
pub(crate) const NONE: u32 = u32::MAX;

/// When and by which event a fact became known: (time in microseconds, event id). The greatest is the newest.
pub(crate) type Evidence = (i64, EventId);

/// The smallest (recorded_at, event id, ordinal) at which an event named an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Birth {
    /// Microseconds.
    pub recorded_at: i64,
    /// The event.
    pub event: EventId,
    /// Place in its list.
    pub ordinal: u8,
}

impl Birth {
    /// The id of a customer of this birth.
    #[must_use]
    pub fn customer(self) -> CustomerId {
        CustomerId { event: self.event, ordinal: self.ordinal }
    }
}

/// An identifier type within its scope, with what the policy says of it.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub kind: String,
    pub scope: String,
    pub rank: u32,
    pub max: u32,
    /// Identifiers whose kinds share this number count together against `max`.
    pub class: u32,
    pub anchor: bool,
    pub anchor_when_claimed: bool,
    pub transferable: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub token: Token,
    pub kind: u32,
    pub marks: u32,
    pub birth: Birth,
    /// Groups in which it is verified.
    pub verified: SmallVec<[u32; 2]>,
    /// Groups in which it is claimed.
    pub claimed: SmallVec<[u32; 2]>,
    /// Groups that name it together with an observed identifier, or in which it is the observed one.
    pub seen: SmallVec<[u32; 1]>,
    /// Partners in operators' acts.
    pub partners: SmallVec<[u32; 1]>,
    pub blocked: bool,
    pub customer: u32,
}

/// A set of identifiers that facts named together, with all evidence: facts can be revised, so nothing is only counted.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Sorted by node. An observed one, if any, makes the group a login (or a mere sighting).
    pub ids: SmallVec<[(u32, Trust); 3]>,
    /// Sorted; never twice the same.
    pub evidence: Vec<Evidence>,
}

impl Group {
    pub fn newest(&self) -> Option<Evidence> {
        self.evidence.last().copied()
    }
}

/// Operators' acts on one pair or one identifier, sorted by (time, event id); the last one counts.
pub(crate) type Acts = Vec<(i64, EventId, bool)>;

#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub members: SmallVec<[u32; 4]>,
    pub birth: Birth,
    /// Version of the last change of this customer, 0 before the first.
    pub version: u64,
    /// A link was refused when it was evaluated last, so the order of its links matters.
    pub contested: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub kinds: Vec<Kind>,
    pub nodes: Vec<Node>,
    pub groups: Vec<Group>,
    pub customers: Vec<Option<Customer>>,
    pub free: Vec<u32>,
    pub pairs: HashMap<(u32, u32), Acts, FixedState>,
    pub blocks: HashMap<u32, Acts, FixedState>,
    pub tenancies: Tenancies,
    /// Birth dates that facts of a group gave, sorted.
    pub born: HashMap<u32, Vec<(Born, EventId)>, FixedState>,
    pub erasures: Erasures,
    /// Identifiers of quarantined components.
    pub quarantined: HashSet<u32, FixedState>,
    by_token: HashMap<u128, u32, FixedState>,
    group_index: HashTable<u32>,
}

impl State {
    pub fn find(&self, token: Token) -> Option<u32> {
        self.by_token.get(&token.as_u128()).copied()
    }

    pub fn kind_of(&self, node: u32) -> &Kind {
        &self.kinds[self.nodes[node as usize].kind as usize]
    }

    /// The number of this type and scope; a new one if it was never seen.
    pub fn kind(&mut self, policy: &Policy, kind: &str, scope: &str) -> u32 {
        if let Some(at) = self.kinds.iter().position(|k| k.kind == kind && k.scope == scope) {
            return at as u32;
        }
        let row = policy.of(kind);
        let same = |k: &&Kind| k.kind == kind && (!row.per_scope || k.scope == scope);
        let class = self.kinds.iter().find(same).map_or(self.kinds.len() as u32, |k| k.class);
        self.kinds.push(Kind {
            kind: kind.to_owned(),
            scope: scope.to_owned(),
            rank: row.rank,
            max: row.max,
            class,
            anchor: row.anchor,
            anchor_when_claimed: row.anchor_when_claimed,
            transferable: row.transferable,
        });
        self.kinds.len() as u32 - 1
    }

    /// The node of this identifier, with its birth lowered to `birth`. Says whether it is new or was born earlier.
    pub fn intern(&mut self, policy: &Policy, id: &Identifier, birth: Birth) -> (u32, bool) {
        if let Some(at) = self.find(id.token) {
            let node = &mut self.nodes[at as usize];
            node.marks |= id.marks;
            let earlier = birth < node.birth;
            node.birth = node.birth.min(birth);
            return (at, earlier);
        }
        let kind = self.kind(policy, &id.kind, &id.scope);
        let at = self.nodes.len() as u32;
        self.push_node(id.token, kind, id.marks, birth);
        (at, true)
    }

    pub fn push_node(&mut self, token: Token, kind: u32, marks: u32, birth: Birth) {
        self.by_token.insert(token.as_u128(), self.nodes.len() as u32);
        self.nodes.push(Node {
            token,
            kind,
            marks,
            birth,
            verified: SmallVec::new(),
            claimed: SmallVec::new(),
            seen: SmallVec::new(),
            partners: SmallVec::new(),
            blocked: false,
            customer: NONE,
        });
    }

    /// The group of exactly these identifiers and trusts; a new one if it was never seen.
    pub fn group(&mut self, ids: &[(u32, Trust)]) -> u32 {
        let hasher = FixedState::default();
        let hash = hasher.hash_one(ids);
        let groups = &self.groups;
        if let Some(at) = self.group_index.find(hash, |g| groups[*g as usize].ids.as_slice() == ids) {
            return *at;
        }
        let at = self.groups.len() as u32;
        self.groups.push(Group { ids: SmallVec::from_slice(ids), evidence: Vec::new() });
        let groups = &self.groups;
        self.group_index.insert_unique(hash, at, |g| hasher.hash_one(groups[*g as usize].ids.as_slice()));
        let observed = ids.iter().any(|(_, trust)| *trust == Trust::Observed);
        for (node, trust) in ids {
            let node = &mut self.nodes[*node as usize];
            match trust {
                _ if observed => node.seen.push(at),
                Trust::Verified => node.verified.push(at),
                _ => node.claimed.push(at),
            }
        }
        at
    }

    /// Whether the identifier takes part at all: step 0 of the partition.
    pub fn dropped(&self, policy: &Policy, node: u32) -> bool {
        let node = &self.nodes[node as usize];
        node.blocked || policy.blocks(node.token, node.marks)
    }

    pub fn active(&self, group: u32) -> bool {
        !self.groups[group as usize].evidence.is_empty()
    }

    /// Whether a current fact names it verified.
    pub fn is_verified(&self, node: u32) -> bool {
        let n = &self.nodes[node as usize];
        let in_login = |g: &u32| {
            let group = &self.groups[*g as usize];
            !group.evidence.is_empty() && group.ids.contains(&(node, Trust::Verified))
        };
        n.verified.iter().any(|g| self.active(*g)) || n.seen.iter().any(in_login)
    }

    /// Whether a current fact names it at all.
    pub fn is_named(&self, node: u32) -> bool {
        let n = &self.nodes[node as usize];
        n.verified.iter().chain(&n.claimed).chain(&n.seen).any(|g| self.active(*g))
    }

    /// Whether it is seen only as observed, in every fact that names it.
    pub fn is_observed(&self, node: u32) -> bool {
        let n = &self.nodes[node as usize];
        let live = |g: &u32| self.active(*g);
        if n.verified.iter().chain(&n.claimed).any(live) {
            return false;
        }
        n.seen
            .iter()
            .any(|g| self.active(*g) && self.groups[*g as usize].ids.contains(&(node, Trust::Observed)))
    }

    /// A fact of this group gives this birth date. Says whether the group's dates are others now.
    pub fn add_born(&mut self, group: u32, born: Born, event: EventId) -> bool {
        let list = self.born.entry(group).or_default();
        let known = list.get(list.partition_point(|(b, _)| *b < born)).is_some_and(|(b, _)| *b == born);
        insert_sorted(list, (born, event));
        !known
    }

    /// The fact of this event is no more in this group; gives the birth date that it gave, and whether the group's dates are
    /// others now.
    pub fn remove_born(&mut self, group: u32, event: EventId) -> Option<(Born, bool)> {
        let list = self.born.get_mut(&group)?;
        let (born, _) = list.remove(list.iter().position(|(_, e)| *e == event)?);
        let gone = list.iter().all(|(b, _)| *b != born);
        if list.is_empty() {
            self.born.remove(&group);
        }
        Some((born, gone))
    }

    /// The birth date that the fact of this event gave in this group.
    pub fn born_in(&self, group: u32, event: EventId) -> Option<Born> {
        self.born.get(&group)?.iter().find(|(_, e)| *e == event).map(|(born, _)| *born)
    }

    /// Birth dates that facts of this group gave.
    pub fn born_of(&self, group: u32) -> impl Iterator<Item = Born> + '_ {
        self.born.get(&group).into_iter().flatten().map(|(born, _)| *born)
    }

    pub fn new_customer(&mut self, customer: Customer) -> u32 {
        if let Some(at) = self.free.pop() {
            self.customers[at as usize] = Some(customer);
            return at;
        }
        self.customers.push(Some(customer));
        self.customers.len() as u32 - 1
    }
}

/// The identifiers of an event that take part: all, but for a failed link only the first (the one that tried).
#[must_use]
pub fn taking_part(event: &RecordedEvent) -> &[Identifier] {
    let all = event.event.identifiers.as_slice();
    match event.event.body {
        crate::body::Body::Link { ok: false, .. } => &all[..all.len().min(1)],
        _ => all,
    }
}

/// Inserts into a sorted list, keeping it sorted and without doubles; says whether it was new.
pub(crate) fn insert_sorted<T: Ord>(list: &mut Vec<T>, item: T) -> bool {
    if list.last().is_none_or(|last| *last < item) {
        list.push(item);
        return true;
    }
    match list.binary_search(&item) {
        Ok(_) => false,
        Err(at) => {
            list.insert(at, item);
            true
        }
    }
}

/// Removes from a sorted list; says whether it was there.
pub(crate) fn remove_sorted<T: Ord>(list: &mut Vec<T>, item: &T) -> bool {
    list.binary_search(item).map(|at| list.remove(at)).is_ok()
}
