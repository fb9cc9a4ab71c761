//! The resolver as bytes: a flat snapshot from which a restart goes on with the log's tail. It is a cache; damage or
//! another format only means that everything is folded again.

use super::{
    born::Born,
    erase::{Erasures, Naming},
    evidence::Evidence,
    offers::{Made, Named, Offer, Offers, Taken},
    policy::Policy,
    resolver::Resolver,
    state::{Acts, Birth, Customer, NONE, State},
};
use crate::{
    codec::{BadRow, Reader, Writer},
    event::Trust,
    ids::{EventId, EventPrefix, FactKey},
    token::Token,
};
use smallvec::SmallVec;

/// Grows with the layout, and when a text gives another mark of its birth date: then the log has to be read again.
const FORMAT: u64 = 5;

impl Resolver {
    /// The snapshot's bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let s = &self.state;
        w.number(FORMAT);
        w.text(&self.policy.to_json());
        w.number(s.kinds.len() as u64);
        for kind in &s.kinds {
            w.text(&kind.kind);
            w.text(&kind.scope);
        }
        w.number(s.nodes.len() as u64);
        for node in &s.nodes {
            w.raw(&node.token.0);
            w.number(u64::from(node.kind));
            w.number(u64::from(node.marks));
            birth(&mut w, node.birth());
            // One more, so that no customer is 0.
            w.number(u64::from(node.customer.wrapping_add(1)));
        }
        w.number(s.groups.len() as u64);
        for group in 0..s.groups.len() as u32 {
            w.number(s.ids(group).count() as u64);
            for (node, trust) in s.ids(group) {
                w.number(u64::from(node) << 2 | trust as u64);
            }
            // The oldest first: that is how they are put in fastest.
            let pieces: SmallVec<[Evidence; 8]> = s.evidence(group).collect();
            w.number(pieces.len() as u64);
            for (at, event) in pieces.into_iter().rev() {
                w.signed(at);
                prefix(&mut w, event);
            }
        }
        w.number(s.pairs.len() as u64);
        for ((a, b), list) in &s.pairs {
            w.number(u64::from(*a));
            w.number(u64::from(*b));
            acts(&mut w, list);
        }
        w.number(s.blocks.len() as u64);
        for (node, list) in &s.blocks {
            w.number(u64::from(*node));
            acts(&mut w, list);
        }
        tenancies(&mut w, s);
        erasures(&mut w, &s.erasures);
        offers(&mut w, &s.offers);
        w.number(s.customers.len() as u64);
        for customer in &s.customers {
            w.number(u64::from(customer.is_some()));
            if let Some(customer) = customer {
                w.number(customer.version << 1 | u64::from(customer.contested));
            }
        }
        w.0
    }

    /// The resolver of these bytes.
    ///
    /// # Errors
    /// [`BadRow`] if they are no snapshot of this format; fold again then.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, BadRow> {
        let mut r = Reader(bytes);
        if r.number()? != FORMAT {
            return Err(BadRow);
        }
        let policy = Policy::from_json(&r.text()?).map_err(|_| BadRow)?;
        let mut resolver = Self::new(policy);
        for _ in 0..r.count()? {
            let (kind, scope) = (r.text()?, r.text()?);
            resolver.state.kind(&resolver.policy, &kind, &scope);
        }
        let nodes = r.count()?;
        resolver.state.reserve(nodes);
        for _ in 0..nodes {
            let token = Token(r.sixteen()?);
            let (kind, marks) = (r.small()?, r.small()?);
            if kind as usize >= resolver.state.kinds.len() {
                return Err(BadRow);
            }
            let birth = get_birth(&mut r)?;
            resolver.state.push_node(token, kind, marks, birth);
            if let Some(node) = resolver.state.nodes.last_mut() {
                node.customer = (r.number()? as u32).wrapping_sub(1);
            }
        }
        resolver.read_groups(&mut r)?;
        resolver.read_acts(&mut r)?;
        resolver.read_tenancies(&mut r)?;
        resolver.read_erasures(&mut r)?;
        resolver.read_offers(&mut r)?;
        resolver.read_customers(&mut r)?;
        r.end()?;
        Ok(resolver)
    }

    fn node(&self, number: u64) -> Result<u32, BadRow> {
        u32::try_from(number).ok().filter(|n| (*n as usize) < self.state.nodes.len()).ok_or(BadRow)
    }

    fn read_groups(&mut self, r: &mut Reader<'_>) -> Result<(), BadRow> {
        let groups = r.count()?;
        self.state.groups.reserve_exact(groups);
        for _ in 0..groups {
            let mut ids: SmallVec<[(u32, Trust); 3]> = SmallVec::new();
            for _ in 0..r.count()? {
                let number = r.number()?;
                ids.push((self.node(number >> 2)?, Trust::from_number((number & 3) as u32)));
            }
            let group = self.state.new_group(&ids);
            for _ in 0..r.count()? {
                let evidence = (r.signed()?, get_prefix(r)?);
                self.state.set_evidence(group, evidence, true);
            }
        }
        Ok(())
    }

    fn read_acts(&mut self, r: &mut Reader<'_>) -> Result<(), BadRow> {
        for _ in 0..r.count()? {
            let (a, b) = (r.number()?, r.number()?);
            let (a, b) = (self.node(a)?, self.node(b)?);
            self.state.pairs.insert((a, b), get_acts(r)?);
            self.state.add_partner(a, b);
            self.state.add_partner(b, a);
        }
        for _ in 0..r.count()? {
            let number = r.number()?;
            let node = self.node(number)?;
            let list = get_acts(r)?;
            self.state.nodes[node as usize].blocked = list.last().is_some_and(|a| a.2);
            self.state.blocks.insert(node, list);
        }
        Ok(())
    }

    fn read_tenancies(&mut self, r: &mut Reader<'_>) -> Result<(), BadRow> {
        for _ in 0..r.count()? {
            let (moved, tenant) = (r.number()?, r.number()?);
            self.state.tenancies.insert(self.node(moved)?, self.node(tenant)?);
        }
        for _ in 0..r.count()? {
            let number = r.number()?;
            self.state.quarantined.insert(self.node(number)?);
        }
        for _ in 0..r.count()? {
            let group = r.small()?;
            if group as usize >= self.state.groups.len() {
                return Err(BadRow);
            }
            let mut dates = Vec::new();
            for _ in 0..r.count()? {
                let born = u16::try_from(r.number()?).map_err(|_| BadRow)?;
                dates.push((Born(born), get_prefix(r)?));
            }
            self.state.born.insert(group, dates);
        }
        Ok(())
    }

    fn read_erasures(&mut self, r: &mut Reader<'_>) -> Result<(), BadRow> {
        let mut read = Erasures::default();
        for _ in 0..r.count()? {
            let node = r.number()?;
            read.tombstones.insert(self.node(node)?, r.signed()?);
        }
        for _ in 0..r.count()? {
            let node = r.number()?;
            let list = read.lost.entry(self.node(node)?).or_default();
            for _ in 0..r.count()? {
                let lost = r.number()?;
                list.push(self.node(lost)?);
            }
        }
        for _ in 0..r.count()? {
            let node = r.number()?;
            let list = read.namings.entry(self.node(node)?).or_default();
            for _ in 0..r.count()? {
                let at = r.signed()?;
                list.insert(Naming { at, birth: get_birth(r)? });
            }
        }
        for _ in 0..r.count()? {
            let node = r.number()?;
            let at = r.signed()?;
            read.recent.push_back((self.node(node)?, Naming { at, birth: get_birth(r)? }));
        }
        self.state.erasures = read;
        Ok(())
    }

    fn read_offers(&mut self, r: &mut Reader<'_>) -> Result<(), BadRow> {
        for _ in 0..r.count()? {
            let (key, mut offer) = (FactKey(r.sixteen()?), Offer::default());
            if r.number()? == 1 {
                let (at, event, expires_at) = (r.signed()?, EventId(r.sixteen()?), r.signed()?);
                offer.made = Some(Made { at, event, expires_at, ids: self.read_named(r)? });
            }
            for _ in 0..r.count()? {
                let (at, event) = (r.signed()?, EventId(r.sixteen()?));
                let born = match r.number()? {
                    0 => None,
                    born => Some(Born(u16::try_from(born - 1).map_err(|_| BadRow)?)),
                };
                offer.taken.push(Taken { at, event, born, ids: self.read_named(r)? });
            }
            if r.number()? == 1 {
                let (at, event) = (r.signed()?, EventId(r.sixteen()?));
                offer.bound = Some((at, event, self.read_named(r)?));
            }
            self.state.offers.insert(key, offer);
        }
        Ok(())
    }

    fn read_named(&self, r: &mut Reader<'_>) -> Result<Named, BadRow> {
        let mut ids = Named::new();
        for _ in 0..r.count()? {
            let number = r.number()?;
            ids.push((self.node(number >> 2)?, Trust::from_number((number & 3) as u32)));
        }
        Ok(ids)
    }

    fn read_customers(&mut self, r: &mut Reader<'_>) -> Result<(), BadRow> {
        let mut versions = Vec::new();
        for _ in 0..r.count()? {
            versions.push(if r.number()? == 1 { Some(r.number()?) } else { None });
        }
        let mut customers: Vec<Option<Customer>> = vec![None; versions.len()];
        for (at, node) in self.state.nodes.iter().enumerate().filter(|(_, n)| n.customer != NONE) {
            let slot = node.customer as usize;
            let version = versions.get(slot).copied().flatten().ok_or(BadRow)?;
            let (version, contested) = (version >> 1, version & 1 == 1);
            let fresh = || Customer { members: SmallVec::new(), eldest: at as u32, version, contested };
            let customer = customers[slot].get_or_insert_with(fresh);
            customer.members.push(at as u32);
            if node.birth() < self.state.nodes[customer.eldest as usize].birth() {
                customer.eldest = at as u32;
            }
        }
        for (slot, customer) in customers.iter().enumerate() {
            match customer {
                Some(customer) => {
                    let birth = self.state.nodes[customer.eldest as usize].birth();
                    self.digest = self.digest.wrapping_add(self.hash(&customer.members, birth));
                }
                None => self.state.free.push(slot as u32),
            }
        }
        self.state.customers = customers;
        Ok(())
    }
}

fn tenancies(w: &mut Writer, s: &State) {
    let pairs = s.tenancies.tenants.iter().flat_map(|(m, list)| list.iter().map(move |t| (*m, *t)));
    let pairs: Vec<(u32, u32)> = pairs.collect();
    w.number(pairs.len() as u64);
    for (moved, tenant) in pairs {
        w.number(u64::from(moved));
        w.number(u64::from(tenant));
    }
    w.number(s.quarantined.len() as u64);
    s.quarantined.iter().for_each(|n| w.number(u64::from(*n)));
    w.number(s.born.len() as u64);
    for (group, dates) in &s.born {
        w.number(u64::from(*group));
        w.number(dates.len() as u64);
        for (born, event) in dates {
            w.number(u64::from(born.0));
            prefix(w, *event);
        }
    }
}

fn erasures(w: &mut Writer, erasures: &Erasures) {
    w.number(erasures.tombstones.len() as u64);
    for (node, at) in &erasures.tombstones {
        w.number(u64::from(*node));
        w.signed(*at);
    }
    w.number(erasures.lost.len() as u64);
    for (node, lost) in &erasures.lost {
        w.number(u64::from(*node));
        w.number(lost.len() as u64);
        lost.iter().for_each(|n| w.number(u64::from(*n)));
    }
    w.number(erasures.namings.len() as u64);
    for (node, namings) in &erasures.namings {
        w.number(u64::from(*node));
        w.number(namings.iter().len() as u64);
        for naming in namings.iter() {
            w.signed(naming.at);
            birth(w, naming.birth);
        }
    }
    w.number(erasures.recent.len() as u64);
    for (node, naming) in &erasures.recent {
        w.number(u64::from(*node));
        w.signed(naming.at);
        birth(w, naming.birth);
    }
}

fn offers(w: &mut Writer, offers: &Offers) {
    w.number(offers.all.len() as u64);
    for (key, offer) in &offers.all {
        w.raw(&key.0);
        w.number(u64::from(offer.made.is_some()));
        if let Some(made) = &offer.made {
            w.signed(made.at);
            w.raw(&made.event.0);
            w.signed(made.expires_at);
            named(w, &made.ids);
        }
        w.number(offer.taken.len() as u64);
        for taken in &offer.taken {
            w.signed(taken.at);
            w.raw(&taken.event.0);
            w.number(taken.born.map_or(0, |born| u64::from(born.0) + 1));
            named(w, &taken.ids);
        }
        w.number(u64::from(offer.bound.is_some()));
        if let Some((at, event, ids)) = &offer.bound {
            w.signed(*at);
            w.raw(&event.0);
            named(w, ids);
        }
    }
}

fn named(w: &mut Writer, ids: &Named) {
    w.number(ids.len() as u64);
    for (node, trust) in ids {
        w.number(u64::from(*node) << 2 | *trust as u64);
    }
}

fn birth(w: &mut Writer, birth: Birth) {
    w.signed(birth.recorded_at);
    w.raw(&birth.event.0);
    w.number(u64::from(birth.ordinal));
}

fn get_birth(r: &mut Reader<'_>) -> Result<Birth, BadRow> {
    let recorded_at = r.signed()?;
    let event = EventId(r.sixteen()?);
    Ok(Birth { recorded_at, event, ordinal: u8::try_from(r.number()?).map_err(|_| BadRow)? })
}

fn prefix(w: &mut Writer, event: EventPrefix) {
    w.raw(&event.0.to_be_bytes());
}

fn get_prefix(r: &mut Reader<'_>) -> Result<EventPrefix, BadRow> {
    Ok(EventPrefix(u64::from_be_bytes(r.eight()?)))
}

fn acts(w: &mut Writer, list: &Acts) {
    w.number(list.len() as u64);
    for (at, event, positive) in list {
        w.signed(*at);
        w.raw(&event.0);
        w.number(u64::from(*positive));
    }
}

fn get_acts(r: &mut Reader<'_>) -> Result<Acts, BadRow> {
    let mut list = Vec::new();
    for _ in 0..r.count()? {
        let at = r.signed()?;
        let event = EventId(r.sixteen()?);
        list.push((at, event, r.number()? == 1));
    }
    Ok(list)
}
