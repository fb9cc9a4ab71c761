//! Reads one table of the tree: typed, with defaults, remembering what was asked so that unknown keys are refused.

use super::{
    place::{Diagnostic, Origin},
    tree::{Node, Table, Value},
};

/// One row of the effective configuration.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Section in TOML notation, such as `hub` or `channels.line-main`.
    pub section: String,
    /// Key inside the section.
    pub key: String,
    /// Value as TOML, secrets covered.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// What reading gathers besides the values.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Everything wrong.
    pub problems: Vec<Diagnostic>,
    /// Everything in effect, in the order of the sections.
    pub shown: Vec<Shown>,
}

impl Gathered {
    /// Notes a problem of a setting.
    pub fn report(
        &mut self,
        code: &'static str,
        key: &str,
        at: &Origin,
        problem: String,
        remedy: Option<String>,
    ) {
        self.problems.push(Diagnostic { code, key: key.to_owned(), problem, remedy, at: at.clone() });
    }
}

/// A table being read.
pub struct Reader<'a> {
    table: Option<&'a Table>,
    section: String,
    asked: Vec<&'static str>,
    gathered: &'a mut Gathered,
}

impl<'a> Reader<'a> {
    /// Reads section `section` whose table is `node`; nothing is as good as an empty table.
    pub fn new(section: &str, node: Option<&'a Node>, gathered: &'a mut Gathered) -> Self {
        let table = match node.map(|node| (&node.value, node)) {
            None => None,
            Some((Value::Table(table), _)) => Some(table),
            Some((_, node)) => {
                gathered.report("bad_value", section, &node.key_at, "must be a table".into(), None);
                None
            }
        };
        Self { table, section: section.to_owned(), asked: Vec::new(), gathered }
    }

    /// The node at `key`, noted as asked for.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.table.and_then(|table| table.get(key))
    }

    /// Where problems go.
    pub fn gathered(&mut self) -> &mut Gathered {
        self.gathered
    }

    /// The name of a setting in this section.
    #[must_use]
    pub fn name_of(&self, key: &str) -> String {
        self.path(key)
    }

    /// Text at `key`. `read` turns it into the value or says what it must be.
    pub fn text<T>(
        &mut self,
        key: &'static str,
        default: &str,
        mut read: impl FnMut(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(node) = self.node(key) else {
            if !default.is_empty() {
                self.show(key, Value::Text(default.to_owned()).to_toml(), Origin::Default);
            }
            return read(default).ok();
        };
        let text = match (&node.value, &node.at) {
            (Value::Text(text), _) => text.clone(),
            // `TRIBUTARY__HUB__NAME=7` is meant as text although it reads as a number.
            (
                Value::Whole(_) | Value::Real(_) | Value::Flag(_) | Value::Moment(_),
                Origin::Environment(_),
            ) => node.value.to_toml(),
            _ => return self.refuse(key, node, "must be a text in quotes".into()),
        };
        match read(&text) {
            Ok(value) => {
                self.show(key, Value::Text(text).to_toml(), node.at.clone());
                Some(value)
            }
            Err(problem) => self.refuse(key, node, problem),
        }
    }

    /// Whole number at `key` within `range`.
    pub fn whole(&mut self, key: &'static str, default: u64, range: std::ops::RangeInclusive<u64>) -> u64 {
        let Some(node) = self.node(key) else {
            self.show(key, default.to_string(), Origin::Default);
            return default;
        };
        let number = match &node.value {
            Value::Whole(number) => u64::try_from(*number).ok().filter(|number| range.contains(number)),
            _ => None,
        };
        match number {
            Some(number) => {
                self.show(key, number.to_string(), node.at.clone());
                number
            }
            None => {
                let problem = format!("must be a whole number from {} to {}", range.start(), range.end());
                self.refuse(key, node, problem).unwrap_or(default)
            }
        }
    }

    /// `true` or `false` at `key`.
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(node) = self.node(key) else {
            self.show(key, default.to_string(), Origin::Default);
            return default;
        };
        match &node.value {
            Value::Flag(flag) => {
                self.show(key, flag.to_string(), node.at.clone());
                *flag
            }
            _ => self.refuse(key, node, "must be true or false".into()).unwrap_or(default),
        }
    }

    /// List of texts at `key`.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let texts = match &node.value {
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        match texts {
            Some(texts) => {
                self.show(key, node.value.to_toml(), node.at.clone());
                texts
            }
            None => self.refuse(key, node, "must be a list of texts".into()).unwrap_or_default(),
        }
    }

    /// Notes what is in effect.
    pub fn show(&mut self, key: &str, value: String, origin: Origin) {
        let section = self.section.clone();
        self.gathered.shown.push(Shown { section, key: key.to_owned(), value, origin });
    }

    fn refuse<T>(&mut self, key: &str, node: &Node, problem: String) -> Option<T> {
        let path = self.path(key);
        self.gathered.report("bad_value", &path, &node.at, problem, None);
        None
    }

    fn path(&self, key: &str) -> String {
        if self.section.is_empty() { key.to_owned() } else { format!("{}.{key}", self.section) }
    }

    /// Refuses every key that was not asked for.
    pub fn finish(self) {
        for (key, node) in self.table.into_iter().flatten() {
            if self.asked.contains(&key.as_str()) {
                continue;
            }
            let known = self.asked.join(", ");
            let near = self.asked.iter().find(|name| near(name, key));
            let remedy = match near {
                Some(name) => format!("did you mean `{name}`? known here: {known}"),
                None => format!("known here: {known}"),
            };
            let path = self.path(key);
            let problem = "is not a known setting".to_owned();
            self.gathered.report("unknown_key", &path, &node.key_at, problem, Some(remedy));
        }
    }
}

/// Whether one is a slip of the other: at most two letters added, dropped, changed or swapped.
fn near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(&b) {
            let here = (left + 1).min(*slot + 1).min(diagonal + usize::from(x != y));
            diagonal = std::mem::replace(slot, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().is_some_and(|distance| *distance <= 2 && *distance < a.len().max(b.len()))
}
