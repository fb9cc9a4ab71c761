//! The bodies by their names: clear parts into the body, personal parts into the content.

use super::{envelope::Refused, fields::Fields};
use crate::digest;
use tributary_core::{
    body::{Body, Consent, Direction, Form, Line, Mention, Message, Order, Purchase, Refund},
    content::Attachment,
    draft::Draft,
    money::Money,
    time::Micros,
};

/// Names of bodies that other systems may state.
const KNOWN: [&str; 17] = [
    "message", "form", "mention", "purchase", "refund", "order", "follow", "visit", "cart", "consent",
    "profile", "trait", "note", "delivery", "link", "removed", "activity",
];

const ORDER_STATES: [&str; 7] =
    ["placed", "paid", "shipped", "ready_for_pickup", "delivered", "returned", "cancelled"];

const DELIVERY_STATES: [&str; 7] =
    ["sent", "delivered", "opened", "clicked", "failed", "bounced", "complained"];

pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Reads the body `name` into the draft. `kind` is the event's full type: it decides where the body leaves something open.
pub(super) fn read(name: &str, kind: &str, mut fields: Fields<'_>, draft: &mut Draft) -> Result<(), Refused> {
    for (key, slot) in [("actor", &mut draft.actor), ("store", &mut draft.store), ("brand", &mut draft.brand)]
    {
        let text = fields.text(key)?;
        if !text.is_empty() {
            *slot = text;
        }
    }
    let f = &mut fields;
    draft.body = match name {
        "message" => message(f, kind, draft)?,
        "form" => {
            draft.content.fields = f.any("fields")?;
            Body::Form(Form { form: f.required("form")? })
        }
        "mention" => {
            draft.content.text = f.long_text("text")?.unwrap_or_default();
            draft.content.url = f.long_text("url")?.unwrap_or_default();
            let network = f.required("network")?;
            Body::Mention(Mention { network, kind: f.text("kind")?, thread: f.text("thread")? })
        }
        "purchase" => purchase(f)?,
        "refund" => Body::Refund(Refund {
            of: f.required("of")?,
            currency: currency(f)?,
            total: f.amount("total")?.ok_or_else(|| f.missing("total"))?,
        }),
        "order" => Body::Order(Order {
            number: f.required("number")?,
            state: f.word("state", &ORDER_STATES)?.ok_or_else(|| f.missing("state"))?.to_owned(),
            carrier: f.text("carrier")?,
            tracking: f.text("tracking")?,
        }),
        "consent" => consent(f, draft)?,
        _ => smaller(name, f, kind, draft)?,
    };
    fields.finish()
}

fn smaller(name: &str, f: &mut Fields<'_>, kind: &str, draft: &mut Draft) -> Result<Body, Refused> {
    Ok(match name {
        "follow" => Body::Follow { following: f.flag("following")?.unwrap_or(!kind.ends_with(".ended")) },
        "visit" => {
            draft.content.url = f.long_text("url")?.unwrap_or_default();
            let kind = f.text("kind")?;
            Body::Visit { kind: if kind.is_empty() { "page".to_owned() } else { kind } }
        }
        "cart" => Body::Cart { items: lines(f, "items")?, state: f.text("state")? },
        "trait" => Body::Trait { name: f.required("name")?, value: f.text("value")? },
        "note" => {
            draft.content.text = f.long_text("text")?.ok_or_else(|| f.missing("text"))?;
            Body::Note {}
        }
        "delivery" => Body::Delivery {
            campaign: f.required("campaign")?,
            state: f.word("state", &DELIVERY_STATES)?.ok_or_else(|| f.missing("state"))?.to_owned(),
        },
        "link" => {
            // A nonce is a secret of the linking: only its hash is kept in clear.
            let nonce = f.long_text("nonce")?.map(|nonce| digest::hex64(nonce.as_bytes()));
            let with = f.text("with")?;
            let with = nonce.or((!with.is_empty()).then_some(with)).ok_or_else(|| f.missing("with"))?;
            Body::Link { with, ok: f.flag("ok")?.unwrap_or(!kind.ends_with(".failed")) }
        }
        "removed" => Body::Removed { of: f.text("of")? },
        "activity" => {
            draft.content.fields = f.any("fields")?;
            Body::Activity { title: f.required("title")? }
        }
        _ => Body::Profile {},
    })
}

fn message(f: &mut Fields<'_>, kind: &str, draft: &mut Draft) -> Result<Body, Refused> {
    draft.content.text = f.long_text("text")?.unwrap_or_default();
    draft.content.subject = f.long_text("subject")?.unwrap_or_default();
    for mut attachment in f.objects("attachments")? {
        draft.content.attachments.push(Attachment {
            kind: attachment.text("kind")?,
            name: attachment.long_text("name")?.unwrap_or_default(),
            media_type: attachment.text("media_type")?,
            url: attachment.long_text("url")?.unwrap_or_default(),
            size: attachment.typed("size", "a whole number of bytes")?,
        });
        attachment.finish()?;
    }
    let direction = match f.word("direction", &["inbound", "outbound"])? {
        Some("outbound") => Direction::Outbound,
        None if kind.ends_with(".sent") => Direction::Outbound,
        _ => Direction::Inbound,
    };
    Ok(Body::Message(Message {
        direction,
        thread: f.text("thread")?,
        reply_to: f.text("reply_to")?,
        form: f.text("form")?,
        attachments: draft.content.attachments.len() as u32,
    }))
}

fn purchase(f: &mut Fields<'_>) -> Result<Body, Refused> {
    Ok(Body::Purchase(Purchase {
        currency: currency(f)?,
        total: f.amount("total")?.ok_or_else(|| f.missing("total"))?,
        tax: f.amount("tax")?,
        discount: f.amount("discount")?,
        points_used: f.typed("points_used", "a whole number")?.unwrap_or_default(),
        lines: lines(f, "lines")?,
        refs: f.typed("refs", "a list of texts")?.unwrap_or_default(),
    }))
}

fn currency(f: &mut Fields<'_>) -> Result<String, Refused> {
    let code = f.required("currency")?;
    if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(code);
    }
    Err(Refused::new("invalid_value", "currency must be an ISO 4217 code, such as \"TWD\""))
}

fn lines(f: &mut Fields<'_>, key: &str) -> Result<Vec<Line>, Refused> {
    let line = |mut line: Fields<'_>| {
        // Quantities are decimal text of any scale; the parser of amounts knows what that is.
        let quantity = line.amount("quantity")?.unwrap_or(Money::new(1, 0)).to_string();
        let amount = line.amount("amount")?.unwrap_or_default();
        let read = Line { sku: line.text("sku")?, quantity, amount };
        line.finish()?;
        Ok(read)
    };
    f.objects(key)?.into_iter().map(line).collect()
}

fn consent(f: &mut Fields<'_>, draft: &Draft) -> Result<Body, Refused> {
    let expires_at: Option<Micros> = f.typed("expires_at", "an RFC 3339 time with an offset")?;
    Ok(Body::Consent(Consent {
        brand: draft.brand.clone(),
        purpose: f.required("purpose")?,
        channel: f.required("channel")?,
        granted: f.flag("granted")?.ok_or_else(|| f.missing("granted"))?,
        method: f.text("method")?,
        text_sha256: f.text("text_sha256")?,
        expires_at,
    }))
}
