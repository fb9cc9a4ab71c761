//! The meta row: what a store is and how far it has come. Written last in every commit.

use tributary_core::{
    codec::{BadRow, Reader, Writer},
    fold,
    ids::Position,
};

/// Number of the store's row formats.
pub const FORMAT: u64 = 1;
/// The meta row of a node that folds the logs of several origins.
const SEVERAL: u64 = 2;

/// Key of the row's name.
pub(crate) const NAME: &str = "position";

/// What a store is and how far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Version of the fold that made it.
    pub fold_version: u32,
    /// Origin of the node's own log, and the number of the last record folded in the node's order.
    pub position: Position,
    /// Records folded.
    pub records: u64,
    /// How far each origin was folded, by origin: the same as `position` where there is one log only.
    pub reach: Vec<Position>,
    /// Tells the node's order up to there from another one over the same logs; 0 where there is one log only.
    pub order: u32,
    /// Sum of the facts' hashes.
    pub facts_digest: u128,
    /// Digest of everything.
    pub digest: u128,
    /// The identity policy it was folded under, as JSON.
    pub policy: String,
}

impl Meta {
    /// The row form.
    #[must_use]
    pub fn to_row(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let several = self.order != 0 || self.reach != [self.position];
        w.number(if several { SEVERAL } else { FORMAT });
        w.number(u64::from(self.fold_version));
        w.number(u64::from(self.position.origin));
        w.number(self.position.sequence);
        w.number(self.records);
        w.raw(&self.facts_digest.to_be_bytes());
        w.raw(&self.digest.to_be_bytes());
        w.text(&self.policy);
        if several {
            w.number(self.reach.len() as u64);
            for position in &self.reach {
                w.number(u64::from(position.origin));
                w.number(position.sequence);
            }
            w.number(u64::from(self.order));
        }
        w.0
    }

    /// Back from the row form; `None` for a format or fold version this release does not write.
    ///
    /// # Errors
    /// [`BadRow`] if it is damaged.
    pub fn from_row(row: &[u8]) -> Result<Option<Self>, BadRow> {
        let mut r = Reader(row);
        let format = r.number()?;
        if format != FORMAT && format != SEVERAL {
            return Ok(None);
        }
        let fold_version = r.small()?;
        if fold_version != fold::VERSION {
            return Ok(None);
        }
        let position = Position { origin: r.small()?, sequence: r.number()? };
        let records = r.number()?;
        let facts_digest = u128::from_be_bytes(r.sixteen()?);
        let digest = u128::from_be_bytes(r.sixteen()?);
        let policy = r.text()?;
        let (mut reach, mut order) = (vec![position], 0);
        if format == SEVERAL {
            reach.clear();
            for _ in 0..r.count()? {
                reach.push(Position { origin: r.small()?, sequence: r.number()? });
            }
            order = r.small()?;
        }
        r.end()?;
        Ok(Some(Self { fold_version, position, records, reach, order, facts_digest, digest, policy }))
    }
}
