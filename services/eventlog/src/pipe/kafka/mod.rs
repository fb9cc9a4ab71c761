//! An Apache Kafka topic as a pipe. One topic holds all origins; a message is a record with CloudEvents headers (`ce_`), in
//! partition origin mod P. A message's number is its offset and one, so that numbers begin at 1 as sequences do.
//!
//! Absent on purpose: transactions, consumer groups and commits. Where to read on stands in a [`Place`] only.

mod answers;
mod asking;
mod bare;
mod client;
mod mark;
mod outlet;
mod receive;
mod send;
mod settings;
mod topic;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::{Finding, Incoming, Inspection, Labels, Pipe, PipeError, Place, State};
use crate::Record;
use asking::Asking;
use mark::Mark;
use send::Sending;

pub use super::login::KafkaLogin as Login;
pub use bare::KafkaBare;
pub use outlet::KafkaOutlet;
pub use settings::{Settings, judge};

/// Longest wait for one answer of the cluster.
const ANSWER: Duration = Duration::from_secs(5);

/// How to encrypt. Needs the feature `kafka-tls`.
#[derive(Clone, Default)]
pub struct Tls {
    /// Root certificates (PEM) instead of those of the system.
    pub roots: Option<PathBuf>,
    /// Our own certificate and its key (PEM), where the brokers ask for one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// Where the topic is and how it is made.
#[derive(Clone)]
pub struct Options {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Credentials.
    pub login: Login,
    /// Encryption, or none.
    pub tls: Option<Tls>,
    /// The hub's name: the topic is `tributary.NAME.events`.
    pub name: String,
    /// Partitions, where the topic is made here; later nobody changes them.
    pub partitions: u32,
    /// Copies on brokers of the cluster, where it is made here.
    pub replicas: u32,
    /// How many of them have a message before it is acknowledged, where it is made here.
    pub replicas_min: u32,
    /// What stands in headers.
    pub labels: Arc<dyn Labels>,
}

impl Options {
    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("tributary.{}.events", self.name)
    }
}

/// A pipe over one topic. It connects when it is first used.
pub struct Kafka {
    options: Options,
    connected: OnceCell<Connected>,
}

struct Connected {
    asking: Arc<Mutex<Asking>>,
    sending: Sending,
    mark: Mark,
    /// The fewest copies that a partition has.
    replicas: usize,
}

impl Kafka {
    /// A pipe that is not connected yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, connected: OnceCell::new() }
    }

    async fn connected(&self) -> Result<&Connected, PipeError> {
        self.connected.get_or_try_init(|| connect(&self.options)).await
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if let Some(connected) = self.connected.take() {
            aside(connected);
        }
    }
}

#[async_trait]
impl Pipe for Kafka {
    async fn send(&self, records: &[Record]) -> Result<(u32, u64), PipeError> {
        let connected = self.connected().await?;
        connected.sending.records(records, &connected.mark, &*self.options.labels).await
    }

    async fn state(&self) -> Result<State, PipeError> {
        let connected = self.connected().await?;
        let partitions = connected.mark.partitions;
        ask(&connected.asking, move |asking| {
            let shape = asking.known_shape()?;
            let held = asking.held(shape.partitions)?;
            let stream = match mark::find(asking, &held)? {
                Some(mark) => mark.stream(&shape.cluster),
                None => return Err(PipeError::Recreated),
            };
            if shape.partitions != partitions {
                return Err(PipeError::Partitions { found: shape.partitions, expected: partitions });
            }
            Ok(State { stream, held })
        })
        .await
    }

    async fn receive(&self, after: &Place) -> Result<Box<dyn Incoming>, PipeError> {
        let connected = self.connected().await?;
        Ok(Box::new(receive::start(&self.options, (connected.mark.partitions, connected.replicas), after)?))
    }

    async fn findings(&self) -> Result<Vec<Finding>, PipeError> {
        let connected = self.connected().await?;
        let shape = ask(&connected.asking, Asking::known_shape).await?;
        Ok(judge(&topic::settings(&self.options, shape.replicas).await?))
    }

    /// Makes no topic and no mark. Brokers do not tell their version.
    async fn inspect(&self) -> Result<Inspection, PipeError> {
        let asking = Arc::new(Mutex::new(Asking::new(&self.options)?));
        let shape = ask(&asking, Asking::shape).await;
        aside(asking);
        let Some(shape) = shape? else {
            return Ok(Inspection { exists: Some(false), ..Inspection::default() });
        };
        let found = topic::settings(&self.options, shape.replicas).await?;
        let mut settings =
            vec![("partitions", shape.partitions.to_string()), ("replication", shape.replicas.to_string())];
        for name in
            ["min.insync.replicas", "retention.ms", "retention.bytes", "cleanup.policy", "max.message.bytes"]
        {
            settings.extend(found.entries.get(name).map(|value| (name, value.clone())));
        }
        Ok(Inspection { exists: Some(true), findings: judge(&found), settings, ..Inspection::default() })
    }
}

async fn connect(options: &Options) -> Result<Connected, PipeError> {
    let asking = Arc::new(Mutex::new(Asking::new(options)?));
    let begun = begin(options, &asking).await;
    // Where it failed this is the last of it.
    aside(asking);
    begun
}

/// Finds or makes the topic and its mark.
async fn begin(options: &Options, asking: &Arc<Mutex<Asking>>) -> Result<Connected, PipeError> {
    let (shape, settings) = topic::open(options, asking).await?;
    let sending = Sending::new(options, settings.largest().unwrap_or(usize::MAX));
    sending.prepare()?;
    let (partitions, replicas) = (shape.partitions, shape.replicas);
    let find = move |asking: &mut Asking| {
        let held = asking.held(partitions)?;
        mark::find(asking, &held)
    };
    let found = match ask(asking, find).await? {
        Some(mark) => Some(mark),
        None => {
            // Others may do the same at this moment: whose mark stands first counts, so we read it back.
            sending.mark(partitions).await?;
            ask(asking, find).await?
        }
    };
    let mark =
        found.ok_or_else(|| PipeError::Failed("the topic's mark was written and is not there".into()))?;
    if mark.partitions != partitions {
        return Err(PipeError::Partitions { found: partitions, expected: mark.partitions });
    }
    Ok(Connected { asking: Arc::clone(asking), sending, mark, replicas })
}

/// Asks where waiting disturbs nobody.
async fn ask<T: Send + 'static>(
    asking: &Arc<Mutex<Asking>>,
    of: impl FnOnce(&mut Asking) -> Result<T, PipeError> + Send + 'static,
) -> Result<T, PipeError> {
    let asking = Arc::clone(asking);
    let asked =
        tokio::task::spawn_blocking(move || of(&mut asking.lock().unwrap_or_else(PoisonError::into_inner)));
    asked.await.map_err(|error| PipeError::Failed(error.to_string()))?
}

/// Clients say goodbye to the brokers when they are dropped, which may take half a second: not on a thread of the runtime.
fn aside<T: Send + 'static>(client: T) {
    // Where no thread can be had it is dropped here, late but well.
    let _ = thread::Builder::new().name("kafka goodbye".into()).spawn(move || drop(client));
}
