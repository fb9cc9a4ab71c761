//! Identity: which identifiers form one customer. A pure function P(facts, policy) of the set of facts, whatever order
//! they arrived in.
//!
//! # The partition function
//!
//! Only the greatest (revision, generation) of each fact takes part (of equal ones the lowest event id), and only facts that may touch customers
//! ([`Event::is_for_customers`](crate::event::Event::is_for_customers)). Their *time* is `min(occurred_at, recorded_at)`.
//!
//! 0. **Erase.** An `erase` act lists identifiers. An event at or before its `occurred_at` (which nothing cuts) loses those of
//!    them that it names, in its fact and for births. So does an operator's act on a
//!    pair that is not later than the erasure of one of the two: it counts no more. Blocks stay.
//!    **Drop** identifiers with an active blocklist pattern, those that the policy calls ours, identifiers blocked by an operator (the newest of block and
//!    unblock by (time, event id) counts), and of a `link` that failed all identifiers but the first.
//!    **Offers.** An offer (`offered`) and redemptions (`link`, ok) belong together by kind, account and the hash of a nonce. A
//!    redemption claims or verifies somebody by itself, blocked or not. Of those at or before the offer's end the one with the smallest
//!    (time, event id) counts: its fact names, besides its own identifiers, those that the offer names and has not lost to an
//!    erasure. They count for everything but births and the choice of the timeline that the redemption stands in. Failed,
//!    late, repeated and unknown ones bind nothing.
//!    A *node* is an identifier that is left in at least one fact. It is *verified* if one of them names it so.
//! 1. **Links.** Two identifiers of one fact make a link whose trust is the lower of both; one with an `observed` end is
//!    a *login*, not a link. An operator's link is a link of its own tier, if the newest of link and unlink of the pair
//!    (by (time, event id)) is a link and both are nodes; if it is an unlink, the pair is a *cannot-link*.
//!    Links of one tier are taken in this order: smaller rank of the two ends, larger rank, newest time of its evidence
//!    first, event id of that evidence, smaller token, larger token, trust of the end with the smaller token.
//!    (The newest evidence is the greatest (time, event id).)
//! 2. **Level 1**: operator links, then verified ones. A link is taken unless the customer it would make has too many
//!    identifiers of a type (per scope where the policy says so) or in all, or holds a cannot-link pair; then it is refused.
//!    Of several reasons the first of these is told: `cannot_link`; `unique`, where two identifiers of a type of which there
//!    is one each would meet; `limit`; at level 2 `birth_date`.
//!    What level 1 joins is a *V-component*; it is *anchored* if a node of it anchors: verified and of an anchoring type,
//!    or of a type that anchors even when claimed.
//!    A *raw component* is what all links would join without any refusal, claims on identifiers with more than
//!    [`policy::HUB_MAX`] partners aside. One of more links than the policy's `quarantine_links` is *quarantined*: its claimed
//!    links are all refused, as `quarantined`.
//! 3. **Level 2**: claimed links, one for each pair and combination of the ends' trusts. For each end that the link claims
//!    (does not verify): refused as `verified_elsewhere` if that end is verified and its V-component is not the other
//!    end's; refused as `shared` if that end is shared. Otherwise taken or refused as in level 1.
//!    An identifier is *shared* if it is the claimed end of links from more than `fanout_cap` anchored V-components other
//!    than its own, or if it is the claimed end of links with more than [`policy::HUB_MAX`] different partners.
//!    Of two claimed ends the one with the smaller token is looked at first.
//!
//!    **Birth dates** (if the policy says `birth_dates`). A fact whose profile has a birth date ([`Born`]) and that was not
//!    removed gives it to each of its identifiers that it does not observe; one claimed beside more than
//!    [`policy::HUB_MAX`] others takes none. A transferable identifier with several birth dates is *mixed*. A claimed end
//!    that is mixed refuses its link as `birth_date`, after `shared`. A customer's birth dates are those of its identifiers
//!    that are not mixed; a claimed link is refused as `birth_date` if both customers have birth dates and none in common.
//!    After all claimed links come *matched* ones, for each mixed x and birth date d: of the identifiers beside x in facts of
//!    d that claim x, those count that are not mixed and are verified there, or claimed and neither verified anywhere nor
//!    shared. The one with the smallest (rank, token) is linked with each other one. They are taken in order of smaller rank,
//!    larger rank, smaller token, larger token, under the rules of claimed links for the whole customer; none is taken in
//!    quarantine.
//! 4. **Observed** identifiers (those that every fact naming them names so) are never joined. A *login* is a fact that names one together with identifiers that are not
//!    observed; it belongs to the customer of the strongest of those. owner(x, t) = customer of the latest login on x (by
//!    (time, event id)) at or before t, else of the first login after t, else x is a customer by itself.
//!
//! 5. **Owners by time.** Of a pair of identifiers whose verified link was refused as `unique`, the one with the greater
//!    (rank, token) *moved* if its type is transferable, and the other is its *tenant*. Proofs of a moved x are
//!    - facts that name x and another identifier verified: of x's own customer if one of the others is in it, else of the
//!      tenant with the smallest (rank, token) among them; and
//!    - where there is one of x's type (and scope) to a customer, facts that verify a tenant and another identifier of that
//!      type that is in the tenant's customer: these are of x's own customer, as x was replaced.
//!
//!    One event proves for x's own customer or for a tenant, not both. Proofs after the newest one of x's own customer do not
//!    count. owner(x, t) = x's own customer from that newest one on and where there is none; before, the customer of the
//!    latest proof (by (time, event id)) at or before t, else of the first proof.
//!
//! The *strongest* identifier of a fact has the most trust, then the smallest rank, then the smallest token. A fact is in
//! the timeline of the customer of its strongest identifier that was not dropped (observed or moved: of the owner at its
//! time), and so is a login.
//! A refund that names nobody (or only what patterns block) is where the purchase is that it is of, by the purchase's time.
//!
//! A customer is named after its birth: the smallest (recorded_at, event id, ordinal) at which an event named one of its
//! identifiers, superseded revisions and duplicates included.
//!
//! An event that an operator retracted is a removal of its fact that beats every reading of the same revision
//! ([`Event::retraction`](crate::event::Event::retraction)).
//!
//! Absent here: suggestions by score; suspicious identifiers, whose days are counted where their facts are
//! ([`fold::receipts`](crate::fold::receipts)), as they change nothing of who is who.

mod apart;
mod born;
mod compact;
mod compare;
mod erase;
mod evidence;
mod excerpt;
mod explain;
mod groups;
mod long_lists;
mod lookup;
mod node;
mod offers;
mod outlook;
mod partition;
pub mod policy;
mod quarantine;
mod quick;
mod resolver;
mod snapshot;
mod state;
mod tenure;

pub use apart::{Apart, KeptApart};
pub use born::Born;
pub use compare::{Difference, Merge, Split};
pub use explain::{IdentifierStory, LINKS_MAX, LinkStory};
pub use offers::{OFFER, offer_key};
pub use outlook::Obstacle;
pub use partition::{Refusal, Tier};
pub use resolver::{CustomerRef, Regrouping, Resolver};
pub use state::{Birth, taking_part};
pub use tenure::Tenure;
