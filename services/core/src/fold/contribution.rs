//! What one fact gives to its customer's view, in the compact form that store rows keep. Personal values stay in cells.

use crate::{
    body::{Body, Consent, Direction, IdentityAct},
    codec::{BadRow, Reader, Writer},
    content::{Profile, ProfileField, ProfileSource},
    event::{Event, Trust, flags},
    identity::Born,
    ids::FactKey,
    money::Money,
    seal::{Cell, Role},
    time::Micros,
};
use serde::Deserialize;

/// The part of a view that one kind of fact gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gives {
    /// Nothing: removed at its source, or one of the hub's own records.
    Nothing,
    /// An entry of the timeline only.
    Entry,
    /// A purchase.
    Purchase {
        /// ISO 4217.
        currency: String,
        /// What was paid.
        total: Money,
    },
    /// A refund.
    Refund {
        /// The purchase's fact.
        of: FactKey,
        /// ISO 4217.
        currency: String,
        /// Positive amount.
        total: Money,
    },
    /// An order's state.
    Order {
        /// Order number.
        number: String,
        /// State.
        state: String,
    },
    /// Follows, or stopped.
    Follow {
        /// Whether they follow.
        following: bool,
    },
    /// Consent.
    Consent(Consent),
    /// A named property.
    Trait {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// A note by staff.
    Note,
    /// Nothing to any view: what looked suspicious on the identifier up to then is in order.
    Clear,
    /// A purchase that is compared with those of other channels.
    Sale {
        /// ISO 4217.
        currency: String,
        /// What was paid.
        total: Money,
        /// It counts only where no other one does.
        attaches: bool,
        /// Its other names; see [`super::sales`].
        refs: Vec<FactKey>,
    },
    /// A refund that does not count while the purchase it is of does not.
    Return {
        /// The purchase's fact.
        of: FactKey,
        /// ISO 4217.
        currency: String,
        /// Positive amount.
        total: Money,
    },
}

impl Gives {
    /// Whether a fact that gives this stands on a timeline.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Clear)
    }

    /// Whether something was sold.
    #[must_use]
    pub fn is_purchase(&self) -> bool {
        matches!(self, Self::Purchase { .. } | Self::Sale { .. })
    }

    /// The purchase that money was given back for.
    #[must_use]
    pub fn refund_of(&self) -> Option<FactKey> {
        match self {
            Self::Refund { of, .. } | Self::Return { of, .. } => Some(*of),
            _ => None,
        }
    }
}

/// What one fact gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// Name of the channel.
    pub channel: String,
    /// Adapter kind.
    pub kind: String,
    /// The customer acted, not we.
    pub inbound: bool,
    /// Its own part.
    pub gives: Gives,
    /// Profile fields with their sealed values.
    pub profile: Vec<(ProfileField, Cell)>,
    /// Where the profile fields come from.
    pub source: ProfileSource,
    /// The most trust among the fact's identifiers.
    pub trust: Trust,
}

impl Contribution {
    /// What this event gives.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let mut inbound = event.flags & flags::AUTOMATIC == 0;
        let gives = match &event.body {
            Body::Purchase(p) if event.flags & (flags::ATTACH | flags::COUNT) != 0 => Gives::Sale {
                currency: p.currency.clone(),
                total: p.total,
                attaches: event.flags & flags::ATTACH != 0,
                refs: super::sales::refs(&p.refs),
            },
            Body::Purchase(p) => Gives::Purchase { currency: p.currency.clone(), total: p.total },
            Body::Refund(r) if event.flags & flags::ATTACH != 0 => Gives::Return {
                of: FactKey::derive(&event.kind, &event.account, &r.of),
                currency: r.currency.clone(),
                total: r.total,
            },
            Body::Refund(r) => Gives::Refund {
                of: FactKey::derive(&event.kind, &event.account, &r.of),
                currency: r.currency.clone(),
                total: r.total,
            },
            Body::Order(o) => Gives::Order { number: o.number.clone(), state: o.state.clone() },
            Body::Follow { following } => Gives::Follow { following: *following },
            Body::Consent(c) => Gives::Consent(c.clone()),
            Body::Trait { name, value } => Gives::Trait { name: name.clone(), value: value.clone() },
            Body::Note {} => Gives::Note,
            Body::Removed { .. } => Gives::Nothing,
            Body::Identity { act: IdentityAct::Clear } => Gives::Clear,
            body if !body.is_interaction() => Gives::Nothing,
            _ => Gives::Entry,
        };
        match &event.body {
            Body::Message(m) => inbound &= m.direction == Direction::Inbound,
            Body::Note {}
            | Body::Delivery { .. }
            | Body::Refund(_)
            | Body::Order(_)
            | Body::Trait { .. }
            | Body::Offered { .. } => {
                inbound = false;
            }
            _ => {}
        }
        let profile = if gives.is_shown() { profile_of(event) } else { Vec::new() };
        let trust = event.identifiers.iter().map(|i| i.trust).max().unwrap_or(Trust::Observed);
        Self {
            channel: event.channel.clone(),
            kind: event.kind.clone(),
            inbound,
            gives,
            profile,
            source: event.profile_source,
            trust,
        }
    }

    /// The birth date of the profile, in the form that identity compares.
    #[must_use]
    pub fn born(&self) -> Option<Born> {
        let (_, cell) = self.profile.iter().find(|(field, _)| *field == ProfileField::BirthDate)?;
        Born::of(std::str::from_utf8(cell.open().ok()?).ok()?)
    }

    /// The row form.
    #[must_use]
    pub fn encode(&self) -> Box<[u8]> {
        let mut w = Writer::default();
        w.text(&self.channel);
        w.text(&self.kind);
        w.number(u64::from(self.inbound) | (self.trust as u64) << 1 | (self.source as u64) << 3);
        encode_gives(&mut w, &self.gives);
        w.number(self.profile.len() as u64);
        for (field, cell) in &self.profile {
            w.number(*field as u64);
            encode_cell(&mut w, cell);
        }
        w.0.into_boxed_slice()
    }

    /// Back from the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let mut r = Reader(bytes);
        let (channel, kind) = (r.text()?, r.text()?);
        let bits = r.number()?;
        let gives = decode_gives(&mut r)?;
        let mut profile = Vec::new();
        for _ in 0..r.count()? {
            let field = usize::try_from(r.number()?).ok().and_then(|n| ProfileField::ALL.get(n));
            profile.push((*field.ok_or(BadRow)?, decode_cell(&mut r)?));
        }
        r.end()?;
        let source = ProfileSource::from_number(bits >> 3).ok_or(BadRow)?;
        let trust = Trust::from_number((bits >> 1 & 3) as u32);
        Ok(Self { channel, kind, inbound: bits & 1 == 1, gives, profile, source, trust })
    }
}

fn profile_of(event: &Event) -> Vec<(ProfileField, Cell)> {
    /// Only the profile: text and fields are skipped unread.
    #[derive(Deserialize)]
    struct JustProfile {
        #[serde(default)]
        profile: Profile,
    }
    let Some(cell) = event.sealed.iter().find(|c| c.role == Role::Content) else { return Vec::new() };
    let Ok(bytes) = cell.open() else { return Vec::new() };
    let Ok(JustProfile { profile }) = serde_json::from_slice(bytes) else { return Vec::new() };
    let sealed = |(field, value): (ProfileField, String)| {
        (field, Cell { bytes: value.into_bytes(), ..cell.clone_empty() })
    };
    profile.into_iter().filter(|(_, v)| !v.trim().is_empty()).map(sealed).collect()
}

impl Cell {
    fn clone_empty(&self) -> Self {
        Self {
            scheme: self.scheme,
            key_id: self.key_id,
            nonce: self.nonce.clone(),
            bytes: Vec::new(),
            role: self.role,
        }
    }
}

/// Writes a cell; its role is known from the place it stands in.
pub(crate) fn encode_cell(w: &mut Writer, cell: &Cell) {
    w.number(u64::from(cell.scheme));
    w.number(u64::from(cell.key_id));
    w.bytes(&cell.nonce);
    w.bytes(&cell.bytes);
}

/// Reads what [`encode_cell`] wrote.
pub(crate) fn decode_cell(r: &mut Reader<'_>) -> Result<Cell, BadRow> {
    let (scheme, key_id) = (r.small()?, r.small()?);
    let nonce = r.bytes()?.to_vec();
    Ok(Cell { scheme, key_id, nonce, bytes: r.bytes()?.to_vec(), role: Role::Content })
}

pub(crate) fn encode_money(w: &mut Writer, money: Money) {
    w.signed(money.units);
    w.number(u64::from(money.scale));
}

pub(crate) fn decode_money(r: &mut Reader<'_>) -> Result<Money, BadRow> {
    let units = r.signed()?;
    Ok(Money::new(units, u8::try_from(r.number()?).map_err(|_| BadRow)?))
}

fn encode_gives(w: &mut Writer, gives: &Gives) {
    match gives {
        Gives::Nothing => w.number(0),
        Gives::Entry => w.number(1),
        Gives::Purchase { currency, total } => {
            w.number(2);
            w.text(currency);
            encode_money(w, *total);
        }
        Gives::Refund { of, currency, total } => {
            w.number(3);
            w.raw(&of.0);
            w.text(currency);
            encode_money(w, *total);
        }
        Gives::Order { number, state } => {
            w.number(4);
            w.text(number);
            w.text(state);
        }
        Gives::Follow { following } => {
            w.number(5);
            w.number(u64::from(*following));
        }
        Gives::Consent(c) => {
            w.number(6);
            for text in [&c.brand, &c.purpose, &c.channel, &c.method, &c.text_sha256] {
                w.text(text);
            }
            w.number(u64::from(c.granted));
            w.signed(c.expires_at.map_or(0, |t| t.0));
        }
        Gives::Trait { name, value } => {
            w.number(7);
            w.text(name);
            w.text(value);
        }
        Gives::Note => w.number(8),
        Gives::Clear => w.number(9),
        Gives::Sale { currency, total, attaches, refs } => {
            w.number(10);
            w.text(currency);
            encode_money(w, *total);
            w.number(u64::from(*attaches));
            w.number(refs.len() as u64);
            refs.iter().for_each(|key| w.raw(&key.0));
        }
        Gives::Return { of, currency, total } => {
            w.number(11);
            w.raw(&of.0);
            w.text(currency);
            encode_money(w, *total);
        }
    }
}

fn decode_gives(r: &mut Reader<'_>) -> Result<Gives, BadRow> {
    Ok(match r.number()? {
        0 => Gives::Nothing,
        1 => Gives::Entry,
        2 => Gives::Purchase { currency: r.text()?, total: decode_money(r)? },
        3 => Gives::Refund { of: FactKey(r.sixteen()?), currency: r.text()?, total: decode_money(r)? },
        4 => Gives::Order { number: r.text()?, state: r.text()? },
        5 => Gives::Follow { following: r.number()? == 1 },
        6 => {
            let (brand, purpose, channel) = (r.text()?, r.text()?, r.text()?);
            let (method, text_sha256) = (r.text()?, r.text()?);
            let granted = r.number()? == 1;
            let expires = r.signed()?;
            let expires_at = (expires != 0).then_some(Micros(expires));
            Gives::Consent(Consent { brand, purpose, channel, granted, method, text_sha256, expires_at })
        }
        7 => Gives::Trait { name: r.text()?, value: r.text()? },
        8 => Gives::Note,
        9 => Gives::Clear,
        10 => {
            let (currency, total, attaches) = (r.text()?, decode_money(r)?, r.number()? == 1);
            let mut refs = Vec::new();
            for _ in 0..r.count()? {
                refs.push(FactKey(r.sixteen()?));
            }
            Gives::Sale { currency, total, attaches, refs }
        }
        11 => Gives::Return { of: FactKey(r.sixteen()?), currency: r.text()?, total: decode_money(r)? },
        _ => return Err(BadRow),
    })
}
