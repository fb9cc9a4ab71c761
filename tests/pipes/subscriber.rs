//! A subscriber of the changes: reads all messages in their order, through outages, and applies them by the rule.

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

const WAIT: Duration = Duration::from_millis(200);

/// What it knows of each customer: the newest payload that it applied.
#[derive(Default)]
pub struct Known {
    pub of: BTreeMap<String, Value>,
    /// Messages that came, and those that were passed over.
    pub came: u64,
    pub passed: u64,
}

impl Known {
    fn take(&mut self, subject: &str, payload: &[u8]) {
        let told: Value = serde_json::from_slice(payload).expect("JSON");
        assert_eq!(told["customer"], subject, "{told}");
        self.came += 1;
        let version = |of: &Value| of["version"].as_u64().expect("a version");
        let mine = self.of.get(subject).map_or(0, version);
        if version(&told) > mine {
            self.of.insert(subject.to_owned(), told);
        } else {
            self.passed += 1;
        }
    }
}

/// A running subscriber.
pub struct Subscriber {
    pub known: Arc<Mutex<Known>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Subscriber {
    fn start(read: impl FnOnce(&Mutex<Known>, &AtomicBool) + Send + 'static) -> Self {
        let (known, stop) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let of = (Arc::clone(&known), Arc::clone(&stop));
        Self { known, stop, thread: Some(thread::spawn(move || read(&of.0, &of.1))) }
    }

    /// Of the stream of changes of this hub.
    pub fn of_nats(url: String, name: &str) -> Self {
        let stream = format!("TRIBUTARY-{name}-CHANGES");
        Self::start(move |known, stop| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut next = 1;
                while !stop.load(Ordering::Relaxed) {
                    // The server may be away, and the stream not be made yet.
                    let _ = read_nats((&url, &stream), &mut next, known, stop).await;
                    tokio::time::sleep(WAIT).await;
                }
            });
        })
    }

    /// Of the topic of customers of this hub.
    pub fn of_kafka(brokers: String, name: &str) -> Self {
        let topic = format!("tributary.{name}.customers");
        Self::start(move |known, stop| read_kafka(&brokers, &topic, known, stop))
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the subscriber panicked");
        }
    }
}

async fn read_nats(
    (url, stream): (&str, &str),
    next: &mut u64,
    known: &Mutex<Known>,
    stop: &AtomicBool,
) -> Result<(), async_nats::Error> {
    use async_nats::jetstream::{self, consumer::DeliverPolicy};
    let context = jetstream::new(async_nats::connect(url).await?);
    let stream = context.get_stream(stream).await?;
    while !stop.load(Ordering::Relaxed) {
        let deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: *next };
        let config = jetstream::consumer::pull::Config {
            deliver_policy,
            ack_policy: jetstream::consumer::AckPolicy::None,
            inactive_threshold: Duration::from_secs(5),
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let mut messages = consumer.stream().expires(Duration::from_secs(1)).messages().await?;
        use futures_util::StreamExt as _;
        while let Ok(Some(message)) = tokio::time::timeout(WAIT, messages.next()).await {
            let message = message?;
            let sequence = message.info()?.stream_sequence;
            let subject = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
            known.lock().expect("no panic").take(&subject, &message.payload);
            *next = sequence + 1;
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn read_kafka(brokers: &str, topic: &str, known: &Mutex<Known>, stop: &AtomicBool) {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", "a subscriber")
        .set("isolation.level", "read_committed");
    config.set("auto.offset.reset", "earliest").set("allow.auto.create.topics", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    while !stop.load(Ordering::Relaxed) {
        let partitions = consumer.fetch_metadata(Some(topic), Duration::from_secs(1)).map_or(0, |metadata| {
            metadata
                .topics()
                .first()
                .map_or(0, |t| if t.error().is_some() { 0 } else { t.partitions().len() })
        });
        if partitions > 0 {
            let mut all = TopicPartitionList::new();
            for partition in 0..partitions {
                all.add_partition_offset(topic, partition as i32, Offset::Beginning).expect("an offset");
            }
            consumer.assign(&all).expect("assigned");
            break;
        }
        thread::sleep(WAIT);
    }
    while !stop.load(Ordering::Relaxed) {
        if let Some(Ok(message)) = consumer.poll(WAIT) {
            let subject = String::from_utf8_lossy(message.key().expect("a key")).into_owned();
            known.lock().expect("no panic").take(&subject, message.payload().expect("a value"));
        }
    }
}
