//! A NATS JetStream stream as a pipe. One stream holds all origins; a message is a record with CloudEvents headers (`ce-`).

mod answers;
mod bare;
mod inspect;
mod outlet;
mod receive;
mod settings;
mod stream;

use std::{borrow::Cow, path::PathBuf, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, HeaderName,
    jetstream::{self, stream::Stream},
};
use async_trait::async_trait;
use tokio::sync::{OnceCell, watch};

use super::{
    Binding, Finding, Incoming, Inspection, Labels, Pipe, PipeError, Place, State, forward, message,
};
use crate::Record;

pub use super::login::NatsLogin as Login;
pub use bare::NatsBare;
pub use outlet::NatsOutlet;
pub use settings::judge;

/// Longest wait for one answer of the server.
const ANSWER: Duration = Duration::from_secs(5);
/// Messages without an answer at a time: room for all windows of a forwarder, and for as many that it gave up and whose answers
/// may still come. With less, windows that are half sent would wait for each other.
const UNDER_WAY_MAX: usize = 2 * forward::UNDER_WAY;
/// The one partition.
const PARTITION: u32 = 0;

/// Where the stream is and what it is called.
#[derive(Clone)]
pub struct Options {
    /// `nats://host:port` or `tls://host:port`, several separated by commas.
    pub url: String,
    /// Credentials.
    pub login: Login,
    /// Root certificates (PEM) beside those of the system.
    pub roots: Option<PathBuf>,
    /// The hub's name: the stream is `TRIBUTARY-NAME`, its subjects `tributary.NAME.events.>`.
    pub name: String,
    /// Copies of the stream on servers of a cluster, where it is made here.
    pub replicas: usize,
    /// What stands in subjects and headers.
    pub labels: Arc<dyn Labels>,
}

impl Options {
    /// The stream's name.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("TRIBUTARY-{}", self.name)
    }

    /// What every subject of the stream begins with.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("tributary.{}.events", self.name)
    }
}

/// A pipe over one stream. It connects when it is first used.
pub struct Nats {
    options: Options,
    connected: OnceCell<Connected>,
}

struct Connected {
    client: Client,
    context: jetstream::Context,
    stream: Stream,
    lost: Lost,
}

/// Rises whenever the connection is lost. The client makes a new one by itself; but answers that were under way never come, and
/// the server has forgotten who read.
#[derive(Clone)]
struct Lost(watch::Receiver<u64>);

impl Lost {
    /// Returns when the connection is lost, with what that means for whoever waits.
    async fn wait(&mut self) -> PipeError {
        // The client and what it calls back are gone where this fails.
        let _ = self.0.changed().await;
        PipeError::Unreachable("the connection was lost".to_owned())
    }

    /// From now on.
    fn since_now(&self) -> Self {
        let mut since = self.clone();
        since.0.mark_unchanged();
        since
    }
}

impl Nats {
    /// A pipe that is not connected yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, connected: OnceCell::new() }
    }

    async fn connected(&self) -> Result<&Connected, PipeError> {
        self.connected.get_or_try_init(|| connect(&self.options)).await
    }

    async fn publish(&self, connected: &Connected, records: &[Record]) -> Result<u64, PipeError> {
        let prefix = self.options.prefix();
        let mut under_way = Vec::with_capacity(records.len());
        for record in records {
            let (subject, headers) = put_together(record, &prefix, &*self.options.labels);
            let sent = connected.context.publish_with_headers(subject, headers, record.payload.clone()).await;
            under_way.push((sent.map_err(|e| answers::published(&e, record.payload.len()))?, record));
        }
        let mut newest = 0;
        for (answer, record) in under_way {
            let answer = answer.await.map_err(|e| answers::published(&e, record.payload.len()))?;
            newest = newest.max(answer.sequence);
        }
        Ok(newest)
    }
}

#[async_trait]
impl Pipe for Nats {
    async fn send(&self, records: &[Record]) -> Result<(u32, u64), PipeError> {
        let connected = self.connected().await?;
        let mut lost = connected.lost.since_now();
        tokio::select! {
            sent = self.publish(connected, records) => Ok((PARTITION, sent?)),
            error = lost.wait() => Err(error),
        }
    }

    async fn state(&self) -> Result<State, PipeError> {
        stream::state(self.connected().await?).await
    }

    async fn receive(&self, after: &Place) -> Result<Box<dyn Incoming>, PipeError> {
        let after = after.read.get(&PARTITION).copied().unwrap_or(0);
        Ok(Box::new(receive::start(self.connected().await?, after).await?))
    }

    async fn findings(&self) -> Result<Vec<Finding>, PipeError> {
        let connected = self.connected().await?;
        let info = stream::info(connected).await?;
        let server = connected.client.server_info();
        Ok(judge(&info.config, &server.version, server.max_payload))
    }

    async fn inspect(&self) -> Result<Inspection, PipeError> {
        let (client, context) = reach(&self.options).await?;
        inspect::inspect(&client, &context, &self.options).await
    }
}

async fn connect(options: &Options) -> Result<Connected, PipeError> {
    let (tell, lost) = watch::channel(0);
    let on_event = move |event| {
        if event == Event::Disconnected {
            tell.send_modify(|times| *times += 1);
        }
        std::future::ready(())
    };
    let (client, context) = join(connecting(options)?.event_callback(on_event), options).await?;
    let stream = stream::open(&context, options).await?;
    Ok(Connected { client, context, stream, lost: Lost(lost) })
}

/// A connection that has made nothing yet.
async fn reach(options: &Options) -> Result<(Client, jetstream::Context), PipeError> {
    join(connecting(options)?, options).await
}

fn connecting(options: &Options) -> Result<ConnectOptions, PipeError> {
    let mut connecting = ConnectOptions::new()
        .name(format!("tributary {}", options.name))
        .connection_timeout(ANSWER)
        .request_timeout(Some(ANSWER));
    connecting = match &options.login {
        Login::None => connecting,
        Login::Password(user, password) => connecting.user_and_password(user.clone(), password.clone()),
        Login::Token(token) => connecting.token(token.clone()),
        Login::NKey(seed) => connecting.nkey(seed.clone()),
        Login::Credentials(text) => {
            connecting.credentials(text).map_err(|e| PipeError::Refused(format!("the credentials: {e}")))?
        }
    };
    if let Some(roots) = &options.roots {
        connecting = connecting.add_root_certificates(roots.clone());
    }
    Ok(connecting)
}

async fn join(
    connecting: ConnectOptions,
    options: &Options,
) -> Result<(Client, jetstream::Context), PipeError> {
    let servers: Vec<&str> = options.url.split(',').map(str::trim).collect();
    let client = connecting.connect(servers.as_slice()).await.map_err(|error| match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            PipeError::Refused(error.to_string())
        }
        ConnectErrorKind::ServerParse => PipeError::Refused(format!("the address: {error}")),
        _ => PipeError::Unreachable(error.to_string()),
    })?;
    let context = jetstream::ContextBuilder::new()
        .timeout(ANSWER)
        .ack_timeout(ANSWER)
        .max_ack_inflight(UNDER_WAY_MAX)
        .build(client.clone());
    Ok((client, context))
}

/// The client looks a new name through, and takes one that is known.
fn insert(headers: &mut HeaderMap, name: Cow<'static, str>, value: String) {
    match name {
        Cow::Borrowed(name) => headers.insert(HeaderName::from_static(name), value),
        Cow::Owned(name) => headers.insert(name, value),
    }
}

/// Subject and headers of a record's message.
fn put_together(record: &Record, prefix: &str, labels: &dyn Labels) -> (String, HeaderMap) {
    let mut headers = HeaderMap::new();
    for (name, value) in message::encode(record, Binding::Nats, labels) {
        insert(&mut headers, name, value);
    }
    let at = record.position;
    headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("{}-{}", at.origin, at.sequence));
    (subject(prefix, &labels.subject(record)), headers)
}

/// A subject's tokens hold no dots of their own, no wildcards and no blanks.
fn subject(prefix: &str, text: &str) -> String {
    let stays = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let mut out = String::with_capacity(prefix.len() + 1 + text.len());
    out.push_str(prefix);
    out.push('.');
    out.extend(text.chars().map(|c| if stays(c) { c } else { '_' }));
    out
}
