//! One channel of every kind in the registry, with the settings of its fixtures: as configuration text for the hub under
//! test, and as an adapter that signs what a test posts.

use super::http::{Answer, Client};
use crate::repo;
use serde_json::{Map, Value};
use std::{fs, io, path::Path, time::SystemTime};
use tributary_channels::{
    REGISTRY,
    adapter::{Outbound, Registration},
    settings::{self, Channel, Settings},
};
use tributary_core::time::Micros;

/// The public address of every hub under test; Square's signature covers it.
pub const PUBLIC_URL: &str = "https://hooks.example.com";

/// Settings that hold secrets, which configuration takes from files only.
const SECRETS: [&str; 8] =
    ["secret", "key", "access_token", "app_secret", "verify_token", "signature_key", "token", "password"];

/// One channel.
pub struct Source {
    /// Its name, such as `web-form`.
    pub name: String,
    /// Its settings.
    pub table: Map<String, Value>,
    channel: Channel,
}

impl Source {
    /// A channel of this kind, with the settings of its fixtures and then `changes`.
    ///
    /// # Panics
    /// Where the kind has no fixtures or its settings are refused.
    #[must_use]
    pub fn new(kind: &str, changes: Value) -> Self {
        let text = repo::text(&format!("services/channels/fixtures/{kind}/settings.json"));
        let mut table: Map<String, Value> = serde_json::from_str(&text).expect("settings are an object");
        table.extend(changes.as_object().cloned().unwrap_or_default());
        Self::of(&kind.replace('_', "-"), table)
    }

    /// A channel with this name and exactly these settings.
    ///
    /// # Panics
    /// Where they are refused.
    #[must_use]
    pub fn of(name: &str, table: Map<String, Value>) -> Self {
        let settings = Settings::new(name, table.clone(), "Asia/Taipei", "TW");
        let channel = settings::build(settings).unwrap_or_else(|e| panic!("{name}: {e}"));
        Self { name: name.to_owned(), table, channel }
    }

    /// The same channel once more.
    #[must_use]
    pub fn clone_of(&self) -> Self {
        Self::of(&self.name, self.table.clone())
    }

    /// One of every kind.
    #[must_use]
    pub fn all() -> Vec<Self> {
        REGISTRY.iter().map(|row| Self::new(row.kind, Value::Null)).collect()
    }

    /// Its row in the registry.
    #[must_use]
    pub fn registration(&self) -> &'static Registration {
        self.channel.registration
    }

    /// Its section of the configuration; secrets are written to files in `folder`.
    ///
    /// # Panics
    /// Where a file cannot be written.
    #[must_use]
    pub fn section(&self, folder: &Path) -> String {
        let mut text = format!("[channels.{}]\n", self.name);
        for (key, value) in &self.table {
            let shown = if SECRETS.contains(&key.as_str()) {
                let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                let references = list.iter().enumerate().map(|(n, secret)| {
                    let file = folder.join(format!("{}.{key}.{n}", self.name));
                    fs::write(&file, secret.as_str().unwrap_or_default()).expect("a secret file is written");
                    Value::from(format!("file:{}", file.display()))
                });
                toml(&references.collect())
            } else {
                toml(value)
            };
            text.push_str(&format!("{key} = {shown}\n"));
        }
        text
    }

    /// A request with this body, signed.
    #[must_use]
    pub fn signed(&self, headers: &[(&str, &str)], body: &[u8]) -> Outbound {
        let mut request = self.unsigned(headers, body);
        self.channel.adapter.sign(&mut request);
        request
    }

    /// The same without a signature.
    #[must_use]
    pub fn unsigned(&self, headers: &[(&str, &str)], body: &[u8]) -> Outbound {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let public_url = Some(format!("{PUBLIC_URL}/in/{}", self.name));
        Outbound { headers, query: String::new(), body: body.to_vec(), public_url, at: now() }
    }

    /// Posts a request to this channel.
    ///
    /// # Errors
    /// What the network says.
    pub fn post(&self, client: &mut Client, request: &Outbound) -> io::Result<Answer> {
        let glue = if request.query.is_empty() { "" } else { "?" };
        let target = format!("/in/{}{glue}{}", self.name, request.query);
        client.send("POST", &target, &request.headers, &request.body)
    }

    /// Signs and posts a body, which must be answered.
    ///
    /// # Panics
    /// Where it is not.
    pub fn send(&self, client: &mut Client, content_type: &str, body: &[u8]) -> Answer {
        let request = self.signed(&[("content-type", content_type)], body);
        self.post(client, &request).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

/// For signatures that cover the time.
fn now() -> Micros {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
    Micros::from_secs(i64::try_from(since.as_secs()).expect("a year that fits"))
}

/// JSON as an inline TOML value; JSON texts are basic strings of TOML.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(k, v)| format!("{} = {}", Value::from(k.as_str()), toml(v)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
