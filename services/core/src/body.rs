//! What an event states, without anything personal: kinds of facts with typed, clear fields. The personal part of the
//! same event (text, names, form fields, addresses) is its [`Content`](crate::content::Content), which is sealed.

use crate::{money::Money, time::Micros};
use serde::{Deserialize, Serialize};

/// Who spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The customer to us.
    #[default]
    Inbound,
    /// We to the customer.
    Outbound,
}

/// A message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// Who spoke.
    pub direction: Direction,
    /// The conversation at the source: a group, a room, a mail thread.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thread: String,
    /// The source's id of the message this one answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reply_to: String,
    /// What it is at the source: `text`, `image`, `sticker`, `location`, ...
    #[serde(skip_serializing_if = "String::is_empty")]
    pub form: String,
    /// Number of attachments.
    pub attachments: u32,
}

/// A submitted form; its fields are content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Form {
    /// Name of the form.
    pub form: String,
}

/// A public post or comment that names us; text and address are content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mention {
    /// `facebook`, `instagram`, ...
    pub network: String,
    /// `post`, `comment`, `reaction`, ...
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The post it belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thread: String,
}

/// One line of a purchase or cart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Line {
    /// Product id at the source.
    pub sku: String,
    /// Decimal text: tills sell 0.350 kg.
    #[serde(deserialize_with = "text_or_number")]
    pub quantity: String,
    /// Amount of the line.
    pub amount: Money,
}

/// A completed sale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Purchase {
    /// ISO 4217.
    pub currency: String,
    /// What the customer paid.
    pub total: Money,
    /// Tax inside the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// Discount already taken off the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<Money>,
    /// Loyalty points spent.
    #[serde(skip_serializing_if = "is_zero")]
    pub points_used: i64,
    /// What was sold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Other names of the same sale (invoice number, order number).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<String>,
}

/// Money given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refund {
    /// Key of the purchase at the same source.
    pub of: String,
    /// ISO 4217.
    pub currency: String,
    /// Positive amount.
    pub total: Money,
}

/// An order's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// Order number.
    pub number: String,
    /// placed, paid, shipped, `ready_for_pickup`, delivered, returned, cancelled.
    pub state: String,
    /// Who carries it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub carrier: String,
    /// Tracking number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tracking: String,
}

/// Consent given or withdrawn. An absent checkbox is no consent fact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consent {
    /// The brand it was given to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub brand: String,
    /// `marketing`, `profiling`, ...
    pub purpose: String,
    /// `email`, `sms`, `line`, ...
    pub channel: String,
    /// Given, or withdrawn.
    pub granted: bool,
    /// How: `checkbox`, `paper`, `unsubscribe_link`, ...
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// SHA-256 of the text that was shown, hexadecimal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text_sha256: String,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
}

/// An operator's act on identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityAct {
    /// These two belong to one customer.
    Link,
    /// These two do not.
    Unlink,
    /// This one never joins customers.
    Block,
    /// It may again.
    Unblock,
    /// The customer of all these is forgotten: what named them up to now names them no more.
    Erase,
    /// What looked suspicious on this one up to now was looked at and is in order.
    Clear,
}

/// What an event states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A message of a conversation.
    Message(Message),
    /// A submitted form.
    Form(Form),
    /// A public post or comment that names us.
    Mention(Mention),
    /// A completed sale.
    Purchase(Purchase),
    /// Money given back.
    Refund(Refund),
    /// An order's state.
    Order(Order),
    /// Follows us, or stopped.
    Follow {
        /// Whether they follow from now on.
        following: bool,
    },
    /// A page or place visited; the address is content.
    Visit {
        /// `page`, `store`, `beacon`, ...
        kind: String,
    },
    /// A cart's content.
    Cart {
        /// What is in it.
        items: Vec<Line>,
        /// open, abandoned, ordered.
        state: String,
    },
    /// Consent given or withdrawn.
    Consent(Consent),
    /// Profile fields only (they are content).
    Profile {},
    /// A named property, such as tier = gold.
    Trait {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A note by staff; the text is content.
    Note {},
    /// What became of something sent.
    Delivery {
        /// Campaign or message id.
        campaign: String,
        /// sent, delivered, opened, clicked, failed, bounced, complained.
        state: String,
    },
    /// Proof that the event's identifiers belong together, or that the attempt failed.
    Link {
        /// Opaque value that names the other side, such as a hashed nonce.
        with: String,
        /// Whether the platform vouches for it.
        ok: bool,
    },
    /// The event's identifiers are offered to whoever redeems a nonce on the same account; its hash stands in the key,
    /// `offer/HASH`. See [`crate::identity`].
    Offered {
        /// The last moment at which it can be redeemed.
        expires_at: Micros,
    },
    /// The fact was removed at its source.
    Removed {
        /// What was removed.
        of: String,
    },
    /// Anything else: on the timeline only.
    Activity {
        /// Short, not personal.
        title: String,
    },
    /// Received and kept, but not understood.
    Unrecognised {
        /// Stable reason code.
        reason: String,
    },
    /// Part of a raw request too large for one record; comes before its event.
    Chunk {
        /// The event it belongs to.
        of: crate::ids::EventId,
        /// Its number, from 0.
        index: u32,
        /// How many there are.
        total: u32,
    },
    /// An operator's act on identifiers.
    Identity {
        /// Which.
        act: IdentityAct,
    },
    /// The effective identity policy from here on; judges all events.
    Policy {
        /// The policy as JSON.
        policy: String,
    },
    /// Time passed.
    Ticked {},
}

impl Body {
    /// Type of the events that state the identity policy.
    pub const POLICY_TYPE: &'static str = "identity.policy.changed";

    /// The event type: `tributary.v1.` and this.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Message(m) if m.direction == Direction::Outbound => "message.sent",
            Self::Message(_) => "message.received",
            Self::Form(_) => "form.submitted",
            Self::Mention(_) => "mention.created",
            Self::Purchase(_) => "purchase.completed",
            Self::Refund(_) => "refund.issued",
            Self::Order(_) => "order.changed",
            Self::Follow { following: true } => "follow.started",
            Self::Follow { following: false } => "follow.ended",
            Self::Visit { .. } => "visit.recorded",
            Self::Cart { .. } => "cart.changed",
            Self::Consent(_) => "consent.changed",
            Self::Profile {} => "profile.changed",
            Self::Trait { .. } => "trait.changed",
            Self::Note {} => "note.added",
            Self::Delivery { .. } => "delivery.reported",
            Self::Link { ok: true, .. } => "link.proven",
            Self::Link { ok: false, .. } => "link.failed",
            Self::Offered { .. } => "identity.offered",
            Self::Removed { .. } => "removed",
            Self::Activity { .. } => "activity",
            Self::Unrecognised { .. } => "unrecognised",
            Self::Chunk { .. } => "chunk",
            Self::Identity { act: IdentityAct::Link } => "identity.link",
            Self::Identity { act: IdentityAct::Unlink } => "identity.unlink",
            Self::Identity { act: IdentityAct::Block } => "identity.block",
            Self::Identity { act: IdentityAct::Unblock } => "identity.unblock",
            Self::Identity { act: IdentityAct::Erase } => "customer.erasure.requested",
            Self::Identity { act: IdentityAct::Clear } => "identity.clear",
            Self::Policy { .. } => Self::POLICY_TYPE,
            Self::Ticked {} => "clock.ticked",
        }
    }

    /// Whether it belongs on a customer's timeline; the others are the hub's own records.
    #[must_use]
    pub fn is_interaction(&self) -> bool {
        !matches!(
            self,
            Self::Unrecognised { .. }
                | Self::Chunk { .. }
                | Self::Identity { .. }
                | Self::Policy { .. }
                | Self::Ticked {}
        )
    }
}

/// Prefix of every CloudEvents type.
pub const TYPE_PREFIX: &str = "tributary.v1.";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    })
}
