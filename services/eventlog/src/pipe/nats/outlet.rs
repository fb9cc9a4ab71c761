//! Changes on subjects of NATS. Who publishes is a key with an age in a bucket; that nobody else does is held by the stream,
//! which takes a message only behind the one that its sender knows.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap, HeaderValue,
    jetstream::{
        self, ErrorCode,
        context::{KeyValueErrorKind, PublishError},
        kv,
        stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream},
    },
};
use async_trait::async_trait;
use tokio::{sync::watch, task::JoinHandle};

use super::{Options, answers, insert, reach};
use crate::pipe::{Binding, Lead, Message, Outlet, PipeError, message::unescaped};

/// Who has not renewed for so long leads no more.
const LEASE: Duration = Duration::from_secs(10);
/// Renewed so often.
const RENEW: Duration = Duration::from_secs(3);
/// Who could not renew for so long stops on its own, before somebody else begins.
const GIVE_UP: Duration = Duration::from_secs(8);
/// Between two looks of one that waits.
const LOOK: Duration = Duration::from_secs(1);
/// The key of the lease.
const KEY: &str = "changes";

/// Subjects `tributary.NAME.changes.CUSTOMER` in a stream that keeps the newest of each.
pub struct NatsOutlet {
    options: Options,
    /// Tells this node from others; without blanks.
    holder: String,
}

impl NatsOutlet {
    /// Connects to nobody yet. `holder` is this node's name, different from all others'.
    #[must_use]
    pub fn new(options: Options, holder: String) -> Self {
        Self { options, holder }
    }
}

impl Options {
    /// The stream of changes.
    #[must_use]
    pub fn changes_stream(&self) -> String {
        format!("TRIBUTARY-{}-CHANGES", self.name)
    }

    fn changes_prefix(&self) -> String {
        format!("tributary.{}.changes", self.name)
    }

    fn bucket(&self) -> String {
        format!("TRIBUTARY-{}-LEASE", self.name)
    }
}

impl NatsOutlet {
    /// Takes over from an earlier life of this node, which a folder has one of at a time.
    async fn inherited(&self, store: &kv::Store, holder: &str) -> Result<Option<u64>, PipeError> {
        let entry = store.entry(KEY).await.map_err(|e| answers::asked(&e))?;
        let of_ours = |entry: &kv::Entry| {
            entry.operation == kv::Operation::Put
                && std::str::from_utf8(&entry.value)
                    .is_ok_and(|by| by.split(' ').next() == Some(&self.holder))
        };
        let Some(entry) = entry.filter(of_ours) else { return Ok(None) };
        match store.update(KEY, holder.to_owned().into(), entry.revision).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(answers::asked(&error)),
        }
    }
}

#[async_trait]
impl Outlet for NatsOutlet {
    async fn lead(&self) -> Result<Box<dyn Lead>, PipeError> {
        let (_, context) = reach(&self.options).await?;
        let store = bucket(&context, &self.options).await?;
        // One process may lead twice: what an earlier life of it wrote is not ours.
        let holder = format!("{} {}", self.holder, nonce());
        let revision = loop {
            match store.create(KEY, holder.clone().into()).await {
                Ok(revision) => break revision,
                Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {}
                Err(error) => return Err(answers::asked(&error)),
            }
            if let Some(revision) = self.inherited(&store, &holder).await? {
                break revision;
            }
            tokio::time::sleep(LOOK).await;
        };
        let (told, lost) = watch::channel(false);
        let lease = Arc::new(Lease { store, holder, revision: watch::Sender::new(revision) });
        let renewing = tokio::spawn(renew(Arc::clone(&lease), told));
        // From here on the lease is given back where something fails.
        let mut lead = NatsLead {
            lease,
            lost,
            renewing,
            context,
            stream: None,
            newest: 0,
            options: self.options.clone(),
        };
        match stream(&lead.context, &lead.options).await {
            Ok(stream) => lead.stream = Some(stream),
            Err(error) => {
                Box::new(lead).resign().await;
                return Err(error);
            }
        }
        Ok(Box::new(lead))
    }
}

/// Different for each call of a process.
fn nonce() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

struct Lease {
    store: kv::Store,
    holder: String,
    revision: watch::Sender<u64>,
}

/// Renews until it fails for too long, then tells.
async fn renew(lease: Arc<Lease>, lost: watch::Sender<bool>) {
    let mut renewed = Instant::now();
    while renewed.elapsed() < GIVE_UP {
        tokio::time::sleep(RENEW).await;
        let begun = Instant::now();
        let revision = *lease.revision.borrow();
        match lease.store.update(KEY, lease.holder.clone().into(), revision).await {
            Ok(revision) => {
                lease.revision.send_replace(revision);
                renewed = begun;
            }
            // An answer that did not reach us may have been a yes.
            Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {
                match lease.store.entry(KEY).await {
                    Ok(Some(entry)) if entry.value == lease.holder.as_bytes() => {
                        lease.revision.send_replace(entry.revision);
                    }
                    Ok(_) => break,
                    Err(_) => {}
                }
            }
            Err(error) => tracing::debug!(%error, "the lease was not renewed"),
        }
    }
    lost.send_replace(true);
}

struct NatsLead {
    lease: Arc<Lease>,
    lost: watch::Receiver<bool>,
    renewing: JoinHandle<()>,
    context: jetstream::Context,
    stream: Option<Stream>,
    /// The stream's last message as we know it.
    newest: u64,
    options: Options,
}

impl Drop for NatsLead {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

#[async_trait]
impl Lead for NatsLead {
    async fn newest(&mut self, attributes: &[&str]) -> Result<Vec<Vec<Option<String>>>, PipeError> {
        let Some(stream) = &self.stream else { return Ok(Vec::new()) };
        let info = stream.get_info().await.map_err(|e| answers::asked(&e))?;
        self.newest = info.state.last_sequence;
        if info.state.messages == 0 {
            return Ok(Vec::new());
        }
        let last = stream.get_raw_message(self.newest).await.map_err(|e| answers::asked(&e))?;
        let value = |name: &&str| {
            let (name, _) = Binding::Nats.header(name, "");
            last.headers.get(&*name).and_then(|value| unescaped(value.as_str())).map(Cow::into_owned)
        };
        Ok(vec![attributes.iter().map(value).collect()])
    }

    async fn publish(&mut self, messages: &[Message]) -> Result<(), PipeError> {
        let prefix = self.options.changes_prefix();
        let mut under_way = Vec::with_capacity(messages.len());
        for message in messages {
            let mut headers = HeaderMap::new();
            for (name, value) in message.headers(Binding::Nats) {
                insert(&mut headers, name, value);
            }
            let behind = self.newest + under_way.len() as u64;
            headers.insert(async_nats::header::NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(behind));
            let subject = format!("{prefix}.{}", message.subject);
            let sent = self.context.publish_with_headers(subject, headers, message.payload.clone()).await;
            under_way.push(sent.map_err(|error| refused(&error, message))?);
        }
        for (answer, message) in under_way.into_iter().zip(messages) {
            let answer = answer.await.map_err(|error| refused(&error, message))?;
            self.newest = answer.sequence;
        }
        Ok(())
    }

    async fn lost(&mut self) {
        // The sender goes with the task that renews, which has ended then.
        let _ = self.lost.wait_for(|lost| *lost).await;
    }

    async fn resign(self: Box<Self>) {
        self.renewing.abort();
        let revision = *self.lease.revision.borrow();
        if let Err(error) = self.lease.store.delete_expect_revision(KEY, Some(revision)).await {
            tracing::debug!(%error, "the lease ends by its age");
        }
    }
}

fn refused(error: &PublishError, message: &Message) -> PipeError {
    use async_nats::jetstream::context::PublishErrorKind;
    match (error.kind(), answers::code(error)) {
        (PublishErrorKind::WrongLastSequence, _) | (_, Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE)) => {
            PipeError::Overtaken("the stream of changes goes on behind another message".to_owned())
        }
        _ => answers::published(error, message.payload.len()),
    }
}

async fn bucket(context: &jetstream::Context, options: &Options) -> Result<kv::Store, PipeError> {
    match context.get_key_value(options.bucket()).await {
        Ok(store) => return Ok(store),
        Err(error) => match (error.kind(), answers::code(&error)) {
            (KeyValueErrorKind::GetBucket, Some(ErrorCode::STREAM_NOT_FOUND)) => {}
            _ => return Err(answers::asked(&error)),
        },
    }
    let config = kv::Config {
        bucket: options.bucket(),
        description: "Which node of a Tributary hub publishes".to_owned(),
        history: 1,
        max_age: LEASE,
        num_replicas: options.replicas.max(1),
        ..kv::Config::default()
    };
    context.create_key_value(config).await.map_err(|error| made(&error))
}

async fn stream(context: &jetstream::Context, options: &Options) -> Result<Stream, PipeError> {
    match context.get_stream(options.changes_stream()).await {
        Ok(stream) => return Ok(stream),
        Err(error) if answers::code(&error) == Some(ErrorCode::STREAM_NOT_FOUND) => {}
        Err(error) => return Err(answers::asked(&error)),
    }
    let config = Config {
        name: options.changes_stream(),
        description: Some("The newest change of each customer of a Tributary hub".to_owned()),
        subjects: vec![format!("{}.>", options.changes_prefix())],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        max_messages_per_subject: 1,
        num_replicas: options.replicas.max(1),
        ..Config::default()
    };
    context.create_stream(config).await.map_err(|error| made(&error))?;
    context.get_stream(options.changes_stream()).await.map_err(|error| answers::asked(&error))
}

/// Why something could not be made: the server's own word is a refusal, silence is not.
fn made(error: &(dyn std::error::Error + 'static)) -> PipeError {
    match answers::code(error) {
        Some(_) => {
            PipeError::Refused(format!("the stream for changes cannot be made: {}", answers::whole(error)))
        }
        None => answers::asked(error),
    }
}
