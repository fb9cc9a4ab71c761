//! A JSON object read field by field. Numbers keep their text (no floats), errors name the place and never the value.

use super::Refused;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;
use tributary_core::money::Money;

/// Longest text that may stand in a clear field (ids, names of forms, states); personal text has no such limit.
const CLEAR_BYTES_MAX: usize = 512;

/// Longest name of an unknown field that is repeated in an error.
const NAME_BYTES_MAX: usize = 40;

/// An object at a place such as `data.purchase`. What was not taken when [`Fields::finish`] is called is unknown.
pub(super) struct Fields<'a> {
    at: String,
    map: BTreeMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    /// The object `raw` at the place `at`; empty for the event itself.
    pub fn read(at: &str, raw: &'a RawValue) -> Result<Self, Refused> {
        let mut map: BTreeMap<String, &'a RawValue> = serde_json::from_str(raw.get())
            .map_err(|_| Refused::new("invalid_value", format!("{} must be an object", place(at))))?;
        map.retain(|_, value| value.get() != "null");
        Ok(Self { at: at.to_owned(), map })
    }

    /// An object without any field.
    pub fn empty(at: &str) -> Self {
        Self { at: at.to_owned(), map: BTreeMap::new() }
    }

    fn wrong(&self, key: &str, must: &str) -> Refused {
        let at = if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) };
        Refused::new("invalid_value", format!("{at} must be {must}"))
    }

    /// The unparsed value.
    pub fn raw(&mut self, key: &str) -> Option<&'a RawValue> {
        self.map.remove(key)
    }

    /// Text of any length; a number or flag counts as its text.
    pub fn long_text(&mut self, key: &str) -> Result<Option<String>, Refused> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        let text = match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw.get()).ok(),
            Some(b'{' | b'[') => None,
            _ => Some(raw.get().to_owned()),
        };
        text.map(Some).ok_or_else(|| self.wrong(key, "a text"))
    }

    /// Short text without control characters; empty if absent.
    pub fn text(&mut self, key: &str) -> Result<String, Refused> {
        let text = self.long_text(key)?.unwrap_or_default();
        if text.len() > CLEAR_BYTES_MAX || text.chars().any(char::is_control) {
            let must = format!("a text of at most {CLEAR_BYTES_MAX} bytes without control characters");
            return Err(self.wrong(key, &must));
        }
        Ok(text)
    }

    /// Short text that must be there.
    pub fn required(&mut self, key: &str) -> Result<String, Refused> {
        let text = self.text(key)?;
        if text.is_empty() { Err(self.missing(key)) } else { Ok(text) }
    }

    /// The error for a field that must be there.
    pub fn missing(&self, key: &str) -> Refused {
        let at = if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) };
        Refused::new("missing_field", format!("{at} is missing"))
    }

    /// One of these words, or absent.
    pub fn word(&mut self, key: &str, words: &[&'static str]) -> Result<Option<&'static str>, Refused> {
        let text = self.text(key)?;
        if text.is_empty() {
            return Ok(None);
        }
        let found = words.iter().find(|w| **w == text);
        found.copied().map(Some).ok_or_else(|| self.wrong(key, &format!("one of {}", words.join(", "))))
    }

    /// A decimal amount as text or number.
    pub fn amount(&mut self, key: &str) -> Result<Option<Money>, Refused> {
        let Some(text) = self.long_text(key)? else { return Ok(None) };
        let amount = Money::parse(&text).map(Some);
        amount.ok_or_else(|| self.wrong(key, "a decimal amount, such as \"12.50\""))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>, Refused> {
        self.typed(key, "true or false")
    }

    /// A value of a type that serde reads.
    pub fn typed<T: Deserialize<'a>>(&mut self, key: &str, must: &str) -> Result<Option<T>, Refused> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| self.wrong(key, must))
    }

    /// A list, each element an object at `<key>[<index>]`.
    pub fn objects(&mut self, key: &str) -> Result<Vec<Fields<'a>>, Refused> {
        let items: Vec<&'a RawValue> = self.typed(key, "a list")?.unwrap_or_default();
        let at = |index| format!("{}.{key}[{index}]", self.at);
        items.into_iter().enumerate().map(|(index, raw)| Self::read(&at(index), raw)).collect()
    }

    /// An object with any content.
    pub fn any(&mut self, key: &str) -> Result<BTreeMap<String, Value>, Refused> {
        let map: Option<Map<String, Value>> = self.typed(key, "an object")?;
        Ok(map.unwrap_or_default().into_iter().collect())
    }

    /// Everything that was not taken.
    pub fn rest(self) -> BTreeMap<String, &'a RawValue> {
        self.map
    }

    /// Refuses what was not taken: a misspelt field must not be lost in silence.
    pub fn finish(self) -> Result<(), Refused> {
        let Some(name) = self.map.keys().next() else { return Ok(()) };
        let shown =
            name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let name = if shown { name.as_str() } else { "a field" };
        Err(Refused::new("unknown_field", format!("{} has no field {name}", place(&self.at))))
    }
}

fn place(at: &str) -> &str {
    if at.is_empty() { "an event" } else { at }
}
