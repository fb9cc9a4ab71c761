//! The topic: made with the settings that keep the promise, or judged where it is there already.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    error::RDKafkaErrorCode,
};

use super::{
    ANSWER, Options, Settings, answers, aside, ask,
    asking::{Asking, Shape},
    client::{self, Context},
    judge,
};
use crate::pipe::PipeError;

/// A new topic is known to all brokers and has its leaders within this time.
const MADE_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);
/// The largest record, its headers, and room for a release that needs more.
const MESSAGE_BYTES: &str = "2097152";

/// Finds the topic, or makes it, and sees that its settings lose nothing.
pub(super) async fn open(
    options: &Options,
    asking: &Arc<Mutex<Asking>>,
) -> Result<(Shape, Settings), PipeError> {
    let shape = match ask(asking, Asking::shape).await? {
        Some(shape) => shape,
        None => {
            create(options).await?;
            made(asking).await?
        }
    };
    let settings = settings(options, shape.replicas).await?;
    let fatal: Vec<_> = judge(&settings).into_iter().filter(|finding| finding.fatal).collect();
    if fatal.is_empty() { Ok((shape, settings)) } else { Err(PipeError::Settings(fatal)) }
}

/// What brokers say about a topic that was made spreads among them.
async fn made(asking: &Arc<Mutex<Asking>>) -> Result<Shape, PipeError> {
    let begun = Instant::now();
    loop {
        if let Some(shape) = ask(asking, Asking::shape).await? {
            return Ok(shape);
        }
        if begun.elapsed() > MADE_WITHIN {
            return Err(PipeError::Unreachable("the topic was made and does not appear".into()));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Finds the topic of customers, or makes it; returns its partitions. One that is there is taken as it is.
pub(super) async fn open_customers(options: &Options, asking: &Arc<Mutex<Asking>>) -> Result<u32, PipeError> {
    if let Some(shape) = ask(asking, Asking::shape).await? {
        return Ok(shape.partitions);
    }
    let (name, replicas_min) = (options.customers_topic(), options.replicas_min.max(1).to_string());
    let topic = new_topic(options, &name, &replicas_min).set("cleanup.policy", "compact");
    make(options, &name, topic).await?;
    Ok(made(asking).await?.partitions)
}

async fn create(options: &Options) -> Result<(), PipeError> {
    let (name, replicas_min) = (options.topic(), options.replicas_min.max(1).to_string());
    let topic = new_topic(options, &name, &replicas_min)
        .set("cleanup.policy", "delete")
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1")
        // Else a machine whose clock is wrong is refused.
        .set("message.timestamp.type", "LogAppendTime");
    make(options, &name, topic).await
}

/// What all topics of a hub have in common.
fn new_topic<'a>(options: &Options, name: &'a str, replicas_min: &'a str) -> NewTopic<'a> {
    let number = |of: u32| i32::try_from(of.max(1)).unwrap_or(i32::MAX);
    NewTopic::new(name, number(options.partitions), TopicReplication::Fixed(number(options.replicas)))
        .set("min.insync.replicas", replicas_min)
        .set("unclean.leader.election.enable", "false")
        .set("max.message.bytes", MESSAGE_BYTES)
}

async fn make(options: &Options, name: &str, topic: NewTopic<'_>) -> Result<(), PipeError> {
    use RDKafkaErrorCode as C;
    let (admin, context) = admin(options)?;
    let made = admin.create_topics([&topic], &limits()).await;
    aside(admin);
    match made.map_err(|e| answers::of(&e, &context))?.first() {
        // Somebody else was quicker.
        Some(Ok(_) | Err((_, C::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, code))) => {
            let not_made = format!("the topic {name} is not there and cannot be made: {code}");
            Err(match code {
                C::TopicAuthorizationFailed | C::ClusterAuthorizationFailed => {
                    PipeError::Refused(format!("{not_made}: grant Create, or make it"))
                }
                // Brokers that start may not all be there yet.
                C::InvalidReplicationFactor => PipeError::Unreachable(format!(
                    "{not_made}: {} copies need as many brokers",
                    options.replicas
                )),
                C::InvalidTopic
                | C::InvalidPartitions
                | C::InvalidConfig
                | C::InvalidRequest
                | C::PolicyViolation => PipeError::Refused(not_made),
                _ => PipeError::Unreachable(not_made),
            })
        }
        None => Err(PipeError::Unreachable("no answer about the new topic".into())),
    }
}

/// A topic with the settings of the real one, under another name.
pub(super) async fn create_like(options: &Options, name: &str) -> Result<(), PipeError> {
    let replicas_min = options.replicas_min.max(1).to_string();
    make(options, name, new_topic(options, name, &replicas_min).set("retention.ms", "-1")).await
}

/// Removes topics; those that are not there count as removed.
pub(super) async fn remove(options: &Options, names: &[&str]) -> Result<(), PipeError> {
    let (admin, context) = admin(options)?;
    let removed = admin.delete_topics(names, &limits()).await;
    aside(admin);
    for one in removed.map_err(|e| answers::of(&e, &context))? {
        match one {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((_, code)) => return Err(answers::code(code, &context)),
        }
    }
    Ok(())
}

/// The topic's settings as they are.
pub(super) async fn settings(options: &Options, replicas: usize) -> Result<Settings, PipeError> {
    let name = options.topic();
    let (admin, context) = admin(options)?;
    let told = admin.describe_configs([&ResourceSpecifier::Topic(&name)], &limits()).await;
    aside(admin);
    match told.map_err(|e| answers::of(&e, &context))?.pop() {
        Some(Ok(resource)) => {
            let entries = resource.entries.into_iter();
            let entries = entries.filter_map(|entry| Some((entry.name, entry.value?))).collect();
            Ok(Settings { replicas, entries })
        }
        // It was there a moment ago, and this broker has not heard of it yet.
        Some(Err(RDKafkaErrorCode::UnknownTopicOrPartition)) => {
            Err(PipeError::Unreachable("a broker does not know the topic".into()))
        }
        Some(Err(code)) => Err(answers::code(code, &context)),
        None => Err(PipeError::Unreachable("no answer about the topic's settings".into())),
    }
}

fn limits() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
}

/// A client for one question. Its answers come on a thread of its own.
fn admin(options: &Options) -> Result<(AdminClient<Context>, Context), PipeError> {
    let context = Context::default();
    let config = client::config(options)?;
    let admin = config.create_with_context(context.clone()).map_err(|e| answers::of(&e, &context))?;
    Ok((admin, context))
}
