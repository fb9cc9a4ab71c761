//! One event into the fold: which revision counts, who it is, where its fact lives, what it changes.

use super::{
    channel_fragment,
    commit::Count,
    contribution::{Contribution, Gives},
    fact::{Fact, Ids, Revision, ids_of},
    hash128,
    homes::{Homes, Reading},
    prepared::Prepared,
    rows::{Outcome, Place, Rows},
};
use crate::{
    body::{Body, IdentityAct},
    change::Change,
    codec::BadRow,
    event::RecordedEvent,
    identity::{CustomerRef, Resolver},
    ids::{CustomerId, EventId, FactKey, Position},
    time::Micros,
    token::Token,
};
use hashbrown::HashMap;
use std::collections::BTreeMap;

type Map<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// Something that could not be decoded, folded or delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Number of records folded up to it.
    pub version: u64,
    /// Where it stands.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: Micros,
    /// The event, if the record is one.
    pub event: Option<EventId>,
    /// Channel, if known.
    pub channel: String,
    /// Stable code.
    pub reason: String,
    /// What went wrong, without personal values.
    pub detail: String,
}

/// Figures of the fold since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldStats {
    /// Merges.
    pub merges: u64,
    /// Splits.
    pub splits: u64,
    /// Duplicates found.
    pub duplicates: u64,
}

/// The fold's state between commits.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    /// Who is who.
    pub resolver: Resolver,
    /// Records folded so far: the version of the next change is one more.
    pub records: u64,
    /// Figures since the start.
    pub stats: FoldStats,
    /// Sum of the hashes of all facts in their homes.
    pub(super) facts_digest: u128,
    pub(super) homes: Homes,
    pub(super) places: Map<FactKey, Place>,
    pub(super) events: Vec<(EventId, Position)>,
    pub(super) counts: BTreeMap<String, Count>,
    pub(super) touched: Map<CustomerId, super::changes::Touch>,
    pub(super) changes: Vec<Change>,
    pub(super) dead: Vec<DeadLetter>,
    pub(super) outcomes: Vec<Outcome>,
}

impl Fold {
    /// A fold over nothing, with this resolver.
    #[must_use]
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver, ..Self::default() }
    }

    /// Folds one record; `prepared` is of the same event. Total but for damaged rows; after an error the fold must be dropped with all that it has not committed.
    ///
    /// # Errors
    /// [`BadRow`] if a row is damaged or could not be read.
    pub fn apply(
        &mut self,
        rows: &dyn Rows,
        event: &RecordedEvent,
        prepared: &Prepared,
    ) -> Result<Outcome, BadRow> {
        self.records += 1;
        self.events.push((event.event.id, event.position));
        let outcome = self.outcome(rows, event, prepared)?;
        self.count(event, outcome);
        self.outcomes.push(outcome);
        Ok(outcome)
    }

    /// About how many rows the next commit will write.
    #[must_use]
    pub fn pending_rows(&self) -> usize {
        // Head, fact page, now and then a time page.
        let used = if let Homes::Live(live) = &self.homes { live.used.len() } else { 0 };
        used * 3 + self.touched.len() + self.changes.len() + self.dead.len()
    }

    /// Counts a record that is no event, or that made the fold panic.
    pub fn park(&mut self, letter: DeadLetter) {
        self.records += 1;
        let version = self.records;
        if let Some(event) = letter.event {
            self.events.push((event, letter.position));
        }
        self.counts.entry(letter.channel.clone()).or_default().parked += 1;
        self.outcomes.push(Outcome::Parked);
        self.dead.push(DeadLetter { version, ..letter });
    }

    /// Counts one of the log's own records.
    pub fn skip(&mut self) {
        self.records += 1;
        self.outcomes.push(Outcome::Own);
    }

    fn count(&mut self, event: &RecordedEvent, outcome: Outcome) {
        let count = match self.counts.get_mut(&event.event.channel) {
            Some(count) => count,
            None => self.counts.entry(event.event.channel.clone()).or_default(),
        };
        match outcome {
            Outcome::Folded => count.folded += 1,
            // The revision before it no longer counts.
            Outcome::Replaced(_) | Outcome::Superseded => count.superseded += 1,
            Outcome::Duplicate => {
                count.duplicate += 1;
                self.stats.duplicates += 1;
            }
            Outcome::Parked => count.parked += 1,
            Outcome::Own => return,
        }
        // A channel that fell silent is not heard because somebody reads it again.
        if event.event.generation == 0 {
            count.last_at = count.last_at.max(event.recorded_at);
        }
    }

    fn outcome(
        &mut self,
        rows: &dyn Rows,
        event: &RecordedEvent,
        prepared: &Prepared,
    ) -> Result<Outcome, BadRow> {
        if matches!(event.event.body, Body::Chunk { .. } | Body::Ticked {}) {
            return Ok(Outcome::Own);
        }
        let (key, gives) = (prepared.key, &prepared.contribution.gives);
        let ids = ids_of(event, self.resolver.policy());
        if !ids.is_empty() {
            self.resolver.note(event);
        }
        let place = self.place(rows, &key)?;
        let new = Revision::of(event);
        if let Some(known) = place.filter(|p| p.event != EventId::default()) {
            // A copy can only be told from the first by a time that its recording cut short.
            if known.event == new.event && new.at == event.event.occurred_at {
                self.settle(event, None);
                return Ok(Outcome::Duplicate);
            }
            let reading = Reading { rows, resolver: &self.resolver };
            let current = self.homes.fact(&reading, &key, known)?.revision.ok_or(BadRow)?;
            if !new.beats(&current) {
                let equal = (new.revision, new.generation) == (current.revision, current.generation);
                self.settle(event, None);
                self.call(rows, key, gives)?;
                self.recount(rows, event, key, [gives, &Gives::Nothing])?;
                return Ok(if equal { Outcome::Duplicate } else { Outcome::Superseded });
            }
        }
        let apart = self.apart_around(event);
        let replaced = self.take_out(rows, event, &key, place)?;
        let gave = match replaced.as_ref().filter(|f| f.revision.is_some()) {
            Some(fact) => Contribution::decode(&fact.gives)?.gives,
            None => Gives::Nothing,
        };
        let mut fact = Fact { revision: Some(new), ids, gives: prepared.gives.clone(), ..Fact::awaited(key) };
        fact.hangers = replaced.as_ref().map(|f| f.hangers.clone()).unwrap_or_default();
        self.put_in(rows, event, fact, prepared)?;
        self.call(rows, key, gives)?;
        self.recount(rows, event, key, [&gave, gives])?;
        self.touch_apart(event, &apart);
        if let Body::Unrecognised { reason } = &event.event.body {
            self.dead_letter(event, reason);
            if replaced.is_none() {
                return Ok(Outcome::Parked);
            }
        }
        Ok(match replaced.and_then(|f| f.revision) {
            Some(revision) => Outcome::Replaced(revision.position),
            None => Outcome::Folded,
        })
    }

    fn dead_letter(&mut self, event: &RecordedEvent, reason: &str) {
        let content = event.event.content().unwrap_or_default();
        let detail = content.fields.get("detail").and_then(|d| d.as_str()).unwrap_or_default().to_owned();
        self.dead.push(DeadLetter {
            version: self.records,
            position: event.position,
            recorded_at: event.recorded_at,
            event: Some(event.event.id),
            channel: event.event.channel.clone(),
            reason: reason.to_owned(),
            detail,
        });
    }

    /// Removes the fact's current revision from its home and from identity.
    fn take_out(
        &mut self,
        rows: &dyn Rows,
        event: &RecordedEvent,
        key: &FactKey,
        place: Option<Place>,
    ) -> Result<Option<Fact>, BadRow> {
        let Some(place) = place else { return Ok(None) };
        let fact = self.remove(rows, key, place)?;
        if let Some(revision) = &fact.revision {
            let customer = self.resolver.attribute(&fact.ids, fact.owned_at());
            self.touch(customer, event);
            self.touch_owners(&fact.ids, event);
            if fact.attached.is_none() {
                self.resolver.release(key, revision.at, revision.event);
                self.resolver.retract(&fact.ids, revision.at, revision.event);
            }
            if revision.event == event.event.id {
                self.resolver.take_back(event, revision.at);
            }
        }
        Ok(Some(fact))
    }

    fn put_in(
        &mut self,
        rows: &dyn Rows,
        event: &RecordedEvent,
        mut fact: Fact,
        prepared: &Prepared,
    ) -> Result<(), BadRow> {
        let (key, at, contribution) = (fact.key, event.effective_at(), &prepared.contribution);
        if let Body::Identity { act } = event.event.body {
            self.resolver.act(event, act);
        } else {
            self.resolver.assert(&fact.ids, at, event.event.id, contribution.born());
            self.resolver.bind(event, &fact.ids, contribution.born());
        }
        let mut home = self.home(event);
        if fact.ids.is_empty()
            && event.event.is_for_customers()
            && let Some(of) = contribution.gives.refund_of()
            && of != key
        {
            home = self.hang(rows, &mut fact, of, home)?;
        }
        let (hanging, ids, owned_at) = (fact.hangers.clone(), fact.ids.clone(), fact.owned_at());
        self.insert(rows, fact, home, Some(prepared))?;
        let sold = contribution.gives.is_purchase().then_some((home, &ids, at));
        for hanger in hanging {
            self.move_hanger(rows, hanger, key, sold)?;
        }
        let customer = self.settle(event, Some((&ids, owned_at)));
        self.touch(customer, event);
        if matches!(event.event.body, Body::Identity { act: IdentityAct::Block | IdentityAct::Unblock }) {
            self.touch_beside(event);
        }
        if let Body::Identity { act: IdentityAct::Clear } = event.event.body {
            self.touch_holders(event);
        }
        Ok(())
    }

    /// Hangs a refund that names nobody on the purchase it is of, known or awaited; gives the home it takes: the
    /// purchase's, or its own channel's while there is no such purchase.
    fn hang(&mut self, rows: &dyn Rows, fact: &mut Fact, of: FactKey, own: Token) -> Result<Token, BadRow> {
        fact.attached = Some(fact.owned_at());
        let place = match self.place(rows, &of)? {
            Some(place) => place,
            None => {
                self.insert(rows, Fact::awaited(of), own, None)?;
                Place { home: own, ..Place::default() }
            }
        };
        let reading = Reading { rows, resolver: &self.resolver };
        let purchase = self.homes.hang(&reading, &of, place, fact.key)?;
        if !purchase.is_purchase()? {
            return Ok(own);
        }
        fact.ids.clone_from(&purchase.ids);
        fact.attached = Some(purchase.owned_at());
        Ok(place.home)
    }

    /// Moves a hanging refund to where its purchase is now; to its own channel's fragment if that is no purchase (any more).
    fn move_hanger(
        &mut self,
        rows: &dyn Rows,
        key: FactKey,
        purchase: FactKey,
        sold: Option<(Token, &Ids, Micros)>,
    ) -> Result<(), BadRow> {
        let Some(place) = self.place(rows, &key)? else { return Ok(()) };
        let reading = Reading { rows, resolver: &self.resolver };
        if !self.homes.fact(&reading, &key, place)?.hangs_on(purchase)? {
            return Ok(()); // a later revision of it names somebody by itself, or is of another purchase
        }
        let mut fact = self.remove(rows, &key, place)?;
        let home = match sold {
            Some((home, ids, at)) => {
                fact.ids.clone_from(ids);
                fact.attached = Some(at);
                home
            }
            None => {
                fact.ids = Ids::new();
                channel_fragment(&Contribution::decode(&fact.gives)?.channel)
            }
        };
        self.insert(rows, fact, home, None)
    }

    pub(super) fn insert(
        &mut self,
        rows: &dyn Rows,
        fact: Fact,
        home: Token,
        prepared: Option<&Prepared>,
    ) -> Result<(), BadRow> {
        if let Homes::Live(_) = self.homes {
            self.facts_digest = self.facts_digest.wrapping_add(fact_hash(&fact, home));
        }
        let (event, position) =
            fact.revision.as_ref().map_or_else(Default::default, |r| (r.event, r.position));
        self.places.insert(fact.key, Place { home, event, position });
        self.homes.insert(&Reading { rows, resolver: &self.resolver }, home, fact, prepared)
    }

    pub(super) fn remove(&mut self, rows: &dyn Rows, key: &FactKey, place: Place) -> Result<Fact, BadRow> {
        let fact = self.homes.remove(&Reading { rows, resolver: &self.resolver }, key, place)?;
        if let Homes::Live(_) = self.homes {
            self.facts_digest = self.facts_digest.wrapping_sub(fact_hash(&fact, place.home));
        }
        Ok(fact)
    }

    /// The strongest identifier by what the event itself says; a blocked pattern is never a home. A clearing is at home with
    /// what it clears.
    fn home(&self, event: &RecordedEvent) -> Token {
        if let (Body::Identity { act: IdentityAct::Clear }, [cleared, ..]) =
            (&event.event.body, event.event.identifiers.as_slice())
        {
            return cleared.token;
        }
        let policy = self.resolver.policy();
        let live = crate::identity::taking_part(event).iter().filter(|i| !policy.blocks(i.token, i.marks));
        match live.min_by_key(|i| (policy.strength(&i.kind, i.trust), i.token)) {
            Some(strongest) if event.event.is_for_customers() => strongest.token,
            _ => channel_fragment(&event.event.channel),
        }
    }

    pub(super) fn place(&self, rows: &dyn Rows, key: &FactKey) -> Result<Option<Place>, BadRow> {
        match self.places.get(key) {
            Some(place) => Ok(Some(*place)),
            None => rows.place(key),
        }
    }

    /// Settles identities after an event, tells the changes, and gives the customer the event's fact belongs to.
    fn settle(&mut self, event: &RecordedEvent, fact: Option<(&Ids, Micros)>) -> Option<CustomerRef> {
        let regroupings = self.resolver.settle();
        let customer = fact.and_then(|(ids, at)| self.resolver.attribute(ids, at));
        self.tell(event, regroupings, customer);
        for stirred in self.resolver.stirred() {
            self.touch(Some(stirred), event);
        }
        if let Some((ids, _)) = fact {
            self.touch_owners(ids, event);
        }
        customer
    }
}

/// What a fact in its home adds to the digest.
#[must_use]
pub fn fact_hash(fact: &Fact, home: Token) -> u128 {
    let Some(revision) = &fact.revision else { return 0 };
    let at = revision.at.0.to_be_bytes();
    let parts: [&[u8]; 6] = [&fact.key.0, &revision.event.0, &at, &home.0, &fact.gives, b"uncounted"];
    hash128(if fact.uncounted { &parts } else { &parts[..5] })
}
