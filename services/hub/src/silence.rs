//! Stores that are silent for too long: `expect_every` says how long that is. Heard is what was stored, also a copy of what
//! is known: a till that sends its file again is alive. What was heard is kept in the data folder, so that a restart
//! neither forgets a silent store nor starts its time anew.

use crate::{folders::progress::write_whole, hub::Hub};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch::Receiver, task::JoinHandle};
use tributary_channels::settings::{Channel, Expect};
use tributary_core::{event::Event, time::Micros};

/// Stores that one channel can be silent in: metrics have a label for each.
const STORES_MAX: usize = 1_000;
/// How often silence is looked for.
const INTERVAL: Duration = Duration::from_secs(10);

/// One store, or a channel whose events name none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heard {
    at: Micros,
    /// It was warned of.
    told: bool,
}

/// What is heard of the channels that are expected to speak.
#[derive(Debug, Default)]
pub struct Silence {
    channels: BTreeMap<String, (Expect, Mutex<BTreeMap<String, Heard>>)>,
    path: PathBuf,
}

/// A store, and for how long it has been silent, in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Channel.
    pub channel: String,
    /// Store; empty where events name none.
    pub store: String,
    /// Seconds since it was heard.
    pub seconds: u64,
    /// Longer than it may be.
    pub is_too_long: bool,
}

impl Silence {
    /// What was heard up to now, as the data folder has it. Expected stores count from `now` if it knows nothing of them.
    #[must_use]
    pub fn open(channels: &[Channel], data_dir: &Path, now: Micros) -> Self {
        let path = data_dir.join("files").join("heard.json");
        let text = fs::read(&path).unwrap_or_default();
        let mut known: BTreeMap<String, BTreeMap<String, i64>> =
            serde_json::from_slice(&text).unwrap_or_default();
        let of = |channel: &Channel| {
            let expect = channel.expect.clone()?;
            let name = channel.context.name.clone();
            let mut stores: BTreeMap<String, Heard> = known
                .remove(&name)
                .unwrap_or_default()
                .into_iter()
                .map(|(store, at)| (store, Heard { at: Micros(at), told: false }))
                .collect();
            for store in &expect.stores {
                stores.entry(store.clone()).or_insert(Heard { at: now, told: false });
            }
            if stores.is_empty() {
                // Until a store is heard of, the channel itself must be.
                stores.insert(String::new(), Heard { at: now, told: false });
            }
            Some((name, (expect, Mutex::new(stores))))
        };
        Self { channels: channels.iter().filter_map(of).collect(), path }
    }

    /// These events of a channel were stored.
    pub fn heard(&self, channel: &str, events: &[Event], now: Micros) {
        let Some((_, stores)) = self.channels.get(channel) else { return };
        let mut stores = stores.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.iter().filter(|event| event.body.is_interaction()) {
            if !event.store.is_empty() {
                stores.remove(""); // stores are told apart from here on
            } else if !stores.contains_key("") {
                continue;
            }
            if let Some(known) = stores.get_mut(&event.store) {
                if std::mem::take(&mut known.told) {
                    tracing::info!(channel.name = %channel, store = %event.store, "a store is heard again");
                }
                known.at = known.at.max(now);
            } else if stores.len() < STORES_MAX {
                stores.insert(event.store.clone(), Heard { at: now, told: false });
            }
        }
    }

    /// All stores, in order.
    #[must_use]
    pub fn all(&self, now: Micros) -> Vec<Silent> {
        let mut all = Vec::new();
        for (channel, (expect, stores)) in &self.channels {
            for (store, heard) in stores.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let seconds = now.0.saturating_sub(heard.at.0).max(0).unsigned_abs() / 1_000_000;
                let (channel, store) = (channel.clone(), store.clone());
                all.push(Silent { channel, store, seconds, is_too_long: seconds > expect.every_secs });
            }
        }
        all
    }

    /// Warns of each store once when it has become silent; gives those that were warned of now.
    pub fn warn(&self, now: Micros) -> Vec<Silent> {
        let mut told = self.all(now);
        told.retain(|silent| {
            let Some((_, stores)) = self.channels.get(&silent.channel) else { return false };
            let mut stores = stores.lock().unwrap_or_else(PoisonError::into_inner);
            let heard = stores.get_mut(&silent.store);
            silent.is_too_long && heard.is_some_and(|heard| !std::mem::replace(&mut heard.told, true))
        });
        for silent in &told {
            tracing::warn!(
                channel.name = %silent.channel, store = %silent.store, silent.seconds = silent.seconds,
                "a store has not been heard of for longer than expect_every"
            );
        }
        told
    }

    /// Keeps what was heard.
    ///
    /// # Errors
    /// The disk's.
    pub fn save(&self) -> io::Result<()> {
        if self.channels.is_empty() {
            return Ok(());
        }
        let of = |stores: &Mutex<BTreeMap<String, Heard>>| -> BTreeMap<String, i64> {
            let stores = stores.lock().unwrap_or_else(PoisonError::into_inner);
            stores.iter().map(|(store, heard)| (store.clone(), heard.at.0)).collect()
        };
        let all: BTreeMap<&String, BTreeMap<String, i64>> =
            self.channels.iter().map(|(name, (_, stores))| (name, of(stores))).collect();
        write_whole(&self.path, &serde_json::to_vec(&all).map_err(io::Error::other)?)
    }
}

/// The task that warns and keeps.
pub fn watch(hub: &Arc<Hub>, stopped: &Receiver<bool>) -> Option<JoinHandle<()>> {
    if hub.silence.channels.is_empty() {
        return None;
    }
    let (hub, mut stopped) = (Arc::clone(hub), stopped.clone());
    Some(tokio::spawn(async move {
        let mut tick = tokio::time::interval(INTERVAL);
        loop {
            let stop = tokio::select! {
                _ = stopped.wait_for(|s| *s) => true,
                _ = tick.tick() => false,
            };
            hub.silence.warn(hub.now());
            if let Err(error) = tokio::task::block_in_place(|| hub.silence.save()) {
                tracing::warn!(error = %error, "what was heard of stores cannot be written");
            }
            if stop {
                return;
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::{Silence, Silent};
    use tributary_channels::settings::{Channel, Settings, build};
    use tributary_core::{body::Body, draft::Draft, event::Event, time::Micros, token::IndexKey};

    fn channel(extra: serde_json::Value) -> Channel {
        let mut table = serde_json::json!({"kind": "pos_file", "key": "k", "expect_every": "1h"});
        table.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        build(Settings::new("till", table.as_object().unwrap().clone(), "UTC", "TW")).unwrap()
    }

    fn sale(channel: &Channel, store: &str) -> Vec<Event> {
        let mut draft = Draft::new("1", Body::Activity { title: "sale".into() });
        draft.store = store.into();
        channel.context.events(draft, Micros(0), &IndexKey::new(&[7; 32]))
    }

    fn too_long(silence: &Silence, secs: i64) -> Vec<String> {
        let found = silence.all(Micros::from_secs(secs)).into_iter().filter(|s| s.is_too_long);
        found.map(|Silent { store, .. }| store).collect()
    }

    #[test]
    fn a_silent_store_is_told_once_until_it_is_heard_again() {
        let dir = tempfile::tempdir().unwrap();
        let channels = [channel(serde_json::json!({"expect_stores": ["9"]}))];
        let silence = Silence::open(&channels, dir.path(), Micros::from_secs(0));
        silence.heard("till", &sale(&channels[0], "7"), Micros::from_secs(1_000));
        silence.heard("other", &sale(&channels[0], "8"), Micros::from_secs(1_000));
        assert_eq!(too_long(&silence, 3_600), [""; 0]);
        assert_eq!(too_long(&silence, 3_601), ["9"]);
        assert_eq!(silence.warn(Micros::from_secs(3_601)).len(), 1);
        assert_eq!(silence.warn(Micros::from_secs(3_700)), []);
        silence.heard("till", &sale(&channels[0], "9"), Micros::from_secs(3_800));
        assert_eq!(too_long(&silence, 5_000), ["7"]);
        silence.save().unwrap();
        // After a restart a store that nobody configured is still missed.
        let again = Silence::open(&channels, dir.path(), Micros::from_secs(9_000));
        assert_eq!(too_long(&again, 9_000), ["7", "9"]);
    }

    #[test]
    fn without_stores_the_channel_itself_must_speak() {
        let dir = tempfile::tempdir().unwrap();
        let channels = [channel(serde_json::json!({}))];
        let silence = Silence::open(&channels, dir.path(), Micros::from_secs(0));
        assert_eq!(too_long(&silence, 4_000), [""]);
        silence.heard("till", &sale(&channels[0], ""), Micros::from_secs(4_000));
        assert_eq!(too_long(&silence, 4_001), [""; 0]);
        silence.heard("till", &sale(&channels[0], "7"), Micros::from_secs(4_000));
        assert_eq!(too_long(&silence, 9_000), ["7"]);
    }
}
