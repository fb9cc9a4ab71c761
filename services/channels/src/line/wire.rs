//! The webhook's JSON as typed, borrowed structures. Only what facts are made of; everything else stays in the raw request.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Text that borrows from the body unless it holds escapes.
#[derive(Deserialize, Default)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The request. Elements stay unparsed, so that a broken one costs no other one and the bytes can be kept exactly.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) destination: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) events: Vec<&'a RawValue>,
}

/// Only the type of an element that is not understood otherwise.
#[derive(Deserialize)]
pub(super) struct TypeOnly<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

/// One element of `events`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Element<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) timestamp: Option<i64>,
    #[serde(borrow)]
    pub(super) mode: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) webhook_event_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) source: Option<Source<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) unsend: Option<Unsend<'a>>,
    pub(super) follow: Option<Follow>,
    #[serde(borrow)]
    pub(super) joined: Option<Members<'a>>,
    #[serde(borrow)]
    pub(super) left: Option<Members<'a>>,
    #[serde(borrow)]
    pub(super) link: Option<Link<'a>>,
    #[serde(borrow)]
    pub(super) postback: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) video_play_complete: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) beacon: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) membership: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) module: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) chat_control: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) delivery: Option<&'a RawValue>,
}

/// Where it happened: a user's chat, a group or a room.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source<'a> {
    #[serde(borrow)]
    pub(super) user_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) group_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) room_id: Option<Text<'a>>,
}

/// A message of any type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) quoted_message_id: Option<Text<'a>>,
    /// What a reply has to give to quote this message.
    #[serde(borrow)]
    pub(super) quote_token: Option<Text<'a>>,
    /// LINE's own emoji in the text: product, id, and where they stand.
    #[serde(borrow)]
    pub(super) emojis: Option<&'a RawValue>,
    /// Who is addressed in the text, and where.
    #[serde(borrow)]
    pub(super) mention: Option<&'a RawValue>,
    /// Milliseconds of sound or film.
    #[serde(borrow)]
    pub(super) duration: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content_provider: Option<Provider<'a>>,
    #[serde(borrow)]
    pub(super) image_set: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) file_name: Option<Text<'a>>,
    pub(super) file_size: Option<u64>,
    #[serde(borrow)]
    pub(super) title: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) address: Option<Text<'a>>,
    /// Kept as the source wrote it: no float.
    #[serde(borrow)]
    pub(super) latitude: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) longitude: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) package_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) sticker_id: Option<Text<'a>>,
}

/// Who holds a message's media.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Provider<'a> {
    #[serde(borrow)]
    pub(super) original_content_url: Option<Text<'a>>,
}

/// Which message was taken back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unsend<'a> {
    #[serde(borrow)]
    pub(super) message_id: Text<'a>,
}

/// How the following started.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Follow {
    pub(super) is_unblocked: Option<bool>,
}

/// People who joined or left a group or room.
#[derive(Deserialize)]
pub(super) struct Members<'a> {
    #[serde(borrow)]
    pub(super) members: Vec<Source<'a>>,
}

/// Result of linking an account of ours.
#[derive(Deserialize)]
pub(super) struct Link<'a> {
    #[serde(borrow)]
    pub(super) result: Text<'a>,
    #[serde(borrow)]
    pub(super) nonce: Text<'a>,
}
