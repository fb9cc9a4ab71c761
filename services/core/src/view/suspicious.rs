//! Suspicious identifiers: more receipts or stores on one day than one person makes, until an operator clears them. And
//! whether what stands with an identifier counts in what is derived from customers' facts.

use super::{IdentifierName, Names, Sources, ViewCurrency, currencies};
use crate::{
    codec::BadRow,
    fold::{
        fragment::Fragment,
        head::{Head, When},
        receipts::SuspiciousDay,
    },
    identity::CustomerRef,
    time::Micros,
    token::Token,
};
use serde::Serialize;

/// What is suspicious about an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Its suspicious days, oldest first; the newest
    /// [`DAYS_MAX`](crate::fold::receipts::DAYS_MAX) of them.
    pub days: Vec<SuspiciousDay>,
    /// An operator's newest word that all is in order up to and including that day.
    pub cleared: Option<When>,
    /// There is a later suspicious day than what was cleared: it is suspicious.
    pub open: bool,
}

/// The suspicious days of an identifier, cleared or not; `None` if it has none, and while it is blocked, for then it names
/// nobody. Receipts that an erasure covers are not counted.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn suspicion(sources: Sources<'_>, token: Token) -> Result<Option<Suspicion>, BadRow> {
    suspicion_of(sources, &mut Fragment::load(sources.rows, token, false)?)
}

/// The same of a fragment at hand.
pub(crate) fn suspicion_of(
    sources: Sources<'_>,
    fragment: &mut Fragment,
) -> Result<Option<Suspicion>, BadRow> {
    let Some(marks) = fragment.marks().cloned().filter(|marks| !marks.days.is_empty()) else {
        return Ok(None);
    };
    if sources.resolver.is_dropped(fragment.token) {
        return Ok(None);
    }
    let policy = sources.resolver.policy();
    let mut days = marks.days;
    if let Some(erased) = sources.resolver.erased_at(fragment.token) {
        let last = policy.day(erased);
        // Only the day on which it was erased has receipts of both.
        let split = days.iter().position(|of| of.day == last);
        let rest = match split {
            Some(_) => fragment.day_after(sources.rows, policy, last, erased)?,
            None => None,
        };
        days.retain(|of| of.day > last);
        days.splice(0..0, rest);
    }
    let policy_day = |when: When| policy.day(when.0);
    let open = days.last().is_some_and(|last| marks.cleared.is_none_or(|when| policy_day(when) < last.day));
    Ok((!days.is_empty()).then_some(Suspicion { days, cleared: marks.cleared, open }))
}

/// Whether a fact of this time that is at home with this identifier counts in what is derived from customers' facts (segments,
/// recency and spending, lifetime value): not while the identifier is suspicious. Everything derived asks here; sums of
/// what does not count come from [`sums`](super::sums). What the identifier lost to an erasure counts for whom it has now.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn counts(sources: Sources<'_>, home: Token, owned_at: Micros) -> Result<bool, BadRow> {
    let suspicious = suspicion(sources, home)?.is_some_and(|s| s.open);
    Ok(!suspicious || sources.resolver.is_erased(home, owned_at))
}

/// A customer's facts that do not count in what is derived.
#[derive(Clone, Debug, Default)]
pub struct KeptOut {
    /// The suspicious identifiers that they stand with.
    pub tokens: Vec<Token>,
    /// Their sum.
    pub head: Head,
}

/// The part of `purchases` that does not count in what is derived.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct SuspiciousPurchases {
    /// Number of suspicious identifiers.
    pub identifiers: usize,
    /// What stands with them, by currency; it is in the totals beside too.
    pub by_currency: Vec<ViewCurrency>,
}

impl SuspiciousPurchases {
    pub(super) fn of(kept_out: &KeptOut) -> Option<Self> {
        let by_currency = currencies(&kept_out.head);
        let identifiers = kept_out.tokens.len();
        (identifiers > 0).then_some(Self { identifiers, by_currency })
    }
}

/// A suspicious identifier, for people.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct SuspiciousIdentifier {
    /// Which.
    pub identifier: IdentifierName,
    /// Its suspicious days, oldest first.
    pub days: Vec<SuspiciousDay>,
    /// Whether an operator cleared all of them.
    pub cleared: bool,
    /// Up to when an operator cleared it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Micros>,
}

/// An identifier with its suspicious days; `None` if it has none.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn suspicious_identifier(
    sources: Sources<'_>,
    token: Token,
) -> Result<Option<SuspiciousIdentifier>, BadRow> {
    let told = suspicion(sources, token)?.map(|s| SuspiciousIdentifier {
        identifier: Names::new(sources).of_token(token),
        days: s.days,
        cleared: !s.open,
        cleared_at: s.cleared.map(|when| when.0),
    });
    Ok(told)
}

/// All identifiers of a customer, and those it has a part of, that have suspicious days.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn suspicious_of(
    sources: Sources<'_>,
    customer: CustomerRef,
) -> Result<Vec<SuspiciousIdentifier>, BadRow> {
    let mut tokens = sources.resolver.members(customer);
    tokens.extend(sources.resolver.divided(customer));
    tokens.sort_unstable();
    tokens.dedup();
    let all = tokens.into_iter().map(|token| suspicious_identifier(sources, token));
    all.filter_map(Result::transpose).collect()
}
