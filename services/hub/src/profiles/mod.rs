//! Profiles: some sources say only who acted, and tell the name, picture and language when they are asked. A task a channel
//! asks, on a follow and at most once a week for anybody else who acts, and appends what it hears as a profile fact. It
//! works beside the ingress: a source that is slow, down or counts our questions delays nothing.
//!
//! Who waits stands in memory only: whoever is lost in a restart is asked about at their next event. When somebody was
//! asked about is kept in a file for a week. A profile that is the one known already is not appended again.

mod ask;
mod asked;

use crate::{hub::Hub, outbound::Outbound};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tributary_channels::settings::Channel;
use tributary_core::{body::Body, event::Event};

/// Most people that wait; others are asked about at a later event of theirs.
const WAITING_MAX: usize = 10_000;

/// Somebody who acted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Person {
    /// Their id at the source.
    user: String,
    /// They just began to follow: ask, whenever that was done last.
    followed: bool,
}

/// All channels that ask.
#[derive(Default)]
pub struct Profiles(BTreeMap<String, Arc<Desk>>);

/// Who waits to be asked about on one channel.
#[derive(Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    line: VecDeque<Person>,
    known: HashSet<Person>,
}

impl Profiles {
    /// Those of these channels whose adapter asks.
    #[must_use]
    pub fn new(channels: &[Channel]) -> Self {
        let asking = channels.iter().filter(|c| c.adapter.asks_profiles());
        Self(asking.map(|c| (c.context.name.clone(), Arc::default())).collect())
    }

    /// Whom these events of a channel name, if it asks.
    #[must_use]
    pub fn people(&self, channel: &Channel, events: &[Event]) -> Vec<Person> {
        if !self.0.contains_key(&channel.context.name) {
            return Vec::new();
        }
        let of_event = |event: &Event| {
            let own = event.identifiers.iter().position(|i| i.kind == channel.context.kind)?;
            let user = event.identifier_value(u8::try_from(own).ok()?).ok()?.plain;
            // Nobody can be asked about who just left.
            let followed = match event.body {
                Body::Follow { following } => following.then_some(true)?,
                _ => false,
            };
            Some(Person { user, followed })
        };
        events.iter().filter_map(of_event).collect()
    }

    /// These acted, and it is in the log. Never waits.
    pub fn push(&self, channel: &str, people: Vec<Person>) {
        let Some(desk) = self.0.get(channel).filter(|_| !people.is_empty()) else { return };
        people.into_iter().for_each(|person| desk.put(person));
    }
}

impl Desk {
    fn put(&self, person: Person) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.line.len() < WAITING_MAX && waiting.known.insert(person.clone()) {
            waiting.line.push_back(person);
        }
        drop(waiting);
        self.news.notify_one();
    }

    fn next(&self) -> Option<Person> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let person = waiting.line.pop_front()?;
        waiting.known.remove(&person);
        Some(person)
    }
}

/// One task a channel that asks.
///
/// # Errors
/// Where TLS cannot be set up.
pub fn spawn(hub: &Arc<Hub>, stopped: &watch::Receiver<bool>) -> Result<Vec<JoinHandle<()>>, rustls::Error> {
    let mut tasks = Vec::new();
    for (name, desk) in &hub.profiles.0 {
        let outbound = Outbound::new()?;
        let (hub, name, desk) = (Arc::clone(hub), name.clone(), Arc::clone(desk));
        let mut stopped = stopped.clone();
        tasks.push(tokio::spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|s| *s) => {}
                () = ask::run(&hub, &name, &desk, &outbound) => {}
            }
        }));
    }
    Ok(tasks)
}
