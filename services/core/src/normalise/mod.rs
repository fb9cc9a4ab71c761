//! Normalisation of identifier values: one spelling per value, so that the same phone typed in two ways is one key.
//!
//! Pure functions over a raw string: no clock, no configuration, no I/O. What is *absent*: trust (the event
//! carries it), the policy's choice of which default patterns to keep (a value only carries the bits of the
//! patterns that match it, see [`PATTERNS`]), and suggestions (gmail dots, plus tags and mistyped domains are
//! kept as they are: a normaliser never corrects silently).
//!
//! Every function checks the length first, so hostile input costs no more than reading its length.

mod email;
mod extension;
mod ids;
mod mask;
mod patterns;
mod phone;
mod phone_fast;
mod region;
mod text;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_phone;

use std::fmt;

pub use email::{EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, EMAIL_RAW_BYTES_MAX, email};
pub use extension::EXTENSION_DIGITS_MAX;
pub use ids::{ID_BYTES_MAX, SCOPE_BYTES_MAX, carrier, line_user, member, member_as_phone, opaque, social};
pub use mask::mask;
pub use patterns::{PATTERNS, Pattern};
pub use phone::{PHONE_DIGITS_MAX, PHONE_RAW_BYTES_MAX, PhoneClass, phone, phone_class};
pub use region::{Region, RegionError};

/// Number of this set of rules. It grows when any rule changes the key of a value that was accepted before,
/// because keys made by different rules must not be compared.
pub const NORMALISER_VERSION: u32 = 1;

/// Outcome of normalising one raw value.
#[derive(Clone, PartialEq, Eq)]
pub enum Normal {
    /// May join customers.
    Key {
        /// The one spelling of this value.
        value: String,
        /// Bits of the default blocklist patterns that match this value (see [`Pattern::bit`]); 0 = none.
        marks: u32,
    },
    /// Kept as a contact attribute, never a key (role address, extension line, toll-free number).
    Attribute {
        /// The one spelling of this value.
        value: String,
        /// Why it is not a key.
        reason: Reason,
    },
    /// Not this kind of value at all; the raw text is kept by the caller.
    Reject {
        /// Why not.
        reason: Reason,
    },
}

impl Normal {
    /// The normalised value of a key or an attribute; `None` when rejected.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Key { value, .. } | Self::Attribute { value, .. } => Some(value),
            Self::Reject { .. } => None,
        }
    }

    /// The value when it is a key, whatever its marks.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The value when it is a key that no default pattern matches.
    #[must_use]
    pub fn clean_key(&self) -> Option<&str> {
        match self {
            Self::Key { value, marks: 0 } => Some(value),
            _ => None,
        }
    }

    fn reject(reason: Reason) -> Self {
        Self::Reject { reason }
    }
}

/// Values are personal: Debug shows the outcome and its length, not the value.
impl fmt::Debug for Normal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { value, marks } => write!(f, "Key({} bytes, marks {marks:#x})", value.len()),
            Self::Attribute { value, reason } => {
                write!(f, "Attribute({} bytes, {})", value.len(), reason.as_str())
            }
            Self::Reject { reason } => write!(f, "Reject({})", reason.as_str()),
        }
    }
}

/// Why a value is not a key. The codes of [`Reason::as_str`] are stable: they stand in dead letters and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing but white space and invisible characters.
    Empty,
    /// A word or digits that mean "no value" (無, n/a, 000).
    Blank,
    /// Longer than any value of this kind.
    TooLong,
    /// A control character inside.
    ControlCharacter,
    /// Does not have the form of this kind of value.
    Malformed,
    /// Well formed, but no such number is in use (numbering plan of the country).
    InvalidNumber,
    /// Two values in one field: which one is the customer's cannot be known.
    SeveralValues,
    /// Toll-free, premium-rate, shared-cost or company number.
    NotPersonal,
    /// A line behind an extension: its number belongs to many people.
    SharedLine,
    /// An address of a function (service@, postmaster@), not of a person.
    RoleAddress,
    /// A LINE group or room: a conversation, not a person.
    Conversation,
    /// A handle that its owner can rename.
    Handle,
    /// A kind of value that never joins customers (name, address, IP).
    NeverAKey,
    /// A kind of value that is not stored at all (national identity number).
    NeverStored,
    /// The scope is too long or holds a control character.
    BadScope,
}

impl Reason {
    /// Stable code, lower case with underscores.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Blank => "blank",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::Malformed => "malformed",
            Self::InvalidNumber => "invalid_number",
            Self::SeveralValues => "several_values",
            Self::NotPersonal => "not_personal",
            Self::SharedLine => "shared_line",
            Self::RoleAddress => "role_address",
            Self::Conversation => "conversation",
            Self::Handle => "handle",
            Self::NeverAKey => "never_a_key",
            Self::NeverStored => "never_stored",
            Self::BadScope => "bad_scope",
        }
    }
}

/// Kinds of values that describe a customer but are shared, renamed or guessed too easily to join two of them.
const NEVER_A_KEY: [&str; 12] = [
    "name",
    "display_name",
    "birth_date",
    "address",
    "ip",
    "user_agent",
    "postcode",
    "device_fingerprint",
    "order",
    "order_number",
    "card_last4",
    "handle",
];

/// Normalises a raw value of identifier type `kind` in `scope`. `region` reads phones without a country code: it
/// is the region of the channel or the store. Unknown kinds are treated as opaque ids. A `member` value is kept
/// as a member number here; ask [`member_as_phone`] first where the channel's numbers may be phones.
#[must_use]
pub fn normalise(kind: &str, scope: &str, raw: &str, region: Region) -> Normal {
    if scope.len() > SCOPE_BYTES_MAX || scope.chars().any(char::is_control) {
        return Normal::reject(Reason::BadScope);
    }
    match kind {
        "phone" => phone(raw, region),
        "email" => email(raw),
        "line" => line_user(raw),
        "member" => member(raw, region, false),
        "carrier" => carrier(raw),
        "social" => social(raw),
        "national_id" => Normal::reject(Reason::NeverStored),
        _ if NEVER_A_KEY.contains(&kind) => match opaque(raw) {
            Normal::Key { value, .. } => Normal::Attribute { value, reason: Reason::NeverAKey },
            other => other,
        },
        _ => opaque(raw),
    }
}
