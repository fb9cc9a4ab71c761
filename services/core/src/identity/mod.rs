//! Identity: which identifiers form one customer. A pure function P(facts, policy) of the set of facts, whatever order
//! they arrived in.
//!
//! # The partition function
//!
//! Only the greatest (revision, generation) of each fact takes part (of equal ones the lowest event id), and only facts that may touch customers
//! ([`Event::is_for_customers`](crate::event::Event::is_for_customers)). Their *time* is `min(occurred_at, recorded_at)`.
//!
//! 0. **Drop** identifiers with an active blocklist pattern, identifiers blocked by an operator (the newest of block and
//!    unblock by (time, event id) counts), and of a `link` that failed all identifiers but the first.
//!    A *node* is an identifier that is left in at least one fact. It is *verified* if one of them names it so.
//! 1. **Links.** Two identifiers of one fact make a link whose trust is the lower of both; one with an `observed` end is
//!    a *login*, not a link. An operator's link is a link of its own tier, if the newest of link and unlink of the pair
//!    (by (time, event id)) is a link and both are nodes; if it is an unlink, the pair is a *cannot-link*.
//!    Links of one tier are taken in this order: smaller rank of the two ends, larger rank, newest time of its evidence
//!    first, event id of that evidence, smaller token, larger token, trust of the end with the smaller token.
//!    (The newest evidence is the greatest (time, event id).)
//! 2. **Level 1**: operator links, then verified ones. A link is taken unless the customer it would make has too many
//!    identifiers of a type (per scope where the policy says so) or in all, or holds a cannot-link pair; then it is refused.
//!    What level 1 joins is a *V-component*; it is *anchored* if a node of it anchors: verified and of an anchoring type,
//!    or of a type that anchors even when claimed.
//! 3. **Level 2**: claimed links, one for each pair and combination of the ends' trusts. For each end that the link claims
//!    (does not verify): refused as `verified_elsewhere` if that end is verified and its V-component is not the other
//!    end's; refused as `shared` if that end is shared. Otherwise taken or refused as in level 1.
//!    An identifier is *shared* if it is the claimed end of links from more than `fanout_cap` anchored V-components other
//!    than its own, or if it is the claimed end of links with more than [`policy::HUB_MAX`] different partners.
//!    Of two claimed ends the one with the smaller token is looked at first.
//! 4. **Observed** identifiers (those that every fact naming them names so) are never joined. A *login* is a fact that names one together with identifiers that are not
//!    observed; it belongs to the customer of the strongest of those. owner(x, t) = customer of the latest login on x (by
//!    (time, event id)) at or before t, else of the first login after t, else x is a customer by itself.
//!
//! The *strongest* identifier of a fact has the most trust, then the smallest rank, then the smallest token. A fact is in
//! the timeline of the customer of its strongest identifier that was not dropped (observed: of the owner at its time).
//! A refund that names nobody (or only what patterns block) is where the purchase is that it is of, by the purchase's time.
//!
//! A customer is named after its birth: the smallest (recorded_at, event id, ordinal) at which an event named one of its
//! identifiers, superseded revisions and duplicates included.
//!
//! Absent here: ownership by time of verified identifiers that moved (a recycled phone number), erasure, suggestions by
//! score.

mod apart;
mod compare;
mod explain;
mod lookup;
mod partition;
pub mod policy;
mod resolver;
mod snapshot;
mod state;

pub use compare::{Difference, Merge, Split};
pub use explain::{IdentifierStory, LINKS_MAX, LinkStory};
pub use partition::{Refusal, Tier};
pub use resolver::{CustomerRef, Regrouping, Resolver};
pub use state::{Birth, taking_part};
