//! Reading hostile JSON without asking twice: text, ids and numbers in the forms Meta has used over the years.

use crate::digest;
use serde_json::Value;

/// Ids have under 20 digits, message ids under 200 characters; longer ones are not stored as keys.
pub const ID_MAX: usize = 512;

/// Text at `key`, empty without one.
#[must_use]
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// An id at `key`: text (new) or number (old). Zero and empty are what test buttons send: no id.
#[must_use]
pub fn id(value: &Value, key: &str) -> Option<String> {
    let id = match value.get(key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.as_u64()?.to_string(),
        _ => return None,
    };
    let usable = !id.is_empty() && id != "0" && id.len() <= ID_MAX && !id.chars().any(char::is_control);
    usable.then_some(id)
}

/// A whole number at `key`, written as a number or as text.
#[must_use]
pub fn number(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The revision of a state that was told at `time` (seconds or milliseconds). Two states of one moment are two revisions, and
/// which of them counts does not depend on which comes first: a removal does, else the hash of what was said decides.
#[must_use]
pub fn revision(time: Option<i64>, value: &Value, removed: bool) -> u64 {
    const TIE_BITS: u32 = 20;
    const LAST: u64 = (1 << TIE_BITS) - 1;
    const TIME_MAX: i64 = (1 << 43) - 1; // milliseconds of two hundred years
    let hash = digest::hex32(value.to_string().as_bytes());
    let hash = hash.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default();
    let tie = if removed { LAST } else { hash % LAST };
    let time = u64::try_from(time.unwrap_or_default().clamp(0, TIME_MAX)).unwrap_or_default();
    time << TIE_BITS | tie
}

/// A word of the payload fit for an error or a title: letters, digits and underscores only.
#[must_use]
pub fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}
