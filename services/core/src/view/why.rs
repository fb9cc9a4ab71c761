//! Why one customer is one, for people: links in the order they were looked at, with values.

use super::{IdentifierName, Names, Sources, SuspiciousIdentifier, suspicious_of};
use crate::{
    codec::BadRow,
    identity::{CustomerRef, LinkStory, Refusal, Tier},
    ids::{CustomerId, EventId},
    time::Micros,
};
use serde::Serialize;

/// One link, taken or refused.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct WhyLink {
    /// Its ends.
    pub identifiers: [IdentifierName; 2],
    /// Where it comes from.
    pub tier: Tier,
    /// Whether it was taken.
    pub taken: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Refusal>,
    /// The newest event that says so, if the log has it, with its channel and type.
    pub event: Option<EventId>,
    /// Its channel.
    pub channel: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its time.
    pub at: Micros,
    /// Another customer that one end belongs to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<CustomerId>,
}

/// Why one customer is one.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Why {
    /// The customer.
    pub id: CustomerId,
    /// The event after which it is named.
    pub birth: EventId,
    /// Every link that touches it, in the order it was looked at.
    pub links: Vec<WhyLink>,
    /// Its identifiers with suspicious days, cleared or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspicious: Vec<SuspiciousIdentifier>,
}

/// Every link that touches the customer, with evidence, and what is suspicious about it.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn why(sources: Sources<'_>, customer: CustomerRef) -> Result<Option<Why>, BadRow> {
    let Some(id) = sources.resolver.id(customer) else { return Ok(None) };
    let links = why_links(sources, &sources.resolver.links(customer));
    Ok(Some(Why { id, birth: id.event, links, suspicious: suspicious_of(sources, customer)? }))
}

/// Links with values and the event that says so.
#[must_use]
pub fn why_links(sources: Sources<'_>, links: &[LinkStory]) -> Vec<WhyLink> {
    let names = Names::new(sources);
    let told = links.iter().map(|l| {
        let id = sources.records.of_prefix(l.event, l.at);
        let event = id.and_then(|id| sources.records.by_id(id));
        WhyLink {
            identifiers: [names.of_token(l.ends.0), names.of_token(l.ends.1)],
            tier: l.tier,
            taken: l.refused.is_none(),
            reason: l.refused,
            event: id,
            channel: event.as_ref().map(|e| e.event.channel.clone()).unwrap_or_default(),
            event_type: event.map(|e| e.event.body.type_name().to_owned()).unwrap_or_default(),
            at: l.at,
            customers: [l.customers.0, l.customers.1].into_iter().flatten().collect(),
        }
    });
    told.collect()
}
