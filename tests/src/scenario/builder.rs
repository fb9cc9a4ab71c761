//! Writes scenarios down: identifiers by short names, times in days and minutes, channels by name. Events pass through the
//! same gate as a channel's ([`ChannelContext::events`]), so values are normalised, marked and tokenised as in the hub.

use super::twd;
use tributary_core::{
    body::{Body, Form, IdentityAct, Message, Purchase, Refund},
    content::ProfileField,
    draft::{ChannelContext, Claim, Draft},
    event::{Event, RecordedEvent, Trust},
    ids::{EventId, Position},
    normalise::Region,
    time::Micros,
    token::{IndexKey, Token},
};

/// The first day of every scenario and history: 2026-03-01T00:00:00Z.
const FIRST_DAY_SECS: i64 = 1_772_323_200;

/// What happened is recorded from this day on, later than anything a scenario lets happen: so the order of records is the
/// order of the listing, and `occurred_at` is never cut to `recorded_at`.
const RECORDED_FROM_DAY: i64 = 100;

/// A point in time: minutes after the start of a day, counted from 1.
#[must_use]
pub fn at(day: i64, minute: i64) -> Micros {
    Micros::from_secs(FIRST_DAY_SECS + (day - 1) * 86_400 + minute * 60)
}

/// A source of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A web shop.
    Web,
    /// A till.
    Pos,
    /// A LINE account.
    Line,
    /// A mailbox.
    Email,
    /// The operators.
    Ops,
}

impl Channel {
    /// Its configuration; `verified` is granted to all, the events say how far they believe.
    #[must_use]
    pub fn context(self) -> ChannelContext {
        let (name, kind, account) = match self {
            Self::Web => ("shop", "web_form", "shop.example"),
            Self::Pos => ("tills", "pos_file", "store1"),
            Self::Line => ("line-main", "line", "prov-1"),
            Self::Email => ("mailbox", "email", "hello.shop.example"),
            Self::Ops => ("ops", "hub", "acme"),
        };
        ChannelContext {
            name: name.to_owned(),
            kind: kind.to_owned(),
            account: account.to_owned(),
            region: Region::TW,
            trust_cap: Trust::Verified,
            member_is_phone: false,
            brand: String::new(),
            generation: 0,
            purchases: tributary_core::draft::Purchases::default(),
        }
    }
}

/// An identifier of this trust. `kind` is a type, or `type/scope`; a short LINE id is filled up to its full length.
#[must_use]
pub fn claim(kind: &str, value: &str, trust: Trust) -> Claim {
    let (kind, scope) = kind.split_once('/').unwrap_or((kind, ""));
    if kind == "line" {
        let digits = value.trim_start_matches('U');
        return Claim::new(kind, scope, format!("U{digits:0>32}"), trust);
    }
    Claim::new(kind, scope, value, trust)
}

/// A verified identifier.
#[must_use]
pub fn v(kind: &str, value: &str) -> Claim {
    claim(kind, value, Trust::Verified)
}

/// A claimed identifier.
#[must_use]
pub fn c(kind: &str, value: &str) -> Claim {
    claim(kind, value, Trust::Claimed)
}

/// An observed identifier.
#[must_use]
pub fn o(kind: &str, value: &str) -> Claim {
    claim(kind, value, Trust::Observed)
}

/// A purchase in TWD.
#[must_use]
pub fn purchase(total: i64) -> Body {
    Body::Purchase(Purchase { currency: "TWD".to_owned(), total: twd(total), ..Purchase::default() })
}

/// A refund in TWD of the purchase with this key.
#[must_use]
pub fn refund(of: &str, total: i64) -> Body {
    Body::Refund(Refund { of: of.to_owned(), currency: "TWD".to_owned(), total: twd(total) })
}

/// A message.
#[must_use]
pub fn message() -> Body {
    Body::Message(Message::default())
}

/// A submitted form.
#[must_use]
pub fn form() -> Body {
    Body::Form(Form { form: "contact".to_owned() })
}

/// A page visited.
#[must_use]
pub fn visit() -> Body {
    Body::Visit { kind: "page".to_owned() }
}

/// Anything with a title, such as a login.
#[must_use]
pub fn activity(title: &str) -> Body {
    Body::Activity { title: title.to_owned() }
}

/// A follower.
#[must_use]
pub fn follow() -> Body {
    Body::Follow { following: true }
}

/// The result of linking an account.
#[must_use]
pub fn linked(ok: bool) -> Body {
    Body::Link { with: "nonce".to_owned(), ok }
}

/// An operator's act.
#[must_use]
pub fn act(act: IdentityAct) -> Body {
    Body::Identity { act }
}

/// A list of labelled events that grows.
#[derive(Clone, Debug)]
pub struct Script {
    key: IndexKey,
    events: Vec<(String, RecordedEvent)>,
}

impl Default for Script {
    fn default() -> Self {
        Self { key: IndexKey::new(&[7; 32]), events: Vec::new() }
    }
}

impl Script {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event whose key is its label.
    #[must_use]
    pub fn event(self, label: &str, at: Micros, channel: Channel, identifiers: &[Claim], body: Body) -> Self {
        let mut draft = Draft::new(label, body);
        draft.occurred_at = Some(at);
        draft.identifiers = identifiers.to_vec();
        self.draft(label, &channel.context(), draft)
    }

    /// Adds an event with a birth date in its profile.
    #[must_use]
    pub fn born(
        self,
        label: &str,
        at: Micros,
        (channel, date): (Channel, &str),
        identifiers: &[Claim],
        body: Body,
    ) -> Self {
        let mut draft = Draft::new(label, body);
        draft.occurred_at = Some(at);
        draft.identifiers = identifiers.to_vec();
        draft.content.profile.insert(ProfileField::BirthDate, date.to_owned());
        self.draft(label, &channel.context(), draft)
    }

    /// Adds another revision of the fact with this key; [`tributary_core::ids::REMOVAL`] for its removal.
    #[must_use]
    pub fn revision(
        self,
        label: &str,
        (key, revision): (&str, u64),
        channel: Channel,
        identifiers: &[Claim],
        body: Body,
    ) -> Self {
        let mut draft = Draft::new(key, body);
        draft.revision = revision;
        draft.occurred_at = Some(at(1, 0));
        draft.identifiers = identifiers.to_vec();
        self.draft(label, &channel.context(), draft)
    }

    /// Adds the event of any draft.
    ///
    /// # Panics
    /// Where the draft's raw request is too large for one record.
    #[must_use]
    pub fn draft(mut self, label: &str, context: &ChannelContext, draft: Draft) -> Self {
        let mut events = context.events(draft, at(RECORDED_FROM_DAY, 0), &self.key);
        assert_eq!(events.len(), 1, "scenarios have no large requests");
        self.push(label, events.remove(0));
        self
    }

    /// Adds the same fact as that of an earlier label once more, under an event id of its own.
    ///
    /// # Panics
    /// Where there is no such label.
    #[must_use]
    pub fn resent(mut self, label: &str, of: &str) -> Self {
        let mut event = self.get(of).event.clone();
        event.id = EventId::derive(&event.kind, &event.account, label, event.revision, 0);
        self.push(label, event);
        self
    }

    fn push(&mut self, label: &str, event: Event) {
        let sequence = self.events.len() as u64 + 1;
        let recorded_at = Micros(at(RECORDED_FROM_DAY, 0).0 + sequence as i64);
        let position = Position { origin: 1, sequence };
        self.events.push((label.to_owned(), RecordedEvent { position, recorded_at, event }));
    }

    fn get(&self, label: &str) -> &RecordedEvent {
        let found = self.events.iter().find(|(l, _)| l == label);
        &found.unwrap_or_else(|| panic!("no event is labelled {label}")).1
    }

    /// The id of a labelled event.
    ///
    /// # Panics
    /// Where there is no such label.
    #[must_use]
    pub fn id(&self, label: &str) -> EventId {
        self.get(label).event.id
    }

    /// The label of an event.
    #[must_use]
    pub fn label(&self, id: EventId) -> Option<&str> {
        self.events.iter().find(|(_, e)| e.event.id == id).map(|(label, _)| label.as_str())
    }

    /// All events in the order of the listing.
    #[must_use]
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.events.iter().map(|(_, event)| event.clone()).collect()
    }

    /// The token of an identifier, by its type (or type/scope) and value.
    ///
    /// # Panics
    /// Where the value is no key.
    #[must_use]
    pub fn token(&self, (kind, value): (&str, &str)) -> Token {
        let mut draft = Draft::new("token", message());
        draft.identifiers = vec![v(kind, value)];
        let events = Channel::Web.context().events(draft, Micros(0), &self.key);
        events[0].identifiers.first().unwrap_or_else(|| panic!("{kind} has a value that is no key")).token
    }
}
