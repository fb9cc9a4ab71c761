//! Everything the fold wants written, at once.

use super::{
    apply::{DeadLetter, Fold},
    bulk::Bulk,
    homes::Homes,
    rows::{Outcome, Place, keys},
};
use crate::{
    change::Change,
    codec::{BadRow, Reader, Writer},
    ids::{EventId, FactKey, Position},
    time::Micros,
};

/// What became of a channel's records. received = folded + duplicate + superseded + parked (+ rejected, which no log holds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Facts whose current revision counts.
    pub folded: u64,
    /// Copies.
    pub duplicate: u64,
    /// Revisions that no longer count.
    pub superseded: u64,
    /// Dead letters.
    pub parked: u64,
    /// When the last record was recorded.
    pub last_at: Micros,
}

impl Count {
    /// The row form.
    #[must_use]
    pub fn to_row(&self) -> Vec<u8> {
        let mut w = Writer::default();
        for number in [1, self.folded, self.duplicate, self.superseded, self.parked] {
            w.number(number);
        }
        w.signed(self.last_at.0);
        w.0
    }

    /// Back from the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn from_row(row: &[u8]) -> Result<Self, BadRow> {
        let mut r = Reader(row);
        if r.number()? != 1 {
            return Err(BadRow);
        }
        Ok(Self {
            folded: r.number()?,
            duplicate: r.number()?,
            superseded: r.number()?,
            parked: r.number()?,
            last_at: Micros(r.signed()?),
        })
    }
}

impl DeadLetter {
    /// The row form.
    #[must_use]
    pub fn to_row(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(1);
        w.number(self.version);
        w.number(u64::from(self.position.origin));
        w.number(self.position.sequence);
        w.signed(self.recorded_at.0);
        w.number(u64::from(self.event.is_some()));
        w.raw(&self.event.unwrap_or_default().0);
        for text in [&self.channel, &self.reason, &self.detail] {
            w.text(text);
        }
        w.0
    }

    /// Back from the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn from_row(row: &[u8]) -> Result<Self, BadRow> {
        let mut r = Reader(row);
        if r.number()? != 1 {
            return Err(BadRow);
        }
        let version = r.number()?;
        let position = Position { origin: r.small()?, sequence: r.number()? };
        let recorded_at = Micros(r.signed()?);
        let known = r.number()? == 1;
        let event = EventId(r.sixteen()?);
        let (channel, reason, detail) = (r.text()?, r.text()?, r.text()?);
        Ok(Self { version, position, recorded_at, event: known.then_some(event), channel, reason, detail })
    }
}

/// A row to write; without a value it is to be deleted.
pub type Row = (Vec<u8>, Option<Vec<u8>>);

/// What one commit writes besides the position.
#[derive(Debug, Default)]
pub struct Committed {
    /// Rows of fragments, in key order, one list a fragment.
    pub fragments: Vec<Vec<Row>>,
    /// Changes, in the order they are to be told.
    pub changes: Vec<Change>,
    /// New dead letters.
    pub dead: Vec<DeadLetter>,
    /// Counters of channels that changed, with their new sums.
    pub counts: Vec<(String, Count)>,
    /// Entries of the fact index.
    pub places: Vec<(FactKey, Place)>,
    /// Entries of the event index.
    pub events: Vec<(EventId, Position)>,
    /// What became of each record, in order.
    pub outcomes: Vec<Outcome>,
}

impl Committed {
    /// The row of a change.
    #[must_use]
    pub fn change_rows(&self) -> Vec<Row> {
        let row =
            |(n, change): (usize, &Change)| (keys::change(change.version, n as u32), Some(change.to_row()));
        self.changes.iter().enumerate().map(row).collect()
    }

    /// Outcomes as one row's value.
    #[must_use]
    pub fn outcome_row(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(self.outcomes.len() as u64);
        self.outcomes.iter().for_each(|o| o.encode(&mut w));
        w.0
    }
}

impl Fold {
    /// Hands out all writes since the last commit. Fragments stay at hand while there are at most `keep`.
    pub fn commit(&mut self, keep: usize) -> Committed {
        let Homes::Live(live) = &mut self.homes else { return self.drain() };
        let mut fragments: Vec<Vec<Row>> = Vec::with_capacity(live.used.len());
        for token in std::mem::take(&mut live.used) {
            let Some(fragment) = live.fragments.get_mut(&token) else { continue };
            let mut rows = Vec::new();
            fragment.take_dirty(&mut rows);
            if !rows.is_empty() {
                rows.sort_unstable();
                fragments.push(rows);
            }
        }
        fragments.sort_unstable_by(|a, b| a[0].0[1..17].cmp(&b[0].0[1..17]));
        if live.fragments.len() > keep {
            live.fragments = Default::default();
        }
        Committed { fragments, ..self.drain() }
    }

    /// Folds in bulk from here on: for a fold over nothing.
    pub fn begin_bulk(&mut self) {
        self.homes = Homes::Bulk(Bulk::default());
    }

    /// The lists of a fold in bulk; `None` while it is live.
    pub fn bulk(&mut self) -> Option<&mut Bulk> {
        match &mut self.homes {
            Homes::Bulk(bulk) => Some(bulk),
            Homes::Live(_) => None,
        }
    }

    /// Takes the lists of a fold in bulk, of whose fragments the caller must tell the digest before it goes on.
    pub fn take_bulk(&mut self) -> Bulk {
        match std::mem::take(&mut self.homes) {
            Homes::Bulk(bulk) => bulk,
            Homes::Live(live) => {
                self.homes = Homes::Live(live);
                Bulk::default()
            }
        }
    }

    /// The fragments have been built from the lists, with this sum of their facts' hashes.
    pub fn built(&mut self, facts_digest: u128) {
        self.facts_digest = facts_digest;
    }

    /// Hands out all writes but those of fragments.
    pub fn drain(&mut self) -> Committed {
        self.tell_updates();
        // Drained, not taken: the table keeps its memory for the next commit.
        let places = self.places.drain().collect();
        let counts = self.counts.iter().map(|(name, count)| (name.clone(), *count)).collect();
        Committed {
            fragments: Vec::new(),
            changes: std::mem::take(&mut self.changes),
            dead: std::mem::take(&mut self.dead),
            counts,
            places,
            events: std::mem::take(&mut self.events),
            outcomes: std::mem::take(&mut self.outcomes),
        }
    }

    /// Digest of all facts and customers: equal for equal views, whatever order made them.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.facts_digest.wrapping_add(self.resolver.digest)
    }

    /// The part of the digest that facts give, to be kept with the position.
    #[must_use]
    pub fn facts_digest(&self) -> u128 {
        self.facts_digest
    }

    /// Goes on from a stored state: records folded, the facts' digest, the channels' counters.
    pub fn resume(&mut self, records: u64, facts_digest: u128, counts: Vec<(String, Count)>) {
        self.records = records;
        self.facts_digest = facts_digest;
        self.counts = counts.into_iter().collect();
    }
}
