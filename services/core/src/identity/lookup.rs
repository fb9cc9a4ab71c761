//! What a resolver answers: who holds an identifier, whose a fact is, who is in a customer. Nothing here changes it, but the
//! version that the fold keeps with a customer.

use crate::{
    event::Trust,
    identity::{
        evidence::Evidence,
        resolver::{CustomerRef, Resolver},
        state::{Birth, Customer},
    },
    ids::CustomerId,
    time::Micros,
    token::Token,
};

impl Resolver {
    /// The customer that holds the identifier of this token now. `None`: unknown, dropped, superseded, or observed with an owner.
    #[must_use]
    pub fn customer_of(&self, token: Token) -> Option<CustomerRef> {
        let node = self.state.find(token)?;
        self.customer_slot(node).map(|slot| CustomerRef(slot as u32))
    }

    /// The customer in whose timeline a fact with these identifiers and this time stands.
    #[must_use]
    pub fn attribute(&self, ids: &[(Token, Trust)], time: Micros) -> Option<CustomerRef> {
        let node = self.strongest(ids, time)?;
        self.holder(node, time)
    }

    /// The node of the strongest identifier that was neither dropped nor erased since that time.
    fn strongest(&self, ids: &[(Token, Trust)], time: Micros) -> Option<u32> {
        let live = ids.iter().filter_map(|(token, trust)| Some((self.state.find(*token)?, *trust)));
        let strength = |(node, trust): &(u32, Trust)| {
            let kind = self.state.kind_of(*node);
            (std::cmp::Reverse(*trust), kind.rank, self.state.nodes[*node as usize].token)
        };
        live.filter(|(node, _)| !self.state.dropped(&self.policy, *node))
            .filter(|(node, _)| !self.state.erasures.covers(*node, time.0))
            .min_by_key(strength)
            .map(|(node, _)| node)
    }

    /// The customer of a node at a time: its own, or for an observed one its owner then.
    pub(crate) fn holder(&self, node: u32, time: Micros) -> Option<CustomerRef> {
        if self.customer_slot(node).is_some() {
            let slot = self.customer_slot(self.owner_then(node, time))?;
            return Some(CustomerRef(slot as u32));
        }
        let mut latest: Option<(Evidence, u32)> = None;
        let mut first: Option<(Evidence, u32)> = None;
        for (group, owner) in self.logins(node) {
            let (before, after) = self.state.older.around(self.state.proofs(group), time.0);
            if let Some(e) = before {
                latest = latest.max(Some((e, owner)));
            }
            if let Some(e) = after
                && first.is_none_or(|f| e < f.0)
            {
                first = Some((e, owner));
            }
        }
        let owner = latest.or(first)?;
        let owner = self.owner_then(owner.1, Micros(owner.0.0));
        self.customer_slot(owner).map(|slot| CustomerRef(slot as u32))
    }

    /// Logins on an observed identifier: the group and the strongest identifier that is not observed.
    pub(crate) fn logins(&self, node: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.state.seen(node).iter().filter_map(move |group| {
            if !self.state.active(*group) {
                return None;
            }
            let firm = |id: &(u32, Trust)| id.1 != Trust::Observed && !self.state.dropped(&self.policy, id.0);
            let strength = |id: &(u32, Trust)| {
                let (node, trust) = *id;
                (
                    std::cmp::Reverse(trust),
                    self.state.kind_of(node).rank,
                    self.state.nodes[node as usize].token,
                )
            };
            let owner = self.state.ids(*group).filter(firm).min_by_key(strength)?;
            Some((*group, owner.0))
        })
    }

    /// Whether an identifier names nobody at the moment: an operator blocked it, or the policy does.
    #[must_use]
    pub fn is_dropped(&self, token: Token) -> bool {
        self.state.find(token).is_some_and(|node| self.state.dropped(&self.policy, node))
    }

    /// Type and scope of a known identifier.
    #[must_use]
    pub fn kind_of_token(&self, token: Token) -> Option<(&str, &str)> {
        let kind = self.state.kind_of(self.state.find(token)?);
        Some((&kind.kind, &kind.scope))
    }

    /// All types and scopes that any identifier has.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.state.kinds.iter().map(|k| (k.kind.as_str(), k.scope.as_str()))
    }

    /// The birth of a known identifier.
    #[must_use]
    pub fn birth(&self, token: Token) -> Option<Birth> {
        self.state.find(token).map(|node| self.state.nodes[node as usize].birth())
    }

    /// All customers that may ever have logged in with an observed identifier, tenants of a moved one that did included.
    #[must_use]
    pub fn owners(&self, token: Token) -> Vec<CustomerRef> {
        let Some(node) = self.state.find(token) else { return Vec::new() };
        let with_tenants =
            |owner: u32| std::iter::once(owner).chain(self.state.tenancies.of(owner).iter().copied());
        let nodes = self.logins(node).flat_map(|(_, owner)| with_tenants(owner));
        let slots = nodes.filter_map(|n| self.customer_slot(n));
        let mut owners: Vec<CustomerRef> = slots.map(|slot| CustomerRef(slot as u32)).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// The customer's id.
    #[must_use]
    pub fn id(&self, customer: CustomerRef) -> Option<CustomerId> {
        self.slot(customer).map(|c| self.state.birth_before(c).customer())
    }

    /// The customer's last version.
    #[must_use]
    pub fn version(&self, customer: CustomerRef) -> u64 {
        self.slot(customer).map_or(0, |c| c.version)
    }

    /// Sets the customer's last version; gives the one before.
    pub fn set_version(&mut self, customer: CustomerRef, version: u64) -> u64 {
        match self.state.customers.get_mut(customer.0 as usize).and_then(Option::as_mut) {
            Some(c) => std::mem::replace(&mut c.version, version),
            None => 0,
        }
    }

    pub(crate) fn slot(&self, customer: CustomerRef) -> Option<&Customer> {
        self.state.customers.get(customer.0 as usize)?.as_ref()
    }

    /// Tokens of the customer's own identifiers.
    #[must_use]
    pub fn members(&self, customer: CustomerRef) -> Vec<Token> {
        let members = self.slot(customer).map_or(&[][..], |c| &c.members);
        members.iter().map(|n| self.state.nodes[*n as usize].token).collect()
    }

    /// All customers, in a stable order that only grows at its end, from place `from` on.
    pub fn customers_from(&self, from: u32) -> impl Iterator<Item = (u32, CustomerRef)> + '_ {
        let nodes = self.state.nodes.get(from as usize..).unwrap_or_default();
        nodes.iter().enumerate().filter_map(move |(at, node)| {
            let slot = self.state.customers.get(node.customer as usize)?.as_ref()?;
            let at = from + at as u32;
            (slot.eldest == at).then_some((at, CustomerRef(node.customer)))
        })
    }
}
