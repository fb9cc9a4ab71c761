//! From the envelope to drafts, element by element. Every element becomes at least one draft or one unrecognised remainder.

use super::{
    facts,
    wire::{Element, Envelope, TypeOnly},
};
use crate::adapter::{Decoded, Unrecognised};
use serde_json::value::RawValue;
use tributary_core::seal::Raw;

/// A delivery with more elements is kept whole instead of taken apart: LINE sends a few dozen at most.
const EVENTS_MAX: usize = 1_000;

/// A longer `destination` is no bot id; it would be copied into the raw request of every element.
const DESTINATION_BYTES_MAX: usize = 128;

pub(super) fn decode(body: &[u8], provider: &str) -> Decoded {
    let envelope: Envelope<'_> = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            let detail = format!("line {}, column {}", error.line(), error.column());
            return Decoded::only_unrecognised("malformed_json", detail, json(body.to_vec()));
        }
    };
    if envelope.events.len() > EVENTS_MAX {
        let detail = format!("{} events in one request, at most {EVENTS_MAX}", envelope.events.len());
        return Decoded::only_unrecognised("too_many_events", detail, json(body.to_vec()));
    }
    let mut decoded = Decoded::default();
    decoded.events.reserve(envelope.events.len());
    for (index, element) in envelope.events.iter().enumerate() {
        let raw = || smallest(envelope.destination, element);
        let outcome = match serde_json::from_str::<Element<'_>>(element.get()) {
            Ok(typed) => facts::drafts(&typed, element.get(), provider, &raw, &mut decoded.events),
            Err(error) => repaired(element.get(), provider, &raw, &mut decoded, error.column()),
        };
        if let Err((reason, what)) = outcome {
            let detail = format!("events[{index}]: {what}");
            decoded.unrecognised.push(Unrecognised { reason, detail, raw: raw() });
        }
    }
    decoded
}

/// An element that does not parse: once more without broken characters (a text that was cut inside a surrogate pair), then
/// only its type, to say whether the type or the form is what is not known.
fn repaired(
    element: &str,
    provider: &str,
    raw: &dyn Fn() -> Raw,
    decoded: &mut Decoded,
    column: usize,
) -> Result<(), facts::NotUnderstood> {
    if let Some(whole_characters) = crate::json::without_lone_surrogates(element)
        && let Ok(typed) = serde_json::from_str::<Element<'_>>(&whole_characters)
    {
        return facts::drafts(&typed, element, provider, raw, &mut decoded.events);
    }
    match serde_json::from_str::<TypeOnly<'_>>(element) {
        Ok(only) if !facts::is_known(only.kind.as_str()) => Err(facts::unknown_type()),
        _ => Err(("malformed_event", format!("not the documented form, column {column}"))),
    }
}

fn json(body: Vec<u8>) -> Raw {
    Raw { headers: vec![("content-type".to_owned(), "application/json".to_owned())], body }
}

/// The same envelope with this element alone, its bytes unchanged.
fn smallest(destination: Option<&RawValue>, element: &RawValue) -> Raw {
    let destination = destination.map(RawValue::get).filter(|d| d.len() <= DESTINATION_BYTES_MAX);
    let mut body = Vec::with_capacity(element.get().len() + DESTINATION_BYTES_MAX);
    body.push(b'{');
    if let Some(destination) = destination {
        body.extend_from_slice(b"\"destination\":");
        body.extend_from_slice(destination.as_bytes());
        body.push(b',');
    }
    body.extend_from_slice(b"\"events\":[");
    body.extend_from_slice(element.get().as_bytes());
    body.extend_from_slice(b"]}");
    json(body)
}
