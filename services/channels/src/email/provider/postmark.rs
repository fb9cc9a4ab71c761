//! Postmark inbound streams: one JSON object a mail. Redelivers ten times over ten hours, not after 403.

use super::{
    super::transfer,
    JSON, Unreadable,
    compose::{File, Pieces},
    form::set_type,
};
use crate::{adapter::Outbound, json::without_lone_surrogates};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The mail of a post.
///
/// # Errors
/// [`Unreadable`] if there is none.
pub fn mail(body: &[u8]) -> Result<Cow<'static, [u8]>, Unreadable> {
    let post = read(body)?;
    let text = |name: &str| post.get(name).and_then(Value::as_str).unwrap_or_default();
    if !text("RawEmail").trim().is_empty() {
        return Ok(Cow::Owned(text("RawEmail").as_bytes().to_vec()));
    }
    let mut pieces =
        Pieces { text: text("TextBody").to_owned(), html: text("HtmlBody").to_owned(), ..Pieces::default() };
    for header in list(&post, "Headers") {
        if let (Some(name), Some(value)) =
            (header.get("Name").and_then(Value::as_str), header.get("Value").and_then(Value::as_str))
        {
            pieces.header.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }
    pieces.fill("From", &post.get("FromFull").map(mailbox).unwrap_or_default());
    for (field, full, plain) in [("To", "ToFull", "To"), ("Cc", "CcFull", "Cc"), ("Bcc", "BccFull", "Bcc")] {
        let all: Vec<String> = list(&post, full).map(mailbox).filter(|m| !m.is_empty()).collect();
        pieces.fill(field, &all.join(", "));
        pieces.fill(field, text(plain));
    }
    for (field, name) in [("From", "From"), ("Reply-To", "ReplyTo"), ("Subject", "Subject"), ("Date", "Date")]
    {
        pieces.fill(field, text(name));
    }
    for file in list(&post, "Attachments") {
        let of = |name: &str| file.get(name).and_then(Value::as_str).unwrap_or_default();
        pieces.files.push(File {
            name: of("Name").to_owned(),
            media_type: of("ContentType").to_owned(),
            data: Cow::Owned(transfer::base64(of("Content").as_bytes())),
        });
    }
    pieces.mail().map(Cow::Owned)
}

fn read(body: &[u8]) -> Result<Value, Unreadable> {
    let malformed = |detail: String| Unreadable::Malformed("malformed_json", detail);
    let text =
        std::str::from_utf8(body).map_err(|e| malformed(format!("byte {}: no UTF-8", e.valid_up_to())))?;
    let repaired = without_lone_surrogates(text);
    let post: Value = serde_json::from_str(repaired.as_deref().unwrap_or(text))
        .map_err(|e| malformed(format!("line {} column {}", e.line(), e.column())))?;
    if post.is_object() { Ok(post) } else { Err(malformed("no object".to_owned())) }
}

fn list<'a>(post: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    post.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// `"Name" <address>`.
fn mailbox(person: &Value) -> String {
    let of = |name: &str, banned: &[char]| {
        let text = person.get(name).and_then(Value::as_str).unwrap_or_default();
        text.chars().filter(|c| !c.is_control() && !banned.contains(c)).collect::<String>()
    };
    let (name, address) = (of("Name", &['"', '\\']), of("Email", &['<', '>', ',', ';', ' ']));
    match (name.trim(), address.as_str()) {
        (_, "") => String::new(),
        ("", address) => format!("<{address}>"),
        (name, address) => format!("\"{name}\" <{address}>"),
    }
}

/// Makes a raw mail the post that has it inside.
pub fn wrap(request: &mut Outbound) {
    let post = json!({"RawEmail": String::from_utf8_lossy(&request.body), "MessageID": super::mailgun::token(&request.body)});
    request.body = post.to_string().into_bytes();
    set_type(request, JSON.to_owned());
}
