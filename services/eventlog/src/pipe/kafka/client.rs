//! Clients of the cluster: how they are configured, and what they tell beside their answers.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{Login, Options, answers};
use crate::pipe::PipeError;

/// What librdkafka tells beside its answers: that a broker refuses us it tells nowhere else.
#[derive(Clone, Default)]
pub(super) struct Context {
    noticed: Arc<Mutex<Noticed>>,
}

#[derive(Default)]
struct Noticed {
    refused: Option<String>,
    newest: Option<String>,
}

impl Context {
    /// That we are refused, if we are.
    pub fn refused(&self) -> Option<PipeError> {
        self.noticed().refused.clone().map(PipeError::Refused)
    }

    /// The newest trouble with any broker.
    pub fn newest(&self) -> Option<String> {
        self.noticed().newest.clone()
    }

    /// Once all is well again.
    pub fn forget(&self) {
        *self.noticed() = Noticed::default();
    }

    fn noticed(&self) -> std::sync::MutexGuard<'_, Noticed> {
        self.noticed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, what: &str, text: &str) {
        tracing::debug!(kafka.what = what, "{text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut noticed = self.noticed();
        if error.rdkafka_error_code().is_some_and(|code| answers::refuses(code, reason)) {
            noticed.refused = Some(reason.to_owned());
        }
        // It follows on what is wrong with each of them, and does not say it.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            noticed.newest = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Context {}

/// What all clients have in common.
///
/// # Errors
/// `NotBuilt` where this program has no TLS.
pub(super) fn config(options: &Options) -> Result<ClientConfig, PipeError> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", format!("tributary {}", options.name))
        .set("socket.connection.setup.timeout.ms", "5000")
        .set("socket.keepalive.enable", "true")
        // A broker that comes back is met within a second.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000");
    let (mechanism, login) = match &options.login {
        Login::None => (None, None),
        Login::Plain(user, password) => (Some("PLAIN"), Some((user, password))),
        Login::Scram256(user, password) => (Some("SCRAM-SHA-256"), Some((user, password))),
        Login::Scram512(user, password) => (Some("SCRAM-SHA-512"), Some((user, password))),
    };
    if !cfg!(feature = "kafka-tls") {
        if options.tls.is_some() {
            return Err(PipeError::NotBuilt("TLS to Kafka needs the feature kafka-tls"));
        }
        if mechanism.is_some_and(|of| of.starts_with("SCRAM")) {
            return Err(PipeError::NotBuilt("SCRAM needs the feature kafka-tls"));
        }
    }
    let protocol = match (&options.tls, mechanism) {
        (None, None) => "plaintext",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), None) => "ssl",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let (Some(mechanism), Some((user, password))) = (mechanism, login) {
        config.set("sasl.mechanism", mechanism).set("sasl.username", user).set("sasl.password", password);
    }
    if let Some(tls) = &options.tls {
        // A library that is built in does not know where the system keeps its certificates, so it looks around.
        let roots = tls.roots.as_ref().map_or("probe".into(), |roots| roots.to_string_lossy());
        config.set("ssl.ca.location", roots);
        if let Some((certificate, key)) = &tls.own {
            config.set("ssl.certificate.location", certificate.to_string_lossy());
            config.set("ssl.key.location", key.to_string_lossy());
        }
    }
    Ok(config)
}

/// What readers have in common. The group is a name without members: nothing is committed to it.
pub(super) fn reader(options: &Options) -> Result<ClientConfig, PipeError> {
    let mut config = config(options)?;
    config
        .set("group.id", format!("tributary.{}", options.name))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false")
        .set("isolation.level", "read_committed");
    Ok(config)
}
