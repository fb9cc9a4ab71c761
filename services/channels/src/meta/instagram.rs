//! Changes of an Instagram account: comments and mentions. Times are in seconds; removals are not told.

use super::{
    Owner, Unknown,
    json::{id, text},
};
use serde_json::Value;
use tributary_core::{
    body::{Body, Direction, Mention, Message},
    content::ProfileField,
    draft::{Claim, Draft},
    event::Trust,
    time::Micros,
};

/// The draft of one change.
///
/// # Errors
/// [`Unknown`] for fields of no known meaning.
pub fn change(owner: &Owner, field: &str, value: &Value, time: Option<i64>) -> Result<Draft, Unknown> {
    let mut draft = match field {
        "comments" | "live_comments" => comment(owner, value)?,
        "mentions" => mention(value)?,
        _ => return Err(Unknown::new("unknown_field", field)),
    };
    draft.occurred_at = time.map(Micros::from_secs);
    Ok(draft)
}

fn comment(owner: &Owner, value: &Value) -> Result<Draft, Unknown> {
    let comment = id(value, "id").ok_or(Unknown::id("comment"))?;
    let thread = value.get("media").and_then(|media| id(media, "id")).unwrap_or_default();
    // The oldest versions say neither who nor where.
    let from = value.get("from").and_then(|from| Some((id(from, "id")?, text(from, "username"))));
    let ours = from.as_ref().is_some_and(|(id, _)| owner.is_us(id));
    let body = if ours {
        let reply_to = id(value, "parent_id").unwrap_or_default();
        let direction = Direction::Outbound;
        Body::Message(Message { direction, thread, reply_to, form: "comment".into(), attachments: 0 })
    } else {
        Body::Mention(Mention { network: "instagram".into(), kind: "comment".into(), thread })
    };
    let mut draft = Draft::new(format!("comment/{comment}"), body);
    draft.content.text = text(value, "text").to_owned();
    if let Some((id, username)) = from.filter(|_| !ours) {
        draft.identifiers.push(Claim::new("social", &owner.scope("instagram"), id, Trust::Verified));
        if !username.is_empty() {
            draft.content.profile.insert(ProfileField::DisplayName, username.to_owned());
        }
    }
    Ok(draft)
}

/// Only ids are told; text and writer must be fetched with a token.
fn mention(value: &Value) -> Result<Draft, Unknown> {
    let (comment, media) = (id(value, "comment_id"), id(value, "media_id"));
    let name = comment.as_ref().or(media.as_ref()).ok_or(Unknown::id("mention"))?;
    let kind = if comment.is_some() { "comment" } else { "post" };
    let thread = media.clone().unwrap_or_default();
    let body = Body::Mention(Mention { network: "instagram".into(), kind: kind.into(), thread });
    let mut draft = Draft::new(format!("mention/{name}"), body);
    draft.content.fields.insert("state".into(), "pending_fetch".into());
    Ok(draft)
}
