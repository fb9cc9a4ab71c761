//! Levels 1 and 2 of the partition function for a set of identifiers that may be connected: which of them form one
//! customer, and which links were refused and why. The function is pure; the same state gives the same answer.

use crate::{
    event::Trust,
    identity::{
        born::Born,
        evidence::Evidence,
        policy::{HUB_MAX, Policy},
        state::{Kind, State},
    },
    ids::EventId,
    token::Token,
};
use serde::Serialize;
use smallvec::SmallVec;
use std::{cmp::Reverse, collections::HashMap, collections::HashSet};

/// Where a link comes from; earlier ones are taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// An operator said so.
    Operator,
    /// Both ends verified in one fact.
    Verified,
    /// At least one end typed by somebody.
    Claimed,
    /// Both named beside one value that several people use, with one birth date.
    Matched,
}

/// Why a link was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// An operator said that two identifiers do not belong together.
    CannotLink,
    /// The customer would have two identifiers of a type of which there is one each: of two verified ones the newer counts.
    Unique,
    /// The customer would have too many identifiers, of one type or in all.
    Limit,
    /// The claimed identifier is verified on another customer.
    VerifiedElsewhere,
    /// The claimed identifier is claimed by several customers.
    Shared,
    /// The customers' birth dates differ, or the claimed identifier was claimed with several.
    BirthDate,
    /// So many links hang together that no claim among them is believed.
    Quarantined,
}

/// A link as the evaluation saw it.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub tier: Tier,
    pub ends: (u32, u32),
    pub newest: Evidence,
    /// `None` = taken.
    pub refused: Option<Refusal>,
}

/// One evaluation's answer.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// Customers; each list sorted.
    pub parts: Vec<SmallVec<[u32; 4]>>,
    /// All links in the order they were looked at.
    pub decisions: Vec<Decision>,
    /// Identifiers of components with too many links.
    pub quarantined: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    tier: Tier,
    ranks: (u32, u32),
    newest: Evidence,
    tokens: (Token, Token),
    /// Ends in order of their tokens, and what each was believed.
    pub(super) ends: (u32, u32),
    trusts: (Trust, Trust),
}

impl Link {
    pub(super) fn order(&self) -> impl Ord + use<> {
        (self.tier, self.ranks, Reverse(self.newest.0), self.newest.1, self.tokens, self.trusts.0)
    }
}

/// All identifiers that may share a customer with `seeds`, sorted. Observed and dropped ones are never in it.
pub(crate) fn reach(state: &State, policy: &Policy, seeds: &[u32]) -> Vec<u32> {
    let takes_part = |n: u32| !state.dropped(policy, n) && state.is_named(n) && !state.is_observed(n);
    let mut found: Vec<u32> = Vec::with_capacity(seeds.len());
    let mut known: HashSet<u32, foldhash::fast::FixedState> = HashSet::default();
    for seed in seeds {
        if known.insert(*seed) && takes_part(*seed) {
            found.push(*seed);
        }
    }
    let mut at = 0;
    while at < found.len() {
        let node = found[at];
        at += 1;
        for_each_partner(state, policy, node, |partner| {
            if known.insert(partner) && takes_part(partner) {
                found.push(partner);
            }
        });
    }
    found.sort_unstable();
    found
}

/// Calls `f` for each identifier that a link not refused outright connects with `node`.
fn for_each_partner(state: &State, policy: &Policy, node: u32, mut f: impl FnMut(u32)) {
    let skip_claims = is_hub(state, policy, node);
    for group in state.firm(node, !skip_claims) {
        if !state.active(group) {
            continue;
        }
        for (partner, trust) in state.ids(group).filter(|(partner, _)| *partner != node) {
            let far_hub = trust == Trust::Claimed && is_hub(state, policy, partner);
            if !far_hub {
                f(partner);
            }
        }
    }
    for partner in state.partners(node) {
        if operator_link(state, node, *partner).is_some() {
            f(*partner);
        }
    }
}

/// Whether the identifier is claimed beside more than [`HUB_MAX`] others: then it is shared without a closer look.
pub(crate) fn is_hub(state: &State, policy: &Policy, node: u32) -> bool {
    if state.hubs.contains(&node) {
        return true;
    }
    // A group has at most 20 identifiers; a few groups cannot reach the limit.
    if state.claimed(node).len() * (crate::draft::IDENTIFIERS_MAX - 1) <= HUB_MAX {
        return false;
    }
    let mut partners: SmallVec<[u32; 2 * HUB_MAX]> = SmallVec::new();
    for group in state.claimed(node) {
        if !state.active(*group) {
            continue;
        }
        for (partner, _) in state.ids(*group) {
            if partner != node && !partners.contains(&partner) && !state.dropped(policy, partner) {
                partners.push(partner);
                if partners.len() > HUB_MAX {
                    return true;
                }
            }
        }
    }
    false
}

/// Birth dates that current facts give to an identifier; none to a hub, whose facts are not looked through.
fn dates(state: &State, policy: &Policy, node: u32) -> SmallVec<[Born; 2]> {
    let mut dates = SmallVec::new();
    if !is_hub(state, policy, node) {
        dates.extend(state.firm(node, true).flat_map(|g| state.born_of(g)));
        dates.sort_unstable();
        dates.dedup();
    }
    dates
}

fn pair(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

/// The newest act on the pair, if it is a link.
pub(super) fn operator_link(state: &State, a: u32, b: u32) -> Option<Evidence> {
    newest_act(state, a, b).filter(|act| act.2).map(|act| (act.0, act.1.prefix()))
}

fn cannot_link(state: &State, a: u32, b: u32) -> bool {
    newest_act(state, a, b).is_some_and(|act| !act.2)
}

/// The newest act on the pair, unless one of the two was erased since.
fn newest_act(state: &State, a: u32, b: u32) -> Option<(i64, EventId, bool)> {
    let act = *state.pairs.get(&pair(a, b))?.last()?;
    let erased = |node| state.erasures.covers(node, act.0);
    (!erased(a) && !erased(b)).then_some(act)
}

/// The partition of `nodes`, which must be closed under [`reach`].
pub(crate) fn evaluate(state: &State, policy: &Policy, nodes: &[u32]) -> Partition {
    if let [only] = nodes {
        let mut lone = Partition::default();
        lone.parts.push(SmallVec::from_slice(&[*only]));
        if state.claimed(*only).len() <= 1 && state.partners(*only).is_empty() {
            return lone;
        }
    }
    let mut links = links(state, policy, nodes);
    links.sort_unstable_by_key(|link| link.order());
    let mut join = Joining::new(state, policy, nodes);
    let mut decisions = Vec::with_capacity(links.len());
    let quarantine = Quarantine::of(&join, &links);
    let level_2 = links.partition_point(|l| l.tier != Tier::Claimed);
    for link in &links[..level_2] {
        let refused = join.take(link.ends, false);
        decisions.push(Decision { tier: link.tier, ends: link.ends, newest: link.newest, refused });
    }
    if level_2 < links.len() {
        let claims = Claims::of(&join, &links[level_2..]);
        for link in &links[level_2..] {
            let refused = quarantine
                .refuse(&join, link)
                .or_else(|| claims.refuse(&join, link))
                .or_else(|| join.take(link.ends, true));
            decisions.push(Decision { tier: link.tier, ends: link.ends, newest: link.newest, refused });
        }
        for link in claims.matched(&join) {
            let refused = quarantine.refuse(&join, &link).or_else(|| join.take(link.ends, true));
            let (tier, ends, newest) = (link.tier, link.ends, link.newest);
            decisions.push(Decision { tier, ends, newest, refused });
        }
    }
    let quarantined = quarantine.nodes(&join);
    Partition { parts: join.parts(), decisions, quarantined }
}

fn links(state: &State, policy: &Policy, nodes: &[u32]) -> Vec<Link> {
    let mut groups: SmallVec<[u32; 16]> = SmallVec::new();
    for node in nodes {
        groups.extend(state.firm(*node, !is_hub(state, policy, *node)));
    }
    groups.sort_unstable();
    groups.dedup();
    let mut links: Vec<Link> = Vec::new();
    for group in groups {
        let Some(newest) = state.newest(group) else { continue };
        let counts = |end: &(u32, Trust)| {
            let claimed_hub = end.1 == Trust::Claimed && is_hub(state, policy, end.0);
            !claimed_hub && nodes.binary_search(&end.0).is_ok()
        };
        let ends: SmallVec<[(u32, Trust); 4]> = state.ids(group).filter(counts).collect();
        for (i, a) in ends.iter().enumerate() {
            for b in &ends[i + 1..] {
                let tier = if a.1.min(b.1) == Trust::Verified { Tier::Verified } else { Tier::Claimed };
                links.push(link(state, tier, *a, *b, newest));
            }
        }
    }
    merge(&mut links);
    links.extend(operator_links(state, nodes));
    links
}

/// The links that operators said between these nodes.
pub(super) fn operator_links(state: &State, nodes: &[u32]) -> Vec<Link> {
    let mut links = Vec::new();
    for node in nodes {
        for partner in state.partners(*node).iter().filter(|p| *p > node) {
            if let Some(newest) = operator_link(state, *node, *partner)
                && nodes.binary_search(partner).is_ok()
            {
                let (a, b) = ((*node, Trust::Verified), (*partner, Trust::Verified));
                links.push(link(state, Tier::Operator, a, b, newest));
            }
        }
    }
    links
}

pub(super) fn link(state: &State, tier: Tier, a: (u32, Trust), b: (u32, Trust), newest: Evidence) -> Link {
    let token = |n: u32| state.nodes[n as usize].token;
    let rank = |n: u32| state.kind_of(n).rank;
    let (a, b) = if token(a.0) <= token(b.0) { (a, b) } else { (b, a) };
    let ranks = (rank(a.0).min(rank(b.0)), rank(a.0).max(rank(b.0)));
    Link { tier, ranks, newest, tokens: (token(a.0), token(b.0)), ends: (a.0, b.0), trusts: (a.1, b.1) }
}

/// The same pair with the same trusts is one link; its newest evidence counts.
fn merge(links: &mut Vec<Link>) {
    links.sort_unstable_by_key(|l| (l.ends, l.trusts, Reverse(l.newest)));
    links.dedup_by_key(|l| (l.ends, l.trusts));
}

/// Components with too many links.
struct Quarantine {
    /// Raw component of each node's index, and of each component how many links; empty where there cannot be enough.
    component: Vec<usize>,
    links: Vec<u32>,
    most: u32,
}

impl Quarantine {
    fn of(join: &Joining<'_>, links: &[Link]) -> Self {
        let most = join.policy.quarantine_links;
        if links.len() <= most as usize {
            return Self { component: Vec::new(), links: Vec::new(), most };
        }
        let mut parent: Vec<usize> = (0..join.nodes.len()).collect();
        for link in links {
            let (a, b) = (join.index(link.ends.0), join.index(link.ends.1));
            let (a, b) = (root(&mut parent, a), root(&mut parent, b));
            parent[a.max(b)] = a.min(b);
        }
        let component: Vec<usize> = (0..parent.len()).map(|i| root(&mut parent, i)).collect();
        let mut counts = vec![0; component.len()];
        links.iter().for_each(|l| counts[component[join.index(l.ends.0)]] += 1);
        Self { component, links: counts, most }
    }

    fn refuse(&self, join: &Joining<'_>, link: &Link) -> Option<Refusal> {
        let component = *self.component.get(join.index(link.ends.0))?;
        (self.links[component] > self.most).then_some(Refusal::Quarantined)
    }

    fn nodes(&self, join: &Joining<'_>) -> Vec<u32> {
        let nodes = join.nodes.iter().zip(&self.component);
        nodes.filter(|(_, c)| self.links[**c] > self.most).map(|(n, _)| *n).collect()
    }
}

/// The root of a node, which its path is shortened to.
fn root(parent: &mut [usize], mut index: usize) -> usize {
    while parent[index] != index {
        parent[index] = parent[parent[index]];
        index = parent[index];
    }
    index
}

/// Which claimed identifiers are shared or verified elsewhere, judged once between level 1 and level 2.
struct Claims {
    /// V-component of each node's index.
    component: Vec<usize>,
    verified: Vec<bool>,
    shared: Vec<bool>,
}

impl Claims {
    fn of(join: &Joining<'_>, links: &[Link]) -> Self {
        let count = join.nodes.len();
        let component: Vec<usize> = (0..count).map(|i| join.root(i)).collect();
        let verified: Vec<bool> = join.nodes.iter().map(|n| join.state.is_verified(*n)).collect();
        let mut anchored = vec![false; count];
        for index in 0..count {
            let kind: &Kind = join.state.kind_of(join.nodes[index]);
            if kind.anchor && (kind.anchor_when_claimed || verified[index]) {
                anchored[component[index]] = true;
            }
        }
        let mut claimants: HashMap<usize, SmallVec<[usize; 4]>, foldhash::fast::FixedState> =
            HashMap::default();
        for link in links {
            let (a, b) = (join.index(link.ends.0), join.index(link.ends.1));
            for (end, trust, other) in [(a, link.trusts.0, b), (b, link.trusts.1, a)] {
                let by = component[other];
                if trust == Trust::Claimed && anchored[by] && by != component[end] {
                    let known = claimants.entry(end).or_default();
                    if !known.contains(&by) {
                        known.push(by);
                    }
                }
            }
        }
        let mut shared = vec![false; count];
        for (end, by) in claimants {
            shared[end] = by.len() > join.policy.fanout_cap as usize;
        }
        Self { component, verified, shared }
    }

    fn refuse(&self, join: &Joining<'_>, link: &Link) -> Option<Refusal> {
        let (a, b) = (join.index(link.ends.0), join.index(link.ends.1));
        for (end, trust, other) in [(a, link.trusts.0, b), (b, link.trusts.1, a)] {
            if trust != Trust::Claimed {
                continue;
            }
            if self.verified[end] && self.component[end] != self.component[other] {
                return Some(Refusal::VerifiedElsewhere);
            }
            if self.shared[end] {
                return Some(Refusal::Shared);
            }
            if join.mixed[end] {
                return Some(Refusal::BirthDate);
            }
        }
        None
    }
}

impl Claims {
    /// Links between identifiers that stand beside one mixed value with one birth date, in their order.
    fn matched(&self, join: &Joining<'_>) -> Vec<Link> {
        let (state, mut links) = (join.state, Vec::new());
        for (at, x) in join.nodes.iter().enumerate().filter(|(at, _)| join.mixed[*at]) {
            let mut beside: SmallVec<[(Born, u32, Evidence); 8]> = SmallVec::new();
            for group in state.claimed(*x) {
                let Some(newest) = state.newest(*group) else { continue };
                for (partner, trust) in state.ids(*group) {
                    let index = join.nodes.binary_search(&partner);
                    if index.is_ok_and(|p| p != at && self.counts(join, p, trust)) {
                        beside.extend(state.born_of(*group).map(|born| (born, partner, newest)));
                    }
                }
            }
            let strength = |n: u32| (state.kind_of(n).rank, state.nodes[n as usize].token);
            beside.sort_unstable_by_key(|(born, n, newest)| (*born, strength(*n), Reverse(*newest)));
            beside.dedup_by_key(|(born, n, _)| (*born, *n));
            for of_one_date in beside.chunk_by(|a, b| a.0 == b.0) {
                let end = |n: u32| (n, Trust::Claimed);
                let first = end(of_one_date[0].1);
                let others = of_one_date[1..].iter();
                links.extend(others.map(|o| link(state, Tier::Matched, first, end(o.1), o.2)));
            }
        }
        links.sort_unstable_by_key(|l| (l.ranks, l.tokens, Reverse(l.newest)));
        links.dedup_by_key(|l| l.ends);
        links
    }

    /// Whether an identifier of this trust in a fact counts for a match.
    fn counts(&self, join: &Joining<'_>, index: usize, trust: Trust) -> bool {
        let free = || {
            let hub = is_hub(join.state, join.policy, join.nodes[index]);
            !self.verified[index] && !self.shared[index] && !hub
        };
        !join.mixed[index] && (trust == Trust::Verified || free())
    }
}

/// Customers under construction.
pub(super) struct Joining<'a> {
    state: &'a State,
    policy: &'a Policy,
    nodes: &'a [u32],
    parent: Vec<usize>,
    /// Of each root: how many identifiers of each class.
    classes: Vec<SmallVec<[(u32, u32); 6]>>,
    size: Vec<u32>,
    /// Pairs of indices that may not meet.
    pub(super) cannot: Vec<(usize, usize)>,
    /// Of each root: birth dates of its identifiers that are not mixed.
    born: Vec<SmallVec<[Born; 2]>>,
    /// Of each index: whether facts give it several birth dates, though it is one person's at a time.
    mixed: Vec<bool>,
}

impl<'a> Joining<'a> {
    pub(super) fn new(state: &'a State, policy: &'a Policy, nodes: &'a [u32]) -> Self {
        let mut cannot = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            for partner in state.partners(*node).iter().filter(|p| *p > node) {
                if let Ok(other) = nodes.binary_search(partner)
                    && cannot_link(state, *node, *partner)
                {
                    cannot.push((index, other));
                }
            }
        }
        let classes = nodes.iter().map(|n| SmallVec::from_slice(&[(state.kind_of(*n).class, 1)])).collect();
        let (parent, size) = ((0..nodes.len()).collect(), vec![1; nodes.len()]);
        let mut born: Vec<SmallVec<[Born; 2]>> = vec![SmallVec::new(); nodes.len()];
        let mut mixed = vec![false; nodes.len()];
        if policy.birth_dates && !state.born.is_empty() {
            for (index, node) in nodes.iter().enumerate() {
                born[index] = dates(state, policy, *node);
                mixed[index] = born[index].len() > 1 && state.kind_of(*node).transferable;
                if mixed[index] {
                    born[index].clear();
                }
            }
        }
        Self { state, policy, nodes, parent, classes, size, cannot, born, mixed }
    }

    pub(super) fn index(&self, node: u32) -> usize {
        self.nodes.binary_search(&node).unwrap_or_default()
    }

    fn root(&self, mut index: usize) -> usize {
        while self.parent[index] != index {
            index = self.parent[index];
        }
        index
    }

    /// Joins the customers of both ends, or says why not. `by_claim`: their birth dates must agree.
    pub(super) fn take(&mut self, ends: (u32, u32), by_claim: bool) -> Option<Refusal> {
        let (mut a, mut b) = (self.root(self.index(ends.0)), self.root(self.index(ends.1)));
        if a == b {
            return None;
        }
        let meets = |p: &(usize, usize)| pair_of(self.root(p.0), self.root(p.1)) == pair_of(a, b);
        if self.cannot.iter().any(meets) {
            return Some(Refusal::CannotLink);
        }
        if let Some(refused) = self.too_many(a, b) {
            return Some(refused);
        }
        let differ =
            |a: &[Born], b: &[Born]| !a.is_empty() && !b.is_empty() && !a.iter().any(|d| b.contains(d));
        if by_claim && differ(&self.born[a], &self.born[b]) {
            return Some(Refusal::BirthDate);
        }
        if self.size[a] < self.size[b] {
            (a, b) = (b, a);
        }
        self.parent[b] = a;
        self.size[a] += self.size[b];
        for born in std::mem::take(&mut self.born[b]) {
            if !self.born[a].contains(&born) {
                self.born[a].push(born);
            }
        }
        for (class, count) in std::mem::take(&mut self.classes[b]) {
            match self.classes[a].iter_mut().find(|c| c.0 == class) {
                Some(known) => known.1 += count,
                None => self.classes[a].push((class, count)),
            }
        }
        None
    }

    /// Whether the customer of both roots would have too many identifiers.
    fn too_many(&self, a: usize, b: usize) -> Option<Refusal> {
        let mut refused =
            (self.size[a] + self.size[b] > self.policy.max_identifiers).then_some(Refusal::Limit);
        for (class, count) in &self.classes[b] {
            let with = self.classes[a].iter().find(|c| c.0 == *class).map_or(0, |c| c.1);
            let max = self.state.kinds[*class as usize].max;
            if with > 0 && max == 1 {
                return Some(Refusal::Unique);
            }
            if with + count > max {
                refused = Some(Refusal::Limit);
            }
        }
        refused
    }

    fn parts(&self) -> Vec<SmallVec<[u32; 4]>> {
        let mut at_root: Vec<Option<usize>> = vec![None; self.nodes.len()];
        let mut parts: Vec<SmallVec<[u32; 4]>> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let root = self.root(index);
            let part = *at_root[root].get_or_insert_with(|| {
                parts.push(SmallVec::new());
                parts.len() - 1
            });
            parts[part].push(*node);
        }
        parts
    }
}

fn pair_of(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}
