//! Numbering what is new in the logs of a node, whenever one of them has grown.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tributary_eventlog::{EventLog, Interleaved, Order, OrderError};

/// After an error, until the next try.
const PAUSE: Duration = Duration::from_secs(2);

/// Keeps an order up with its logs.
pub struct Weaver {
    order: Arc<Interleaved>,
    grown: Arc<Notify>,
    followers: Mutex<Vec<JoinHandle<()>>>,
}

impl Weaver {
    pub(super) fn new(order: Arc<Interleaved>) -> Self {
        Self { order, grown: Arc::default(), followers: Mutex::default() }
    }

    /// The order that it keeps up.
    #[must_use]
    pub fn order(&self) -> Arc<dyn Order> {
        Arc::clone(&self.order) as _
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
        loop {
            look();
            if let Err(error) = self.step().await {
                tracing::error!(%error, code = error.code(), remedy = error.remedy(), "records wait to be folded");
                tell(&error);
                self.grown.notify_one();
                tokio::select! {
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = self.grown.notified() => {}
            }
        }
        let followers = std::mem::take(&mut *self.followers.lock().unwrap_or_else(PoisonError::into_inner));
        followers.iter().for_each(JoinHandle::abort);
    }

    /// Numbers all that is new.
    async fn step(&self) -> Result<(), OrderError> {
        let order = Arc::clone(&self.order);
        let woven = tokio::task::spawn_blocking(move || {
            while order.weave()? > 0 {}
            Ok(())
        });
        woven.await.unwrap_or_else(|panic| Err(OrderError::Io(std::io::Error::other(panic))))
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
