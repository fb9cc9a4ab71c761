//! `[log.kafka]`: where the brokers are, who we are to them, and how the topic is made.

use super::{
    Environment,
    place::Origin,
    reader::{Gathered, Reader},
    secret,
    tree::Node,
};
use std::{fmt, path::PathBuf};
use tributary_eventlog::pipe::KafkaLogin;

/// Partitions of the topic: more than origins there ever will be only cost the brokers.
const PARTITIONS: std::ops::RangeInclusive<u64> = 1..=1_000;
/// Copies on brokers.
const REPLICAS: std::ops::RangeInclusive<u64> = 1..=9;

/// `[log.kafka]`.
#[derive(Clone)]
pub struct Kafka {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Who we are to them.
    pub login: KafkaLogin,
    /// The connection is encrypted.
    pub tls: bool,
    /// Root certificates (PEM) instead of those of the system.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key (PEM).
    pub own: Option<(PathBuf, PathBuf)>,
    /// Partitions, where this hub makes the topic.
    pub partitions: u32,
    /// Copies, where this hub makes the topic.
    pub replicas: u32,
    /// How many copies a message has before it is acknowledged, where this hub makes the topic.
    pub replicas_min: u32,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

/// Reads the table.
pub fn read(node: Option<&Node>, environment: &Environment, gathered: &mut Gathered) -> Option<Kafka> {
    let given = |text: &str| if text.is_empty() { Err(String::new()) } else { Ok(text.to_owned()) };
    let mut r = Reader::new("log.kafka", node, gathered);
    let brokers = r.text("brokers", "127.0.0.1:9092", |text| {
        let is_one =
            |one: &str| one.trim().rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if text.split(',').all(is_one) {
            Ok(text.to_owned())
        } else {
            Err("must be addresses such as \"kafka-1:9092\", separated by commas".to_owned())
        }
    });
    let sasl = r.text("sasl", "plain", |text| match text {
        "plain" => Ok(KafkaLogin::Plain as fn(String, String) -> KafkaLogin),
        "scram-sha-256" => Ok(KafkaLogin::Scram256),
        "scram-sha-512" => Ok(KafkaLogin::Scram512),
        _ => Err("must be \"plain\", \"scram-sha-256\" or \"scram-sha-512\"".to_owned()),
    });
    let user = r.text("user", "", given);
    let password = secret::of(&mut r, "password", environment);
    let tls = r.flag("tls", false);
    let ca = r.text("ca", "", given).map(PathBuf::from);
    let (certificate, its_key) = (r.text("certificate", "", given), r.text("certificate_key", "", given));
    let partitions = r.whole("partitions", 6, PARTITIONS) as u32;
    let replicas = r.whole("replicas", 1, REPLICAS) as u32;
    let replicas_min = r.whole("replicas_min", replicas.saturating_sub(1).max(1).into(), REPLICAS) as u32;
    let at = node.map_or(Origin::Default, |node| node.key_at.clone());
    r.finish();
    let mut problem = |text: &str, remedy: &str| {
        gathered.report("bad_value", "log.kafka", &at, text.to_owned(), Some(remedy.to_owned()));
    };
    let encrypts = tls || ca.is_some() || certificate.is_some();
    let unpaired = user.is_some() != password.is_some();
    let login = match sasl.zip(user.zip(password)) {
        Some((sasl, (user, password))) => sasl(user, password),
        None => KafkaLogin::None,
    };
    let scram = matches!(login, KafkaLogin::Scram256(..) | KafkaLogin::Scram512(..));
    if unpaired {
        problem("`user` and `password` go together", "give both or neither");
    } else if certificate.is_some() != its_key.is_some() {
        problem("`certificate` and `certificate_key` go together", "give both or neither");
    } else if replicas_min > replicas {
        problem("`replicas_min` is more than `replicas`: nothing would ever be acknowledged", "lower it");
    } else if (encrypts || scram) && !cfg!(feature = "kafka-tls") {
        problem("this build has neither TLS nor SCRAM for Kafka", "build it with `--features kafka-tls`");
    } else {
        let own = certificate.zip(its_key).map(|(cert, key)| (PathBuf::from(cert), PathBuf::from(key)));
        return Some(Kafka {
            brokers: brokers?,
            login,
            tls: encrypts,
            ca,
            own,
            partitions,
            replicas,
            replicas_min,
        });
    }
    None
}
