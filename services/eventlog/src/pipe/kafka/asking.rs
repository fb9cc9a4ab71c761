//! The client that asks: what topic there is, what it holds, and its first messages.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
    metadata::MetadataPartition,
    topic_partition_list::{Offset, TopicPartitionList},
};

use super::{
    ANSWER, Options, answers,
    client::{self, Context},
};
use crate::pipe::PipeError;

/// One wait of the client, after which we look what it has noticed.
const SLICE: Duration = Duration::from_millis(500);
/// Nothing more was noticed where nothing comes for so long. Without a wait the client ends at the first line of its log.
const QUIET: Duration = Duration::from_millis(2);
/// Between two questions, where the answer was that nobody is there yet.
const PAUSE: Duration = Duration::from_millis(50);

/// A topic as the cluster tells it.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// The cluster's own name for itself.
    pub cluster: String,
    pub partitions: u32,
    /// The fewest copies that a partition has.
    pub replicas: usize,
}

/// A client that reads no more than it is asked for. Everything here waits, at most a few times [`ANSWER`].
pub(super) struct Asking {
    consumer: BaseConsumer<Context>,
    context: Context,
    topic: String,
}

impl Asking {
    pub fn new(options: &Options) -> Result<Self, PipeError> {
        Self::about(options, options.topic())
    }

    /// About another topic of the same cluster.
    pub fn about(options: &Options, topic: String) -> Result<Self, PipeError> {
        let mut config = client::reader(options)?;
        // Single messages are looked at: nothing is fetched ahead, and nothing waits for more of them. A question that a broker
        // still holds, or a pause because one message is enough, would stand in the way of the next one for a second.
        config
            .set("fetch.wait.max.ms", "20")
            .set("fetch.queue.backoff.ms", "20")
            .set("queued.min.messages", "1")
            .set("fetch.message.max.bytes", "65536")
            .set("enable.partition.eof", "true");
        let context = Context::default();
        let consumer = config.create_with_context(context.clone()).map_err(|e| answers::of(&e, &context))?;
        Ok(Self { consumer, context, topic })
    }

    /// The topic; `None` where there is none.
    pub fn shape(&mut self) -> Result<Option<Shape>, PipeError> {
        self.ask(|asking| {
            let metadata = asking.consumer.fetch_metadata(Some(&asking.topic), SLICE);
            let metadata = metadata.map_err(|e| answers::of(&e, &asking.context))?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == asking.topic);
            let topic = topic.ok_or_else(|| PipeError::Unreachable("no answer about the topic".into()))?;
            match topic.error().map(RDKafkaErrorCode::from) {
                None => {}
                Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
                Some(code) => return Err(answers::code(code, &asking.context)),
            }
            let led = |p: &&MetadataPartition| p.leader() >= 0;
            let partitions = topic.partitions().iter().filter(led).count();
            if partitions == 0 || partitions < topic.partitions().len() {
                return Err(PipeError::Unreachable("a partition has no leader".into()));
            }
            let replicas = topic.partitions().iter().map(|p| p.replicas().len()).min().unwrap_or(0);
            let cluster = asking.consumer.client().fetch_cluster_id(SLICE);
            let cluster = cluster.ok_or_else(|| PipeError::Unreachable("the cluster has no name".into()))?;
            let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
            Ok(Some(Shape { cluster, partitions, replicas }))
        })
    }

    /// The topic, which was there before. A broker that has just started may not know it yet: that it is gone is believed
    /// when nobody has known it for a while.
    pub fn known_shape(&mut self) -> Result<Shape, PipeError> {
        let begun = Instant::now();
        while begun.elapsed() < ANSWER {
            if let Some(shape) = self.shape()? {
                return Ok(shape);
            }
            thread::sleep(PAUSE);
        }
        Err(PipeError::Recreated)
    }

    /// Of each partition the numbers of the oldest and the newest message.
    pub fn held(&mut self, partitions: u32) -> Result<BTreeMap<u32, (u64, u64)>, PipeError> {
        let mut held = BTreeMap::new();
        for partition in 0..partitions {
            let (low, high) = self.ask(|asking| {
                let of = i32::try_from(partition).unwrap_or(i32::MAX);
                let marks = asking.consumer.fetch_watermarks(&asking.topic, of, SLICE);
                marks.map_err(|e| answers::of(&e, &asking.context))
            })?;
            // The mark says which offset comes next, which is the number of the message before it.
            let number = |offset: i64| u64::try_from(offset).unwrap_or(0);
            held.insert(partition, (number(low) + 1, number(high)));
        }
        Ok(held)
    }

    /// Looks at the messages of a partition from a number up to another, in order, until `of` has found something.
    pub fn look<T>(
        &mut self,
        partition: u32,
        (from, upto): (u64, u64),
        mut of: impl FnMut(&BorrowedMessage<'_>) -> Option<T>,
    ) -> Result<Option<T>, PipeError> {
        let mut assignment = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(from.saturating_sub(1)).unwrap_or(i64::MAX));
        let at = i32::try_from(partition).unwrap_or(i32::MAX);
        assignment
            .add_partition_offset(&self.topic, at, offset)
            .map_err(|e| answers::of(&e, &self.context))?;
        self.consumer.assign(&assignment).map_err(|e| answers::of(&e, &self.context))?;
        let looked = self.look_at(upto, &mut of);
        self.consumer.unassign().map_err(|e| answers::of(&e, &self.context))?;
        looked
    }

    fn look_at<T>(
        &self,
        upto: u64,
        of: &mut impl FnMut(&BorrowedMessage<'_>) -> Option<T>,
    ) -> Result<Option<T>, PipeError> {
        let begun = Instant::now();
        while begun.elapsed() < ANSWER {
            match self.consumer.poll(SLICE) {
                Some(Ok(message)) => {
                    let number = answers::number(&message);
                    let found = of(&message);
                    if found.is_some() || number >= upto {
                        return Ok(found);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(answers::of_group) => {}
                Some(Err(error)) => {
                    let error = answers::of(&error, &self.context);
                    if !matches!(error, PipeError::Unreachable(_)) {
                        return Err(error);
                    }
                }
                None => {}
            }
            if let Some(refused) = self.context.refused() {
                return Err(refused);
            }
        }
        Err(PipeError::Unreachable("the topic's first messages do not come".into()))
    }

    /// Asks until there is an answer. A cluster that elects a leader or starts has none for a moment.
    fn ask<T>(&mut self, of: impl Fn(&Self) -> Result<T, PipeError>) -> Result<T, PipeError> {
        let begun = Instant::now();
        loop {
            let answer = of(self);
            // What was noticed meanwhile, all of it: what is left would be taken for news later.
            while self.consumer.poll(QUIET).is_some() {}
            let error = match answer {
                Ok(answer) => {
                    self.context.forget();
                    return Ok(answer);
                }
                Err(error) => self.context.refused().unwrap_or(error),
            };
            if !matches!(error, PipeError::Unreachable(_)) || begun.elapsed() >= ANSWER {
                return Err(error);
            }
            thread::sleep(PAUSE);
        }
    }
}
