//! Pipes between segment folders on several machines: a broker carries records from the log that made them durable to copies
//! of that log elsewhere. Positions, ids and stamps are the records' own; the broker's numbers are the pipe's private
//! bookkeeping and appear in nothing that lasts but a [`Place`].
//!
//! A pipe may bring a record twice, and the newest few in another order; it never leaves one out. [`Forwarder`] sends one
//! log, [`Mirrors`] keeps copies of all others.

mod bare;
mod error;
mod forward;
mod inspect;
#[cfg(feature = "kafka")]
pub mod kafka;
mod login;
mod message;
mod mirror;
#[cfg(feature = "nats")]
pub mod nats;
mod outlet;
mod place;
mod reading;
mod reorder;

use std::time::Duration;

use async_trait::async_trait;

pub use bare::Bare;
pub use error::{Finding, PipeError};
pub use forward::Forwarder;
pub use inspect::{Inspection, Told};
pub use login::{KafkaLogin, NatsLogin};
pub use message::{Binding, Headers, Labels, NotOurs, Plain, decode, encode};
pub use mirror::{MirrorError, Mirrors, Progress, Stopped};
pub use outlet::{Lead, Message, Outlet};
pub use place::{Place, State};

use crate::Record;

/// Until the next try after the broker refused us: long enough that nobody is locked out, short enough that whoever mends the
/// credentials sees it go on.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// What a broker does for logs.
#[async_trait]
pub trait Pipe: Send + Sync {
    /// Sends records of one log in their order; returns when the broker says that all are durable, with the partition and
    /// the broker's number of the last one.
    ///
    /// # Errors
    /// See [`PipeError`]; any of the records may be in the pipe then. Send all of them again.
    async fn send(&self, records: &[Record]) -> Result<(u32, u64), PipeError>;

    /// Which stream it is and what it holds, as of now.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn state(&self) -> Result<State, PipeError>;

    /// Everything in the pipe after these numbers of its partitions, and then what comes; a partition that is not named is
    /// read from its beginning. Whether it still holds all that is for [`Place::check`] to say, before.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn receive(&self, after: &Place) -> Result<Box<dyn Incoming>, PipeError>;

    /// What about the broker's settings can lose what it acknowledged, or fill up.
    ///
    /// # Errors
    /// Where they cannot be read.
    async fn findings(&self) -> Result<Vec<Finding>, PipeError>;

    /// The broker as it is, for people. Unlike the others this also works where the settings are refused. A broker that tells
    /// nothing but its findings needs no more than this; one that can should make nothing in answering.
    ///
    /// # Errors
    /// Where nobody answers, or we are refused.
    async fn inspect(&self) -> Result<Inspection, PipeError> {
        match self.findings().await {
            Ok(findings) | Err(PipeError::Settings(findings)) => {
                Ok(Inspection { findings, ..Inspection::default() })
            }
            Err(error) => Err(error),
        }
    }
}

/// Records on their way in.
#[async_trait]
pub trait Incoming: Send {
    /// The next records, at least one, with the place after each. Waits for them.
    ///
    /// # Errors
    /// See [`PipeError`]; begin anew after the last place.
    async fn next(&mut self) -> Result<Vec<Arrived>, PipeError>;
}

/// One message of a pipe.
#[derive(Debug)]
pub struct Arrived {
    /// The broker's partition and its number of the message there.
    pub partition: u32,
    /// Rises with every message of the partition.
    pub number: u64,
    /// The record, or why it is none.
    pub record: Result<Record, NotOurs>,
}
