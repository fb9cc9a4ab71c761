//! A broker: what it carries for a hub, beside its client alone, on a server that somebody runs. Streams and topics have a name
//! of their own and are removed afterwards.

use super::{
    Amounts, Engine, failed,
    load::{self, Load},
    report::Figure,
    sample::Sample,
    step,
    stock::{self, Shape},
};
use crate::{cli::Failure, config::Config, hub, node, serve};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tributary_eventlog::{
    EventLog, NewRecord, Options as LogOptions, Origin, SegmentLog,
    pipe::{Bare, Forwarder, Mirrors, Pipe, PipeError},
};

/// Each pair is measured so often, in turns; the middle one counts.
const ROUNDS: usize = 3;
/// Messages of the client alone without an answer: no more helps it.
const UNDER_WAY: usize = 1_024;
/// Requests and connections of the loads, and messages under way beside them.
const LOADS: [(Shape, usize); 2] = [(Shape::Webhook, CONNECTIONS), (Shape::WebhookBatch, 4)];
const CONNECTIONS: usize = 64;
/// Messages of the client alone beside the load: a server that syncs each takes seconds for so many.
const ALONE_MAX: usize = 10_000;
/// Records appended at once.
const PORTION: u64 = 1_000;
/// Longest time without progress.
const STILL_MAX: Duration = Duration::from_secs(60);

/// Measures pipes, then a hub over them.
pub(super) async fn run(
    dir: &Path,
    amounts: Amounts,
    engine: Engine,
    address: &str,
) -> Result<Vec<Figure>, Failure> {
    let name = format!("bench-{:08x}", serve::random_u32());
    let mut figures = Vec::new();
    for (of, ack) in [("pipes", None), ("local", Some("local")), ("broker", Some("broker"))] {
        // Hubs of their own: each has a key of its own.
        let table = log_table(engine, address, ack.unwrap_or("local"));
        let config = stock::config_with(&dir.join(of), &format!("{name}-{of}"), &table)?;
        let broker = config.log.broker.clone().ok_or_else(|| failed("the engine", "it is no broker"))?;
        let bare = node::bare(&config, &broker.engine)?;
        let measured = match ack {
            None => carried(dir, amounts, &config, &*bare).await,
            Some(ack) => acknowledged(config, amounts, ack, &*bare).await,
        };
        // Also where it went wrong.
        let removed = bare.remove().await;
        figures.extend(measured?);
        removed.map_err(|e| refused("removing what was made", &e))?;
    }
    Ok(figures)
}

fn log_table(engine: Engine, address: &str, ack: &str) -> String {
    let address = toml::Value::from(address);
    let log = |name: &str, table: &str| {
        format!(
            "[log]\nengine = \"{name}\"\nack = \"{ack}\"\nchanges = \"off\"\n[log.{name}]\n{table} = {address}\n"
        )
    };
    match engine {
        Engine::Nats => log("nats", "url"),
        Engine::Kafka => log("kafka", "brokers"),
    }
}

fn refused(what: &str, error: &PipeError) -> Failure {
    failed(what, format!("{}: {error}", error.code())).remedy(error.remedy())
}

/// Sending and copying of whole logs.
async fn carried(
    dir: &Path,
    amounts: Amounts,
    config: &Config,
    bare: &dyn Bare,
) -> Result<Vec<Figure>, Failure> {
    let broker = config.log.broker.as_ref().ok_or_else(|| failed("the engine", "it is no broker"))?;
    let pipe = || node::pipe(config, &broker.engine);
    let count = amounts.events;
    let sample = Sample::new(count, 0);
    let (mut alone, mut sent) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        step(&format!("a log into the broker, {} of {ROUNDS}", round + 1));
        let log = fill(&dir.join(format!("log-{round}")), round as u32 + 1, &sample, count).await?;
        let records: Vec<_> = tributary_eventlog::scan(&*log, 1).flatten().collect();
        let took = bare.publish(&records, UNDER_WAY).await.map_err(|e| refused("the client alone", &e))?;
        alone.push(records.len() as f64 / took.as_secs_f64());
        let pipe = pipe()?;
        // Connecting is no part of the figure, as it is none for the client alone. That the first record comes twice is usual.
        pipe.send(records.get(..1).unwrap_or_default()).await.map_err(|e| refused("the stream", &e))?;
        let begun = Instant::now();
        forward(&log, pipe, &dir.join(format!("sent-{round}"))).await?;
        sent.push(rate(log.end(), begun));
    }
    let all = (count + 1) * ROUNDS as u64;
    let (mut read, mut copied) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        step(&format!("the broker into a log, {} of {ROUNDS}", round + 1));
        let begun = Instant::now();
        bare.read(all).await.map_err(|e| refused("the client alone", &e))?;
        read.push(rate(all, begun));
        let copies = dir.join("copies");
        let begun = Instant::now();
        copy(&copies, &*pipe()?, all).await?;
        copied.push(rate(all, begun));
        // The next round fills the same memory and disk.
        std::fs::remove_dir_all(&copies).map_err(|e| failed("the copies", e))?;
    }
    let figure = |what: &str, ours: Vec<f64>, alone: Vec<f64>| {
        Figure::new("broker", what, middle(ours), "events/s").beside("the client alone", middle(alone))
    };
    Ok(vec![figure("sending a log", sent, alone), figure("copying logs", copied, read)])
}

async fn fill(dir: &Path, origin: u32, sample: &Sample, count: u64) -> Result<Arc<dyn EventLog>, Failure> {
    let options = LogOptions::new(dir, Some(Origin(origin)), Arc::new(serve::random_u64));
    let log = SegmentLog::open(options).map_err(|e| failed("a log", e))?;
    let mut at = 0;
    while at < count {
        let upto = (at + PORTION).min(count);
        let mut records: Vec<NewRecord> = sample.events(at, upto).iter().map(hub::record).collect();
        for (place, record) in records.iter_mut().enumerate() {
            // The sample repeats some, and every log of a round has the same: a broker keeps all.
            let number = (u64::from(origin) << 40) + at + place as u64;
            record.id[..8].copy_from_slice(&number.to_be_bytes());
        }
        log.append(records).await.map_err(|e| failed("a log", e))?;
        at = upto;
    }
    Ok(Arc::new(log))
}

async fn forward(log: &Arc<dyn EventLog>, pipe: Arc<dyn Pipe>, file: &Path) -> Result<(), Failure> {
    let forwarder =
        Forwarder::new(Arc::clone(log), pipe, file.to_owned()).map_err(|e| failed("the forwarder", e))?;
    let (_stop, stopped) = watch::channel(false);
    let (mut acknowledged, end) = (forwarder.acknowledged(), log.end());
    let all = async {
        loop {
            let before = *acknowledged.borrow_and_update();
            if before >= end {
                return Ok(());
            }
            if tokio::time::timeout(STILL_MAX, acknowledged.changed()).await.is_err() {
                return Err(failed("sending", format!("nothing went on behind {before}")));
            }
        }
    };
    tokio::select! {
        done = all => done,
        ended = forwarder.run(stopped) => match ended {
            Ok(()) => Err(failed("sending", "it ended")),
            Err(error) => Err(refused("sending", &error)),
        },
    }
}

async fn copy(dir: &Path, pipe: &dyn Pipe, count: u64) -> Result<(), Failure> {
    let options = LogOptions::new(dir.join("log"), Some(Origin(0)), Arc::new(serve::random_u64));
    let own: Arc<dyn EventLog> = Arc::new(SegmentLog::open(options).map_err(|e| failed("a log", e))?);
    let mirrors = Mirrors::open(dir.join("mirrors"), own, Arc::new(serve::random_u64));
    let mirrors = mirrors.map_err(|e| failed("the copies", e))?;
    let mut origins = mirrors.origins();
    let all = async {
        let mut newest = (0, Instant::now());
        loop {
            let come: u64 = mirrors.logs().values().map(|log| log.end()).sum();
            if come >= count {
                return Ok(());
            }
            if come > newest.0 {
                newest = (come, Instant::now());
            } else if newest.1.elapsed() > STILL_MAX {
                return Err(failed("copying", format!("nothing came behind {come}")));
            }
            let _ = tokio::time::timeout(Duration::from_millis(2), origins.changed()).await;
        }
    };
    tokio::select! {
        done = all => done,
        Err(error) = mirrors.run(pipe) => Err(failed("copying", format!("{}: {error}", error.code()))),
    }
}

/// Requests over sockets, answered when this is durable or the broker has it: one event each, and a hundred.
async fn acknowledged(
    config: Config,
    amounts: Amounts,
    ack: &str,
    bare: &dyn Bare,
) -> Result<Vec<Figure>, Failure> {
    let running = serve::start(config).await?;
    let (mut outcomes, mut first) = (Vec::new(), 0);
    for (shape, connections) in LOADS {
        let (address, millis, users) = (running.ingress, amounts.load_ms, amounts.users);
        let load = Load { address, shape, connections, millis, first, users };
        first += load.requests() as u64 * shape.events();
        let what = format!("{connections} connections, {} events a request, ack = \"{ack}\"", shape.events());
        step(&what);
        let outcome = super::blocking(move || load::in_child(&load)).await;
        outcomes.push(outcome.map(|outcome| (what, outcome)));
    }
    let records: Vec<_> = tributary_eventlog::scan(&*running.hub.log, 1).flatten().take(ALONE_MAX).collect();
    let spilled = running.hub.node.as_ref().map_or(0, |node| node.standing().spilled);
    running.stop().await;
    let took = bare.publish(&records, CONNECTIONS).await.map_err(|e| refused("the client alone", &e))?;
    let alone = records.len() as f64 / took.as_secs_f64();
    let mut figures = Vec::new();
    for outcome in outcomes {
        let (what, outcome) = outcome?;
        let beside = format!("the client alone, {CONNECTIONS} under way");
        let rate = outcome.events as f64 / outcome.seconds;
        figures.extend([
            Figure::new("broker", what.as_str(), rate, "events/s").beside(beside, alone),
            Figure::new("broker", format!("{what}, p50"), outcome.p50_ms, "ms"),
            Figure::new("broker", format!("{what}, p99"), outcome.p99_ms, "ms"),
        ]);
    }
    let waited = format!("ack = \"{ack}\", not waited for to the end");
    figures.push(Figure::new("broker", waited, spilled as f64, "requests"));
    Ok(figures)
}

fn rate(count: u64, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
