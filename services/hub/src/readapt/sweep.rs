//! The first pass: reads the window's requests again and notes every fact that does not simply stay as it is.
//!
//! Facts are noted by the hash of their key, at most [`FACTS_MAX`] at once. Where there are more, the pass keeps the lower
//! half of the hashes it was looking for, and another one sees to the rest: memory is bounded, whatever the log holds.

use super::{
    again::{Target, again, differing, same_request},
    kept::{Current, First, Pieces, current, portions, stored, unreadable},
    window::Window,
};
use crate::{hub::Hub, problem::Problem};
use std::collections::HashMap;
use tributary_channels::settings::Channel;
use tributary_core::{
    body::Body,
    event::{Event, RecordedEvent},
    ids::FactKey,
    seal::Raw,
};
use tributary_eventlog::Record;
use tributary_projector::decode;

/// Facts noted at once; about 80 bytes each.
pub(super) const FACTS_MAX: usize = 400_000;

/// Kind of the hub's own records, such as that a request was not forwarded.
const OWN_KIND: &str = "console";

/// What is read again.
pub(super) struct Scope<'a> {
    pub hub: &'a Hub,
    pub channel: &'a Channel,
    pub window: Window,
    /// The log's end when it began.
    pub end: u64,
    /// See [`FACTS_MAX`]; less only in tests.
    pub facts_max: usize,
}

/// The newest revision that today's readings give of a fact, and the first record whose request gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Best {
    pub revision: u64,
    pub sequence: u64,
}

/// What was noted of a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub best: Option<Best>,
    /// The request of the event that counts does not give that revision any more.
    pub unsupported: bool,
}

/// What was read; counted in the first pass only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// Events with a request in the window.
    pub requests: u64,
    /// Left alone because they are of somebody who was erased.
    pub erased: u64,
    /// Left alone because the adapter would refuse the request at the door.
    pub refused: u64,
    /// Left alone because their request is not there or cannot be opened.
    pub unreadable: u64,
}

/// The hashes a pass looks for: first eight bytes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub first: u64,
    pub last: u64,
}

impl Slice {
    pub const ALL: Self = Self { first: 0, last: u64::MAX };

    fn holds(self, key: &FactKey) -> bool {
        let mut prefix = [0; 8];
        prefix.iter_mut().zip(key.0).for_each(|(to, byte)| *to = byte);
        (self.first..=self.last).contains(&u64::from_be_bytes(prefix))
    }

    /// What is left after this one.
    pub fn rest(self) -> Option<Self> {
        Some(Self { first: self.last.checked_add(1)?, last: u64::MAX })
    }
}

/// One pass.
pub(super) struct Sweep<'a> {
    scope: &'a Scope<'a>,
    /// What it looks for in the end.
    pub slice: Slice,
    /// What it found.
    pub found: HashMap<FactKey, Found>,
    /// What it read.
    pub read: Read,
    pieces: Pieces,
}

impl<'a> Sweep<'a> {
    /// Reads the window; `progress` hears how many records are done and says whether to go on.
    ///
    /// # Errors
    /// Where the log cannot be read, the hub stops, or records of another kind of adapter stand in the window.
    pub fn run(
        scope: &'a Scope<'a>,
        slice: Slice,
        progress: &dyn Fn(u64, u64) -> bool,
    ) -> Result<Self, Problem> {
        let mut sweep =
            Self { scope, slice, found: HashMap::new(), read: Read::default(), pieces: Pieces::default() };
        let from = scope.window.first(&*scope.hub.log).map_err(|e| unreadable(&e))?;
        for portion in portions(scope.hub, from, scope.end) {
            let portion = portion.map_err(|e| unreadable(&e))?;
            let last = portion.last().map_or(scope.end, |record| record.position.sequence);
            for record in &portion {
                sweep.record(record)?;
            }
            if !progress((last + 1).saturating_sub(from), (scope.end + 1).saturating_sub(from)) {
                return Err(stopping());
            }
        }
        Ok(sweep)
    }

    fn record(&mut self, record: &Record) -> Result<(), Problem> {
        let name = self.scope.channel.context.name.as_str();
        if record.attributes.get("channel") != Some(name) {
            return Ok(());
        }
        let first = First::of(record);
        if !self.scope.window.holds(first.recorded_at) {
            return Ok(());
        }
        // What cannot be decoded is a dead letter and no fact.
        let Ok(Some(event)) = decode(record) else { return Ok(()) };
        if event.event.kind == OWN_KIND {
            return Ok(());
        }
        if let Body::Chunk { .. } = event.event.body {
            self.pieces.take(&event);
            return Ok(());
        }
        if First::readapted(record).is_some() {
            return self.readapted(&event, first);
        }
        let request = self.pieces.request_of(&event);
        self.original(event, first, request)
    }

    /// An event that a request brought.
    fn original(&mut self, event: RecordedEvent, first: First, raw: Option<Raw>) -> Result<(), Problem> {
        let (hub, channel) = (self.scope.hub, self.scope.channel);
        if event.event.kind != channel.context.kind {
            return Err(other_kind(&event.event, &channel.context.kind));
        }
        self.read.requests += 1;
        let Some(raw) = raw else {
            self.read.unreadable += 1;
            return Ok(());
        };
        let Some(targets) = again(hub, channel, &event, &raw) else {
            self.read.refused += 1;
            return Ok(());
        };
        if of_erased(hub, &event, targets.iter().map(|t| &t.event)) {
            self.read.erased += 1;
            return Ok(());
        }
        let key = event.event.fact_key();
        let own = Current { event, first };
        let counts = counts(hub, &own.event)?;
        for target in &targets {
            self.offer(target, &own, counts.then_some(&key), &raw)?;
        }
        if counts && !gives(&targets, &own.event.event) {
            self.note(key, |found| found.unsupported = true);
        }
        Ok(())
    }

    /// Notes what a request gives, unless it is what counts already by that very request.
    fn offer(
        &mut self,
        target: &Target,
        own: &Current,
        own_counts: Option<&FactKey>,
        raw: &Raw,
    ) -> Result<(), Problem> {
        let key = target.event.fact_key();
        if !self.slice.holds(&key) {
            return Ok(());
        }
        let other;
        let now = if own_counts == Some(&key) {
            Some(own)
        } else {
            other = current(self.scope.hub, &key)?;
            other.as_ref()
        };
        let agrees = now.is_some_and(|now| {
            now.event.event.revision == target.event.revision
                && same_request(now, own.first, raw)
                && differing(&now.event, target).is_empty()
        });
        if !agrees {
            let best = Best { revision: target.event.revision, sequence: own.first.sequence };
            self.note(key, |found| {
                let better = |now: &Best| {
                    (best.revision, std::cmp::Reverse(best.sequence))
                        > (now.revision, std::cmp::Reverse(now.sequence))
                };
                if found.best.as_ref().is_none_or(better) {
                    found.best = Some(best);
                }
            });
        }
        Ok(())
    }

    /// An event of an earlier run: its request is read as the original's; here only whether it still gives this.
    fn readapted(&mut self, event: &RecordedEvent, first: First) -> Result<(), Problem> {
        let (hub, channel) = (self.scope.hub, self.scope.channel);
        let key = event.event.fact_key();
        if !self.slice.holds(&key) || !counts(hub, event)? {
            return Ok(());
        }
        if first.origin != hub.log.origin().0 {
            return Ok(()); // read again where its request is
        }
        let Some((original, raw)) = stored(hub, first.sequence)? else { return Ok(()) };
        let Some(targets) = again(hub, channel, &original, &raw) else { return Ok(()) };
        if !gives(&targets, &event.event) && !of_erased(hub, &original, targets.iter().map(|t| &t.event)) {
            self.note(key, |found| found.unsupported = true);
        }
        Ok(())
    }

    fn note(&mut self, key: FactKey, change: impl FnOnce(&mut Found)) {
        if !self.slice.holds(&key) {
            return;
        }
        change(self.found.entry(key).or_default());
        while self.found.len() > self.scope.facts_max && self.slice.first < self.slice.last {
            self.slice.last = self.slice.first + (self.slice.last - self.slice.first) / 2;
            let slice = self.slice;
            self.found.retain(|key, _| slice.holds(key));
        }
    }
}

/// Whether one of these is of the fact and revision of that event.
fn gives(targets: &[Target], event: &Event) -> bool {
    targets.iter().any(|t| t.event.revision == event.revision && t.event.fact_key() == event.fact_key())
}

/// Whether this very record is what counts of its fact.
fn counts(hub: &Hub, event: &RecordedEvent) -> Result<bool, Problem> {
    let place = hub.projector().read(|look| look.engine().place(&event.event.fact_key()));
    let place = place.map_err(|e| unreadable(&e))?;
    Ok(place.is_some_and(|p| p.event == event.event.id && p.position == event.position))
}

/// Whether what this event says, or what its request says today, is of somebody who was erased since.
///
/// Such a request is left alone as a whole: today's adapter may find identifiers in it that the erasure did not know of.
pub(super) fn of_erased<'e>(
    hub: &Hub,
    event: &RecordedEvent,
    today: impl Iterator<Item = &'e Event>,
) -> bool {
    hub.projector().read(|look| {
        let resolver = &look.engine().fold().resolver;
        let erased = |event: &Event, at| event.identifiers.iter().any(|i| resolver.is_erased(i.token, at));
        let at = event.effective_at();
        let mut today = today;
        erased(&event.event, at) || today.any(|event| erased(event, event.occurred_at.min(at)))
    })
}

/// The hub was told to stop.
pub(super) fn stopping() -> Problem {
    Problem::new(503, "stopping", "the hub is stopping").remedy("run it again: it goes on where it was")
}

fn other_kind(event: &Event, kind: &str) -> Problem {
    let detail = format!("the channel holds requests of kind {}, and is now of kind {kind}", event.kind);
    Problem::new(409, "channel_kind_changed", detail).remedy(
        "give the new kind a channel of another name, and this one its old kind; or choose --since after the change",
    )
}
