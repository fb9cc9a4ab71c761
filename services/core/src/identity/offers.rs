//! Offers: somebody who is known to a shop's own system is offered to be bound to an account of a platform, by a nonce. The
//! platform's signed answer (a *redemption*) then names whom the offer names, as if it stood in the answer itself.
//!
//! Offer and redemptions may arrive in any order, any number of times, on any node. Of all redemptions in time the first
//! by (time, event id) counts, so a nonce binds once, whoever tries it again, and whatever is folded first.

use super::{born::Born, resolver::Resolver};
use crate::{
    body::Body,
    event::{Event, RecordedEvent, Trust},
    ids::{EventId, EventPrefix, FactKey},
    time::Micros,
    token::Token,
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// Identifiers of an offer or a redemption.
pub(super) type Named = SmallVec<[(u32, Trust); 1]>;

/// What an offer states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub at: i64,
    pub event: EventId,
    pub expires_at: i64,
    pub ids: Named,
}

/// A redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub at: i64,
    pub event: EventId,
    pub ids: Named,
    pub born: Option<Born>,
}

/// All that is known of one nonce.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    pub made: Option<Made>,
    /// By (time, event id).
    pub taken: SmallVec<[Taken; 1]>,
    /// The redemption that counts names these too.
    pub bound: Option<(i64, EventId, Named)>,
}

/// Offers by the key of their fact, and the offers that redemptions are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offers {
    pub(super) all: HashMap<FactKey, Offer, FixedState>,
    takers: HashMap<(i64, EventPrefix), FactKey, FixedState>,
}

impl Offers {
    pub(super) fn insert(&mut self, key: FactKey, offer: Offer) {
        for taken in &offer.taken {
            self.takers.insert((taken.at, taken.event.prefix()), key);
        }
        self.all.insert(key, offer);
    }
}

/// The key of the offer's fact that a redemption of this account is of; `with` is the hash of the nonce.
#[must_use]
pub fn offer_key(event: &Event, with: &str) -> FactKey {
    FactKey::derive(&event.kind, &event.account, &format!("{OFFER}{with}"))
}

/// What an offer's key begins with; the hash of its nonce follows.
pub const OFFER: &str = "offer/";

impl Offer {
    /// Whom the redemption that counts names by the offer: its time, its event, and they. Who was erased since the offer is
    /// offered no more.
    fn binds(&self, erased: impl Fn(u32, i64) -> bool) -> Option<(i64, EventId, Named)> {
        let made = self.made.as_ref()?;
        let first = self.taken.iter().find(|t| t.at <= made.expires_at)?;
        let ids: Named = made.ids.iter().filter(|(node, _)| !erased(*node, made.at)).copied().collect();
        (!ids.is_empty()).then_some((first.at, first.event, ids))
    }
}

impl Resolver {
    /// An offer or a redemption counts from now on: after [`Resolver::assert`] of the same event. Other events do nothing.
    pub fn bind(&mut self, event: &RecordedEvent, ids: &[(Token, Trust)], born: Option<Born>) {
        if !event.event.is_for_customers() {
            return;
        }
        let (at, id) = (event.effective_at().0, event.event.id);
        let ids = ids.iter().filter_map(|(token, trust)| Some((self.state.find(*token)?, *trust)));
        let ids: Named = ids.collect();
        let key = match &event.event.body {
            Body::Offered { expires_at } => {
                let key = event.event.fact_key();
                let made = Made { at, event: id, expires_at: expires_at.0, ids };
                self.state.offers.all.entry(key).or_default().made = Some(made);
                key
            }
            // Whoever is only seen with is nobody yet that could be bound. Blocks do not matter here: whether a nonce is used
            // up must not change when somebody is blocked later.
            Body::Link { with, ok: true } if ids.iter().any(|(_, trust)| *trust > Trust::Observed) => {
                let key = offer_key(&event.event, with);
                let offer = self.state.offers.all.entry(key).or_default();
                offer.taken.push(Taken { at, event: id, ids, born });
                offer.taken.sort_unstable_by_key(|t| (t.at, t.event));
                self.state.offers.takers.insert((at, id.prefix()), key);
                key
            }
            _ => return,
        };
        self.settle_offer(key);
    }

    /// The revision of this fact no longer counts: before [`Resolver::retract`] of the same event.
    pub fn release(&mut self, fact: &FactKey, at: Micros, event: EventId) {
        let offers = &mut self.state.offers;
        if offers.all.is_empty() {
            return;
        }
        if let Some(key) = offers.takers.remove(&(at.0, event.prefix())) {
            // It is taken out when nothing is bound to it any more.
            let gone = offers.all.get_mut(&key).map(|offer| {
                let is_it = |t: &Taken| (t.at, t.event) == (at.0, event);
                let place = offer.taken.iter().position(is_it);
                place.map(|place| offer.taken.remove(place))
            });
            if let Some(Some(gone)) = gone {
                self.unbind(key, Some(&gone));
                self.settle_offer(key);
            }
        }
        let made = self.state.offers.all.get_mut(fact);
        if let Some(offer) =
            made.filter(|o| o.made.as_ref().is_some_and(|m| (m.at, m.event) == (at.0, event)))
        {
            offer.made = None;
            self.settle_offer(*fact);
        }
    }

    /// Takes back what offers made redemptions name, where these identifiers are offered: they are being erased.
    pub(super) fn unbind_offers_of(&mut self, nodes: &[u32]) -> Vec<FactKey> {
        let offers = self.state.offers.all.iter();
        let names = |offer: &Offer| {
            offer.made.as_ref().is_some_and(|made| made.ids.iter().any(|(n, _)| nodes.contains(n)))
        };
        let keys: Vec<FactKey> = offers.filter(|(_, offer)| names(offer)).map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| self.unbind(*key, None));
        keys
    }

    /// Lets the redemption that counts name whom the offer names, and no other one.
    pub(super) fn settle_offer(&mut self, key: FactKey) {
        let Some(offer) = self.state.offers.all.get(&key) else { return };
        let erasures = &self.state.erasures;
        let binds = offer.binds(|node, at| erasures.covers(node, at));
        if binds != offer.bound {
            self.unbind(key, None);
            self.bind_now(key, binds);
        }
        let empty = |offer: &Offer| offer.made.is_none() && offer.taken.is_empty();
        if self.state.offers.all.get(&key).is_some_and(empty) {
            self.state.offers.all.remove(&key);
        }
    }

    fn bind_now(&mut self, key: FactKey, binds: Option<(i64, EventId, Named)>) {
        let Some(offer) = self.state.offers.all.get_mut(&key) else { return };
        offer.bound.clone_from(&binds);
        let Some((at, event, with)) = binds else { return };
        let Some(taken) = offer.taken.iter().find(|t| (t.at, t.event) == (at, event)).cloned() else {
            return;
        };
        self.rename(&taken, &with, true);
    }

    /// `gone`: the redemption, where it is no more among those of the offer.
    fn unbind(&mut self, key: FactKey, gone: Option<&Taken>) {
        let Some(offer) = self.state.offers.all.get_mut(&key) else { return };
        let Some((at, event, with)) = offer.bound.clone() else { return };
        let is_it = |t: &&Taken| (t.at, t.event) == (at, event);
        let Some(taken) = offer.taken.iter().find(is_it).or(gone.filter(is_it)).cloned() else { return };
        offer.bound = None;
        self.rename(&taken, &with, false);
    }

    /// A redemption names its own identifiers and `with` instead of its own alone, or the other way round.
    fn rename(&mut self, taken: &Taken, with: &Named, bind: bool) {
        let own = self.tokens(&taken.ids);
        let mut both = own.clone();
        for (token, trust) in self.tokens(with) {
            match both.iter_mut().find(|(known, _)| *known == token) {
                Some((_, known)) => *known = (*known).max(trust),
                None => both.push((token, trust)),
            }
        }
        let (old, new) = if bind { (own, both) } else { (both, own) };
        // Who logged in with what may change without anybody joining.
        let all: SmallVec<[(u32, Trust); 4]> = taken.ids.iter().chain(with).copied().collect();
        self.stir_all(&all);
        self.retract(&old, Micros(taken.at), taken.event);
        self.assert(&new, Micros(taken.at), taken.event, taken.born);
        self.stir_all(&all);
    }

    fn tokens(&self, ids: &Named) -> SmallVec<[(Token, Trust); 4]> {
        ids.iter().map(|(node, trust)| (self.state.nodes[*node as usize].token, *trust)).collect()
    }
}
