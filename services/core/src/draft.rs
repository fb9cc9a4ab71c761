//! From an adapter's draft to an event: normalise, cap trust, mark blocked patterns, tokenise, seal. One pure function,
//! the same for every channel, so that no adapter can forget a step.

use crate::{
    body::Body,
    content::{Contact, Content, ProfileSource},
    event::{Event, Identifier, Trust, flags},
    ids::EventId,
    normalise::{self, Normal, Region},
    seal::{Cell, IdentifierValue, Raw, Role},
    time::Micros,
    token::IndexKey,
};

/// Raw requests over this size stand in chunk records before their event: a record holds at most 768 KiB.
pub const RAW_INLINE_MAX: usize = 512 * 1024;

/// Identifiers an event may name; the customer id's ordinal has 8 bits, and more is no person.
pub const IDENTIFIERS_MAX: usize = 20;

/// An identifier as an adapter found it: raw value, not yet normalised.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Identifier type.
    pub kind: String,
    /// Provider, page, network; empty where the type has one space.
    pub scope: String,
    /// As received.
    pub value: String,
    /// What the adapter believes, before the channel's cap.
    pub trust: Trust,
}

impl Claim {
    /// A claim from its parts.
    #[must_use]
    pub fn new(kind: &str, scope: &str, value: impl Into<String>, trust: Trust) -> Self {
        Self { kind: kind.to_owned(), scope: scope.to_owned(), value: value.into(), trust }
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Claim({}/{}, {:?})", self.kind, self.scope, self.trust)
    }
}

/// What an adapter makes of one fact in a request.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The fact's own name at its source; never a personal value.
    pub key: String,
    /// The source's version, 0 where a fact never changes, [`crate::ids::REMOVAL`] for a removal.
    pub revision: u64,
    /// When, as the source says; `None` where it says nothing (then the time of receipt).
    pub occurred_at: Option<Micros>,
    /// Whom it names.
    pub identifiers: Vec<Claim>,
    /// What it states.
    pub body: Body,
    /// The personal part.
    pub content: Content,
    /// Where the profile fields come from.
    pub profile_source: ProfileSource,
    /// Bits of [`crate::event::flags`].
    pub flags: u32,
    /// Who acted.
    pub actor: String,
    /// Store.
    pub store: String,
    /// Brand; empty = the channel's.
    pub brand: String,
    /// The smallest request that decodes to this fact alone.
    pub raw: Raw,
}

impl Draft {
    /// A draft with everything else empty.
    #[must_use]
    pub fn new(key: impl Into<String>, body: Body) -> Self {
        Self {
            key: key.into(),
            revision: 0,
            occurred_at: None,
            identifiers: Vec::new(),
            body,
            content: Content::default(),
            profile_source: ProfileSource::default(),
            flags: 0,
            actor: String::new(),
            store: String::new(),
            brand: String::new(),
            raw: Raw::default(),
        }
    }
}

/// How a channel's purchases count beside those of other channels that see the same sales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purchases {
    /// They count, and are compared with nothing.
    #[default]
    Alone,
    /// They count, and those of other channels may attach to them.
    Count,
    /// They count unless a channel that counts has told the same sale.
    Attach,
}

impl Purchases {
    /// Bits of [`crate::event::flags`] of an event with this body.
    fn flags(self, body: &Body) -> u32 {
        match (self, body) {
            (Self::Count, Body::Purchase(_)) => flags::COUNT,
            (Self::Attach, Body::Purchase(_) | Body::Refund(_)) => flags::ATTACH,
            _ => 0,
        }
    }
}

/// What a channel's configuration says about every event of it.
#[derive(Clone, Debug)]
pub struct ChannelContext {
    /// Configured name.
    pub name: String,
    /// Adapter kind.
    pub kind: String,
    /// Provider, page, merchant or mailbox.
    pub account: String,
    /// Default region of phone numbers.
    pub region: Region,
    /// No identifier is believed more than this; `Verified` must be granted.
    pub trust_cap: Trust,
    /// Member numbers of this channel are phone numbers on purpose.
    pub member_is_phone: bool,
    /// Brand label.
    pub brand: String,
    /// Generation of the adapter.
    pub generation: u32,
    /// How its purchases count.
    pub purchases: Purchases,
}

impl ChannelContext {
    /// The event of this draft. `received_at` stands in where the source gives no time. Records to be appended, in order:
    /// chunks of an oversize raw request first, the event last.
    #[must_use]
    pub fn events(&self, draft: Draft, received_at: Micros, key: &IndexKey) -> Vec<Event> {
        let (raw, mut content) = (draft.raw, draft.content);
        let purchases = self.purchases.flags(&draft.body);
        let mut sealed = Vec::new();
        let identifiers = self.identifiers(draft.identifiers, key, &mut content, &mut sealed);
        if !content.is_empty() {
            let bytes = serde_json::to_vec(&content).unwrap_or_default();
            sealed.push(Cell::clear(Role::Content, bytes));
        }
        let mut event = Event {
            id: EventId::derive(&self.kind, &self.account, &draft.key, draft.revision, self.generation),
            channel: self.name.clone(),
            kind: self.kind.clone(),
            account: self.account.clone(),
            key: draft.key,
            revision: draft.revision,
            generation: self.generation,
            occurred_at: draft.occurred_at.unwrap_or(received_at),
            identifiers,
            sealed,
            body: draft.body,
            normaliser: normalise::NORMALISER_VERSION,
            flags: draft.flags | purchases,
            actor: draft.actor,
            store: draft.store,
            brand: if draft.brand.is_empty() { self.brand.clone() } else { draft.brand },
            profile_source: draft.profile_source,
        };
        let bytes = raw.to_bytes();
        if bytes.len() <= RAW_INLINE_MAX {
            event.sealed.push(Cell::clear(Role::Raw, bytes));
            return vec![event];
        }
        let mut events = chunks(&event, &bytes);
        events.push(event);
        events
    }

    fn identifiers(
        &self,
        claims: Vec<Claim>,
        key: &IndexKey,
        content: &mut Content,
        sealed: &mut Vec<Cell>,
    ) -> Vec<Identifier> {
        let mut out: Vec<Identifier> = Vec::with_capacity(claims.len());
        for mut claim in claims {
            if claim.kind == "member"
                && !self.member_is_phone
                && let Some(phone) = normalise::member_as_phone(&claim.value, self.region)
            {
                claim = Claim::new("phone", "", phone, claim.trust.min(Trust::Claimed));
            }
            let (value, marks) =
                match normalise::normalise(&claim.kind, &claim.scope, &claim.value, self.region) {
                    Normal::Key { value, marks } => (value, marks),
                    Normal::Attribute { reason, .. } | Normal::Reject { reason } => {
                        let reason = reason.as_str().to_owned();
                        content.contacts.push(Contact { kind: claim.kind, value: claim.value, reason });
                        continue;
                    }
                };
            let mut trust = claim.trust.min(self.trust_cap);
            if claim.kind == "phone" && normalise::phone_class(&value) != normalise::PhoneClass::Mobile {
                trust = trust.min(Trust::Claimed);
            }
            let token = key.token(&claim.kind, &claim.scope, &value);
            if let Some(known) = out.iter_mut().find(|i| i.token == token) {
                known.trust = known.trust.max(trust);
                continue;
            }
            if out.len() == IDENTIFIERS_MAX {
                let reason = "too_many_identifiers".to_owned();
                content.contacts.push(Contact { kind: claim.kind, value: claim.value, reason });
                continue;
            }
            let bytes = IdentifierValue { plain: value, raw: claim.value }.to_bytes();
            sealed.push(Cell::clear(Role::Identifier(out.len() as u8), bytes));
            out.push(Identifier { kind: claim.kind, scope: claim.scope, trust, token, marks });
        }
        out
    }
}

fn chunks(event: &Event, raw: &[u8]) -> Vec<Event> {
    let total = raw.len().div_ceil(RAW_INLINE_MAX) as u32;
    let part = |(index, bytes): (usize, &[u8])| {
        let key = format!("{}#chunk{index}", event.key);
        let body = Body::Chunk { of: event.id, index: index as u32, total };
        Event {
            id: EventId::derive(&event.kind, &event.account, &key, event.revision, event.generation),
            key,
            identifiers: Vec::new(),
            sealed: vec![Cell::clear(Role::Raw, bytes.to_vec())],
            body,
            ..event.clone()
        }
    };
    raw.chunks(RAW_INLINE_MAX).enumerate().map(part).collect()
}
