//! Where a conversation is handled: `agent_link` of a channel, filled in for an entry of a timeline or a channel of a view.

use crate::hub::Hub;
use serde_json::Value;
use tributary_channels::outward::Place;
use tributary_core::ids::EventId;

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The value of the first identifier that a channel of this kind names itself, else of the first.
fn user<'a>(identifiers: &'a Value, kind: &str) -> &'a str {
    let all = identifiers.as_array().map(Vec::as_slice).unwrap_or_default();
    let own = all.iter().find(|i| text(i, "/type") == kind).or(all.first());
    own.map(|i| text(i, "/value")).filter(|v| *v != "[sealed]").unwrap_or_default()
}

/// Of an event on a timeline, as JSON.
pub(super) fn of_entry(hub: &Hub, id: EventId, event: &Value) -> Option<String> {
    let channel = hub.channel(text(event, "/channel"))?;
    let link = channel.outward.agent_link.as_ref()?;
    link.fill(Place {
        user: user(event.pointer("/data/identifiers")?, &channel.context.kind),
        thread: text(event, "/data/message/thread"),
        key: text(event, "/data/key"),
        event: &id.to_string(),
    })
}

/// Gives each channel of a view its link, where the person alone is enough for one.
pub(super) fn add_to_view(hub: &Hub, view: &mut Value) {
    let identifiers = view.get("identifiers").and_then(Value::as_array).cloned().unwrap_or_default();
    for row in view.get_mut("channels").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(channel) = hub.channel(text(row, "/channel")) else { continue };
        let Some(link) = &channel.outward.agent_link else { continue };
        let (kind, account) = (channel.context.kind.as_str(), channel.context.account.as_str());
        let own = |i: &&Value| text(i, "/type") == kind && ["", account].contains(&text(i, "/scope"));
        let user = identifiers.iter().find(own).map(|i| text(i, "/value")).unwrap_or_default();
        if let Some(link) = link.fill(Place { user, ..Place::default() }) {
            row["agent_link"] = link.into();
        }
    }
}
