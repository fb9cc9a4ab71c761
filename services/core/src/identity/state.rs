//! What the resolver remembers: identifiers, the sets they were named in with all evidence, operators' acts, customers.
//! Flat vectors and 32-bit numbers: ten million identifiers are meant to fit in memory.

use super::{
    born::Born,
    erase::Erasures,
    evidence::Older,
    long_lists::LongLists,
    node::{Group, Node},
    offers::Offers,
    policy::Policy,
    tenure::Tenancies,
};
use crate::{
    event::{Identifier, RecordedEvent},
    ids::{CustomerId, EventId, EventPrefix},
    token::Token,
};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet, HashTable};
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// No customer: the identifier is dropped, observed with an owner, or in no current fact.
pub(crate) const NONE: u32 = u32::MAX;

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

/// Operators' acts on one pair or one identifier, sorted by (time, event id); the last one counts.
pub(crate) type Acts = Vec<(i64, EventId, bool)>;

#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub members: SmallVec<[u32; 4]>,
    /// The one of them that was born first.
    pub eldest: u32,
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
    /// Evidence of groups with several pieces.
    pub older: Older,
    /// Groups of identifiers in many of them.
    pub(super) long_lists: LongLists,
    /// Identifiers of groups with many of them.
    pub(super) wide_groups: Vec<Box<[u32]>>,
    pub customers: Vec<Option<Customer>>,
    pub free: Vec<u32>,
    pub pairs: HashMap<(u32, u32), Acts, FixedState>,
    /// Partners in operators' acts on pairs.
    partners: HashMap<u32, Vec<u32>, FixedState>,
    pub blocks: HashMap<u32, Acts, FixedState>,
    pub tenancies: Tenancies,
    /// Birth dates that facts of a group gave, sorted.
    pub born: HashMap<u32, Vec<(Born, EventPrefix)>, FixedState>,
    pub erasures: Erasures,
    pub offers: Offers,
    /// Identifiers found to be hubs since anything was taken away last: more facts leave them hubs.
    pub hubs: HashSet<u32, FixedState>,
    /// Identifiers of quarantined components.
    pub quarantined: HashSet<u32, FixedState>,
    by_token: HashTable<u32>,
    /// Identifiers looked up last: one event asks for its own several times.
    recent: [(Token, u32); RECENT],
    next_recent: usize,
    /// Groups whose identifiers are all in many groups.
    pub(super) group_index: HashTable<u32>,
    /// Types and scopes.
    kind_index: HashTable<u32>,
    /// Births of customers' identifiers as they were at the last settling, where they changed since.
    births_before: Vec<(u32, Birth)>,
}

/// As many as an event usually names.
const RECENT: usize = 4;

/// Tokens are hashes already.
fn hash_of(token: Token) -> u64 {
    token.as_u128() as u64
}

impl State {
    pub fn find(&self, token: Token) -> Option<u32> {
        if let Some((_, node)) = self.recent.iter().find(|(t, _)| *t == token)
            && self.nodes.get(*node as usize).is_some_and(|n| n.token == token)
        {
            return Some(*node);
        }
        self.by_token.find(hash_of(token), |n| self.nodes[*n as usize].token == token).copied()
    }

    /// Partners in operators' acts.
    pub fn partners(&self, node: u32) -> &[u32] {
        self.partners.get(&node).map_or(&[], Vec::as_slice)
    }

    pub fn add_partner(&mut self, node: u32, partner: u32) {
        let partners = self.partners.entry(node).or_default();
        if !partners.contains(&partner) {
            partners.push(partner);
        }
    }

    pub fn kind_of(&self, node: u32) -> &Kind {
        &self.kinds[self.nodes[node as usize].kind as usize]
    }

    /// Knows the types and scopes that another one knows, by the same numbers.
    pub fn take_kinds(&mut self, other: &Self) {
        self.kinds.clone_from(&other.kinds);
        self.kind_index.clone_from(&other.kind_index);
    }

    /// The number of this type and scope; a new one if it was never seen.
    pub fn kind(&mut self, policy: &Policy, kind: &str, scope: &str) -> u32 {
        let hasher = FixedState::default();
        let (hash, kinds) = (hasher.hash_one((kind, scope)), &self.kinds);
        let is_it = |k: &u32| kinds[*k as usize].kind == kind && kinds[*k as usize].scope == scope;
        if let Some(at) = self.kind_index.find(hash, is_it) {
            return *at;
        }
        let (row, at) = (policy.of(kind), self.kinds.len() as u32);
        let hash_of = |k: &u32| hasher.hash_one((&*kinds[*k as usize].kind, &*kinds[*k as usize].scope));
        self.kind_index.insert_unique(hash, at, hash_of);
        let first = if row.per_scope { None } else { self.kinds.iter().find(|k| k.kind == kind) };
        let class = first.map_or(at, |k| k.class);
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
        at
    }

    /// The node of this identifier, with its birth lowered to `birth`. Says whether it is new or was born earlier.
    pub fn intern(&mut self, policy: &Policy, id: &Identifier, birth: Birth) -> (u32, bool) {
        if let Some(at) = self.find(id.token) {
            self.remember(id.token, at);
            let node = &mut self.nodes[at as usize];
            if id.marks & !node.marks != 0 {
                // Whoever is dropped now counts no more.
                node.marks |= id.marks;
                self.hubs.clear();
            }
            let earlier = birth < node.birth();
            if earlier {
                self.set_birth(at, birth);
            }
            return (at, earlier);
        }
        let kind = self.kind(policy, &id.kind, &id.scope);
        let at = self.nodes.len() as u32;
        self.push_node(id.token, kind, id.marks, birth);
        self.remember(id.token, at);
        (at, true)
    }

    fn remember(&mut self, token: Token, node: u32) {
        if !self.recent.contains(&(token, node)) {
            self.recent[self.next_recent] = (token, node);
            self.next_recent = (self.next_recent + 1) % RECENT;
        }
    }

    /// Makes room for so many identifiers.
    pub fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve_exact(nodes);
        let all = &self.nodes;
        self.by_token.reserve(nodes, |n| hash_of(all[*n as usize].token));
    }

    pub fn push_node(&mut self, token: Token, kind: u32, marks: u32, birth: Birth) {
        let (at, nodes) = (self.nodes.len() as u32, &self.nodes);
        self.by_token.insert_unique(hash_of(token), at, |n| hash_of(nodes[*n as usize].token));
        self.nodes.push(Node::new(token, kind, marks, birth));
    }

    /// Gives an identifier another birth. Its customer keeps the old one until it is settled.
    pub fn set_birth(&mut self, node: u32, birth: Birth) {
        let n = &mut self.nodes[node as usize];
        if n.customer != NONE && self.births_before.iter().all(|(other, _)| *other != node) {
            self.births_before.push((node, n.birth()));
        }
        n.set_birth(birth);
    }

    /// The birth of a customer as it was when it was settled last.
    pub fn birth_before(&self, customer: &Customer) -> Birth {
        let before = self.births_before.iter().find(|(node, _)| *node == customer.eldest);
        before.map_or_else(|| self.nodes[customer.eldest as usize].birth(), |(_, birth)| *birth)
    }

    /// The one of these identifiers that was born first.
    pub fn eldest(&self, members: &[u32]) -> Option<u32> {
        members.iter().copied().min_by_key(|n| self.nodes[*n as usize].birth())
    }

    /// All customers are settled.
    pub fn forget_births_before(&mut self) {
        self.births_before.clear();
    }

    /// Whether the identifier takes part at all: step 0 of the partition.
    pub fn dropped(&self, policy: &Policy, node: u32) -> bool {
        let node = &self.nodes[node as usize];
        node.blocked || policy.blocks(node.token, node.marks)
    }

    /// A fact of this group gives this birth date. Says whether the group's dates are others now.
    pub fn add_born(&mut self, group: u32, born: Born, event: EventPrefix) -> bool {
        let list = self.born.entry(group).or_default();
        let known = list.get(list.partition_point(|(b, _)| *b < born)).is_some_and(|(b, _)| *b == born);
        insert_sorted(list, (born, event));
        !known
    }

    /// The fact of this event is no more in this group; gives the birth date that it gave, and whether the group's dates are
    /// others now.
    pub fn remove_born(&mut self, group: u32, event: EventPrefix) -> Option<(Born, bool)> {
        let list = self.born.get_mut(&group)?;
        let (born, _) = list.remove(list.iter().position(|(_, e)| *e == event)?);
        let gone = list.iter().all(|(b, _)| *b != born);
        if list.is_empty() {
            self.born.remove(&group);
        }
        Some((born, gone))
    }

    /// The birth date that the fact of this event gave in this group.
    pub fn born_in(&self, group: u32, event: EventPrefix) -> Option<Born> {
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
