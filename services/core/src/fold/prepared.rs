//! What folding an event needs that follows from the event alone, so that another thread can work it out ahead.

use super::contribution::Contribution;
use crate::{event::Event, ids::FactKey};

/// An event's fact key and what it gives.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Hash of its fact's key.
    pub key: FactKey,
    /// What it gives.
    pub contribution: Contribution,
    /// The row form of that.
    pub gives: Box<[u8]>,
}

impl Prepared {
    /// Of this event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let contribution = Contribution::of(event);
        Self { key: event.fact_key(), gives: contribution.encode(), contribution }
    }
}
