//! The fixed sections: `[hub]`, `[log]`, `[store]`, `[suggestions]` and `[[tokens]]`. Channels have their own file.

use super::{
    Environment,
    broker::{self, Broker},
    place::Origin,
    reader::{Gathered, Reader},
    tree::{Node, Table, Value},
};
use crate::tokens::{Scope, Token, digest_from_hex};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tributary_core::normalise::Region;

/// Longest hub name: it is part of NATS subjects and Kafka topics.
const NAME_MAX: usize = 32;
/// Longest name of a token: it stands as the actor in events.
const TOKEN_NAME_MAX: usize = 64;
/// More proxies in a row than this is a slip.
const PROXIES: std::ops::RangeInclusive<u64> = 0..=8;
/// Connections of a listener: providers and proxies open some dozens, browsers that wait idly are closed for others.
const CONNECTIONS: u64 = 2_048;
/// Fewer would refuse a single provider's burst; more ports than that one address does not have.
const CONNECTIONS_RANGE: std::ops::RangeInclusive<u64> = 16..=65_536;
/// Segments smaller than this would be mostly header; larger ones make trimming coarse.
const SEGMENT_MIB: std::ops::RangeInclusive<u64> = 1..=4096;
/// A cache of more than a TiB is a slip of the unit.
const CACHE_MIB: std::ops::RangeInclusive<u64> = 1..=1_048_576;
/// A checkpoint a day apart would make a start re-read a day.
const CHECKPOINT_SECS: std::ops::RangeInclusive<u64> = 1..=86_400;

/// Customers that are compared unless the configuration says otherwise, and at most: more than that is a slip.
const CUSTOMERS: u64 = 1_000_000;
/// See [`CUSTOMERS`].
const CUSTOMERS_RANGE: std::ops::RangeInclusive<u64> = 1..=100_000_000;

/// `[hub]`.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Name of the installation: `[a-z0-9-]{1,32}`.
    pub name: String,
    /// Where `/in/*` and `/livez` are served.
    pub listen: SocketAddr,
    /// Where everything else is served.
    pub api_listen: SocketAddr,
    /// The address providers post to, without a slash at the end; some signatures cover it.
    pub public_url: Option<String>,
    /// The data folder; relative paths are relative to the working folder.
    pub data_dir: PathBuf,
    /// IANA name of the time zone of sources that write local times.
    pub time_zone: String,
    /// Region of phone numbers without a country code.
    pub default_region: Region,
    /// Proxies in front that append to `X-Forwarded-For`; 0 = the peer is the client. `None` = not said, and nothing that
    /// needs a client's address may be configured.
    pub trusted_proxies: Option<usize>,
    /// Connections that may be open at the same time, on each of the two listeners.
    pub max_connections: usize,
}

impl Hub {
    /// The public address of a channel, which some providers sign; `None` without `public_url`.
    #[must_use]
    pub fn channel_url(&self, channel: &str) -> Option<String> {
        self.public_url.as_ref().map(|url| format!("{url}/in/{channel}"))
    }
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct Log {
    /// What carries the log between machines; `None` with the embedded engine.
    pub broker: Option<Broker>,
    /// Size of a segment file in bytes.
    pub segment_bytes: u64,
    /// Start although the log's last record is more than 60 s ahead of the clock.
    pub accept_future: bool,
}

/// `[store]`.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// Page cache in bytes.
    pub cache_bytes: u64,
    /// Time between checkpoints.
    pub checkpoint: Duration,
}

/// `[suggestions]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suggestions {
    /// Customers that look alike are looked for.
    pub enabled: bool,
    /// Customers that are compared at most; each takes about 1.6 KB of memory.
    pub max_customers: usize,
}

/// Reads `[hub]`.
pub fn hub(root: &Table, gathered: &mut Gathered) -> Hub {
    let mut r = Reader::new("hub", root.get("hub"), gathered);
    let name = r.text("name", "tributary", hub_name).unwrap_or_default();
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let listen = r.text("listen", "127.0.0.1:8080", address).unwrap_or(loopback(8080));
    let api_listen = r.text("api_listen", "127.0.0.1:8081", address).unwrap_or(loopback(8081));
    let public_url = r.text("public_url", "", public_url);
    let data_dir = r.text("data_dir", "./tributary-data", path).unwrap_or_default();
    let time_zone = r.text("time_zone", "Asia/Taipei", time_zone).unwrap_or_default();
    let default_region = r
        .text("default_region", "TW", |text| {
            text.parse().map_err(|_| "must be a two-letter country code, such as \"TW\" or \"HK\"".to_owned())
        })
        .unwrap_or_default();
    let said = r.node("trusted_proxies").is_some();
    let trusted_proxies = said.then(|| r.whole("trusted_proxies", 0, PROXIES) as usize);
    let max_connections = r.whole("max_connections", CONNECTIONS, CONNECTIONS_RANGE) as usize;
    r.finish();
    Hub {
        name,
        listen,
        api_listen,
        public_url,
        data_dir,
        time_zone,
        default_region,
        trusted_proxies,
        max_connections,
    }
}

/// Reads `[log]`.
pub fn log(root: &Table, environment: &Environment, gathered: &mut Gathered) -> Log {
    let mut r = Reader::new("log", root.get("log"), gathered);
    let broker = broker::broker(&mut r, root, environment);
    let segment_bytes = r.whole("segment_mib", 64, SEGMENT_MIB) << 20;
    let accept_future = r.flag("accept_future", false);
    r.finish();
    Log { broker, segment_bytes, accept_future }
}

/// Reads `[store]`.
pub fn store(root: &Table, gathered: &mut Gathered) -> Store {
    let mut r = Reader::new("store", root.get("store"), gathered);
    let cache_bytes = r.whole("cache_mib", 256, CACHE_MIB) << 20;
    let checkpoint = Duration::from_secs(r.whole("checkpoint_secs", 60, CHECKPOINT_SECS));
    r.finish();
    Store { cache_bytes, checkpoint }
}

/// Reads `[suggestions]`.
pub fn suggestions(root: &Table, gathered: &mut Gathered) -> Suggestions {
    let mut r = Reader::new("suggestions", root.get("suggestions"), gathered);
    let enabled = r.flag("enabled", true);
    let max_customers = r.whole("max_customers", CUSTOMERS, CUSTOMERS_RANGE) as usize;
    r.finish();
    Suggestions { enabled, max_customers }
}

/// Reads `[[tokens]]`.
pub fn tokens(root: &Table, gathered: &mut Gathered) -> Vec<Token> {
    let items = match root.get("tokens").map(|node| (&node.value, node)) {
        None => return Vec::new(),
        Some((Value::List(items), _)) => items,
        Some((_, node)) => {
            let problem = "must be a list of tables, written [[tokens]]".to_owned();
            gathered.report("bad_value", "tokens", &node.key_at, problem, None);
            return Vec::new();
        }
    };
    let mut tokens: Vec<Token> = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let Some(token) = token(n, item, gathered) else { continue };
        if tokens.iter().any(|other| other.name == token.name) {
            let problem = format!("there are two tokens named \"{}\"", token.name);
            gathered.report("bad_value", &format!("tokens.{n}.name"), &item.at, problem, None);
        }
        tokens.push(token);
    }
    tokens
}

fn token(n: usize, item: &Node, gathered: &mut Gathered) -> Option<Token> {
    let section = format!("tokens.{n}");
    let before = gathered.problems.len();
    let shown = gathered.shown.len();
    let mut r = Reader::new(&section, Some(item), gathered);
    let name = r.text("name", "", |text| {
        let fits = (1..=TOKEN_NAME_MAX).contains(&text.chars().count());
        let fits = fits && !text.chars().any(char::is_control);
        if fits { Ok(text.to_owned()) } else { Err(format!("must be 1 to {TOKEN_NAME_MAX} characters")) }
    });
    let sha256 = r.text("sha256", "", |text| {
        digest_from_hex(text).ok_or_else(|| "must be the token's SHA-256 as 64 hex digits".to_owned())
    });
    let scopes: Option<Vec<Scope>> = r.texts("scopes").iter().map(|text| Scope::parse(text)).collect();
    let scopes = scopes.filter(|scopes| !scopes.is_empty());
    r.finish();
    for row in gathered.shown.iter_mut().skip(shown).filter(|row| row.key == "sha256") {
        row.value = "\"(redacted)\"".to_owned();
    }
    if gathered.problems.len() == before {
        let (key, problem) = match (&name, sha256, &scopes) {
            (None, _, _) => ("name", "is missing: who acts with this token"),
            (_, None, _) => ("sha256", "is missing: the token's SHA-256, from `printf %s TOKEN | sha256sum`"),
            (_, _, None) => ("scopes", "must list one or more of ingest, read, operate, privacy, prove"),
            _ => return Some(Token::new(name?, sha256?, scopes?)),
        };
        gathered.report("bad_value", &format!("{section}.{key}"), &item.at, problem.to_owned(), None);
    }
    None
}

/// Refuses an interface that anyone in the network could use.
pub fn guard_addresses(hub: &Hub, tokens: &[Token], root: &Table, gathered: &mut Gathered) {
    let at = |key: &str| match root.get("hub").map(|node| &node.value) {
        Some(Value::Table(table)) => table.get(key).map_or(Origin::Default, |node| node.at.clone()),
        _ => Origin::Default,
    };
    if !hub.api_listen.ip().is_loopback() && tokens.is_empty() && !root.contains_key("tokens") {
        let problem = format!("{} can be reached from outside, and there are no [[tokens]]", hub.api_listen);
        let remedy = "listen on 127.0.0.1, or add [[tokens]] with name, sha256 and scopes".to_owned();
        let code = "public_api_without_tokens";
        gathered.report(code, "hub.api_listen", &at("api_listen"), problem, Some(remedy));
    }
    if hub.listen == hub.api_listen && hub.listen.port() != 0 {
        let problem = "must differ from hub.listen: one is for providers, the other for you".to_owned();
        let key = if at("api_listen") == Origin::Default { "listen" } else { "api_listen" };
        gathered.report("bad_value", &format!("hub.{key}"), &at(key), problem, None);
    }
}

fn hub_name(text: &str) -> Result<String, String> {
    let fits = (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("must be 1 to {NAME_MAX} of the characters a-z, 0-9 and -"))
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, such as \"127.0.0.1:8080\"".to_owned())
}

fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', '@', ' ']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be an address such as \"https://hooks.example.com\"".to_owned()),
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("must name a folder".to_owned()) } else { Ok(text.into()) }
}

fn time_zone(text: &str) -> Result<String, String> {
    match jiff::tz::TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("must be an IANA time zone, such as \"Asia/Taipei\"".to_owned()),
    }
}
