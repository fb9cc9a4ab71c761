//! The batch oracle of the partition function (its text stands in `tributary_core::identity`): which identifiers form one
//! customer, what stands in whose timeline, who spent what. Written for being read: every step is a plain loop over all
//! facts, nothing is incremental, nothing is cached, and nothing is shared with the product but its data types.
//!
//! The steps, a file each: [`facts`] (best revisions, step 0), [`links`] (step 1), [`parts`] (steps 2 and 3), [`dates`], [`view`]
//! (step 4, timelines, money, birth), [`tenure`] (step 5). [`suspicious`] counts receipts.

pub mod dates;
pub mod facts;
pub mod links;
pub mod parts;
pub mod suspicious;
pub mod tenure;
pub mod view;

use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    event::RecordedEvent,
    identity::policy::Policy,
    ids::{CustomerId, EventId},
    money::Money,
    token::Token,
};

/// Why a link was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The customer would have too many identifiers of a type, or in all.
    Limit,
    /// The customer would have two identifiers of a type of which there is one each.
    Unique,
    /// The customer would hold a pair that an operator took apart.
    CannotLink,
    /// The claimed end is verified in another V-component.
    VerifiedElsewhere,
    /// The claimed end is shared.
    Shared,
    /// The customers' birth dates differ, or the claimed end has several.
    BirthDate,
    /// Too many links hang together.
    Quarantined,
}

/// A refused link: the smaller token, the larger one, why.
pub type Refusal = (Token, Token, Reason);

/// What a customer bought in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bought {
    /// Distinct purchase facts.
    pub orders: u64,
    /// Distinct refund facts.
    pub refunds: u64,
    /// Purchases minus refunds.
    pub net: Money,
}

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Named after its birth.
    pub id: CustomerId,
    /// Its identifiers; of a customer that an observed identifier forms alone, that one.
    pub identifiers: BTreeSet<Token>,
    /// Observed identifiers with a login of this customer; one can be attached to several customers.
    pub attached: BTreeSet<Token>,
    /// Its facts by (time, event id).
    pub timeline: Vec<EventId>,
    /// By currency.
    pub purchases: BTreeMap<String, Bought>,
}

/// What P gives for a set of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// By id.
    pub customers: Vec<Customer>,
    /// Links that were not taken. A pair refused by [`Reason::VerifiedElsewhere`] or [`Reason::Shared`] can still be in one
    /// customer by other links.
    pub refused: BTreeSet<Refusal>,
    /// Identifiers that are shared.
    pub shared: BTreeSet<Token>,
    /// Pairs that a birth date joined beside a mixed value.
    pub matched: BTreeSet<(Token, Token)>,
    /// Identifiers that moved from one customer to another.
    pub moved: BTreeSet<Token>,
    /// Identifiers of components with too many links.
    pub quarantined: BTreeSet<Token>,
    /// Facts that belong to nobody: they name no identifier that is left.
    pub unattributed: BTreeSet<EventId>,
    /// The birth id of every identifier that any event names, superseded revisions included: every id that was ever issued
    /// is one of these.
    pub births: BTreeMap<Token, CustomerId>,
}

/// P of these events under this policy. Any order, any duplicates.
#[must_use]
pub fn outcome(events: &[RecordedEvent], policy: &Policy) -> Outcome {
    let facts = facts::Facts::of(events, policy);
    let links = links::Links::of(&facts, policy);
    let parts = parts::Resolved::of(&facts, &links, policy);
    view::outcome(&facts, parts, policy)
}

impl Outcome {
    /// The customer that this identifier forms or is part of; `None` for observed ones that have a login.
    #[must_use]
    pub fn customer_of(&self, token: Token) -> Option<&Customer> {
        self.customers.iter().find(|c| c.identifiers.contains(&token))
    }

    /// The sets of identifiers, without anything else.
    #[must_use]
    pub fn partition(&self) -> BTreeSet<BTreeSet<Token>> {
        self.customers.iter().map(|c| c.identifiers.clone()).collect()
    }

    /// The customer in whose timeline this event stands.
    #[must_use]
    pub fn holder_of(&self, event: EventId) -> Option<&Customer> {
        self.customers.iter().find(|c| c.timeline.contains(&event))
    }
}
