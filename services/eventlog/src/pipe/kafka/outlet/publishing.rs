//! The producer: each call is a transaction, so that readers see all of it or nothing, and an earlier leader's is refused.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
};

use super::{
    super::{
        Options, answers, aside,
        client::{self, Context},
    },
    failed,
};
use crate::pipe::{Binding, Message, PipeError};

/// Longest wait for a step of a transaction.
const STEP: Duration = Duration::from_secs(10);
/// A transaction whose producer is gone is given up after this, and readers go on.
const TRANSACTION_MS: &str = "15000";

pub(super) struct Publishing {
    producer: Option<FutureProducer<Context>>,
    context: Context,
    topic: Arc<str>,
}

impl Publishing {
    /// Begins, which ends whatever another node has under way.
    pub async fn begin(options: &Options) -> Result<Self, PipeError> {
        let mut config = client::config(options)?;
        config
            .set("transactional.id", format!("tributary.{}.changes", options.name))
            .set("transaction.timeout.ms", TRANSACTION_MS)
            .set("delivery.timeout.ms", "10000")
            .set("request.timeout.ms", "5000")
            .set("linger.ms", "1")
            // As Kafka's own clients choose partitions.
            .set("partitioner", "murmur2_random")
            .set("compression.type", "zstd")
            .set("message.max.bytes", "4194304");
        let context = Context::default();
        let producer: FutureProducer<Context> =
            config.create_with_context(context.clone()).map_err(|e| answers::of(&e, &context))?;
        let topic = options.customers_topic().into();
        let publishing = Self { producer: Some(producer), context, topic };
        publishing.step(|producer| producer.init_transactions(STEP)).await?;
        Ok(publishing)
    }

    pub async fn publish(&self, messages: &[Message]) -> Result<(), PipeError> {
        let Some(producer) = &self.producer else { return Ok(()) };
        self.step(|producer| producer.begin_transaction()).await?;
        let mut under_way = Vec::with_capacity(messages.len());
        for message in messages {
            let mut headers = OwnedHeaders::new();
            for (key, value) in &message.headers(Binding::Kafka) {
                headers = headers.insert(Header { key, value: Some(value) });
            }
            let record = FutureRecord::to(&self.topic)
                .key(&message.subject)
                .payload(&message.payload[..])
                .headers(headers);
            let sent = producer.send_result(record).map_err(|(error, _)| failed(&error, &self.context));
            match sent {
                Ok(answer) => under_way.push(answer),
                Err(error) => return Err(self.abort(error).await),
            }
        }
        for answer in under_way {
            let error = match answer.await {
                Ok(Ok(_)) => continue,
                Ok(Err((error, _))) => failed(&error, &self.context),
                Err(_) => PipeError::Unreachable("the producer was closed".to_owned()),
            };
            return Err(self.abort(error).await);
        }
        match self.step(|producer| producer.commit_transaction(STEP)).await {
            Ok(()) => {
                self.context.forget();
                Ok(())
            }
            Err(error) => Err(self.abort(error).await),
        }
    }

    /// Best effort: where it cannot be said, the brokers find out by themselves.
    async fn abort(&self, error: PipeError) -> PipeError {
        if let Err(failed) = self.step(|producer| producer.abort_transaction(STEP)).await {
            tracing::debug!(error = %failed, "a transaction was not given up");
        }
        error
    }

    /// A step that waits, where that disturbs nobody.
    async fn step(
        &self,
        of: impl FnOnce(&FutureProducer<Context>) -> Result<(), rdkafka::error::KafkaError> + Send + 'static,
    ) -> Result<(), PipeError> {
        let Some(producer) = self.producer.clone() else { return Ok(()) };
        let stepped = tokio::task::spawn_blocking(move || of(&producer));
        let stepped = stepped.await.map_err(|e| PipeError::Failed(e.to_string()))?;
        stepped.map_err(|error| failed(&error, &self.context))
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            aside(producer);
        }
    }
}
