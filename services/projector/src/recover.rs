//! Opening a generation: from the store's position, the last checkpoint and the log's records between them, the fold is
//! brought back to exactly where it was.

use crate::{
    checkpoint::{Snapshot, read_mark, read_snapshot},
    decode::decode,
    engine::Engine,
    error::{ProjectorError, StartError},
    index::RunIndex,
    meta::{self, Meta},
    projection::Projection,
    sources::{EVENT_ENTRY, log_position},
    store::ViewStore,
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use tributary_core::{
    body::Body,
    change::Change,
    codec::Reader,
    event::RecordedEvent,
    fold::{Count, Fold, Outcome, Place, contribution::Contribution, fact::ids_of, rows::keys},
    identity::{Resolver, policy::Policy},
    ids::{FactKey, Position},
};
use tributary_eventlog::{Order, scan};

/// Rows read at once.
const CHUNK: usize = 1_000;

/// What an engine is built from.
pub(crate) struct Parts {
    pub store: Arc<dyn ViewStore>,
    pub order: Arc<dyn Order>,
    pub projection: Arc<dyn Projection>,
    pub policy: Policy,
    /// Folder for indexes and snapshot.
    pub dir: PathBuf,
    /// Bytes of a rebuild's lists in memory before they go to a file.
    pub list_bytes: usize,
    pub index_entries: usize,
    /// The newest snapshot in the folder, for a store that may hold something.
    pub snapshot: Option<Snapshot>,
}

impl Engine {
    /// The engine of an empty store.
    pub(crate) fn fresh(parts: Parts) -> Result<Self, ProjectorError> {
        for name in ["facts", "events"] {
            RunIndex::remove_files(&parts.dir, name)?;
        }
        let (facts, events) = indexes(&parts.dir)?;
        Ok(Self {
            store: parts.store,
            facts,
            events,
            order: parts.order,
            projection: parts.projection,
            fold: Fold::new(Resolver::new(parts.policy)),
            number: 0,
            dir: parts.dir,
            list_bytes: parts.list_bytes,
            index_entries: parts.index_entries,
            checkpointed: 0,
        })
    }

    /// The engine of a store that may hold something.
    ///
    /// # Errors
    /// [`StartError`] where log and store do not fit; [`ProjectorError::Unresumable`] where the store must be folded again.
    pub(crate) fn open(parts: Parts) -> Result<Self, StartError> {
        let Some(row) = parts.store.get(&keys::meta(meta::NAME)).map_err(ProjectorError::from)? else {
            if parts.order.first_number() > 1 {
                return Err(StartError::LogHeadGone { start: parts.order.first_number(), needed: 1 });
            }
            if !parts.store.scan(b"", None, 1).map_err(ProjectorError::from)?.is_empty() {
                return Err(ProjectorError::Unresumable("it has rows but no position").into());
            }
            return Ok(Self::fresh(parts)?);
        };
        let found = Meta::from_row(&row).map_err(ProjectorError::from)?;
        let meta = found.ok_or(ProjectorError::Unresumable("it was made by another version of the fold"))?;
        fits(&*parts.order, &meta)?;
        if meta.policy != parts.policy.to_json() {
            return Err(ProjectorError::Unresumable("the identity policy changed").into());
        }
        let (facts, events) = indexes(&parts.dir)?;
        let mut engine = Self {
            store: parts.store,
            facts,
            events,
            order: parts.order,
            projection: parts.projection,
            fold: Fold::default(),
            number: meta.position.sequence,
            dir: parts.dir,
            list_bytes: parts.list_bytes,
            index_entries: parts.index_entries,
            checkpointed: 0,
        };
        engine.resume(&meta, parts.policy, parts.snapshot)?;
        Ok(engine)
    }

    /// Drops what was folded since the last commit.
    pub(crate) fn reload(&mut self) -> Result<(), ProjectorError> {
        let policy = self.fold.resolver.policy().clone();
        let row = self.store.get(&keys::meta(meta::NAME))?;
        let meta = match row {
            Some(row) => Meta::from_row(&row)?.ok_or(ProjectorError::Unresumable("its position is gone"))?,
            None => Meta { position: Position { sequence: 0, ..self.position() }, ..Meta::default() },
        };
        self.resume(&meta, policy, read_snapshot(&self.dir))
    }

    fn resume(
        &mut self,
        meta: &Meta,
        policy: Policy,
        snapshot: Option<Snapshot>,
    ) -> Result<(), ProjectorError> {
        let snapshot = snapshot.filter(|(records, _, _)| *records <= meta.records);
        let (records, from, resolver) =
            snapshot.unwrap_or_else(|| (0, Position { sequence: 0, ..meta.position }, Resolver::new(policy)));
        let marks =
            [&self.facts, &self.events].map(|i| i.mark().and_then(|m| read_mark(&m)).map_or(0, |m| m.0));
        if marks.iter().any(|m| *m > meta.records) {
            return Err(ProjectorError::Unresumable("its indexes are ahead of it"));
        }
        if marks.iter().any(|m| *m < records) {
            return Err(ProjectorError::Unresumable("its indexes are behind its snapshot"));
        }
        let mut fold = Fold::new(resolver);
        let outcomes = self.outcomes(records, meta.records)?;
        self.replay(&mut fold, from.sequence, &outcomes)?;
        self.versions(&mut fold, records)?;
        fold.resume(meta.records, meta.facts_digest, self.counts()?);
        if fold.digest() != meta.digest {
            return Err(ProjectorError::Unresumable("its digest differs after resuming"));
        }
        self.fold = fold;
        self.number = meta.position.sequence;
        self.checkpointed = records;
        Ok(())
    }

    /// Outcomes of the records in (from, to], as the commits left them; places go into the index on the way.
    fn outcomes(&self, from: u64, to: u64) -> Result<Vec<Outcome>, ProjectorError> {
        let mut all = Vec::new();
        let (mut key, end) = (keys::outcomes(from), keys::outcomes(u64::MAX));
        loop {
            let rows = self.store.scan(&key, Some(&end), CHUNK)?;
            let Some((last, _)) = rows.last() else { break };
            key = [last.as_slice(), &[0]].concat();
            for (_, row) in &rows {
                let mut r = Reader(row);
                for _ in 0..r.count()? {
                    all.push(Outcome::decode(&mut r)?);
                }
                for _ in 0..r.count()? {
                    let fact = FactKey(r.sixteen()?);
                    self.facts.put(fact.0, r.raw(Place::BYTES)?);
                }
            }
        }
        if all.len() as u64 != to - from {
            return Err(ProjectorError::Unresumable("records of its commits are missing"));
        }
        Ok(all)
    }

    fn replay(&self, fold: &mut Fold, from: u64, outcomes: &[Outcome]) -> Result<(), ProjectorError> {
        let records = scan(&*self.order, from + 1);
        let mut read = 0;
        for (record, outcome) in records.zip(outcomes) {
            let record = record?;
            read += 1;
            let Ok(Some(event)) = decode(&record) else { continue };
            self.index_event(event.event.id, event.position)?;
            let replaced = match outcome {
                Outcome::Replaced(position) => self.event_at(*position)?,
                _ => None,
            };
            replay_event(&mut fold.resolver, &event, *outcome, replaced.as_ref());
        }
        if read < outcomes.len() {
            return Err(ProjectorError::Unresumable("the log ends before it"));
        }
        Ok(())
    }

    fn event_at(&self, position: Position) -> Result<Option<RecordedEvent>, ProjectorError> {
        let record = self.order.record_at(log_position(position))?;
        Ok(record.and_then(|r| decode(&r).ok()).flatten())
    }

    /// Versions of customers' last changes since the snapshot, from the change rows.
    fn versions(&self, fold: &mut Fold, since: u64) -> Result<(), ProjectorError> {
        let mut last: HashMap<_, u64> = HashMap::new();
        let (mut key, end) = (keys::change(since + 1, 0), keys::change(u64::MAX, u32::MAX));
        loop {
            let rows = self.store.scan(&key, Some(&end), CHUNK)?;
            let Some((newest, _)) = rows.last() else { break };
            key = [newest.as_slice(), &[0]].concat();
            for (_, row) in &rows {
                let change = Change::from_row(row)?;
                let version = last.entry(change.customer).or_default();
                *version = change.version.max(*version);
            }
        }
        if last.is_empty() {
            return Ok(());
        }
        let all: Vec<_> = fold.resolver.customers_from(0).map(|(_, customer)| customer).collect();
        for customer in all {
            if let Some(version) = fold.resolver.id(customer).and_then(|id| last.get(&id)) {
                fold.resolver.set_version(customer, *version);
            }
        }
        Ok(())
    }

    fn counts(&self) -> Result<Vec<(String, Count)>, ProjectorError> {
        let prefix = keys::meta("channel/");
        let end = keys::meta("channel0");
        let mut out = Vec::new();
        for (key, row) in self.store.scan(&prefix, Some(&end), usize::MAX)? {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            out.push((name, Count::from_row(&row)?));
        }
        Ok(out)
    }
}

/// What the fold did to identities when it folded this event.
fn replay_event(
    resolver: &mut Resolver,
    event: &RecordedEvent,
    outcome: Outcome,
    replaced: Option<&RecordedEvent>,
) {
    if matches!(outcome, Outcome::Own) {
        return;
    }
    // A dead letter for a panic was never folded; one for an unrecognised remainder names nobody.
    if outcome == Outcome::Parked {
        return;
    }
    let ids = ids_of(event, resolver.policy());
    if !ids.is_empty() {
        resolver.note(event);
    }
    if let Some(old) = replaced {
        let old_ids = ids_of(old, resolver.policy());
        resolver.release(&old.event.fact_key(), old.effective_at(), old.event.id);
        resolver.retract(&old_ids, old.effective_at(), old.event.id);
        if old.event.id == event.event.id {
            resolver.take_back(old, old.effective_at());
        }
    }
    if matches!(outcome, Outcome::Folded | Outcome::Replaced(_)) {
        match event.event.body {
            Body::Identity { act } => resolver.act(event, act),
            _ => {
                let born = Contribution::of(&event.event).born();
                resolver.assert(&ids, event.effective_at(), event.event.id, born);
                resolver.bind(event, &ids, born);
            }
        }
    }
    resolver.settle();
}

fn indexes(dir: &Path) -> Result<(Arc<RunIndex>, Arc<RunIndex>), ProjectorError> {
    let facts = RunIndex::open(dir, "facts", Place::BYTES)?;
    let events = RunIndex::open(dir, "events", EVENT_ENTRY)?;
    Ok((Arc::new(facts), Arc::new(events)))
}

/// Log and store must belong together.
pub(crate) fn fits(order: &dyn Order, meta: &Meta) -> Result<(), StartError> {
    let node = order.node().0;
    if meta.position.origin != node {
        return Err(StartError::UnknownOrigin { store: meta.position.origin, log: node });
    }
    let ends = order.ends();
    for Position { origin, sequence } in meta.reach.iter().copied() {
        let end = ends.iter().find(|end| end.origin.0 == origin).map(|end| end.sequence);
        match end {
            None => return Err(StartError::UnknownOrigin { store: origin, log: node }),
            Some(log) if log < sequence => {
                return Err(StartError::LogEndsBeforeStore { store: sequence, log });
            }
            Some(_) => {}
        }
    }
    let number = meta.position.sequence;
    if order.first_number() > number + 1 {
        return Err(StartError::LogHeadGone { start: order.first_number(), needed: number + 1 });
    }
    let failed = |error| StartError::from(ProjectorError::from(error));
    let reach = order.reach(number).map_err(failed)?;
    let reach = reach.iter().map(|p| Position { origin: p.origin.0, sequence: p.sequence });
    let same =
        order.fingerprint(number).map_err(failed)? == meta.order && reach.eq(meta.reach.iter().copied());
    // Versions and places in the feed of changes are numbers of the order they were made under.
    if number > order.last_number() || !same {
        return Err(ProjectorError::Unresumable("the order of its records is another one").into());
    }
    Ok(())
}
