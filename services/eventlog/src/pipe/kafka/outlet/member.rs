//! Membership in the group whose assignment says who publishes. Nothing is read and nothing committed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use tokio::sync::watch;

use super::super::{
    Options, answers,
    client::{self, Context},
};
use crate::pipe::PipeError;

/// Who is silent for so long is no member any more.
const SESSION_MS: &str = "10000";
const HEARTBEAT_MS: &str = "3000";
/// Between two looks at what we have.
const LOOK: Duration = Duration::from_millis(100);

/// A member, until it is dropped.
pub(super) struct Member {
    held: watch::Receiver<bool>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    leaves: AtomicBool,
    error: Mutex<Option<PipeError>>,
}

impl Member {
    /// Joins the group, on a thread of its own.
    pub fn join(options: &Options) -> Result<Self, PipeError> {
        let mut config = client::config(options)?;
        config
            .set("group.id", format!("tributary.{}.publisher", options.name))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "latest")
            .set("allow.auto.create.topics", "false")
            // Whoever has the first partition keeps it where others come and go.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION_MS)
            .set("heartbeat.interval.ms", HEARTBEAT_MS);
        let context = Context::default();
        let consumer: BaseConsumer<Context> =
            config.create_with_context(context.clone()).map_err(|e| answers::of(&e, &context))?;
        let topic = options.customers_topic();
        consumer.subscribe(&[&topic]).map_err(|e| answers::of(&e, &context))?;
        let (told, held) = watch::channel(false);
        let shared = Arc::new(Shared::default());
        let of = Arc::clone(&shared);
        let thread = thread::Builder::new().name("kafka member".to_owned());
        thread
            .spawn(move || of.run(&consumer, &context, &topic, &told))
            .map_err(|e| PipeError::Failed(e.to_string()))?;
        Ok(Self { held, shared })
    }

    /// Whether the first partition is ours.
    pub fn held(&self) -> watch::Receiver<bool> {
        self.held.clone()
    }

    /// Why this is no member any more; also where it has left.
    pub fn error(&self) -> Option<PipeError> {
        self.shared.error().clone()
    }

    /// Leaves the group; the others hear of it at once.
    pub fn leave(&self) {
        self.shared.leaves.store(true, Ordering::Relaxed);
        self.shared.error().get_or_insert_with(|| PipeError::Failed("this node has left the group".into()));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    fn error(&self) -> std::sync::MutexGuard<'_, Option<PipeError>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(
        &self,
        consumer: &BaseConsumer<Context>,
        context: &Context,
        topic: &str,
        told: &watch::Sender<bool>,
    ) {
        while !self.leaves.load(Ordering::Relaxed) {
            // What it brings is of no interest; without a poll the group takes us for dead.
            let polled = consumer.poll(LOOK);
            let fatal = match polled {
                Some(Err(error)) => trouble(&error, context),
                _ => context.refused(),
            };
            if let Some(error) = fatal {
                self.error().get_or_insert(error);
                break;
            }
            let Ok(assigned) = consumer.assignment() else { continue };
            let has = assigned.find_partition(topic, 0).is_some() && !consumer.assignment_lost();
            let changed = told.send_if_modified(|held| std::mem::replace(held, has) != has);
            if changed && has {
                context.forget();
            }
            // Nothing has to come, of any partition that was given to us.
            if assigned.count() > 0 && consumer.pause(&assigned).is_err() {
                continue;
            }
        }
        told.send_replace(false);
    }
}

/// What ends the membership. A broker that is away does not.
fn trouble(error: &KafkaError, context: &Context) -> Option<PipeError> {
    let error = answers::of(error, context);
    match error {
        PipeError::Refused(_) => Some(error),
        _ => context.refused(),
    }
}
