//! Opening what a node has on its disk, and the first look at the broker.

use super::{Node, Trouble, Weaver};
use crate::{
    cli::{Exit, Failure},
    config::{
        Config,
        broker::{Broker, Engine},
    },
    outputs::Outputs,
};
use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};
use tokio::sync::watch;
use tributary_core::token::IndexKey;
use tributary_eventlog::{
    EventLog, Interleaved, OrderError, RealDisk, Salts,
    pipe::{Bare, Forwarder, MirrorError, Mirrors, Outlet, Pipe, PipeError, Stopped},
};

#[cfg(feature = "kafka")]
use tributary_eventlog::pipe::kafka;
#[cfg(feature = "nats")]
use tributary_eventlog::pipe::nats;

/// Opens the copies, the order and the pipe of a node; connects to nobody. Blocks.
///
/// # Errors
/// [`Failure`] with the remedy.
pub fn open(
    config: &Config,
    broker: &Broker,
    (dir, salts, key): (&Path, Salts, &IndexKey),
    log: &Arc<dyn EventLog>,
) -> Result<Node, Failure> {
    let (mirrors, order) = if config.role.folds() {
        let (mirrors, order) = copies((dir, salts, key), log)?;
        (mirrors, Some(Arc::new(order)))
    } else {
        let mirrors = Mirrors::none(dir.join("mirrors"), Arc::clone(log), salts);
        (mirrors.map_err(|e| coded(e.code(), &e, e.remedy()))?, None)
    };
    let pipe = pipe(config, &broker.engine)?;
    let content = broker.changes.filter(|_| config.role.publishes());
    let holder = log.origin().to_string();
    let outputs =
        content.map(|content| outlet(config, &broker.engine, holder).map(|way| Outputs::new(way, content)));
    let forwarder = Forwarder::new(Arc::clone(log), Arc::clone(&pipe), dir.join("mirrors").join("sent"));
    let forwarder =
        forwarder.map_err(|e| coded("log_io", &e, "check that the data folder can be read and written"))?;
    Ok(Node {
        engine: broker.engine.name(),
        ack: broker.ack,
        key: key.clone(),
        log: Arc::clone(log),
        pipe,
        forwarder: Arc::new(forwarder),
        mirrors: Arc::new(mirrors),
        weaver: order.map(|order| Arc::new(Weaver::new(order))),
        outputs: outputs.transpose()?.map(Arc::new),
        compared: watch::Sender::new(false),
        trouble: watch::Sender::new(None),
        spilled: AtomicU64::new(0),
    })
}

/// The order of a hub that was a node of several and has the embedded engine now: what the others wrote up to then stays in
/// its views, and somebody must number what comes. `None` where there never were others. Blocks.
///
/// # Errors
/// [`Failure`] with the remedy.
pub fn left(
    (dir, salts, key): (&Path, Salts, &IndexKey),
    log: &Arc<dyn EventLog>,
) -> Result<Option<Arc<Weaver>>, Failure> {
    if !dir.join("mirrors").is_dir() {
        return Ok(None);
    }
    let (mirrors, order) = copies((dir, salts, key), log)?;
    Ok((!mirrors.logs().is_empty()).then(|| Arc::new(Weaver::new(Arc::new(order)))))
}

/// The copies and the order over them. What was written with another key gets no number, not even here.
fn copies(
    (dir, salts, key): (&Path, Salts, &IndexKey),
    log: &Arc<dyn EventLog>,
) -> Result<(Mirrors, Interleaved), Failure> {
    let mirrors = Mirrors::open(dir.join("mirrors"), Arc::clone(log), salts)
        .map_err(|e| coded(e.code(), &e, e.remedy()))?;
    if let Some(Trouble { code, detail, remedy }) = super::key::stranger(&mirrors, key) {
        return Err(coded(code, &detail, remedy));
    }
    let copies = mirrors.logs().into_values();
    let order = Interleaved::open(&RealDisk, &dir.join("order").join("runs"), Arc::clone(log), copies)
        .map_err(|e| coded(e.code(), &e, e.remedy()))?;
    Ok((mirrors, order))
}

fn coded(code: &str, error: &dyn std::fmt::Display, remedy: &str) -> Failure {
    Failure::new(Exit::CheckFailed, format!("{code}: {error}")).remedy(remedy)
}

/// The pipe of this engine, not connected yet. Configurations that name an engine outside this build are refused before.
///
/// # Errors
/// A usage failure for an engine outside this build.
pub fn pipe(config: &Config, engine: &Engine) -> Result<Arc<dyn Pipe>, Failure> {
    match engine {
        #[cfg(feature = "nats")]
        Engine::Nats(written) => Ok(Arc::new(nats::Nats::new(of_nats(config, written)))),
        #[cfg(feature = "kafka")]
        Engine::Kafka(written) => Ok(Arc::new(kafka::Kafka::new(of_kafka(config, written)))),
        #[cfg(not(all(feature = "nats", feature = "kafka")))]
        absent => Err(not_built(config, absent, "")),
    }
}

#[cfg(not(all(feature = "nats", feature = "kafka")))]
fn not_built(config: &Config, engine: &Engine, _holder: &str) -> Failure {
    let problem = format!("this build has no engine {} for hub {}", engine.name(), config.hub.name);
    Failure::new(Exit::Usage, problem)
}

/// The broker's client without a log, for measurements.
///
/// # Errors
/// A usage failure for an engine outside this build.
pub fn bare(config: &Config, engine: &Engine) -> Result<Box<dyn Bare>, Failure> {
    match engine {
        #[cfg(feature = "nats")]
        Engine::Nats(written) => Ok(Box::new(nats::NatsBare::new(of_nats(config, written)))),
        #[cfg(feature = "kafka")]
        Engine::Kafka(written) => Ok(Box::new(kafka::KafkaBare::new(of_kafka(config, written)))),
        #[cfg(not(all(feature = "nats", feature = "kafka")))]
        absent => Err(not_built(config, absent, "")),
    }
}

/// The way out for changes, not connected yet. `holder` is this node's name among those that may publish.
fn outlet(config: &Config, engine: &Engine, holder: String) -> Result<Arc<dyn Outlet>, Failure> {
    match engine {
        #[cfg(feature = "nats")]
        Engine::Nats(written) => Ok(Arc::new(nats::NatsOutlet::new(of_nats(config, written), holder))),
        #[cfg(feature = "kafka")]
        Engine::Kafka(written) => {
            tracing::debug!(holder, "the group knows its members by names of its own");
            Ok(Arc::new(kafka::KafkaOutlet::new(of_kafka(config, written))))
        }
        #[cfg(not(all(feature = "nats", feature = "kafka")))]
        absent => Err(not_built(config, absent, &holder)),
    }
}

#[cfg(feature = "kafka")]
fn of_kafka(config: &Config, written: &crate::config::kafka::Kafka) -> kafka::Options {
    use super::labels::ByChannel;
    let tls = written.tls.then(|| kafka::Tls { roots: written.ca.clone(), own: written.own.clone() });
    kafka::Options {
        brokers: written.brokers.clone(),
        login: written.login.clone(),
        tls,
        name: config.hub.name.clone(),
        partitions: written.partitions,
        replicas: written.replicas,
        replicas_min: written.replicas_min,
        labels: Arc::new(ByChannel::new(config)),
    }
}

#[cfg(feature = "nats")]
fn of_nats(config: &Config, written: &crate::config::broker::Nats) -> nats::Options {
    use super::labels::ByChannel;
    nats::Options {
        url: written.url.clone(),
        login: written.login.clone(),
        roots: written.ca.clone(),
        name: config.hub.name.clone(),
        replicas: written.replicas,
        labels: Arc::new(ByChannel::new(config)),
    }
}

/// The first look at the broker: whether it is the one this node knows, and keeps what it is given. A broker that does not
/// answer keeps nobody from starting who has worked with it before: what comes is durable here and sent later.
///
/// # Errors
/// [`Failure`] with exit code 3 and the remedy.
pub async fn check(node: &Node) -> Result<(), Failure> {
    let looked = async {
        // This one needs nobody's answer.
        node.forwarder.check_own()?;
        let state = node.pipe.state().await?;
        node.mirrors.check(&state)?;
        node.forwarder.check(&state)?;
        node.pipe.findings().await
    };
    let findings = match looked.await {
        Ok(findings) => findings,
        Err(error @ PipeError::Unreachable(_)) if node.mirrors.knows_broker() => {
            tracing::warn!(%error, log.engine = node.engine, "the broker does not answer; the hub starts and sends later");
            node.compared.send_replace(true);
            return Ok(());
        }
        Err(error) => return Err(refused(node.engine, &error)),
    };
    for finding in findings {
        tracing::warn!(
            log.engine = node.engine,
            setting = finding.setting,
            found = finding.found,
            remedy = finding.remedy,
            "a setting of the broker can lose acknowledged events"
        );
    }
    Ok(())
}

fn refused(engine: &str, error: &PipeError) -> Failure {
    let message = format!("{}: [log] engine = \"{engine}\": {error}", error.code());
    Failure::new(Exit::Unreachable, message).remedy(error.remedy())
}

impl From<&MirrorError> for Trouble {
    fn from(error: &MirrorError) -> Self {
        Self { code: error.code(), detail: error.to_string(), remedy: error.remedy() }
    }
}

impl From<&Stopped> for Trouble {
    fn from(stopped: &Stopped) -> Self {
        Self { code: stopped.code, detail: stopped.detail.clone(), remedy: stopped.remedy }
    }
}

impl From<&OrderError> for Trouble {
    fn from(error: &OrderError) -> Self {
        Self { code: error.code(), detail: error.to_string(), remedy: error.remedy() }
    }
}

impl From<&PipeError> for Trouble {
    fn from(error: &PipeError) -> Self {
        Self { code: error.code(), detail: error.to_string(), remedy: error.remedy() }
    }
}
