//! Changes for subscribers of the broker: subjects of NATS, a compacted topic of Kafka. Of all nodes that may, one publishes;
//! each message says how far everything was out before it and how far its node had folded. So the next one, wherever it
//! stands, waits until it has folded as much and goes on from there: nothing is left out, and versions rise. What was on its
//! way is published again, under a later version.

mod message;
mod publish;

pub use publish::run;

use std::sync::{Arc, Mutex, PoisonError};
use tributary_eventlog::pipe::Outlet;

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// What changed of whom, and nothing personal.
    Thin,
    /// The customer's view too.
    Full,
}

/// How publishing is going.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether this node publishes; else another one does, or nobody yet.
    pub publishing: bool,
    /// Messages that this node has published since its start.
    pub published: u64,
    /// Why nothing is published at the moment.
    pub error: Option<String>,
}

/// The way out of a node.
pub struct Outputs {
    outlet: Arc<dyn Outlet>,
    content: Content,
    standing: Mutex<Standing>,
}

impl Outputs {
    /// Not begun yet.
    #[must_use]
    pub fn new(outlet: Arc<dyn Outlet>, content: Content) -> Self {
        Self { outlet, content, standing: Mutex::default() }
    }

    /// How it is going.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
