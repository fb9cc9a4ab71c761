//! SendGrid Inbound Parse. Redelivers for three days on 5xx and time-outs; there is no delivery id, the Message-ID is one.

use super::{
    super::charset,
    Unreadable,
    compose::{File, Pieces},
    form::Form,
};
use crate::adapter::InboundRequest;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The mail of a post.
///
/// # Errors
/// [`Unreadable`] if there is none.
pub fn mail<'a>(request: &InboundRequest<'a>) -> Result<Cow<'a, [u8]>, Unreadable> {
    let form = Form::read(request)?;
    if form.bytes("email").is_some() {
        return Ok(form.take("email").unwrap_or_default());
    }
    // Each field comes in the charset that the mail had; `charsets` says which.
    let charsets: Map<String, Value> = serde_json::from_str(&form.text("charsets")).unwrap_or_default();
    let text = |name: &str| {
        let label = charsets.get(name).and_then(Value::as_str).unwrap_or("utf-8");
        charset::decode(form.bytes(name).unwrap_or_default(), label, encoding_rs::UTF_8)
    };
    let mut pieces = Pieces { text: text("text"), html: text("html"), ..Pieces::default() };
    pieces.read_header(form.bytes("headers").unwrap_or_default());
    for (field, name) in [("From", "from"), ("To", "to"), ("Cc", "cc"), ("Subject", "subject")] {
        pieces.fill(field, &text(name));
    }
    for entry in form.entries() {
        if let Some(name) = &entry.file_name {
            pieces.files.push(File {
                name: charset::decode(name, "utf-8", encoding_rs::UTF_8),
                media_type: entry.media_type.clone(),
                data: Cow::Borrowed(&entry.data),
            });
        }
    }
    pieces.mail().map(Cow::Owned)
}
