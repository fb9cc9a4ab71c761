//! The event: one immutable record of the log.

use crate::{
    body::Body,
    content::ProfileSource,
    ids::{EventId, FactKey, Position},
    seal::Cell,
    time::Micros,
    token::Token,
};
use serde::{Deserialize, Serialize};

/// How far an identifier can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Seen with (cookie, device, handle); never joins customers.
    Observed = 1,
    /// Typed by somebody.
    #[default]
    Claimed = 2,
    /// Vouched for: signed webhook, login, one-time code, card swipe.
    Verified = 3,
}

impl Trust {
    /// From its stored number; anything unknown is the least trust.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        match number {
            3 => Self::Verified,
            2 => Self::Claimed,
            _ => Self::Observed,
        }
    }
}

/// An identifier of an event: what kind, how far believed, and its token. The value is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// `member`, `line`, `phone`, `email`, `social`, `carrier`, `external`, `cookie`, `device`, ...
    pub kind: String,
    /// Provider, page, network; empty where the type has one space.
    pub scope: String,
    /// How far believed, after the channel's cap.
    pub trust: Trust,
    /// Stands for (type, scope, value).
    pub token: Token,
    /// Bits of the blocklist patterns that match the value.
    pub marks: u32,
}

/// Bits of [`Event::flags`].
pub mod flags {
    /// Kept as spam, never a customer.
    pub const SPAM: u32 = 1;
    /// Imported history.
    pub const HISTORICAL: u32 = 2;
    /// Another module owns the chat: record, never reply.
    pub const STANDBY: u32 = 4;
    /// A test of the source; never a customer.
    pub const TEST: u32 = 8;
    /// Not a person speaking (auto-reply, bounce, list mail).
    pub const AUTOMATIC: u32 = 16;
    /// A purchase or refund that counts unless a channel that counts has told the same sale.
    pub const ATTACH: u32 = 32;
    /// A purchase that counts, and is compared with those that attach.
    pub const COUNT: u32 = 64;
}

/// One immutable record of the log, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Derived from the source, see [`EventId::derive`].
    pub id: EventId,
    /// Configured name of the channel.
    pub channel: String,
    /// Adapter kind.
    pub kind: String,
    /// Provider, page, merchant or mailbox.
    pub account: String,
    /// The fact's own name at its source.
    pub key: String,
    /// The source's version.
    pub revision: u64,
    /// Generation of the adapter.
    pub generation: u32,
    /// When, as the source says.
    pub occurred_at: Micros,
    /// Whom it names.
    pub identifiers: Vec<Identifier>,
    /// Everything personal.
    pub sealed: Vec<Cell>,
    /// What it states.
    pub body: Body,
    /// Version of the normaliser that made the tokens.
    pub normaliser: u32,
    /// See [`flags`].
    pub flags: u32,
    /// Who acted (staff or token name), may be empty.
    pub actor: String,
    /// Store, may be empty.
    pub store: String,
    /// Brand, may be empty.
    pub brand: String,
    /// Where its profile fields come from.
    pub profile_source: ProfileSource,
}

impl Event {
    /// The fact this event is a revision of.
    #[must_use]
    pub fn fact_key(&self) -> FactKey {
        FactKey::derive(&self.kind, &self.account, &self.key)
    }

    /// The event that takes this one back, as an operator asked: the fact is removed, unless its source states a greater
    /// revision. Copies of this event and readings of it by other adapters stay removed.
    #[must_use]
    pub fn retraction(&self, at: Micros, actor: &str) -> Self {
        let generation = u32::MAX;
        Self {
            id: EventId::derive(&self.kind, &self.account, &self.key, self.revision, generation),
            generation,
            occurred_at: at,
            identifiers: Vec::new(),
            sealed: Vec::new(),
            body: Body::Removed { of: "retracted".to_owned() },
            actor: actor.to_owned(),
            ..self.clone()
        }
    }

    /// Whether it may touch customers at all: spam, tests and the hub's own records do not.
    #[must_use]
    pub fn is_for_customers(&self) -> bool {
        self.body.is_interaction() && self.flags & (flags::SPAM | flags::TEST) == 0
    }
}

/// An event with what the log adds: where it stands and when it was made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Where it stands.
    pub position: Position,
    /// Stamped once by the log's writer.
    pub recorded_at: Micros,
    /// The event.
    pub event: Event,
}

impl RecordedEvent {
    /// `occurred_at`, but never later than `recorded_at`: what the fold orders by.
    #[must_use]
    pub fn effective_at(&self) -> Micros {
        self.event.occurred_at.min(self.recorded_at)
    }
}
