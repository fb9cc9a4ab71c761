//! Folding in bulk: what becomes of each fact is written to lists, divided by the fragment's token, which
//! [`build`](super::build) makes fragments of later, on as many cores as there are. Little stays in memory: a fact is read
//! again from the log where its revisions meet, but for the few that their event alone does not tell.

use super::{
    Prepared,
    fact::{Fact, Revision, ids_of},
    homes::Reading,
    rows::Place,
};
use crate::{
    codec::{BadRow, Reader, Writer},
    ids::FactKey,
    token::Token,
};
use hashbrown::HashMap;

/// Lists by the first byte of the fragment's token.
pub const SHARDS: usize = 256;

/// An entry of a list: `home (16) | key (16) | length (4, little-endian) | the fact`, which begins with its key. Length 0: the
/// fact has left this home.
pub(super) const ENTRY_HEAD: usize = 36;

type Map<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// Lists of what became of facts.
#[derive(Clone, Debug)]
pub struct Bulk {
    shards: Vec<Writer>,
    bytes: usize,
    /// Where the newest entry of a fact begins in its list, for those in memory: most revisions come soon.
    starts: Map<FactKey, u32>,
    /// Facts that are more than their event: awaited ones, those that hang on others, and those that others hang on.
    kept: Map<FactKey, Fact>,
}

impl Default for Bulk {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Writer::default()).collect();
        Self { shards, bytes: 0, starts: Map::default(), kept: Map::default() }
    }
}

impl Bulk {
    pub(super) fn fact(&self, with: &Reading<'_>, key: &FactKey, place: Place) -> Result<Fact, BadRow> {
        if let Some(fact) = self.kept.get(key) {
            return Ok(fact.clone());
        }
        if let Some(start) = self.starts.get(key) {
            let list = &self.shards[usize::from(place.home.0[0])].0;
            let entry = list.get(*start as usize + ENTRY_HEAD..).ok_or(BadRow)?;
            return Fact::decode(&mut Reader(entry));
        }
        let event = with.rows.event(place.position)?.ok_or(BadRow)?;
        let gives = Prepared::of(&event.event).gives;
        let (revision, ids) = (Some(Revision::of(&event)), ids_of(&event, with.resolver.policy()));
        Ok(Fact { revision, ids, gives, ..Fact::awaited(*key) })
    }

    pub(super) fn insert(&mut self, home: Token, fact: Fact) {
        let list = &mut self.shards[usize::from(home.0[0])];
        let start = list.0.len();
        list.raw(&home.0);
        list.raw(&fact.key.0);
        list.raw(&[0; 4]);
        fact.encode(list);
        let length = (list.0.len() - start - ENTRY_HEAD) as u32;
        list.0[start + ENTRY_HEAD - 4..start + ENTRY_HEAD].copy_from_slice(&length.to_le_bytes());
        self.bytes += list.0.len() - start;
        match u32::try_from(start) {
            Ok(start) => self.starts.insert(fact.key, start),
            Err(_) => self.starts.remove(&fact.key),
        };
        let whole =
            fact.attached.is_none() && fact.hangers.is_empty() && fact.revision.is_some() && !fact.uncounted;
        if !whole {
            self.kept.insert(fact.key, fact);
        } else if !self.kept.is_empty() {
            self.kept.remove(&fact.key);
        }
    }

    pub(super) fn remove(&mut self, home: Token, key: &FactKey) {
        let list = &mut self.shards[usize::from(home.0[0])];
        list.raw(&home.0);
        list.raw(&key.0);
        list.raw(&[0; 4]);
        self.bytes += ENTRY_HEAD;
        self.starts.remove(key);
        self.kept.remove(key);
    }

    /// Bytes of all lists.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is in memory of the list of this number.
    #[must_use]
    pub fn list(&self, number: usize) -> &[u8] {
        self.shards.get(number).map_or(&[], |list| &list.0)
    }

    /// Empties the lists, which have been put elsewhere; their memory stays for what comes.
    pub fn clear(&mut self) {
        self.shards.iter_mut().for_each(|list| list.0.clear());
        self.starts.clear();
        self.bytes = 0;
    }
}
