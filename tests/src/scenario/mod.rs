//! Identity scenarios: short stories of one to six events with the customers that must exist afterwards, in any order of
//! delivery, with any event delivered twice. [`all`] lists them.

pub mod builder;
mod first;
mod fourth;
mod second;
mod third;

pub use builder::{Channel, Script, c, o, v};

use tributary_core::{
    event::RecordedEvent, identity::policy::Policy, ids::EventId, money::Money, token::Token,
};

/// A customer that must exist.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its identifiers, as (type or type/scope, value).
    pub identifiers: Vec<(&'static str, &'static str)>,
    /// Observed identifiers attached to it.
    pub attached: Vec<(&'static str, &'static str)>,
    /// Labels of its timeline in order; `None` where the scenario's owner by time is not judged yet.
    pub timeline: Option<Vec<&'static str>>,
    /// Orders, refunds and net amount in TWD.
    pub bought: (u64, u64, i64),
    /// The label of its birth event and the place of its identifier there, where the scenario says so.
    pub birth: Option<(&'static str, u8)>,
}

/// A customer with these identifiers and this timeline, who bought nothing.
#[must_use]
pub fn customer(identifiers: &[(&'static str, &'static str)], timeline: &[&'static str]) -> Expected {
    Expected {
        identifiers: identifiers.to_vec(),
        attached: Vec::new(),
        timeline: Some(timeline.to_vec()),
        bought: (0, 0, 0),
        birth: None,
    }
}

impl Expected {
    /// With these observed identifiers attached.
    #[must_use]
    pub fn attached(mut self, identifiers: &[(&'static str, &'static str)]) -> Self {
        self.attached = identifiers.to_vec();
        self
    }

    /// With so many orders, so many refunds and this net amount in TWD.
    #[must_use]
    pub fn bought(mut self, orders: u64, refunds: u64, net: i64) -> Self {
        self.bought = (orders, refunds, net);
        self
    }

    /// Born in this event, as its identifier number `ordinal`.
    #[must_use]
    pub fn born(mut self, label: &'static str, ordinal: u8) -> Self {
        self.birth = Some((label, ordinal));
        self
    }

    /// Without a judgement of the timeline.
    #[must_use]
    pub fn any_timeline(mut self) -> Self {
        self.timeline = None;
        self
    }
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its number and what it shows.
    pub name: &'static str,
    /// Its events in the order of the listing.
    pub script: Script,
    /// Under which policy.
    pub policy: Policy,
    /// The customers that must exist, and no others.
    pub customers: Vec<Expected>,
    /// Identifiers that must be shared.
    pub shared: Vec<(&'static str, &'static str)>,
    /// Pairs of which a link must be refused, whatever the reason.
    pub refused: Vec<[(&'static str, &'static str); 2]>,
    /// Labels of the events that belong to nobody.
    pub nobody: Vec<&'static str>,
}

impl Scenario {
    fn new(name: &'static str, script: Script, customers: Vec<Expected>) -> Self {
        let (shared, refused, nobody) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, script, policy: Policy::default(), customers, shared, refused, nobody }
    }

    /// Its events, recorded in the order of the listing.
    #[must_use]
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.script.events()
    }

    /// The token of an identifier of this scenario.
    #[must_use]
    pub fn token(&self, identifier: (&str, &str)) -> Token {
        self.script.token(identifier)
    }

    /// The event of this label.
    ///
    /// # Panics
    /// Where the script has no such label.
    #[must_use]
    pub fn id(&self, label: &str) -> EventId {
        self.script.id(label)
    }
}

/// An amount as the scenarios write it.
#[must_use]
pub fn twd(amount: i64) -> Money {
    Money::new(amount, 0)
}

/// All scenarios that are judged.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let mut all = first::scenarios();
    all.extend(second::scenarios());
    all.extend(third::scenarios());
    all.extend(fourth::scenarios());
    all
}
