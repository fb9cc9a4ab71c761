//! Which engine carries the log of the hubs under test: `TRIBUTARY_TEST_ENGINE` = `nats` or `kafka` runs the same tests over a
//! broker, every hub with a stream or topic of its own.

use crate::broker::{kafka, nats};
use std::sync::atomic::{AtomicU64, Ordering};

/// The broker of a folder; it runs as long as any folder has it.
pub(super) enum Engine {
    Embedded,
    Nats(nats::Shared),
    Kafka(kafka::Shared),
}

impl Engine {
    /// As the environment says. Where the broker cannot be had the tests fail: they were asked for.
    pub fn wanted() -> Self {
        match std::env::var("TRIBUTARY_TEST_ENGINE").as_deref() {
            Ok("nats") => Self::Nats(nats::Shared::get().expect("a NATS server")),
            Ok("kafka") => Self::Kafka(kafka::Shared::get().expect("a Kafka broker")),
            Ok(other) if other != "embedded" => panic!("TRIBUTARY_TEST_ENGINE is {other}"),
            _ => Self::Embedded,
        }
    }

    pub fn is_broker(&self) -> bool {
        !matches!(self, Self::Embedded)
    }

    /// Lines for `[hub]` and sections.
    pub fn configuration(&self) -> (String, String) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = || format!("t-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match self {
            Self::Embedded => (String::new(), String::new()),
            Self::Nats(server) => (
                format!("name = \"{}\"\n", name()),
                format!("[log]\nengine = \"nats\"\n[log.nats]\nurl = \"{}\"\n", server.url()),
            ),
            Self::Kafka(broker) => (
                format!("name = \"{}\"\n", name()),
                format!(
                    "[log]\nengine = \"kafka\"\n[log.kafka]\nbrokers = \"{}\"\npartitions = 3\n",
                    broker.brokers()
                ),
            ),
        }
    }
}
