//! Numbering what is new in the logs of a node, whenever one of them has grown.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tributary_eventlog::{EventLog, Interleaved, Order, OrderError};

/// After an error, until the next try.
const PAUSE: Duration = Duration::from_secs(2);

/// Where several logs grow, another one has its turn so often at most: each turn costs a place in the order's file and a
/// sync. As long as records of one origin stay together anyway. One busy log has its turn all the time.
const TURN: Duration = Duration::from_millis(100);

/// Keeps an order up with its logs.
pub struct Weaver {
    order: Arc<Interleaved>,
    grown: Arc<Notify>,
    hurried: AtomicUsize,
    followers: Mutex<Vec<JoinHandle<()>>>,
}

impl Weaver {
    pub(super) fn new(order: Arc<Interleaved>) -> Self {
        Self { order, grown: Arc::default(), hurried: AtomicUsize::new(0), followers: Mutex::default() }
    }

    /// The order that it keeps up.
    #[must_use]
    pub fn order(&self) -> Arc<dyn Order> {
        Arc::clone(&self.order) as _
    }

    /// From now on this log is numbered too.
    pub(super) fn add(&self, log: Arc<dyn EventLog>) {
        self.order.add(log);
    }

    /// As long as somebody waits for what may have no number yet, no log waits for its turn.
    pub fn hurry(&self) -> Hurry<'_> {
        self.hurried.fetch_add(1, Ordering::Relaxed);
        self.grown.notify_one();
        Hurry(self)
    }

    /// Whenever this log has grown, it is looked at.
    pub(super) fn follow(&self, log: &Arc<dyn EventLog>) {
        self.wake_with(log.subscribe());
    }

    /// Looks whenever this changes.
    pub(super) fn wake_with<T: Send + Sync + 'static>(&self, mut changes: watch::Receiver<T>) {
        let grown = Arc::clone(&self.grown);
        let follower = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                grown.notify_one();
            }
        });
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).push(follower);
    }

    /// Numbers what comes until told to stop. `look` is called before each time.
    pub(super) async fn run(
        &self,
        mut stopped: watch::Receiver<bool>,
        mut look: impl FnMut(),
        tell: impl Fn(&OrderError),
    ) {
        let mut turned = None;
        loop {
            look();
            let (again, is_woken) = match self.step(&mut turned).await {
                Ok(again) => (again, true),
                Err(error) => {
                    tracing::error!(%error, code = error.code(), remedy = error.remedy(), "records wait to be folded");
                    tell(&error);
                    (Some(PAUSE), false)
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = self.grown.notified(), if is_woken => {}
                () = tokio::time::sleep(again.unwrap_or_default()), if again.is_some() => {}
            }
        }
        let followers = std::mem::take(&mut *self.followers.lock().unwrap_or_else(PoisonError::into_inner));
        followers.iter().for_each(JoinHandle::abort);
    }

    /// Numbers what is new, as far as it has its turn; tells after how long the rest has.
    async fn step(&self, turned: &mut Option<Instant>) -> Result<Option<Duration>, OrderError> {
        let left = turned.map_or(Duration::ZERO, |at| TURN.saturating_sub(at.elapsed()));
        let may_turn = left.is_zero() || self.hurried.load(Ordering::Relaxed) > 0;
        let order = Arc::clone(&self.order);
        let woven = tokio::task::spawn_blocking(move || {
            let before = order.changes();
            while (if may_turn { order.weave() } else { order.weave_open() })? > 0 {}
            Ok((order.changes() > before, !may_turn && order.waiting() > 0))
        });
        let woven = woven.await.unwrap_or_else(|panic| Err(OrderError::Io(std::io::Error::other(panic))));
        let (has_turned, waits) = woven?;
        if has_turned {
            *turned = Some(Instant::now());
        }
        Ok(waits.then_some(left))
    }
}

/// Somebody waits.
pub struct Hurry<'a>(&'a Weaver);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.hurried.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps up the order of a hub that was a node of several and has the embedded engine now: its own log alone grows.
#[must_use]
pub fn alone(
    weaver: &Arc<Weaver>,
    log: &Arc<dyn EventLog>,
    stopped: &watch::Receiver<bool>,
) -> JoinHandle<()> {
    let (weaver, log, stopped) = (Arc::clone(weaver), Arc::clone(log), stopped.clone());
    tokio::spawn(async move {
        weaver.follow(&log);
        weaver.run(stopped, || (), |_| ()).await;
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tributary_eventlog::{
        MemoryLog, Origin, SystemClock,
        conformance::record,
        sim::{SimDisk, folder},
    };

    /// Two logs, their order and what keeps it.
    struct World {
        logs: Vec<Arc<dyn EventLog>>,
        weaver: Arc<Weaver>,
        next: u64,
        stop: watch::Sender<bool>,
        running: JoinHandle<()>,
    }

    impl World {
        fn new() -> Self {
            let log = |at| Arc::new(MemoryLog::new(Origin(at), Arc::new(SystemClock))) as Arc<dyn EventLog>;
            let logs = vec![log(1), log(2)];
            let (disk, path) = (SimDisk::new(1), folder().join(Path::new("runs")));
            let order = Interleaved::open(&disk, &path, Arc::clone(&logs[0]), [Arc::clone(&logs[1])]);
            let weaver = Arc::new(Weaver::new(Arc::new(order.expect("an order"))));
            let (stop, stopped) = watch::channel(false);
            let running = {
                let (weaver, logs) = (Arc::clone(&weaver), logs.clone());
                tokio::spawn(async move {
                    logs.iter().for_each(|log| weaver.follow(log));
                    weaver.run(stopped, || (), |error| panic!("{error}")).await;
                })
            };
            Self { logs, weaver, next: 1, stop, running }
        }

        async fn append(&mut self, at: usize) {
            self.logs[at].append(vec![record(self.next, b"x")]).await.expect("appended");
            self.next += 1;
        }

        /// How long it takes until everything has a number.
        async fn numbered(&self) -> Duration {
            let begun = Instant::now();
            while self.weaver.order.waiting() > 0 {
                assert!(begun.elapsed() < Duration::from_secs(10), "it has no number");
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            begun.elapsed()
        }

        async fn stop(self) {
            self.stop.send_replace(true);
            self.running.await.expect("no panic");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_busy_logs_take_turns_and_one_never_waits() {
        let mut world = World::new();
        world.numbered().await;
        let (before, begun) = (world.weaver.order.changes(), Instant::now());
        for turn in 0..200 {
            world.append(turn % 2).await;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        world.numbered().await;
        // In each turn both have news: one goes on, the other follows, at most so many.
        let turns = begun.elapsed().as_millis() as u64 / TURN.as_millis() as u64 + 2;
        let changes = world.weaver.order.changes() - before;
        assert!(changes <= 3 * turns, "{changes} changes in {turns} turns");
        assert!(changes * 3 < 200, "{changes} changes for 200 records");
        tokio::time::sleep(TURN).await;
        world.append(0).await;
        world.numbered().await;
        let before = world.weaver.order.changes();
        for _ in 0..50 {
            world.append(0).await;
            world.numbered().await;
        }
        assert_eq!(world.weaver.order.changes(), before, "one log alone has its turn all the time");
        world.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_waits_does_not_wait_for_a_turn() {
        let mut world = World::new();
        let (mut patient, mut hurried) = (Duration::ZERO, Duration::ZERO);
        for turn in 0..10 {
            world.append(turn % 2).await;
            patient += world.numbered().await;
        }
        for turn in 0..10 {
            world.append(turn % 2).await;
            let weaver = Arc::clone(&world.weaver);
            let _hurry = weaver.hurry();
            hurried += world.numbered().await;
        }
        assert!(patient > 5 * TURN, "nobody is in a hurry, and each waits for its turn: {patient:?}");
        assert!(hurried * 2 < patient, "{hurried:?} and {patient:?}");
        world.stop().await;
    }
}
