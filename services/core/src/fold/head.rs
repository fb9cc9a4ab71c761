//! A fragment's head: the sum of what its facts give. Heads add up: the head of a customer is the sum of its fragments'.
//! Taking a fact out works by subtraction where that is exact, else the head is summed again from the facts.

use crate::{
    body::Consent,
    content::{ProfileField, ProfileSource},
    event::Trust,
    fold::contribution::{Contribution, Gives},
    ids::{EventId, Position},
    money::Money,
    seal::Cell,
    time::Micros,
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Newest timeline entries that a head holds.
pub const RECENT_MAX: usize = 32;
/// Newest orders, traits and notes that a head holds: with values as they come in practice it is under 4 KiB, with the
/// longest that are kept under 32 KiB, above which the store gets slow.
pub const ORDERS_MAX: usize = 20;
/// See [`ORDERS_MAX`].
pub const TRAITS_MAX: usize = 20;
/// See [`ORDERS_MAX`].
pub const NOTES_MAX: usize = 10;
/// A longer profile value is no name, number or address; it stays in the event.
pub const PROFILE_BYTES_MAX: usize = 256;

/// A longer order number, state, trait or trait value is not kept by name either.
pub const TEXT_BYTES_MAX: usize = 256;

/// Order on timelines and of registers: time, then event id.
pub type When = (Micros, EventId);

/// One entry of a timeline; what it says is read from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its time.
    pub at: Micros,
    /// The event.
    pub event: EventId,
    /// Where it stands in the log.
    pub position: Position,
}

/// Counts and times of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSum {
    /// Adapter kind.
    pub kind: String,
    /// Facts.
    pub events: u64,
    /// Earliest.
    pub first: Micros,
    /// Latest.
    pub last: Micros,
}

/// Purchases in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrencySum {
    /// Number of purchases.
    pub orders: u64,
    /// Number of refunds.
    pub refunds: u64,
    /// Purchases less refunds.
    pub net: Money,
}

/// A profile field's best value so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileValue {
    /// Not a masked, one-letter or title-only name.
    pub full: bool,
    /// Trust of the fact.
    pub trust: Trust,
    /// Kind of source.
    pub source: ProfileSource,
    /// When.
    pub when: When,
    /// The value, sealed.
    pub cell: Cell,
}

impl ProfileValue {
    fn rank(&self) -> impl Ord + use<> {
        (self.full, self.trust, Reverse(self.source), self.when)
    }
}

/// The sum of facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Facts that are on the timeline.
    pub events: u64,
    /// Of these, acts of the customer.
    pub inbound: u64,
    /// Earliest time.
    pub first: Option<Micros>,
    /// Latest time and its channel.
    pub last: Option<(When, String)>,
    /// By channel name.
    pub channels: BTreeMap<String, ChannelSum>,
    /// By currency.
    pub currencies: BTreeMap<String, CurrencySum>,
    /// Earliest and latest purchase.
    pub bought: Option<(Micros, Micros)>,
    /// Best value of each field.
    pub profile: BTreeMap<ProfileField, ProfileValue>,
    /// Newest value of each trait.
    pub traits: BTreeMap<String, (When, String)>,
    /// Newest consent of each (purpose, channel).
    pub consents: BTreeMap<(String, String), (When, Consent)>,
    /// Newest follow of each channel.
    pub follows: BTreeMap<String, (When, bool)>,
    /// Newest state of each order.
    pub orders: BTreeMap<String, (When, String)>,
    /// Newest notes, newest first.
    pub notes: Vec<Entry>,
    /// Newest entries, newest first.
    pub recent: Vec<Entry>,
}

impl Head {
    /// Adds a fact. `entry` says when and where.
    pub fn add(&mut self, entry: Entry, c: &Contribution) {
        if !c.gives.is_shown() {
            return;
        }
        let when = (entry.at, entry.event);
        self.events += 1;
        self.inbound += u64::from(c.inbound);
        self.first = Some(self.first.map_or(entry.at, |f| f.min(entry.at)));
        if self.last.as_ref().is_none_or(|(last, _)| *last < when) {
            self.last = Some((when, c.channel.clone()));
        }
        let fresh = || ChannelSum { kind: c.kind.clone(), events: 0, first: entry.at, last: entry.at };
        let sum = match self.channels.get_mut(&c.channel) {
            Some(sum) => sum,
            None => self.channels.entry(c.channel.clone()).or_insert_with(fresh),
        };
        sum.events += 1;
        sum.first = sum.first.min(entry.at);
        sum.last = sum.last.max(entry.at);
        push_newest(&mut self.recent, entry, RECENT_MAX);
        for (field, cell) in &c.profile {
            self.add_profile(*field, cell, c, when);
        }
        self.add_gives(entry, c);
    }

    fn add_profile(&mut self, field: ProfileField, cell: &Cell, c: &Contribution, when: When) {
        if cell.bytes.len() > PROFILE_BYTES_MAX {
            return;
        }
        let full = field != ProfileField::Name || cell.open().is_ok_and(super::names::is_full);
        let new = ProfileValue { full, trust: c.trust, source: c.source, when, cell: cell.clone() };
        keep_best(&mut self.profile, field, new);
    }

    fn add_gives(&mut self, entry: Entry, c: &Contribution) {
        let when = (entry.at, entry.event);
        match &c.gives {
            Gives::Purchase { currency, total } | Gives::Sale { currency, total, .. } => {
                let sum = self.currencies.entry(currency.clone()).or_default();
                sum.orders += 1;
                sum.net = sum.net.plus(*total);
                let (first, last) = self.bought.unwrap_or((entry.at, entry.at));
                self.bought = Some((first.min(entry.at), last.max(entry.at)));
            }
            Gives::Refund { currency, total, .. } | Gives::Return { currency, total, .. } => {
                let sum = self.currencies.entry(currency.clone()).or_default();
                sum.refunds += 1;
                sum.net = sum.net.plus(total.negated());
            }
            Gives::Order { number, state } if short(number) && short(state) => {
                newest(&mut self.orders, number.clone(), (when, state.clone()));
                bound(&mut self.orders, ORDERS_MAX);
            }
            Gives::Follow { following } => newest(&mut self.follows, c.channel.clone(), (when, *following)),
            Gives::Consent(consent) => {
                let key = (consent.purpose.clone(), consent.channel.clone());
                // At the same time the withdrawal wins.
                let order = |(w, c): &(When, Consent)| (w.0, !c.granted, w.1);
                let new = (when, consent.clone());
                if self.consents.get(&key).is_none_or(|old| order(old) < order(&new)) {
                    self.consents.insert(key, new);
                }
            }
            Gives::Trait { name, value } if short(name) && short(value) => {
                newest(&mut self.traits, name.clone(), (when, value.clone()));
                bound(&mut self.traits, TRAITS_MAX);
            }
            Gives::Note => push_newest(&mut self.notes, entry, NOTES_MAX),
            Gives::Nothing | Gives::Clear | Gives::Entry | Gives::Order { .. } | Gives::Trait { .. } => {}
        }
    }

    /// Purchases in all currencies.
    #[must_use]
    pub fn receipts(&self) -> u64 {
        self.currencies.values().map(|sum| sum.orders).sum()
    }

    /// Takes a fact out. `false`: it held a value that others must now hold; sum again from the facts.
    #[must_use]
    pub fn subtract(&mut self, entry: Entry, c: &Contribution) -> bool {
        if !c.gives.is_shown() {
            return true;
        }
        let when = (entry.at, entry.event);
        let held = self.first == Some(entry.at)
            || self.last.as_ref().is_some_and(|(last, _)| *last == when)
            || self.channels.get(&c.channel).is_none_or(|s| s.first == entry.at || s.last == entry.at)
            || self.profile.values().any(|p| p.when == when)
            || self.notes.contains(&entry)
            || (self.recent.len() == RECENT_MAX && self.recent.contains(&entry));
        let registers = match &c.gives {
            Gives::Purchase { .. } | Gives::Sale { .. } => {
                self.bought.is_none_or(|(first, last)| entry.at == first || entry.at == last)
            }
            // Their registers are rare; summing again is always right.
            Gives::Order { .. } | Gives::Follow { .. } | Gives::Consent(_) | Gives::Trait { .. } => true,
            _ => false,
        };
        // Rounding a sum up to a greater scale cannot be undone by subtraction.
        let money = matches!(
            &c.gives,
            Gives::Purchase { total, .. } | Gives::Refund { total, .. } | Gives::Sale { total, .. }
                | Gives::Return { total, .. } if total.scale > 0
        );
        if held || registers || money {
            return false;
        }
        self.events -= 1;
        self.inbound -= u64::from(c.inbound);
        if let Some(sum) = self.channels.get_mut(&c.channel) {
            sum.events -= 1;
        }
        self.recent.retain(|e| *e != entry);
        match &c.gives {
            Gives::Purchase { currency, total } | Gives::Sale { currency, total, .. } => {
                let sum = self.currencies.entry(currency.clone()).or_default();
                sum.orders -= 1;
                sum.net = sum.net.plus(total.negated());
                if sum.orders == 0 && sum.refunds == 0 {
                    self.currencies.remove(currency);
                }
            }
            Gives::Refund { currency, total, .. } | Gives::Return { currency, total, .. } => {
                let sum = self.currencies.entry(currency.clone()).or_default();
                sum.refunds -= 1;
                sum.net = sum.net.plus(*total);
                if sum.orders == 0 && sum.refunds == 0 {
                    self.currencies.remove(currency);
                }
            }
            _ => {}
        }
        true
    }

    /// The sum of both; they share no fact.
    pub fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.inbound += other.inbound;
        self.first = [self.first, other.first].into_iter().flatten().min();
        if other.last.as_ref().map(|l| l.0) > self.last.as_ref().map(|l| l.0) {
            self.last.clone_from(&other.last);
        }
        for (name, sum) in &other.channels {
            let known =
                self.channels.entry(name.clone()).or_insert_with(|| ChannelSum { events: 0, ..sum.clone() });
            known.events += sum.events;
            known.first = known.first.min(sum.first);
            known.last = known.last.max(sum.last);
        }
        for (currency, sum) in &other.currencies {
            let known = self.currencies.entry(currency.clone()).or_default();
            known.orders += sum.orders;
            known.refunds += sum.refunds;
            known.net = known.net.plus(sum.net);
        }
        if let Some((first, last)) = other.bought {
            let (f, l) = self.bought.unwrap_or((first, last));
            self.bought = Some((f.min(first), l.max(last)));
        }
        for (field, value) in &other.profile {
            keep_best(&mut self.profile, *field, value.clone());
        }
        other.traits.iter().for_each(|(k, v)| newest(&mut self.traits, k.clone(), v.clone()));
        other.follows.iter().for_each(|(k, v)| newest(&mut self.follows, k.clone(), *v));
        other.orders.iter().for_each(|(k, v)| newest(&mut self.orders, k.clone(), v.clone()));
        bound(&mut self.traits, TRAITS_MAX);
        bound(&mut self.orders, ORDERS_MAX);
        for (key, new) in &other.consents {
            let order = |(w, c): &(When, Consent)| (w.0, !c.granted, w.1);
            if self.consents.get(key).is_none_or(|old| order(old) < order(new)) {
                self.consents.insert(key.clone(), new.clone());
            }
        }
        other.notes.iter().for_each(|e| push_newest(&mut self.notes, *e, NOTES_MAX));
        other.recent.iter().for_each(|e| push_newest(&mut self.recent, *e, RECENT_MAX));
    }
}

fn short(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX
}

fn keep_best(profile: &mut BTreeMap<ProfileField, ProfileValue>, field: ProfileField, new: ProfileValue) {
    if profile.get(&field).is_none_or(|old| old.rank() < new.rank()) {
        profile.insert(field, new);
    }
}

fn newest<K: Ord, V>(map: &mut BTreeMap<K, (When, V)>, key: K, new: (When, V)) {
    if map.get(&key).is_none_or(|old| old.0 < new.0) {
        map.insert(key, new);
    }
}

/// Keeps the newest `max` values.
fn bound<V>(map: &mut BTreeMap<String, (When, V)>, max: usize) {
    while map.len() > max {
        let oldest = map.iter().min_by_key(|(_, v)| v.0).map(|(k, _)| k.clone());
        if let Some(key) = oldest {
            map.remove(&key);
        }
    }
}

fn push_newest(list: &mut Vec<Entry>, entry: Entry, max: usize) {
    let at = list.partition_point(|e| *e > entry);
    if at < max {
        list.insert(at, entry);
        list.truncate(max);
    }
}
