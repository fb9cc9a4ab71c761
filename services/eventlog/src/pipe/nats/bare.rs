//! The NATS client without a log.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    consumer::{DeliverPolicy, pull},
    context::PublishAckFuture,
    stream::Config,
};
use async_trait::async_trait;
use futures_util::StreamExt as _;

use super::{ANSWER, Options, answers, put_together, reach, stream};
use crate::{
    Record,
    pipe::{Bare, PipeError},
};

/// A stream `TRIBUTARY-NAME-BARE`.
pub struct NatsBare {
    options: Options,
}

impl NatsBare {
    /// Beside a hub with these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn stream(&self) -> String {
        format!("TRIBUTARY-{}-BARE", self.options.name)
    }

    fn prefix(&self) -> String {
        format!("tributary.{}.bare", self.options.name)
    }
}

async fn settle(oldest: Option<(PublishAckFuture, usize)>) -> Result<(), PipeError> {
    let Some((answer, bytes)) = oldest else { return Ok(()) };
    answer.await.map(|_| ()).map_err(|e| answers::published(&e, bytes))
}

#[async_trait]
impl Bare for NatsBare {
    async fn publish(&self, records: &[Record], under_way: usize) -> Result<Duration, PipeError> {
        let (_, context) = reach(&self.options).await?;
        let config = Config {
            name: self.stream(),
            subjects: vec![format!("{}.>", self.prefix())],
            ..stream::config(&self.options)
        };
        context.get_or_create_stream(config).await.map_err(|e| answers::asked(&e))?;
        let mut waiting = VecDeque::with_capacity(under_way);
        let together = |record: &Record| {
            let (subject, headers) = put_together(record, &self.prefix(), &*self.options.labels);
            (subject, headers, record.payload.clone())
        };
        let messages: Vec<_> = records.iter().map(together).collect();
        let begun = Instant::now();
        for (subject, headers, payload) in messages {
            let bytes = payload.len();
            if waiting.len() >= under_way.max(1) {
                settle(waiting.pop_front()).await?;
            }
            let sent = context.publish_with_headers(subject, headers, payload).await;
            waiting.push_back((sent.map_err(|e| answers::published(&e, bytes))?, bytes));
        }
        while !waiting.is_empty() {
            settle(waiting.pop_front()).await?;
        }
        Ok(begun.elapsed())
    }

    async fn read(&self, count: u64) -> Result<(), PipeError> {
        let (_, context) = reach(&self.options).await?;
        let stream = context.get_stream(self.stream()).await.map_err(|e| answers::asked(&e))?;
        let config =
            pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..pull::OrderedConfig::default() };
        let consumer = stream.create_consumer(config).await.map_err(|e| answers::asked(&e))?;
        let mut messages = consumer.messages().await.map_err(|e| answers::asked(&e))?;
        for _ in 0..count {
            match tokio::time::timeout(ANSWER, messages.next()).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Err(answers::asked(&error)),
                Ok(None) | Err(_) => return Err(PipeError::Unreachable("nothing comes".to_owned())),
            }
        }
        Ok(())
    }

    async fn remove(&self) -> Result<(), PipeError> {
        let (_, context) = reach(&self.options).await?;
        let lease = format!("KV_TRIBUTARY-{}-LEASE", self.options.name);
        for name in [self.stream(), self.options.stream(), self.options.changes_stream(), lease] {
            match context.delete_stream(name).await {
                Ok(_) => {}
                Err(error) if answers::asked(&error) == PipeError::Recreated => {}
                Err(error) => return Err(answers::asked(&error)),
            }
        }
        Ok(())
    }
}
