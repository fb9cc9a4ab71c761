//! What the resolver remembers: identifiers, the sets they were named in with all evidence, operators' acts, customers.
//! Flat vectors and 32-bit numbers: ten million identifiers are meant to fit in memory.

use crate::{
    event::{Identifier, RecordedEvent, Trust},
    identity::{
        born::Born,
        compact::{Few, Proofs},
        erase::Erasures,
        policy::Policy,
        tenure::Tenancies,
    },
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
    birth_at: i64,
    birth_event: EventId,
    pub marks: u32,
    pub customer: u32,
    /// Groups that name it: those that verify it, then those with an observed identifier, then those that claim it.
    groups: Few,
    verifying: u32,
    seeing: u32,
    pub kind: u32,
    birth_ordinal: u8,
    pub blocked: bool,
}

/// How a group names an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Verified, beside no observed one.
    Verified,
    /// Together with an observed identifier, or as the observed one.
    Seen,
    /// Claimed, beside no observed one.
    Claimed,
}

impl Node {
    pub fn birth(&self) -> Birth {
        Birth { recorded_at: self.birth_at, event: self.birth_event, ordinal: self.birth_ordinal }
    }

    pub fn set_birth(&mut self, birth: Birth) {
        (self.birth_at, self.birth_event, self.birth_ordinal) =
            (birth.recorded_at, birth.event, birth.ordinal);
    }

    /// All groups that name it, in no order that means anything.
    pub fn all(&self) -> &[u32] {
        &self.groups
    }

    pub fn verified(&self) -> &[u32] {
        &self.groups[..self.verifying as usize]
    }

    pub fn seen(&self) -> &[u32] {
        &self.groups[self.verifying as usize..][..self.seeing as usize]
    }

    pub fn claimed(&self) -> &[u32] {
        &self.groups[self.verifying as usize + self.seeing as usize..]
    }

    /// Groups without an observed identifier; without those that claim it, unless `claims`.
    pub fn firm(&self, claims: bool) -> impl Iterator<Item = u32> + Clone + '_ {
        let claimed = if claims { self.claimed() } else { &[] };
        self.verified().iter().chain(claimed).copied()
    }

    fn join(&mut self, group: u32, standing: Standing) {
        let mut at = self.groups.len();
        self.groups.push(group);
        // The first of each later part moves to that part's end.
        let (seen_from, claimed_from) = (self.verifying as usize, (self.verifying + self.seeing) as usize);
        if standing != Standing::Claimed {
            self.groups.swap(at, claimed_from);
            at = claimed_from;
        }
        match standing {
            Standing::Claimed => {}
            Standing::Seen => self.seeing += 1,
            Standing::Verified => {
                self.groups.swap(at, seen_from);
                self.verifying += 1;
            }
        }
    }
}

/// A set of identifiers that facts named together, with all evidence: facts can be revised, so nothing is only counted.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Sorted by node. An observed one, if any, makes the group a login (or a mere sighting).
    packed: Few,
    pub evidence: Proofs,
}

/// An identifier and what it is believed, in one number.
fn pack((node, trust): (u32, Trust)) -> u32 {
    node << 2 | trust as u32
}

impl Group {
    /// Its identifiers, sorted.
    pub fn ids(&self) -> impl Iterator<Item = (u32, Trust)> + Clone + '_ {
        self.packed.iter().map(|packed| (packed >> 2, Trust::from_number(packed & 3)))
    }

    /// Whether it names this identifier so.
    pub fn has(&self, node: u32, trust: Trust) -> bool {
        self.packed.contains(&pack((node, trust)))
    }

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
    /// Partners in operators' acts on pairs.
    partners: HashMap<u32, Vec<u32>, FixedState>,
    pub blocks: HashMap<u32, Acts, FixedState>,
    pub tenancies: Tenancies,
    /// Birth dates that facts of a group gave, sorted.
    pub born: HashMap<u32, Vec<(Born, EventId)>, FixedState>,
    pub erasures: Erasures,
    /// Identifiers found to be hubs since anything was taken away last: more facts leave them hubs.
    pub hubs: HashSet<u32, FixedState>,
    /// Identifiers of quarantined components.
    pub quarantined: HashSet<u32, FixedState>,
    by_token: HashTable<u32>,
    /// Identifiers looked up last: one event asks for its own several times.
    recent: [(Token, u32); RECENT],
    next_recent: usize,
    /// Groups whose identifiers are all in many groups.
    group_index: HashTable<u32>,
}

/// Groups of an identifier that are looked through one by one.
const SEARCHED_MAX: usize = 12;

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
            self.remember(id.token, at);
            let node = &mut self.nodes[at as usize];
            if id.marks & !node.marks != 0 {
                // Whoever is dropped now counts no more.
                node.marks |= id.marks;
                self.hubs.clear();
            }
            let earlier = birth < node.birth();
            if earlier {
                node.set_birth(birth);
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

    pub fn push_node(&mut self, token: Token, kind: u32, marks: u32, birth: Birth) {
        let (at, nodes) = (self.nodes.len() as u32, &self.nodes);
        self.by_token.insert_unique(hash_of(token), at, |n| hash_of(nodes[*n as usize].token));
        self.nodes.push(Node {
            token,
            birth_at: birth.recorded_at,
            birth_event: birth.event,
            marks,
            customer: NONE,
            groups: Few::default(),
            verifying: 0,
            seeing: 0,
            kind,
            birth_ordinal: birth.ordinal,
            blocked: false,
        });
    }

    /// The group of exactly these identifiers and trusts; a new one if it was never seen.
    pub fn group(&mut self, ids: &[(u32, Trust)]) -> u32 {
        let packed: SmallVec<[u32; 8]> = ids.iter().copied().map(pack).collect();
        let at = self.groups.len() as u32;
        if let Some(known) = self.known_group(&packed) {
            return known;
        }
        self.groups.push(Group { packed: packed.iter().copied().collect(), evidence: Proofs::None });
        let observed = ids.iter().any(|(_, trust)| *trust == Trust::Observed);
        for (node, trust) in ids {
            let standing = match trust {
                _ if observed => Standing::Seen,
                Trust::Verified => Standing::Verified,
                _ => Standing::Claimed,
            };
            self.nodes[*node as usize].join(at, standing);
        }
        at
    }

    /// The group of these, found among those of the identifier that is in the fewest. Where all of them are in many, the
    /// answer is kept, be it that there is none: then the caller makes the next one.
    fn known_group(&mut self, packed: &[u32]) -> Option<u32> {
        let lists = packed.iter().map(|p| self.nodes[(p >> 2) as usize].all());
        let shortest = lists.min_by_key(|list| list.len())?;
        let same = |g: &&u32| *self.groups[**g as usize].packed == *packed;
        if shortest.len() <= SEARCHED_MAX {
            return shortest.iter().find(same).copied();
        }
        let hasher = FixedState::default();
        let (hash, groups) = (hasher.hash_one(packed), &self.groups);
        if let Some(at) = self.group_index.find(hash, |g| *groups[*g as usize].packed == *packed) {
            return Some(*at);
        }
        let found = shortest.iter().find(same).copied();
        let at = found.unwrap_or(self.groups.len() as u32);
        // Rehashing asks for groups that are there; the one to come is not, and is put in with its own hash.
        let next = self.groups.len() as u32;
        let hash_of = |g: &u32| if *g == next { hash } else { hasher.hash_one(&*groups[*g as usize].packed) };
        self.group_index.insert_unique(hash, at, hash_of);
        found
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
        let in_login = |g: &u32| self.active(*g) && self.groups[*g as usize].has(node, Trust::Verified);
        n.verified().iter().any(|g| self.active(*g)) || n.seen().iter().any(in_login)
    }

    /// Whether a current fact names it at all.
    pub fn is_named(&self, node: u32) -> bool {
        let n = &self.nodes[node as usize];
        n.all().iter().any(|g| self.active(*g))
    }

    /// Whether it is seen only as observed, in every fact that names it.
    pub fn is_observed(&self, node: u32) -> bool {
        let n = &self.nodes[node as usize];
        if n.firm(true).any(|g| self.active(g)) {
            return false;
        }
        n.seen().iter().any(|g| self.active(*g) && self.groups[*g as usize].has(node, Trust::Observed))
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
