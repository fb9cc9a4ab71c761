//! Changes of a Facebook page: comments, posts, reactions, mentions, ratings, leads. Times are in seconds.

use super::{
    Owner, Unknown,
    json::{id, number, revision, text, word},
};
use crate::digest::hex32_of_parts;
use serde_json::Value;
use tributary_core::{
    body::{Body, Direction, Mention, Message},
    content::{Attachment, Content, ProfileField},
    draft::{Claim, Draft},
    event::{Trust, flags},
    ids::REMOVAL,
    time::Micros,
};

/// Photos of one post that are listed; an album has its own page.
const PHOTOS_MAX: usize = 30;

/// The draft of one change.
///
/// # Errors
/// [`Unknown`] for fields and items of no known meaning.
pub fn change(owner: &Owner, field: &str, value: &Value, time: Option<i64>) -> Result<Draft, Unknown> {
    let item = match (field, text(value, "item")) {
        ("feed" | "mention", "reaction" | "like") => return reaction(owner, value, time),
        ("ratings", "reaction" | "like") => return reaction(owner, value, time),
        ("ratings", "rating") => return rating(owner, value, time),
        ("leadgen", _) => return lead(value, time),
        ("feed" | "mention" | "ratings", item) => item,
        _ => return Err(Unknown::new("unknown_field", field)),
    };
    // `mention` of old versions names no item, only what it is in.
    let comment = id(value, "comment_id").filter(|_| matches!(item, "comment" | ""));
    let (kind, name) = match (item, comment, id(value, "post_id")) {
        (_, Some(comment), _) => ("comment", format!("comment/{comment}")),
        (
            "post" | "status" | "photo" | "video" | "share" | "link" | "album" | "note" | "event" | "",
            _,
            Some(post),
        ) => (if item.is_empty() { "post" } else { item }, format!("post/{post}")),
        ("photo", _, None) => ("photo", format!("photo/{}", id(value, "photo_id").ok_or(Unknown::id(item))?)),
        ("video", _, None) => ("video", format!("video/{}", id(value, "video_id").ok_or(Unknown::id(item))?)),
        ("comment" | "post" | "status", ..) => return Err(Unknown::id(item)),
        _ => return Err(Unknown::new("unknown_item", item)),
    };
    verb(owner, value, time, kind, name)
}

fn verb(owner: &Owner, value: &Value, time: Option<i64>, kind: &str, name: String) -> Result<Draft, Unknown> {
    let changed = u64::try_from(time.unwrap_or_default()).unwrap_or_default();
    let mut draft = match text(value, "verb") {
        "add" | "" => {
            let mut draft = Draft::new(name, body(owner, value, kind));
            draft.occurred_at = number(value, "created_time").or(time).map(Micros::from_secs);
            draft
        }
        "edited" | "edit" | "update" => {
            let mut draft = Draft::new(name, body(owner, value, kind));
            // A later edit wins in any order of arrival, and over what was there before any edit.
            draft.revision = revision(time, value, false).max(1);
            draft.occurred_at = time.map(Micros::from_secs);
            draft
        }
        "remove" | "delete" => {
            let mut draft = Draft::new(name, Body::Removed { of: kind.to_owned() });
            draft.revision = REMOVAL;
            draft.occurred_at = time.map(Micros::from_secs);
            return Ok(draft);
        }
        verb @ ("hide" | "unhide" | "block" | "unblock" | "mute" | "follow" | "unfollow") => {
            // Done by whoever runs the page, not by the writer.
            let title = format!("{kind}_{verb}");
            let mut draft = Draft::new(format!("{name}/{verb}/{changed}"), Body::Activity { title });
            draft.occurred_at = time.map(Micros::from_secs);
            return Ok(draft);
        }
        verb => return Err(Unknown::new("unknown_verb", verb)),
    };
    draft.content = content(value);
    person(owner, value, &mut draft);
    Ok(draft)
}

/// A public word about us, or our own public answer.
fn body(owner: &Owner, value: &Value, kind: &str) -> Body {
    let thread = id(value, "post_id").unwrap_or_default();
    if author(value).is_some_and(|(id, _)| owner.is_us(&id)) {
        let reply_to = id(value, "parent_id").filter(|parent| *parent != thread).unwrap_or_default();
        let direction = Direction::Outbound;
        return Body::Message(Message { direction, thread, reply_to, form: kind.to_owned(), attachments: 0 });
    }
    Body::Mention(Mention { network: "facebook".into(), kind: kind.to_owned(), thread })
}

/// Who wrote it: `from` in new versions, `sender_id` or `reviewer_id` in old ones; mentions often name nobody.
fn author(value: &Value) -> Option<(String, String)> {
    let from = value.get("from").and_then(|from| Some((id(from, "id")?, text(from, "name").to_owned())));
    let old = |name: &str, key: &str| Some((id(value, key)?, text(value, name).to_owned()));
    from.or_else(|| old("sender_name", "sender_id")).or_else(|| old("reviewer_name", "reviewer_id"))
}

fn person(owner: &Owner, value: &Value, draft: &mut Draft) {
    let Some((id, name)) = author(value).filter(|(id, _)| !owner.is_us(id)) else { return };
    draft.identifiers.push(Claim::new("social", &owner.scope("facebook"), id, Trust::Verified));
    if !name.is_empty() {
        draft.content.profile.insert(ProfileField::DisplayName, name);
    }
}

fn content(value: &Value) -> Content {
    let permalink = value.get("post").map(|post| text(post, "permalink_url")).unwrap_or_default();
    let urls = [text(value, "permalink_url"), permalink, text(value, "link")];
    let picture =
        |url: &str| Attachment { kind: "image".into(), url: url.to_owned(), ..Attachment::default() };
    let single = [text(value, "photo")].into_iter().filter(|url| !url.is_empty());
    let list = value.get("photos").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut content = Content {
        text: text(value, "message").to_owned(),
        url: urls.into_iter().find(|url| !url.is_empty()).unwrap_or_default().to_owned(),
        attachments: single.chain(list).take(PHOTOS_MAX).map(picture).collect(),
        ..Content::default()
    };
    if let Some(parent) = id(value, "parent_id") {
        content.fields.insert("parent_id".into(), parent.into());
    }
    content
}

/// Likes and reactions are signals: one fact per person and post, whose newest state counts.
fn reaction(owner: &Owner, value: &Value, time: Option<i64>) -> Result<Draft, Unknown> {
    let on = id(value, "comment_id").or_else(|| id(value, "post_id")).ok_or(Unknown::id("reaction"))?;
    let who = author(value).map(|(id, _)| id).unwrap_or_default();
    let body = match text(value, "verb") {
        "remove" | "delete" => Body::Removed { of: "reaction".into() },
        _ => Body::Activity { title: "reaction".into() },
    };
    let removed = matches!(body, Body::Removed { .. });
    let mut draft = Draft::new(format!("reaction/{}", hex32_of_parts([on.as_str(), who.as_str()])), body);
    draft.revision = revision(time, value, removed);
    draft.occurred_at = time.map(Micros::from_secs);
    if !removed {
        let kind = Some(text(value, "reaction_type")).filter(|t| !t.is_empty()).unwrap_or("like");
        draft.content.fields.insert("reaction".into(), word(kind).into());
        draft.content.fields.insert("on".into(), on.into());
        person(owner, value, &mut draft);
    }
    Ok(draft)
}

fn rating(owner: &Owner, value: &Value, time: Option<i64>) -> Result<Draft, Unknown> {
    let story = id(value, "open_graph_story_id").ok_or(Unknown::id("rating"))?;
    let mut draft = verb(owner, value, time, "review", format!("rating/{story}"))?;
    if matches!(draft.body, Body::Mention(_)) {
        draft.content.text = text(value, "review_text").to_owned();
        for name in ["rating", "recommendation_type"] {
            if let Some(field) = value.get(name).filter(|v| v.is_number() || v.is_string()) {
                draft.content.fields.insert(name.into(), field.clone());
            }
        }
    }
    Ok(draft)
}

/// A lead form was sent in; the answers must be fetched with a token, which no adapter has.
fn lead(value: &Value, time: Option<i64>) -> Result<Draft, Unknown> {
    let test = number(value, "leadgen_id") == Some(0);
    let lead = id(value, "leadgen_id").or_else(|| test.then(|| format!("test/{}", time.unwrap_or_default())));
    let key = format!("lead/{}", lead.ok_or(Unknown::id("leadgen"))?);
    let mut draft = Draft::new(key, Body::Activity { title: "leadgen".into() });
    draft.occurred_at = number(value, "created_time").or(time).map(Micros::from_secs);
    draft.flags = if test { flags::TEST } else { 0 };
    draft.content.fields.insert("state".into(), "pending_fetch".into());
    for name in ["leadgen_id", "form_id", "ad_id", "adgroup_id", "page_id"] {
        if let Some(value) = id(value, name) {
            draft.content.fields.insert(name.into(), value.into());
        }
    }
    Ok(draft)
}
