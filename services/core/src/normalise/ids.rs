//! LINE, member, carrier, social and opaque ids.

use super::patterns::{line_marks, phone_marks, word_marks};
use super::phone::{Line, PhoneClass, PhoneUse, read_line};
use super::text::clean;
use super::{Normal, Reason, Region};

/// Longest id of any other kind, in bytes: keys stand in the index, and no known source has longer ones.
pub const ID_BYTES_MAX: usize = 256;
/// Longest scope of an identifier, in bytes.
pub const SCOPE_BYTES_MAX: usize = 256;
/// Trimming may look at so many bytes of white space around an id and no more.
const ID_RAW_BYTES_MAX: usize = 4 * ID_BYTES_MAX;
/// A LINE id is a letter and so many hexadecimal digits.
const LINE_HEX_DIGITS: usize = 32;
/// An e-invoice carrier is a slash and so many characters.
const CARRIER_CHARACTERS: usize = 7;

/// An id that means something only to its source: trimmed, otherwise kept byte for byte. Control characters and
/// more than [`ID_BYTES_MAX`] bytes are refused.
#[must_use]
pub fn opaque(raw: &str) -> Normal {
    if raw.len() > ID_RAW_BYTES_MAX {
        return Normal::reject(Reason::TooLong);
    }
    let value = raw.trim();
    match refusal(value) {
        Some(reason) => Normal::reject(reason),
        None => Normal::Key { value: value.to_owned(), marks: word_marks(value) },
    }
}

fn refusal(value: &str) -> Option<Reason> {
    if value.is_empty() {
        Some(Reason::Empty)
    } else if value.len() > ID_BYTES_MAX {
        Some(Reason::TooLong)
    } else if value.chars().any(char::is_control) {
        Some(Reason::ControlCharacter)
    } else {
        None
    }
}

/// A LINE user id: `U` and 32 lower-case hexadecimal digits, case-sensitive. Ids of groups (`C`) and rooms (`R`)
/// are rejected as [`Reason::Conversation`].
#[must_use]
pub fn line_user(raw: &str) -> Normal {
    let (value, marks) = match opaque(raw) {
        Normal::Key { value, marks } => (value, marks),
        other => return other,
    };
    if marks != 0 {
        return Normal::reject(Reason::Blank);
    }
    let (kind, hex) = value.split_at_checked(1).unwrap_or_default();
    let well_formed =
        hex.len() == LINE_HEX_DIGITS && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match (well_formed, kind) {
        (true, "U") => {
            let marks = line_marks(&value);
            Normal::Key { value, marks }
        }
        (true, "C" | "R") => Normal::reject(Reason::Conversation),
        _ => Normal::reject(Reason::Malformed),
    }
}

/// A loyalty number: full-width folded, invisible characters dropped, trimmed. Leading zeros, check digit, inner
/// punctuation and letter case stay. With `member_is_phone` (the channel numbers its members by their phones) a
/// value that is a phone is spelt in E.164, so that 0928… and +886 928… are one member; otherwise ask
/// [`member_as_phone`] first. A placeholder phone is marked either way.
#[must_use]
pub fn member(raw: &str, region: Region, member_is_phone: bool) -> Normal {
    if raw.len() > ID_RAW_BYTES_MAX {
        return Normal::reject(Reason::TooLong);
    }
    let value = clean(raw);
    if let Some(reason) = refusal(&value) {
        return Normal::reject(reason);
    }
    let mut marks = word_marks(&value);
    match member_as_phone(&value, region) {
        Some(e164) => {
            marks |= phone_marks(&e164);
            let value = if member_is_phone { e164 } else { value.into_owned() };
            Normal::Key { value, marks }
        }
        None => Normal::Key { value: value.into_owned(), marks },
    }
}

/// No country has phones of so few characters; short loyalty numbers are common, and reading a phone is not cheap.
const NO_PHONE_BYTES: usize = 3;

/// The E.164 phone that was typed into a field for loyalty numbers, if it is one. A mobile number counts in any
/// spelling; any other number only with its trunk zero or a plus, because plain numbers of 8 or 9 digits that
/// happen to fit a landline are usually loyalty numbers. Extension and service lines never count.
#[must_use]
pub fn member_as_phone(raw: &str, region: Region) -> Option<String> {
    if raw.len() <= NO_PHONE_BYTES {
        return None;
    }
    let Line { e164, usage, extension: false } = read_line(raw, region).ok()? else {
        return None;
    };
    let PhoneUse::Person(class) = usage else {
        return None;
    };
    let explicit = || clean(raw).trim_start_matches('(').starts_with(['0', '+']);
    (class == PhoneClass::Mobile || explicit()).then_some(e164)
}

/// An e-invoice carrier (手機條碼): `/` and 7 of `0-9 A-Z + - .`; lower case is folded up, as scanners do.
#[must_use]
pub fn carrier(raw: &str) -> Normal {
    if raw.len() > ID_RAW_BYTES_MAX {
        return Normal::reject(Reason::TooLong);
    }
    let value = clean(raw).to_ascii_uppercase();
    if value.is_empty() {
        return Normal::reject(Reason::Empty);
    }
    let Some(code) = value.strip_prefix('/') else {
        return Normal::reject(if word_marks(&value) != 0 { Reason::Blank } else { Reason::Malformed });
    };
    let allowed = |b: u8| matches!(b, b'0'..=b'9' | b'A'..=b'Z' | b'+' | b'-' | b'.');
    if code.len() != CARRIER_CHARACTERS || !code.bytes().all(allowed) {
        return Normal::reject(Reason::Malformed);
    }
    let marks = word_marks(code);
    Normal::Key { value, marks }
}

/// A social network's id: the platform's number, an actor URI or a DID, kept byte for byte. A handle
/// (`@amy`, `@amy@host`) can be renamed: an attribute.
#[must_use]
pub fn social(raw: &str) -> Normal {
    match opaque(raw) {
        Normal::Key { value, .. } if value.contains(char::is_whitespace) => Normal::reject(Reason::Malformed),
        Normal::Key { value, .. } if value.starts_with('@') => {
            Normal::Attribute { value, reason: Reason::Handle }
        }
        other => other,
    }
}
