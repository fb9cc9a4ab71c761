//! Fragments from the lists of a fold in bulk.

use super::{apply::fact_hash, commit::Row, fact::Fact, fragment::Fragment, rows::Rows};
use crate::{
    codec::{BadRow, Reader},
    identity::policy::Policy,
    ids::FactKey,
    token::Token,
};

/// Facts of one fragment, sorted by key, with their row forms.
pub type Facts<'a> = Vec<(Fact, &'a [u8])>;

/// A fragment's rows, and what its facts add to the digest.
#[derive(Debug, Default)]
pub struct Built {
    /// Rows, sorted by key.
    pub rows: Vec<Row>,
    /// Sum of the facts' hashes.
    pub digest: u128,
}

/// One list, sorted: which facts are in which fragment in the end.
#[derive(Debug)]
pub struct List<'a> {
    /// Home, key, place in the list; the last of a home and key counts.
    entries: Vec<(Token, FactKey, &'a [u8])>,
}

impl<'a> List<'a> {
    /// Reads a list as the fold wrote it.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadRow> {
        let mut entries = Vec::with_capacity(bytes.len() / 128);
        let mut r = Reader(bytes);
        while !r.0.is_empty() {
            let (home, key) = (Token(r.sixteen()?), FactKey(r.sixteen()?));
            let length = u32::from_le_bytes(r.raw(4)?.try_into().map_err(|_| BadRow)?);
            entries.push((home, key, r.raw(length as usize)?));
        }
        // Stable: of entries with one key the later stays behind the earlier.
        entries.sort_by_key(|e| (e.0, e.1));
        Ok(Self { entries })
    }

    /// Calls `f` for each fragment that has facts, in order of their tokens.
    ///
    /// # Errors
    /// [`BadRow`] if a fact cannot be read, and what `f` gives.
    pub fn each_fragment<E: From<BadRow>>(
        &self,
        mut f: impl FnMut(Token, Facts<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        for same in self.entries.chunk_by(|a, b| a.0 == b.0) {
            let mut facts = Vec::with_capacity(same.len());
            for last in same.chunk_by(|a, b| a.1 == b.1).filter_map(<[_]>::last) {
                if !last.2.is_empty() {
                    facts.push((Fact::decode(&mut Reader(last.2))?, last.2));
                }
            }
            if !facts.is_empty() {
                f(same[0].0, facts)?;
            }
        }
        Ok(())
    }
}

/// The rows of the fragment that these facts make. `rows` need only give events, `policy` is the one in force.
///
/// # Errors
/// [`BadRow`] if what a fact gives cannot be read.
pub fn fragment(
    token: Token,
    anonymous: bool,
    facts: &[(Fact, &[u8])],
    (rows, policy): (&dyn Rows, &Policy),
) -> Result<Built, BadRow> {
    let digest = facts.iter().fold(0_u128, |sum, (fact, _)| sum.wrapping_add(fact_hash(fact, token)));
    let mut out = Vec::with_capacity(2);
    Fragment::rows_of((token, anonymous), facts, (rows, policy), &mut out)?;
    out.sort_unstable();
    Ok(Built { rows: out, digest })
}
