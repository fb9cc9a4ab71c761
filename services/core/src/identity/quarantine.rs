//! Components with too many links: a value that should be blocked, most probably. They are kept apart cheaply, because the
//! events that made them run away go on coming.

use super::{partition::is_hub, resolver::Resolver};
use crate::{event::Trust, token::Token};

/// Whether a set of identifiers makes claimed links only.
pub(crate) fn is_claim(set: impl Iterator<Item = (u32, Trust)> + Clone) -> bool {
    let verified = set.clone().filter(|(_, trust)| *trust == Trust::Verified).count();
    verified <= 1 && set.clone().all(|(_, trust)| trust != Trust::Observed)
}

impl Resolver {
    /// Keeps which of these nodes are in quarantine by their last evaluation.
    pub(crate) fn keep_quarantine(&mut self, nodes: &[u32], quarantined: &[u32]) {
        if !self.state.quarantined.is_empty() {
            for node in nodes {
                self.state.quarantined.remove(node);
            }
        }
        self.state.quarantined.extend(quarantined);
    }

    /// New identifiers that claims brought into quarantine, if nothing else happened: nothing need be evaluated then, as more
    /// claims end no quarantine and each new identifier stays alone.
    pub(crate) fn fresh_in_quarantine(&self, seeds: &[u32]) -> Option<Vec<u32>> {
        if self.beyond_claims || self.state.quarantined.is_empty() {
            return None;
        }
        let held = |n: &u32| self.state.quarantined.contains(n) && self.customer_slot(*n).is_some();
        let is_fresh = |n: u32| {
            self.customer_slot(n).is_none()
                && self.state.partners(n).is_empty()
                && self.state.seen(n).is_empty()
                && !self.state.dropped(&self.policy, n)
                && self.state.is_named(n)
                && self
                    .state
                    .firm(n, true)
                    .all(|g| is_claim(self.state.ids(g)) && self.state.ids(g).any(|(other, _)| held(&other)))
        };
        let known = |n: &&u32| !held(n);
        let fresh: Vec<u32> = seeds.iter().filter(known).copied().collect();
        let calm = seeds.iter().all(|n| !is_hub(&self.state, &self.policy, *n));
        (calm && fresh.iter().all(|n| is_fresh(*n))).then_some(fresh)
    }

    /// Identifiers in quarantined components. Anything but 0 is a reason for an alarm: a value that should be blocked, most
    /// probably.
    #[must_use]
    pub fn quarantined(&self) -> usize {
        self.state.quarantined.len()
    }

    /// Whether an identifier is in a quarantined component.
    #[must_use]
    pub fn is_quarantined(&self, token: Token) -> bool {
        self.state.find(token).is_some_and(|n| self.state.quarantined.contains(&n))
    }
}
