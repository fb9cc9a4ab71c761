//! The Kafka client without a log.

use std::{
    borrow::Cow,
    collections::VecDeque,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
    topic_partition_list::{Offset, TopicPartitionList},
};

use super::{
    ANSWER, Options, answers, aside,
    client::{self, Context},
    topic,
};
use crate::{
    Record,
    pipe::{Bare, Binding, PipeError, message},
};

/// A topic `tributary.NAME.bare`.
pub struct KafkaBare {
    options: Options,
}

impl KafkaBare {
    /// Beside a hub with these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn topic(&self) -> String {
        format!("tributary.{}.bare", self.options.name)
    }
}

#[async_trait]
impl Bare for KafkaBare {
    async fn publish(&self, records: &[Record], under_way: usize) -> Result<Duration, PipeError> {
        let topic = self.topic();
        topic::create_like(&self.options, &topic).await?;
        let mut config = client::config(&self.options)?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("compression.type", "zstd");
        let context = Context::default();
        let producer: FutureProducer<Context> =
            config.create_with_context(context.clone()).map_err(|e| answers::of(&e, &context))?;
        let mut waiting = VecDeque::with_capacity(under_way);
        let headers = |record: &Record| {
            let all = message::encode(record, Binding::Kafka, &*self.options.labels);
            let add = |headers: OwnedHeaders, (key, value): &(Cow<'static, str>, String)| {
                headers.insert(Header { key, value: Some(value) })
            };
            all.iter().fold(OwnedHeaders::new_with_capacity(all.len()), add)
        };
        let messages: Vec<_> = records.iter().map(|record| (headers(record), &record.payload)).collect();
        let begun = Instant::now();
        for (headers, payload) in messages {
            if waiting.len() >= under_way.max(1) {
                settle(waiting.pop_front(), &context).await?;
            }
            // One origin keeps to one partition.
            let record: FutureRecord<'_, (), [u8]> =
                FutureRecord::to(&topic).partition(0).payload(&payload[..]).headers(headers);
            waiting.push_back(producer.send_result(record).map_err(|(e, _)| answers::of(&e, &context))?);
        }
        while !waiting.is_empty() {
            settle(waiting.pop_front(), &context).await?;
        }
        let took = begun.elapsed();
        aside(producer);
        Ok(took)
    }

    async fn read(&self, count: u64) -> Result<(), PipeError> {
        let (options, topic) = (self.options.clone(), self.topic());
        let read = tokio::task::spawn_blocking(move || read(&options, &topic, count));
        read.await.map_err(|e| PipeError::Failed(e.to_string()))?
    }

    async fn remove(&self) -> Result<(), PipeError> {
        let (events, customers, bare) = (self.options.topic(), self.options.customers_topic(), self.topic());
        topic::remove(&self.options, &[&events, &customers, &bare]).await
    }
}

async fn settle(oldest: Option<DeliveryFuture>, context: &Context) -> Result<(), PipeError> {
    let Some(answer) = oldest else { return Ok(()) };
    match answer.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(answers::of(&error, context)),
        Err(_) => Err(PipeError::Unreachable("the producer was closed".to_owned())),
    }
}

fn read(options: &Options, topic: &str, count: u64) -> Result<(), PipeError> {
    let context = Context::default();
    let consumer: BaseConsumer<Context> = client::reader(options)?
        .create_with_context(context.clone())
        .map_err(|e| answers::of(&e, &context))?;
    let mut assignment = TopicPartitionList::new();
    let added = assignment.add_partition_offset(topic, 0, Offset::Beginning);
    added.map_err(|e| answers::of(&e, &context))?;
    consumer.assign(&assignment).map_err(|e| answers::of(&e, &context))?;
    let (mut come, mut newest) = (0, Instant::now());
    while come < count {
        match consumer.poll(ANSWER) {
            Some(Ok(_)) => (come, newest) = (come + 1, Instant::now()),
            // That one broker is away is no end; that nothing comes is.
            _ if newest.elapsed() < ANSWER => {}
            _ => return Err(PipeError::Unreachable("nothing comes".to_owned())),
        }
    }
    Ok(())
}
