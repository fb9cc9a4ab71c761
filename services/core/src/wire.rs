//! The only place that names generated messages: [`Event`] to the bytes of the log and back.

use crate::{
    body::{self, Body, Direction, IdentityAct},
    content::ProfileSource,
    event::{Event, Identifier, Trust},
    ids::EventId,
    money::Money,
    seal::{Cell, Role},
    time::Micros,
    token::Token,
};
use prost::Message as _;
use tributary_proto::v1 as pb;

/// Why bytes of the log are not an event.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// Not the protobuf message.
    #[error("record is not an event: {0}")]
    Decode(String),
    /// The message has no id, or no body this release knows.
    #[error("event lacks {0}")]
    Missing(&'static str),
}

/// The event's bytes for the log.
#[must_use]
pub fn encode(event: &Event) -> Vec<u8> {
    let sealed = event.sealed.iter().map(|cell| {
        let (role, ordinal) = match cell.role {
            Role::Content => (0, 0),
            Role::Raw => (1, 0),
            Role::Identifier(ordinal) => (2, u32::from(ordinal)),
        };
        pb::Cell {
            scheme: cell.scheme,
            key_id: cell.key_id,
            nonce: cell.nonce.clone().into(),
            bytes: cell.bytes.clone().into(),
            role,
            ordinal,
        }
    });
    let identifiers = event.identifiers.iter().map(|i| pb::Identifier {
        r#type: i.kind.clone(),
        scope: i.scope.clone(),
        trust: i.trust as u32,
        token: i.token.0.to_vec().into(),
        marks: i.marks,
    });
    pb::Event {
        id: event.id.0.to_vec().into(),
        channel: event.channel.clone(),
        kind: event.kind.clone(),
        account: event.account.clone(),
        key: event.key.clone(),
        revision: event.revision,
        generation: event.generation,
        occurred_at: event.occurred_at.0,
        identifiers: identifiers.collect(),
        sealed: sealed.collect(),
        facts: Some(pb::Facts { body: Some(body_to(&event.body)) }),
        normaliser: event.normaliser,
        flags: event.flags,
        actor: event.actor.clone(),
        store: event.store.clone(),
        brand: event.brand.clone(),
        profile_source: event.profile_source as u32,
    }
    .encode_to_vec()
}

/// The event in these bytes of the log.
///
/// # Errors
/// [`WireError`] if they are no event of a known kind; the projector parks such a record.
pub fn decode(bytes: &[u8]) -> Result<Event, WireError> {
    // One copy, of which ids, tokens and cells are slices: each by itself would be an allocation.
    let bytes = prost::bytes::Bytes::copy_from_slice(bytes);
    let event = pb::Event::decode(bytes).map_err(|e| WireError::Decode(e.to_string()))?;
    let body = event.facts.and_then(|f| f.body).ok_or(WireError::Missing("a known body"))?;
    let mut identifiers = Vec::with_capacity(event.identifiers.len());
    for i in event.identifiers {
        identifiers.push(Identifier {
            kind: i.r#type,
            scope: i.scope,
            trust: Trust::from_number(i.trust),
            token: Token(sixteen(&i.token)?),
            marks: i.marks,
        });
    }
    let sealed = event.sealed.into_iter().map(|cell| Cell {
        scheme: cell.scheme,
        key_id: cell.key_id,
        nonce: cell.nonce.to_vec(),
        bytes: cell.bytes.to_vec(),
        role: match cell.role {
            0 => Role::Content,
            1 => Role::Raw,
            _ => Role::Identifier(cell.ordinal.min(255) as u8),
        },
    });
    Ok(Event {
        id: EventId(sixteen(&event.id)?),
        channel: event.channel,
        kind: event.kind,
        account: event.account,
        key: event.key,
        revision: event.revision,
        generation: event.generation,
        occurred_at: Micros::clamped(event.occurred_at),
        identifiers,
        sealed: sealed.collect(),
        body: body_from(body)?,
        normaliser: event.normaliser,
        flags: event.flags,
        actor: event.actor,
        store: event.store,
        brand: event.brand,
        profile_source: ProfileSource::from_number(u64::from(event.profile_source)).unwrap_or_default(),
    })
}

fn sixteen(bytes: &[u8]) -> Result<[u8; 16], WireError> {
    bytes.try_into().map_err(|_| WireError::Missing("a 16-byte id or token"))
}

fn money(value: Money) -> Option<pb::Money> {
    Some(pb::Money { units: value.units, scale: u32::from(value.scale) })
}

fn money_from(value: Option<&pb::Money>) -> Money {
    value.map_or_else(Money::default, |m| Money::new(m.units, m.scale.min(255) as u8))
}

fn lines(lines: &[body::Line]) -> Vec<pb::Line> {
    let line = |l: &body::Line| pb::Line {
        sku: l.sku.clone(),
        quantity: l.quantity.clone(),
        amount: money(l.amount),
    };
    lines.iter().map(line).collect()
}

fn lines_from(lines: Vec<pb::Line>) -> Vec<body::Line> {
    let line =
        |l: pb::Line| body::Line { sku: l.sku, quantity: l.quantity, amount: money_from(l.amount.as_ref()) };
    lines.into_iter().map(line).collect()
}

fn body_to(body: &Body) -> pb::facts::Body {
    use pb::facts::Body as P;
    match body.clone() {
        Body::Message(m) => P::Message(pb::Message {
            direction: if m.direction == Direction::Inbound { 1 } else { 2 },
            thread: m.thread,
            reply_to: m.reply_to,
            form: m.form,
            attachments: m.attachments,
        }),
        Body::Form(f) => P::Form(pb::Form { form: f.form }),
        Body::Mention(m) => P::Mention(pb::Mention { network: m.network, kind: m.kind, thread: m.thread }),
        Body::Purchase(p) => P::Purchase(pb::Purchase {
            currency: p.currency,
            total: money(p.total),
            tax: p.tax.and_then(money),
            discount: p.discount.and_then(money),
            points_used: p.points_used,
            lines: lines(&p.lines),
            refs: p.refs,
        }),
        Body::Refund(r) => P::Refund(pb::Refund { of: r.of, currency: r.currency, total: money(r.total) }),
        Body::Order(o) => {
            P::Order(pb::Order { number: o.number, state: o.state, carrier: o.carrier, tracking: o.tracking })
        }
        Body::Follow { following } => P::Follow(pb::Follow { following }),
        Body::Visit { kind } => P::Visit(pb::Visit { kind }),
        Body::Cart { items, state } => P::Cart(pb::Cart { items: lines(&items), state }),
        Body::Consent(c) => P::Consent(pb::Consent {
            brand: c.brand,
            purpose: c.purpose,
            channel: c.channel,
            granted: c.granted,
            method: c.method,
            text_sha256: c.text_sha256,
            expires_at: c.expires_at.map_or(0, |t| t.0),
        }),
        Body::Profile {} => P::Profile(pb::Empty {}),
        Body::Trait { name, value } => P::Trait(pb::Trait { name, value }),
        Body::Note {} => P::Note(pb::Empty {}),
        Body::Delivery { campaign, state } => P::Delivery(pb::Delivery { campaign, state }),
        Body::Link { with, ok } => P::Link(pb::Link { with, ok }),
        Body::Offered { expires_at } => P::Offered(pb::Offered { expires_at: expires_at.0 }),
        Body::Removed { of } => P::Removed(pb::Removed { of }),
        Body::Activity { title } => P::Activity(pb::Activity { title }),
        Body::Unrecognised { reason } => P::Unrecognised(pb::Unrecognised { reason }),
        Body::Chunk { of, index, total } => P::Chunk(pb::Chunk { of: of.0.to_vec().into(), index, total }),
        Body::Identity { act } => P::Identity(pb::IdentityAct { act: act_name(act).to_owned() }),
        Body::Policy { policy } => P::Policy(pb::PolicyChanged { policy_json: policy }),
        Body::Ticked {} => P::Ticked(pb::Empty {}),
    }
}

fn act_name(act: IdentityAct) -> &'static str {
    match act {
        IdentityAct::Link => "link",
        IdentityAct::Unlink => "unlink",
        IdentityAct::Block => "block",
        IdentityAct::Unblock => "unblock",
        IdentityAct::Erase => "erase",
        IdentityAct::Clear => "clear",
    }
}

fn act_from(name: &str) -> Result<IdentityAct, WireError> {
    Ok(match name {
        "link" => IdentityAct::Link,
        "unlink" => IdentityAct::Unlink,
        "block" => IdentityAct::Block,
        "unblock" => IdentityAct::Unblock,
        "erase" => IdentityAct::Erase,
        "clear" => IdentityAct::Clear,
        _ => return Err(WireError::Missing("a known identity act")),
    })
}

fn body_from(body: pb::facts::Body) -> Result<Body, WireError> {
    use pb::facts::Body as P;
    Ok(match body {
        P::Message(m) => Body::Message(body::Message {
            direction: if m.direction == 2 { Direction::Outbound } else { Direction::Inbound },
            thread: m.thread,
            reply_to: m.reply_to,
            form: m.form,
            attachments: m.attachments,
        }),
        P::Form(f) => Body::Form(body::Form { form: f.form }),
        P::Mention(m) => Body::Mention(body::Mention { network: m.network, kind: m.kind, thread: m.thread }),
        P::Purchase(p) => Body::Purchase(body::Purchase {
            currency: p.currency,
            total: money_from(p.total.as_ref()),
            tax: p.tax.as_ref().map(|m| money_from(Some(m))),
            discount: p.discount.as_ref().map(|m| money_from(Some(m))),
            points_used: p.points_used,
            lines: lines_from(p.lines),
            refs: p.refs,
        }),
        P::Refund(r) => {
            Body::Refund(body::Refund { of: r.of, currency: r.currency, total: money_from(r.total.as_ref()) })
        }
        P::Order(o) => Body::Order(body::Order {
            number: o.number,
            state: o.state,
            carrier: o.carrier,
            tracking: o.tracking,
        }),
        P::Follow(f) => Body::Follow { following: f.following },
        P::Visit(v) => Body::Visit { kind: v.kind },
        P::Cart(c) => Body::Cart { items: lines_from(c.items), state: c.state },
        P::Consent(c) => Body::Consent(body::Consent {
            brand: c.brand,
            purpose: c.purpose,
            channel: c.channel,
            granted: c.granted,
            method: c.method,
            text_sha256: c.text_sha256,
            expires_at: (c.expires_at != 0).then(|| Micros::clamped(c.expires_at)),
        }),
        P::Profile(_) => Body::Profile {},
        P::Trait(t) => Body::Trait { name: t.name, value: t.value },
        P::Note(_) => Body::Note {},
        P::Delivery(d) => Body::Delivery { campaign: d.campaign, state: d.state },
        P::Link(l) => Body::Link { with: l.with, ok: l.ok },
        P::Offered(o) => Body::Offered { expires_at: Micros::clamped(o.expires_at) },
        P::Removed(r) => Body::Removed { of: r.of },
        P::Activity(a) => Body::Activity { title: a.title },
        P::Unrecognised(u) => Body::Unrecognised { reason: u.reason },
        P::Chunk(c) => Body::Chunk { of: EventId(sixteen(&c.of)?), index: c.index, total: c.total },
        P::Identity(i) => Body::Identity { act: act_from(&i.act)? },
        P::Policy(p) => Body::Policy { policy: p.policy_json },
        P::Ticked(_) => Body::Ticked {},
    })
}

#[cfg(test)]
mod tests {
    use super::{act_from, act_name};
    use crate::body::IdentityAct;

    #[test]
    fn acts_keep_their_names_and_unknown_ones_are_refused() {
        for (act, name) in [
            (IdentityAct::Link, "link"),
            (IdentityAct::Unlink, "unlink"),
            (IdentityAct::Block, "block"),
            (IdentityAct::Unblock, "unblock"),
            (IdentityAct::Erase, "erase"),
            (IdentityAct::Clear, "clear"),
        ] {
            assert_eq!(act_name(act), name);
            assert_eq!(act_from(name), Ok(act));
        }
        assert!(act_from("merge").is_err());
    }
}
