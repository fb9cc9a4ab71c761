//! The alarm for suspicious identifiers: how many there are, and a word in the log for each new one. It looks at what the
//! projection has, so it forgets nothing and repeats itself only after a start.

use crate::hub::Hub;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tributary_core::{codec::BadRow, fold::receipts::SuspiciousDay, ids::CustomerId, token::Token, view};

/// Identifiers looked at in one go, while the projector waits.
const PORTION: usize = 64;
/// Shortest time between two looks.
const REST: Duration = Duration::from_secs(1);
/// The same in multiples of the time that a look took.
const REST_FACTOR: u32 = 20;

/// A suspicious identifier that nobody cleared, without its value.
struct Open {
    token: Token,
    kind: String,
    customer: Option<CustomerId>,
    /// Its newest suspicious day.
    newest: Option<SuspiciousDay>,
}

/// Which identifiers were suspicious at the last look.
pub struct Alarm {
    /// The log's end at the start. What is folded again up to there is no news, and some of it was cleared since.
    start: u64,
    known: Mutex<Option<BTreeSet<Token>>>,
    watching: AtomicBool,
}

impl Alarm {
    /// An alarm of a hub whose log ends with this sequence.
    #[must_use]
    pub fn new(start: u64) -> Self {
        Self { start, known: Mutex::default(), watching: AtomicBool::new(false) }
    }

    /// Whether the first look is over: what becomes suspicious from now on is warned of by itself.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Acquire)
    }

    /// Looks at the views as they are: sets the gauge, and warns of each identifier that was not suspicious at the last look.
    /// Gives the number of suspicious identifiers. Blocks.
    ///
    /// # Errors
    /// [`BadRow`] if they cannot be read.
    pub fn look(&self, hub: &Hub) -> Result<usize, BadRow> {
        // Held all the while: two looks at once would warn twice.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let caught_up = *hub.projector().subscribe().borrow() >= self.start;
        let open = all_open(hub)?;
        hub.metrics.suspicious(open.len());
        if !caught_up {
            return Ok(open.len());
        }
        let now: BTreeSet<Token> = open.iter().map(|one| one.token).collect();
        match &*known {
            Some(known) => open.iter().filter(|one| !known.contains(&one.token)).for_each(warn),
            None if !open.is_empty() => tracing::warn!(
                identity.suspicious = open.len(),
                "there are suspicious identifiers that nobody cleared; see `tributary identity suspicious`"
            ),
            None => {}
        }
        *known = Some(now);
        Ok(open.len())
    }
}

fn warn(one: &Open) {
    let customer = one.customer.map(|id| id.to_string()).unwrap_or_default();
    let newest = one.newest.map_or((String::new(), 0, 0), |of| (of.day.to_string(), of.receipts, of.stores));
    tracing::warn!(
        identifier.kind = one.kind,
        customer.id = customer,
        day = newest.0,
        receipts = newest.1,
        stores = newest.2,
        "an identifier is suspicious: more receipts or stores on a day than one person makes; nothing is derived from \
         what stands with it until it is cleared"
    );
}

/// All suspicious identifiers that nobody cleared, in portions, so that the projector need not wait for all.
fn all_open(hub: &Hub) -> Result<Vec<Open>, BadRow> {
    let (mut open, mut after) = (Vec::new(), None);
    loop {
        let marked = hub.projector().read(|look| {
            let marked = look.marked(after, PORTION)?;
            look.engine().with_sources(|sources, _| {
                for token in &marked {
                    let Some(found) = view::suspicion(sources, *token)?.filter(|s| s.open) else { continue };
                    let resolver = sources.resolver;
                    open.push(Open {
                        token: *token,
                        kind: resolver.kind_of_token(*token).map_or("", |(kind, _)| kind).to_owned(),
                        customer: resolver.customer_of(*token).and_then(|c| resolver.id(c)),
                        newest: found.days.last().copied(),
                    });
                }
                Ok::<_, BadRow>(())
            })?;
            Ok::<_, BadRow>(marked)
        })?;
        if marked.len() < PORTION {
            return Ok(open);
        }
        after = marked.last().copied();
    }
}

/// Looks whenever the projection moved, not all the time.
pub async fn watch(hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let mut folded = hub.projector().subscribe();
    tokio::select! {
        _ = stopped.wait_for(|s| *s) => return,
        reached = folded.wait_for(|position| *position >= hub.alarm.start) => if reached.is_err() { return },
    }
    loop {
        let began = Instant::now();
        let looking = Arc::clone(&hub);
        match tokio::task::spawn_blocking(move || looking.alarm.look(&looking)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(error = %error, "suspicious identifiers cannot be read"),
            Err(error) => tracing::error!(error = %error, "looking for suspicious identifiers panicked"),
        }
        hub.alarm.watching.store(true, Ordering::Release);
        let rest = REST.max(began.elapsed() * REST_FACTOR);
        tokio::select! {
            _ = stopped.wait_for(|s| *s) => return,
            () = tokio::time::sleep(rest) => {}
        }
        tokio::select! {
            _ = stopped.wait_for(|s| *s) => return,
            moved = folded.changed() => if moved.is_err() { return },
        }
    }
}
