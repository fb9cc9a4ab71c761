//! Which customers operators have set apart.

use super::resolver::{CustomerRef, Resolver};

impl Resolver {
    /// Customers that an operator set apart from this one: the newest act on an identifier of this and one of theirs is an
    /// unlink. Costs as much as the customer's identifiers have acts.
    #[must_use]
    pub fn apart_from(&self, customer: CustomerRef) -> Vec<CustomerRef> {
        let members = self.slot(customer).map_or(&[][..], |c| &c.members);
        let mut apart = Vec::new();
        for member in members {
            for partner in self.state.partners(*member) {
                let acts = self.state.pairs.get(&(*member.min(partner), *member.max(partner)));
                let unlinked = acts.and_then(|acts| acts.last()).is_some_and(|act| !act.2);
                let other = self.customer_slot(*partner).map(|slot| CustomerRef(slot as u32));
                apart.extend(other.filter(|other| unlinked && *other != customer));
            }
        }
        apart.sort_unstable();
        apart.dedup();
        apart
    }

    /// Whether an operator set these two apart.
    #[must_use]
    pub fn set_apart(&self, a: CustomerRef, b: CustomerRef) -> bool {
        self.apart_from(a).contains(&b)
    }

    /// All pairs that operators set apart, each once, the smaller first. Costs as much as there are acts.
    #[must_use]
    pub fn all_apart(&self) -> Vec<(CustomerRef, CustomerRef)> {
        let unlinked = self.state.pairs.iter().filter(|(_, acts)| acts.last().is_some_and(|act| !act.2));
        let customers = unlinked.filter_map(|((a, b), _)| {
            let (a, b) = (self.customer_slot(*a)? as u32, self.customer_slot(*b)? as u32);
            (a != b).then_some((CustomerRef(a.min(b)), CustomerRef(a.max(b))))
        });
        let mut all: Vec<_> = customers.collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
