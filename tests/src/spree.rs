//! Random histories of buying: few identifiers, few days, few stores, so that some days have too many receipts; corrected,
//! removed, sent again, erased, blocked and cleared.

use crate::{
    generate::{deliver, with_copies},
    rng::Rng,
    scenario::{
        Channel,
        builder::{act, at, claim, message, purchase, refund, visit},
    },
};
use std::collections::BTreeSet;
use tributary_core::{
    body::{Body, IdentityAct},
    draft::{Claim, Draft},
    event::{Event, RecordedEvent, Trust, flags},
    identity::policy::Policy,
    ids::{EventId, Position, REMOVAL},
    token::IndexKey,
};

const POOL: &[(&str, &str, Trust)] = &[
    ("member", "M1", Trust::Verified),
    ("member", "M1", Trust::Claimed),
    ("member", "M2", Trust::Verified),
    ("phone", "0933000111", Trust::Verified),
    ("phone", "0933000111", Trust::Claimed),
    ("phone", "0912345678", Trust::Claimed),
    ("email", "amy@x.tw", Trust::Claimed),
    ("cookie", "k1", Trust::Observed),
];

/// Days on which something is bought; records are made on the day after the last.
const DAYS: i64 = 3;

/// Limits so small that a few receipts pass them; some seeds give the default ones.
#[must_use]
pub fn policy(seed: u64) -> Policy {
    let mut rng = Rng::new(seed ^ 0x7370_7265);
    let mut policy = Policy::default();
    if rng.percent(85) {
        policy.suspicious_receipts = rng.below(6) as u32;
        policy.suspicious_stores = rng.below(4) as u32;
    }
    policy.day_offset_minutes = *rng.pick(&[0, 480, -300, 345]);
    policy
}

/// A history of this seed, of at most so many records.
#[must_use]
pub fn history(seed: u64, records_max: usize) -> Vec<RecordedEvent> {
    let mut rng = Rng::new(seed);
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&rng.bits().to_be_bytes());
    let mut pool = POOL.to_vec();
    rng.shuffle(&mut pool);
    pool.truncate(1 + rng.below(4));
    let mut writer =
        Writer { rng, key: IndexKey::new(&secret), pool, ids: BTreeSet::new(), facts: 0, out: Vec::new() };
    let count = 1 + writer.rng.below(records_max);
    while writer.out.len() < count {
        writer.step();
    }
    writer.out
}

/// A history as it may arrive: shuffled, repeated, with copies that were recorded later.
#[must_use]
pub fn delivered(events: &[RecordedEvent], seed: u64) -> Vec<RecordedEvent> {
    deliver(&with_copies(events, seed), seed)
}

struct Writer {
    rng: Rng,
    key: IndexKey,
    pool: Vec<(&'static str, &'static str, Trust)>,
    ids: BTreeSet<EventId>,
    facts: usize,
    out: Vec<RecordedEvent>,
}

impl Writer {
    fn step(&mut self) {
        match self.rng.below(100) {
            0..62 => {
                self.facts += 1;
                let body = self.body();
                self.fact(self.facts, 0, body);
            }
            62..80 if self.facts > 0 => {
                let which = 1 + self.rng.below(self.facts);
                let (revision, body) = match self.rng.below(4) {
                    0 => (REMOVAL, Body::Removed { of: "purchase".to_owned() }),
                    _ => (self.rng.below(4) as u64, self.body()),
                };
                self.fact(which, revision, body);
            }
            80..84 => self.again(),
            84..88 => self.retract(),
            _ => self.operate(),
        }
    }

    fn body(&mut self) -> Body {
        match self.rng.below(12) {
            0 => visit(),
            1 => message(),
            2 => refund(&format!("f{}", 1 + self.rng.below(9)), 10),
            _ => purchase(self.rng.below(9) as i64 * 10),
        }
    }

    fn named(&mut self, most: usize) -> Vec<Claim> {
        let count = self.rng.below(most + 1);
        let mut all = vec![*self.rng.pick(&self.pool)];
        all.extend((0..count).map(|_| *self.rng.pick(&self.pool)));
        all.into_iter().map(|(kind, value, trust)| claim(kind, value, trust)).collect()
    }

    fn fact(&mut self, number: usize, revision: u64, body: Body) {
        let mut draft = Draft::new(format!("f{number}"), body);
        draft.revision = revision;
        draft.identifiers = if self.rng.percent(5) { Vec::new() } else { self.named(1) };
        draft.store = ["", "A", "B", "C", "D", "E", "F", "G"][self.rng.below(8)].to_owned();
        if self.rng.percent(4) {
            draft.flags = *self.rng.pick(&[flags::SPAM, flags::TEST]);
        }
        self.write(Channel::Pos, draft);
    }

    fn again(&mut self) {
        let Some(mut event) = self.known() else { return };
        if self.rng.percent(50) {
            event.id = EventId::derive("again", &event.account, &self.out.len().to_string(), 0, 0);
            self.record(event);
        } else {
            self.append(event);
        }
    }

    fn retract(&mut self) {
        let Some(event) = self.known() else { return };
        let at = at(1 + self.rng.below(DAYS as usize) as i64, 0);
        self.record(event.retraction(at, "amy"));
    }

    fn known(&mut self) -> Option<Event> {
        let fits = |e: &&RecordedEvent| e.event.body.is_interaction() && e.event.generation < u32::MAX;
        let all: Vec<&RecordedEvent> = self.out.iter().filter(fits).collect();
        if all.is_empty() { None } else { Some(self.rng.pick(&all).event.clone()) }
    }

    fn operate(&mut self) {
        let which = *self.rng.pick(&[
            IdentityAct::Clear,
            IdentityAct::Clear,
            IdentityAct::Clear,
            IdentityAct::Erase,
            IdentityAct::Block,
            IdentityAct::Unblock,
            IdentityAct::Link,
            IdentityAct::Unlink,
        ]);
        let mut draft = Draft::new(format!("act{}", self.out.len()), act(which));
        draft.identifiers = self.named(usize::from(matches!(which, IdentityAct::Link | IdentityAct::Unlink)));
        self.write(Channel::Ops, draft);
    }

    fn write(&mut self, channel: Channel, mut draft: Draft) {
        let day = if self.rng.percent(4) { DAYS + 20 } else { 1 + self.rng.below(DAYS as usize) as i64 };
        draft.occurred_at = Some(at(day, 180 * self.rng.below(8) as i64));
        let event = channel.context().events(draft, at(DAYS + 1, 0), &self.key).remove(0);
        self.record(event);
    }

    fn record(&mut self, event: Event) {
        if self.ids.insert(event.id) {
            self.append(event);
        }
    }

    fn append(&mut self, event: Event) {
        let sequence = self.out.len() as u64 + 1;
        let mut recorded_at = at(DAYS + 1, 0);
        recorded_at.0 += sequence as i64 * 1_000_000;
        self.out.push(RecordedEvent { position: Position { origin: 1, sequence }, recorded_at, event });
    }
}
