//! What a broker adds to a hub: this node's log goes out, copies of the others' come in, and all of them are folded here.

mod figures;
mod key;
#[cfg(any(feature = "nats", feature = "kafka"))]
mod labels;
mod open;
mod run;

pub use figures::Figures;
pub(crate) use key::differs;
pub use key::opened;
pub use open::{check, left, open, pipe};
pub use run::spawn;

use crate::{
    cli::{Exit, Failure},
    config::broker::Ack,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use tributary_core::token::IndexKey;
use tributary_eventlog::{
    EventLog, Interleaved, Order,
    pipe::{Forwarder, Mirrors, Pipe, Progress},
};

/// Longest wait for the broker's answer to what is durable here: providers wait for us meanwhile.
const PATIENCE: Duration = Duration::from_millis(800);

/// Between two looks at whether a start can go on.
const LOOK: Duration = Duration::from_millis(20);

/// A node of several.
pub struct Node {
    /// The broker's name.
    pub engine: &'static str,
    ack: Ack,
    key: IndexKey,
    log: Arc<dyn EventLog>,
    pipe: Arc<dyn Pipe>,
    forwarder: Arc<Forwarder>,
    mirrors: Arc<Mirrors>,
    order: Arc<Interleaved>,
    /// The broker was compared with our own log: nothing is appended and nothing sent before.
    compared: watch::Sender<bool>,
    trouble: Mutex<Option<Trouble>>,
    spilled: AtomicU64,
}

/// What somebody has to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Stable name of the cause.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// How a node is doing.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Records of this node that the broker has not acknowledged.
    pub waiting: u64,
    /// Requests that were answered without the broker's acknowledgement.
    pub spilled: u64,
    /// Why nothing is sent at the moment.
    pub sending: Option<String>,
    /// What was copied.
    pub copied: Progress,
    /// Origins that are folded here.
    pub origins: usize,
    /// What somebody has to mend.
    pub trouble: Option<Trouble>,
    /// Whether requests are taken.
    pub compared: bool,
}

impl Standing {
    /// Whether requests are taken, and nothing has to be mended.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.compared && self.trouble.is_none()
    }
}

impl Node {
    /// Waits, with `ack = "broker"`, until the broker has what stands in the log up to this sequence; but not longer than
    /// providers have patience, and not at all while it is known to be away.
    pub async fn acknowledged(&self, sequence: u64) {
        if self.ack == Ack::Local {
            return;
        }
        let mut acknowledged = self.forwarder.acknowledged();
        let has = *acknowledged.borrow() >= sequence;
        if has {
            return;
        }
        if *self.mirrors.caught_up().borrow() && self.forwarder.error().is_none() {
            let wait = acknowledged.wait_for(|upto| *upto >= sequence);
            if let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, wait).await {
                return;
            }
        }
        self.spilled.fetch_add(1, Ordering::Relaxed);
    }

    /// The order of all that is folded here.
    #[must_use]
    pub fn order(&self) -> Arc<dyn Order> {
        Arc::clone(&self.order) as _
    }

    /// Waits until this node's log was compared with what the broker holds of it. A broker that holds very much takes longer
    /// than `patience`: the hub starts then and refuses requests until it is done.
    ///
    /// # Errors
    /// [`Failure`] where the broker holds something that does not fit.
    pub async fn compared(&self, patience: Duration) -> Result<(), Failure> {
        let mut compared = self.compared.subscribe();
        let started = tokio::time::Instant::now();
        while started.elapsed() < patience {
            if let Some(Trouble { code, detail, remedy }) = self.trouble() {
                return Err(Failure::new(Exit::Unreachable, format!("{code}: {detail}")).remedy(remedy));
            }
            let wait = compared.wait_for(|compared| *compared);
            if tokio::time::timeout(LOOK, wait).await.is_ok() {
                return Ok(());
            }
        }
        tracing::warn!(
            "the broker holds much that is not here; nothing is taken until it was looked through"
        );
        Ok(())
    }

    /// Why nothing may be appended at the moment, if so.
    #[must_use]
    pub fn refuses(&self) -> Option<Trouble> {
        // Only what concerns this node's own log is in the way; what others sent is read later.
        let concerns = |trouble: &Trouble| ["log_behind_broker", "index_key_differs"].contains(&trouble.code);
        if let Some(trouble) = self.trouble().filter(concerns) {
            return Some(trouble);
        }
        (!*self.compared.borrow()).then(|| Trouble {
            code: "broker_not_compared",
            detail: "this node's log was not compared with the broker's yet".to_owned(),
            remedy: "send it again; /readyz tells when the node is ready",
        })
    }

    /// How it is doing.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let acknowledged = *self.forwarder.acknowledged().borrow();
        Standing {
            waiting: self.log.end().saturating_sub(acknowledged),
            spilled: self.spilled.load(Ordering::Relaxed),
            sending: self.forwarder.error().map(|error| error.to_string()),
            copied: self.mirrors.progress(),
            origins: self.order.ends().len(),
            trouble: self.trouble(),
            compared: *self.compared.borrow(),
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Closes the copies.
    pub fn close(&self) {
        self.mirrors.logs().values().for_each(|log| log.close());
    }
}
