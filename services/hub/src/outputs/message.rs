//! A change as a message, and what a message tells whoever publishes next.

use serde::Serialize;
use serde_json::Value;
use tributary_core::{
    change::{Change, ChangeKind},
    ids::{Cursor, CustomerId},
};
use tributary_eventlog::pipe::Message;

/// Everything up to here was published before: where the next one goes on.
const AFTER: &str = "after";
/// How far the publisher had folded: ask any node with `min_position=` of it.
const POSITION: &str = "position";
/// As in the payload.
const VERSION: &str = "version";

/// The attributes that tell whoever publishes next.
pub const TOLD: [&str; 3] = [AFTER, POSITION, VERSION];

/// How far others have published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Everything up to here is out.
    pub after: Cursor,
    /// Whoever has folded so much gives later versions than all that are out.
    pub position: Cursor,
}

impl Published {
    /// From the last messages of each partition; `None` where nobody has published anything. What others than hubs wrote
    /// has no such attributes.
    #[must_use]
    pub fn of(newest: &[Vec<Option<String>>]) -> Option<Self> {
        let all = newest.iter().filter_map(|values| {
            let [after, position, version] = values.as_slice() else { return None };
            let version: u64 = version.as_deref()?.parse().ok()?;
            let cursor = |text: &Option<String>| text.as_deref()?.parse::<Cursor>().ok();
            Some((version, Self { after: cursor(after)?, position: cursor(position)? }))
        });
        // One after another they published, each knowing all before: the latest knows most.
        all.max_by_key(|(version, _)| *version).map(|(_, published)| published)
    }
}

/// Where messages of one page stand.
pub struct Page<'a> {
    /// Everything up to here is out before the page.
    pub after: &'a Cursor,
    /// How far this node had folded when it was read.
    pub position: &'a Cursor,
    /// No version that this node gives is less: others gave up to it.
    pub floor: u64,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    change: &'a Change,
    /// Who has taken in this customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    into: Option<CustomerId>,
    position: &'a Cursor,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<&'a Value>,
}

/// The messages of a change: one for its customer, and one for each that went into it, so that nothing older stays the
/// newest of theirs.
#[must_use]
pub fn messages(change: &Change, view: Option<&Value>, page: &Page<'_>) -> Vec<Message> {
    let mut change = change.clone();
    if change.version <= page.floor {
        change.version = page.floor;
    }
    // What another node told before has a number of that node.
    if change.follows <= page.floor {
        change.follows = 0;
    }
    let mut all = vec![message(&change, None, view, page)];
    if change.kind == ChangeKind::Merged {
        for absorbed in &change.from {
            let mut gone = Change { customer: *absorbed, follows: 0, from: Vec::new(), ..change.clone() };
            gone.id = Change::id_of(gone.kind, gone.customer, gone.caused_by);
            all.push(message(&gone, Some(change.customer), None, page));
        }
    }
    all
}

fn message(change: &Change, into: Option<CustomerId>, view: Option<&Value>, page: &Page<'_>) -> Message {
    let told = Told { change, into, position: page.position, view };
    let kind = serde_json::to_value(change.kind).unwrap_or_default();
    let attributes = [
        ("id", change.id.clone()),
        ("source", "/customers".to_owned()),
        ("type", format!("tributary.v1.customer.{}", kind.as_str().unwrap_or_default())),
        ("time", change.at.to_string()),
        (AFTER, page.after.to_string()),
        (POSITION, page.position.to_string()),
        (VERSION, change.version.to_string()),
    ];
    Message {
        subject: change.customer.to_string(),
        attributes: attributes.map(|(name, value)| (name.into(), value)).into(),
        payload: serde_json::to_vec(&told).unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_core::{
        ids::{EventId, Position},
        time::Micros,
    };

    fn customer(n: u8) -> CustomerId {
        CustomerId { event: EventId::derive("k", "a", &n.to_string(), 0, 0), ordinal: 0 }
    }

    fn change(kind: ChangeKind, version: u64, follows: u64) -> Change {
        let caused_by = EventId::derive("k", "a", "cause", 0, 0);
        let id = Change::id_of(kind, customer(0), caused_by);
        let from = if kind == ChangeKind::Merged { vec![customer(1), customer(2)] } else { Vec::new() };
        let at = Micros(0);
        Change { id, kind, customer: customer(0), version, follows, caused_by, at, from, parts: Vec::new() }
    }

    fn cursor(sequence: u64) -> Cursor {
        Cursor::new([Position { origin: 1, sequence }])
    }

    #[test]
    fn whoever_comes_next_reads_where_to_go_on() {
        let (after, position) = (cursor(7), cursor(9));
        let page = Page { after: &after, position: &position, floor: 0 };
        let told = messages(&change(ChangeKind::Updated, 9, 3), None, &page);
        let values = |message: &Message| -> Vec<Option<String>> {
            let find =
                |name: &str| message.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            TOLD.iter().map(|name| find(name)).collect()
        };
        let newest = values(&told[0]);
        let earlier = vec![Some(cursor(1).to_string()), Some(cursor(2).to_string()), Some("2".to_owned())];
        let strange = vec![None, Some("x".to_owned()), None];
        let published = Published::of(&[strange.clone(), newest, earlier]);
        assert_eq!(published, Some(Published { after, position }));
        assert_eq!(Published::of(&[strange]), None);
    }

    #[test]
    fn versions_rise_over_nodes_and_whoever_was_taken_in_is_told() {
        let (after, position) = (cursor(7), cursor(9));
        let page = Page { after: &after, position: &position, floor: 20 };
        let told = |kind, version, follows| -> Vec<Value> {
            let all = messages(&change(kind, version, follows), None, &page);
            all.iter().map(|m| serde_json::from_slice(&m.payload).expect("JSON")).collect()
        };
        let first = told(ChangeKind::Updated, 12, 3).remove(0);
        assert_eq!((&first["version"], &first["follows"]), (&20.into(), &0.into()));
        let later = told(ChangeKind::Updated, 25, 21).remove(0);
        assert_eq!((&later["version"], &later["follows"]), (&25.into(), &21.into()));
        let merged = told(ChangeKind::Merged, 30, 25);
        let whom: Vec<_> = merged.iter().map(|m| m["customer"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(whom, [customer(0), customer(1), customer(2)].map(|c| c.to_string()));
        assert_eq!(merged[1]["into"], customer(0).to_string());
        assert!(
            merged[0].get("into").is_none() && merged[0]["from"].as_array().is_some_and(|f| f.len() == 2)
        );
    }
}
