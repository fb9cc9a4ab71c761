//! The laws of an adapter on requests it understands.

use super::{Case, decode, event};
use crate::{adapter::Decoded, settings::Channel};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{content::ProfileField, draft::Draft, event::Event, ids::EventId};

/// Identifier types whose values are personal and must stand in no key and no clear field.
const PERSONAL: [&str; 4] = ["email", "phone", "line", "carrier"];

/// Shorter values occur by chance.
const PERSONAL_BYTES_MIN: usize = 6;

/// Sizes of portions that are tried.
const PORTIONS: [usize; 2] = [1, 3];

/// What `sign` adds is accepted, and refused when it is missing or changed.
pub(super) fn authenticity(channel: &Channel, case: &Case) -> Vec<String> {
    let signed = case.signed(channel);
    let verify = |case: &Case| channel.adapter.verify(&case.request());
    let mut failures = Vec::new();
    if verify(&signed).is_err() {
        failures.push("verify refuses what sign made".to_owned());
    }
    for at in case.headers.len()..signed.headers.len() {
        let mut missing = signed.clone();
        let (name, value) = missing.headers.remove(at);
        if verify(&missing).is_ok() {
            failures.push(format!("accepted without {name}"));
        }
        let middle = value.chars().count() / 2;
        let changed = |(i, c): (usize, char)| if i == middle { if c == 'A' { 'B' } else { 'A' } } else { c };
        let mut wrong = signed.clone();
        wrong.headers[at].1 = value.chars().enumerate().map(changed).collect();
        if verify(&wrong).is_ok() {
            failures.push(format!("accepted with a changed {name}"));
        }
        wrong.headers[at].1 = String::new();
        if verify(&wrong).is_ok() {
            failures.push(format!("accepted with an empty {name}"));
        }
    }
    failures
}

/// The same bytes give the same events.
pub(super) fn same_again(channel: &Channel, case: &Case, decoded: &Decoded) -> Option<String> {
    let again = decode(channel, case).unwrap_or_default();
    let events = |d: &Decoded| d.events.iter().filter_map(|e| event(channel, e)).collect::<Vec<_>>();
    (events(decoded) != events(&again) || decoded.unrecognised != again.unrecognised)
        .then(|| "the same bytes decode differently the second time".to_owned())
}

/// Portions of any size, one after the other, are the whole.
pub(super) fn in_portions(channel: &Channel, case: &Case, decoded: &Decoded) -> Vec<String> {
    let events = |d: &Decoded| d.events.iter().filter_map(|e| event(channel, e)).collect::<Vec<_>>();
    let whole = events(decoded);
    let mut failures = Vec::new();
    for most in PORTIONS {
        let request = case.request();
        let mut portions = match channel.adapter.portions(&request, most) {
            Ok(portions) => portions,
            Err(rejected) => {
                failures.push(format!("in portions of {most} it is refused: {rejected}"));
                continue;
            }
        };
        let mut sum = Decoded::default();
        while let Some(portion) = portions.next() {
            sum.events.extend(portion.events);
            sum.unrecognised.extend(portion.unrecognised);
        }
        if events(&sum) != whole || sum.unrecognised != decoded.unrecognised {
            failures.push(format!("in portions of {most} it decodes differently"));
        }
    }
    failures
}

/// The raw request of each event decodes to that event again, and to none that the full request did not hold.
pub(super) fn round_trip(channel: &Channel, case: &Case, decoded: &Decoded) -> Vec<String> {
    let all: Vec<Event> = decoded.events.iter().filter_map(|d| event(channel, d)).collect();
    let ids: BTreeSet<EventId> = all.iter().map(|e| e.id).collect();
    let mut failures = Vec::new();
    for (draft, original) in decoded.events.iter().zip(&all) {
        let again = match decode(channel, &case.of_raw(&draft.raw)) {
            Ok(again) => again,
            Err(rejected) => {
                failures.push(format!("raw of {} is rejected: {rejected}", original.id));
                continue;
            }
        };
        let again: Vec<Event> = again.events.iter().filter_map(|d| event(channel, d)).collect();
        if !again.contains(original) {
            let same_id = again.iter().any(|e| e.id == original.id);
            let what = if same_id { "differently" } else { "to another event" };
            failures.push(format!("raw of {} ({}) decodes {what}", original.id, original.body.type_name()));
        }
        if again.iter().any(|e| !ids.contains(&e.id)) {
            failures.push(format!("raw of {} decodes to events the request did not hold", original.id));
        }
    }
    failures
}

/// No credential in the raw request, no personal value in a key or a clear field.
pub(super) fn privacy(channel: &Channel, case: &Case, decoded: &Decoded) -> Vec<String> {
    let signed = case.signed(channel);
    let credentials: Vec<&str> =
        signed.headers.iter().skip(case.headers.len()).map(|(n, _)| n.as_str()).collect();
    let mut failures = Vec::new();
    for draft in &decoded.events {
        if draft.raw.headers.iter().any(|(n, _)| credentials.contains(&n.as_str())) {
            failures.push("a credential header is kept in raw".to_owned());
        }
        let clear = clear_text(draft);
        for claim in draft.identifiers.iter().filter(|c| PERSONAL.contains(&c.kind.as_str())) {
            if claim.value.len() >= PERSONAL_BYTES_MIN && clear.contains(&claim.value) {
                failures.push(format!("a value of type {} stands in a key or clear field", claim.kind));
            }
        }
    }
    failures
}

/// What a request says of people: no detail, which stands in logs and lists of dead letters, may repeat it.
pub(super) fn personal(decoded: &Decoded) -> Vec<String> {
    const FIELDS: [ProfileField; 5] = [
        ProfileField::Name,
        ProfileField::DisplayName,
        ProfileField::Email,
        ProfileField::Telephone,
        ProfileField::Address,
    ];
    let mut out = Vec::new();
    for draft in &decoded.events {
        let claims = draft.identifiers.iter().filter(|c| PERSONAL.contains(&c.kind.as_str()));
        out.extend(claims.map(|c| c.value.clone()));
        out.extend(FIELDS.iter().filter_map(|field| draft.content.profile.get(field).cloned()));
        out.extend([draft.content.text.clone(), draft.content.subject.clone()]);
    }
    out.retain(|text| text.len() >= PERSONAL_BYTES_MIN);
    out
}

/// A failure if a detail repeats something of these.
pub(super) fn told(people: &[String], detail: &str) -> Option<String> {
    let found = people.iter().any(|text| detail.contains(text.as_str()));
    found.then(|| "a personal value stands in the detail of what was not understood".to_owned())
}

/// The raw request of what was not understood says nothing that the whole request did not.
pub(super) fn remainder(channel: &Channel, case: &Case, decoded: &Decoded) -> Vec<String> {
    let ids: BTreeSet<EventId> =
        decoded.events.iter().filter_map(|d| event(channel, d)).map(|e| e.id).collect();
    let mut failures = Vec::new();
    for unrecognised in &decoded.unrecognised {
        let Ok(again) = decode(channel, &case.of_raw(&unrecognised.raw)) else {
            failures.push(format!("raw of what is {} is rejected", unrecognised.reason));
            continue;
        };
        if again.events.iter().filter_map(|d| event(channel, d)).any(|e| !ids.contains(&e.id)) {
            failures.push(format!("raw of what is {} decodes to new events", unrecognised.reason));
        }
        if again.events.is_empty() && again.unrecognised.is_empty() {
            failures.push(format!("raw of what is {} decodes to nothing", unrecognised.reason));
        }
    }
    failures
}

fn clear_text(draft: &Draft) -> String {
    let body = serde_json::to_string(&draft.body).unwrap_or_default();
    [&draft.key, &body, &draft.actor, &draft.store, &draft.brand].map(String::as_str).join("\n")
}

/// Two facts of one request with one id are one fact, said twice.
pub(super) fn distinct(channel: &Channel, decoded: &Decoded) -> Vec<String> {
    let mut seen: BTreeMap<EventId, Event> = BTreeMap::new();
    let mut failures = Vec::new();
    for event in decoded.events.iter().filter_map(|d| event(channel, d)) {
        if let Some(other) = seen.get(&event.id)
            && *other != event
        {
            failures.push(format!("two different facts have the key of {}", event.id));
        }
        seen.insert(event.id, event);
    }
    failures
}
