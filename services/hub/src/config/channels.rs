//! `[channels.NAME]`: the shell's half. Resolves secrets, hands the table to the kind's adapter and finds the place of what
//! the adapter refuses.

use super::{
    place::Origin,
    reader::{Gathered, Shown},
    secret,
    tree::{Node, Table, Value, quoted_key},
};
use crate::outbound::Address;
use std::collections::BTreeMap;
use tributary_channels::settings::{self, Channel, Settings, SettingsError};
use tributary_core::draft::Purchases;

/// Longest name of a channel: it is a label of metrics and a segment of addresses.
const NAME_MAX: usize = 64;

const ADDRESS_UNSAID: &str = "needs `[hub] trusted_proxies` to say whose address counts; 0 where clients reach the hub \
                              directly, else the number of proxies in front that append to X-Forwarded-For";

/// Builds every channel, in the order of their names.
pub fn build(
    root: &Table,
    hub: &super::Hub,
    environment: &BTreeMap<String, String>,
    gathered: &mut Gathered,
) -> Vec<Channel> {
    let Some(node) = root.get("channels") else { return Vec::new() };
    let Value::Table(table) = &node.value else {
        let problem = "must be tables, written [channels.NAME]".to_owned();
        gathered.report("bad_value", "channels", &node.key_at, problem, None);
        return Vec::new();
    };
    let mut channels: Vec<Channel> =
        table.iter().filter_map(|(name, node)| channel(name, node, hub, environment, gathered)).collect();
    // Where one channel attaches, the others are what it attaches to.
    if channels.iter().any(|channel| channel.context.purchases == Purchases::Attach) {
        for channel in channels.iter_mut().filter(|c| c.context.purchases == Purchases::Alone) {
            channel.context.purchases = Purchases::Count;
        }
    }
    channels
}

fn channel(
    name: &str,
    node: &Node,
    hub: &super::Hub,
    environment: &BTreeMap<String, String>,
    gathered: &mut Gathered,
) -> Option<Channel> {
    let path = format!("channels.{name}");
    if !is_name(name) {
        let problem = format!("a channel's name is 1 to {NAME_MAX} of a-z, 0-9 and -, and no - in front");
        gathered.report("bad_name", &path, &node.key_at, problem, None);
        return None;
    }
    let Value::Table(table) = &node.value else {
        let problem = format!("must be a table, written [{path}]");
        gathered.report("bad_value", &path, &node.key_at, problem, None);
        return None;
    };
    show(&path, table, gathered);
    let before = gathered.problems.len();
    let values = secret::resolve(table, &path, environment, &mut gathered.problems);
    if gathered.problems.len() > before {
        // The adapter would only complain of the secrets that could not be resolved.
        return None;
    }
    let settings = Settings::new(name, values, &hub.time_zone, hub.default_region.as_str());
    match settings::build(settings).and_then(checked) {
        Ok(channel) => {
            let pace = channel.adapter.pace().unwrap_or_default();
            if pace.per_address.is_some() && hub.trusted_proxies.is_none() {
                // By default everybody behind a proxy would count as one sender.
                refuse(&path, node, table, &SettingsError::new("rate", ADDRESS_UNSAID), gathered);
                return None;
            }
            Some(channel)
        }
        Err(error) => {
            refuse(&path, node, table, &error, gathered);
            None
        }
    }
}

/// What only the shell can check: whether addresses can be opened.
fn checked(channel: Channel) -> Result<Channel, SettingsError> {
    if let Some(url) = &channel.outward.forward {
        Address::parse(url).map_err(|problem| SettingsError::new("forward", problem))?;
    }
    if let Some(lookup) = channel.adapter.ask_profile("U") {
        Address::parse(&lookup.url).map_err(|problem| SettingsError::new("profile_url", problem))?;
    }
    if let Some(login) = channel.adapter.login() {
        if login.keys.starts_with("http") {
            Address::parse(&login.keys).map_err(|problem| SettingsError::new("login_keys", problem))?;
        } else if crate::login::Keys::read(login.keys.as_bytes()).is_none() {
            let problem = "is no JSON set of keys (JWKS); give an address, or \"file:PATH\" of one";
            return Err(SettingsError::new("login_keys", problem));
        }
    }
    Ok(channel)
}

/// Whether a channel may have this name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && !name.is_empty()
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The adapter names a key; the file knows its line. An absent key is shown at the nearest table that is there.
fn refuse(path: &str, node: &Node, table: &Table, error: &SettingsError, gathered: &mut Gathered) {
    let unknown = error.problem.starts_with("is not a known setting");
    let at = match find(table, &error.key) {
        Some(found) if unknown => found.key_at.clone(),
        Some(found) => found.at.clone(),
        None => nearest(node, table, &error.key),
    };
    let code = if unknown { "unknown_key" } else { "bad_value" };
    // Adapters write "what is wrong; what would be right".
    let (problem, remedy) = match error.problem.split_once("; ") {
        Some((problem, remedy)) => (problem, Some(remedy.to_owned())),
        None => (error.problem.as_str(), None),
    };
    gathered.report(code, &format!("{path}.{}", error.key), &at, problem.to_owned(), remedy);
}

fn find<'a>(table: &'a Table, key: &str) -> Option<&'a Node> {
    if let Some(node) = table.get(key) {
        return Some(node);
    }
    // Keys may hold dots themselves, so every split is tried.
    key.match_indices('.').find_map(|(at, _)| {
        let (head, rest) = (key.get(..at)?, key.get(at + 1..)?);
        inside(table.get(head)?, rest)
    })
}

fn inside<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Table(table) => find(table, key),
        Value::List(items) => {
            let (index, rest) = key.split_once('.').map_or((key, None), |(index, rest)| (index, Some(rest)));
            let item = items.get(index.parse::<usize>().ok()?)?;
            rest.map_or(Some(item), |rest| inside(item, rest))
        }
        _ => None,
    }
}

fn nearest(node: &Node, table: &Table, key: &str) -> Origin {
    let mut key = key;
    while let Some((front, _)) = key.rsplit_once('.') {
        if let Some(found) = find(table, front) {
            return found.key_at.clone();
        }
        key = front;
    }
    node.key_at.clone()
}

fn show(path: &str, table: &Table, gathered: &mut Gathered) {
    for (key, node) in table {
        let value = covered(key, &node.value, true);
        let (section, key) = (path.to_owned(), quoted_key(key));
        gathered.shown.push(Shown { section, key, value: value.to_toml(), origin: node.at.clone() });
    }
}

/// A value with every secret that stands in it covered. References are no secrets.
fn covered(key: &str, value: &Value, top: bool) -> Value {
    let nodes = |node: &Node, key: &str, top| Node { value: covered(key, &node.value, top), ..node.clone() };
    match value {
        Value::Text(text) if secret::is_reference(text) => value.clone(),
        Value::List(items) => Value::List(items.iter().map(|node| nodes(node, key, top)).collect()),
        Value::Table(table) => {
            Value::Table(table.iter().map(|(k, node)| (k.clone(), nodes(node, k, false))).collect())
        }
        _ if top && secret::is_secret(key) => Value::Text("(redacted)".to_owned()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{find, is_name, refuse};
    use crate::config::{Source, place::ConfigErrors, reader::Gathered, tree};
    use tributary_channels::settings::SettingsError;

    const TEXT: &str =
        "[channels.till]\ncolumns = { total = 7 }\nrows = [{ a = 1 }, { a = 2 }]\n\"a.b\" = 3\n";

    #[test]
    fn an_adapters_key_is_found_in_the_file() {
        for (key, problem, place, code) in [
            ("columns.total", "must be a text; such as \"sum\"", "2:21", "bad_value"),
            ("columns.date", "is missing", "2:1", "bad_value"),
            ("columns", "is not a known setting; known: kind", "2:1", "unknown_key"),
            ("rows.1.a", "must be a text", "3:26", "bad_value"),
            ("a.b", "must be a text", "4:9", "bad_value"),
            ("secret", "is missing", "1:11", "bad_value"),
        ] {
            let mut gathered = Gathered::default();
            let root = tree::parse(TEXT, &mut gathered.problems);
            let node = find(&root, "channels.till").unwrap();
            let tree::Value::Table(table) = &node.value else { panic!() };
            refuse("channels.till", node, table, &SettingsError::new(key, problem), &mut gathered);
            let source = Source { name: "t.toml".into(), text: TEXT.into() };
            let errors = ConfigErrors::new(source, gathered.problems);
            let shown = errors.to_string();
            assert!(shown.starts_with(&format!("error[{code}]: channels.till.{key}: ")), "{shown}");
            assert!(shown.contains(&format!("--> t.toml:{place}\n")), "{key}: {shown}");
            assert_eq!(problem.contains(';'), shown.contains("= help: "), "{shown}");
        }
    }

    #[test]
    fn names_of_channels() {
        for (name, fits) in [
            ("line-main", true),
            ("0", true),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a_b", false),
            ("a/b", false),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(is_name(name), fits, "{name}");
        }
    }
}
