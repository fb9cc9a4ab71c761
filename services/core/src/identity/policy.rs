//! The identity policy: ranks, limits, anchors, caps and active blocklist patterns. It is configuration that becomes an
//! event; the newest one in the log judges all events.

use crate::{
    event::Trust,
    time::{Day, Micros},
    token::Token,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An identifier with more distinct claimed partners than this is shared, whoever they are. It bounds the work that one
/// runaway value (a shop's own number typed on every receipt) can cause.
pub const HUB_MAX: usize = 64;

/// What the policy says about one identifier type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypePolicy {
    /// Smaller is stronger.
    pub rank: u32,
    /// Most identifiers of this type a customer may have.
    pub max: u32,
    /// Whether `max` counts each scope by itself.
    pub per_scope: bool,
    /// Whether a verified identifier of this type anchors a customer.
    pub anchor: bool,
    /// Whether even a claimed one does.
    pub anchor_when_claimed: bool,
    /// Whether it passes from one person to another: then it has owners by time.
    #[serde(default, skip_serializing_if = "is_not")]
    pub transferable: bool,
}

/// The whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Number of its form, for later releases.
    pub format: u32,
    /// By identifier type; `*` for all others.
    pub types: BTreeMap<String, TypePolicy>,
    /// Most identifiers of a customer in all.
    pub max_identifiers: u32,
    /// A value claimed by more anchored customers than this is shared and joins none of them.
    pub fanout_cap: u32,
    /// Bits of the blocklist patterns in force.
    pub active_patterns: u32,
    /// Tokens of our own addresses and numbers and of staff: never keys.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ours: BTreeSet<Token>,
    /// Whether birth dates that differ refuse claimed links, and equal ones tell apart who shares a value.
    #[serde(default, skip_serializing_if = "is_not")]
    pub birth_dates: bool,
    /// A component of more links than this is quarantined: none of its claims is taken.
    #[serde(default = "quarantine_links", skip_serializing_if = "is_usual")]
    pub quarantine_links: u32,
    /// More receipts than this on one identifier on one day make it suspicious; 0: however many there are. Receipts of a day
    /// are counted up to [`RECEIPTS_MAX`](crate::fold::receipts::RECEIPTS_MAX), so a limit from there on is none.
    #[serde(default = "suspicious_receipts", skip_serializing_if = "is_ten")]
    pub suspicious_receipts: u32,
    /// The same with different stores.
    #[serde(default = "suspicious_stores", skip_serializing_if = "is_five")]
    pub suspicious_stores: u32,
    /// Minutes by which the days of receipts are ahead of those of UTC: 480 for UTC+8. A fixed number and no time zone, whose
    /// rules come from outside the log and change.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub day_offset_minutes: i32,
    /// An operator applied it by command. Without a policy in the configuration such a one stays in force; one that a start
    /// stated gives way to the release's default.
    #[serde(default, skip_serializing_if = "is_not")]
    pub applied: bool,
}

/// What a policy means that does not say where quarantine begins.
const fn quarantine_links() -> u32 {
    10_000
}

/// What a policy means that does not say how many receipts a day are too many.
const fn suspicious_receipts() -> u32 {
    10
}

/// The same for stores.
const fn suspicious_stores() -> u32 {
    5
}

// What a policy of an earlier release does not say is left out again: its text stays the same.

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_usual(links: &u32) -> bool {
    *links == quarantine_links()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_ten(receipts: &u32) -> bool {
    *receipts == suspicious_receipts()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_five(stores: &u32) -> bool {
    *stores == suspicious_stores()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(minutes: &i32) -> bool {
    *minutes == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_not(flag: &bool) -> bool {
    !flag
}

impl Default for Policy {
    fn default() -> Self {
        let row = |rank, max, per_scope, anchor, anchor_when_claimed| TypePolicy {
            rank,
            max,
            per_scope,
            anchor,
            anchor_when_claimed,
            transferable: false,
        };
        let moves = |row| TypePolicy { transferable: true, ..row };
        let types = [
            ("member", row(1, 1, false, true, true)),
            ("line", moves(row(2, 1, true, true, false))),
            ("external", row(3, 1, true, true, false)),
            ("carrier", row(4, 2, false, false, false)),
            ("phone", moves(row(5, 3, false, true, false))),
            ("email", moves(row(6, 5, false, true, false))),
            ("social", row(7, 3, true, false, false)),
            ("*", row(8, 5, true, false, false)),
            ("cookie", row(9, 20, false, false, false)),
            ("device", row(10, 20, false, false, false)),
        ];
        Self {
            format: 1,
            types: types.map(|(name, row)| (name.to_owned(), row)).into_iter().collect(),
            max_identifiers: 100,
            fanout_cap: 1,
            active_patterns: u32::MAX,
            applied: false,
            ours: BTreeSet::new(),
            birth_dates: true,
            quarantine_links: quarantine_links(),
            suspicious_receipts: suspicious_receipts(),
            suspicious_stores: suspicious_stores(),
            day_offset_minutes: 0,
        }
    }
}

impl Policy {
    /// What it says about this identifier type.
    #[must_use]
    pub fn of(&self, kind: &str) -> &TypePolicy {
        static LAST: TypePolicy = TypePolicy {
            rank: 99,
            max: 1,
            per_scope: true,
            anchor: false,
            anchor_when_claimed: false,
            transferable: false,
        };
        self.types.get(kind).or_else(|| self.types.get("*")).unwrap_or(&LAST)
    }

    /// Whether an identifier is never a key: a blocklist pattern in force matched its value, or it is our own.
    #[must_use]
    pub fn blocks(&self, token: Token, marks: u32) -> bool {
        marks & self.active_patterns != 0 || self.ours.contains(&token)
    }

    /// The order of strength: more trust first, then the type's rank. Smaller is stronger.
    #[must_use]
    pub fn strength(&self, kind: &str, trust: Trust) -> (std::cmp::Reverse<Trust>, u32) {
        (std::cmp::Reverse(trust), self.of(kind).rank)
    }

    /// The day of a point in time, as receipts are counted.
    #[must_use]
    pub fn day(&self, at: Micros) -> Day {
        Day::of(at, self.day_offset_minutes)
    }

    /// When that day begins.
    #[must_use]
    pub fn day_start(&self, day: Day) -> Micros {
        day.start(self.day_offset_minutes)
    }

    /// So many receipts on one day are never too many; `None`: no number is.
    #[must_use]
    pub fn receipts_allowed(&self) -> Option<u32> {
        [self.suspicious_receipts, self.suspicious_stores].into_iter().filter(|limit| *limit > 0).min()
    }

    /// Whether so many receipts in so many stores on one day are too many.
    #[must_use]
    pub fn is_too_many(&self, receipts: u32, stores: u32) -> bool {
        let over = |number: u32, limit: u32| limit > 0 && number > limit;
        over(receipts, self.suspicious_receipts) || over(stores, self.suspicious_stores)
    }

    /// Its JSON form, as the event carries it: the same policy gives the same text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From its JSON form.
    ///
    /// # Errors
    /// A message that names the field that is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;

    /// What the first release wrote into logs.
    fn first() -> String {
        let mut policy = Policy { birth_dates: false, ..Policy::default() };
        policy.types.values_mut().for_each(|row| row.transferable = false);
        policy.to_json()
    }

    #[test]
    fn policies_of_the_first_release_are_read_and_stay_as_they_are() {
        let text = first();
        for new in [
            "transferable",
            "ours",
            "birth_dates",
            "quarantine_links",
            "suspicious_receipts",
            "suspicious_stores",
            "day_offset_minutes",
        ] {
            assert!(!text.contains(new), "{new} in {text}");
        }
        let policy = Policy::from_json(&text).expect("it is a policy");
        assert_eq!(policy.quarantine_links, 10_000);
        assert_eq!((policy.suspicious_receipts, policy.suspicious_stores), (10, 5));
        assert_eq!(policy.day_offset_minutes, 0);
        assert!(!policy.birth_dates && !policy.of("phone").transferable);
        assert_eq!(policy.to_json(), text);
    }

    #[test]
    fn the_default_policy_is_what_its_text_says() {
        let policy = Policy::default();
        assert_eq!(Policy::from_json(&policy.to_json()), Ok(policy));
        assert!(Policy::from_json(r#"{"format":1,"typo":2}"#).is_err());
    }

    #[test]
    fn limits_are_passed_not_reached_and_nought_is_none() {
        let limits = |receipts, stores| Policy {
            suspicious_receipts: receipts,
            suspicious_stores: stores,
            ..Policy::default()
        };
        assert!(!limits(10, 5).is_too_many(10, 5));
        assert!(limits(10, 5).is_too_many(11, 0) && limits(10, 5).is_too_many(6, 6));
        assert!(!limits(0, 5).is_too_many(99, 5) && !limits(10, 0).is_too_many(10, 10));
        let allowed = [(10, 5), (0, 5), (10, 0), (0, 0)].map(|(r, s)| limits(r, s).receipts_allowed());
        assert_eq!(allowed, [Some(5), Some(5), Some(10), None]);
    }
}
