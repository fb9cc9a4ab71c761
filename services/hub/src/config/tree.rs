//! The configuration as a tree of values that know where they were given: the file's, with the environment's laid over it.

use super::place::{Diagnostic, Origin};
use serde_json::Value as Json;
use std::{collections::BTreeMap, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A table's entries.
pub type Table = BTreeMap<String, Node>;

/// Environment variables that override settings begin with this.
const PREFIX: &str = "TRIBUTARY__";

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where the value stands.
    pub at: Origin,
    /// Where its key stands; the value's place for items of a list.
    pub key_at: Origin,
}

/// A TOML value; date-times as text, since no setting is one.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text.
    Text(String),
    /// Whole number.
    Whole(i64),
    /// Number with a fraction.
    Real(f64),
    /// `true` or `false`.
    Flag(bool),
    /// Date or time, as it was written.
    Moment(String),
    /// List.
    List(Vec<Node>),
    /// Table.
    Table(Table),
}

impl Value {
    /// As JSON, the form adapters take.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text(text) | Self::Moment(text) => text.clone().into(),
            Self::Whole(number) => (*number).into(),
            Self::Real(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Table(table) => table.iter().map(|(k, n)| (k.clone(), n.value.to_json())).collect(),
        }
    }

    /// As one line of TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => toml::Value::from(text.as_str()).to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Real(number) => toml::Value::from(*number).to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Moment(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.to_toml()).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(table) => {
                let pairs: Vec<String> =
                    table.iter().map(|(k, n)| format!("{} = {}", quoted_key(k), n.value.to_toml())).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }
}

/// A key as TOML writes it: bare where that is allowed.
#[must_use]
pub fn quoted_key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { toml::Value::from(key).to_string() }
}

/// The file's tree. Problems of syntax go to `problems`.
pub fn parse(text: &str, problems: &mut Vec<Diagnostic>) -> Table {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = Origin::File(error.span().unwrap_or_default());
        let problem = error.message().to_owned();
        problems.push(Diagnostic { code: "toml_syntax", key: String::new(), problem, remedy: None, at });
    }
    let mut convert = Convert { environment: None, problems };
    convert.table(document.get_ref(), "")
}

struct Convert<'a> {
    /// Set while the value of this variable is converted.
    environment: Option<Arc<str>>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Convert<'_> {
    fn origin<T>(&self, spanned: &Spanned<T>) -> Origin {
        self.environment.clone().map_or(Origin::File(spanned.span()), Origin::Environment)
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Table {
        let mut out = Table::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let mut node = self.node(value, &path);
            node.key_at = self.origin(key);
            out.insert(name, node);
        }
        out
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, path: &str) -> Node {
        let at = self.origin(value);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
            DeValue::Float(number) => Value::Real(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Integer(number) => {
                Value::Whole(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
                    let problem = "is too large a number".to_owned();
                    let (key, at) = (path.to_owned(), at.clone());
                    self.problems.push(Diagnostic { code: "bad_value", key, problem, remedy: None, at });
                    0
                }))
            }
            DeValue::Array(items) => Value::List(items.iter().map(|item| self.node(item, path)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table, path)),
        };
        Node { value, key_at: at.clone(), at }
    }
}

/// Lays the `TRIBUTARY__SECTION__KEY` variables over the tree: segments are compared without case and with `-` as `_`; a
/// value that reads as TOML is that, any other is text.
pub fn overlay(root: &mut Table, environment: &BTreeMap<String, String>, problems: &mut Vec<Diagnostic>) {
    for (name, raw) in environment.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let origin: Arc<str> = name.as_str().into();
        let segments: Vec<String> =
            name.get(PREFIX.len()..).unwrap_or_default().split("__").map(str::to_ascii_lowercase).collect();
        let mut node = environment_value(raw, &origin, problems);
        let at = Origin::Environment(origin.clone());
        node.key_at = at.clone();
        if let Err(problem) = place(root, &segments, node) {
            let key = segments.join(".");
            let remedy = Some("the form is TRIBUTARY__SECTION__KEY, with `_` for `-`".to_owned());
            problems.push(Diagnostic { code: "bad_override", key, problem, remedy, at });
        }
    }
}

fn environment_value(raw: &str, origin: &Arc<str>, problems: &mut Vec<Diagnostic>) -> Node {
    match DeValue::parse(raw.trim()) {
        Ok(value) => Convert { environment: Some(origin.clone()), problems }.node(&value, ""),
        Err(_) => {
            let at = Origin::Environment(origin.clone());
            Node { value: Value::Text(raw.to_owned()), key_at: at.clone(), at }
        }
    }
}

fn place(root: &mut Table, segments: &[String], node: Node) -> Result<(), String> {
    let Some((last, path)) = segments.split_last() else { return Err("names no setting".into()) };
    if segments.iter().any(String::is_empty) {
        return Err("has an empty segment".into());
    }
    let mut table = root;
    let mut parent = "";
    for segment in path {
        let key = existing(table, segment).unwrap_or_else(|| fresh(parent, segment));
        let entry = table.entry(key).or_insert_with(|| Node {
            value: Value::Table(Table::new()),
            at: node.at.clone(),
            key_at: node.key_at.clone(),
        });
        parent = segment;
        table = match &mut entry.value {
            Value::Table(inner) => inner,
            _ => return Err(format!("`{segment}` is no section")),
        };
    }
    let key = existing(table, last).unwrap_or_else(|| fresh(parent, last));
    table.insert(key, node);
    Ok(())
}

fn existing(table: &Table, segment: &str) -> Option<String> {
    table.keys().find(|key| key.to_ascii_lowercase().replace('-', "_") == segment).cloned()
}

/// The key of something the file does not have. Names of channels have `-` and never `_`.
fn fresh(parent: &str, segment: &str) -> String {
    if parent == "channels" { segment.replace('_', "-") } else { segment.to_owned() }
}
