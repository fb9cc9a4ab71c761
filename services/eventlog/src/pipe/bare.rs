//! A broker's client without a log: what measurements of pipes are read beside.

use std::time::Duration;

use super::PipeError;
use crate::Record;
use async_trait::async_trait;

/// The same messages in a stream or topic of their own, made with the settings of the real one. They are put together before
/// they are sent, so that only the client and the broker are measured.
#[async_trait]
pub trait Bare: Send + Sync {
    /// Publishes all, so many without an answer at a time; returns when the broker says that all are durable, with the time
    /// from the first message to the last answer.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn publish(&self, records: &[Record], under_way: usize) -> Result<Duration, PipeError>;

    /// Reads so many messages from the beginning.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn read(&self, count: u64) -> Result<(), PipeError>;

    /// Removes everything that a hub of this name has with the broker, and what was made here. For hubs that only measured.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn remove(&self) -> Result<(), PipeError>;
}
