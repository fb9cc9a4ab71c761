//! What became of the story, read from the projection's views.

use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    codec::BadRow,
    identity::{Refusal, Tier},
};
use tributary_projector::Projector;

/// More dead letters than the story can have.
const DEAD_MAX: usize = 10_000;

/// Figures of a projection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records folded.
    pub records: u64,
    /// Customers.
    pub customers: usize,
    /// Identifiers.
    pub identifiers: usize,
    /// Links taken, by where they come from.
    pub taken: BTreeMap<&'static str, usize>,
    /// Links refused that kept two customers apart, by reason.
    pub refused: BTreeMap<&'static str, usize>,
    /// Dead letters, by reason.
    pub dead: BTreeMap<String, usize>,
}

/// Reads the figures as of the last commit.
///
/// # Errors
/// [`BadRow`] if the store cannot give them.
pub fn read(projector: &Projector) -> Result<Figures, BadRow> {
    projector.read(|view| {
        let engine = view.engine();
        let mut figures = Figures { records: engine.position().sequence, ..Figures::default() };
        for letter in view.dead_letters(0, DEAD_MAX)? {
            *figures.dead.entry(letter.reason).or_default() += 1;
        }
        engine.with_sources(|sources, _| {
            let resolver = sources.resolver;
            (figures.customers, figures.identifiers) = (resolver.customers(), resolver.identifiers());
            // A link between two customers is told by the customers of both its ends.
            let mut seen = BTreeSet::new();
            for (_, customer) in resolver.customers_from(0) {
                for link in resolver.links(customer) {
                    if !seen.insert((link.ends, link.tier, link.refused)) {
                        continue;
                    }
                    // Refused, but both ends are with this customer by better evidence: nothing was kept apart.
                    let apart = link.customers.0.is_some() || link.customers.1.is_some();
                    match link.refused {
                        Some(_) if !apart => {}
                        None => *figures.taken.entry(tier(link.tier)).or_default() += 1,
                        Some(reason) => *figures.refused.entry(refusal(reason)).or_default() += 1,
                    }
                }
            }
        });
        Ok(figures)
    })
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Operator => "operator",
        Tier::Verified => "verified",
        Tier::Claimed => "claimed",
        Tier::Matched => "matched",
    }
}

fn refusal(reason: Refusal) -> &'static str {
    match reason {
        Refusal::CannotLink => "cannot link",
        Refusal::Limit => "over a limit",
        Refusal::Unique => "one of this type each",
        Refusal::BirthDate => "another birth date",
        Refusal::Quarantined => "too many links",
        Refusal::VerifiedElsewhere => "verified elsewhere",
        Refusal::Shared => "shared by several",
    }
}
