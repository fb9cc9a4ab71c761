//! Reading the topic: a consumer on a thread of its own, whose partitions and places are given to it.

use std::{collections::BTreeMap, thread, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
    topic_partition_list::{Offset, TopicPartitionList},
};
use tokio::{runtime::Handle, sync::mpsc, time::Instant};

use super::{
    Options, answers,
    client::{self, Context},
    judge, mark, topic,
};
use crate::pipe::{Arrived, Incoming, NotOurs, PipeError, Place, message};

/// Most messages and bytes of one answer.
const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 1 << 20;
/// Answers that wait for their reader.
const BATCHES: usize = 4;
/// What the client fetches ahead, and in one request; the largest message fits.
const AHEAD_KIB: &str = "16384";
const FETCH_BYTES: &str = "8388608";
/// How soon the thread ends after its reader is gone.
const WAIT: Duration = Duration::from_millis(100);
/// After a hole the topic's settings are looked at, but not more often than this.
const LOOK_EVERY: Duration = Duration::from_secs(30);

type Answer = Result<Vec<Arrived>, PipeError>;

pub(super) struct Receiving {
    answers: mpsc::Receiver<Answer>,
}

#[async_trait]
impl Incoming for Receiving {
    async fn next(&mut self) -> Result<Vec<Arrived>, PipeError> {
        let ended = || PipeError::Unreachable("the consumer ended".to_owned());
        self.answers.recv().await.ok_or_else(ended)?
    }
}

/// Reads all partitions of a topic with so many copies, each after its place.
pub(super) fn start(
    options: &Options,
    (partitions, replicas): (u32, usize),
    after: &Place,
) -> Result<Receiving, PipeError> {
    let mut config = client::reader(options)?;
    config
        .set("enable.partition.eof", "true")
        .set("queued.max.messages.kbytes", AHEAD_KIB)
        .set("fetch.max.bytes", FETCH_BYTES)
        // How long it rests when it is that far ahead; the default is a second.
        .set("fetch.queue.backoff.ms", "20");
    let context = Context::default();
    let consumer: BaseConsumer<Context> =
        config.create_with_context(context.clone()).map_err(|e| answers::of(&e, &context))?;
    let (mut assignment, mut newest) = (TopicPartitionList::new(), BTreeMap::new());
    for partition in 0..partitions {
        let read = after.read.get(&partition).copied().unwrap_or(0);
        let at = i32::try_from(partition).unwrap_or(i32::MAX);
        let next = Offset::Offset(i64::try_from(read).unwrap_or(i64::MAX));
        let added = assignment.add_partition_offset(&options.topic(), at, next);
        added.map_err(|e| answers::of(&e, &context))?;
        newest.insert(partition, read);
    }
    consumer.assign(&assignment).map_err(|e| answers::of(&e, &context))?;
    let (sender, answers) = mpsc::channel(BATCHES);
    let options = options.clone();
    let runtime = Handle::current();
    let polling = Polling { consumer, context, newest, options, replicas, runtime, looked: None, sender };
    let thread = thread::Builder::new().name("kafka reader".to_owned());
    thread.spawn(move || polling.run()).map_err(|e| PipeError::Failed(e.to_string()))?;
    Ok(Receiving { answers })
}

/// The thread: it ends with its first error, or when nobody listens any more.
struct Polling {
    consumer: BaseConsumer<Context>,
    context: Context,
    /// The newest number of each partition.
    newest: BTreeMap<u32, u64>,
    options: Options,
    /// The fewest copies that a partition has.
    replicas: usize,
    runtime: Handle,
    /// When the settings were looked at last.
    looked: Option<Instant>,
    sender: mpsc::Sender<Answer>,
}

impl Polling {
    fn run(mut self) {
        while !self.sender.is_closed() {
            let answer = match self.batch() {
                Ok(arrived) if arrived.is_empty() => continue,
                answer => answer,
            };
            let last = answer.is_err();
            if self.sender.blocking_send(answer).is_err() || last {
                return;
            }
        }
    }

    /// What comes within a short time; nothing is lost where an error ends it, since nothing of it was passed on.
    fn batch(&mut self) -> Answer {
        let (mut arrived, mut bytes, mut wait) = (Vec::new(), 0, WAIT);
        let mut at_end = false;
        while arrived.len() < BATCH && bytes < BATCH_BYTES {
            let of = match self.consumer.poll(wait) {
                Some(Ok(message)) => read(&message),
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    at_end = true;
                    continue;
                }
                Some(Err(error)) => match self.trouble(&error) {
                    Some(error) => return Err(error),
                    None => continue,
                },
                None => break,
            };
            self.in_order(of.partition, of.number, false)?;
            bytes += of.record.as_ref().map_or(0, |record| record.payload.len());
            arrived.push(of);
            wait = Duration::ZERO;
        }
        if at_end {
            self.passed(&mut arrived)?;
        }
        match self.context.refused() {
            Some(refused) if arrived.is_empty() => Err(refused),
            _ => Ok(arrived),
        }
    }

    /// Where the newest number of a partition is no message, but the end of somebody's transaction, the client has passed it
    /// and says nothing. Whoever waits for all that the topic holds would wait for ever.
    fn passed(&mut self, arrived: &mut Vec<Arrived>) -> Result<(), PipeError> {
        let position = self.consumer.position().map_err(|e| answers::of(&e, &self.context))?;
        for of in position.elements() {
            let (Ok(partition), Offset::Offset(next)) = (u32::try_from(of.partition()), of.offset()) else {
                continue;
            };
            // The offset that comes next is the number before it.
            let number = u64::try_from(next).unwrap_or(0);
            if self.newest.get(&partition).is_some_and(|newest| number > *newest) {
                self.in_order(partition, number, true)?;
                arrived.push(Arrived { partition, number, record: Err(NotOurs::Hole) });
            }
        }
        Ok(())
    }

    /// What ends the consumer. That one broker of several is away does not; where its partitions find no other leader, the
    /// mirrors notice.
    fn trouble(&self, error: &KafkaError) -> Option<PipeError> {
        use RDKafkaErrorCode::{
            AllBrokersDown, Authentication, BrokerTransportFailure, OperationTimedOut, Resolve, SSL,
        };
        match error.rdkafka_error_code() {
            Some(BrokerTransportFailure | Resolve | OperationTimedOut | SSL | Authentication) => {
                self.context.refused()
            }
            Some(code) if answers::of_group(code) => None,
            // What comes next is not there: what that means is for the place to say.
            Some(code @ RDKafkaErrorCode::AutoOffsetReset) => Some(PipeError::Failed(code.to_string())),
            Some(AllBrokersDown) => Some(answers::code(AllBrokersDown, &self.context)),
            _ => Some(answers::of(error, &self.context)),
        }
    }

    /// A topic from which nothing is removed but its head has holes only where somebody writes transactions into it.
    fn in_order(&mut self, partition: u32, number: u64, is_hole: bool) -> Result<(), PipeError> {
        let newest = self.newest.entry(partition).or_default();
        let hole = is_hole || number > *newest + 1;
        *newest = number.max(*newest);
        let lately = self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY);
        if !hole || lately {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let settings = self.runtime.block_on(topic::settings(&self.options, self.replicas))?;
        let found: Vec<_> = judge(&settings).into_iter().filter(|finding| finding.fatal).collect();
        if !found.is_empty() {
            return Err(PipeError::Settings(found));
        }
        tracing::warn!(broker.partition = partition, broker.number = number, "numbers are missing");
        Ok(())
    }
}

fn read(message: &BorrowedMessage<'_>) -> Arrived {
    let payload = Bytes::copy_from_slice(message.payload().unwrap_or_default());
    let record = message::decode(|name| mark::header(message, name), payload);
    // Nearly all are records, so the mark is looked for last.
    let record = record.map_err(|why| if mark::is_mark(message) { NotOurs::Mark } else { why });
    let partition = u32::try_from(message.partition()).unwrap_or(0);
    Arrived { partition, number: answers::number(message), record }
}
