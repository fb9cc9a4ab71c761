//! `[identity]`: the identity policy, as far as it differs from the default one.
//!
//! ```toml
//! [identity]
//! fanout_cap = 1
//! suspicious_receipts = 10       # more on one identifier on one day are suspicious; 0 = never
//! suspicious_stores = 5
//! allow = ["test-word"]          # blocklist patterns that are switched off
//! ours = ["email=hello@shop.example", "phone=02-2700-1234"]
//! [identity.types.phone]
//! max = 2
//! [identity.types.store-card]    # a type of one's own
//! like = "member"
//! rank = 2
//! ```

use super::{
    ConfigErrors, Source,
    place::Origin,
    reader::{Gathered, Reader},
    tree::{self, Node, Table, Value},
};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    fold::receipts::RECEIPTS_MAX,
    identity::policy::{Policy, TypePolicy},
    normalise::{Normal, PATTERNS, Region, normalise},
    token::IndexKey,
};

/// Ranks are small numbers; more would be a slip.
const RANK: std::ops::RangeInclusive<u64> = 1..=1_000;
/// A customer with more identifiers of a type than this is no person.
const MAX: std::ops::RangeInclusive<u64> = 1..=10_000;
/// Links of a component: fewer than a large family has would quarantine people, more would stall the projection.
const LINKS: std::ops::RangeInclusive<u64> = 100..=1_000_000;
/// Receipts and stores of a day; nobody counts farther. 0 switches off.
const RECEIPTS: std::ops::RangeInclusive<u64> = 0..=RECEIPTS_MAX as u64 - 1;
/// Longest name of an identifier type.
const TYPE_MAX: usize = 32;

/// The section as written: the policy, and our own identifiers, which become tokens with the hub's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    policy: Policy,
    /// Type, scope, normalised value.
    ours: Vec<(String, String, String)>,
}

impl Written {
    /// The policy under this key, for a hub in this time zone.
    #[must_use]
    pub fn policy(&self, key: &IndexKey, time_zone: &str) -> Policy {
        let ours = self.ours.iter().map(|(kind, scope, value)| key.token(kind, scope, value));
        let day_offset_minutes = crate::policy::day_offset(time_zone);
        Policy { ours: ours.collect(), day_offset_minutes, ..self.policy.clone() }
    }
}

/// Reads `[identity]`; `None` if there is no such section.
pub fn identity(root: &Table, region: Region, gathered: &mut Gathered) -> Option<Written> {
    let node = root.get("identity")?;
    let mut policy = Policy::default();
    let mut r = Reader::new("identity", Some(node), gathered);
    policy.fanout_cap = r.whole("fanout_cap", u64::from(policy.fanout_cap), 1..=1_000) as u32;
    policy.max_identifiers = r.whole("max_identifiers", u64::from(policy.max_identifiers), MAX) as u32;
    policy.birth_dates = r.flag("birth_dates", policy.birth_dates);
    policy.quarantine_links = r.whole("quarantine_links", u64::from(policy.quarantine_links), LINKS) as u32;
    let receipts = u64::from(policy.suspicious_receipts);
    policy.suspicious_receipts = r.whole("suspicious_receipts", receipts, RECEIPTS) as u32;
    let stores = u64::from(policy.suspicious_stores);
    policy.suspicious_stores = r.whole("suspicious_stores", stores, RECEIPTS) as u32;
    r.node("types");
    let names = r.texts("allow");
    let own = r.texts("ours");
    r.finish();
    let within = |key: &str| match &node.value {
        Value::Table(table) => table.get(key),
        _ => None,
    };
    let (types, allow, at_ours) = (within("types"), within("allow"), within("ours"));
    for name in names {
        match PATTERNS.iter().find(|p| p.name == name) {
            Some(pattern) => policy.active_patterns &= !pattern.mark(),
            None => {
                let known: Vec<&str> = PATTERNS.iter().map(|p| p.name).collect();
                let at = allow.map_or(Origin::Default, |node| node.at.clone());
                let problem = format!("`{name}` is no pattern of the blocklist");
                let remedy = Some(format!("patterns: {}", known.join(", ")));
                gathered.report("policy_unknown_pattern", "identity.allow", &at, problem, remedy);
            }
        }
    }
    if let Some(node) = types {
        read_types(node, &mut policy, gathered);
    }
    let mut ours = Vec::with_capacity(own.len());
    for text in own {
        match our_own(&text, region) {
            Ok(identifier) => ours.push(identifier),
            Err(problem) => {
                let at = at_ours.map_or(Origin::Default, |node| node.at.clone());
                gathered.report("bad_value", "identity.ours", &at, problem, None);
            }
        }
    }
    Some(Written { policy, ours })
}

/// `TYPE=VALUE` or `TYPE:SCOPE=VALUE`, normalised.
fn our_own(text: &str, region: Region) -> Result<(String, String, String), String> {
    let form = "must be TYPE=VALUE, such as \"phone=02-2700-1234\"".to_owned();
    let (what, value) = text.split_once('=').ok_or(form)?;
    let (kind, scope) = what.split_once(':').unwrap_or((what, ""));
    match normalise(kind, scope, value, region) {
        Normal::Key { value, .. } => Ok((kind.to_owned(), scope.to_owned(), value)),
        // A shop's line or its service address is no customer's key anyway; it need not be named here.
        Normal::Attribute { reason, .. } | Normal::Reject { reason } => {
            Err(format!("no value of type `{kind}` could be a key like this one: {}", reason.as_str()))
        }
    }
}

/// The policy of a text with an `[identity]` section; other sections of a whole configuration are left alone.
///
/// # Errors
/// Everything that is wrong with the section, in the text's order.
pub fn policy_from_text(source: Source, region: Region) -> Result<Written, ConfigErrors> {
    let mut gathered = Gathered::default();
    let root = tree::parse(&source.text, &mut gathered.problems);
    let policy = if gathered.problems.is_empty() { identity(&root, region, &mut gathered) } else { None };
    if gathered.problems.is_empty() && policy.is_none() {
        let problem = "there is no [identity] section".to_owned();
        let remedy =
            Some("see the README for what it may hold; an empty one is the default policy".to_owned());
        gathered.report("policy_missing", "identity", &Origin::Default, problem, remedy);
    }
    match policy {
        Some(policy) if gathered.problems.is_empty() => Ok(policy),
        _ => Err(ConfigErrors::new(source, gathered.problems)),
    }
}

/// A type's settings as written: what is not written comes from `like`, else from the default policy.
struct Row<'a> {
    node: &'a Node,
    like: Option<String>,
}

fn read_types(node: &Node, policy: &mut Policy, gathered: &mut Gathered) {
    let Value::Table(types) = &node.value else {
        gathered.report("bad_value", "identity.types", &node.key_at, "must be a table".into(), None);
        return;
    };
    let mut written: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for (name, node) in types {
        let path = format!("identity.types.{name}");
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if name != "*" && (name.is_empty() || name.len() > TYPE_MAX || !name.bytes().all(plain)) {
            let problem = "a type's name is 1 to 32 of a-z, 0-9, - and _".to_owned();
            gathered.report("bad_value", &path, &node.key_at, problem, None);
            continue;
        }
        let Value::Table(table) = &node.value else {
            gathered.report("bad_value", &path, &node.key_at, "must be a table".into(), None);
            continue;
        };
        let like = match table.get("like").map(|n| &n.value) {
            Some(Value::Text(like)) => Some(like.clone()),
            _ => None,
        };
        written.insert(name, Row { node, like });
    }
    let defaults = policy.types.clone();
    for (name, entry) in &written {
        let Some(base) = base_of(name, &written, &defaults, gathered) else { continue };
        let row = read_type(name, entry.node, base, gathered);
        policy.types.insert((*name).to_owned(), row);
    }
}

/// The row that a type starts from: its own default, or by `like` that of another type as written.
fn base_of(
    name: &str,
    written: &BTreeMap<&str, Row<'_>>,
    defaults: &BTreeMap<String, TypePolicy>,
    gathered: &mut Gathered,
) -> Option<TypePolicy> {
    let path = format!("identity.types.{name}");
    let at = written.get(name).map_or(Origin::Default, |w| w.node.key_at.clone());
    let (mut chain, mut seen) = (vec![name], BTreeSet::from([name]));
    while let Some(like) = chain.last().and_then(|last| written.get(last)).and_then(|w| w.like.as_deref()) {
        if !seen.insert(like) {
            let problem = format!("`like` goes in a circle: {} -> {like}", chain.join(" -> "));
            let remedy = Some("let one of them say its rank and limits itself".to_owned());
            gathered.report("policy_cycle", &path, &at, problem, remedy);
            return None;
        }
        chain.push(like);
    }
    let root = chain.last().copied().unwrap_or(name);
    let Some(mut row) = defaults.get(root).cloned() else {
        let known: Vec<&str> = defaults.keys().map(String::as_str).collect();
        let problem = format!("`{root}` is no known identifier type");
        let remedy =
            Some(format!("say which one it is like, such as like = \"member\"; known: {}", known.join(", ")));
        gathered.report("policy_unknown_type", &path, &at, problem, remedy);
        return None;
    };
    // From the root's own settings down to, not including, this type's.
    for ancestor in chain.iter().skip(1).rev() {
        if let Some(entry) = written.get(ancestor) {
            row = read_type(ancestor, entry.node, row, &mut Gathered::default());
        }
    }
    Some(row)
}

fn read_type(name: &str, node: &Node, base: TypePolicy, gathered: &mut Gathered) -> TypePolicy {
    let section = format!("identity.types.{name}");
    let mut r = Reader::new(&section, Some(node), gathered);
    r.node("like");
    let row = TypePolicy {
        rank: r.whole("rank", u64::from(base.rank), RANK) as u32,
        max: r.whole("max", u64::from(base.max), MAX) as u32,
        per_scope: r.flag("per_scope", base.per_scope),
        anchor: r.flag("anchor", base.anchor),
        anchor_when_claimed: r.flag("anchor_when_claimed", base.anchor_when_claimed),
        transferable: r.flag("transferable", base.transferable),
    };
    r.finish();
    row
}

#[cfg(test)]
mod tests {
    use super::{Source, policy_from_text};
    use tributary_core::{identity::policy::Policy, normalise::Region, token::IndexKey};

    fn read(text: &str) -> Result<Policy, String> {
        let source = Source { name: "policy.toml".to_owned(), text: text.to_owned() };
        let written = policy_from_text(source, Region::TW).map_err(|e| e.to_string());
        written.map(|written| written.policy(&IndexKey::new(&[7; 32]), "UTC"))
    }

    #[test]
    fn our_own_identifiers_are_tokens_in_any_spelling() {
        let key = IndexKey::new(&[7; 32]);
        let policy = read("[identity]\nours = [\"phone=0928-173-654\", \"email=Amy@Shop.tw\"]").unwrap();
        let wanted = [key.token("phone", "", "+886928173654"), key.token("email", "", "amy@shop.tw")];
        assert_eq!(policy.ours, wanted.into());
        let error = read("[identity]\nours = [\"0928173654\"]").expect_err("no type");
        assert!(error.contains("TYPE=VALUE") && error.contains("2:"), "{error}");
    }

    #[test]
    fn an_empty_section_is_the_default_policy() {
        assert_eq!(read("[identity]"), Ok(Policy::default()));
        assert_eq!(
            read("[hub]\nname = 7\n[identity]"),
            Ok(Policy::default()),
            "other sections are left alone"
        );
    }

    #[test]
    fn what_is_written_differs_and_nothing_else() {
        let policy =
            read("[identity]\nfanout_cap = 3\nallow = [\"test-word\"]\n[identity.types.phone]\nmax = 2")
                .unwrap();
        let mut wanted = Policy { fanout_cap: 3, active_patterns: !(1 << 2), ..Policy::default() };
        wanted.types.get_mut("phone").unwrap().max = 2;
        assert_eq!(policy, wanted);
    }

    #[test]
    fn a_type_like_another_takes_what_it_does_not_say() {
        let text = "[identity.types.card]\nlike = \"loyalty\"\nrank = 9\n[identity.types.loyalty]\nlike = \"member\"\nmax = 2";
        let policy = read(text).unwrap();
        let member = Policy::default().types["member"].clone();
        assert_eq!(policy.types["loyalty"].max, 2);
        assert_eq!(policy.types["loyalty"].rank, member.rank);
        assert_eq!((policy.types["card"].max, policy.types["card"].rank), (2, 9));
        assert_eq!(policy.types["card"].anchor_when_claimed, member.anchor_when_claimed);
        assert_eq!(policy.types["member"], member);
    }

    #[test]
    fn what_is_wrong_is_said_with_code_and_place() {
        for (text, code, place) in [
            ("[identity.types.a]\nlike = \"b\"\n[identity.types.b]\nlike = \"a\"", "policy_cycle", "1:"),
            ("[identity.types.card]\nrank = 3", "policy_unknown_type", "1:"),
            ("[identity.types.card]\nlike = \"nothing\"", "policy_unknown_type", "1:"),
            ("[identity]\nallow = [\"x\"]", "policy_unknown_pattern", "2:"),
            ("[identity]\nfanout_cap = 0", "bad_value", "2:"),
            ("[identity]\nsuspicious_receipts = 100", "bad_value", "2:"),
            ("[identity.types.phone]\nmaximum = 3", "unknown_key", "2:"),
            ("[identity]\nmerge = true", "unknown_key", "2:"),
            ("[hub]", "policy_missing", ""),
            ("[identity", "toml_syntax", "1:"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(code) && error.contains(place), "{text}: {error}");
        }
    }
}
