//! Secrets in configuration: written as `env:NAME` or `file:PATH`, never as themselves; resolved once, when it is read.

use super::{
    Environment,
    place::Diagnostic,
    reader::Reader,
    tree::{Node, Table, Value},
};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use tributary_channels::kit::STAND_IN_SECRET;

/// Code of a secret that stands in the configuration itself.
pub const PLAIN: &str = "plain_secret";

/// Largest secret file in bytes; a PEM key is under 10 KiB, so more is a wrong path.
const FILE_MAX: u64 = 64 * 1024;

/// Keys of a channel that hold secrets. Others ending in `_secret` do too; `fact_key` and the like do not.
const NAMES: [&str; 8] =
    ["secret", "key", "access_token", "app_secret", "verify_token", "signature_key", "token", "password"];

/// Whether a key of this name holds a secret.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    NAMES.contains(&key) || key.ends_with("_secret")
}

/// Whether a text says where a secret is.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

/// A channel's table as JSON with every reference replaced by what it names. What cannot be resolved goes to `problems`.
pub fn resolve(
    table: &BTreeMap<String, Node>,
    path: &str,
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<Diagnostic>,
) -> Map<String, Json> {
    let mut resolver = Resolver { environment, problems };
    table
        .iter()
        .map(|(key, node)| (key.clone(), resolver.node(node, &format!("{path}.{key}"), is_secret(key))))
        .collect()
}

/// Makes every reference to a channel's secret one to a stand-in; gives the environment that holds it.
#[must_use]
pub fn stand_in(root: &mut Table, environment: &Environment) -> Environment {
    const NAME: &str = "TRIBUTARY_STAND_IN_SECRET";
    let channels = root.get_mut("channels").map(|node| &mut node.value);
    let tables = match channels {
        Some(Value::Table(channels)) => channels.values_mut().collect(),
        _ => Vec::new(),
    };
    for node in tables {
        let Value::Table(table) = &mut node.value else { continue };
        for (_, node) in table.iter_mut().filter(|(key, _)| is_secret(key)) {
            let nodes = match &mut node.value {
                Value::List(items) => items.iter_mut().collect(),
                _ => vec![node],
            };
            for node in nodes {
                if matches!(&node.value, Value::Text(text) if is_reference(text)) {
                    node.value = Value::Text(format!("env:{NAME}"));
                }
            }
        }
    }
    let mut environment = environment.clone();
    environment.insert(NAME.to_owned(), STAND_IN_SECRET.to_owned());
    environment
}

/// The secret at `key` of a fixed section; `None` without one, or with a problem reported.
pub fn of(reader: &mut Reader<'_>, key: &'static str, environment: &Environment) -> Option<String> {
    let node = reader.node(key)?;
    let path = reader.name_of(key);
    let mut resolver = Resolver { environment, problems: &mut reader.gathered().problems };
    let found = resolver.node(node, &path, true).as_str().map(str::to_owned);
    let found = found.filter(|secret| !secret.is_empty())?;
    reader.show(key, node.value.to_toml(), node.at.clone());
    Some(found)
}

struct Resolver<'a> {
    environment: &'a BTreeMap<String, String>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    fn node(&mut self, node: &Node, path: &str, secret: bool) -> Json {
        match &node.value {
            Value::Text(text) if is_reference(text) => Json::String(self.reference(node, path, text)),
            Value::List(items) => items.iter().map(|item| self.node(item, path, secret)).collect(),
            // Inside a table `key` may be the name of a column: only the channel's own keys are held to the rule.
            Value::Table(table) => Json::Object(
                table.iter().map(|(k, n)| (k.clone(), self.node(n, &format!("{path}.{k}"), false))).collect(),
            ),
            other if secret => {
                if !matches!(other, Value::Text(text) if text.is_empty()) {
                    let name = path.rsplit('.').next().unwrap_or_default();
                    self.report(node, path, PLAIN, "a secret must not stand in the configuration".to_owned());
                    self.remedy(format!(
                        "keep it in an environment variable or a file: {name} = \"env:NAME\" or \"file:PATH\""
                    ));
                }
                Json::String(String::new())
            }
            other => other.to_json(),
        }
    }

    /// The value behind a reference; empty, with a problem reported, if there is none.
    fn reference(&mut self, node: &Node, path: &str, text: &str) -> String {
        let found = match text.split_once(':') {
            Some(("env", name)) => match self.environment.get(name) {
                Some(value) if !value.is_empty() => Ok(value.clone()),
                Some(_) => Err(format!("the environment variable {name} is empty")),
                None => Err(format!("the environment variable {name} is not set")),
            },
            Some((_, file)) => read_file(file),
            None => return text.to_owned(),
        };
        found.unwrap_or_else(|problem| {
            self.report(node, path, "secret_missing", problem);
            String::new()
        })
    }

    fn report(&mut self, node: &Node, path: &str, code: &'static str, problem: String) {
        let (key, at) = (path.to_owned(), node.at.clone());
        self.problems.push(Diagnostic { code, key, problem, remedy: None, at });
    }

    fn remedy(&mut self, remedy: String) {
        if let Some(last) = self.problems.last_mut() {
            last.remedy = Some(remedy);
        }
    }
}

fn read_file(path: &str) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| format!("cannot read {path}: {e}"))?.len();
    if size > FILE_MAX {
        return Err(format!("{path} has {size} bytes, a secret file has at most {FILE_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?;
    // Editors and `echo` end files with a newline that is no part of the secret.
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err(format!("{path} is empty")) } else { Ok(secret.to_owned()) }
}

/// A line for an excerpt: control characters made visible, `marked` (first character, count) covered, and whatever stands
/// after a secret's `=` covered unless it is a reference. The number of characters stays the same.
#[must_use]
pub fn hide_in_line(line: &str, marked: Option<(usize, usize)>) -> String {
    let mut characters: Vec<char> = line
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '·',
            c => c,
        })
        .collect();
    if let Some((start, count)) = marked {
        cover(characters.iter_mut().skip(start).take(count));
    }
    for at in (0..characters.len()).filter(|at| characters.get(*at) == Some(&'=')).collect::<Vec<_>>() {
        let (before, after) = characters.split_at_mut(at + 1);
        let key: String = before.iter().rev().skip(1).skip_while(|c| **c == ' ').copied().collect();
        let name: String = key
            .trim_start_matches(['"', '\''])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .collect();
        let name: String = name.chars().rev().collect();
        let value: String = after.iter().collect();
        if is_secret(&name) && !is_reference(value.trim_start_matches([' ', '"', '\'', '['])) {
            cover(after.iter_mut());
        }
    }
    characters.into_iter().collect()
}

fn cover<'a>(characters: impl Iterator<Item = &'a mut char>) {
    for c in characters {
        if !matches!(*c, ' ' | '"' | '\'' | '[' | ']' | '{' | '}' | ',') {
            *c = '*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_secret;
    use tributary_channels::REGISTRY;

    #[test]
    fn exactly_the_secrets_of_all_kinds_are_held_to_references() {
        for registration in REGISTRY {
            for setting in registration.all_settings() {
                assert_eq!(
                    is_secret(setting.name),
                    setting.secret,
                    "{}: {}",
                    registration.kind,
                    setting.name
                );
            }
        }
    }
}
