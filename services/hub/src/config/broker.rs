//! `[log] engine`: which broker carries the log between machines, how to reach it, when a request is answered, and what
//! goes out beside.

use super::{
    Environment,
    kafka::Kafka,
    place::Origin,
    reader::{Gathered, Reader},
    secret,
    tree::{Node, Table, Value},
};
use crate::outputs::Content;
use std::{fmt, path::PathBuf};
use tributary_eventlog::pipe::NatsLogin;

/// Servers of a cluster that hold the stream.
const REPLICAS: std::ops::RangeInclusive<u64> = 1..=5;

/// When a request is answered with 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// When the broker has it; after 0.8 s without its answer when it is durable here.
    Broker,
    /// When it is durable here.
    Local,
}

/// A broker.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Which one.
    pub engine: Engine,
    /// When requests are answered.
    pub ack: Ack,
    /// What changes tell subscribers of the broker; `None` where none are published.
    pub changes: Option<Content>,
}

/// Which broker, and how to reach it.
#[derive(Clone, Debug)]
pub enum Engine {
    /// NATS JetStream.
    Nats(Nats),
    /// Apache Kafka.
    Kafka(Kafka),
}

impl Engine {
    /// As it stands in the configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nats(_) => "nats",
            Self::Kafka(_) => "kafka",
        }
    }
}

/// `[log.nats]`.
#[derive(Clone)]
pub struct Nats {
    /// Servers.
    pub url: String,
    /// Who we are to them.
    pub login: NatsLogin,
    /// Root certificates (PEM) beside those of the system.
    pub ca: Option<PathBuf>,
    /// Servers that hold the stream, where this hub makes it.
    pub replicas: usize,
    /// Where a server tells its own settings: its monitoring port, `http://host:8222`.
    pub monitor: Option<String>,
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("replicas", &self.replicas).finish_non_exhaustive()
    }
}

/// Reads `engine`, `ack` and the broker's table; `None` for the embedded engine.
pub fn broker(r: &mut Reader<'_>, root: &Table, environment: &Environment) -> Option<Broker> {
    let engine = r.text("engine", "embedded", |engine| match engine {
        "embedded" | "nats" | "kafka" => Ok(engine.to_owned()),
        _ => Err("must be \"embedded\", \"nats\" or \"kafka\"".to_owned()),
    })?;
    // Tables of engines that are not used may stand there: people try one and go back.
    let (nats, kafka) = (r.node("nats"), r.node("kafka"));
    if engine == "embedded" {
        r.node("ack");
        r.node("changes");
        return None;
    }
    let ack = r.text("ack", "broker", |ack| match ack {
        "broker" => Ok(Ack::Broker),
        "local" => Ok(Ack::Local),
        _ => Err("must be \"broker\" or \"local\"".to_owned()),
    });
    let changes = r.text("changes", "thin", |changes| match changes {
        "off" => Ok(None),
        "thin" => Ok(Some(Content::Thin)),
        "full" => Ok(Some(Content::Full)),
        _ => Err("must be \"off\", \"thin\" or \"full\"".to_owned()),
    });
    let engine = match engine.as_str() {
        "nats" if cfg!(feature = "nats") => Engine::Nats(read_nats(nats, environment, r.gathered())?),
        "kafka" if cfg!(feature = "kafka") => {
            Engine::Kafka(super::kafka::read(kafka, environment, r.gathered())?)
        }
        other => {
            absent(root, other, r.gathered());
            return None;
        }
    };
    Some(Broker { engine, ack: ack?, changes: changes? })
}

/// This build cannot speak to that broker.
fn absent(root: &Table, engine: &str, gathered: &mut Gathered) {
    let table = root.get("log").and_then(|node| match &node.value {
        Value::Table(table) => table.get("engine"),
        _ => None,
    });
    let at = table.map_or(Origin::Default, |node| node.at.clone());
    let problem = format!("this build has no engine {engine}");
    let remedy = Some(format!("build it with `--features {engine}`, or set engine = \"embedded\""));
    gathered.report("engine_not_in_build", "log.engine", &at, problem, remedy);
}

fn read_nats(node: Option<&Node>, environment: &Environment, gathered: &mut Gathered) -> Option<Nats> {
    let mut r = Reader::new("log.nats", node, gathered);
    let url = r.text("url", "nats://127.0.0.1:4222", |text| {
        let is_one = |url: &str| {
            ["nats://", "tls://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|h| !h.is_empty()))
        };
        if text.contains('@') {
            return Err("must not hold a user or a password: give them as `user` and `password`".to_owned());
        }
        if text.split(',').all(|url| is_one(url.trim())) {
            Ok(text.to_owned())
        } else {
            Err("must be addresses such as \"nats://host:4222\" or \"tls://host:4222\", separated by commas"
                .to_owned())
        }
    });
    let given = |text: &str| if text.is_empty() { Err(String::new()) } else { Ok(text.to_owned()) };
    let user = r.text("user", "", given);
    let mut secret = |key| secret::of(&mut r, key, environment);
    let (password, token) = (secret("password"), secret("token"));
    let (nkey, credentials) = (secret("nkey_secret"), secret("credentials_secret"));
    let ca = r.text("ca", "", given).map(PathBuf::from);
    let replicas = r.whole("replicas", 1, REPLICAS) as usize;
    let monitor = r.text("monitor", "", monitor);
    let at = node.map_or(Origin::Default, |node| node.key_at.clone());
    r.finish();
    let ways = [user.is_some(), token.is_some(), nkey.is_some(), credentials.is_some()];
    let refuse = |gathered: &mut Gathered, problem: &str| {
        let remedy = "give one of: `user` with `password`, `token`, `nkey_secret`, `credentials_secret`";
        gathered.report("bad_value", "log.nats", &at, problem.to_owned(), Some(remedy.to_owned()));
    };
    if ways.iter().filter(|way| **way).count() > 1 {
        refuse(gathered, "says in several ways who the hub is");
        return None;
    }
    if user.is_some() != password.is_some() {
        refuse(gathered, "`user` and `password` go together");
        return None;
    }
    let login = match (user.zip(password), token, nkey, credentials) {
        (Some((user, password)), ..) => NatsLogin::Password(user, password),
        (_, Some(token), ..) => NatsLogin::Token(token),
        (_, _, Some(seed), _) => NatsLogin::NKey(seed),
        (.., Some(text)) => NatsLogin::Credentials(text),
        _ => NatsLogin::None,
    };
    Some(Nats { url: url?, login, ca, replicas, monitor })
}

fn monitor(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', ',']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be the address of one server's monitoring port, such as \"http://127.0.0.1:8222\""
            .to_owned()),
    }
}
