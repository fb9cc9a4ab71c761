//! A part of an event as the settings give it: tables and lists whose texts are expressions.

use super::{
    expression::{Expression, Failed, HEADER, ITEM, PAYLOAD, Scope, quote, write_json},
    fields::Shape,
};
use crate::settings::SettingsError;
use serde_json::Value;

/// Most entries of a table or list of the settings.
const ENTRIES_MAX: usize = 64;

/// Something that gives a value for each payload.
pub(super) enum Template {
    /// Text that means itself.
    Word(String),
    /// A number or flag of the settings, as JSON.
    Constant(String),
    /// Computed.
    Computed(Box<Expression>),
    /// Names and their templates.
    Table(Vec<(String, Template)>),
    /// An identifier: a table that is left out where its `value` is absent or blank.
    Claim(Vec<(String, Template)>),
    /// One after the other.
    List(Vec<Template>),
}

impl Template {
    /// Reads the setting at `at`.
    pub(super) fn read(
        at: &str,
        value: &Value,
        shape: &'static Shape,
        variables: &[&str],
    ) -> Result<Self, SettingsError> {
        match (value, shape) {
            (Value::String(text), Shape::Word) if is_word(text) => Ok(Self::Word(text.clone())),
            (Value::String(text), _) => Expression::compile(at, text, variables)
                .map(|expression| Self::Computed(Box::new(expression)))
                .map_err(|wrong| SettingsError::new(at, wrong.0)),
            (Value::Bool(_) | Value::Number(_), Shape::Value | Shape::Word | Shape::Any) => {
                Ok(Self::Constant(value.to_string()))
            }
            (Value::Object(map), Shape::Table(known)) => {
                Self::table(at, map, Some(known), variables).map(Self::Table)
            }
            (Value::Object(map), Shape::Claim(known)) => {
                Self::table(at, map, Some(known), variables).map(Self::Claim)
            }
            (Value::Object(map), Shape::Any) => Self::table(at, map, None, variables).map(Self::Table),
            (Value::Array(items), Shape::Each(_) | Shape::Any) if items.len() <= ENTRIES_MAX => {
                let inner = if let Shape::Each(inner) = shape { inner } else { shape };
                let read = |(index, item): (usize, &Value)| {
                    Self::read(&format!("{at}.{index}"), item, inner, variables)
                };
                items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self::List)
            }
            _ => Err(SettingsError::new(at, must_be(shape))),
        }
    }

    /// The entries of a table; `known` are the names it may have.
    fn table(
        at: &str,
        map: &serde_json::Map<String, Value>,
        known: Option<&'static [(&'static str, Shape)]>,
        variables: &[&str],
    ) -> Result<Vec<(String, Self)>, SettingsError> {
        if map.len() > ENTRIES_MAX {
            return Err(SettingsError::new(at, format!("has more than {ENTRIES_MAX} entries")));
        }
        let mut entries = Vec::with_capacity(map.len());
        for (name, value) in map {
            let at = format!("{at}.{name}");
            let shape = match known {
                None => &Shape::Any,
                Some(known) => {
                    known.iter().find(|(n, _)| n == name).map(|(_, shape)| shape).ok_or_else(|| {
                        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                        SettingsError::new(&at, format!("is no field of it; there are: {}", names.join(", ")))
                    })?
                }
            };
            entries.push((name.clone(), Self::read(&at, value, shape, variables)?));
        }
        Ok(entries)
    }

    /// Appends its JSON for this scope; `false` if that is null, which means that there is nothing.
    pub(super) fn write(&self, scope: &Scope<'_>, out: &mut String) -> Result<bool, Failed> {
        match self {
            Self::Word(word) => {
                quote(word, out);
                Ok(true)
            }
            Self::Constant(json) => {
                out.push_str(json);
                Ok(true)
            }
            Self::Computed(expression) => {
                let value = expression.evaluate(scope)?;
                write_json(value.as_ref(), out)
                    .map_err(|what| Failed(format!("{}: {what}", expression.setting)))
            }
            Self::Table(entries) | Self::Claim(entries) => {
                let mut blank = false;
                out.push('{');
                for (index, (name, template)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    quote(name, out);
                    out.push(':');
                    let start = out.len();
                    let there = template.write(scope, out)?;
                    blank |= name == "value" && !(there && is_filled(out.get(start..).unwrap_or_default()));
                }
                out.push('}');
                Ok(!(blank && matches!(self, Self::Claim(_))))
            }
            Self::List(items) => {
                out.push('[');
                let first = out.len();
                for item in items {
                    let before = out.len();
                    if before > first {
                        out.push(',');
                    }
                    if !item.write(scope, out)? && matches!(item, Self::Claim(_)) {
                        out.truncate(before);
                    }
                }
                out.push(']');
                Ok(true)
            }
        }
    }

    /// The word, if it is the same for every payload.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

fn must_be(shape: &Shape) -> &'static str {
    match shape {
        Shape::Value => "must be an expression in quotes; such as 'payload.id'",
        Shape::Word => "must be a plain word or an expression in quotes",
        Shape::Table(_) | Shape::Claim(_) | Shape::Any => {
            "must be a table, or an expression that gives a map"
        }
        Shape::Each(_) => "must be a list of at most 64 entries, or an expression that gives a list",
    }
}

/// Whether a value's JSON says anything: not for a text of spaces.
fn is_filled(json: &str) -> bool {
    !json.strip_prefix('"').is_some_and(|text| text.trim_end_matches('"').trim().is_empty())
}

/// `message.sent`, `TWD`, `prov-1`: a text that begins with a letter and names no variable. Anything else is an expression.
fn is_word(text: &str) -> bool {
    let root = text.split(['.', ':', '/']).next().unwrap_or_default();
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && ![PAYLOAD, ITEM, HEADER, "true", "false", "null"].contains(&root)
}
