//! The identity policy: ranks, limits, anchors, caps and active blocklist patterns. It is configuration that becomes an
//! event; the newest one in the log judges all events.

use crate::{event::Trust, token::Token};
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
    /// An operator applied it by command. Without a policy in the configuration such a one stays in force; one that a start
    /// stated gives way to the release's default.
    #[serde(default, skip_serializing_if = "is_not")]
    pub applied: bool,
}

/// What a policy means that does not say where quarantine begins.
const fn quarantine_links() -> u32 {
    10_000
}

// What a policy of an earlier release does not say is left out again: its text stays the same.

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_usual(links: &u32) -> bool {
    *links == quarantine_links()
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
        for new in ["transferable", "ours", "birth_dates", "quarantine_links"] {
            assert!(!text.contains(new), "{new} in {text}");
        }
        let policy = Policy::from_json(&text).expect("it is a policy");
        assert_eq!(policy.quarantine_links, 10_000);
        assert!(!policy.birth_dates && !policy.of("phone").transferable);
        assert_eq!(policy.to_json(), text);
    }

    #[test]
    fn the_default_policy_is_what_its_text_says() {
        let policy = Policy::default();
        assert_eq!(Policy::from_json(&policy.to_json()), Ok(policy));
        assert!(Policy::from_json(r#"{"format":1,"typo":2}"#).is_err());
    }
}
