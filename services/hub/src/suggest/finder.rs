//! The thread that feeds, and what requests ask of it.

use super::{
    book::{Alike, Book, Key},
    feed::{Feed, Step},
};
use crate::hub::Hub;
use serde::Serialize;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tributary_core::{codec::BadRow, ids::CustomerId, suggest::threshold_for};
use tributary_projector::View;

/// Records not folded from which the projector is taken to be busy: more than it folds at once.
const BUSY: u64 = 1_024;
/// Rest after a step, in multiples of the time that it took: half of one core, or a tenth while the projector is busy.
const REST: u32 = 1;
/// See [`REST`].
const REST_WHILE_BUSY: u32 = 9;
/// Rest after an error: the projector folds again meanwhile.
const REST_AFTER_ERROR: Duration = Duration::from_secs(5);
/// Longest rest, so that one slow step is not paid for with minutes.
const REST_MAX: Duration = Duration::from_millis(500);
/// The lowest priority that the system knows: whoever else has work goes first.
const NICENESS: i32 = 19;

/// How the finder is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Customers are being read for the first time: there may be more suggestions.
    Reading,
    /// All customers are in; changes are followed.
    Following,
    /// The same, but without the customers that found no room.
    Full,
}

/// The finder as requests see it.
pub struct Finder {
    book: RwLock<Book>,
    max: usize,
    /// Sequence up to which everything has been taken; `None` before all customers have been read once.
    taken: watch::Sender<Option<u64>>,
    full: AtomicBool,
}

impl Finder {
    /// A finder that holds `max` customers at most; nothing feeds it yet.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let book = RwLock::new(Book::new(threshold_for(0), max));
        Self { book, max, taken: watch::Sender::new(None), full: AtomicBool::new(false) }
    }

    /// How it is doing.
    #[must_use]
    pub fn state(&self) -> State {
        match (*self.taken.borrow(), self.full.load(Ordering::Relaxed)) {
            (_, true) => State::Full,
            (None, false) => State::Reading,
            (Some(_), false) => State::Following,
        }
    }

    /// Customers compared, and the most that can be.
    #[must_use]
    pub fn customers(&self) -> (usize, usize) {
        (self.look(Book::len), self.max)
    }

    /// Number of suggestions without those among `apart`.
    #[must_use]
    pub fn open_without(&self, apart: &[(CustomerId, CustomerId)]) -> usize {
        self.look(|book| book.open() - apart.iter().filter(|(a, b)| book.has(*a, *b)).count())
    }

    /// Everything up to this number has been taken; `None` before all customers have been read once.
    #[must_use]
    pub fn taken(&self) -> Option<u64> {
        *self.taken.borrow()
    }

    /// Waits until everything up to this number has been taken; `false` if it takes longer than `patience`.
    pub async fn wait_for(&self, number: u64, patience: Duration) -> bool {
        let mut taken = self.taken.subscribe();
        let wait = taken.wait_for(|now| now.is_some_and(|now| now >= number));
        matches!(tokio::time::timeout(patience, wait).await, Ok(Ok(_)))
    }

    /// The suggestions after `after`, at most `limit`, the highest score first.
    #[must_use]
    pub fn page(&self, after: Option<Key>, limit: usize) -> Vec<Alike> {
        self.look(|book| book.page(after, limit))
    }

    /// The suggestions about one customer, the highest score first.
    #[must_use]
    pub fn of(&self, id: CustomerId) -> Vec<Alike> {
        self.look(|book| book.of(id))
    }

    fn look<R>(&self, f: impl FnOnce(&Book) -> R) -> R {
        f(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a suggestion still stands: both customers are as they were told, and no operator set them apart. The finder may
/// be behind the views; nobody is to be told what was decided already.
#[must_use]
pub fn stands(look: &View<'_>, alike: &Alike) -> bool {
    let resolver = &look.engine().fold().resolver;
    let now = |at: usize| resolver.customer_of(alike.tokens[at]);
    let (Some(a), Some(b)) = (now(0), now(1)) else { return false };
    let same = resolver.id(a) == Some(alike.customers[0]) && resolver.id(b) == Some(alike.customers[1]);
    same && !resolver.set_apart(a, b)
}

/// All pairs that operators set apart, by today's ids.
#[must_use]
pub fn all_apart(look: &View<'_>) -> Vec<(CustomerId, CustomerId)> {
    let resolver = &look.engine().fold().resolver;
    let ids = resolver.all_apart().into_iter().map(|(a, b)| resolver.id(a).zip(resolver.id(b)));
    ids.flatten().collect()
}

/// Starts the thread that feeds the hub's finder, if it has one. It ends within a step after `stopped`.
///
/// # Errors
/// Where the system gives no thread.
pub fn spawn(hub: &Arc<Hub>, stopped: watch::Receiver<bool>) -> std::io::Result<Option<JoinHandle<()>>> {
    let Some(finder) = hub.finder.clone() else { return Ok(None) };
    let hub = Arc::clone(hub);
    let run = move || feed(&hub, &finder, stopped);
    Builder::new().name("suggestions".into()).spawn(run).map(Some)
}

fn feed(hub: &Hub, finder: &Finder, mut stopped: watch::Receiver<bool>) {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICENESS) {
        tracing::warn!(error = %error, "the finder's priority stays as it is");
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        tracing::error!("no timer for the finder's thread: nothing is suggested");
        return;
    };
    let mut folded = hub.projector().subscribe();
    let mut feed = Feed::new(hub.config.hub.default_region, finder.max);
    while !*stopped.borrow() {
        let begun = Instant::now();
        let position = *folded.borrow_and_update();
        let stepped = catch_unwind(AssertUnwindSafe(|| feed.step(hub.projector(), &finder.book)));
        let step = stepped.unwrap_or_else(|_| {
            // What it was doing may be half done: everything is read anew.
            tracing::error!("the finder panicked and begins anew");
            feed = Feed::new(hub.config.hub.default_region, finder.max);
            Err(BadRow)
        });
        tell(hub, finder, &feed);
        let busy = hub.order.last_number().saturating_sub(position) > BUSY;
        let rest = match step {
            Ok(_) => (begun.elapsed() * if busy { REST_WHILE_BUSY } else { REST }).min(REST_MAX),
            Err(_) => REST_AFTER_ERROR,
        };
        let idle = step == Ok(Step::Done);
        runtime.block_on(async {
            tokio::select! {
                _ = stopped.wait_for(|s| *s) => {}
                () = tokio::time::sleep(rest), if !idle => {}
                _ = folded.changed(), if idle => {}
            }
        });
    }
}

/// Tells requests how far the feeding is.
fn tell(hub: &Hub, finder: &Finder, feed: &Feed) {
    if feed.full() && !finder.full.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            suggestions.max_customers = finder.max,
            "no more customers are compared for suggestions; raise [suggestions] max_customers if there is memory for more"
        );
    }
    finder.full.store(feed.full(), Ordering::Relaxed);
    let now = feed.taken().and_then(|cursor| hub.covered(cursor).ok());
    finder.taken.send_if_modified(|taken| {
        // Between two pages of changes the last position stands; while everything is read anew there is none.
        let next = if feed.follows() { now.or(*taken) } else { None };
        std::mem::replace(taken, next) != next
    });
}
