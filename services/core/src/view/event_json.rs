//! An event as JSON: a CloudEvent whose `data` is what the intake of CloudEvents takes.

use crate::{
    content::Content,
    event::{RecordedEvent, flags},
    ids::Cursor,
};
use serde_json::{Map, Value, json};

const FLAG_NAMES: [(u32, &str); 7] = [
    (flags::SPAM, "spam"),
    (flags::HISTORICAL, "historical"),
    (flags::STANDBY, "standby"),
    (flags::TEST, "test"),
    (flags::AUTOMATIC, "automatic"),
    (flags::ATTACH, "attach"),
    (flags::COUNT, "count"),
];

/// The event as JSON. What cannot be unsealed is shown as `"[sealed]"`.
#[must_use]
pub fn event_json(recorded: &RecordedEvent) -> Value {
    let event = &recorded.event;
    let mut data = Map::new();
    data.insert("key".into(), json!(event.key));
    data.insert("revision".into(), json!(event.revision));
    let identifiers = event.identifiers.iter().enumerate().map(|(ordinal, i)| {
        let value = event.identifier_value(ordinal.min(255) as u8).map_or("[sealed]".to_owned(), |v| v.plain);
        let mut out = json!({"type": i.kind, "scope": i.scope, "value": value, "trust": i.trust});
        if i.marks != 0 {
            out["blocked"] = json!(true);
        }
        out
    });
    data.insert("identifiers".into(), identifiers.collect());
    let mut body = serde_json::to_value(&event.body).unwrap_or_default();
    match event.content() {
        Ok(content) => put_content(&mut data, &mut body, content),
        Err(_) => {
            data.insert("content".into(), json!("[sealed]"));
        }
    }
    if let Value::Object(body) = body {
        data.extend(body);
    }
    let set = FLAG_NAMES.iter().filter(|(bit, _)| event.flags & bit != 0).map(|(_, name)| json!(name));
    let set: Vec<Value> = set.collect();
    if !set.is_empty() {
        data.insert("flags".into(), Value::Array(set));
    }
    for (name, value) in [("actor", &event.actor), ("store", &event.store), ("brand", &event.brand)] {
        if !value.is_empty() {
            data.insert(name.into(), json!(value));
        }
    }
    let mut out = json!({
        "specversion": "1.0",
        "id": event.id,
        "source": format!("/channels/{}", event.channel),
        "type": format!("{}{}", crate::body::TYPE_PREFIX, event.body.type_name()),
        "time": event.occurred_at,
        "recordedtime": recorded.recorded_at,
        "datacontenttype": "application/json",
        "channel": event.channel,
        "kind": event.kind,
        "position": Cursor::new([recorded.position]),
        "data": data,
    });
    if event.generation > 0 {
        // It corrects or takes back an earlier reading of the same revision.
        out["generation"] = json!(event.generation);
    }
    out
}

/// The personal part goes where the intake takes it from: into the body's own object, the profile beside it.
fn put_content(data: &mut Map<String, Value>, body: &mut Value, content: Content) {
    if !content.profile.is_empty() {
        data.insert("profile".into(), json!(content.profile));
    }
    if !content.contacts.is_empty() {
        data.insert("contacts".into(), json!(content.contacts));
    }
    let Some(inner) = body.as_object_mut().and_then(|b| b.values_mut().next()).and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, text) in [("text", content.text), ("subject", content.subject), ("url", content.url)] {
        if !text.is_empty() {
            inner.insert(name.into(), Value::String(text));
        }
    }
    if !content.attachments.is_empty() {
        inner.insert("attachments".into(), json!(content.attachments));
    }
    if !content.fields.is_empty() {
        inner.insert("fields".into(), json!(content.fields));
    }
}
