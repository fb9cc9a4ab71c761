//! Random histories for property tests: a few people whose identifiers get mixed up in every way that the partition function
//! has a rule for. Few values and coarse times are the point: collisions are what is tested.
//!
//! A history's `recorded_at` follow its order; [`deliver`] shuffles and repeats it.

use crate::{
    rng::Rng,
    scenario::{
        Channel,
        builder::{act, activity, at, claim, form, linked, message, purchase, refund, visit},
    },
};
use std::collections::BTreeSet;
use tributary_core::{
    body::{Body, IdentityAct},
    content::ProfileField,
    draft::{Claim, Draft},
    event::{Event, RecordedEvent, Trust, flags},
    identity::policy::{HUB_MAX, Policy},
    ids::{EventId, Position, REMOVAL},
    token::IndexKey,
};

/// What a history may hold.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Most records.
    pub events_max: usize,
    /// Whether the same identifier may be observed in one fact and believed in another.
    pub mixed_trust: bool,
    /// Whether operators link, unlink, block and unblock.
    pub operators: bool,
    /// The policy that the first record states, if any.
    pub policy: Option<Policy>,
    /// Logs the records come from.
    pub origins: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { events_max: 40, mixed_trust: false, operators: true, policy: None, origins: 1 }
    }
}

/// Every identifier there is: type or type/scope, value, how often of a hundred it is verified, claimed (else observed).
const POOL: &[(&str, &str, usize, usize)] = &[
    ("member", "M1", 75, 25),
    ("member", "M2", 75, 25),
    ("member", "M3", 75, 25),
    ("line/prov-1", "U1", 75, 25),
    ("line/prov-1", "U2", 75, 25),
    ("line/prov-2", "U1", 75, 25),
    ("external/erp", "E1", 60, 40),
    ("carrier", "/ABC1234", 30, 70),
    ("phone", "0933000111", 40, 60),
    ("phone", "0955000222", 40, 60),
    ("phone", "0955000333", 20, 80),
    ("phone", "0912345678", 20, 80),
    ("email", "amy@x.tw", 40, 60),
    ("email", "bob@x.tw", 40, 60),
    ("email", "family@x.tw", 5, 95),
    ("social/facebook", "100001", 50, 50),
    ("ticket", "T1", 30, 70),
    ("cookie", "k1", 0, 0),
    ("cookie", "k2", 0, 0),
    ("device", "d1", 0, 0),
];

/// Nonces of offers.
const NONCES: usize = 2;

const SOURCES: &[Channel] = &[Channel::Web, Channel::Pos, Channel::Line, Channel::Email];

/// Three birth dates, one of them in two orders, and what stands for none.
const BIRTH_DATES: &[&str] =
    &["1981-04-11", "1981-04-11", "0701104", "1990-12-30", "1962-06-08", "1900-01-01"];

/// People who share addresses with others; the first four have the first four birth dates.
const GUESTS: &[(&str, &str)] = &[
    ("email", "guest0@x.tw"),
    ("phone", "0966000111"),
    ("carrier", "/GUEST02"),
    ("social/facebook", "200003"),
];

/// How many facts of a hundred give a birth date, if nothing else is said.
const DATED: usize = 25;

/// Days on which something may have happened; records start on the last of them, so a little of it is in the future.
const DAYS: i64 = 12;

/// A policy with limits so small that random histories meet them: half of the seeds give it, the others the default.
#[must_use]
pub fn policy(seed: u64) -> Policy {
    let mut rng = Rng::new(seed ^ 0x0070_6f6c);
    let mut policy = Policy::default();
    if rng.percent(50) {
        policy.max_identifiers = 2 + rng.below(4) as u32;
        policy.fanout_cap = rng.below(3) as u32;
        for (kind, row) in &mut policy.types {
            if matches!(kind.as_str(), "phone" | "email") {
                row.max = 1 + rng.below(2) as u32;
            }
        }
        if rng.percent(30) {
            policy.active_patterns = 0;
        }
        policy.birth_dates = rng.percent(60);
        if rng.percent(25) {
            policy.quarantine_links = 1 + rng.below(4) as u32;
        }
    }
    policy
}

/// A history of the default shape.
#[must_use]
pub fn history(seed: u64) -> Vec<RecordedEvent> {
    history_of(seed, &Shape::default())
}

/// A history of this shape.
#[must_use]
pub fn history_of(seed: u64, shape: &Shape) -> Vec<RecordedEvent> {
    let mut writer = Writer::new(seed, shape);
    if let Some(policy) = &shape.policy {
        writer.policy(policy);
    }
    let steps = writer.rng.below(shape.events_max.max(1)) + 1;
    while writer.out.len() < steps.min(shape.events_max) {
        writer.step();
    }
    writer.out
}

/// One phone that more partners claim than [`HUB_MAX`], none of them anchored: too large for [`history`].
#[must_use]
pub fn crowd(seed: u64) -> Vec<RecordedEvent> {
    let shape = Shape::default();
    let mut writer = Writer::new(seed, &shape);
    let partners = HUB_MAX - 2 + writer.rng.below(10);
    for partner in 0..partners {
        let email = claim("email", &format!("guest{partner}@x.tw"), Trust::Claimed);
        let identifiers = vec![claim("phone", "0933000111", Trust::Claimed), email];
        writer.fact(Channel::Web, &format!("crowd-{partner}"), 0, identifiers, form());
    }
    writer.out
}

/// The history as it may arrive: in any order, some records more than once.
#[must_use]
pub fn deliver(events: &[RecordedEvent], seed: u64) -> Vec<RecordedEvent> {
    let mut rng = Rng::new(seed ^ 0x6465_6c69);
    let mut out = events.to_vec();
    for event in events {
        for _ in 0..[0, 0, 0, 1, 2][rng.below(5)] {
            out.push(event.clone());
        }
    }
    rng.shuffle(&mut out);
    out
}

/// Later copies of some events, recorded anew at the end: the same event ids, other positions and `recorded_at`.
#[must_use]
pub fn with_copies(events: &[RecordedEvent], seed: u64) -> Vec<RecordedEvent> {
    let mut rng = Rng::new(seed ^ 0x636f_7079);
    let mut out = events.to_vec();
    let mut sequence = events.iter().map(|e| e.position.sequence).max().unwrap_or_default();
    let mut recorded_at = events.iter().map(|e| e.recorded_at).max().unwrap_or_default();
    for event in events {
        if rng.percent(30) {
            sequence += 1;
            recorded_at.0 += 1;
            let position = Position { sequence, ..event.position };
            out.push(RecordedEvent { position, recorded_at, event: event.event.clone() });
        }
    }
    out
}

/// A fact that was written: where, its key, and whether it is a purchase.
struct Written {
    channel: Channel,
    key: String,
    purchase: bool,
}

struct Writer<'a> {
    rng: Rng,
    key: IndexKey,
    shape: &'a Shape,
    pool: Vec<(&'static str, &'static str, usize, usize)>,
    facts: Vec<Written>,
    ids: BTreeSet<EventId>,
    out: Vec<RecordedEvent>,
    /// How many facts of a hundred give a birth date.
    dated: usize,
    /// And which; any if it is not said.
    date: Option<&'static str>,
}

impl<'a> Writer<'a> {
    fn new(seed: u64, shape: &'a Shape) -> Self {
        let mut rng = Rng::new(seed);
        // Another key gives other tokens: what is decided by the smaller token must not depend on one of them.
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&rng.bits().to_be_bytes());
        let mut pool = POOL.to_vec();
        rng.shuffle(&mut pool);
        pool.truncate(3 + rng.below(8));
        let key = IndexKey::new(&secret);
        Self {
            rng,
            key,
            shape,
            pool,
            facts: Vec::new(),
            ids: BTreeSet::new(),
            out: Vec::new(),
            dated: DATED,
            date: None,
        }
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..38 => self.new_fact(),
            38..45 => self.prove(),
            45..52 => self.share(),
            52..57 => self.offer(),
            57..66 => self.revise(),
            66..70 => self.readapt(),
            70..73 => self.resend(),
            73..80 => self.repeat(),
            80..82 => self.retract(),
            _ if self.shape.operators => self.operate(),
            _ => self.new_fact(),
        }
    }

    fn identifiers(&mut self) -> Vec<Claim> {
        let count = [0, 1, 1, 1, 2, 2, 2, 2, 3, 4][self.rng.below(10)];
        let mut out: Vec<Claim> = Vec::new();
        for _ in 0..count {
            let (kind, value, verified, claimed) = *self.rng.pick(&self.pool);
            let mut trust = match self.rng.below(100) {
                n if n < verified => Trust::Verified,
                n if n < verified + claimed => Trust::Claimed,
                _ => Trust::Observed,
            };
            if self.shape.mixed_trust && self.rng.percent(15) {
                trust = *self.rng.pick(&[Trust::Observed, Trust::Claimed, Trust::Verified]);
            }
            out.push(claim(kind, value, trust));
        }
        out
    }

    fn body(&mut self) -> Body {
        match self.rng.below(12) {
            0..3 => purchase(self.rng.below(9) as i64 * 10),
            3 => Body::Link { with: format!("n{}", self.rng.below(NONCES)), ok: self.rng.percent(85) },
            4 => linked(self.rng.percent(30)),
            5 => form(),
            6 => visit(),
            7 => activity("login"),
            8 => Body::Profile {},
            _ => message(),
        }
    }

    fn new_fact(&mut self) {
        let key = format!("f{}", self.facts.len());
        let purchases: Vec<usize> = (0..self.facts.len()).filter(|i| self.facts[*i].purchase).collect();
        if self.rng.percent(10) {
            // Sometimes of a sale that comes later, or never.
            let of = match purchases.as_slice() {
                [] => None,
                some => Some(*self.rng.pick(some)).filter(|_| self.rng.percent(80)),
            };
            let channel = of.map_or(Channel::Pos, |i| self.facts[i].channel);
            let of = of.map_or_else(|| format!("f{}", self.rng.below(30)), |i| self.facts[i].key.clone());
            let identifiers = if self.rng.percent(60) { Vec::new() } else { self.identifiers() };
            let body = refund(&of, self.rng.below(5) as i64 * 10);
            return self.fact(channel, &key, 0, identifiers, body);
        }
        let channel = *self.rng.pick(SOURCES);
        let (identifiers, body) = (self.identifiers(), self.body());
        let revision = if self.rng.percent(80) { 0 } else { self.rng.below(3) as u64 };
        self.fact(channel, &key, revision, identifiers, body);
    }

    /// Proof that something belongs to somebody now, whoever had it before.
    fn prove(&mut self) {
        let of = |kinds: &[&str]| {
            let fits = |kind: &str| kinds.iter().any(|k| kind.split('/').next() == Some(k));
            let found = self.pool.iter().filter(|(kind, ..)| fits(kind));
            found.map(|(kind, value, ..)| (*kind, *value)).collect::<Vec<_>>()
        };
        let (who, what) = (of(&["member", "external", "line"]), of(&["phone", "email", "line"]));
        if who.is_empty() || what.is_empty() {
            return self.new_fact();
        }
        let (who, what) = (*self.rng.pick(&who), *self.rng.pick(&what));
        let identifiers = [who, what].map(|(kind, value)| claim(kind, value, Trust::Verified));
        let key = format!("f{}", self.facts.len());
        self.fact(Channel::Web, &key, 0, identifiers.to_vec(), activity("code"));
    }

    /// Somebody known is offered to be bound by a nonce, or an account of the platform redeems one: in time or not, again or not.
    fn offer(&mut self) {
        let nonce = self.rng.below(NONCES);
        if self.rng.percent(65) {
            let expires_at = at(1 + self.rng.below(DAYS as usize + 4) as i64, 0);
            let (identifiers, revision) = (self.identifiers(), self.rng.below(2) as u64);
            let body = Body::Offered { expires_at };
            self.fact(Channel::Line, &format!("offer/n{nonce}"), revision, identifiers, body);
            if self.rng.percent(40) {
                return;
            }
        }
        let lines: Vec<(&str, &str)> =
            self.pool.iter().filter(|p| p.0.starts_with("line")).map(|p| (p.0, p.1)).collect();
        let identifiers = if lines.is_empty() {
            self.identifiers()
        } else {
            let (kind, value) = *self.rng.pick(&lines);
            vec![claim(kind, value, Trust::Verified)]
        };
        let body = Body::Link { with: format!("n{nonce}"), ok: self.rng.percent(85) };
        let key = format!("f{}", self.facts.len());
        self.fact(Channel::Line, &key, 0, identifiers, body);
    }

    /// Somebody types an address that others type too, and a birth date.
    fn share(&mut self) {
        let of = |kinds: &[&str]| {
            let found = self.pool.iter().filter(|(kind, ..)| kinds.contains(kind));
            found.map(|(kind, value, ..)| (*kind, *value)).collect::<Vec<_>>()
        };
        let Some(what) = of(&["email", "phone"]).first().copied() else { return self.new_fact() };
        let guest = self.rng.below(GUESTS.len());
        let identifiers = [what, GUESTS[guest]].map(|(kind, value)| claim(kind, value, Trust::Claimed));
        (self.dated, self.date) = (95, Some(BIRTH_DATES[guest]));
        self.fact(Channel::Web, &format!("f{}", self.facts.len()), 0, identifiers.to_vec(), form());
        (self.dated, self.date) = (DATED, None);
    }

    /// Another revision of a fact, lower or higher, with other identifiers; or its removal.
    fn revise(&mut self) {
        if self.facts.is_empty() {
            return self.new_fact();
        }
        let at = self.rng.below(self.facts.len());
        let (channel, key) = (self.facts[at].channel, self.facts[at].key.clone());
        let identifiers = self.identifiers();
        if self.rng.percent(25) {
            return self.fact(
                channel,
                &key,
                REMOVAL,
                identifiers,
                Body::Removed { of: "message".to_owned() },
            );
        }
        let body =
            if self.facts[at].purchase { purchase(self.rng.below(9) as i64 * 10) } else { self.body() };
        let revision = self.rng.below(5) as u64;
        self.fact(channel, &key, revision, identifiers, body);
    }

    fn fact(&mut self, channel: Channel, key: &str, revision: u64, identifiers: Vec<Claim>, body: Body) {
        let purchase = matches!(body, Body::Purchase(_));
        let mut draft = Draft::new(key, body);
        draft.revision = revision;
        draft.identifiers = identifiers;
        if self.rng.percent(self.dated) {
            let any = *self.rng.pick(BIRTH_DATES);
            let date = self.date.unwrap_or(any);
            draft.content.profile.insert(ProfileField::BirthDate, date.to_owned());
        }
        if self.rng.percent(5) {
            draft.flags = *self.rng.pick(&[flags::SPAM, flags::TEST, flags::AUTOMATIC]);
        }
        if self.write(channel, draft) && !self.facts.iter().any(|f| f.key == key) {
            self.facts.push(Written { channel, key: key.to_owned(), purchase });
        }
    }

    /// The same revision, read again by a newer adapter that finds other identifiers.
    fn readapt(&mut self) {
        let identifiers = self.identifiers();
        let Some(mut event) = self.known() else { return self.new_fact() };
        event.generation += 1;
        event.id = EventId::derive(&event.kind, &event.account, &event.key, event.revision, event.generation);
        let mut draft = Draft::new("other", message());
        draft.identifiers = identifiers;
        let other = Channel::Web.context().events(draft, event.occurred_at, &self.key).remove(0);
        event.identifiers = other.identifiers;
        event.sealed = other.sealed;
        self.record(event);
    }

    /// The same revision under another event id.
    fn resend(&mut self) {
        let Some(mut event) = self.known() else { return self.new_fact() };
        event.id = EventId::derive("resent", &event.account, &self.out.len().to_string(), 0, 0);
        self.record(event);
    }

    /// An operator takes an event back.
    fn retract(&mut self) {
        let Some(event) = self.known() else { return self.new_fact() };
        let at = at(1 + self.rng.below(DAYS as usize) as i64, 0);
        self.record(event.retraction(at, "amy"));
    }

    fn repeat(&mut self) {
        if self.out.is_empty() {
            return self.new_fact();
        }
        let at = self.rng.below(self.out.len());
        let event = self.out[at].event.clone();
        self.append(event);
    }

    fn known(&mut self) -> Option<Event> {
        let fits = |e: &Event| e.body.is_interaction() && e.generation < u32::MAX;
        let facts: Vec<usize> = (0..self.out.len()).filter(|i| fits(&self.out[*i].event)).collect();
        if facts.is_empty() { None } else { Some(self.out[*self.rng.pick(&facts)].event.clone()) }
    }

    fn operate(&mut self) {
        let which = *self.rng.pick(&[
            IdentityAct::Link,
            IdentityAct::Link,
            IdentityAct::Unlink,
            IdentityAct::Unlink,
            IdentityAct::Block,
            IdentityAct::Unblock,
            IdentityAct::Erase,
        ]);
        let mut draft = Draft::new(format!("act{}", self.out.len()), act(which));
        let wanted = match which {
            IdentityAct::Link | IdentityAct::Unlink => 2,
            IdentityAct::Erase => 1 + self.rng.below(3),
            IdentityAct::Block | IdentityAct::Unblock | IdentityAct::Clear => 1,
        };
        let pairs = matches!(which, IdentityAct::Link | IdentityAct::Unlink);
        self.rng.shuffle(&mut self.pool);
        let pair = self.pool.iter().filter(|(_, _, verified, _)| !pairs || *verified > 0).take(wanted);
        draft.identifiers = pair.map(|(kind, value, ..)| claim(kind, value, Trust::Claimed)).collect();
        if draft.identifiers.len() == wanted {
            self.write(Channel::Ops, draft);
        }
    }

    fn policy(&mut self, policy: &Policy) {
        self.write(Channel::Ops, Draft::new("policy", Body::Policy { policy: policy.to_json() }));
    }

    fn write(&mut self, channel: Channel, mut draft: Draft) -> bool {
        // Whole hours of few days: many events happen at the same time. One in twenty says it is still to come.
        let day = if self.rng.percent(5) { DAYS + 20 } else { 1 + self.rng.below(DAYS as usize) as i64 };
        draft.occurred_at = Some(at(day, 60 * self.rng.below(3) as i64));
        let event = channel.context().events(draft, at(DAYS, 0), &self.key).remove(0);
        self.record(event)
    }

    /// Appends an event unless one with its id exists: an id always stands for the same content.
    fn record(&mut self, event: Event) -> bool {
        let new = self.ids.insert(event.id);
        if new {
            self.append(event);
        }
        new
    }

    fn append(&mut self, event: Event) {
        let number = self.out.len() as u64 + 1;
        let mut recorded_at = at(DAYS, 0);
        recorded_at.0 += number as i64 * 1_000_000;
        let origin = 1 + self.rng.below(self.shape.origins as usize) as u32;
        let position = Position { origin, sequence: number };
        self.out.push(RecordedEvent { position, recorded_at, event });
    }
}
