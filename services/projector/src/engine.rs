//! The engine: one generation's store, indexes and fold. It folds batches and commits them; threads and waiting are not
//! its business.

use crate::{
    checkpoint,
    decode::{self, position},
    error::ProjectorError,
    index::RunIndex,
    meta::{self, Meta},
    projection::Projection,
    sources::{LogRecords, StoreRows, event_entry},
    store::{Commit, Group, Key, Row, Value, ViewStore},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};
use tributary_core::{
    codec::{BadRow, Writer},
    event::RecordedEvent,
    fold::{Committed, DeadLetter, Fold, Place, Prepared, Rows, fragment::Fragment, rows::keys},
    identity::CustomerRef,
    ids::{EventId, FactKey, Position},
    time::Micros,
    view::Sources,
};
use tributary_eventlog::{Order, ReadError, Record};

/// Rows of one live commit at most, so that it is one atomic batch of the store. An event writes at most a few rows, so
/// this is looked at after each.
const LIVE_ROWS_MAX: usize = 1_500;

/// Fragments that stay at hand between live commits.
const FRAGMENTS_KEPT: usize = 20_000;

/// One generation.
pub struct Engine {
    pub(crate) store: Arc<dyn ViewStore>,
    pub(crate) facts: Arc<RunIndex>,
    pub(crate) events: Arc<RunIndex>,
    pub(crate) order: Arc<dyn Order>,
    pub(crate) projection: Arc<dyn Projection>,
    pub(crate) fold: Fold,
    /// Number of the last record folded, in the node's order.
    pub(crate) number: u64,
    /// Where checkpoints go.
    pub(crate) dir: PathBuf,
    /// Bytes of a rebuild's lists in memory before they go to a file.
    pub(crate) list_bytes: usize,
    /// Entries of a rebuild's indexes in memory before they become a run.
    pub(crate) index_entries: usize,
    /// Records folded at the last checkpoint.
    pub(crate) checkpointed: u64,
}

/// A record, decoded or to be parked.
pub(crate) enum Work {
    Event(Box<(RecordedEvent, Prepared)>),
    Own(Position),
    Broken(DeadLetter),
}

impl Work {
    pub fn of(record: &Record) -> Self {
        match decode::decode(record) {
            Ok(Some(event)) => {
                let prepared = Prepared::of(&event.event);
                Self::Event(Box::new((event, prepared)))
            }
            Ok(None) => Self::Own(position(record)),
            Err(error) => Self::Broken(DeadLetter {
                version: 0,
                position: position(record),
                recorded_at: Micros(record.recorded_at),
                event: Some(EventId(record.id)),
                channel: attribute(record, "channel"),
                reason: "undecodable_record".to_owned(),
                detail: error.to_string(),
            }),
        }
    }

    pub fn position(&self) -> Position {
        match self {
            Self::Event(event) => event.0.position,
            Self::Own(position) => *position,
            Self::Broken(letter) => letter.position,
        }
    }
}

fn attribute(record: &Record, name: &str) -> String {
    record.attributes.get(name).unwrap_or_default().to_owned()
}

impl Engine {
    /// What views are made from, as of the last commit.
    pub fn with_sources<R>(&self, f: impl FnOnce(Sources<'_>, &LogRecords) -> R) -> R {
        let rows = self.rows();
        let records = LogRecords { order: Arc::clone(&self.order), events: Arc::clone(&self.events) };
        f(Sources { resolver: &self.fold.resolver, rows: &rows, records: &records }, &records)
    }

    pub(crate) fn rows(&self) -> StoreRows<'_> {
        StoreRows { store: &*self.store, facts: &self.facts, order: &*self.order }
    }

    /// The fold as of the last commit.
    #[must_use]
    pub fn fold(&self) -> &Fold {
        &self.fold
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn ViewStore {
        &*self.store
    }

    /// The origin of the node's own log, and the number of the last record folded in the node's order.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { origin: self.order.node().0, sequence: self.number }
    }

    /// How far each origin was folded, by origin, once so many records are.
    pub(crate) fn reach(&self, number: u64) -> Result<Vec<Position>, ReadError> {
        let reach = self.order.reach(number)?.into_iter();
        Ok(reach.map(|p| Position { origin: p.origin.0, sequence: p.sequence }).collect())
    }

    /// Folds and commits records in order, in as many commits as it takes. The first of them has this number; those that
    /// were folded are dropped.
    ///
    /// # Errors
    /// [`ProjectorError`]; what was committed stays, the rest must be folded again after a new start of the engine.
    pub(crate) fn fold_records(&mut self, number: u64, work: &[Work]) -> Result<(), ProjectorError> {
        let folded = usize::try_from((self.number + 1).saturating_sub(number)).unwrap_or(usize::MAX);
        let mut rest = work.get(folded..).unwrap_or_default();
        while !rest.is_empty() {
            let before = self.number;
            match self.fold_until_full(rest).and_then(|count| self.commit().map(|()| count)) {
                Ok(count) => rest = &rest[count..],
                Err(ProjectorError::Panicked) => {
                    self.number = before;
                    rest = &rest[self.fold_one_by_one(rest)?..];
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Folds until a commit's worth of rows is dirty; gives the number of records folded.
    fn fold_until_full(&mut self, work: &[Work]) -> Result<usize, ProjectorError> {
        for (count, item) in work.iter().enumerate() {
            self.fold_item(item)?;
            if self.fold.pending_rows() >= LIVE_ROWS_MAX {
                return Ok(count + 1);
            }
        }
        Ok(work.len())
    }

    pub(crate) fn fold_item(&mut self, item: &Work) -> Result<(), ProjectorError> {
        let rows = StoreRows { store: &*self.store, facts: &self.facts, order: &*self.order };
        let (fold, projection) = (&mut self.fold, &self.projection);
        match item {
            Work::Event(work) => {
                let (event, prepared) = &**work;
                let apply = || projection.apply(fold, &rows, event, prepared);
                let folded = catch_unwind(AssertUnwindSafe(apply));
                folded.map_err(|_| ProjectorError::Panicked)??;
            }
            Work::Own(_) => fold.skip(),
            Work::Broken(letter) => fold.park(letter.clone()),
        }
        self.number += 1;
        Ok(())
    }

    /// After a panic: the copies are dropped, the batch is folded again one by one, and the culprit parked. Stops after the
    /// first culprit, so that the usual way goes on; gives the number of records dealt with.
    fn fold_one_by_one(&mut self, work: &[Work]) -> Result<usize, ProjectorError> {
        self.reload()?;
        for (count, item) in work.iter().enumerate() {
            match self.fold_item(item) {
                Ok(()) => self.commit()?,
                Err(ProjectorError::Panicked) => {
                    self.reload()?;
                    self.park_panicked(item);
                    self.commit()?;
                    return Ok(count + 1);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(work.len())
    }

    /// One atomic commit of everything folded since the last.
    pub(crate) fn commit(&mut self) -> Result<(), ProjectorError> {
        let before = self.fold.records;
        let mut committed = self.fold.commit(FRAGMENTS_KEPT);
        let start = before - committed.outcomes.len() as u64;
        let mut rows: Vec<_> = std::mem::take(&mut committed.fragments).into_iter().flatten().collect();
        rows.extend(committed.change_rows());
        rows.push((keys::outcomes(start), Some(recovery_row(&committed))));
        rows.extend(dead_rows(&committed).map(|(key, row)| (key, Some(row))));
        rows.extend(count_rows(&committed));
        rows.push((keys::meta(meta::NAME), Some(self.meta()?.to_row())));
        self.store.commit(Commit { groups: vec![Group { rows }], last: Vec::new() })?;
        self.index(&committed)
    }

    pub(crate) fn index_places(&self, committed: &Committed) {
        for (key, place) in &committed.places {
            self.facts.put(key.0, &place.to_bytes());
        }
    }

    fn index(&self, committed: &Committed) -> Result<(), ProjectorError> {
        self.index_places(committed);
        for (event, position) in &committed.events {
            self.index_event(*event, *position)?;
        }
        Ok(())
    }

    /// The first copy of an event is the one that is found.
    pub(crate) fn index_event(&self, event: EventId, position: Position) -> Result<(), ProjectorError> {
        Ok(self.events.put_new(event.0, &event_entry(position))?)
    }

    /// Whether the event is the revision of its fact that counts.
    ///
    /// # Errors
    /// [`BadRow`] if the fact index cannot be read.
    pub fn is_current(&self, event: &RecordedEvent) -> Result<bool, BadRow> {
        let rows = self.rows();
        Ok(rows.place(&event.event.fact_key())?.is_some_and(|p| p.event == event.event.id))
    }

    /// Where the fact of this key is, and so which event of it counts.
    ///
    /// # Errors
    /// [`BadRow`] if the fact index cannot be read.
    pub fn place(&self, key: &FactKey) -> Result<Option<Place>, BadRow> {
        self.rows().place(key)
    }

    pub(crate) fn meta(&self) -> Result<Meta, ReadError> {
        Ok(Meta {
            fold_version: self.projection.version(),
            position: self.position(),
            records: self.fold.records,
            reach: self.reach(self.number)?,
            order: self.order.fingerprint(self.number)?,
            facts_digest: self.fold.facts_digest(),
            digest: self.fold.digest(),
            policy: self.fold.resolver.policy().to_json(),
        })
    }

    pub(crate) fn park_panicked(&mut self, item: &Work) {
        self.fold.park(panicked(item));
        self.number += 1;
    }

    /// The customer that has the fact of this event now, in whatever revision.
    #[must_use]
    pub fn home_of(&self, event: &RecordedEvent) -> Option<CustomerRef> {
        let rows = self.rows();
        let key = event.event.fact_key();
        let place = rows.place(&key).ok()??;
        let mut fragment = Fragment::load(&rows, place.home, false).ok()?;
        let fact = fragment.fact(&rows, &key).ok()??;
        self.fold.resolver.attribute(&fact.ids, fact.owned_at())
    }

    /// Writes indexes and the resolver's snapshot, so that a restart needs the log only from here on.
    ///
    /// # Errors
    /// [`ProjectorError`]; the last checkpoint stays good.
    pub fn checkpoint(&mut self) -> Result<(), ProjectorError> {
        checkpoint::write(self)
    }
}

fn panicked(item: &Work) -> DeadLetter {
    let (event, channel, recorded_at) = match item {
        Work::Event(e) => (Some(e.0.event.id), e.0.event.channel.clone(), e.0.recorded_at),
        _ => (None, String::new(), Micros::default()),
    };
    DeadLetter {
        version: 0,
        position: item.position(),
        recorded_at,
        event,
        channel,
        reason: "fold_panicked".to_owned(),
        detail: "the fold panicked on this event; it is kept and can be retried by a later release"
            .to_owned(),
    }
}

/// Dead letters.
pub(crate) fn dead_rows(committed: &Committed) -> impl Iterator<Item = (Key, Value)> {
    committed.dead.iter().map(|d| (keys::dead(d.version), d.to_row()))
}

/// Counters of channels.
pub(crate) fn count_rows(committed: &Committed) -> impl Iterator<Item = Row> {
    committed.counts.iter().map(|(name, c)| (keys::meta(&format!("channel/{name}")), Some(c.to_row())))
}

/// What a restart needs besides the log: outcomes, and where facts went.
fn recovery_row(committed: &Committed) -> Vec<u8> {
    let mut w = Writer(committed.outcome_row());
    w.number(committed.places.len() as u64);
    for (key, place) in &committed.places {
        w.raw(&key.0);
        w.raw(&place.to_bytes());
    }
    w.0
}
