//! The resolver: keeps the partition up to date, one event at a time, by evaluating again the component that the event
//! touched. Its answer is always that of the partition function over the facts asserted so far.

use crate::{
    body::{Body, IdentityAct},
    event::{RecordedEvent, Trust},
    identity::{
        born::Born,
        evidence::Evidence,
        partition::{evaluate, is_hub, reach},
        policy::{HUB_MAX, Policy},
        quarantine::is_claim,
        quick::News,
        state::{Birth, Customer, NONE, State, insert_sorted, taking_part},
    },
    ids::{CustomerId, EventId},
    time::Micros,
    token::Token,
};
use smallvec::SmallVec;

/// Identifiers of one fact.
type Set = SmallVec<[(u32, Trust); 4]>;

/// A customer's number inside the resolver; valid until the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerRef(pub(crate) u32);

/// What one event did to one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regrouping {
    /// The customer as it is now; `None` where it is no more.
    pub customer: Option<CustomerRef>,
    /// Its id now, or the id that is no more.
    pub id: CustomerId,
    /// Whether the id was in use before.
    pub existed: bool,
    /// Customers that ended in it.
    pub from: Vec<CustomerId>,
    /// All customers that now hold identifiers it had, itself first; empty if it lost none.
    pub parts: Vec<CustomerId>,
    /// Version of its last change.
    pub version: u64,
}

/// A customer as it was before a settling.
struct Old {
    slot: u32,
    birth: Birth,
    customer: Customer,
}

/// Keeps which identifiers form one customer. See the [module](crate::identity) for the rules.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    pub(crate) policy: Policy,
    pub(crate) state: State,
    /// Sum of the hashes of all customers; the same for the same partition, however it came about.
    pub(crate) digest: u128,
    pub(crate) touched: Vec<u32>,
    pub(crate) news: News,
    /// Something else than new claims came since the last settling.
    pub(crate) beyond_claims: bool,
    /// Identifiers erased since the last settling, with the births they lost.
    pub(crate) forgotten: Vec<(u32, CustomerId)>,
    /// Identifiers whose owners by time may have changed since the last settling, and in it.
    pub(crate) stirred: Vec<u32>,
    pub(crate) stirred_last: Vec<u32>,
}

impl Resolver {
    /// An empty resolver under `policy`.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Number of identifiers known.
    #[must_use]
    pub fn identifiers(&self) -> usize {
        self.state.nodes.len()
    }

    /// Number of customers.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.state.customers.len() - self.state.free.len()
    }

    /// Remembers the births of the event's identifiers. For every event that may touch customers, duplicates and
    /// superseded revisions too.
    pub fn note(&mut self, event: &RecordedEvent) {
        for (ordinal, id) in taking_part(event).iter().enumerate() {
            let birth = Birth {
                recorded_at: event.recorded_at.0,
                event: event.event.id,
                ordinal: ordinal.min(255) as u8,
            };
            let known = self.state.nodes.len();
            let at = event.effective_at().0;
            // What an erasure covers is no birth; the marks count.
            let covered = self.state.find(id.token).is_some_and(|n| self.state.erasures.covers(n, at));
            let bears = if covered { Birth { recorded_at: i64::MAX, ..birth } } else { birth };
            let (node, earlier) = self.state.intern(&self.policy, id, bears);
            let reborn = self.remember_naming(node, at, birth);
            if earlier || reborn {
                if (node as usize) < known {
                    self.beyond_claims = true;
                    self.news = News::Other;
                }
                self.touched.push(node);
            }
        }
    }

    /// A fact's current revision names these identifiers, and the person's birth date: they count from now on.
    /// [`Resolver::note`] comes first.
    pub fn assert(&mut self, ids: &[(Token, Trust)], at: Micros, event: EventId, born: Option<Born>) {
        let (set, lost) = self.named(ids, at.0);
        self.remember_lost(&set, &lost);
        self.each_group(&set, (at.0, event.prefix()), true, born);
    }

    /// The revision is no longer the current one: its identifiers count no more. All as it was asserted.
    pub fn retract(&mut self, ids: &[(Token, Trust)], at: Micros, event: EventId) {
        let (set, _) = self.named(ids, at.0);
        self.each_group(&set, (at.0, event.prefix()), false, None);
    }

    /// The identifiers that are left of an event of this time, and those that it lost to erasures.
    fn named(&self, ids: &[(Token, Trust)], at: i64) -> (Set, SmallVec<[u32; 2]>) {
        let (mut set, mut lost) = (Set::new(), SmallVec::new());
        for (token, trust) in ids {
            match self.state.find(*token) {
                Some(node) if self.state.erasures.covers(node, at) => lost.push(node),
                Some(node) => set.push((node, *trust)),
                None => {}
            }
        }
        (set, lost)
    }

    /// Adds or removes evidence for all groups of one fact's identifiers.
    pub(crate) fn each_group(
        &mut self,
        ids: &[(u32, Trust)],
        evidence: Evidence,
        adds: bool,
        born: Option<Born>,
    ) {
        let is_observed = |(_, trust): &&(u32, Trust)| *trust == Trust::Observed;
        let mut firm: Set = ids.iter().filter(|id| !is_observed(id)).copied().collect();
        let mut observed: SmallVec<[u32; 2]> = ids.iter().filter(is_observed).map(|(n, _)| *n).collect();
        firm.sort_unstable();
        let mut sets: SmallVec<[Set; 2]> = SmallVec::new();
        if firm.is_empty() {
            // No login: one sighting of all of them, so that each is found from the others.
            let mut all: Set = observed.drain(..).map(|node| (node, Trust::Observed)).collect();
            all.sort_unstable();
            all.dedup();
            sets.extend((!all.is_empty()).then_some(all));
        } else {
            sets.push(firm.clone());
        }
        for node in observed {
            let mut set = firm.clone();
            set.push((node, Trust::Observed));
            set.sort_unstable();
            sets.push(set);
        }
        for set in sets {
            let group = self.state.group(&set);
            let was_newest = self.state.newest(group);
            if !self.state.set_evidence(group, evidence, adds) {
                continue;
            }
            let newest = self.state.newest(group);
            let (was_live, live) = (was_newest.is_some(), newest.is_some());
            self.keep_hubs(&set, adds);
            self.stir(&set);
            let firm = set.iter().all(|(_, trust)| *trust != Trust::Observed);
            let dates_changed = match born {
                Some(born) if firm => self.state.add_born(group, born, evidence.1),
                None if !adds => self.state.remove_born(group, evidence.1).is_some_and(|(_, gone)| gone),
                _ => false,
            };
            // Nothing can change for identifiers that stay as they were linked, unless the order of links matters.
            if was_live != live || dates_changed || (newest != was_newest && self.order_matters(&set)) {
                self.beyond_claims |= !(adds && is_claim(set.iter().copied()));
                match live && !was_live && firm && born.is_none() {
                    true => self.news.add(group),
                    false => self.news = News::Other,
                }
                for (node, _) in &set {
                    self.touched.push(*node);
                    // Whoever an operator linked with it is not found from it once nothing names it.
                    self.touched.extend_from_slice(self.state.partners(*node));
                }
            }
        }
    }

    /// Remembers which of these are hubs by now, so that what very many share is not counted through again each time.
    fn keep_hubs(&mut self, set: &Set, adds: bool) {
        if !adds {
            self.state.hubs.clear();
            return;
        }
        for (node, trust) in set {
            let many = self.state.claimed(*node).len() > HUB_MAX;
            if *trust == Trust::Claimed && many && is_hub(&self.state, &self.policy, *node) {
                self.state.hubs.insert(*node);
            }
        }
    }

    /// Whether newer evidence for this set can change who is who: only where a link was refused. Without refusals every order
    /// of links gives the same customers.
    fn order_matters(&self, set: &Set) -> bool {
        let contested = |node: u32| {
            let customer = self.customer_slot(node).and_then(|slot| self.state.customers[slot].as_ref());
            customer.is_none_or(|c| c.contested)
        };
        let login = set.iter().any(|(_, trust)| *trust == Trust::Observed);
        set.len() > 1 && !login && set.iter().any(|(node, _)| contested(*node))
    }

    /// An operator's act. Identifiers that no event has named are remembered, so that order does not matter.
    pub fn act(&mut self, event: &RecordedEvent, act: IdentityAct) {
        // Not a birth: `note` lowers it when an event names the identifier.
        let unborn = Birth { recorded_at: i64::MAX, event: event.event.id, ordinal: 0 };
        let mut nodes: SmallVec<[u32; 2]> = SmallVec::new();
        for id in &event.event.identifiers {
            let node = match self.state.find(id.token) {
                Some(node) => node,
                None => self.state.intern(&self.policy, id, unborn).0,
            };
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        self.beyond_claims = true;
        self.news = News::Other;
        self.state.hubs.clear();
        let newest = (event.effective_at().0, event.event.id);
        match act {
            // It is about days, not about who is who: the identifier's fragment keeps it.
            IdentityAct::Clear => {}
            IdentityAct::Erase => {
                let offers = self.unbind_offers_of(&nodes);
                for (ordinal, id) in event.event.identifiers.iter().enumerate() {
                    let Some(node) = self.state.find(id.token) else { continue };
                    let ordinal = ordinal.min(255) as u8;
                    let recorded_at = event.recorded_at.0;
                    let erasure = Birth { recorded_at, event: event.event.id, ordinal };
                    self.erase(node, event.event.occurred_at.0, erasure);
                }
                offers.into_iter().for_each(|key| self.settle_offer(key));
            }
            IdentityAct::Link | IdentityAct::Unlink => {
                self.act_on_pair(&nodes, (newest.0, newest.1, act == IdentityAct::Link));
            }
            IdentityAct::Block | IdentityAct::Unblock => {
                for node in &nodes {
                    let acts = self.state.blocks.entry(*node).or_default();
                    insert_sorted(acts, (newest.0, newest.1, act == IdentityAct::Block));
                    self.state.nodes[*node as usize].blocked = acts.last().is_some_and(|a| a.2);
                    self.touch_neighbours(*node);
                }
            }
        }
        self.touched.extend(nodes);
    }

    /// Takes back an operator's act that was folded with the time of a later copy of the same event.
    pub fn take_back(&mut self, event: &RecordedEvent, at: Micros) {
        let Body::Identity { act } = event.event.body else { return };
        let nodes: SmallVec<[u32; 2]> =
            event.event.identifiers.iter().filter_map(|i| self.state.find(i.token)).collect();
        let stale = |a: &(i64, EventId, bool)| (a.0, a.1) != (at.0, event.event.id);
        match (act, nodes.as_slice()) {
            (IdentityAct::Link | IdentityAct::Unlink, [a, rest @ ..]) => {
                let Some(b) = rest.iter().find(|b| *b != a) else { return };
                if let Some(acts) = self.state.pairs.get_mut(&(*a.min(b), *a.max(b))) {
                    acts.retain(stale);
                }
            }
            (IdentityAct::Block | IdentityAct::Unblock, nodes) => {
                for node in nodes {
                    if let Some(acts) = self.state.blocks.get_mut(node) {
                        acts.retain(stale);
                    }
                }
            }
            _ => {}
        }
    }

    fn act_on_pair(&mut self, nodes: &[u32], act: (i64, EventId, bool)) {
        let [a, b, ..] = *nodes else { return };
        insert_sorted(self.state.pairs.entry((a.min(b), a.max(b))).or_default(), act);
        for (node, partner) in [(a, b), (b, a)] {
            self.state.add_partner(node, partner);
        }
    }

    /// A blocked identifier is in nobody's reach: its neighbours must be looked at by themselves.
    pub(crate) fn touch_neighbours(&mut self, node: u32) {
        for group in self.state.all(node) {
            self.touched.extend(self.state.ids(*group).map(|(id, _)| id));
        }
        self.touched.extend(self.state.partners(node));
    }

    /// Evaluates what the last calls touched and says which customers changed their identifiers.
    pub fn settle(&mut self) -> Vec<Regrouping> {
        let regroupings = self.settle_touched();
        self.beyond_claims = false;
        self.stirred_last = std::mem::take(&mut self.stirred);
        self.forgotten.clear();
        self.state.forget_births_before();
        regroupings
    }

    fn settle_touched(&mut self) -> Vec<Regrouping> {
        let news = std::mem::take(&mut self.news);
        if self.touched.is_empty() {
            return Vec::new();
        }
        if let Some(regroupings) = self.quick(news) {
            self.touched.clear();
            return regroupings;
        }
        let mut seeds = std::mem::take(&mut self.touched);
        seeds.sort_unstable();
        seeds.dedup();
        if self.nothing_to_do(&seeds) {
            return Vec::new();
        }
        if let Some(fresh) = self.fresh_in_quarantine(&seeds) {
            self.state.quarantined.extend(&fresh);
            let alone = fresh.iter().map(|n| SmallVec::from_slice(&[*n])).collect();
            return self.regroup(&fresh, alone, true);
        }
        let nodes = loop {
            self.with_their_customers(&mut seeds);
            let nodes = reach(&self.state, &self.policy, &seeds);
            let mut wider = nodes.clone();
            self.with_their_customers(&mut wider);
            wider.retain(|n| nodes.binary_search(n).is_err() && seeds.binary_search(n).is_err());
            if wider.is_empty() {
                break nodes;
            }
            seeds.append(&mut wider);
        };
        let partition = evaluate(&self.state, &self.policy, &nodes);
        let decisions = partition.decisions;
        let contested = decisions.iter().any(|d| d.refused.is_some());
        let mut parts = partition.parts;
        for seed in &seeds {
            if nodes.binary_search(seed).is_err() && self.lone_observed(*seed) {
                parts.push(SmallVec::from_slice(&[*seed]));
            }
        }
        let mut all = nodes;
        all.extend(seeds);
        all.sort_unstable();
        all.dedup();
        self.keep_tenancies(&all, &decisions);
        self.keep_quarantine(&all, &partition.quarantined);
        self.regroup(&all, parts, contested)
    }

    /// Adds all members of the customers of `nodes`; sorted, without doubles.
    fn with_their_customers(&self, nodes: &mut Vec<u32>) {
        for at in 0..nodes.len() {
            if let Some(slot) = self.customer_slot(nodes[at]) {
                nodes.extend_from_slice(self.state.customers[slot].as_ref().map_or(&[][..], |c| &c.members));
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
    }

    /// One identifier alone with nobody it could join, already a customer: the commonest case by far.
    fn nothing_to_do(&self, seeds: &[u32]) -> bool {
        let [only] = seeds else { return false };
        let birth = self.state.nodes[*only as usize].birth();
        let Some(slot) = self.customer_slot(*only) else { return false };
        let same_birth = self.state.customers[slot]
            .as_ref()
            .is_some_and(|c| c.members.len() == 1 && self.state.birth_before(c) == birth);
        let alone = self.state.partners(*only).is_empty()
            && self.state.seen(*only).is_empty()
            && self.state.all(*only).len() == 1;
        same_birth && alone && self.state.is_named(*only) && !self.state.dropped(&self.policy, *only)
    }

    pub(crate) fn customer_slot(&self, node: u32) -> Option<usize> {
        let customer = self.state.nodes[node as usize].customer;
        (customer != NONE).then_some(customer as usize)
    }

    /// Observed, in a current fact, and nobody ever logged in with it.
    fn lone_observed(&self, node: u32) -> bool {
        !self.state.dropped(&self.policy, node)
            && self.state.is_observed(node)
            && self.logins(node).next().is_none()
    }

    /// Replaces the customers of `nodes` by `parts` and tells what that did.
    fn regroup(&mut self, nodes: &[u32], parts: Vec<SmallVec<[u32; 4]>>, contested: bool) -> Vec<Regrouping> {
        let mut before: Vec<u32> =
            nodes.iter().filter_map(|n| self.customer_slot(*n)).map(|c| c as u32).collect();
        before.sort_unstable();
        before.dedup();
        let mut old: Vec<Old> = Vec::with_capacity(before.len());
        for slot in before {
            if let Some(customer) = self.state.customers[slot as usize].take() {
                old.push(Old { slot, birth: self.state.birth_before(&customer), customer });
            }
        }
        for node in nodes {
            self.state.nodes[*node as usize].customer = NONE;
        }
        let mut new: Vec<(u32, bool)> = Vec::with_capacity(parts.len());
        let mut kept: SmallVec<[u32; 4]> = SmallVec::new();
        let mut slots: Vec<u32> = old.iter().map(|o| o.slot).collect();
        for members in parts {
            let Some(eldest) = self.state.eldest(&members) else { continue };
            let birth = self.state.nodes[eldest as usize].birth();
            let same = old.iter().find(|o| o.birth.customer() == birth.customer());
            let unchanged = same.is_some_and(|o| o.customer.members == members && o.birth == birth);
            let version = same.map_or(0, |o| o.customer.version);
            let wanted = same.map(|o| o.slot);
            if !unchanged {
                self.digest = self.digest.wrapping_add(self.hash(&members, birth));
                if let Some(was) = same {
                    self.digest = self.digest.wrapping_sub(self.hash(&was.customer.members, was.birth));
                }
            }
            let customer = Customer { members, eldest, version, contested };
            kept.extend(wanted);
            let slot = self.place(customer, wanted, &mut slots);
            new.push((slot, unchanged));
        }
        for gone in old.iter().filter(|o| !kept.contains(&o.slot)) {
            self.digest = self.digest.wrapping_sub(self.hash(&gone.customer.members, gone.birth));
        }
        self.state.free.extend(slots);
        self.tell(&old, &new)
    }

    /// What a customer adds to the digest. Tokens and event ids are hashes themselves; they only have to be mixed.
    pub(crate) fn hash(&self, members: &[u32], birth: Birth) -> u128 {
        let members = members.iter().map(|n| mixed(self.state.nodes[*n as usize].token.as_u128()));
        let sum = members.fold(0, u128::wrapping_add);
        let birth = birth.event.as_u128() ^ u128::from(birth.ordinal);
        mixed(sum ^ mixed(birth).rotate_left(64))
    }

    /// Puts a customer into its old slot if there is one, so that an unchanged customer keeps its number.
    fn place(&mut self, customer: Customer, wanted: Option<u32>, slots: &mut Vec<u32>) -> u32 {
        let members = customer.members.clone();
        let slot = match wanted.and_then(|w| slots.iter().position(|s| *s == w)) {
            Some(at) => {
                let slot = slots.swap_remove(at);
                self.state.customers[slot as usize] = Some(customer);
                slot
            }
            None => self.state.new_customer(customer),
        };
        for node in members {
            self.state.nodes[node as usize].customer = slot;
        }
        slot
    }

    fn tell(&self, old: &[Old], new: &[(u32, bool)]) -> Vec<Regrouping> {
        let get = |slot: u32| self.state.customers[slot as usize].as_ref();
        let id = |c: &Customer| self.state.nodes[c.eldest as usize].birth().customer();
        let id_of = |slot: u32| get(slot).map(id);
        let holds = |slot: u32, token: &dyn Fn(u32) -> bool| {
            get(slot).is_some_and(|c| c.members.iter().any(|n| token(*n)))
        };
        // Who holds the identifier that gave the birth, else (it was blocked or corrected away) any of the others.
        let holder = |old: &Old| {
            let births = |n: u32| self.state.nodes[n as usize].birth().customer() == old.birth.customer();
            let any = |n: u32| old.customer.members.contains(&n) && !self.is_forgotten(n);
            let slots = || new.iter().map(|(slot, _)| *slot);
            slots().find(|s| holds(*s, &births)).or_else(|| slots().find(|s| holds(*s, &any)))
        };
        let mut out = Vec::new();
        for (slot, unchanged) in new {
            let (Some(customer), false) = (get(*slot), *unchanged) else { continue };
            let id = id(customer);
            let ended = |o: &&Old| {
                o.birth.customer() != id && !new.iter().any(|n| id_of(n.0) == Some(o.birth.customer()))
            };
            let from: Vec<CustomerId> = old
                .iter()
                .filter(ended)
                .filter(|o| holder(o) == Some(*slot))
                .map(|o| o.birth.customer())
                .collect();
            let was = old.iter().find(|o| o.birth.customer() == id);
            let mut parts = Vec::new();
            if let Some(was) = was {
                let mut held: Vec<CustomerId> = was
                    .customer
                    .members
                    .iter()
                    .filter(|n| !self.is_forgotten(**n))
                    .filter_map(|n| self.customer_slot(*n))
                    .filter_map(|slot| id_of(slot as u32))
                    .filter(|other| *other != id)
                    .collect();
                held.sort_unstable();
                held.dedup();
                if !held.is_empty() {
                    parts.push(id);
                    parts.extend(held);
                }
            }
            let (version, existed) = (customer.version, was.is_some());
            out.push(Regrouping { customer: Some(CustomerRef(*slot)), id, existed, from, parts, version });
        }
        for gone in old {
            let id = gone.birth.customer();
            let replaced = new.iter().any(|n| id_of(n.0) == Some(id)) || holder(gone).is_some();
            if !replaced {
                let births = self.forgotten.iter().filter(|(n, _)| gone.customer.members.contains(n));
                let from = births.map(|(_, birth)| *birth).filter(|birth| *birth != id).collect();
                let (parts, version) = (Vec::new(), gone.customer.version);
                out.push(Regrouping { customer: None, id, existed: true, from, parts, version });
            }
        }
        out
    }
}

/// A permutation of 128-bit numbers without visible pattern: three rounds of multiplying and folding the upper half in.
fn mixed(mut number: u128) -> u128 {
    for _ in 0..3 {
        number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        number ^= number >> 67;
    }
    number
}
