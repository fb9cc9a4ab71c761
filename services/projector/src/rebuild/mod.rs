//! Rebuild: the whole log into a new generation. First the log is read and decoded ahead on one thread and folded in bulk
//! on another, which says who is who, what changes, and what becomes of each fact; change rows and dead letters are
//! loaded meanwhile by a third. Then the fragments are built from what became of the facts, on all cores, and each is
//! loaded once. The position is written last, over what was loaded.

mod fragments;
mod lists;

use crate::{
    engine::{Engine, Work, count_rows, dead_rows},
    error::ProjectorError,
    index::RunIndex,
    meta,
    recover::Parts,
    sources::event_entry,
    store::{Commit, Key, Value, ViewStore},
};
use fragments::Built;
use lists::Lists;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};
use tributary_core::fold::{Committed, rows::keys};
use tributary_eventlog::{Order, ReadError, ReadLimits, Record};

/// Records between portions of changes and index entries.
const DRAIN_EVERY: usize = 50_000;
/// Records read at once.
const CHUNK_RECORDS: usize = 4_096;
/// Chunks decoded ahead.
const AHEAD: usize = 4;
/// Portions of changes that wait to be written: more would only be memory.
const BEHIND: usize = 1;

/// How far a rebuild has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records folded.
    pub done: AtomicU64,
    /// Records in the log when last looked.
    pub total: AtomicU64,
    /// Set to give up.
    pub cancel: AtomicBool,
}

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Records folded.
    pub records: u64,
    /// Digest of the new generation.
    pub digest: u128,
    /// Digest of the old one at the same position; `None` if there was none.
    pub old_digest: Option<u128>,
    /// Both were folded under the same policy, so that their digests must be equal.
    pub same_policy: bool,
    /// Milliseconds it took.
    pub millis: u64,
}

impl Engine {
    /// A new engine over an empty store, with the whole log folded up to its end as of now.
    ///
    /// # Errors
    /// [`ProjectorError`]; the generation is then worth nothing.
    pub(crate) fn rebuild(
        make: &dyn Fn() -> Result<Parts, ProjectorError>,
        progress: &Progress,
    ) -> Result<Self, ProjectorError> {
        Self::fold_again(make, progress, Self::fold_log)
    }

    /// The same with identities only: no fragment is built, nothing is written. For [`Engine::resolve_upto`] and reading.
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub(crate) fn resolve(
        make: &dyn Fn() -> Result<Parts, ProjectorError>,
        progress: &Progress,
    ) -> Result<Self, ProjectorError> {
        Self::fold_again(make, progress, |engine, culprits, progress| {
            engine.decide(culprits, progress, false).map(|_| None)
        })
    }

    /// Goes on with identities only, up to this record. Its folder is read for as long, so it must still be there.
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub(crate) fn resolve_upto(&mut self, number: u64) -> Result<(), ProjectorError> {
        while self.number < number {
            let upto = (number - self.number) as usize;
            let limits = ReadLimits { max_records: upto.min(CHUNK_RECORDS), ..ReadLimits::default() };
            for record in &self.order.read_numbers(self.number + 1, limits)? {
                self.fold_item(&Work::of(record))?;
            }
            let drained = self.drain_bulk();
            self.behind(false).write(&drained)?;
            self.fold.bulk().into_iter().for_each(tributary_core::fold::bulk::Bulk::clear);
        }
        Ok(())
    }

    /// Goes on with identities of these records, which stand nowhere yet, and comes back to where it was.
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub(crate) fn resolve_more(
        &mut self,
        more: &mut dyn Iterator<Item = Result<Record, ReadError>>,
    ) -> Result<(), ProjectorError> {
        let before = self.number;
        loop {
            let mut count = 0;
            for record in (&mut *more).take(CHUNK_RECORDS) {
                self.fold_item(&Work::of(&record?))?;
                count += 1;
            }
            if count == 0 {
                break;
            }
            let drained = self.drain_bulk();
            self.behind(false).write(&drained)?;
            self.fold.bulk().into_iter().for_each(tributary_core::fold::bulk::Bulk::clear);
        }
        self.number = before;
        Ok(())
    }

    fn fold_again(
        make: &dyn Fn() -> Result<Parts, ProjectorError>,
        progress: &Progress,
        fold: impl Fn(&mut Self, &BTreeSet<u64>, &Progress) -> Result<Option<u64>, ProjectorError>,
    ) -> Result<Self, ProjectorError> {
        let mut culprits = BTreeSet::new();
        loop {
            let mut engine = Self::fresh(make()?)?;
            match fold(&mut engine, &culprits, progress) {
                Ok(None) => return Ok(engine),
                // A culprit that is none, or that was parked already, would come again for ever.
                Ok(Some(culprit)) if culprit == 0 || !culprits.insert(culprit) => {
                    return Err(ProjectorError::Panicked);
                }
                Ok(Some(_)) => {}
                // The fold's memory cannot be trusted after a panic: from the start again, with the culprit parked.
                Err(ProjectorError::Panicked) => {
                    culprits.insert(engine.number + 1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the number of an event whose fact cannot be put into its fragment, if there is one.
    fn fold_log(
        &mut self,
        culprits: &BTreeSet<u64>,
        progress: &Progress,
    ) -> Result<Option<u64>, ProjectorError> {
        let lists = self.decide(culprits, progress, true)?;
        let rest = self.drain_bulk();
        self.behind(true).write(&rest)?;
        let bulk = self.fold.take_bulk();
        match fragments::build(&bulk, &lists, &self.fold.resolver, self.rows(), &progress.cancel)? {
            Built::Culprit(number) => return Ok(Some(number)),
            Built::All(digest) => self.fold.built(digest),
        }
        self.store.loaded()?;
        let mut last: Vec<_> = count_rows(&rest).collect();
        last.push((keys::meta(meta::NAME), Some(self.meta()?.to_row())));
        self.store.commit(Commit { groups: Vec::new(), last })?;
        self.checkpoint()?;
        Ok(None)
    }

    /// Folds the log in bulk; gives the lists that did not stay in memory. `keep` says whether changes are written.
    fn decide(
        &mut self,
        culprits: &BTreeSet<u64>,
        progress: &Progress,
        keep: bool,
    ) -> Result<Lists, ProjectorError> {
        let (send, receive) = sync_channel::<Result<Vec<Work>, ReadError>>(AHEAD);
        let (give_back, done) = channel();
        let order = Arc::clone(&self.order);
        let end = order.last_number();
        progress.total.store(end, Ordering::Relaxed);
        progress.done.store(0, Ordering::Relaxed);
        let (write, writes) = sync_channel::<Committed>(BEHIND);
        let behind = self.behind(keep);
        let mut lists = Lists::new(&self.dir, self.list_bytes);
        self.fold.begin_bulk();
        let expected = usize::try_from(end).unwrap_or(usize::MAX).min(self.index_entries);
        [&self.facts, &self.events].iter().for_each(|index| index.reserve(expected));
        let chunk = CHUNK_RECORDS.min(self.index_entries);
        thread::scope(|scope| {
            named("rebuild-reader")
                .spawn_scoped(scope, move || read_ahead(&*order, end, chunk, &send, &done))?;
            let write_behind = move || writes.into_iter().try_for_each(|drained| behind.write(&drained));
            let writer = named("rebuild-writer").spawn_scoped(scope, write_behind)?;
            // Dropping the receiver on the way out ends the reader, dropping the sender the writer.
            let chunks = Chunks { receive, give_back };
            let folded = self.fold_all(chunks, culprits, progress, &write, keep.then_some(&mut lists));
            drop(write);
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // If the writer failed, folding ended because of that.
            written.and(folded)
        })?;
        Ok(lists)
    }

    fn fold_all(
        &mut self,
        chunks: Chunks,
        culprits: &BTreeSet<u64>,
        progress: &Progress,
        write: &SyncSender<Committed>,
        mut lists: Option<&mut Lists>,
    ) -> Result<(), ProjectorError> {
        let mut since = 0;
        for chunk in chunks.receive {
            let chunk = chunk?;
            for item in &chunk {
                if culprits.contains(&(self.number + 1)) {
                    self.park_panicked(item);
                } else {
                    self.fold_item(item)?;
                }
            }
            since += chunk.len();
            // Whoever made it frees it at less cost; if the reader has ended, it goes here.
            let _ = chunks.give_back.send(chunk);
            progress.done.store(self.number, Ordering::Relaxed);
            if since >= DRAIN_EVERY.min(self.index_entries) {
                since = 0;
                if write.send(self.drain_bulk()).is_err() {
                    return Err(ProjectorError::Unresumable("its changes could not be written"));
                }
            }
            match (self.fold.bulk(), &mut lists) {
                (Some(bulk), Some(lists)) => lists.spill(bulk)?,
                // Nobody will build fragments; what is asked for again is in the log.
                (Some(bulk), None) => bulk.clear(),
                (None, _) => {}
            }
            if progress.cancel.load(Ordering::Relaxed) {
                return Err(ProjectorError::Unresumable("the rebuild was cancelled"));
            }
        }
        Ok(())
    }

    /// What has to be written besides fragments. The fact index, which the fold asks, has its part then.
    fn drain_bulk(&mut self) -> Committed {
        let drained = self.fold.drain();
        self.index_places(&drained);
        drained
    }

    fn behind(&self, keep: bool) -> Behind {
        let (facts, events) = (Arc::clone(&self.facts), Arc::clone(&self.events));
        let index_entries = self.index_entries;
        Behind { store: Arc::clone(&self.store), facts, events, index_entries, keep }
    }
}

/// Decoded chunks of the log, and the way back for those that were folded.
struct Chunks {
    receive: Receiver<Result<Vec<Work>, ReadError>>,
    give_back: Sender<Vec<Work>>,
}

/// What is written while the fold goes on.
struct Behind {
    store: Arc<dyn ViewStore>,
    facts: Arc<RunIndex>,
    events: Arc<RunIndex>,
    index_entries: usize,
    /// Changes and dead letters are wanted.
    keep: bool,
}

impl Behind {
    /// Writes what was drained, and the indexes where they have outgrown memory.
    fn write(&self, drained: &Committed) -> Result<(), ProjectorError> {
        for (event, position) in &drained.events {
            self.events.put_new(event.0, &event_entry(*position))?;
        }
        if self.keep {
            self.store.load(rows_of(drained))?;
        }
        for index in [&self.facts, &self.events] {
            if index.len_memory() > self.index_entries {
                index.checkpoint(&[0])?;
            }
        }
        Ok(())
    }
}

/// Changes and dead letters; counters change until the end and are written then.
fn rows_of(drained: &Committed) -> Vec<(Key, Value)> {
    let changes = drained.change_rows().into_iter().filter_map(|(key, row)| Some((key, row?)));
    changes.chain(dead_rows(drained)).collect()
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

fn read_ahead(
    order: &dyn Order,
    end: u64,
    max_records: usize,
    send: &SyncSender<Result<Vec<Work>, ReadError>>,
    done: &Receiver<Vec<Work>>,
) {
    let mut next = order.first_number();
    while next <= end {
        done.try_iter().for_each(drop);
        let chunk = order.read_numbers(next, ReadLimits { max_records, ..ReadLimits::default() });
        let failed = chunk.is_err();
        let work = chunk.map(|records| {
            next = if records.is_empty() { u64::MAX } else { next + records.len() as u64 };
            records.iter().map(Work::of).collect()
        });
        if send.send(work).is_err() || failed {
            return;
        }
    }
}
