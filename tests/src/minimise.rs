//! Makes a failing history small and readable, for the message of a property test.

use std::fmt::Write as _;
use tributary_core::event::{RecordedEvent, Trust};

/// The smallest history that still fails, found by leaving out one event after the other until none can go.
#[must_use]
pub fn minimise(events: &[RecordedEvent], fails: impl Fn(&[RecordedEvent]) -> bool) -> Vec<RecordedEvent> {
    let mut events = events.to_vec();
    let mut at = events.len();
    while at > 0 {
        at -= 1;
        let left_out = events.remove(at);
        if fails(&events) {
            // What was needed before may no longer be.
            at = events.len();
        } else {
            events.insert(at, left_out);
        }
    }
    events
}

/// The events, a line each, in the notation of the scenarios; identifiers by the start of their tokens.
#[must_use]
pub fn describe(events: &[RecordedEvent]) -> String {
    let mut text = String::new();
    for recorded in events {
        let event = &recorded.event;
        let mut names = Vec::new();
        for identifier in &event.identifiers {
            let trust = match identifier.trust {
                Trust::Verified => "v",
                Trust::Claimed => "c",
                Trust::Observed => "o",
            };
            let marks = if identifier.marks == 0 { "" } else { "!" };
            let (kind, scope) = (&identifier.kind, &identifier.scope);
            names.push(format!("{trust}:{kind}/{scope}={:?}{marks}", identifier.token));
        }
        let (id, revision) = (event.id.to_string(), event.revision);
        let _ = writeln!(
            text,
            "#{} id {} key {} r{revision} g{} @{} recorded {} {{{}}} {} flags {}",
            recorded.position.sequence,
            &id[..8],
            event.key,
            event.generation,
            event.occurred_at,
            recorded.recorded_at,
            names.join(", "),
            event.body.type_name(),
            event.flags,
        );
    }
    text
}
