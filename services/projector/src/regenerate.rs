//! Generations: opening the live one, folding a new one beside it and putting it in its place, and folding identities alone
//! to see what another policy would do.

use crate::{
    checkpoint,
    engine::{Engine, Work},
    error::{ProjectorError, StartError},
    handle::{BATCH_RECORDS, Options, Shared, Status, lock},
    meta::{self, Meta},
    read::View,
    rebuild::{Progress, RebuildReport},
    recover::Parts,
    store::{SledOptions, StoreError, ViewStore, generation::Generations, open_or_move_aside},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread,
    time::Instant,
};
use tributary_core::{
    body::Body,
    fold::rows::keys,
    identity::{Resolver, policy::Policy},
};
use tributary_eventlog::{Order, ReadError, ReadLimits, Record, scan};

/// The policy that the options give; else the newest that the log states, if an operator applied it; else the default one.
fn policy_in_force(
    options: &Options,
    order: &dyn Order,
    store: &dyn ViewStore,
) -> Result<Policy, ProjectorError> {
    if let Some(policy) = &options.policy {
        return Ok(policy.clone());
    }
    let row = store.get(&keys::meta(meta::NAME))?;
    // A store that another release made, or a damaged one, is folded again: then all of the log is looked through.
    let found = row.and_then(|row| Meta::from_row(&row).ok().flatten());
    let from = found.as_ref().map_or(order.first_number(), |meta| meta.position.sequence + 1);
    let stored = found.and_then(|meta| Policy::from_json(&meta.policy).ok());
    let stated = stated_last(order, from, stored)?;
    Ok(stated.filter(|policy| policy.applied).unwrap_or_else(|| options.default_policy.clone()))
}

/// The policy that the log states last by revision, as the fold decides. Up to `from` everything was folded, and `stored` then
/// in force; what another node stated may have come behind that and be older.
fn stated_last(
    order: &dyn Order,
    from: u64,
    stored: Option<Policy>,
) -> Result<Option<Policy>, ProjectorError> {
    let first = order.first_number();
    let newest = match newest_policy(order, from)? {
        None => return Ok(stored),
        // Which revision the stored one had is not kept, so all are looked at: policies seldom change.
        Some(_) if stored.is_some() && from > first => newest_policy(order, first)?,
        newest => newest,
    };
    Ok(newest.map(|(_, policy)| policy))
}

/// The newest policy that a record from `from` on states, and its revision. Reads all of them.
///
/// # Errors
/// Where they cannot be read.
pub fn newest_policy(order: &dyn Order, from: u64) -> Result<Option<(u64, Policy)>, ProjectorError> {
    let mut newest: Option<(u64, Policy)> = None;
    for record in scan(order, from) {
        let record = record?;
        if record.attributes.get("type") != Some(Body::POLICY_TYPE) {
            continue;
        }
        let Ok(Some(event)) = crate::decode::decode(&record) else { continue };
        if let Body::Policy { policy } = &event.event.body
            && newest.as_ref().is_none_or(|(revision, _)| *revision < event.event.revision)
        {
            match Policy::from_json(policy) {
                Ok(policy) => newest = Some((event.event.revision, policy)),
                Err(error) => tracing::error!(error, "the log states a policy that cannot be read"),
            }
        }
    }
    Ok(newest)
}

/// The live generation, folded again if it cannot be resumed.
pub(crate) fn open_live(
    options: &Options,
    order: &Arc<dyn Order>,
    generations: &Generations,
    progress: &Progress,
    status: &mut Status,
) -> Result<Engine, StartError> {
    let number = match generations.live()? {
        Some(number) => number,
        None => {
            let number = generations.create_next()?;
            generations.swap(number)?;
            number
        }
    };
    generations.remove_stale(None)?;
    let dir = generations.path(number);
    // Both take long where there are many customers.
    let (opened, snapshot) = thread::scope(|scope| {
        let reading = scope.spawn(|| checkpoint::read_snapshot(&dir));
        let opened = open_store(&dir, options);
        (opened, reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (store, moved) = opened.map_err(ProjectorError::from)?;
    let policy = policy_in_force(options, &**order, &*store)?;
    if let Some(moved) = moved {
        drop(snapshot);
        let moved = keep_aside(moved, &options.dir);
        tracing::error!(store.moved_to = %moved.display(), "the store would not open; it was moved aside and is folded again");
        status.moved_aside = Some(moved);
    } else {
        match Engine::open(Parts { snapshot, ..parts(options, order, store, &dir, &policy) }) {
            Ok(engine) => return Ok(engine),
            Err(StartError::Run(error)) if error.needs_rebuild() => {
                tracing::error!(error = %error, "the store cannot be resumed; it is folded again");
            }
            Err(error) => return Err(error),
        }
    }
    if order.first_number() > 1 {
        return Err(StartError::LogHeadGone { start: order.first_number(), needed: 1 });
    }
    let (engine, number) = build(options, order, generations, &policy, progress)?;
    generations.swap(number)?;
    generations.remove_stale(None)?;
    Ok(engine)
}

/// A store that would not open lies in a generation's folder, which goes with the generation: it is kept beside them.
fn keep_aside(moved: PathBuf, root: &Path) -> PathBuf {
    let names = moved.parent().and_then(Path::file_name).zip(moved.file_name());
    let Some((generation, store)) = names else { return moved };
    let kept = root.join(format!("{}-{}", generation.to_string_lossy(), store.to_string_lossy()));
    match std::fs::rename(&moved, &kept) {
        Ok(()) => kept,
        Err(error) => {
            tracing::warn!(error = %error, "the store that would not open cannot be kept");
            moved
        }
    }
}

fn open_store(dir: &Path, options: &Options) -> Result<(Arc<dyn ViewStore>, Option<PathBuf>), StoreError> {
    if let Some(open) = &options.store {
        return open(&dir.join("sled"));
    }
    let sled = SledOptions { cache_bytes: options.cache_bytes, ..SledOptions::default() };
    let (store, moved) = open_or_move_aside(&dir.join("sled"), sled)?;
    Ok((Arc::new(store), moved))
}

fn parts(
    options: &Options,
    order: &Arc<dyn Order>,
    store: Arc<dyn ViewStore>,
    dir: &Path,
    policy: &Policy,
) -> Parts {
    Parts {
        store,
        order: Arc::clone(order),
        projection: Arc::clone(&options.projection),
        policy: policy.clone(),
        dir: dir.to_owned(),
        list_bytes: options.rebuild_bytes,
        index_entries: options.rebuild_entries,
        snapshot: None,
    }
}

/// A new generation with the whole log in it.
fn build(
    options: &Options,
    order: &Arc<dyn Order>,
    generations: &Generations,
    policy: &Policy,
    progress: &Progress,
) -> Result<(Engine, u64), ProjectorError> {
    let number = std::cell::Cell::new(0);
    let make = || {
        // What an attempt before this one left is worth nothing, and may have filled the disk.
        generations.remove_stale(None).map_err(std::io::Error::other)?;
        let next = generations.create_next().map_err(std::io::Error::other)?;
        number.set(next);
        let dir = generations.path(next);
        let (store, _) = open_store(&dir, options)?;
        Ok(parts(options, order, store, &dir, policy))
    };
    match Engine::rebuild(&make, progress) {
        Ok(engine) => Ok((engine, number.get())),
        Err(error) => {
            if let Err(left) = generations.remove_stale(None) {
                tracing::warn!(error = %left, "an unfinished generation could not be removed");
            }
            Err(error)
        }
    }
}

/// Folds what the log holds up to this record; nothing if the engine is there.
fn fold_upto(engine: &mut Engine, number: u64) -> Result<(), ProjectorError> {
    while engine.number < number {
        let left = usize::try_from(number - engine.number).unwrap_or(usize::MAX);
        let limits = ReadLimits { max_records: left.min(BATCH_RECORDS), ..ReadLimits::default() };
        let next = engine.number + 1;
        let records = engine.order.read_numbers(next, limits)?;
        engine.fold_records(next, &records.iter().map(Work::of).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// While it lives, a rebuild is shown; also one that panics ends.
struct Shown<'a>(&'a Mutex<Status>);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        lock(self.0).rebuilding = false;
    }
}

impl Shared {
    pub fn rebuild(&self) -> Result<RebuildReport, ProjectorError> {
        let _one = lock(&self.rebuilding);
        let policy = lock(&self.policy).clone();
        self.regenerate(&policy)
    }

    pub fn adopt(&self, policy: Policy) -> Result<RebuildReport, ProjectorError> {
        let _one = lock(&self.rebuilding);
        lock(&self.policy).clone_from(&policy);
        self.regenerate(&policy)
    }

    /// Identities resolved once more beside the live ones, under this policy (the one in force where none is given) and with
    /// `more` behind what is folded.
    pub fn preview<R>(
        &self,
        (order, policy): (&Arc<dyn Order>, Option<&Policy>),
        more: &mut dyn Iterator<Item = Result<Record, ReadError>>,
        tell: impl FnOnce(View<'_>, &Resolver) -> R,
    ) -> Result<R, ProjectorError> {
        let _one = lock(&self.rebuilding);
        let policy = &policy.cloned().unwrap_or_else(|| lock(&self.policy).clone());
        let number = self.generations.create_next().map_err(std::io::Error::other)?;
        let dir = self.generations.path(number);
        let make = || {
            let store = Arc::new(crate::store::MemoryStore::default());
            Ok(parts(&self.options, order, store, &dir, policy))
        };
        let told = Engine::resolve(&make, &self.progress).and_then(|mut planned| {
            let now = *self.position.borrow();
            planned.resolve_upto(now)?;
            planned.resolve_more(more)?;
            // As long as this look is held, the live one stays where it is.
            let live = self.engine.read().unwrap_or_else(PoisonError::into_inner);
            planned.resolve_upto(live.number)?;
            Ok(tell(View { engine: &live }, &planned.fold.resolver))
        });
        self.generations.remove_stale(None).map_err(std::io::Error::other)?;
        told
    }

    fn regenerate(&self, policy: &Policy) -> Result<RebuildReport, ProjectorError> {
        let started = Instant::now();
        lock(&self.status).rebuilding = true;
        let _shown = Shown(&self.status);
        let built = build(&self.options, &self.order, &self.generations, policy, &self.progress);
        let report = built.and_then(|(engine, number)| self.swap(engine, number, started));
        if let Ok(report) = &report {
            lock(&self.status).last_rebuild = Some(report.clone());
        }
        report
    }

    /// Brings the new generation to exactly where the live one is, compares, and puts it in its place.
    fn swap(&self, mut new: Engine, number: u64, started: Instant) -> Result<RebuildReport, ProjectorError> {
        let mut live = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        let upto = new.number.max(live.number);
        fold_upto(&mut new, upto)?;
        fold_upto(&mut live, upto)?;
        let same_policy = new.fold.resolver.policy() == live.fold.resolver.policy();
        let report = RebuildReport {
            records: new.fold.records,
            digest: new.fold.digest(),
            old_digest: Some(live.fold.digest()),
            same_policy,
            millis: started.elapsed().as_millis() as u64,
        };
        if same_policy && report.old_digest != Some(report.digest) {
            tracing::error!("the rebuilt store differs from the live one; the rebuilt one is used");
        }
        self.generations.swap(number).map_err(std::io::Error::other)?;
        *live = new;
        drop(live);
        self.generations.remove_stale(None).map_err(std::io::Error::other)?;
        Ok(report)
    }

    /// Views far behind a long log are folded again in bulk: as a rebuild does it, each record takes a fraction of the time.
    /// `false` if that failed; it is not tried again then.
    pub fn catch_up_in_bulk(&self) -> bool {
        let (folded, end) = (*self.position.borrow(), self.order.last_number());
        let behind = end.saturating_sub(folded);
        if behind == 0 || behind < self.options.bulk_from.max(folded / 2) {
            return true;
        }
        lock(&self.status).rebuilding = true;
        let _shown = Shown(&self.status);
        tracing::info!(folded, records = end, "the views are far behind the log; it is folded in bulk");
        match self.replace() {
            Err(error) if !self.progress.cancel.load(Ordering::Relaxed) => {
                tracing::error!(error = %error, "the log could not be folded in bulk; it is folded batch by batch");
                false
            }
            // A start after this stop begins anew.
            Ok(()) | Err(_) => true,
        }
    }

    /// Folds again without looking at the live generation, which cannot be trusted.
    pub fn replace(&self) -> Result<(), ProjectorError> {
        let _one = lock(&self.rebuilding);
        let policy = lock(&self.policy).clone();
        let (engine, number) = build(&self.options, &self.order, &self.generations, &policy, &self.progress)?;
        let mut live = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        self.generations.swap(number).map_err(std::io::Error::other)?;
        let now = engine.number;
        *live = engine;
        drop(live);
        self.position.send_replace(now);
        self.generations.remove_stale(None).map_err(std::io::Error::other)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_core::{event::Event, ids::EventId, time::Micros, wire};
    use tributary_eventlog::{EventLog as _, ManualClock, MemoryLog, NewRecord, Origin};

    fn stating(policy: &Policy, revision: u64) -> NewRecord {
        let body = Body::Policy { policy: policy.to_json() };
        let (kind, account, key) = ("console".to_owned(), String::new(), "policy".to_owned());
        let id = EventId::derive(&kind, &account, &key, revision, 0);
        let event = Event {
            id,
            channel: "console".to_owned(),
            kind,
            account,
            key,
            revision,
            generation: 0,
            occurred_at: Micros(0),
            identifiers: Vec::new(),
            sealed: Vec::new(),
            body,
            normaliser: 0,
            flags: 0,
            actor: String::new(),
            store: String::new(),
            brand: String::new(),
            profile_source: Default::default(),
        };
        let attributes = [("type", Body::POLICY_TYPE)].into();
        NewRecord { id: id.0, attributes, payload: wire::encode(&event).into() }
    }

    #[test]
    fn the_newest_policy_by_revision_counts_wherever_it_stands() {
        let policy = |fanout_cap| Policy { applied: true, fanout_cap, ..Policy::default() };
        let (older, newer, newest) = (policy(3), policy(4), policy(5));
        let log = MemoryLog::new(Origin(1), Arc::new(ManualClock::new(1)));
        let append = |records| log.append_blocking(records).expect("appended");
        append(vec![stating(&newer, 20)]);
        let last = |from| stated_last(&log, from, Some(newer.clone())).expect("it reads");
        assert_eq!(last(3), Some(newer.clone()), "nothing came");
        append(vec![stating(&older, 10)]);
        assert_eq!(last(3), Some(newer.clone()), "what came is older");
        append(vec![stating(&newest, 30)]);
        assert_eq!(last(3), Some(newest.clone()));
        assert_eq!(stated_last(&log, 1, None).expect("it reads"), Some(newest));
    }
}
