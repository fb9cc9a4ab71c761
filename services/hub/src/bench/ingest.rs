//! Ingest: a whole hub on this disk, signed requests over sockets, answered when they are durable. The projector folds
//! meanwhile at its lower priority; how long it takes to catch up afterwards is told with each load.

use super::{
    Amounts, failed,
    load::{self, Load},
    probes::Disk,
    report::Figure,
    step,
    stock::{self, Shape},
};
use crate::{cli::Failure, serve};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Longest time without any progress of the projection after a load.
const STILL_MAX: Duration = Duration::from_secs(120);

/// One load: its name, shape, connections, and records a sync of the probe that bounds it.
struct Phase {
    name: &'static str,
    shape: Shape,
    connections: usize,
    group: usize,
}

const PHASES: [Phase; 5] = [
    Phase { name: "webhook, 1 connection", shape: Shape::Webhook, connections: 1, group: 1 },
    Phase { name: "webhook, 64 connections", shape: Shape::Webhook, connections: 64, group: 64 },
    Phase { name: "webhook, 256 connections", shape: Shape::Webhook, connections: 256, group: 64 },
    Phase {
        name: "webhooks of 100 events, 4 connections",
        shape: Shape::WebhookBatch,
        connections: 4,
        group: 512,
    },
    Phase {
        name: "/v1/events with 100 CloudEvents, 4 connections",
        shape: Shape::CloudEventBatch,
        connections: 4,
        group: 512,
    },
];

pub(super) async fn run(dir: &Path, amounts: Amounts, disk: &Disk) -> Result<Vec<Figure>, Failure> {
    let running = serve::start(stock::config(&dir.join("ingest"))?).await?;
    let mut figures = Vec::new();
    let mut first = 0;
    let mut outcome = Ok(());
    for phase in &PHASES {
        step(&format!("ingest: {}", phase.name));
        let address = if phase.shape == Shape::CloudEventBatch { running.api } else { running.ingress };
        let load = Load {
            address,
            shape: phase.shape,
            connections: phase.connections,
            millis: amounts.load_ms,
            first,
            users: amounts.users,
        };
        first += load.requests() as u64 * load.shape.events();
        outcome = one(phase, load, &running.hub, disk, &mut figures).await;
        if outcome.is_err() {
            break;
        }
    }
    running.stop().await;
    outcome.map(|()| figures)
}

async fn one(
    phase: &Phase,
    load: Load,
    hub: &crate::hub::Hub,
    disk: &Disk,
    figures: &mut Vec<Figure>,
) -> Result<(), Failure> {
    let before = hub.log.end();
    let outcome = super::blocking(move || load::in_child(&load)).await?;
    let stored = hub.log.end() - before;
    if stored != outcome.events {
        let told = format!("{} events acknowledged, {stored} in the log", outcome.events);
        return Err(failed(phase.name, told));
    }
    let behind = hub.log.end() - *hub.projector().subscribe().borrow();
    let drained = drain(hub).await?;
    let probe = disk.at(phase.group);
    let at = probe.group;
    let what = |rest: &str| format!("{}{rest}", phase.name);
    let rate = outcome.events as f64 / outcome.seconds;
    figures.extend([
        Figure::new("ingest", what(""), rate, "events/s").beside(format!("P1 at {at}"), probe.records_per_s),
        Figure::new("ingest", what(", p50"), outcome.p50_ms, "ms")
            .beside(format!("P1 at {at}, p50"), probe.p50_us / 1e3),
        Figure::new("ingest", what(", p99"), outcome.p99_ms, "ms")
            .beside(format!("P1 at {at}, p99"), probe.p99_us / 1e3),
        Figure::new("ingest", what(", slowest"), outcome.max_ms, "ms"),
        Figure::new("ingest", what(", events behind at the end"), behind as f64, "events"),
        Figure::new("ingest", what(", caught up after"), drained.as_secs_f64(), "s"),
    ]);
    Ok(())
}

pub(super) async fn drain(hub: &crate::hub::Hub) -> Result<Duration, Failure> {
    let (started, end) = (Instant::now(), hub.log.end());
    let mut folded = hub.projector().subscribe();
    while *folded.borrow_and_update() < end {
        if !matches!(tokio::time::timeout(STILL_MAX, folded.changed()).await, Ok(Ok(()))) {
            return Err(failed("the projection", "it did not catch up"));
        }
    }
    Ok(started.elapsed())
}
