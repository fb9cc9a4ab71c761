//! The hub's metrics: names from the contract, labels from bounded sets, never a customer in one.

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError, atomic::AtomicU64},
};
use tributary_core::time::Micros;

/// Media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Label of everything that names no configured channel: names from outside are unbounded.
const UNKNOWN: &str = "unknown";
/// Seconds: from one group commit to a provider's patience.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What became of something received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingest {
    /// A new event in the log.
    Accepted,
    /// An event the log had already.
    Duplicate,
    /// Kept, not understood.
    Unrecognised,
    /// Kept as spam.
    Spam,
    /// Answered with an error; nothing stored.
    Refused,
    /// The log could not take it.
    Failed,
}

impl Ingest {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Unrecognised => "unrecognised",
            Self::Spam => "spam",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

type Label = (&'static str, String);
type Seconds = Gauge<f64, AtomicU64>;

/// All metrics of one hub.
pub struct Metrics {
    registry: Registry,
    channels: BTreeSet<String>,
    /// When each channel last gave an event; the age is computed when it is asked for.
    last_event: Mutex<BTreeMap<String, Micros>>,
    ingest_events: Family<[Label; 2], Counter>,
    ingest_to_change: Histogram,
    lag_events: Gauge,
    lag_seconds: Seconds,
    deadletters: Family<[Label; 1], Gauge>,
    dedup_hits: Counter,
    forwards: Family<[Label; 2], Counter>,
    connections: Family<[Label; 1], Gauge>,
    connections_closed: Family<[Label; 2], Counter>,
    merges: Counter,
    splits: Counter,
    quarantined: Gauge,
    suspicious: Gauge,
    suggestions: Gauge,
    compared: Gauge,
    event_age: Family<[Label; 1], Seconds>,
    pull_connected: Family<[Label; 1], Gauge>,
    pull_failures: Family<[Label; 2], Counter>,
    store_age: Family<[Label; 2], Gauge>,
    store_silent: Family<[Label; 2], Gauge>,
    store_bytes: Gauge,
    log_bytes: Gauge,
    broker: crate::node::Figures,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Metrics {
    /// The metrics of a hub with these channels.
    #[must_use]
    pub fn new(channels: impl IntoIterator<Item = String>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tributary"),
            channels: channels.into_iter().collect(),
            last_event: Mutex::default(),
            ingest_events: Family::default(),
            ingest_to_change: Histogram::new(BUCKETS),
            lag_events: Gauge::default(),
            lag_seconds: Gauge::default(),
            deadletters: Family::default(),
            dedup_hits: Counter::default(),
            forwards: Family::default(),
            connections: Family::default(),
            connections_closed: Family::default(),
            merges: Counter::default(),
            splits: Counter::default(),
            quarantined: Gauge::default(),
            suspicious: Gauge::default(),
            suggestions: Gauge::default(),
            compared: Gauge::default(),
            event_age: Family::default(),
            pull_connected: Family::default(),
            pull_failures: Family::default(),
            store_age: Family::default(),
            store_silent: Family::default(),
            store_bytes: Gauge::default(),
            log_bytes: Gauge::default(),
            broker: crate::node::Figures::default(),
        };
        metrics.register();
        metrics
    }

    /// The registry adds `_total` to counters and the full stop to each help.
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("ingest_events", "Received, by what became of it", self.ingest_events.clone());
        r.register(
            "ingest_to_change_seconds",
            "Time from the record in the log to its change",
            self.ingest_to_change.clone(),
        );
        r.register(
            "projection_lag_events",
            "Records in the log that are not folded",
            self.lag_events.clone(),
        );
        r.register("projection_lag_seconds", "Age of the oldest record not folded", self.lag_seconds.clone());
        r.register("deadletters", "Kept with a reason, waiting for a person", self.deadletters.clone());
        r.register("dedup_hits", "Events that were in the log already", self.dedup_hits.clone());
        r.register("forwards", "Requests that went on to another system, or did not", self.forwards.clone());
        r.register("connections", "Connections that are open", self.connections.clone());
        r.register(
            "connections_closed",
            "Connections that the hub closed or refused, by why",
            self.connections_closed.clone(),
        );
        r.register("identity_merges", "Customers that became one with another", self.merges.clone());
        r.register("identity_splits", "Customers that came apart", self.splits.clone());
        r.register("identity_suggestions", "Pairs of customers that look alike", self.suggestions.clone());
        r.register(
            "identity_compared_customers",
            "Customers that are compared for suggestions",
            self.compared.clone(),
        );
        r.register(
            "identity_quarantined",
            "Identifiers whose claims are not believed because too many links hang together",
            self.quarantined.clone(),
        );
        r.register(
            "identity_suspicious",
            "Identifiers with more receipts or stores on a day than one person makes, not cleared",
            self.suspicious.clone(),
        );
        r.register(
            "channel_last_event_age_seconds",
            "Time since the channel's last event",
            self.event_age.clone(),
        );
        r.register(
            "pull_connected",
            "Whether the channel's own source of mail can be read",
            self.pull_connected.clone(),
        );
        r.register("pull_failures", "Failures to fetch mail, by what failed", self.pull_failures.clone());
        r.register(
            "shop_last_event_age_seconds",
            "Time since a channel's shop was last heard of",
            self.store_age.clone(),
        );
        r.register(
            "shop_silent",
            "1 where a channel's shop is silent for longer than expect_every",
            self.store_silent.clone(),
        );
        r.register("store_bytes", "Size of the view store on disk", self.store_bytes.clone());
        r.register("log_bytes", "Size of the log on disk", self.log_bytes.clone());
        self.broker.register(r);
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        r.register("build", "The running build", Info::new(version));
    }

    /// `count` events of a channel came to this end at `now`.
    pub fn ingested(&self, channel: &str, result: Ingest, count: u64, now: Micros) {
        let channel = self.known(channel);
        let label = [("channel", channel.to_owned()), ("result", result.as_str().to_owned())];
        self.ingest_events.get_or_create(&label).inc_by(count);
        match result {
            Ingest::Accepted | Ingest::Unrecognised | Ingest::Spam => {
                let mut last = self.last_event.lock().unwrap_or_else(PoisonError::into_inner);
                last.insert(channel.to_owned(), now);
            }
            Ingest::Duplicate => {
                self.dedup_hits.inc_by(count);
            }
            Ingest::Refused | Ingest::Failed => {}
        }
    }

    /// A request of a channel was `delivered` to another system, or `failed` to be.
    pub fn forwarded(&self, channel: &str, result: &'static str) {
        let label = [("channel", self.known(channel).to_owned()), ("result", result.to_owned())];
        self.forwards.get_or_create(&label).inc();
    }

    /// Connections of a listener that are open.
    pub fn connections_open(&self, listener: &'static str, count: usize) {
        let label = [("listener", listener.to_owned())];
        self.connections.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The hub closed or refused a connection of a listener; reasons are codes of this program.
    pub fn connection_closed(&self, listener: &'static str, reason: &'static str) {
        let label = [("listener", listener.to_owned()), ("reason", reason.to_owned())];
        self.connections_closed.get_or_create(&label).inc();
    }

    /// A channel's last event as the store knows it, for the time before the first one of this run.
    pub fn last_event_was(&self, channel: &str, at: Micros) {
        let mut last = self.last_event.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.entry(self.known(channel).to_owned()).or_insert(at);
        *known = (*known).max(at);
    }

    /// Whether a channel that fetches its mail can do so.
    pub fn pull_connected(&self, channel: &str, connected: bool) {
        let label = [("channel", self.known(channel).to_owned())];
        self.pull_connected.get_or_create(&label).set(i64::from(connected));
    }

    /// A channel could not fetch its mail; reasons are codes of this program.
    pub fn pull_failed(&self, channel: &str, reason: &'static str) {
        let label = [("channel", self.known(channel).to_owned()), ("reason", reason.to_owned())];
        self.pull_failures.get_or_create(&label).inc();
    }

    /// One change came this long after its record, in seconds.
    pub fn changed_after(&self, seconds: f64) {
        self.ingest_to_change.observe(seconds.max(0.0));
    }

    /// The projection is this far behind the log.
    pub fn projection_lag(&self, events: u64, seconds: f64) {
        self.lag_events.set(whole(events));
        self.lag_seconds.set(seconds);
    }

    /// How many dead letters there are for each reason; reasons are codes of this program.
    pub fn deadletters(&self, by_reason: &[(&'static str, u64)]) {
        self.deadletters.clear();
        for (reason, count) in by_reason {
            self.deadletters.get_or_create(&[("reason", (*reason).to_owned())]).set(whole(*count));
        }
    }

    /// So many customers merged and split since the start; so many identifiers are in quarantine.
    pub fn identity(&self, merges: u64, splits: u64, quarantined: u64) {
        self.quarantined.set(whole(quarantined));
        self.merges.inc_by(merges.saturating_sub(self.merges.get()));
        self.splits.inc_by(splits.saturating_sub(self.splits.get()));
    }

    /// So many identifiers are suspicious and not cleared.
    pub fn suspicious(&self, identifiers: usize) {
        self.suspicious.set(whole(identifiers as u64));
    }

    /// So many pairs look alike among so many customers.
    pub fn suggestions(&self, pairs: usize, customers: usize) {
        self.suggestions.set(whole(pairs as u64));
        self.compared.set(whole(customers as u64));
    }

    /// How long each store that is expected to speak has been silent.
    pub fn stores(&self, all: &[crate::silence::Silent]) {
        self.store_age.clear();
        self.store_silent.clear();
        for silent in all {
            let label = [("channel", silent.channel.clone()), ("store", silent.store.clone())];
            self.store_age.get_or_create(&label).set(whole(silent.seconds));
            self.store_silent.get_or_create(&label).set(i64::from(silent.is_too_long));
        }
    }

    /// How a node of several and its broker are doing.
    pub fn broker(&self, standing: &crate::node::Standing) {
        self.broker.set(standing);
    }

    /// Sizes on disk in bytes.
    pub fn sizes(&self, store_bytes: u64, log_bytes: u64) {
        self.store_bytes.set(whole(store_bytes));
        self.log_bytes.set(whole(log_bytes));
    }

    /// All metrics at `now`, in the OpenMetrics text format.
    #[must_use]
    pub fn render(&self, now: Micros) -> String {
        for (channel, at) in self.last_event.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let micros = now.0.saturating_sub(at.0).max(0);
            let age = std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
            self.event_age.get_or_create(&[("channel", channel.clone())]).set(age);
        }
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    fn known<'a>(&'a self, channel: &'a str) -> &'a str {
        if self.channels.contains(channel) { channel } else { UNKNOWN }
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Ingest, Metrics};
    use tributary_core::time::Micros;

    #[test]
    fn every_name_of_the_contract_is_exposed() {
        let metrics = Metrics::new(["line-main".to_owned()]);
        metrics.ingested("line-main", Ingest::Accepted, 3, Micros::from_secs(100));
        metrics.ingested("line-main", Ingest::Duplicate, 2, Micros::from_secs(105));
        metrics.ingested("made-up-by-a-scanner", Ingest::Refused, 1, Micros::from_secs(105));
        metrics.forwarded("line-main", "failed");
        metrics.pull_connected("line-main", false);
        metrics.pull_failed("line-main", "imap_closed");
        metrics.deadletters(&[("panic", 2)]);
        metrics.deadletters(&[("malformed", 1)]);
        metrics.changed_after(0.002);
        metrics.projection_lag(7, 0.5);
        metrics.identity(4, 1, 6);
        metrics.suggestions(3, 9);
        metrics.suspicious(5);
        metrics.sizes(10, 20);
        let text = metrics.render(Micros::from_secs(130));
        for line in [
            "tributary_ingest_events_total{channel=\"line-main\",result=\"accepted\"} 3",
            "tributary_ingest_events_total{channel=\"line-main\",result=\"duplicate\"} 2",
            "tributary_ingest_events_total{channel=\"unknown\",result=\"refused\"} 1",
            "tributary_ingest_to_change_seconds_bucket{le=\"0.0025\"} 1",
            "tributary_projection_lag_events 7",
            "tributary_projection_lag_seconds 0.5",
            "tributary_deadletters{reason=\"malformed\"} 1",
            "tributary_dedup_hits_total 2",
            "tributary_forwards_total{channel=\"line-main\",result=\"failed\"} 1",
            "tributary_identity_merges_total 4",
            "tributary_identity_splits_total 1",
            "tributary_identity_quarantined 6",
            "tributary_identity_suspicious 5",
            "tributary_identity_suggestions 3",
            "tributary_identity_compared_customers 9",
            "tributary_channel_last_event_age_seconds{channel=\"line-main\"} 30.0",
            "tributary_pull_connected{channel=\"line-main\"} 0",
            "tributary_pull_failures_total{channel=\"line-main\",reason=\"imap_closed\"} 1",
            "tributary_store_bytes 10",
            "tributary_log_bytes 20",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        let build = format!("tributary_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&build), "{text}");
        assert!(!text.contains("scanner") && !text.contains("panic"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
