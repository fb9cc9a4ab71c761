//! What tests of Kafka have in common: pipes over a topic of their own, and an operator who does harm to it.

use crate::node::Make;
use rdkafka::{
    ClientConfig,
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    producer::{FutureProducer, FutureRecord, Producer as _},
    topic_partition_list::{Offset, TopicPartitionList},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tributary_eventlog::pipe::{
    Plain,
    kafka::{Kafka, Login, Options},
};

const LIMIT: Duration = Duration::from_secs(20);

/// A name of a hub that no other test has, on a server that may be older than this process.
fn name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let since = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis();
    format!("test-{}-{since}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One topic.
pub(crate) struct Topic {
    pub options: Options,
    admin: AdminClient<DefaultClientContext>,
}

impl Topic {
    /// A topic that is not there yet, and would be made with so many partitions.
    pub fn new(brokers: &str, partitions: u32) -> Self {
        let (brokers, login, labels) = (brokers.to_owned(), Login::None, Arc::new(Plain));
        let (tls, name) = (None, name());
        let admin = config(&brokers).create().expect("a client");
        let options = Options { brokers, login, tls, name, partitions, replicas: 1, replicas_min: 1, labels };
        Self { options, admin }
    }

    pub fn pipe(&self) -> Arc<Kafka> {
        Arc::new(Kafka::new(self.options.clone()))
    }

    pub fn made(&self) -> Make {
        let options = self.options.clone();
        Arc::new(move || Arc::new(Kafka::new(options.clone())))
    }

    /// Makes it beforehand, with settings that lose nothing but for those that are named.
    pub async fn make(&self, settings: &[(&str, &str)]) {
        let name = self.options.topic();
        let partitions = self.options.partitions.try_into().expect("few");
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in [&[("retention.ms", "-1")], settings].concat() {
            topic = topic.set(key, value);
        }
        let made = self.admin.create_topics([&topic], &limits()).await.expect("an answer");
        made[0].as_ref().expect("made");
    }

    pub async fn delete(&self) {
        let gone = self.admin.delete_topics(&[&self.options.topic()], &limits()).await.expect("an answer");
        gone[0].as_ref().expect("deleted");
    }

    /// Removes the oldest messages of a partition.
    pub async fn behead(&self, partition: i32, messages: i64) {
        let mut before = TopicPartitionList::new();
        let offset = Offset::Offset(messages);
        before.add_partition_offset(&self.options.topic(), partition, offset).expect("an offset");
        self.admin.delete_records(&before, &limits()).await.expect("removed");
    }

    /// Changes its settings: what is not named is the server's default again.
    pub async fn alter(&self, settings: &[(&str, &str)]) {
        let name = self.options.topic();
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(&name));
        for (key, value) in settings {
            change = change.set(key, value);
        }
        let altered = self.admin.alter_configs([&change], &limits()).await.expect("an answer");
        altered[0].as_ref().expect("altered");
    }

    pub async fn grow(&self, partitions: usize) {
        let name = self.options.topic();
        let more = NewPartitions::new(&name, partitions);
        let grown = self.admin.create_partitions([&more], &limits()).await.expect("an answer");
        grown[0].as_ref().expect("grown");
    }

    /// Somebody else writes into it.
    pub async fn write(&self, partition: i32, payloads: impl Iterator<Item = Vec<u8>>) {
        let producer: FutureProducer = config(&self.options.brokers).create().expect("a client");
        self.write_with(&producer, partition, payloads).await;
    }

    /// The same in a transaction, which leaves a hole in the numbers where its end stands.
    pub async fn write_in_transaction(&self, partition: i32, payloads: impl Iterator<Item = Vec<u8>>) {
        let mut config = config(&self.options.brokers);
        let producer: FutureProducer =
            config.set("transactional.id", &self.options.name).create().expect("a client");
        producer.init_transactions(LIMIT).expect("transactions");
        producer.begin_transaction().expect("a transaction");
        self.write_with(&producer, partition, payloads).await;
        producer.commit_transaction(LIMIT).expect("committed");
    }

    async fn write_with(
        &self,
        producer: &FutureProducer,
        partition: i32,
        payloads: impl Iterator<Item = Vec<u8>>,
    ) {
        let name = self.options.topic();
        let mut under_way = Vec::new();
        for payload in payloads {
            let record = FutureRecord::<(), _>::to(&name).partition(partition).payload(&payload);
            under_way.push(producer.send_result(record).map_err(|(error, _)| error).expect("sent"));
        }
        for answer in under_way {
            answer.await.expect("an answer").map_err(|(error, _)| error).expect("written");
        }
    }
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn limits() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT))
}
