//! Two partitions side by side: what a new policy, or other readings of the facts, would merge and split, and by which links.

use super::{
    explain::LinkStory,
    resolver::{CustomerRef, Resolver},
};
use crate::ids::CustomerId;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Merges and splits told one by one; the rest is only counted.
pub const EXAMPLES_MAX: usize = 100;
/// Links told of one merge or split.
pub const EVIDENCE_MAX: usize = 5;

/// Customers that would be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Their id then.
    pub into: CustomerId,
    /// Their ids now.
    pub from: Vec<CustomerId>,
    /// Links that would join them.
    pub links: Vec<LinkStory>,
}

/// A customer that would be several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Its id now.
    pub from: CustomerId,
    /// The ids then.
    pub parts: Vec<CustomerId>,
    /// Links that would no longer join them.
    pub links: Vec<LinkStory>,
}

/// What differs between two partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Customers before and after.
    pub customers: (usize, usize),
    /// Number of customers after that hold identifiers of several customers before.
    pub merged: usize,
    /// Number of customers before whose identifiers several customers after hold.
    pub split: usize,
    /// The first [`EXAMPLES_MAX`] merges, by id.
    pub merges: Vec<Merge>,
    /// The first [`EXAMPLES_MAX`] splits, by id.
    pub splits: Vec<Split>,
    /// Number of customers after none of whose identifiers anybody held before.
    pub appear: usize,
    /// Number of customers before none of whose identifiers anybody holds after.
    pub disappear: usize,
}

impl Resolver {
    /// What is different in `after`, which has seen the same facts, or some of them corrected.
    #[must_use]
    pub fn difference(&self, after: &Self) -> Difference {
        let (merged, split) = (self.gathered_in(after), after.gathered_in(self));
        let merges = merged.iter().take(EXAMPLES_MAX).map(|(into, from, customer)| Merge {
            into: *into,
            from: from.clone(),
            links: self.joining(after, *customer),
        });
        let splits = split.iter().take(EXAMPLES_MAX).map(|(from, parts, customer)| Split {
            from: *from,
            parts: parts.clone(),
            links: after.joining(self, *customer),
        });
        Difference {
            customers: (self.customers(), after.customers()),
            merges: merges.collect(),
            splits: splits.collect(),
            merged: merged.len(),
            split: split.len(),
            appear: self.strangers_of(after),
            disappear: after.strangers_of(self),
        }
    }

    /// How many customers of `other` hold no identifier that a customer of this one holds.
    fn strangers_of(&self, other: &Self) -> usize {
        let unknown = |customer: &CustomerRef| {
            other.members(*customer).into_iter().all(|token| self.customer_of(token).is_none())
        };
        other.customers_from(0).filter(|(_, customer)| unknown(customer)).count()
    }

    /// Customers of `other` that hold identifiers of several customers of this one, with the ids of those; by id.
    fn gathered_in(&self, other: &Self) -> Vec<(CustomerId, Vec<CustomerId>, CustomerRef)> {
        let mut out = Vec::new();
        for (_, customer) in other.customers_from(0) {
            let mut ids: SmallVec<[CustomerId; 4]> = SmallVec::new();
            for token in other.members(customer) {
                let id = self.customer_of(token).and_then(|c| self.id(c));
                ids.extend(id.filter(|id| !ids.contains(id)));
            }
            if let (Some(id), true) = (other.id(customer), ids.len() > 1) {
                ids.sort_unstable();
                out.push((id, ids.into_vec(), customer));
            }
        }
        out.sort_unstable_by_key(|(id, ..)| *id);
        out
    }

    /// Links by which `other` joins into `customer` what stands apart here.
    fn joining(&self, other: &Self, customer: CustomerRef) -> Vec<LinkStory> {
        let mut joined: BTreeSet<(CustomerId, CustomerId)> = BTreeSet::new();
        let taken = other.links(customer).into_iter().filter(|link| link.refused.is_none());
        let apart = taken.filter(|link| {
            let id = |token| self.customer_of(token).and_then(|c| self.id(c));
            let (Some(a), Some(b)) = (id(link.ends.0), id(link.ends.1)) else { return false };
            a != b && joined.insert((a.min(b), a.max(b)))
        });
        apart.take(EVIDENCE_MAX).collect()
    }
}
