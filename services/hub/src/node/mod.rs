//! What a broker adds to a hub: this node's log goes out, copies of the others' come in, and all of them are folded here.

mod figures;
mod key;
#[cfg(any(feature = "nats", feature = "kafka"))]
mod labels;
mod open;
mod role;
mod run;
mod weave;

pub use figures::Figures;
pub(crate) use key::differs;
pub use key::opened;
pub use open::{bare, check, left, open, pipe};
pub use role::Role;
pub use run::spawn;
pub use weave::{Hurry, Weaver, alone};

use crate::{
    cli::{Exit, Failure},
    config::broker::Ack,
    outputs::{self, Outputs},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use tributary_core::token::IndexKey;
use tributary_eventlog::{
    EventLog, Nothing, Order, Position,
    pipe::{Forwarder, Mirrors, Pipe, PipeError, Progress, Stopped},
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
    /// Keeps the order of all logs; `None` where none are folded here.
    weaver: Option<Arc<Weaver>>,
    /// What goes out beside the log, where this node may publish.
    outputs: Option<Arc<Outputs>>,
    /// The broker was compared with our own log: nothing is appended and nothing sent before.
    compared: watch::Sender<bool>,
    trouble: watch::Sender<Option<Trouble>>,
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

impl Trouble {
    /// Whether it concerns this node's own log, so that nothing may be added to it; what others sent is read later.
    fn is_of_own_log(&self) -> bool {
        self.is_fork() || self.code == "index_key_differs"
    }

    /// Whether the broker holds another history of our log than we do.
    fn is_fork(&self) -> bool {
        ["log_behind_broker", "log_differs_from_broker"].contains(&self.code)
    }
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
    /// Why nothing is copied at the moment, or not all.
    pub copying: Option<Stopped>,
    /// Origins that are folded here.
    pub origins: usize,
    /// How publishing goes, where this node may.
    pub changes: Option<outputs::Standing>,
    /// What somebody has to mend.
    pub trouble: Option<Trouble>,
    /// Whether requests are taken.
    pub compared: bool,
}

impl Standing {
    /// Whether requests are taken, and nothing has to be mended.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.compared
            && self.trouble.is_none()
            && !self.copying.as_ref().is_some_and(|stopped| stopped.is_here)
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

    /// The order of all that is folded here, which is nothing on a node that only takes events.
    #[must_use]
    pub fn order(&self) -> Arc<dyn Order> {
        match &self.weaver {
            Some(weaver) => weaver.order(),
            None => Arc::new(Nothing::of(self.log.origin())),
        }
    }

    /// What goes out beside the log, where this node may publish.
    #[must_use]
    pub fn outputs(&self) -> Option<&Arc<Outputs>> {
        self.outputs.as_ref()
    }

    /// Up to which sequence of this node's log the broker has everything, now and whenever it rises.
    #[must_use]
    pub fn acknowledged_upto(&self) -> watch::Receiver<u64> {
        self.forwarder.acknowledged()
    }

    /// What keeps that order; `None` on a node that only takes events.
    #[must_use]
    pub fn weaver(&self) -> Option<Arc<Weaver>> {
        self.weaver.clone()
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
            if let Some(Trouble { code, detail, remedy }) = self.standing().trouble {
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
        if let Some(trouble) = self.trouble().filter(Trouble::is_of_own_log) {
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
        let (sending, copying) = (self.forwarder.error(), self.mirrors.stopped());
        // A refusal is tried again, and is in the way until then.
        let refused =
            sending.as_ref().filter(|error| matches!(error, PipeError::Refused(_))).map(Trouble::from);
        let refused =
            refused.or_else(|| copying.as_ref().filter(|s| s.code == "broker_refused").map(Trouble::from));
        Standing {
            waiting: self.log.end().saturating_sub(acknowledged),
            spilled: self.spilled.load(Ordering::Relaxed),
            sending: sending.map(|error| error.to_string()),
            copied: self.mirrors.progress(),
            copying,
            origins: self.weaver.as_ref().map_or(0, |weaver| weaver.order().ends().len()),
            changes: self.outputs.as_ref().map(|outputs| outputs.standing()),
            trouble: self.trouble().or(refused),
            compared: *self.compared.borrow(),
        }
    }

    /// Waits until this node's log was compared with what the broker holds of it, however long that takes.
    pub async fn until_compared(&self) {
        // The sender lives as long as the node.
        let _ = self.compared.subscribe().wait_for(|compared| *compared).await;
    }

    /// The ends of all logs that are here, also of those that have no number yet.
    #[must_use]
    pub fn ends(&self) -> Vec<Position> {
        let copies = self.mirrors.logs().into_values().chain([Arc::clone(&self.log)]);
        copies.map(|log| Position { origin: log.origin(), sequence: log.end() }).collect()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// What somebody has to mend first. What concerns our own log stays, whatever else comes.
    fn set_trouble(&self, now: Trouble) {
        self.trouble.send_modify(|trouble| {
            if !trouble.as_ref().is_some_and(Trouble::is_of_own_log) {
                *trouble = Some(now);
            }
        });
    }

    /// Waits until our own log must not be sent any more.
    async fn until_forked(&self) {
        let mut trouble = self.trouble.subscribe();
        let _ = trouble.wait_for(|trouble| trouble.as_ref().is_some_and(Trouble::is_fork)).await;
    }

    /// Closes the copies.
    pub fn close(&self) {
        self.mirrors.logs().values().for_each(|log| log.close());
    }
}
