//! What the metrics tell of a node and its broker. All zero with the embedded engine.

use super::Standing;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::sync::atomic::Ordering;

/// Metrics of a node.
#[derive(Debug, Default)]
pub struct Figures {
    unacknowledged: Gauge,
    away: Gauge,
    trouble: Gauge,
    copying_stopped: Gauge,
    spilled: Counter,
    copied: Counter,
    foreign: Counter,
    stalls: Counter,
    publishing: Gauge,
    published: Counter,
}

impl Figures {
    /// Names and helps; the registry adds `_total` to counters.
    pub fn register(&self, r: &mut Registry) {
        let unacknowledged = "Records of this node that the broker has not acknowledged";
        r.register("broker_unacknowledged_events", unacknowledged, self.unacknowledged.clone());
        r.register("broker_away", "1 while nothing can be sent to the broker", self.away.clone());
        r.register("broker_trouble", "1 where somebody has to mend something first", self.trouble.clone());
        let stopped = "1 while not everything that the broker holds can be copied";
        r.register("broker_copying_stopped", stopped, self.copying_stopped.clone());
        let spilled =
            "Requests answered without the broker's acknowledgement, durable on this node only at that time";
        r.register("broker_spilled", spilled, self.spilled.clone());
        r.register(
            "broker_copied_events",
            "Records of other nodes copied from the broker",
            self.copied.clone(),
        );
        r.register("broker_foreign", "Messages of the stream that are no records", self.foreign.clone());
        let stalls =
            "Times the consumer was torn down and made anew, because the stream went on and nothing came";
        r.register("broker_stalls", stalls, self.stalls.clone());
        let publishing = "1 while this node is the one that publishes changes";
        r.register("broker_publishing", publishing, self.publishing.clone());
        let published = "Changes that this node has published to the broker";
        r.register("broker_published_changes", published, self.published.clone());
    }

    /// Takes over how a node is doing.
    pub fn set(&self, standing: &Standing) {
        self.unacknowledged.set(i64::try_from(standing.waiting).unwrap_or(i64::MAX));
        self.away.set(i64::from(standing.sending.is_some()));
        self.trouble.set(i64::from(standing.trouble.is_some()));
        let changes = standing.changes.clone().unwrap_or_default();
        self.publishing.set(i64::from(changes.publishing));
        self.copying_stopped.set(i64::from(standing.copying.is_some()));
        let copied = &standing.copied;
        for (counter, now) in [
            (&self.spilled, standing.spilled),
            (&self.copied, copied.copied),
            (&self.foreign, copied.foreign),
            (&self.stalls, copied.stalls),
            (&self.published, changes.published),
        ] {
            counter.inner().store(now, Ordering::Relaxed);
        }
    }
}
