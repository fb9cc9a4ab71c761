//! The running hub's parts, shared by its two listeners: channels, log, projector, key, figures.

use crate::{
    alarm::Alarm,
    bodies::Bodies,
    config::Config,
    forward::Forwarding,
    login::KeyStore,
    metrics::{Ingest, Metrics},
    node::{Node, Trouble, Weaver},
    problem::Problem,
    profiles::Profiles,
    query::PUBLISH_BODY_MAX,
    suggest::Finder,
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tributary_channels::{adapter::Unrecognised, digest, settings::Channel};
use tributary_core::{
    body::Body,
    draft::{ChannelContext, Draft},
    event::{Event, flags},
    ids::{Cursor, Position},
    time::Micros,
    token::IndexKey,
    wire,
};
use tributary_eventlog::{AppendError, Appended, Clock, EventLog, NewRecord, Order, Origin, ReadError};
use tributary_projector::Projector;

/// Longest wait for the projection in `min_position=`.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// Seconds a provider should wait when the log cannot be written: it is opened again within one.
const RETRY_AFTER: u32 = 5;

/// Everything that requests need.
pub struct Hub {
    /// The configuration in effect.
    pub config: Config,
    /// Room for the bodies of requests.
    pub bodies: Bodies,
    /// This node's log.
    pub log: Arc<dyn EventLog>,
    /// All that is folded here: this node's log, and the copies of others' where there are any.
    pub order: Arc<dyn Order>,
    /// What a broker adds, where there is one.
    pub node: Option<Arc<Node>>,
    /// What keeps the order of several logs, where there are several.
    pub weaver: Option<Arc<Weaver>>,
    /// Figures.
    pub metrics: Metrics,
    /// What the tasks that fetch mail do.
    pub pulls: crate::pull::Pulls,
    /// Tokens of requests that must not come again with other content.
    pub once: crate::once::Seen,
    /// Requests of its own to its door.
    pub probes: crate::standing::Probes,
    /// Rebuilds and the like.
    pub jobs: crate::jobs::Jobs,
    /// Finds customers that look alike; `None` where the configuration turns that off.
    pub finder: Option<Arc<Finder>>,
    /// Tells of suspicious identifiers.
    pub alarm: Alarm,
    /// What goes on to others.
    pub forwarding: Forwarding,
    /// Keys of platforms' logins.
    pub login_keys: KeyStore,
    /// Whose profile is to be asked for.
    pub profiles: Profiles,
    /// Posts to public channels in the running minute.
    pub counts: crate::pace::Counts,
    /// Which stores were heard when.
    pub silence: crate::silence::Silence,
    projector: Arc<Projector>,
    channels: HashMap<String, usize>,
    key: IndexKey,
    clock: Arc<dyn Clock>,
    refused: Mutex<HashMap<String, HashMap<&'static str, u64>>>,
    taken: Mutex<HashMap<String, Taken>>,
}

/// Events that requests of one channel brought since the start and that were answered as stored. Pieces of large payloads
/// are no events of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Appended.
    pub accepted: u64,
    /// In the log already, and so not appended.
    pub duplicates: u64,
}

/// What became of one request's events.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// New events.
    pub accepted: u64,
    /// Events the log had already.
    pub duplicates: u64,
    /// Where the last of them stands.
    pub position: Option<Position>,
    /// Sequences of the first and the last record that was appended, if any was.
    pub new: Option<(u64, u64)>,
}

/// The logs of a hub.
pub struct Logs {
    /// This node's.
    pub own: Arc<dyn EventLog>,
    /// All that is folded here.
    pub order: Arc<dyn Order>,
    /// What keeps that order, where there are several logs.
    pub weaver: Option<Arc<Weaver>>,
    /// What a broker adds.
    pub node: Option<Arc<Node>>,
}

impl Logs {
    /// One log and no broker.
    #[must_use]
    pub fn alone(own: Arc<dyn EventLog>) -> Self {
        Self { order: Arc::clone(&own) as _, own, weaver: None, node: None }
    }
}

impl Hub {
    /// A hub of these parts.
    #[must_use]
    pub fn new(
        config: Config,
        logs: Logs,
        projector: Arc<Projector>,
        key: IndexKey,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let Logs { own: log, order, weaver, node } = logs;
        let names = config.channels.iter().map(|c| c.context.name.clone());
        let own = ["console", crate::tokens::LOCAL].map(str::to_owned);
        let metrics = Metrics::new(names.clone().chain(own));
        let channels = names.enumerate().map(|(at, name)| (name, at)).collect();
        let (jobs, refused, taken) = (crate::jobs::Jobs::default(), Mutex::default(), Mutex::default());
        let wanted = config.suggestions;
        let finder = wanted.enabled.then(|| Arc::new(Finder::new(wanted.max_customers)));
        let counts = crate::pace::Counts::default();
        let alarm = Alarm::new(order.last_number());
        let forwarding = Forwarding::new(&config);
        let profiles = Profiles::new(&config.channels);
        let login_keys = KeyStore::default();
        let (pulls, once, probes) = Default::default();
        let now = Micros(clock.now_micros());
        let silence = crate::silence::Silence::open(&config.channels, &config.hub.data_dir, now);
        let largest = config.channels.iter().map(|c| c.registration.body_max).max().unwrap_or_default();
        Self {
            bodies: Bodies::new(largest.max(PUBLISH_BODY_MAX)),
            config,
            log,
            order,
            node,
            weaver,
            metrics,
            pulls,
            once,
            probes,
            jobs,
            finder,
            counts,
            alarm,
            forwarding,
            login_keys,
            profiles,
            silence,
            projector,
            channels,
            key,
            clock,
            refused,
            taken,
        }
    }

    /// The projector.
    #[must_use]
    pub fn projector(&self) -> &Arc<Projector> {
        &self.projector
    }

    /// The key of identifier tokens.
    #[must_use]
    pub fn key(&self) -> &IndexKey {
        &self.key
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Micros {
        Micros(self.clock.now_micros())
    }

    /// The channel of this name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.get(name).and_then(|at| self.config.channels.get(*at))
    }

    /// Notes a request that left nothing in the log.
    pub fn refused(&self, channel: &str, code: &'static str) {
        self.metrics.ingested(channel, Ingest::Refused, 1, self.now());
        if self.channel(channel).is_some() {
            let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *all.entry(channel.to_owned()).or_default().entry(code).or_default() += 1;
        }
    }

    /// Requests of a channel that left nothing in the log since the start, by code.
    #[must_use]
    pub fn refusals(&self, channel: &str) -> HashMap<&'static str, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get(channel).cloned().unwrap_or_default()
    }

    /// What a channel's requests brought since the start.
    #[must_use]
    pub fn taken(&self, channel: &str) -> Taken {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).get(channel).copied().unwrap_or_default()
    }

    /// The events of a request's drafts and of its remainder, in order.
    #[must_use]
    pub fn events(
        &self,
        context: &ChannelContext,
        drafts: Vec<Draft>,
        unrecognised: Vec<Unrecognised>,
        received_at: Micros,
    ) -> Vec<Event> {
        let mut events = Vec::with_capacity(drafts.len() + unrecognised.len());
        for draft in drafts {
            events.extend(context.events(draft, received_at, &self.key));
        }
        for rest in unrecognised {
            events.extend(context.events(unrecognised_draft(rest), received_at, &self.key));
        }
        events
    }

    /// Appends events; returns when they are durable.
    ///
    /// # Errors
    /// 503 with Retry-After while the log cannot be written, 413 for an event that no record can hold.
    pub async fn store(&self, channel: &str, events: Vec<Event>) -> Result<Stored, Problem> {
        if events.is_empty() {
            return Ok(Stored::default());
        }
        let kinds: Vec<Counted> = events.iter().map(Counted::of).collect();
        let records: Vec<NewRecord> = events.iter().map(record).collect();
        match self.append(records).await {
            Ok(appended) => {
                if let (Some(node), Some(last)) =
                    (&self.node, appended.iter().map(|a| a.position.sequence).max())
                {
                    node.acknowledged(last).await;
                }
                self.silence.heard(channel, &events, self.now());
                Ok(self.account(channel, &appended, &kinds))
            }
            Err(problem) => {
                self.metrics.ingested(channel, Ingest::Failed, 1, self.now());
                Err(problem)
            }
        }
    }

    /// Appends records of whatever source; returns when they are durable here. Nobody else may append to the log of a hub: it
    /// must not grow before it was compared with what a broker holds of it.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, Problem> {
        self.may_append()?;
        self.log.append(records).await.map_err(|e| append_problem(&e))
    }

    /// As [`append`](Self::append), for threads outside the async runtime.
    ///
    /// # Errors
    /// The same.
    pub fn append_blocking(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, Problem> {
        self.may_append()?;
        self.log.append_blocking(records).map_err(|e| append_problem(&e))
    }

    fn may_append(&self) -> Result<(), Problem> {
        self.node
            .as_ref()
            .and_then(|node| node.refuses())
            .map_or(Ok(()), |trouble| Err(refused_by_node(trouble)))
    }

    fn account(&self, channel: &str, appended: &[Appended], kinds: &[Counted]) -> Stored {
        let (mut accepted, mut duplicates, mut kept, mut spam) = (0, 0, 0, 0);
        for (one, kind) in appended.iter().zip(kinds) {
            match (kind, one.duplicate) {
                (Counted::Piece, _) => {}
                (_, true) => duplicates += 1,
                (Counted::Event, false) => accepted += 1,
                (Counted::Unrecognised, false) => (accepted, kept) = (accepted + 1, kept + 1),
                (Counted::Spam, false) => (accepted, spam) = (accepted + 1, spam + 1),
            }
        }
        {
            let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = all.entry(channel.to_owned()).or_default();
            taken.accepted += accepted;
            taken.duplicates += duplicates;
        }
        let now = self.now();
        for (result, count) in [
            (Ingest::Accepted, accepted - kept - spam),
            (Ingest::Unrecognised, kept),
            (Ingest::Spam, spam),
            (Ingest::Duplicate, duplicates),
        ] {
            if count > 0 {
                self.metrics.ingested(channel, result, count, now);
            }
        }
        let last = appended.iter().map(|a| a.position).max();
        let position = last.map(|p| Position { origin: p.origin.0, sequence: p.sequence });
        let new = appended.iter().filter(|a| !a.duplicate).map(|a| a.position.sequence);
        let new = new.clone().min().zip(new.max());
        Stored { accepted, duplicates, position, new }
    }

    /// Everything up to here is durable.
    #[must_use]
    pub fn end(&self) -> Cursor {
        let own = Position { origin: self.log.origin().0, sequence: self.log.end() };
        // Not among what is folded on a node that only takes.
        let mut end = cursor(self.order.ends());
        end.advance(own);
        end
    }

    /// How far each origin's log is folded.
    ///
    /// # Errors
    /// 503 if the order of the records cannot be read.
    pub fn folded(&self) -> Result<Cursor, Problem> {
        self.reach(*self.projector.subscribe().borrow())
    }

    /// How far the first so many records of this node reach.
    ///
    /// # Errors
    /// 503 if the order of the records cannot be read.
    pub fn reach(&self, number: u64) -> Result<Cursor, Problem> {
        self.order.reach(number).map(cursor).map_err(|e| unordered(&e))
    }

    /// How many records of this node, from the first on, a cursor covers without a gap.
    ///
    /// # Errors
    /// 503 if the order of the records cannot be read.
    pub fn covered(&self, by: &Cursor) -> Result<u64, Problem> {
        let reached: Vec<_> = by.positions().iter().map(|p| in_log(*p)).collect();
        self.order.covered(&reached).map_err(|e| unordered(&e))
    }

    /// The number that covers `cursor`: of the last of its records here.
    ///
    /// # Errors
    /// 503 if the order of the records cannot be read.
    pub fn number_covering(&self, cursor: &Cursor) -> Result<u64, Problem> {
        let numbers = cursor.positions().iter().map(|p| self.order.number_of(in_log(*p)));
        let numbers = numbers.collect::<Result<Vec<_>, _>>().map_err(|e| unordered(&e))?;
        Ok(numbers.into_iter().flatten().max().unwrap_or_default())
    }

    /// Whether a cursor is of this hub's past, or of what other nodes have and this one will.
    fn may_come(&self, cursor: &Cursor) -> bool {
        let (end, own) = (self.end(), self.log.origin().0);
        cursor
            .positions()
            .iter()
            .all(|p| end.sequence(p.origin) >= p.sequence || (p.origin != own && self.node.is_some()))
    }

    /// Waits until the projection covers `cursor`.
    ///
    /// # Errors
    /// 400 for a cursor of another hub or beyond the log's end, 503 if it takes longer than [`WAIT_MAX`].
    pub async fn wait_for(&self, cursor: &Cursor) -> Result<(), Problem> {
        if !self.may_come(cursor) {
            let detail = "this position is beyond the end of the log, or of another hub";
            return Err(Problem::new(400, "position_unknown", detail));
        }
        let mut folded = self.projector.subscribe();
        let covers = |number: &u64| self.reach(*number).is_ok_and(|reach| reach.covers(cursor));
        if covers(&folded.borrow_and_update()) {
            return Ok(());
        }
        let _hurry = self.weaver.as_ref().map(|weaver| weaver.hurry());
        let wait = folded.wait_for(covers);
        match tokio::time::timeout(WAIT_MAX, wait).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Problem::new(503, "projection_behind", "the projection has not come so far yet")
                .remedy("try again; /v1/lag tells how far it is behind")
                .retry_after(1)),
        }
    }
}

/// How a record counts in a channel's figures.
enum Counted {
    Event,
    Unrecognised,
    /// Kept, and nobody's.
    Spam,
    /// A part of a payload that is too large for one record.
    Piece,
}

impl Counted {
    fn of(event: &Event) -> Self {
        match event.body {
            Body::Chunk { .. } => Self::Piece,
            Body::Unrecognised { .. } => Self::Unrecognised,
            _ if event.flags & flags::SPAM != 0 => Self::Spam,
            _ => Self::Event,
        }
    }
}

pub(crate) fn unrecognised_draft(rest: Unrecognised) -> Draft {
    // Named after its bytes: the same remainder is the same event, however often it is sent.
    let key = format!("unrecognised/{}", digest::hex32(&rest.raw.to_bytes()));
    let mut draft = Draft::new(key, Body::Unrecognised { reason: rest.reason.to_owned() });
    if !rest.detail.is_empty() {
        draft.content.fields.insert("detail".into(), rest.detail.into());
    }
    draft.raw = rest.raw;
    draft
}

/// The record of an event. Attributes are what a reader may filter by without decoding.
#[must_use]
pub fn record(event: &Event) -> NewRecord {
    let attributes = [("channel", event.channel.as_str()), ("type", event.body.type_name())].into();
    NewRecord { id: event.id.0, attributes, payload: Bytes::from(wire::encode(event)) }
}

fn append_problem(error: &AppendError) -> Problem {
    if error.retryable() {
        tracing::warn!(error = %error, "the log takes no records");
        return Problem::new(
            503,
            "log_not_writable",
            "the log cannot be written at the moment; nothing was stored",
        )
        .remedy("send it again")
        .retry_after(RETRY_AFTER);
    }
    Problem::new(413, "event_too_large", error.to_string())
}

/// What a node cannot take must not be answered with 2xx.
fn refused_by_node(trouble: Trouble) -> Problem {
    tracing::warn!(code = trouble.code, "nothing is taken: {}", trouble.detail);
    Problem::new(503, trouble.code, trouble.detail).remedy(trouble.remedy).retry_after(RETRY_AFTER)
}

/// Positions of logs as a cursor.
pub(crate) fn cursor(positions: Vec<tributary_eventlog::Position>) -> Cursor {
    Cursor::new(positions.into_iter().map(|p| Position { origin: p.origin.0, sequence: p.sequence }))
}

/// A position in the log's terms.
#[must_use]
pub fn in_log(position: Position) -> tributary_eventlog::Position {
    tributary_eventlog::Position { origin: Origin(position.origin), sequence: position.sequence }
}

fn unordered(error: &ReadError) -> Problem {
    tracing::error!(%error, "the order of the records cannot be read");
    Problem::new(503, "log_unreadable", "the order of this node's records cannot be read at the moment")
        .retry_after(RETRY_AFTER)
}
