//! Mailgun routes. The signature covers timestamp and token, not the mail: who saw one post could send another mail with
//! it. So a token belongs to the content it first came with, for as long as its timestamp is taken.

use super::{
    URLENCODED, Unreadable,
    compose::{File, Pieces},
    form::Form,
};
use crate::{
    adapter::{InboundRequest, Once, Outbound, Rejected},
    digest::{hex32, hex64},
    settings::Secret,
    signature,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use tributary_core::time::Micros;

/// Mailgun tries again for eight hours and does not say whether with a new timestamp.
const AGE_MAX_SECS: i64 = 9 * 3_600;
/// How far clocks may differ.
const AHEAD_MAX_SECS: i64 = 300;
/// Digits of a timestamp: more are no time.
const DIGITS_MAX: usize = 12;

/// Whether the post is signed with one of the keys, and of our days.
///
/// # Errors
/// 401.
pub fn verify(keys: &[Secret], request: &InboundRequest<'_>) -> Result<(), Rejected> {
    let Ok(form) = Form::read(request) else { return Err(Rejected::signature()) };
    let field = |name| form.bytes(name).unwrap_or_default();
    let (timestamp, token) = (field("timestamp"), field("token"));
    let signature = String::from_utf8_lossy(field("signature"));
    let signed = signature::matches_hex(keys, &[timestamp, token], &signature);
    // Timestamp and token run into each other under the signature: 12 and "3x" sign like 1 and "23x".
    let Some(sent) = seconds(timestamp).filter(|_| signed && !token.is_empty()) else {
        return Err(Rejected::signature());
    };
    let age = request.received_at.0.div_euclid(1_000_000) - sent;
    if (-AHEAD_MAX_SECS..=AGE_MAX_SECS).contains(&age) {
        return Ok(());
    }
    let detail =
        "the signature is older than nine hours or from the future; check this machine's clock".to_owned();
    Err(Rejected { status: 401, code: "stale_signature", detail })
}

fn seconds(timestamp: &[u8]) -> Option<i64> {
    let digits =
        !timestamp.is_empty() && timestamp.len() <= DIGITS_MAX && timestamp.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(timestamp).ok().filter(|_| digits)?.parse().ok()
}

/// The token with what it came with. The signed text counts, not its halves; the boundary of the form does not.
pub fn once(request: &InboundRequest<'_>) -> Option<Once> {
    let form = Form::read(request).ok()?;
    let (timestamp, token) = (form.bytes("timestamp")?, form.bytes("token")?);
    let mut content = Sha256::new();
    for entry in form.entries() {
        for piece in [entry.name.as_bytes(), entry.file_name.as_deref().unwrap_or_default(), &entry.data] {
            content.update((piece.len() as u64).to_be_bytes());
            content.update(piece);
        }
    }
    Some(Once {
        token: hex32(&[timestamp, token].concat()),
        content: hex32(&content.finalize()),
        until: Micros::from_secs(seconds(timestamp)? + AGE_MAX_SECS + 1),
    })
}

/// The mail of a post.
///
/// # Errors
/// [`Unreadable`] if there is none.
pub fn mail<'a>(request: &InboundRequest<'a>) -> Result<Cow<'a, [u8]>, Unreadable> {
    let form = Form::read(request)?;
    if form.bytes("body-mime").is_some() {
        return Ok(form.take("body-mime").unwrap_or_default());
    }
    let mut pieces =
        Pieces { text: form.text("body-plain"), html: form.text("body-html"), ..Pieces::default() };
    let headers: Value = serde_json::from_str(&form.text("message-headers")).unwrap_or_default();
    for pair in headers.as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) =
            (pair.get(0).and_then(Value::as_str), pair.get(1).and_then(Value::as_str))
        {
            pieces.header.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }
    for (field, names) in [
        ("From", ["from", "From"]),
        ("To", ["To", "recipient"]),
        ("Cc", ["Cc", "cc"]),
        ("Subject", ["subject", "Subject"]),
        ("Date", ["Date", "date"]),
        ("Message-Id", ["Message-Id", "Message-ID"]),
        ("In-Reply-To", ["In-Reply-To", "in-reply-to"]),
        ("References", ["References", "references"]),
    ] {
        for name in names {
            pieces.fill(field, &form.text(name));
        }
    }
    for entry in form.entries() {
        if let Some(name) = &entry.file_name {
            pieces.files.push(File {
                name: String::from_utf8_lossy(name).into_owned(),
                media_type: entry.media_type.clone(),
                data: Cow::Borrowed(&entry.data),
            });
        }
    }
    pieces.mail().map(Cow::Owned)
}

/// A token for a post that has none: 50 characters as Mailgun's.
pub fn token(body: &[u8]) -> String {
    hex64(body).chars().take(50).collect()
}

/// Adds the signature of the timestamp and token that the post has.
pub fn sign(keys: &[Secret], request: &mut Outbound) {
    let Some(key) = keys.first() else { return };
    let signature = {
        let asked = InboundRequest {
            method: crate::adapter::Method::Post,
            query: "",
            headers: &request.headers,
            body: &request.body,
            received_at: request.at,
            public_url: None,
        };
        let Ok(form) = Form::read(&asked) else { return };
        let field = |name| form.bytes(name).unwrap_or_default();
        signature::hex_of(&signature::hmac_sha256(key, &[field("timestamp"), field("token")]))
    };
    let content_type = request.headers.iter().find(|(n, _)| n == "content-type").map(|(_, v)| v.clone());
    let content_type = content_type.unwrap_or_default();
    if content_type.starts_with(URLENCODED) {
        request.body.extend_from_slice(format!("&signature={signature}").as_bytes());
        return;
    }
    // In front: what follows the last boundary means nothing.
    let boundary = crate::web_form::multipart::parameter(&content_type, "boundary").unwrap_or_default();
    let mut body =
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"signature\"\r\n\r\n{signature}\r\n")
            .into_bytes();
    body.append(&mut request.body);
    request.body = body;
}
