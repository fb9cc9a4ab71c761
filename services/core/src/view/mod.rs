//! Views: what people and services see of a customer. Summed from fragments when read, never stored.

mod event_json;
mod suspicious;
mod timeline;
mod why;

pub use event_json::event_json;
pub use suspicious::{
    KeptOut, Suspicion, SuspiciousIdentifier, SuspiciousPurchases, counts, suspicion, suspicious_identifier,
    suspicious_of,
};
pub use timeline::{LIMIT_MAX, Timeline, TimelineEntry, entries, parse_before, timeline};
pub use why::{Why, WhyLink, why, why_links};

use crate::{
    body::Consent,
    codec::BadRow,
    event::{RecordedEvent, Trust},
    fold::{
        contribution::Contribution,
        fact::Fact,
        fragment::Fragment,
        head::{Entry, Head},
        rows::Rows,
    },
    identity::{CustomerRef, IdentifierStory, LinkStory, Refusal, Resolver},
    ids::{CustomerId, EventId, EventPrefix, Position},
    time::Micros,
    token::Token,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Events, read from the log.
pub trait Records {
    /// The event of this id, if the log has it.
    fn by_id(&self, id: EventId) -> Option<RecordedEvent>;
    /// The id of the event that identities know by this prefix and time, if the log has it.
    fn of_prefix(&self, prefix: EventPrefix, at: Micros) -> Option<EventId>;
    /// The event at this position.
    fn at(&self, position: Position) -> Option<RecordedEvent>;
}

/// What views are made from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Who is who.
    pub resolver: &'a Resolver,
    /// The store's rows.
    pub rows: &'a dyn Rows,
    /// The log's events.
    pub records: &'a dyn Records,
}

/// An identifier as a view shows it.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct ViewIdentifier {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Scope.
    pub scope: String,
    /// Normalised value.
    pub value: String,
    /// The most trust.
    pub trust: Trust,
    /// It stands with other customers too; it joins none of them.
    pub shared: bool,
    /// It was this customer's once and moved on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub past: bool,
    /// It has more receipts on a day than one person makes, and nobody cleared it: what stands with it is not derived from.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspicious: bool,
    /// Earliest fact that names it.
    pub first_seen: Micros,
    /// Latest fact that names it.
    pub last_seen: Micros,
    /// Where this comes from.
    pub evidence: Evidence,
}

/// Evidence of an identifier.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Evidence {
    /// Event of the earliest fact; none if the log has it no more.
    pub first: Option<EventId>,
    /// Event of the latest fact.
    pub newest: Option<EventId>,
    /// Number of facts.
    pub count: u64,
}

/// One channel of a view.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct ViewChannel {
    /// Name.
    pub channel: String,
    /// Adapter kind.
    pub kind: String,
    /// Facts.
    pub events: u64,
    /// Earliest.
    pub first_at: Micros,
    /// Latest.
    pub last_at: Micros,
}

/// Purchases in one currency.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct ViewCurrency {
    /// ISO 4217.
    pub currency: String,
    /// Number of purchases.
    pub orders: u64,
    /// Number of refunds.
    pub refunds: u64,
    /// Purchases less refunds, decimal text.
    pub net: String,
}

/// Something that looks right but was not done: a person decides.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Suggestion {
    /// The two identifiers that a fact named together.
    pub identifiers: [IdentifierName; 2],
    /// Customers they stand with, besides this one.
    pub customers: Vec<CustomerId>,
    /// Why it was not done.
    pub reason: Refusal,
    /// The newest fact that says so, if the log has it.
    pub evidence: Option<EventId>,
}

/// Type, scope and value.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct IdentifierName {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Scope.
    pub scope: String,
    /// Normalised value.
    pub value: String,
}

/// The 360-degree view.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct View {
    /// Today's id.
    pub id: CustomerId,
    /// Number of records folded up to its last change.
    pub version: u64,
    /// `live`.
    pub status: &'static str,
    /// schema.org words, and `provenance`: the event of each.
    pub profile: serde_json::Value,
    /// Own ones first, then contacts that are shared.
    pub identifiers: Vec<ViewIdentifier>,
    /// By name.
    pub channels: Vec<ViewChannel>,
    /// Counts and times.
    pub interactions: serde_json::Value,
    /// By currency, with times.
    pub purchases: serde_json::Value,
    /// Newest first.
    pub orders: Vec<serde_json::Value>,
    /// By name.
    pub traits: serde_json::Value,
    /// Newest first.
    pub notes: Vec<serde_json::Value>,
    /// Follows, by channel.
    pub subscriptions: Vec<serde_json::Value>,
    /// By purpose and channel.
    pub consents: Vec<serde_json::Value>,
    /// For a person to decide.
    pub suggestions: Vec<Suggestion>,
    /// Links that a limit or an operator refused.
    pub conflicts: Vec<Suggestion>,
}

/// The customer's sum over all its fragments, and its parts of divided ones.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn head(sources: Sources<'_>, customer: CustomerRef) -> Result<Head, BadRow> {
    sums(sources, customer).map(|(head, _)| head)
}

/// The customer's sum, and what of it is not to be derived from.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn sums(sources: Sources<'_>, customer: CustomerRef) -> Result<(Head, KeptOut), BadRow> {
    let (mut head, mut kept_out) = (Head::default(), KeptOut::default());
    let whole = |t: &Token| !sources.resolver.is_divided(*t);
    for token in sources.resolver.members(customer).into_iter().filter(whole) {
        let mut fragment = Fragment::load(sources.rows, token, false)?;
        head.merge(&fragment.head);
        if suspicious::suspicion_of(sources, &mut fragment)?.is_some_and(|s| s.open) {
            kept_out.tokens.push(token);
            kept_out.head.merge(&fragment.head);
        }
    }
    for token in sources.resolver.divided(customer) {
        let mut fragment = Fragment::load(sources.rows, token, false)?;
        let suspicious = suspicious::suspicion_of(sources, &mut fragment)?.is_some_and(|s| s.open);
        let mut any = false;
        each_part_of(sources, customer, &mut fragment, |entry, contribution, owned_at| {
            head.add(entry, contribution);
            if suspicious && !sources.resolver.is_erased(token, owned_at) {
                kept_out.head.add(entry, contribution);
                any = true;
            }
        })?;
        kept_out.tokens.extend(any.then_some(token));
    }
    Ok((head, kept_out))
}

/// Calls `f` for the facts of a divided fragment that belong to this customer.
pub(crate) fn each_part(
    sources: Sources<'_>,
    customer: CustomerRef,
    token: Token,
    mut f: impl FnMut(Entry, &Contribution),
) -> Result<(), BadRow> {
    let mut fragment = Fragment::load(sources.rows, token, false)?;
    each_part_of(sources, customer, &mut fragment, |entry, contribution, _| f(entry, contribution))
}

/// The same of a fragment at hand; `f` is told the time at which the owner has each fact, too.
fn each_part_of(
    sources: Sources<'_>,
    customer: CustomerRef,
    fragment: &mut Fragment,
    mut f: impl FnMut(Entry, &Contribution, Micros),
) -> Result<(), BadRow> {
    fragment.each_fact(sources.rows, |_, fact: &Fact| {
        let Some(r) = &fact.revision else { return Ok(()) };
        if sources.resolver.attribute(&fact.ids, fact.owned_at()) == Some(customer) {
            let contribution = Contribution::decode(&fact.gives)?;
            if contribution.gives.is_shown() {
                let entry = Entry { at: r.at, event: r.event, position: r.position };
                f(entry, &contribution, fact.owned_at());
            }
        }
        Ok(())
    })
}

/// The view of this customer.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn view(sources: Sources<'_>, customer: CustomerRef) -> Result<Option<View>, BadRow> {
    let Some(id) = sources.resolver.id(customer) else { return Ok(None) };
    let (head, kept_out) = sums(sources, customer)?;
    let links = sources.resolver.links(customer);
    let names = Names::new(sources);
    let mut identifiers: Vec<(bool, ViewIdentifier)> = Vec::new();
    for story in sources.resolver.stories(customer, &links) {
        let name = names.of_story(&story);
        let suspicious = kept_out.tokens.contains(&story.token);
        let own = story.own;
        let told = identifier(sources.records, story, name);
        identifiers.push((!own, ViewIdentifier { suspicious, ..told }));
    }
    identifiers.sort_by(|a, b| key(a).cmp(&key(b)));
    let told = |refused: &[Refusal]| suggestions(&names, customer, &links, refused);
    Ok(Some(View {
        id,
        version: sources.resolver.version(customer),
        status: "live",
        profile: profile(&head),
        identifiers: identifiers.into_iter().map(|(_, i)| i).collect(),
        channels: channels(&head),
        interactions: interactions(&head),
        purchases: purchases(&head, &kept_out),
        orders: newest_first(
            &head.orders,
            |number, at, state| serde_json::json!({"number": number, "state": state, "at": at.0}),
        ),
        traits: head
            .traits
            .iter()
            .map(|(k, (when, v))| {
                (k.clone(), serde_json::json!({"value": v, "at": when.0, "evidence": when.1}))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        notes: head.notes.iter().map(|e| note(sources, e)).collect(),
        subscriptions: head
            .follows
            .iter()
            .map(|(c, (when, f))| serde_json::json!({"channel": c, "following": f, "since": when.0}))
            .collect(),
        consents: head.consents.values().map(|(when, c)| consent(when.0, when.1, c)).collect(),
        suggestions: told(&SUGGESTED),
        conflicts: told(&[Refusal::Limit, Refusal::Unique, Refusal::CannotLink]),
    }))
}

/// Why a link was refused that a person may take all the same.
const SUGGESTED: [Refusal; 4] =
    [Refusal::VerifiedElsewhere, Refusal::Shared, Refusal::BirthDate, Refusal::Quarantined];

/// The refused links that a view suggests.
#[must_use]
pub fn refused_links(sources: Sources<'_>, customer: CustomerRef) -> Vec<Suggestion> {
    let links = sources.resolver.links(customer);
    suggestions(&Names::new(sources), customer, &links, &SUGGESTED)
}

/// Links that keep this customer apart from another for one of these reasons. Where an operator set the two apart, that is the
/// reason, whatever else is.
fn suggestions(
    names: &Names<'_>,
    customer: CustomerRef,
    links: &[LinkStory],
    wanted: &[Refusal],
) -> Vec<Suggestion> {
    let resolver = names.sources.resolver;
    let apart: Vec<CustomerId> =
        resolver.apart_from(customer).into_iter().filter_map(|c| resolver.id(c)).collect();
    let told = links.iter().filter(|l| l.keeps_apart()).filter_map(|link| {
        let customers: Vec<CustomerId> = [link.customers.0, link.customers.1].into_iter().flatten().collect();
        let reason = if customers.iter().any(|c| apart.contains(c)) {
            Some(Refusal::CannotLink)
        } else {
            link.refused
        };
        let reason = reason.filter(|reason| wanted.contains(reason))?;
        let identifiers = [names.of_token(link.ends.0), names.of_token(link.ends.1)];
        let evidence = names.sources.records.of_prefix(link.event, link.at);
        Some(Suggestion { identifiers, customers, reason, evidence })
    });
    told.collect()
}

fn key(i: &(bool, ViewIdentifier)) -> (bool, &str, &str, &str) {
    (i.0, &i.1.kind, &i.1.scope, &i.1.value)
}

fn identifier(records: &dyn Records, story: IdentifierStory, name: IdentifierName) -> ViewIdentifier {
    let event = |(at, prefix)| records.of_prefix(prefix, at);
    ViewIdentifier {
        kind: name.kind,
        scope: name.scope,
        value: name.value,
        trust: story.trust,
        past: story.past,
        shared: story.shared || (!story.own && story.trust != Trust::Observed),
        suspicious: false,
        first_seen: story.first.0,
        last_seen: story.newest.0,
        evidence: Evidence { first: event(story.first), newest: event(story.newest), count: story.count },
    }
}

fn profile(head: &Head) -> serde_json::Value {
    let mut out = serde_json::Map::new();
    let mut provenance = serde_json::Map::new();
    for (field, value) in &head.profile {
        let text = value.cell.open().map_or("[sealed]".into(), String::from_utf8_lossy);
        out.insert(field.as_str().into(), serde_json::json!(text));
        provenance.insert(field.as_str().into(), serde_json::json!(value.when.1));
    }
    out.insert("provenance".into(), provenance.into());
    out.into()
}

fn channels(head: &Head) -> Vec<ViewChannel> {
    let row = |(name, sum): (&String, &crate::fold::head::ChannelSum)| ViewChannel {
        channel: name.clone(),
        kind: sum.kind.clone(),
        events: sum.events,
        first_at: sum.first,
        last_at: sum.last,
    };
    head.channels.iter().map(row).collect()
}

fn interactions(head: &Head) -> serde_json::Value {
    serde_json::json!({
        "events": head.events,
        "inbound": head.inbound,
        "first_at": head.first,
        "last_at": head.last.as_ref().map(|(when, _)| when.0),
        "last_channel": head.last.as_ref().map(|(_, channel)| channel),
    })
}

/// Purchases by currency.
fn currencies(head: &Head) -> Vec<ViewCurrency> {
    let row = |(currency, sum): (&String, &crate::fold::head::CurrencySum)| ViewCurrency {
        currency: currency.clone(),
        orders: sum.orders,
        refunds: sum.refunds,
        net: sum.net.to_string(),
    };
    head.currencies.iter().map(row).collect()
}

fn purchases(head: &Head, kept_out: &KeptOut) -> serde_json::Value {
    let mut out = serde_json::json!({
        "by_currency": currencies(head),
        "first_at": head.bought.map(|b| b.0),
        "last_at": head.bought.map(|b| b.1),
    });
    if let Some(suspicious) = SuspiciousPurchases::of(kept_out) {
        out["suspicious"] = serde_json::json!(suspicious);
    }
    out
}

fn newest_first(
    map: &BTreeMap<String, (crate::fold::head::When, String)>,
    f: impl Fn(&str, crate::fold::head::When, &str) -> serde_json::Value,
) -> Vec<serde_json::Value> {
    let mut rows: Vec<_> = map.iter().collect();
    rows.sort_by_key(|(_, (when, _))| std::cmp::Reverse(*when));
    rows.into_iter().map(|(name, (when, value))| f(name, *when, value)).collect()
}

fn note(sources: Sources<'_>, entry: &Entry) -> serde_json::Value {
    let event = sources.records.at(entry.position);
    let text = event.as_ref().and_then(|e| e.event.content().ok()).map(|c| c.text);
    let actor = event.map(|e| e.event.actor);
    serde_json::json!({"at": entry.at, "event": entry.event, "text": text, "actor": actor})
}

fn consent(at: Micros, evidence: EventId, c: &Consent) -> serde_json::Value {
    let mut out = serde_json::json!({
        "purpose": c.purpose, "channel": c.channel, "granted": c.granted, "at": at, "evidence": evidence,
    });
    for (name, value) in [("brand", &c.brand), ("method", &c.method), ("text_sha256", &c.text_sha256)] {
        if !value.is_empty() {
            out[name] = serde_json::json!(value);
        }
    }
    if let Some(expires) = c.expires_at {
        out["expires_at"] = serde_json::json!(expires);
    }
    out
}

/// Values of identifiers, read from the events that named them first.
pub(crate) struct Names<'a> {
    sources: Sources<'a>,
}

impl<'a> Names<'a> {
    pub fn new(sources: Sources<'a>) -> Self {
        Self { sources }
    }

    pub fn of_story(&self, story: &IdentifierStory) -> IdentifierName {
        let event = self.sources.records.by_id(story.birth.0);
        let value = event.and_then(|e| e.event.identifier_value(story.birth.1).ok());
        IdentifierName {
            kind: story.kind.clone(),
            scope: story.scope.clone(),
            value: value.map_or("[sealed]".to_owned(), |v| v.plain),
        }
    }

    pub fn of_token(&self, token: Token) -> IdentifierName {
        let (kind, scope) = self.sources.resolver.kind_of_token(token).unwrap_or(("unknown", ""));
        let birth = self.sources.resolver.birth(token);
        let event = birth.and_then(|b| Some((self.sources.records.by_id(b.event)?, b.ordinal)));
        let value = event.and_then(|(e, ordinal)| e.event.identifier_value(ordinal).ok());
        IdentifierName {
            kind: kind.to_owned(),
            scope: scope.to_owned(),
            value: value.map_or("[sealed]".to_owned(), |v| v.plain),
        }
    }
}
