//! One event into the fold: which revision counts, who it is, where its fact lives, what it changes.

use super::{
    channel_fragment,
    commit::Count,
    contribution::{Contribution, Gives},
    fact::{Fact, Ids, Revision, ids_of},
    fragment::Fragment,
    hash128,
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
use hashbrown::{HashMap, HashSet};
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
    pub(super) fragments: Map<Token, Fragment>,
    /// Fragments used since the last commit.
    pub(super) used: HashSet<Token, foldhash::fast::FixedState>,
    pub(super) places: Map<FactKey, Option<Place>>,
    pub(super) events: Vec<(EventId, Position)>,
    pub(super) counts: BTreeMap<String, Count>,
    pub(super) touched: BTreeMap<CustomerId, super::changes::Touch>,
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

    /// Folds one record. Total but for damaged rows; after an error the fold must be dropped with all that it has not committed.
    ///
    /// # Errors
    /// [`BadRow`] if a row is damaged or could not be read.
    pub fn apply(&mut self, rows: &dyn Rows, event: &RecordedEvent) -> Result<Outcome, BadRow> {
        self.records += 1;
        self.events.push((event.event.id, event.position));
        let outcome = self.outcome(rows, event)?;
        self.count(event, outcome);
        self.outcomes.push(outcome);
        Ok(outcome)
    }

    /// About how many rows the next commit will write.
    #[must_use]
    pub fn pending_rows(&self) -> usize {
        // Head, fact page, now and then a time page.
        self.used.len() * 3 + self.touched.len() + self.changes.len() + self.dead.len()
    }

    /// Fragments at hand.
    #[must_use]
    pub fn fragments_held(&self) -> usize {
        self.fragments.len()
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
        count.last_at = count.last_at.max(event.recorded_at);
    }

    fn outcome(&mut self, rows: &dyn Rows, event: &RecordedEvent) -> Result<Outcome, BadRow> {
        if matches!(event.event.body, Body::Chunk { .. } | Body::Ticked {}) {
            return Ok(Outcome::Own);
        }
        let key = event.event.fact_key();
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
            let fact = self.fragment(rows, known.home)?.fact(rows, &key)?.ok_or(BadRow)?;
            let current = fact.revision.clone().ok_or(BadRow)?;
            if !new.beats(&current) {
                let equal = (new.revision, new.generation) == (current.revision, current.generation);
                self.settle(event, None);
                return Ok(if equal { Outcome::Duplicate } else { Outcome::Superseded });
            }
        }
        let replaced = self.take_out(rows, event, &key, place)?;
        self.put_in(rows, event, key, ids, new, replaced.as_ref().map_or(&[], |f| &f.hangers))?;
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
        let Some(fact) = self.fragment(rows, place.home)?.remove(rows, key)? else { return Err(BadRow) };
        self.hash_out(&fact, place.home);
        if let Some(revision) = &fact.revision {
            let customer = self.resolver.attribute(&fact.ids, fact.owned_at());
            self.touch(customer, event);
            self.touch_owners(&fact.ids, event);
            if fact.attached.is_none() {
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
        key: FactKey,
        ids: Ids,
        revision: Revision,
        hangers: &[FactKey],
    ) -> Result<(), BadRow> {
        let contribution = Contribution::of(&event.event);
        let (at, id) = (revision.at, revision.event);
        if let Body::Identity { act } = event.event.body {
            self.resolver.act(event, act);
        } else {
            self.resolver.assert(&ids, at, id, contribution.born());
        }
        let mut fact =
            Fact { revision: Some(revision), ids, gives: contribution.encode(), ..Fact::awaited(key) };
        fact.hangers.extend(hangers.iter().copied());
        let mut home = self.home(event);
        if fact.ids.is_empty()
            && event.event.is_for_customers()
            && let Gives::Refund { of, .. } = contribution.gives
            && of != key
        {
            home = self.hang(rows, &mut fact, of, home)?;
        }
        let (hanging, ids, owned_at) = (fact.hangers.clone(), fact.ids.clone(), fact.owned_at());
        self.insert(rows, fact, home)?;
        let sold = matches!(contribution.gives, Gives::Purchase { .. }).then_some((home, &ids, at));
        for hanger in hanging {
            self.move_hanger(rows, hanger, key, sold)?;
        }
        let customer = self.settle(event, Some((&ids, owned_at)));
        self.touch(customer, event);
        if matches!(event.event.body, Body::Identity { act: IdentityAct::Block | IdentityAct::Unblock }) {
            self.touch_beside(event);
        }
        Ok(())
    }

    /// Hangs a refund that names nobody on the purchase it is of, known or awaited; gives the home it takes: the
    /// purchase's, or its own channel's while there is no such purchase.
    fn hang(&mut self, rows: &dyn Rows, fact: &mut Fact, of: FactKey, own: Token) -> Result<Token, BadRow> {
        fact.attached = Some(fact.owned_at());
        let home = match self.place(rows, &of)? {
            Some(place) => place.home,
            None => {
                self.insert(rows, Fact::awaited(of), own)?;
                own
            }
        };
        let key = fact.key;
        let fragment = self.fragment(rows, home)?;
        fragment.amend(rows, &of, |purchase| {
            if !purchase.hangers.contains(&key) {
                purchase.hangers.push(key);
                purchase.hangers.sort_unstable();
            }
        })?;
        match fragment.fact(rows, &of)? {
            Some(purchase) if purchase.is_purchase()? => {
                fact.ids.clone_from(&purchase.ids);
                fact.attached = Some(purchase.owned_at());
                Ok(home)
            }
            _ => Ok(own),
        }
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
        let hangs = match self.fragment(rows, place.home)?.fact(rows, &key)? {
            Some(fact) => fact.hangs_on(purchase)?,
            None => false,
        };
        if !hangs {
            return Ok(()); // a later revision of it names somebody by itself, or is of another purchase
        }
        let Some(mut fact) = self.fragment(rows, place.home)?.remove(rows, &key)? else { return Err(BadRow) };
        self.hash_out(&fact, place.home);
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
        self.insert(rows, fact, home)
    }

    fn insert(&mut self, rows: &dyn Rows, fact: Fact, home: Token) -> Result<(), BadRow> {
        self.hash_in(&fact, home);
        let (event, position) =
            fact.revision.as_ref().map_or_else(Default::default, |r| (r.event, r.position));
        self.places.insert(fact.key, Some(Place { home, event, position }));
        self.fragment(rows, home)?.insert(rows, fact)
    }

    fn hash_in(&mut self, fact: &Fact, home: Token) {
        self.facts_digest = self.facts_digest.wrapping_add(fact_hash(fact, home));
    }

    fn hash_out(&mut self, fact: &Fact, home: Token) {
        self.facts_digest = self.facts_digest.wrapping_sub(fact_hash(fact, home));
    }

    /// The strongest identifier by what the event itself says; a blocked pattern is never a home.
    fn home(&self, event: &RecordedEvent) -> Token {
        let policy = self.resolver.policy();
        let live = crate::identity::taking_part(event).iter().filter(|i| !policy.blocks(i.token, i.marks));
        match live.min_by_key(|i| (policy.strength(&i.kind, i.trust), i.token)) {
            Some(strongest) if event.event.is_for_customers() => strongest.token,
            _ => channel_fragment(&event.event.channel),
        }
    }

    pub(super) fn place(&self, rows: &dyn Rows, key: &FactKey) -> Result<Option<Place>, BadRow> {
        match self.places.get(key) {
            Some(place) => Ok(*place),
            None => rows.place(key),
        }
    }

    /// The fragment, loaded if it is not at hand.
    pub(super) fn fragment(&mut self, rows: &dyn Rows, token: Token) -> Result<&mut Fragment, BadRow> {
        self.used.insert(token);
        if !self.fragments.contains_key(&token) {
            let anonymous = self.resolver.kind_of_token(token).is_none();
            self.fragments.insert(token, Fragment::load(rows, token, anonymous)?);
        }
        self.fragments.get_mut(&token).ok_or(BadRow)
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
    hash128(&[&fact.key.0, &revision.event.0, &revision.at.0.to_be_bytes(), &home.0, &fact.gives])
}
