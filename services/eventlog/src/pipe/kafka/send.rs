//! Sending: an idempotent producer whose acknowledgements mean that all copies in sync have the message.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _},
};

use super::{
    Options, answers, aside,
    client::{self, Context},
    mark::{self, Mark},
};
use crate::{
    Record,
    pipe::{Binding, Labels, PipeError, message},
};

/// A message that no broker has acknowledged after so long has failed, and its window is sent again.
const DELIVERY_MS: &str = "10000";
/// Messages of one request: a whole window of a forwarder, and below the limit that Kafka has where nobody set one.
const BATCH_BYTES: usize = 900_000;
/// Messages that wait in the client: all windows of a forwarder, and as many that it gave up.
const WAITING_KIB: &str = "65536";

/// The producer of one pipe, made when it is first used and again after it has failed for good.
pub(super) struct Sending {
    options: Options,
    batch_bytes: usize,
    producer: Mutex<Option<(FutureProducer<Context>, Context)>>,
    /// The newest number that was acknowledged in each partition.
    newest: Mutex<BTreeMap<u32, u64>>,
}

/// A message before it is sent.
struct Outgoing<'a> {
    headers: OwnedHeaders,
    key: Option<&'a str>,
    payload: &'a [u8],
}

impl Sending {
    /// For a topic that takes messages of so many bytes.
    pub fn new(options: &Options, largest: usize) -> Self {
        // The topic's limit is one for requests, and only a record that is too large itself may meet it. The rest is for what
        // the client adds.
        let batch_bytes = BATCH_BYTES.min(largest / 4 * 3).max(1);
        Self { options: options.clone(), batch_bytes, producer: Mutex::default(), newest: Mutex::default() }
    }

    /// Makes the producer, which then gets its id from a broker: half a second that the first records need not wait.
    pub fn prepare(&self) -> Result<(), PipeError> {
        self.producer().map(|_| ())
    }

    /// Sends records of one log; returns the partition and the number of the last one.
    pub async fn records(
        &self,
        records: &[Record],
        mark: &Mark,
        labels: &dyn Labels,
    ) -> Result<(u32, u64), PipeError> {
        let Some(first) = records.first() else { return Ok((0, 0)) };
        let partition = first.position.origin.0 % mark.partitions;
        let (stream, of) = mark.header();
        let key = first.position.origin.to_string();
        let outgoing = records.iter().map(|record| {
            let own = message::encode(record, Binding::Kafka, labels);
            let mut headers = OwnedHeaders::new_with_capacity(own.len() + 1);
            for (key, value) in &own {
                headers = headers.insert(Header { key, value: Some(value) });
            }
            let headers = headers.insert(Header { key: stream, value: Some(&of) });
            Outgoing { headers, key: Some(&key), payload: &record.payload }
        });
        Ok((partition, self.deliver(partition, outgoing).await?))
    }

    /// Writes the topic's mark.
    pub async fn mark(&self, partitions: u32) -> Result<(), PipeError> {
        let headers = mark::headers(partitions);
        let outgoing = Outgoing { headers, key: None, payload: &[] };
        self.deliver(0, std::iter::once(outgoing)).await.map(|_| ())
    }

    /// Returns when all are durable, with the newest number, or when the last of them has failed: nothing of a window that
    /// failed is under way any more when it is sent again.
    async fn deliver<'a>(
        &self,
        partition: u32,
        messages: impl Iterator<Item = Outgoing<'a>>,
    ) -> Result<u64, PipeError> {
        let (producer, context) = self.producer()?;
        let before = self.newest(|newest| newest.get(&partition).copied().unwrap_or(0));
        let topic = self.options.topic();
        let (mut under_way, mut failed) = (Vec::new(), None);
        for Outgoing { headers, key, payload } in messages {
            let at = i32::try_from(partition).unwrap_or(i32::MAX);
            let mut record = FutureRecord::to(&topic).partition(at).payload(payload).headers(headers);
            record.key = key;
            match producer.send_result(record) {
                Ok(answer) => under_way.push((answer, payload.len())),
                Err((error, _)) => {
                    failed = Some(refusal(&error, payload.len(), &context));
                    break;
                }
            }
        }
        let acknowledged = acknowledged(under_way, &context).await;
        let mut number = failed.map_or(acknowledged, Err);
        if let Some((code, why)) = producer.client().fatal_error() {
            tracing::warn!(kafka.error = %code, why, "the producer has failed for good and is made anew");
            self.forget();
            // Its messages only know that it failed.
            number = number.map_err(|_| answers::code(code, &context));
        }
        let number = number?;
        context.forget();
        // What comes later has a greater number in the same topic. A number of 0 was acknowledged without being told.
        if number.first > 0 && number.first <= before {
            return Err(PipeError::Older { end: number.first, read: before });
        }
        self.newest(|newest| {
            let newest = newest.entry(partition).or_default();
            *newest = number.last.max(*newest);
        });
        Ok(number.last)
    }

    fn newest<T>(&self, of: impl FnOnce(&mut BTreeMap<u32, u64>) -> T) -> T {
        of(&mut self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn producer(&self) -> Result<(FutureProducer<Context>, Context), PipeError> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*producer {
            return Ok(made.clone());
        }
        let mut config = client::config(&self.options)?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", DELIVERY_MS)
            .set("request.timeout.ms", "5000")
            .set("socket.timeout.ms", "10000")
            .set("linger.ms", "1")
            .set("batch.size", self.batch_bytes.to_string())
            .set("compression.type", "zstd")
            // What is too large is for the topic to say.
            .set("message.max.bytes", "4194304")
            .set("queue.buffering.max.kbytes", WAITING_KIB);
        let context = Context::default();
        let made = config.create_with_context(context.clone()).map_err(|e| answers::of(&e, &context))?;
        Ok(producer.insert((made, context)).clone())
    }

    fn forget(&self) {
        let made = self.producer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(producer) = made {
            aside(producer);
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Numbers of the messages of a window; 0 where they are not told.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    first: u64,
    last: u64,
}

async fn acknowledged(
    under_way: Vec<(DeliveryFuture, usize)>,
    context: &Context,
) -> Result<Numbers, PipeError> {
    let (mut numbers, mut failed) = (Numbers::default(), None);
    for (answer, bytes) in under_way {
        match answer.await {
            Ok(Ok(delivered)) => {
                // A copy that the broker had already may come without its offset.
                let number = u64::try_from(delivered.offset).map_or(0, |offset| offset + 1);
                if numbers.first == 0 {
                    numbers.first = number;
                }
                numbers.last = numbers.last.max(number);
            }
            Ok(Err((error, _))) => {
                failed.get_or_insert_with(|| refusal(&error, bytes, context));
            }
            Err(_) => {
                failed.get_or_insert_with(|| PipeError::Failed("the producer ended".to_owned()));
            }
        }
    }
    failed.map_or(Ok(numbers), Err)
}

fn refusal(error: &KafkaError, bytes: usize, context: &Context) -> PipeError {
    use RDKafkaErrorCode::{InvalidMessageSize, MessageBatchTooLarge, MessageSizeTooLarge};
    match error.rdkafka_error_code() {
        Some(code @ (MessageSizeTooLarge | InvalidMessageSize | MessageBatchTooLarge)) => {
            PipeError::TooLarge { bytes, detail: code.to_string() }
        }
        _ => answers::of(error, context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::{Plain, kafka::Login};
    use rdkafka::{
        mocking::MockCluster,
        producer::DefaultProducerContext,
        types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code},
    };
    use std::sync::Arc;

    /// A cluster inside the client, which answers as it is told.
    fn cluster() -> (MockCluster<'static, DefaultProducerContext>, Sending) {
        let cluster = MockCluster::new(1).expect("a cluster");
        let options = Options {
            brokers: cluster.bootstrap_servers(),
            login: Login::None,
            tls: None,
            name: "test".to_owned(),
            partitions: 1,
            replicas: 1,
            replicas_min: 1,
            labels: Arc::new(Plain),
        };
        cluster.create_topic(&options.topic(), 1, 1).expect("a topic");
        (cluster, Sending::new(&options, usize::MAX))
    }

    async fn send(sending: &Sending, messages: usize) -> Result<u64, PipeError> {
        let outgoing = |_| Outgoing { headers: OwnedHeaders::new(), key: None, payload: b"payload" };
        sending.deliver(0, (0..messages).map(outgoing)).await
    }

    #[tokio::test]
    async fn what_passes_by_itself_is_not_even_told() {
        let (cluster, sending) = cluster();
        assert_eq!(send(&sending, 3).await, Ok(3));
        for code in [
            Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        ] {
            let before = send(&sending, 1).await.expect("sent");
            cluster.request_errors(Api::Produce, &[code, code]);
            assert_eq!(send(&sending, 2).await, Ok(before + 2), "{code:?}");
        }
    }

    #[tokio::test]
    async fn what_somebody_must_mend_is_told() {
        for (api, code, told) in [
            (Api::Produce, Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "broker_message_size"),
            (Api::Produce, Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "broker_refused"),
            (Api::Produce, Code::RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, "broker_unreachable"),
            (Api::InitProducerId, Code::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "broker_refused"),
        ] {
            let (cluster, sending) = cluster();
            cluster.request_errors(api, &[code]);
            let error = send(&sending, 1).await.expect_err("it is not taken");
            assert_eq!(error.code(), told, "{code:?}: {error}");
            // What the client knows of a topic that refused us it believes for a while.
            if code != Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED {
                send(&sending, 1).await.expect("it is mended");
            }
        }
    }

    #[tokio::test]
    async fn a_producer_that_lost_count_goes_on() {
        for code in [
            Code::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
            Code::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
            Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        ] {
            let (cluster, sending) = cluster();
            send(&sending, 5).await.expect("sent");
            cluster.request_errors(Api::Produce, &[code]);
            let first = send(&sending, 5).await;
            assert!(first.as_ref().err().is_none_or(PipeError::retryable), "{code:?}: {first:?}");
            send(&sending, 5).await.expect("sent again");
        }
    }
}
