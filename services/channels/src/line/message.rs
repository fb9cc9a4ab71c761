//! Messages of all types: what was said and what was sent along.

use super::wire::{Message, Text};
use serde_json::{Value, value::RawValue};
use tributary_core::{
    body,
    content::{Attachment, Content},
};

/// Types whose media LINE keeps for a while under the message's id.
const MEDIA: [&str; 4] = ["image", "video", "audio", "file"];

/// The clear and the personal part of a message in `thread` (empty for a one-to-one chat).
pub(super) fn read(message: &Message<'_>, thread: &str) -> (body::Message, Content) {
    let mut content = Content { text: owned(message.text.as_ref()), ..Content::default() };
    content.attachments.extend(attachment(message));
    for (name, text) in [("address", &message.address), ("quoteToken", &message.quote_token)] {
        if let Some(text) = text {
            content.fields.insert(name.to_owned(), Value::String(text.as_str().to_owned()));
        }
    }
    for (name, value) in [
        ("imageSet", message.image_set),
        ("emojis", message.emojis),
        ("mention", message.mention),
        ("duration", message.duration),
    ] {
        if let Some(value) = value.and_then(|v| serde_json::from_str::<Value>(v.get()).ok()) {
            content.fields.insert(name.to_owned(), value);
        }
    }
    let body = body::Message {
        direction: body::Direction::Inbound,
        thread: thread.to_owned(),
        reply_to: owned(message.quoted_message_id.as_ref()),
        form: message.kind.as_str().to_owned(),
        attachments: content.attachments.len() as u32,
    };
    (body, content)
}

/// Sticker keywords are random per event and left out; a message's text is its own field.
fn attachment(message: &Message<'_>) -> Option<Attachment> {
    let kind = message.kind.as_str();
    let (name, url) = match kind {
        "location" => (owned(message.title.as_ref()), geo(message.latitude, message.longitude)),
        "sticker" => {
            let [package, sticker] = [&message.package_id, &message.sticker_id].map(|id| owned(id.as_ref()));
            (String::new(), format!("{package}/{sticker}"))
        }
        _ if MEDIA.contains(&kind) => {
            let external = message.content_provider.as_ref().and_then(|p| p.original_content_url.as_ref());
            (owned(message.file_name.as_ref()), owned(external.or(message.id.as_ref())))
        }
        _ => return None,
    };
    Some(Attachment { kind: kind.to_owned(), name, media_type: String::new(), url, size: message.file_size })
}

fn geo(latitude: Option<&RawValue>, longitude: Option<&RawValue>) -> String {
    match (latitude, longitude) {
        (Some(latitude), Some(longitude)) => format!("geo:{},{}", latitude.get(), longitude.get()),
        _ => String::new(),
    }
}

fn owned(text: Option<&Text<'_>>) -> String {
    text.map(|t| t.as_str().to_owned()).unwrap_or_default()
}
