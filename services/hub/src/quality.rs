//! How good the identifiers are that channels bring: blanks, placeholders and values that are no identifiers, by channel
//! and store, so that somebody can go to the till that types them.

use crate::hub::Hub;
use serde::Serialize;
use std::collections::BTreeMap;
use tributary_core::{event::Event, normalise::PATTERNS};
use tributary_eventlog::{ReadError, scan};
use tributary_projector::decode;

/// Records between two words about progress.
const PROGRESS_EVERY: u64 = 10_000;

/// Where events come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    channel: String,
    store: String,
}

/// What was counted at one place.
#[derive(Clone, Debug, Default)]
struct Counted {
    events: u64,
    nameless: u64,
    /// By identifier type: how many values were given.
    given: BTreeMap<String, u64>,
    /// By identifier type and finding.
    found: BTreeMap<(String, &'static str, String), u64>,
}

/// One finding.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Finding {
    /// Channel.
    pub channel: String,
    /// Store; empty where the channel names none.
    pub store: String,
    /// Identifier type; empty for events that name nobody.
    #[serde(rename = "type")]
    pub kind: String,
    /// `blocked` by a pattern, `unusable` as an identifier, or `nameless`.
    pub finding: &'static str,
    /// Name of the pattern, or why it is unusable.
    pub reason: String,
    /// Values, or events for `nameless`.
    pub count: u64,
    /// Of so many values of this type (events for `nameless`) at this place.
    pub of: u64,
}

/// The figures of a log.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Quality {
    /// Records read.
    pub records: u64,
    /// Of these, events that may name a customer.
    pub events: u64,
    /// Identifiers that are suspicious and not cleared; `None` if they could not be read.
    pub suspicious: Option<usize>,
    /// Findings, by channel and store, the most frequent first.
    pub findings: Vec<Finding>,
}

/// Reads the log up to its end as of now. `progress` is told now and then how many records are done, of how many, and says
/// whether to go on; `None` if not.
///
/// # Errors
/// [`ReadError`] if it cannot be read.
pub fn quality(hub: &Hub, progress: impl Fn(u64, u64) -> bool) -> Result<Option<Quality>, ReadError> {
    let end = hub.order.last_number();
    let mut places: BTreeMap<Place, Counted> = BTreeMap::new();
    let first = hub.order.first_number();
    for (number, record) in (first..=end).zip(scan(&*hub.order, first)) {
        let record = record?;
        if number.is_multiple_of(PROGRESS_EVERY) && !progress(number, end) {
            return Ok(None);
        }
        // What cannot be decoded is a dead letter, not a matter of quality.
        let Ok(Some(recorded)) = decode(&record) else { continue };
        if recorded.event.is_for_customers() && recorded.event.body.is_interaction() {
            count(&mut places, &recorded.event);
        }
    }
    let suspicious = hub.alarm.look(hub);
    let suspicious =
        suspicious.inspect_err(|e| tracing::error!(error = %e, "suspicious identifiers cannot be read"));
    let mut quality = Quality { records: end, suspicious: suspicious.ok(), ..Quality::default() };
    for (place, counted) in places {
        quality.events += counted.events;
        quality.findings.extend(findings(&place, counted));
    }
    Ok(Some(quality))
}

fn count(places: &mut BTreeMap<Place, Counted>, event: &Event) {
    let place = Place { channel: event.channel.clone(), store: event.store.clone() };
    let counted = places.entry(place).or_default();
    counted.events += 1;
    let contacts = event.content().map(|content| content.contacts).unwrap_or_default();
    counted.nameless += u64::from(event.identifiers.is_empty());
    for identifier in &event.identifiers {
        *counted.given.entry(identifier.kind.clone()).or_default() += 1;
        for pattern in PATTERNS.iter().filter(|p| identifier.marks & p.mark() != 0) {
            let key = (identifier.kind.clone(), "blocked", pattern.name.to_owned());
            *counted.found.entry(key).or_default() += 1;
        }
    }
    for contact in contacts {
        *counted.given.entry(contact.kind.clone()).or_default() += 1;
        *counted.found.entry((contact.kind, "unusable", contact.reason)).or_default() += 1;
    }
}

fn findings(place: &Place, counted: Counted) -> Vec<Finding> {
    let finding = |kind: String, finding, reason, count, of| Finding {
        channel: place.channel.clone(),
        store: place.store.clone(),
        kind,
        finding,
        reason,
        count,
        of,
    };
    let mut out = Vec::new();
    if counted.nameless > 0 {
        let reason = "no_identifier".to_owned();
        out.push(finding(String::new(), "nameless", reason, counted.nameless, counted.events));
    }
    for ((kind, what, reason), count) in counted.found {
        let of = counted.given.get(&kind).copied().unwrap_or(count);
        out.push(finding(kind, what, reason, count, of));
    }
    out.sort_by_key(|f| std::cmp::Reverse(f.count));
    out
}
