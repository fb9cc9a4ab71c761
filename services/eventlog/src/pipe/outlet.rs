//! What a hub publishes beside its log, for others: one message for each change. Of all nodes only one publishes at a time;
//! the broker says which, and refuses what an earlier one still sends.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Headers, PipeError, message::Binding};

/// A message for subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whom it is about: the last token of its subject, or its key.
    pub subject: String,
    /// CloudEvents attributes without prefix, extensions among them.
    pub attributes: Headers,
    /// JSON.
    pub payload: Bytes,
}

impl Message {
    /// Its headers with a broker.
    #[cfg(any(feature = "nats", feature = "kafka"))]
    pub(super) fn headers(&self, binding: Binding) -> Headers {
        let own =
            [("specversion", "1.0"), ("subject", &self.subject), ("datacontenttype", "application/json")];
        let own = own.into_iter().map(|(name, value)| binding.header(name, value));
        own.chain(self.attributes.iter().map(|(name, value)| binding.header(name, value))).collect()
    }
}

/// The way out. Whoever waits to lead costs the broker little.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// Waits until this node is the one that publishes.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn lead(&self) -> Result<Box<dyn Lead>, PipeError>;
}

/// The right to publish while it lasts. Dropped without [`Lead::resign`] it lasts some seconds more, in which nobody
/// publishes.
#[async_trait]
pub trait Lead: Send {
    /// The attribute of this name of the newest messages, by whomever they were published: of each partition the last.
    ///
    /// # Errors
    /// See [`PipeError`].
    async fn newest(&mut self, attributes: &[&str]) -> Result<Vec<Vec<Option<String>>>, PipeError>;

    /// Publishes in this order; returns when all are durable.
    ///
    /// # Errors
    /// [`PipeError::Overtaken`] where another node publishes by now. Some of the messages may be out with any error.
    async fn publish(&mut self, messages: &[Message]) -> Result<(), PipeError>;

    /// Returns when another node may publish.
    async fn lost(&mut self);

    /// Lets another node publish at once.
    async fn resign(self: Box<Self>);
}
