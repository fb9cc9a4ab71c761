//! Steps 2 and 3: which identifiers join, level by level, and which links are refused.

use super::{
    Reason, Refusal,
    dates::Dates,
    facts::{Facts, Node},
    links::{Link, Links},
};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    event::Trust,
    identity::policy::{HUB_MAX, Policy},
    token::Token,
};

/// A partition of the identifiers that can join.
pub type Parts = Vec<BTreeSet<Token>>;

/// What the levels give.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The customers' identifiers, observed ones excluded.
    pub parts: Parts,
    /// Links that were not taken.
    pub refused: BTreeSet<Refusal>,
    /// Identifiers that are shared.
    pub shared: BTreeSet<Token>,
    /// Pairs whose verified link was refused by the limit of a unique type.
    pub apart: BTreeSet<(Token, Token)>,
    /// Pairs that a birth date joined beside a mixed value.
    pub matched: BTreeSet<(Token, Token)>,
    /// Identifiers of components with too many links.
    pub quarantined: BTreeSet<Token>,
}

/// The place of the part that holds this identifier.
#[must_use]
pub fn part_of(parts: &Parts, token: Token) -> Option<usize> {
    parts.iter().position(|part| part.contains(&token))
}

impl Resolved {
    /// Takes the links, level by level.
    #[must_use]
    pub fn of(facts: &Facts, links: &Links, policy: &Policy) -> Self {
        let mut rules = Rules { facts, links, policy, dates: Dates::default(), hubs: BTreeSet::new() };
        rules.hubs =
            rules.partners().into_iter().filter(|(_, p)| p.len() > HUB_MAX).map(|(t, _)| t).collect();
        rules.dates = Dates::of(facts, &rules.hubs, policy);
        let joinable = facts.nodes.keys().filter(|t| !facts.is_observed(**t));
        let mut parts: Parts = joinable.map(|t| BTreeSet::from([*t])).collect();
        let mut refused = BTreeSet::new();
        let mut apart = BTreeSet::new();
        for link in links.operator.iter().chain(&links.verified) {
            if let Err(reason) = rules.take(link, &mut parts, false) {
                refused.insert((link.small.0, link.large.0, reason));
                if reason == Reason::Unique && links.verified.contains(link) {
                    apart.insert((link.small.0, link.large.0));
                }
            }
        }
        let v_components = parts.clone();
        let shared = rules.shared(&v_components);
        let quarantined = rules.quarantined();
        for link in &links.claimed {
            let held = quarantined.contains(&link.small.0) && quarantined.contains(&link.large.0);
            let calm = if held && !rules.on_a_hub(link) { Err(Reason::Quarantined) } else { Ok(()) };
            let taken = calm
                .and_then(|()| rules.may_claim(link, &v_components, &shared))
                .and_then(|()| rules.take(link, &mut parts, true));
            if let Err(reason) = taken {
                refused.insert((link.small.0, link.large.0, reason));
            }
        }
        let mut matched = BTreeSet::new();
        let unproven = |t: Token| facts.nodes[&t].trust != Trust::Verified && !shared.contains(&t);
        for link in rules.dates.matched(facts, policy, unproven) {
            let held = quarantined.contains(&link.small.0) && quarantined.contains(&link.large.0);
            let taken = if held { Err(Reason::Quarantined) } else { rules.take(&link, &mut parts, true) };
            match taken {
                Ok(()) => matched.insert((link.small.0, link.large.0)),
                Err(reason) => refused.insert((link.small.0, link.large.0, reason)),
            };
        }
        Self { parts, refused, shared, apart, matched, quarantined }
    }
}

struct Rules<'a> {
    facts: &'a Facts,
    links: &'a Links,
    policy: &'a Policy,
    dates: Dates,
    hubs: BTreeSet<Token>,
}

impl Rules<'_> {
    fn node(&self, token: Token) -> &Node {
        &self.facts.nodes[&token]
    }

    /// Joins the ends' parts, unless the customer that makes would break a limit or hold a cannot-link pair, or a claim would
    /// join two birth dates.
    fn take(&self, link: &Link, parts: &mut Parts, by_claim: bool) -> Result<(), Reason> {
        let (Some(a), Some(b)) = (part_of(parts, link.small.0), part_of(parts, link.large.0)) else {
            return Ok(());
        };
        if a == b {
            return Ok(());
        }
        let joined: BTreeSet<Token> = parts[a].union(&parts[b]).copied().collect();
        if self.links.cannot.iter().any(|(x, y)| joined.contains(x) && joined.contains(y)) {
            return Err(Reason::CannotLink);
        }
        self.within_limits(&joined)?;
        let [of_a, of_b] = [&parts[a], &parts[b]].map(|part| self.dates.of_customer(part));
        if by_claim && !of_a.is_empty() && !of_b.is_empty() && of_a.is_disjoint(&of_b) {
            return Err(Reason::BirthDate);
        }
        parts[a] = joined;
        parts.remove(b);
        Ok(())
    }

    fn within_limits(&self, customer: &BTreeSet<Token>) -> Result<(), Reason> {
        let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for token in customer {
            let node = self.node(*token);
            let scope = if self.policy.of(&node.kind).per_scope { node.scope.as_str() } else { "" };
            *counts.entry((&node.kind, scope)).or_default() += 1;
        }
        let broken = counts.iter().filter(|((kind, _), count)| **count > self.policy.of(kind).max);
        let mut largest = broken.map(|((kind, _), _)| self.policy.of(kind).max);
        if largest.clone().any(|max| max == 1) {
            return Err(Reason::Unique);
        }
        let many = customer.len() > self.policy.max_identifiers as usize;
        if many || largest.next().is_some() { Err(Reason::Limit) } else { Ok(()) }
    }

    /// How many others claim this identifier is named beside.
    fn partners(&self) -> BTreeMap<Token, BTreeSet<Token>> {
        let mut partners: BTreeMap<Token, BTreeSet<Token>> = BTreeMap::new();
        for link in &self.links.claimed {
            for (end, other) in ends(link) {
                if end.1 == Trust::Claimed {
                    partners.entry(end.0).or_default().insert(other.0);
                }
            }
        }
        partners
    }

    /// Whether the link claims an identifier that too many others claim.
    fn on_a_hub(&self, link: &Link) -> bool {
        let hub = |end: (Token, Trust)| end.1 == Trust::Claimed && self.hubs.contains(&end.0);
        hub(link.small) || hub(link.large)
    }

    /// Identifiers of raw components with too many links.
    fn quarantined(&self) -> BTreeSet<Token> {
        let all = self.links.operator.iter().chain(&self.links.verified).chain(&self.links.claimed);
        if all.clone().count() <= self.policy.quarantine_links as usize {
            return BTreeSet::new();
        }
        let links: Vec<&Link> = all.filter(|link| !self.on_a_hub(link)).collect();
        let mut raw: Parts = self.facts.nodes.keys().map(|t| BTreeSet::from([*t])).collect();
        for link in &links {
            let (Some(a), Some(b)) = (part_of(&raw, link.small.0), part_of(&raw, link.large.0)) else {
                continue;
            };
            if a != b {
                let joined = raw[a].union(&raw[b]).copied().collect();
                raw[a] = joined;
                raw.remove(b);
            }
        }
        let count = |part: &BTreeSet<Token>| links.iter().filter(|l| part.contains(&l.small.0)).count();
        raw.retain(|part| count(part) > self.policy.quarantine_links as usize);
        raw.into_iter().flatten().collect()
    }

    fn is_anchored(&self, part: &BTreeSet<Token>) -> bool {
        part.iter().any(|token| {
            let node = self.node(*token);
            let policy = self.policy.of(&node.kind);
            policy.anchor_when_claimed || (policy.anchor && node.trust == Trust::Verified)
        })
    }

    /// Identifiers that too many different customers or partners claim.
    fn shared(&self, v_components: &Parts) -> BTreeSet<Token> {
        let partners = self.partners();
        let is_shared = |token: Token, partners: &BTreeSet<Token>| {
            let own = part_of(v_components, token);
            let claimants: BTreeSet<Option<usize>> = partners
                .iter()
                .map(|p| part_of(v_components, *p))
                .filter(|part| *part != own && part.is_some_and(|at| self.is_anchored(&v_components[at])))
                .collect();
            claimants.len() > self.policy.fanout_cap as usize || partners.len() > HUB_MAX
        };
        partners.iter().filter(|(token, p)| is_shared(**token, p)).map(|(token, _)| *token).collect()
    }

    fn may_claim(&self, link: &Link, v_components: &Parts, shared: &BTreeSet<Token>) -> Result<(), Reason> {
        for (end, other) in ends(link) {
            if end.1 != Trust::Claimed {
                continue;
            }
            let verified = self.node(end.0).trust == Trust::Verified;
            if verified && part_of(v_components, end.0) != part_of(v_components, other.0) {
                return Err(Reason::VerifiedElsewhere);
            }
            if shared.contains(&end.0) {
                return Err(Reason::Shared);
            }
            if self.dates.mixed.contains(&end.0) {
                return Err(Reason::BirthDate);
            }
        }
        Ok(())
    }
}

/// Each end with its other, the smaller token first.
fn ends(link: &Link) -> [((Token, Trust), (Token, Trust)); 2] {
    [(link.small, link.large), (link.large, link.small)]
}
