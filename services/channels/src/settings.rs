//! A channel's settings as the adapter sees them: typed look-ups that remember which keys were asked for, so that unknown
//! keys can be refused. Secrets arrive resolved; where they came from is the shell's business.

use crate::{
    adapter::{Built, ChannelAdapter, Registration, Transport},
    outward::Outward,
    registration,
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt};
use tributary_core::{
    draft::{ChannelContext, Purchases},
    event::Trust,
};

/// A resolved secret; its `Debug` shows nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A secret that is made of the configured one, such as its decoded form.
    #[must_use]
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A setting that is missing, unknown or of the wrong form. `key` says where, so that the shell can name line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// The key inside the channel's table; dots between levels.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl SettingsError {
    /// An error at `key`.
    #[must_use]
    pub fn new(key: &str, problem: impl Into<String>) -> Self {
        Self { key: key.to_owned(), problem: problem.into() }
    }
}

/// One channel's table.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: Map<String, Value>,
    asked: BTreeSet<String>,
    secret: BTreeSet<String>,
    /// Name of the channel.
    pub name: String,
    /// The hub's IANA time zone, for sources that write local times.
    pub time_zone: String,
    /// The hub's default phone region.
    pub default_region: String,
}

impl Settings {
    /// The settings of channel `name`; secrets are already resolved to their values.
    #[must_use]
    pub fn new(name: &str, values: Map<String, Value>, time_zone: &str, default_region: &str) -> Self {
        Self {
            values,
            asked: BTreeSet::new(),
            secret: BTreeSet::new(),
            name: name.to_owned(),
            time_zone: time_zone.to_owned(),
            default_region: default_region.to_owned(),
        }
    }

    /// The same with another value at `key`.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.values.insert(key.to_owned(), value);
        self
    }

    /// Whether there is a value at `key`; does not count as asking for it.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The keys that were looked for until now.
    #[must_use]
    pub fn asked(&self) -> &BTreeSet<String> {
        &self.asked
    }

    /// Those of them that hold secrets.
    #[must_use]
    pub fn asked_secrets(&self) -> &BTreeSet<String> {
        &self.secret
    }

    /// The value at `key`, whatever its type.
    pub fn value(&mut self, key: &str) -> Option<Value> {
        self.asked.insert(key.to_owned());
        self.values.get(key).cloned()
    }

    /// Text at `key`.
    ///
    /// # Errors
    /// [`SettingsError`] if it is there and no text.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, SettingsError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(SettingsError::new(key, "must be a text in quotes")),
        }
    }

    /// Text at `key`, which must be there.
    ///
    /// # Errors
    /// [`SettingsError`] if it is absent, empty or no text.
    pub fn required(&mut self, key: &str, what: &str) -> Result<String, SettingsError> {
        match self.text(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(SettingsError::new(key, format!("is missing: {what}"))),
        }
    }

    /// `true` or `false` at `key`.
    ///
    /// # Errors
    /// [`SettingsError`] if it is there and neither.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>, SettingsError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(SettingsError::new(key, "must be true or false")),
        }
    }

    /// A list of texts at `key`; one text counts as a list of one; absent = empty.
    ///
    /// # Errors
    /// [`SettingsError`] if it is anything else.
    pub fn texts(&mut self, key: &str) -> Result<Vec<String>, SettingsError> {
        let wrong = || SettingsError::new(key, "must be a text or a list of texts");
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => {
                items.into_iter().map(|i| i.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    /// One secret, or two while rotating, at `key`.
    ///
    /// # Errors
    /// [`SettingsError`] without any, with an empty one, or with more than two.
    pub fn secrets(&mut self, key: &str, what: &str) -> Result<Vec<Secret>, SettingsError> {
        let secrets = self.optional_secrets(key)?;
        if secrets.is_empty() {
            let how = format!("is missing: {what}, as \"env:NAME\" or \"file:PATH\"");
            return Err(SettingsError::new(key, how));
        }
        Ok(secrets)
    }

    /// The same where none is needed.
    ///
    /// # Errors
    /// [`SettingsError`] with an empty one, or with more than two.
    pub fn optional_secrets(&mut self, key: &str) -> Result<Vec<Secret>, SettingsError> {
        self.secret.insert(key.to_owned());
        let secrets = self.texts(key)?;
        if secrets.iter().any(String::is_empty) {
            return Err(SettingsError::new(key, "is empty: set it as \"env:NAME\" or \"file:PATH\""));
        }
        if secrets.len() > 2 {
            return Err(SettingsError::new(key, "takes one secret, or two while rotating"));
        }
        Ok(secrets.into_iter().map(|secret| Secret(secret.into_bytes())).collect())
    }

    /// A table at `key`.
    ///
    /// # Errors
    /// [`SettingsError`] if it is there and no table.
    pub fn table(&mut self, key: &str) -> Result<Option<Map<String, Value>>, SettingsError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(SettingsError::new(key, "must be a table")),
        }
    }

    /// The same text for the same settings, secrets left out: what was read under others is read again.
    fn fingerprint(&self) -> String {
        let open = self.values.iter().filter(|(key, _)| !self.secret.contains(*key));
        let table: Map<String, Value> = open.map(|(key, value)| (key.clone(), value.clone())).collect();
        crate::digest::hex32(
            format!("{}{}{}", self.time_zone, self.default_region, Value::Object(table)).as_bytes(),
        )
    }

    fn finish(&self) -> Result<(), SettingsError> {
        match self.values.keys().find(|k| !self.asked.contains(*k)) {
            Some(key) => {
                let known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
                Err(SettingsError::new(key, format!("is not a known setting; known: {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }
}

/// A configured channel, ready to verify and decode.
pub struct Channel {
    /// What goes into every event of it.
    pub context: ChannelContext,
    /// The adapter.
    pub adapter: Box<dyn ChannelAdapter>,
    /// Its row in the registry.
    pub registration: &'static Registration,
    /// The folder its files are taken from, if it watches one.
    pub watch: Option<Watch>,
    /// Where it points to.
    pub outward: Outward,
    /// Names of files that belong together, if heads and details come in two.
    pub pair: Option<Pair>,
    /// How often it is to be heard of, if that is said.
    pub expect: Option<Expect>,
    /// Changes with the settings; holds no secret.
    pub fingerprint: String,
}

/// A watched folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Files that come here are taken.
    pub folder: String,
    /// Files that were taken go here; without it they stay, and are read again when they or the settings change.
    pub done: Option<String>,
}

/// A file whose name has `heads` belongs with the one whose name has `details` in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// In the names of files of heads.
    pub heads: String,
    /// In the names of files of details.
    pub details: String,
}

/// How often each store of a channel, or the channel itself where it names none, is to be heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Seconds of silence that are too long.
    pub every_secs: u64,
    /// Stores that are expected from the start; others from when they were first heard of.
    pub stores: Vec<String>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({}, {})", self.context.name, self.context.kind)
    }
}

/// Builds a channel from its table.
///
/// # Errors
/// [`SettingsError`] naming the key that is missing, wrong or unknown.
pub fn build(mut settings: Settings) -> Result<Channel, SettingsError> {
    let kind = settings.required("kind", "which adapter, such as \"line\" or \"web_form\"")?;
    let registration = registration(&kind).ok_or_else(|| {
        let known: Vec<&str> = crate::REGISTRY.iter().map(|r| r.kind).collect();
        SettingsError::new("kind", format!("no adapter of this name; there are: {}", known.join(", ")))
    })?;
    build_as(registration, &mut settings)
}

/// Builds a channel of this kind, whether the registry knows it or not: for adapters that are made elsewhere. Afterwards
/// [`Settings::asked`] tells what was looked for, also where it failed.
///
/// # Errors
/// As [`build`].
pub fn build_as(
    registration: &'static Registration,
    settings: &mut Settings,
) -> Result<Channel, SettingsError> {
    settings.value("kind");
    let region = settings.text("region")?.unwrap_or_else(|| settings.default_region.clone());
    let region = region.parse().map_err(|_| {
        SettingsError::new("region", "must be a two-letter country code, such as \"TW\" or \"HK\"")
    })?;
    let trust = match settings.text("trust")?.as_deref() {
        None => None,
        Some("verified") => Some(Trust::Verified),
        Some("claimed") => Some(Trust::Claimed),
        Some("observed") => Some(Trust::Observed),
        Some(_) => {
            return Err(SettingsError::new("trust", "must be \"verified\", \"claimed\" or \"observed\""));
        }
    };
    let member_is_phone = settings.flag("member_is_phone")?.unwrap_or(false);
    let brand = settings.text("brand")?.unwrap_or_default();
    let purchases = match settings.text("purchases")?.as_deref() {
        None => Purchases::Alone,
        Some("count") => Purchases::Count,
        Some("attach") => Purchases::Attach,
        Some(_) => return Err(SettingsError::new("purchases", "must be \"count\" or \"attach\"")),
    };
    let (watch, pair) = (watch(settings, registration)?, pair(settings, registration)?);
    let expect = expect(settings)?;
    let outward = Outward::read(settings, registration)?;
    let Built { adapter, account, trust_cap } = (registration.build)(settings)?;
    settings.finish()?;
    let context = ChannelContext {
        name: settings.name.clone(),
        kind: registration.kind.to_owned(),
        account,
        region,
        trust_cap: trust.unwrap_or(trust_cap),
        member_is_phone,
        brand,
        generation: 0,
        purchases,
    };
    let fingerprint = settings.fingerprint();
    Ok(Channel { context, adapter, registration, watch, outward, pair, expect, fingerprint })
}

fn watch(settings: &mut Settings, registration: &Registration) -> Result<Option<Watch>, SettingsError> {
    if registration.transport != Transport::Watch {
        return Ok(None);
    }
    let (folder, done) = (settings.text("folder")?, settings.text("done")?);
    match (folder, done) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(SettingsError::new("done", "needs `folder`: the folder that files come to")),
        (Some(folder), done) if done.as_ref() == Some(&folder) => {
            Err(SettingsError::new("done", format!("must be another folder than {folder}")))
        }
        (Some(folder), Some(done)) if done == "move" => {
            let done = Some(format!("{}/done", folder.trim_end_matches('/')));
            Ok(Some(Watch { folder, done }))
        }
        (Some(folder), done) => Ok(Some(Watch { folder, done })),
    }
}

fn pair(settings: &mut Settings, registration: &Registration) -> Result<Option<Pair>, SettingsError> {
    if !registration.own_settings().any(|setting| setting.name == "pair") {
        return Ok(None); // each of its files stands for itself
    }
    match &settings.texts("pair")?[..] {
        [] => Ok(None),
        [heads, details] if !heads.is_empty() && !details.is_empty() && heads != details => {
            Ok(Some(Pair { heads: heads.clone(), details: details.clone() }))
        }
        _ => {
            let problem = "must be two texts that differ, such as [\"-head\", \"-detail\"]";
            Err(SettingsError::new("pair", problem))
        }
    }
}

fn expect(settings: &mut Settings) -> Result<Option<Expect>, SettingsError> {
    let stores = settings.texts("expect_stores")?;
    let Some(text) = settings.text("expect_every")? else {
        if stores.is_empty() {
            return Ok(None);
        }
        return Err(SettingsError::new("expect_stores", "needs `expect_every`: after which silence to warn"));
    };
    match seconds(&text) {
        Some(every_secs) => Ok(Some(Expect { every_secs, stores })),
        None => Err(SettingsError::new("expect_every", "must be a time such as \"90m\", \"36h\" or \"1d\"")),
    }
}

/// The seconds of `90m`, `36h` or `1d`; at least one.
fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.trim().split_at_checked(text.trim().len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|seconds| *seconds > 0)
}
