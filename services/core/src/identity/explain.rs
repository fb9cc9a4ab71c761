//! Why one customer is one: every link in the order it was looked at, taken or refused, with its evidence.

use super::{
    partition::{Refusal, Tier, evaluate, reach},
    resolver::{CustomerRef, Resolver},
};
use crate::{
    event::Trust,
    ids::{CustomerId, EventId, EventPrefix},
    time::Micros,
    token::Token,
};

/// Links told of one customer at most; a runaway component is not worth more.
pub const LINKS_MAX: usize = 1_000;

/// One link, taken or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStory {
    /// Where it comes from.
    pub tier: Tier,
    /// Its ends.
    pub ends: (Token, Token),
    /// The customers of the ends, if they are others than the one asked for.
    pub customers: (Option<CustomerId>, Option<CustomerId>),
    /// Newest evidence.
    pub event: EventPrefix,
    /// Its time.
    pub at: Micros,
    /// `None` = taken.
    pub refused: Option<Refusal>,
}

impl LinkStory {
    /// Whether it was refused and its ends really stand with different customers: other links may have joined them.
    #[must_use]
    pub fn keeps_apart(&self) -> bool {
        self.refused.is_some() && (self.customers.0.is_some() || self.customers.1.is_some())
    }
}

/// What is known of one identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifierStory {
    /// Its token.
    pub token: Token,
    /// Type.
    pub kind: String,
    /// Scope.
    pub scope: String,
    /// The most trust among current facts.
    pub trust: Trust,
    /// Where its value can be read: the event that named it first, and its place there.
    pub birth: (EventId, u8),
    /// First and newest evidence.
    pub first: (Micros, EventPrefix),
    /// See `first`.
    pub newest: (Micros, EventPrefix),
    /// Number of current facts that name it.
    pub count: u64,
    /// It stands with more than one customer, or is refused somewhere.
    pub shared: bool,
    /// It is this customer's own; otherwise only a contact (claimed, or seen with).
    pub own: bool,
    /// It belonged to this customer once and moved on.
    pub past: bool,
}

impl Resolver {
    /// Every link that touches this customer, in the order it was looked at.
    #[must_use]
    pub fn links(&self, customer: CustomerRef) -> Vec<LinkStory> {
        let Some(members) = self.slot(customer).map(|c| c.members.clone()) else { return Vec::new() };
        let nodes = reach(&self.state, &self.policy, &members);
        let token = |n: u32| self.state.nodes[n as usize].token;
        let other = |n: u32| {
            let slot = self.state.nodes[n as usize].customer;
            let id = self.id(CustomerRef(slot));
            id.filter(|_| slot != customer.0)
        };
        let decisions = evaluate(&self.state, &self.policy, &nodes).decisions.into_iter();
        decisions
            .filter(|d| members.contains(&d.ends.0) || members.contains(&d.ends.1))
            .take(LINKS_MAX)
            .map(|d| LinkStory {
                tier: d.tier,
                ends: (token(d.ends.0), token(d.ends.1)),
                customers: (other(d.ends.0), other(d.ends.1)),
                event: d.newest.1,
                at: Micros(d.newest.0),
                refused: d.refused,
            })
            .collect()
    }

    /// The customer's own identifiers, then those it only claims or was seen with. `links` are the customer's own, from
    /// [`Resolver::links`].
    #[must_use]
    pub fn stories(&self, customer: CustomerRef, links: &[LinkStory]) -> Vec<IdentifierStory> {
        let Some(members) = self.slot(customer).map(|c| c.members.clone()) else { return Vec::new() };
        let mut contacts: Vec<u32> = Vec::new();
        for link in links.iter().filter(|l| l.refused.is_some()) {
            contacts.extend([link.ends.0, link.ends.1].iter().filter_map(|t| self.state.find(*t)));
        }
        contacts.extend(members.iter().flat_map(|n| self.seen_with(*n)));
        contacts.extend(self.past_nodes(customer));
        contacts.sort_unstable();
        contacts.dedup();
        contacts.retain(|n| !members.contains(n));
        let own = members.iter().map(|n| (*n, true));
        let all = own.chain(contacts.into_iter().take(LINKS_MAX).map(|n| (n, false)));
        all.filter_map(|(node, own)| self.story(node, own, links, customer)).collect()
    }

    /// Observed identifiers that a customer's own one logged in with.
    pub(crate) fn seen_with(&self, node: u32) -> Vec<u32> {
        let groups = self.state.seen(node).iter().filter(|g| self.state.active(**g));
        let observed = groups.flat_map(|g| self.state.ids(*g));
        observed.filter(|(n, t)| *t == Trust::Observed && *n != node).map(|(n, _)| n).collect()
    }

    fn story(
        &self,
        node: u32,
        own: bool,
        links: &[LinkStory],
        customer: CustomerRef,
    ) -> Option<IdentifierStory> {
        let n = &self.state.nodes[node as usize];
        let (mut first, mut newest, mut count, mut trust) = (None, None, 0, Trust::Observed);
        for group in self.state.all(node) {
            let at = self.state.ids(*group).find(|(id, _)| *id == node)?.1;
            let firm = self.state.ids(*group).all(|(_, t)| t != Trust::Observed);
            // A login is told by the observed identifier; the firm ones beside it have a group of their own.
            if !self.state.active(*group) || (!firm && at != Trust::Observed) {
                continue;
            }
            let proofs = self.state.proofs(*group);
            first = [first, self.state.older.oldest(proofs)].into_iter().flatten().min();
            newest = newest.max(proofs.newest());
            count += self.state.older.count(proofs) as u64;
            trust = trust.max(at);
        }
        let (first, newest) = (first?, newest?);
        let kind = self.state.kind_of(node);
        let refused = |l: &LinkStory| l.keeps_apart() && (l.ends.0 == n.token || l.ends.1 == n.token);
        let many = self.owners(n.token).iter().any(|o| *o != customer);
        Some(IdentifierStory {
            token: n.token,
            kind: kind.kind.clone(),
            scope: kind.scope.clone(),
            trust,
            birth: (n.birth().event, n.birth().ordinal),
            first: (Micros(first.0), first.1),
            newest: (Micros(newest.0), newest.1),
            count,
            shared: links.iter().any(refused) || many,
            own,
            past: !own && self.past_nodes(customer).contains(&node),
        })
    }

    /// Whether facts at home with this identifier may belong to others than the customer that holds it.
    #[must_use]
    pub fn is_divided(&self, token: Token) -> bool {
        self.state.find(token).is_some_and(|n| self.has_parts(n))
    }

    /// It moved, or was erased: not all facts in its fragment are its holder's.
    fn has_parts(&self, node: u32) -> bool {
        self.moved(node) || self.state.erasures.touches(node)
    }

    /// Identifiers whose facts are divided among customers and that may give this one a part: observed ones it was seen
    /// with, blocked ones named beside its own, and those that moved to or from it.
    #[must_use]
    pub fn divided(&self, customer: CustomerRef) -> Vec<Token> {
        let Some(members) = self.slot(customer).map(|c| c.members.clone()) else { return Vec::new() };
        let dropped = |n: u32| self.state.dropped(&self.policy, n);
        let mut nodes: Vec<u32> = self.past_nodes(customer);
        let bases: Vec<u32> = members.iter().copied().chain(nodes.iter().copied()).collect();
        for member in &bases {
            nodes.extend(
                self.beside(*member).filter(|(n, t)| *t == Trust::Observed || dropped(*n)).map(|b| b.0),
            );
        }
        // What was seen with a customer's cookie is that customer's, even if only a blocked identifier stood beside it.
        let observed = |n: &u32| !dropped(*n) && !bases.contains(n);
        let seen: Vec<u32> = nodes.iter().copied().filter(observed).collect();
        nodes.extend(members.iter().copied().filter(|n| self.has_parts(*n)));
        // Facts that lost an identifier to an erasure are still at home with it.
        let lost = |n: &u32| self.state.erasures.lost_by(*n);
        let homes: Vec<u32> = bases.iter().chain(&nodes).flat_map(lost).copied().collect();
        nodes.extend(homes);
        for node in seen {
            nodes.extend(self.beside(node).filter(|(n, _)| dropped(*n)).map(|b| b.0));
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes.retain(|n| !members.contains(n) || self.has_parts(*n));
        nodes.into_iter().map(|n| self.state.nodes[n as usize].token).collect()
    }

    /// All customers whose identifiers, or observed ones they logged in with, stand beside this one in current facts.
    #[must_use]
    pub fn beside_customers(&self, token: Token) -> Vec<CustomerRef> {
        let Some(node) = self.state.find(token) else { return Vec::new() };
        let mut nodes: Vec<u32> = self.beside(node).map(|b| b.0).collect();
        // Two observed ones of a fact stand beside each other only through a third that is blocked too.
        let dropped = nodes.iter().filter(|n| self.state.dropped(&self.policy, **n));
        let further: Vec<u32> = dropped.flat_map(|n| self.beside(*n).map(|b| b.0)).collect();
        nodes.extend(further);
        nodes.sort_unstable();
        nodes.dedup();
        let mut customers: Vec<CustomerRef> = Vec::new();
        for beside in nodes {
            let own = self.customer_of(self.state.nodes[beside as usize].token);
            customers.extend(own.into_iter().chain(self.owners(self.state.nodes[beside as usize].token)));
            let tenants = self.state.tenancies.of(beside).iter().filter_map(|n| self.customer_slot(*n));
            customers.extend(tenants.map(|slot| CustomerRef(slot as u32)));
        }
        customers.sort_unstable();
        customers.dedup();
        customers
    }

    /// Identifiers that current facts name together with this one, itself too, and what each was believed there.
    fn beside(&self, node: u32) -> impl Iterator<Item = (u32, Trust)> + '_ {
        let groups = self.state.all(node).iter().filter(|g| self.state.active(**g));
        groups.flat_map(|g| self.state.ids(*g))
    }
}
