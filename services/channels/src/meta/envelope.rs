//! `{object, entry[{id, time, changes[] | messaging[] | standby[]}]}` taken apart into its elements, each with the
//! smallest envelope around it, in the bytes it came in.

use crate::json::without_lone_surrogates;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// Bytes of `id` and `time`; they are copied into every element's envelope.
const SCALAR_MAX: usize = 64;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    object: String,
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    changes: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    messaging: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    standby: Vec<&'a RawValue>,
}

/// Which list of the entry an element stood in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Comments, posts, mentions, leads; times in seconds.
    Changes,
    /// Conversations; times in milliseconds.
    Messaging,
    /// Conversations that another app answers.
    Standby,
}

/// One change or message.
pub struct Element {
    /// `page` or `instagram`.
    pub object: String,
    /// Page or account it belongs to, as text; empty where the payload says nothing usable.
    pub owner: String,
    /// The entry's time in the list's unit.
    pub time: Option<i64>,
    /// Where it stood.
    pub list: List,
    /// The element.
    pub value: Value,
    /// The envelope with this element alone.
    pub raw: Vec<u8>,
}

/// An entry or element that is no JSON of the known shape.
pub struct Odd {
    /// Stable reason.
    pub reason: &'static str,
    /// The envelope with it alone.
    pub raw: Vec<u8>,
}

/// All elements in order, and what could not be taken apart. `Err` with a reason where the body is no envelope at all.
///
/// # Errors
/// `malformed_json` or `unknown_object`.
pub fn split(body: &[u8]) -> Result<(Vec<Element>, Vec<Odd>), &'static str> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| "malformed_json")?;
    if envelope.object != "page" && envelope.object != "instagram" {
        return Err("unknown_object");
    }
    if envelope.entry.is_empty() {
        return Err("no_entry");
    }
    let (mut elements, mut odd) = (Vec::new(), Vec::new());
    for raw in envelope.entry {
        let whole =
            || format!("{{\"object\":\"{}\",\"entry\":[{}]}}", envelope.object, raw.get()).into_bytes();
        let Ok(entry) = serde_json::from_str::<Entry<'_>>(raw.get()) else {
            odd.push(Odd { reason: "malformed_entry", raw: whole() });
            continue;
        };
        let scalars = [entry.id, entry.time];
        if scalars.iter().flatten().any(|v| v.get().len() > SCALAR_MAX) {
            odd.push(Odd { reason: "malformed_entry", raw: whole() });
            continue;
        }
        let lists = [
            (List::Changes, &entry.changes),
            (List::Messaging, &entry.messaging),
            (List::Standby, &entry.standby),
        ];
        if lists.iter().all(|(_, list)| list.is_empty()) {
            odd.push(Odd { reason: "empty_entry", raw: whole() });
        }
        for (list, items) in lists {
            for item in items {
                let raw = wrapped(&envelope.object, &entry, list, item.get());
                match element(item.get()) {
                    Some(value) => elements.push(Element {
                        object: envelope.object.clone(),
                        owner: owner(entry.id),
                        time: entry.time.and_then(|t| t.get().trim_matches('"').parse().ok()),
                        list,
                        value,
                        raw,
                    }),
                    None => odd.push(Odd { reason: "malformed_element", raw }),
                }
            }
        }
    }
    Ok((elements, odd))
}

/// The element; texts that Meta cut inside an emoji are read with a replacement character.
fn element(text: &str) -> Option<Value> {
    let repaired = || serde_json::from_str(&without_lone_surrogates(text)?).ok();
    serde_json::from_str(text).ok().or_else(repaired)
}

fn owner(id: Option<&RawValue>) -> String {
    let id = id.map_or("", |id| id.get().trim_matches('"'));
    let digits = !id.is_empty() && id != "0" && id.bytes().all(|b| b.is_ascii_digit());
    if digits { id.to_owned() } else { String::new() }
}

fn wrapped(object: &str, entry: &Entry<'_>, list: List, item: &str) -> Vec<u8> {
    let mut out = format!("{{\"object\":\"{object}\",\"entry\":[{{");
    for (name, value) in [("id", entry.id), ("time", entry.time)] {
        if let Some(value) = value {
            out.push_str(&format!("\"{name}\":{},", value.get()));
        }
    }
    let list = match list {
        List::Changes => "changes",
        List::Messaging => "messaging",
        List::Standby => "standby",
    };
    out.push_str(&format!("\"{list}\":[{item}]}}]}}"));
    out.into_bytes()
}
