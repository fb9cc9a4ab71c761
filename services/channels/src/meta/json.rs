//! Reading hostile JSON without asking twice: text, ids and numbers in the forms Meta has used over the years.

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

/// A word of the payload fit for an error or a title: letters, digits and underscores only.
#[must_use]
pub fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}
