//! From one element of `events` to its facts: which key, which revision, which body, whom it names.

use super::{
    message,
    wire::{Element, Members, Source, Text},
};
use crate::digest;
use serde_json::{Map, Value, value::RawValue};
use tributary_core::{
    body::Body,
    content::Content,
    draft::{Claim, Draft},
    event::{Trust, flags},
    ids::REMOVAL,
    seal::Raw,
    time::Micros,
};

/// Longest id that may stand in a key; LINE's have at most 26 characters. Anything longer is hashed.
const ID_BYTES_MAX: usize = 128;

/// Most people of one `memberJoined` or `memberLeft`: a LINE group holds 500.
const MEMBERS_MAX: usize = 500;

/// Largest element of which each member gets a copy as its raw request.
const MEMBERS_BYTES_MAX: usize = 64 * 1024;

/// Event types that state no more than that they happened, with the title they get.
const ACTIVITIES: [(&str, &str); 12] = [
    ("join", "bot joined the chat"),
    ("leave", "bot left the chat"),
    ("postback", "postback"),
    ("videoPlayComplete", "video watched"),
    ("membership", "membership changed"),
    ("module", "module changed"),
    ("activated", "channel activated"),
    ("deactivated", "channel deactivated"),
    ("botSuspended", "bot suspended"),
    ("botResumed", "bot resumed"),
    ("delivery", "notification delivered"),
    ("chatControl", "chat control changed"),
];

/// Event types with a body of their own.
const TYPED: [&str; 9] = [
    "message",
    "messageEdited",
    "unsend",
    "follow",
    "unfollow",
    "memberJoined",
    "memberLeft",
    "accountLink",
    "beacon",
];

/// Reason code and detail of an element that gave no fact.
pub(super) type NotUnderstood = (&'static str, String);

/// Whether LINE's documentation has this event type.
pub(super) fn is_known(kind: &str) -> bool {
    TYPED.contains(&kind) || ACTIVITIES.iter().any(|(known, _)| *known == kind)
}

/// The type itself is hostile text and not repeated.
pub(super) fn unknown_type() -> NotUnderstood {
    ("unknown_event_type", "this event type is not known".to_owned())
}

/// Appends the element's facts to `out`.
pub(super) fn drafts(
    element: &Element<'_>,
    bytes: &str,
    provider: &str,
    raw: &dyn Fn() -> Raw,
    out: &mut Vec<Draft>,
) -> Result<(), NotUnderstood> {
    let fact = Fact { element, bytes, provider, raw };
    match element.kind.as_str() {
        "message" | "messageEdited" => out.push(fact.message()),
        "unsend" => out.push(fact.unsend()?),
        "follow" => out.push(fact.follow()),
        "unfollow" => out.push(fact.draft(fact.event_key(), Body::Follow { following: false })),
        "memberJoined" => return fact.members("member joined", element.joined.as_ref(), out),
        "memberLeft" => return fact.members("member left", element.left.as_ref(), out),
        "accountLink" => out.push(fact.link()?),
        "beacon" => out.push(fact.with_fields(Body::Visit { kind: "beacon".to_owned() })),
        kind => match ACTIVITIES.iter().find(|(known, _)| *known == kind) {
            Some((_, title)) => out.push(fact.with_fields(Body::Activity { title: (*title).to_owned() })),
            None => return Err(unknown_type()),
        },
    }
    Ok(())
}

struct Fact<'a> {
    element: &'a Element<'a>,
    bytes: &'a str,
    provider: &'a str,
    raw: &'a dyn Fn() -> Raw,
}

impl Fact<'_> {
    /// `webhookEventId`, or the hash of the element where older payloads have none.
    fn event_key(&self) -> String {
        match &self.element.webhook_event_id {
            Some(id) => bounded(id.as_str()).unwrap_or_else(|| digest::hex32(self.bytes.as_bytes())),
            None => digest::hex32(self.bytes.as_bytes()),
        }
    }

    fn draft(&self, key: String, body: Body) -> Draft {
        let mut draft = Draft::new(key, body);
        draft.occurred_at = self.element.timestamp.map(Micros::from_millis);
        if self.element.mode.as_ref().is_some_and(|m| m.as_str() == "standby") {
            draft.flags |= flags::STANDBY;
        }
        if let Some(source) = &self.element.source {
            draft.identifiers.extend(self.person(source));
        }
        draft.raw = (self.raw)();
        draft
    }

    /// As [`draft`](Self::draft), for what carries no thread of its own: the group or room is named in the content.
    fn in_conversation(&self, key: String, body: Body) -> Draft {
        let mut draft = self.draft(key, body);
        if let Some(source) = &self.element.source {
            for (name, id) in [("groupId", &source.group_id), ("roomId", &source.room_id)] {
                if let Some(id) = id {
                    draft.content.fields.insert(name.to_owned(), Value::String(id.as_str().to_owned()));
                }
            }
        }
        draft
    }

    /// Groups and rooms are conversations and never persons: only the user id counts.
    fn person(&self, source: &Source<'_>) -> Option<Claim> {
        let user = source.user_id.as_ref()?;
        Some(Claim::new("line", self.provider, user.as_str(), Trust::Verified))
    }

    fn message(&self) -> Draft {
        let Some(message) = &self.element.message else {
            return self.draft(self.event_key(), Body::Activity { title: "message".to_owned() });
        };
        let key = message.id.as_ref().and_then(|id| message_key(id.as_str()));
        let thread = self.element.source.as_ref().and_then(|s| s.group_id.as_ref().or(s.room_id.as_ref()));
        let (body, content) = message::read(message, thread.map(Text::as_str).unwrap_or_default());
        let mut draft = self.draft(key.unwrap_or_else(|| self.event_key()), Body::Message(body));
        draft.content = content;
        if self.element.kind.as_str() == "messageEdited" {
            // Edits carry no version; their time orders them, and any edit is newer than the message itself.
            draft.revision = self.element.timestamp.and_then(|t| u64::try_from(t).ok()).unwrap_or(0).max(1);
        }
        draft
    }

    fn unsend(&self) -> Result<Draft, NotUnderstood> {
        let id = self.element.unsend.as_ref().and_then(|u| message_key(u.message_id.as_str()));
        let key = id.ok_or_else(|| missing("unsend.messageId"))?;
        let mut draft = self.draft(key.clone(), Body::Removed { of: key });
        draft.revision = REMOVAL;
        Ok(draft)
    }

    fn follow(&self) -> Draft {
        let mut draft = self.draft(self.event_key(), Body::Follow { following: true });
        if let Some(unblocked) = self.element.follow.as_ref().and_then(|f| f.is_unblocked) {
            draft.content.fields.insert("isUnblocked".to_owned(), Value::Bool(unblocked));
        }
        draft
    }

    /// The nonce is a secret of the linking: only its hash leaves the raw request.
    fn link(&self) -> Result<Draft, NotUnderstood> {
        let link = self.element.link.as_ref().ok_or_else(|| missing("link"))?;
        let with = digest::hex64(link.nonce.as_str().as_bytes());
        Ok(self.draft(self.event_key(), Body::Link { with, ok: link.result.as_str() == "ok" }))
    }

    /// One fact a person, so that each stands on its own timeline.
    fn members(
        &self,
        title: &str,
        members: Option<&Members<'_>>,
        out: &mut Vec<Draft>,
    ) -> Result<(), NotUnderstood> {
        let people = members.map(|m| m.members.as_slice()).unwrap_or_default();
        let body = || Body::Activity { title: title.to_owned() };
        let id = self.event_key();
        if people.is_empty() {
            out.push(self.in_conversation(id, body()));
            return Ok(());
        }
        if people.len() > MEMBERS_MAX || self.bytes.len() > MEMBERS_BYTES_MAX {
            return Err(("too_many_members", format!("{} members, at most {MEMBERS_MAX}", people.len())));
        }
        for (index, member) in people.iter().enumerate() {
            let mut draft = self.in_conversation(format!("{id}/{index}"), body());
            draft.identifiers = self.person(member).into_iter().collect();
            out.push(draft);
        }
        Ok(())
    }

    /// The element's own object as named values: postback data, beacon, membership, ...
    fn with_fields(&self, body: Body) -> Draft {
        let mut draft = self.in_conversation(self.event_key(), body);
        let e = self.element;
        let objects =
            [e.postback, e.video_play_complete, e.beacon, e.membership, e.module, e.chat_control, e.delivery];
        for object in objects.into_iter().flatten() {
            add_fields(&mut draft.content, object);
        }
        draft
    }
}

fn add_fields(content: &mut Content, object: &RawValue) {
    let text = crate::json::without_lone_surrogates(object.get());
    if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text.as_deref().unwrap_or(object.get())) {
        content.fields.extend(fields);
    }
}

fn message_key(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| match bounded(id) {
        Some(id) => format!("message/{id}"),
        None => format!("message/{}", digest::hex32(id.as_bytes())),
    })
}

fn bounded(id: &str) -> Option<String> {
    (!id.is_empty() && id.len() <= ID_BYTES_MAX).then(|| id.to_owned())
}

fn missing(what: &str) -> NotUnderstood {
    ("malformed_event", format!("{what} is missing"))
}
