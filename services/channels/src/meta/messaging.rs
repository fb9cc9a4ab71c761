//! Conversations: Messenger and Instagram messages, echoes, postbacks, reactions, receipts. Times are in milliseconds.

use super::{
    Owner, Unknown,
    json::{ID_MAX, id, number, revision, text, word},
};
use crate::digest::{hex32_of_parts, hex64};
use serde_json::Value;
use tributary_core::{
    body::{Body, Direction, Message},
    content::{Attachment, Content},
    draft::{Claim, Draft},
    event::Trust,
    ids::REMOVAL,
    time::Micros,
};

/// Attachments of one message that are listed; Messenger sends at most 30 pictures at once.
const ATTACHMENTS_MAX: usize = 30;

/// Events that are a signal on the timeline and nothing more, with the title they get.
const SIGNALS: [(&str, &str); 9] = [
    ("postback", "postback"),
    ("optin", "optin"),
    ("referral", "referral"),
    ("game_play", "game_play"),
    ("pass_thread_control", "thread_control"),
    ("take_thread_control", "thread_control"),
    ("request_thread_control", "thread_control"),
    ("policy_enforcement", "policy_enforcement"),
    ("app_roles", "app_roles"),
];

/// The draft of one messaging element.
///
/// # Errors
/// [`Unknown`] for elements of no known meaning.
pub fn element(
    owner: &Owner,
    network: &str,
    value: &Value,
    entry_time: Option<i64>,
) -> Result<Draft, Unknown> {
    let at = number(value, "timestamp").or(entry_time);
    let party = |key: &str| value.get(key).and_then(|party| id(party, "id"));
    let echo = value.pointer("/message/is_echo").and_then(Value::as_bool).unwrap_or(false);
    let ours = echo || party("sender").is_some_and(|id| owner.is_us(&id));
    let customer = if ours { party("recipient") } else { party("sender") }.filter(|id| !owner.is_us(id));
    let who = customer.clone().unwrap_or_default();
    let direction = if ours { Direction::Outbound } else { Direction::Inbound };

    let mut draft = if let Some(message) = value.get("message") {
        self::message(message, direction)?
    } else if let Some(edit) = value.get("message_edit") {
        let mut draft = self::message(edit, direction)?;
        draft.revision = number(edit, "num_edit").and_then(|n| u64::try_from(n).ok()).unwrap_or(1).max(1);
        draft
    } else if let Some(reaction) = value.get("reaction") {
        self::reaction(reaction, &who, at)?
    } else if let Some(read) = value.get("read") {
        receipt(read, "opened", &who)
    } else if let Some(delivery) = value.get("delivery") {
        receipt(delivery, "delivered", &who)
    } else if let Some(linking) = value.get("account_linking") {
        account_linking(linking, &who, at)
    } else {
        signal(value, &who, at)?
    };
    draft.occurred_at = at.map(Micros::from_millis);
    let removed = matches!(draft.body, Body::Removed { .. });
    if let Some(customer) = customer.filter(|_| !removed) {
        draft.identifiers.push(Claim::new("social", &owner.scope(network), customer, Trust::Verified));
    }
    Ok(draft)
}

fn message(message: &Value, direction: Direction) -> Result<Draft, Unknown> {
    let mid = id(message, "mid").ok_or(Unknown::id("message"))?;
    let key = format!("mid/{mid}");
    if message.get("is_deleted").and_then(Value::as_bool) == Some(true) {
        let mut draft = Draft::new(key, Body::Removed { of: "message".into() });
        draft.revision = REMOVAL;
        return Ok(draft);
    }
    let attachments: Vec<Attachment> = message
        .get("attachments")
        .and_then(Value::as_array)
        .map(|list| list.iter().take(ATTACHMENTS_MAX).map(attachment).collect())
        .unwrap_or_default();
    let said = text(message, "text");
    let form = match attachments.first() {
        Some(first) if said.is_empty() => first.kind.clone(),
        None if said.is_empty() => "other".into(),
        _ => "text".into(),
    };
    let reply_to = message.get("reply_to").and_then(|to| id(to, "mid")).unwrap_or_default();
    let count = attachments.len() as u32;
    let body =
        Body::Message(Message { direction, thread: String::new(), reply_to, form, attachments: count });
    let mut draft = Draft::new(key, body);
    draft.content = Content { text: said.to_owned(), attachments, ..Content::default() };
    let fields = &mut draft.content.fields;
    if let Some(payload) = message.pointer("/quick_reply/payload").and_then(Value::as_str) {
        fields.insert("quick_reply".into(), payload.into());
    }
    for (name, pointer) in
        [("story_url", "/reply_to/story/url"), ("referral", "/referral"), ("metadata", "/metadata")]
    {
        if let Some(value) = message.pointer(pointer) {
            fields.insert(name.into(), value.clone());
        }
    }
    Ok(draft)
}

fn attachment(value: &Value) -> Attachment {
    let payload = value.get("payload").unwrap_or(&Value::Null);
    let sticker = payload.get("sticker_id").is_some();
    let location = payload.get("coordinates").map(|c| {
        let side = |name| c.get(name).map(Value::to_string).unwrap_or_default();
        format!("geo:{},{}", side("lat"), side("long"))
    });
    let url = [text(payload, "url"), text(value, "url")].into_iter().find(|url| !url.is_empty());
    let name = [text(payload, "title"), text(value, "title")].into_iter().find(|name| !name.is_empty());
    Attachment {
        kind: if sticker { "sticker".into() } else { word(text(value, "type")) },
        name: name.unwrap_or_default().to_owned(),
        url: location.or_else(|| url.map(str::to_owned)).unwrap_or_default(),
        ..Attachment::default()
    }
}

/// One fact per person and message, whose newest state counts.
fn reaction(reaction: &Value, who: &str, at: Option<i64>) -> Result<Draft, Unknown> {
    let mid = id(reaction, "mid").ok_or(Unknown::id("reaction"))?;
    let gone = text(reaction, "action") == "unreact";
    let body = if gone {
        Body::Removed { of: "reaction".into() }
    } else {
        Body::Activity { title: "reaction".into() }
    };
    let mut draft = Draft::new(format!("reaction/{}", hex32_of_parts([&mid, who])), body);
    draft.revision = revision(at, reaction, gone);
    if !gone {
        for name in ["reaction", "emoji", "mid"] {
            let value: String = text(reaction, name).chars().take(200).collect();
            if !value.is_empty() {
                draft.content.fields.insert(name.into(), value.into());
            }
        }
    }
    Ok(draft)
}

/// A receipt covers one message (`mid`), some (`mids`), or all before a moment (`watermark`).
fn receipt(receipt: &Value, state: &str, who: &str) -> Draft {
    let first = receipt.get("mids").and_then(Value::as_array).and_then(|mids| mids.first()?.as_str());
    let first = first.filter(|mid| mid.len() <= ID_MAX);
    let campaign = id(receipt, "mid").or_else(|| first.map(str::to_owned)).unwrap_or_default();
    let watermark = number(receipt, "watermark");
    let until = watermark.map(|w| w.to_string()).unwrap_or_default();
    let key = format!("{state}/{}", hex32_of_parts([who, &campaign, &until]));
    let mut draft = Draft::new(key, Body::Delivery { campaign, state: state.to_owned() });
    if let Some(watermark) = watermark {
        draft.content.fields.insert("watermark".into(), watermark.into());
    }
    draft
}

/// The authorization code proves that our own login and this person are one; unlinking proves nothing.
fn account_linking(linking: &Value, who: &str, at: Option<i64>) -> Draft {
    let at = at.unwrap_or_default().to_string();
    let (status, code) = (text(linking, "status"), text(linking, "authorization_code"));
    let key = format!("account_linking/{}", hex32_of_parts([who, status, &at]));
    if status == "linked" && !code.is_empty() {
        return Draft::new(key, Body::Link { with: hex64(code.as_bytes()), ok: true });
    }
    Draft::new(key, Body::Activity { title: format!("account_{}", word(status)) })
}

fn signal(value: &Value, who: &str, at: Option<i64>) -> Result<Draft, Unknown> {
    let Some((name, title, signal)) =
        SIGNALS.iter().find_map(|(name, title)| Some((name, title, value.get(name)?)))
    else {
        const COMMON: [&str; 3] = ["sender", "recipient", "timestamp"];
        let mut members = value.as_object().into_iter().flat_map(|members| members.keys());
        let unknown = members.find(|name| !COMMON.contains(&name.as_str()));
        return Err(Unknown::new("unknown_messaging_event", unknown.map_or("", String::as_str)));
    };
    let key = match id(signal, "mid") {
        Some(mid) => format!("{name}/{mid}"),
        None => {
            // Two taps on one button differ in their times only.
            let at = at.unwrap_or_default().to_string();
            format!("{name}/{}", hex32_of_parts([who, &at, &signal.to_string()]))
        }
    };
    let mut draft = Draft::new(key, Body::Activity { title: (*title).to_owned() });
    draft.content.text = text(signal, "title").to_owned();
    for (name, value) in signal.as_object().into_iter().flatten().take(20) {
        if name != "title" && name != "mid" {
            draft.content.fields.insert(word(name), value.clone());
        }
    }
    Ok(draft)
}
