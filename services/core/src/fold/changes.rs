//! From regroupings and touched views to changes.

use super::{apply::Fold, fact::Ids};
use crate::{
    body::Body,
    change::{Change, ChangeKind},
    event::RecordedEvent,
    identity::{Apart, CustomerRef, Regrouping},
    ids::{CustomerId, EventId},
    time::Micros,
    token::Token,
};

/// Customers whose view an event on an observed identifier may change besides its own; a shared tablet has more owners
/// than are worth telling.
const OWNERS_MAX: usize = 20;

/// The last event of a commit that changed a customer's view.
#[derive(Clone, Debug)]
pub(super) struct Touch {
    customer: CustomerRef,
    version: u64,
    event: EventId,
    at: Micros,
}

impl Fold {
    /// Notes that `event` changed this customer's view.
    pub(super) fn touch(&mut self, customer: Option<CustomerRef>, event: &RecordedEvent) {
        let Some(customer) = customer else { return };
        if let Some(id) = self.resolver.id(customer) {
            let touch =
                Touch { customer, version: self.records, event: event.event.id, at: event.recorded_at };
            self.touched.insert(id, touch);
        }
    }

    /// Whoever logged in with one of these has a part of its facts, as long as nobody claims or verifies it.
    pub(super) fn touch_owners(&mut self, ids: &Ids, event: &RecordedEvent) {
        for (token, _) in ids {
            for owner in self.resolver.owners(*token).into_iter().take(OWNERS_MAX) {
                self.touch(Some(owner), event);
            }
        }
    }

    /// Whoever has facts that stand with the event's identifiers.
    pub(super) fn touch_holders(&mut self, event: &RecordedEvent) {
        for named in &event.event.identifiers {
            let holder = self.resolver.customer_of(named.token);
            self.touch(holder, event);
            for owner in self.resolver.owners(named.token).into_iter().take(OWNERS_MAX) {
                self.touch(Some(owner), event);
            }
        }
    }

    /// What keeps customers apart around the identifiers of an operator's act; nothing for other events.
    pub(super) fn apart_around(&self, event: &RecordedEvent) -> Apart {
        match event.event.body {
            Body::Identity { .. } => {
                let tokens: Vec<Token> = event.event.identifiers.iter().map(|i| i.token).collect();
                self.resolver.apart_around(&tokens)
            }
            _ => Apart::new(),
        }
    }

    /// Refused links, and whom operators set apart, stand in the views of both customers: whoever has others than before the
    /// act is told, also where nobody moved.
    pub(super) fn touch_apart(&mut self, event: &RecordedEvent, before: &Apart) {
        for (id, (customer, apart)) in self.apart_around(event) {
            if before.get(&id).is_none_or(|(_, before)| *before != apart) {
                self.touch(Some(customer), event);
            }
        }
    }

    /// Facts that name a blocked identifier are with whoever else they name.
    pub(super) fn touch_beside(&mut self, event: &RecordedEvent) {
        for blocked in &event.event.identifiers {
            for customer in self.resolver.beside_customers(blocked.token) {
                self.touch(Some(customer), event);
            }
        }
    }

    /// Tells what regrouping did, one change a customer. Customers that ended without a holder of their birth ended in
    /// `home`, the customer of the causing event.
    pub(super) fn tell(
        &mut self,
        event: &RecordedEvent,
        mut all: Vec<Regrouping>,
        home: Option<CustomerRef>,
    ) {
        if all.is_empty() {
            return;
        }
        let ended: Vec<Regrouping> = all.extract_if(.., |r| r.customer.is_none()).collect();
        if let Some((home, id)) = home.and_then(|h| Some((h, self.resolver.id(h)?)))
            && !ended.is_empty()
        {
            let from = ended.iter().map(|r| r.id);
            match all.iter_mut().find(|r| r.customer == Some(home)) {
                Some(known) => known.from.extend(from),
                None => all.push(Regrouping {
                    customer: Some(home),
                    id,
                    existed: true,
                    from: from.collect(),
                    parts: Vec::new(),
                    version: self.resolver.version(home),
                }),
            }
        } else {
            for gone in ended {
                self.push(ChangeKind::Erased, gone.id, gone.version, event, gone.from, Vec::new());
            }
        }
        for r in all {
            let Some(customer) = r.customer else { continue };
            let kind = match (r.existed, r.from.is_empty(), r.parts.is_empty()) {
                (_, false, _) => ChangeKind::Merged,
                (false, ..) => ChangeKind::Created,
                (true, _, false) => ChangeKind::Split,
                (true, true, true) => {
                    self.touch(Some(customer), event);
                    continue;
                }
            };
            match kind {
                ChangeKind::Merged => self.stats.merges += 1,
                ChangeKind::Split => self.stats.splits += 1,
                _ => {}
            }
            let follows = self.resolver.set_version(customer, self.records);
            self.push(kind, r.id, follows, event, r.from, r.parts);
        }
    }

    fn push(
        &mut self,
        kind: ChangeKind,
        customer: CustomerId,
        follows: u64,
        event: &RecordedEvent,
        mut from: Vec<CustomerId>,
        parts: Vec<CustomerId>,
    ) {
        from.sort_unstable();
        from.dedup();
        self.changes.push(Change {
            id: Change::id_of(kind, customer, event.event.id),
            kind,
            customer,
            version: self.records,
            follows,
            caused_by: event.event.id,
            at: event.recorded_at,
            from,
            parts,
        });
    }

    /// The `updated` changes of all customers touched since the last commit and not told of since.
    pub(super) fn tell_updates(&mut self) {
        let mut touched: Vec<_> = std::mem::take(&mut self.touched).into_iter().collect();
        touched.sort_unstable_by_key(|(id, _)| *id);
        for (id, touch) in touched {
            let current = self.resolver.id(touch.customer) == Some(id);
            if !current || self.resolver.version(touch.customer) >= touch.version {
                continue;
            }
            let follows = self.resolver.set_version(touch.customer, touch.version);
            self.changes.push(Change {
                id: Change::id_of(ChangeKind::Updated, id, touch.event),
                kind: ChangeKind::Updated,
                customer: id,
                version: touch.version,
                follows,
                caused_by: touch.event,
                at: touch.at,
                from: Vec::new(),
                parts: Vec::new(),
            });
        }
    }
}
