//! The meta row: what a store is and how far it has come. Written last in every commit.

use tributary_core::{
    codec::{BadRow, Reader, Writer},
    fold,
    ids::Position,
};

/// Number of the store's row formats.
pub const FORMAT: u64 = 1;

/// Key of the row's name.
pub(crate) const NAME: &str = "position";

/// What a store is and how far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Version of the fold that made it.
    pub fold_version: u32,
    /// Last record folded.
    pub position: Position,
    /// Records folded.
    pub records: u64,
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
        w.number(FORMAT);
        w.number(u64::from(self.fold_version));
        w.number(u64::from(self.position.origin));
        w.number(self.position.sequence);
        w.number(self.records);
        w.raw(&self.facts_digest.to_be_bytes());
        w.raw(&self.digest.to_be_bytes());
        w.text(&self.policy);
        w.0
    }

    /// Back from the row form; `None` for a format or fold version this release does not write.
    ///
    /// # Errors
    /// [`BadRow`] if it is damaged.
    pub fn from_row(row: &[u8]) -> Result<Option<Self>, BadRow> {
        let mut r = Reader(row);
        if r.number()? != FORMAT {
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
        r.end()?;
        Ok(Some(Self { fold_version, position, records, facts_digest, digest, policy }))
    }
}
