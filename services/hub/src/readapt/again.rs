//! A stored request through today's adapter and settings.

use super::kept::First;
use crate::hub::Hub;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tributary_channels::{
    adapter::{Decoded, InboundRequest, Method},
    settings::Channel,
};
use tributary_core::{
    body::Body,
    content::Content,
    draft::Draft,
    event::{Event, Identifier, RecordedEvent, flags},
    seal::Raw,
    time::Micros,
    token::Token,
};

/// An event whose time is at most so long before its recording may have the time of its receipt: bodies have half a minute
/// to arrive, and a log that cannot be written for a while is waited for.
const RECEIPT_MAX: i64 = 600_000_000;
/// Some keys hold the minute of receipt.
const MINUTE: i64 = 60_000_000;

/// What a request says today.
pub(super) struct Target {
    /// The event as if it had been decoded so at once (generation 0), its time never after its recording.
    pub event: Event,
    /// Its time as the source says it.
    pub said: Micros,
}

/// What this request says today; `None` if the adapter refuses it at the door or panics.
///
/// When a request was received is not kept. Where a source gives no time it is the event's own; else it is the time of
/// recording, or a minute earlier if only then the event comes out again.
pub(super) fn again(hub: &Hub, channel: &Channel, event: &RecordedEvent, raw: &Raw) -> Option<Vec<Target>> {
    if let Some(user) = asked(channel, &event.event) {
        let draft = channel.adapter.read_profile(&user, &raw.body, event.event.occurred_at)?;
        return Some(targets(hub, channel, vec![draft], event));
    }
    let (occurred, recorded) = (event.event.occurred_at, event.recorded_at);
    let is_near = occurred <= recorded && recorded.0 - occurred.0 <= RECEIPT_MAX;
    let times = [is_near.then_some(occurred), Some(recorded), Some(Micros(recorded.0 - MINUTE))];
    let mut first = None;
    for received_at in times.into_iter().flatten() {
        let decoded = decode(hub, channel, raw, received_at)?;
        let made = today(hub, channel, decoded, event, received_at);
        let is_there =
            |t: &Target| (&t.event.key, t.event.revision) == (&event.event.key, event.event.revision);
        if made.iter().any(is_there) {
            return Some(made);
        }
        first.get_or_insert(made);
    }
    first
}

/// About whom the hub asked the source for itself, if the event is the answer: no request brought it.
fn asked(channel: &Channel, event: &Event) -> Option<String> {
    if event.body != (Body::Profile {}) || event.flags & flags::AUTOMATIC == 0 {
        return None;
    }
    let own = event.identifiers.iter().position(|i| i.kind == channel.context.kind)?;
    Some(event.identifier_value(u8::try_from(own).ok()?).ok()?.plain)
}

fn decode(hub: &Hub, channel: &Channel, raw: &Raw, received_at: Micros) -> Option<Decoded> {
    let url = hub.config.hub.channel_url(&channel.context.name);
    let request = InboundRequest {
        method: Method::Post,
        query: "",
        headers: &raw.headers,
        body: &raw.body,
        received_at,
        public_url: url.as_deref(),
    };
    let decoded = catch_unwind(AssertUnwindSafe(|| channel.adapter.decode(&request)));
    if decoded.is_err() {
        tracing::error!(channel.name = %channel.context.name, "the adapter panicked at a stored request; it stays as it is");
    }
    decoded.ok()?.ok()
}

fn today(
    hub: &Hub,
    channel: &Channel,
    decoded: Decoded,
    event: &RecordedEvent,
    received_at: Micros,
) -> Vec<Target> {
    let rest = decoded.unrecognised.into_iter().map(crate::hub::unrecognised_draft);
    let drafts = decoded.events.into_iter().chain(rest).map(|draft| {
        let occurred_at = Some(draft.occurred_at.unwrap_or(received_at));
        Draft { occurred_at, ..draft }
    });
    targets(hub, channel, drafts.collect(), event)
}

fn targets(hub: &Hub, channel: &Channel, drafts: Vec<Draft>, of: &RecordedEvent) -> Vec<Target> {
    let made = hub.events(&channel.context, drafts, Vec::new(), of.recorded_at);
    let whole = made.into_iter().filter(|event| !matches!(event.body, Body::Chunk { .. }));
    whole
        .map(|event| {
            let said = event.occurred_at;
            Target { event: Event { occurred_at: said.min(of.recorded_at), ..event }, said }
        })
        .collect()
}

/// Which parts of an event differ from what its request says today; empty if none that anybody could see does.
pub(super) fn differing(now: &RecordedEvent, target: &Target) -> Vec<&'static str> {
    let (old, new) = (&now.event, &target.event);
    if let (Body::Unrecognised { reason: old }, Body::Unrecognised { reason: new }) = (&old.body, &new.body) {
        return if old == new { Vec::new() } else { vec!["reason"] };
    }
    let mut parts = Vec::new();
    let mut part = |name, differs: bool| parts.extend(differs.then_some(name));
    part("type", old.body.type_name() != new.body.type_name());
    part("body", old.body != new.body);
    part("time", new.occurred_at != now.effective_at() && target.said != old.occurred_at);
    part("identifiers", named(old) != named(new));
    match (old.content(), new.content()) {
        (Ok(old), Ok(new)) => contents(&old, &new, &mut part),
        _ => part("content", true),
    }
    part("flags", old.flags != new.flags);
    part("actor", old.actor != new.actor);
    part("store", old.store != new.store);
    part("brand", old.brand != new.brand);
    part("profile_source", old.profile_source != new.profile_source);
    parts
}

fn contents(old: &Content, new: &Content, part: &mut impl FnMut(&'static str, bool)) {
    part("text", (&old.text, &old.subject) != (&new.text, &new.subject));
    part("fields", old.fields != new.fields);
    part("profile", old.profile != new.profile);
    part("attachments", old.attachments != new.attachments);
    // Whatever else there is.
    let rest = |content: &Content| Content {
        text: String::new(),
        subject: String::new(),
        fields: Default::default(),
        profile: Default::default(),
        attachments: Vec::new(),
        ..content.clone()
    };
    part("content", rest(old) != rest(new));
}

/// Whom an event names; in which order says nothing.
fn named(event: &Event) -> Vec<(Token, &Identifier)> {
    let mut all: Vec<(Token, &Identifier)> = event.identifiers.iter().map(|i| (i.token, i)).collect();
    all.sort_unstable_by_key(|(token, _)| *token);
    all
}

/// Whether two events stand with the same request.
pub(super) fn same_request(current: &super::kept::Current, first: First, raw: &Raw) -> bool {
    current.first == first || current.event.event.raw().is_ok_and(|other| other.as_ref() == Some(raw))
}
