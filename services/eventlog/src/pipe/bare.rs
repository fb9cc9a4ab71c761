//! A broker's client without a log: what measurements of pipes are read beside.

use async_trait::async_trait;
use bytes::Bytes;

use super::PipeError;

/// Messages without headers in a stream or topic of their own, made with the settings of the real one.
#[async_trait]
pub trait Bare: Send + Sync {
    /// Publishes all, so many without an answer at a time; returns when the broker says that all are durable.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn publish(&self, payloads: &[Bytes], under_way: usize) -> Result<(), PipeError>;

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
