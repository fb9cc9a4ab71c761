//! A fact as its home fragment keeps it: which revision counts, whom it names, what it gives.

use super::contribution::Contribution;
use crate::{
    codec::{BadRow, Reader, Writer},
    event::{RecordedEvent, Trust},
    identity::{policy::Policy, taking_part},
    ids::{EventId, FactKey, Position},
    time::Micros,
    token::Token,
};
use smallvec::SmallVec;
use std::cmp::Reverse;

/// Identifiers with their trust, as a fact names them.
pub type Ids = SmallVec<[(Token, Trust); 3]>;

/// The revision of a fact that counts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Revision {
    /// The source's version.
    pub revision: u64,
    /// Generation of the adapter.
    pub generation: u32,
    /// The event.
    pub event: EventId,
    /// Where it stands in the log.
    pub position: Position,
    /// Its time: the earlier of occurred and recorded.
    pub at: Micros,
}

impl Revision {
    /// The revision that this event is.
    #[must_use]
    pub fn of(event: &RecordedEvent) -> Self {
        Self {
            revision: event.event.revision,
            generation: event.event.generation,
            event: event.event.id,
            position: event.position,
            at: event.effective_at(),
        }
    }

    /// Whether this one counts and `other` does not. Of equal ones the lower event id counts, of copies of one event that
    /// with the earlier time (it was recorded earlier than it says that it occurred).
    #[must_use]
    pub fn beats(&self, other: &Self) -> bool {
        let rank = |r: &Self| (r.revision, r.generation, Reverse(r.event), Reverse(r.at));
        rank(self) > rank(other)
    }
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Hash of its key.
    pub key: FactKey,
    /// The revision that counts; `None` while only something that names it (a refund) has arrived.
    pub revision: Option<Revision>,
    /// Whom it names; for an attached fact whom the fact it hangs on names.
    pub ids: Ids,
    /// It names nobody and hangs on another fact; the time of that fact, which says whose it was.
    pub attached: Option<Micros>,
    /// Facts that hang on this one.
    pub hangers: SmallVec<[FactKey; 1]>,
    /// It is on the timeline only: another channel's purchase counts for the same sale.
    pub uncounted: bool,
    /// What it gives, encoded; see [`Contribution`](super::contribution::Contribution).
    pub gives: Box<[u8]>,
}

/// Whom the event names, for identity and for its place in a timeline: nobody by a blocked pattern, nobody in spam.
#[must_use]
pub fn ids_of(event: &RecordedEvent, policy: &Policy) -> Ids {
    if !event.event.is_for_customers() {
        return Ids::new();
    }
    let live = taking_part(event).iter().filter(|i| !policy.blocks(i.token, i.marks));
    live.map(|i| (i.token, i.trust)).collect()
}

impl Fact {
    /// A fact of which nothing is known but its key.
    #[must_use]
    pub fn awaited(key: FactKey) -> Self {
        Self {
            key,
            revision: None,
            ids: Ids::new(),
            attached: None,
            hangers: SmallVec::new(),
            uncounted: false,
            gives: Box::default(),
        }
    }

    /// The time at which the owner of its identifiers is its customer.
    #[must_use]
    pub fn owned_at(&self) -> Micros {
        self.attached.or(self.revision.as_ref().map(|r| r.at)).unwrap_or_default()
    }

    /// Remembers that another fact hangs on it.
    pub fn hang(&mut self, hanger: FactKey) {
        if !self.hangers.contains(&hanger) {
            self.hangers.push(hanger);
            self.hangers.sort_unstable();
        }
    }

    /// Whether its current revision is a purchase.
    ///
    /// # Errors
    /// [`BadRow`] if what it gives cannot be read.
    pub fn is_purchase(&self) -> Result<bool, BadRow> {
        if self.revision.is_none() {
            return Ok(false);
        }
        Ok(Contribution::decode(&self.gives)?.gives.is_purchase())
    }

    /// Whether it is a refund without a name, of this purchase.
    ///
    /// # Errors
    /// [`BadRow`] if what it gives cannot be read.
    pub fn hangs_on(&self, purchase: FactKey) -> Result<bool, BadRow> {
        if self.attached.is_none() {
            return Ok(false);
        }
        Ok(Contribution::decode(&self.gives)?.gives.refund_of() == Some(purchase))
    }

    /// Appends the row form.
    pub fn encode(&self, w: &mut Writer) {
        w.raw(&self.key.0);
        let bits = [self.revision.is_some(), self.attached.is_some(), self.uncounted];
        w.number(bits.into_iter().rev().fold(0, |sum, bit| sum << 1 | u64::from(bit)));
        if let Some(at) = self.attached {
            w.signed(at.0);
        }
        if let Some(r) = &self.revision {
            // A removal is the commonest great number: turned by one it is the shortest.
            w.number(r.revision.wrapping_add(1));
            w.number(u64::from(r.generation));
            w.raw(&r.event.0);
            w.number(u64::from(r.position.origin));
            w.number(r.position.sequence);
            w.signed(r.at.0);
        }
        w.number(self.ids.len() as u64);
        for (token, trust) in &self.ids {
            w.raw(&token.0);
            w.number(*trust as u64);
        }
        w.number(self.hangers.len() as u64);
        self.hangers.iter().for_each(|key| w.raw(&key.0));
        w.bytes(&self.gives);
    }

    /// Reads the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, BadRow> {
        let mut fact = Self::awaited(FactKey(r.sixteen()?));
        let bits = r.number()?;
        fact.uncounted = bits & 4 != 0;
        if bits & 2 != 0 {
            fact.attached = Some(Micros(r.signed()?));
        }
        if bits & 1 != 0 {
            fact.revision = Some(Revision {
                revision: r.number()?.wrapping_sub(1),
                generation: r.small()?,
                event: EventId(r.sixteen()?),
                position: Position { origin: r.small()?, sequence: r.number()? },
                at: Micros(r.signed()?),
            });
        }
        for _ in 0..r.count()? {
            fact.ids.push((Token(r.sixteen()?), Trust::from_number(r.small()?)));
        }
        for _ in 0..r.count()? {
            fact.hangers.push(FactKey(r.sixteen()?));
        }
        fact.gives = r.bytes()?.into();
        Ok(fact)
    }
}
