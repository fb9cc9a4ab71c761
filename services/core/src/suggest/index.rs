//! The index: records by handle, blocks by key, and the pairs above the threshold.

use super::{
    compare::{Suggestion, compare},
    keys::keys,
    record::Record,
};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Members of the largest block that is looked at. A key that more records share (a common name, a shop's own number)
/// suggests nothing by itself: its pairs are looked at only if they share a rarer key too. It bounds the work of one record
/// by [`super::KEYS_MAX`] times this many comparisons.
pub const BLOCK_MAX: usize = 64;

/// Records among which one has another of the same person.
const RECORDS_PER_DUPLICATE: u64 = 10;

/// Least score of a suggestion among so many records, in hundredths of a bit: from there on two records are rather one person
/// than two, if one record in ten has another of the same person. Before anything is compared the odds of that are 1 to ten
/// times the number of records.
#[must_use]
pub fn threshold_for(records: usize) -> i32 {
    let odds = u64::try_from(records.max(1)).unwrap_or(u64::MAX).saturating_mul(RECORDS_PER_DUPLICATE);
    // Hundredths of the logarithm without floating point: whole bits, and between them a straight line.
    let bits = odds.ilog2();
    let rest = (u128::from(odds - (1 << bits)) * 100) >> bits;
    i32::try_from(u128::from(bits) * 100 + rest).unwrap_or(i32::MAX)
}

/// Two handles, the smaller first.
pub type Pair = (u32, u32);

/// Says which pairs are not to be suggested: those that are one customer already, and those that an operator parted.
pub type Excluded<'a> = &'a dyn Fn(Pair) -> bool;

/// A pair that is suggested now and was not, or the other way round, or for other reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The two.
    pub pair: Pair,
    /// Before.
    pub before: Option<Suggestion>,
    /// Now.
    pub after: Option<Suggestion>,
}

/// Suggestions over a changing set of records.
///
/// After any history of calls, the suggestions are those of the records held: every pair that shares a key with at most
/// [`BLOCK_MAX`] holders, is not excluded, and scores at least the threshold.
pub struct Suggester {
    threshold: i32,
    records: Map<u32, Held>,
    blocks: Map<u64, Block>,
    pairs: BTreeMap<Pair, Suggestion>,
    /// Both directions of every pair.
    neighbours: BTreeSet<(u32, u32)>,
}

type Map<K, V> = HashMap<K, V, FixedState>;

struct Held {
    record: Record,
    keys: Box<[u64]>,
}

/// The holders of one key.
enum Block {
    Few(SmallVec<[u32; 4]>),
    /// More than [`BLOCK_MAX`]: remembered, because they may become fewer.
    Many(HashSet<u32, FixedState>),
}

/// What pairs were before this call.
type Before = BTreeMap<Pair, Option<Suggestion>>;

impl Block {
    /// The holders, if they are few enough to be looked at.
    fn few(&self) -> &[u32] {
        match self {
            Self::Few(members) => members,
            Self::Many(_) => &[],
        }
    }

    /// Adds a holder; the former ones, if they became too many.
    fn add(&mut self, id: u32) -> Option<SmallVec<[u32; 4]>> {
        match self {
            Self::Few(members) if members.len() < BLOCK_MAX => members.push(id),
            Self::Few(members) => {
                let parted = std::mem::take(members);
                *self = Self::Many(parted.iter().copied().chain([id]).collect());
                return Some(parted);
            }
            Self::Many(members) => _ = members.insert(id),
        }
        None
    }

    /// Takes a holder out; true if they became few enough.
    fn take(&mut self, id: u32) -> bool {
        match self {
            Self::Few(members) => members.retain(|m| *m != id),
            Self::Many(members) => {
                members.remove(&id);
                if members.len() <= BLOCK_MAX {
                    *self = Self::Few(members.iter().copied().collect());
                    return true;
                }
            }
        }
        false
    }
}

impl Suggester {
    /// An empty index that suggests from this score on, in hundredths of a bit (see [`threshold_for`]).
    #[must_use]
    pub fn new(threshold: i32) -> Self {
        let (records, blocks) = (Map::default(), Map::default());
        Self { threshold, records, blocks, pairs: BTreeMap::new(), neighbours: BTreeSet::new() }
    }

    /// Takes a record in, or replaces the one of this handle. Gives what changed, in order of pairs.
    pub fn upsert(&mut self, id: u32, record: Record, excluded: Excluded<'_>) -> Vec<Change> {
        if self.records.get(&id).is_some_and(|held| held.record == record) {
            return Vec::new();
        }
        let mut before = Before::new();
        let keys = keys(&record);
        self.part_all(id, &mut before);
        let old = self.records.insert(id, Held { record, keys: keys.clone() });
        let old = old.map(|held| held.keys).unwrap_or_default();
        // Keys that stay are left alone: a block at its limit would be opened and closed for nothing.
        self.leave(id, old.iter().filter(|k| keys.binary_search(k).is_err()), excluded, &mut before);
        for key in keys.iter().filter(|k| old.binary_search(k).is_err()) {
            let block = self.blocks.entry(*key).or_insert_with(|| Block::Few(SmallVec::new()));
            if let Some(parted) = block.add(id) {
                self.close(&parted, &mut before);
            }
        }
        let blocks = keys.iter().filter_map(|key| self.blocks.get(key));
        let mut met: Vec<u32> = blocks.flat_map(|b| b.few()).copied().filter(|other| *other != id).collect();
        met.sort_unstable();
        met.dedup();
        for other in met {
            self.judge(pair(id, other), excluded, &mut before);
        }
        self.changes(before)
    }

    /// Takes a record out. Gives what changed, in order of pairs.
    pub fn remove(&mut self, id: u32, excluded: Excluded<'_>) -> Vec<Change> {
        let mut before = Before::new();
        self.part_all(id, &mut before);
        if let Some(held) = self.records.remove(&id) {
            self.leave(id, held.keys.iter(), excluded, &mut before);
        }
        self.changes(before)
    }

    /// Judges one pair again, after what excludes it has changed.
    pub fn reconsider(&mut self, a: u32, b: u32, excluded: Excluded<'_>) -> Vec<Change> {
        let mut before = Before::new();
        let pair = pair(a, b);
        self.part(pair, &mut before);
        if a != b && self.meet(pair) {
            self.judge(pair, excluded, &mut before);
        }
        self.changes(before)
    }

    /// All suggestions, in order of pairs.
    pub fn suggestions(&self) -> impl Iterator<Item = (Pair, Suggestion)> {
        self.pairs.iter().map(|(pair, suggestion)| (*pair, *suggestion))
    }

    /// The suggestions about one record, in order of the other.
    pub fn of(&self, id: u32) -> impl Iterator<Item = (u32, Suggestion)> {
        let others = self.neighbours.range((id, 0)..=(id, u32::MAX)).map(|(_, other)| *other);
        others.filter_map(move |other| Some((other, *self.pairs.get(&pair(id, other))?)))
    }

    /// Number of records held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no record is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes `id` out of the blocks of these keys. What a block that is small enough again tells is looked at.
    fn leave<'a>(
        &mut self,
        id: u32,
        keys: impl Iterator<Item = &'a u64>,
        excluded: Excluded<'_>,
        before: &mut Before,
    ) {
        for key in keys {
            let Some(block) = self.blocks.get_mut(key) else { continue };
            let opened = block.take(id);
            let members: SmallVec<[u32; BLOCK_MAX]> = block.few().iter().copied().collect();
            if matches!(block, Block::Few(_)) && members.is_empty() {
                self.blocks.remove(key);
            }
            if opened {
                for (at, a) in members.iter().enumerate() {
                    for b in &members[at + 1..] {
                        self.judge(pair(*a, *b), excluded, before);
                    }
                }
            }
        }
    }

    /// Drops the pairs within a block that has become too large, unless another key keeps them.
    fn close(&mut self, members: &[u32], before: &mut Before) {
        for a in members {
            let others: Vec<u32> = self.of(*a).map(|(other, _)| other).collect();
            for b in others.into_iter().filter(|b| *b > *a && members.contains(b)) {
                if !self.meet((*a, b)) {
                    self.part((*a, b), before);
                }
            }
        }
    }

    /// Whether two records share a key that is looked at.
    fn meet(&self, (a, b): Pair) -> bool {
        let (Some(a), Some(b)) = (self.records.get(&a), self.records.get(&b)) else { return false };
        let common = a.keys.iter().filter(|key| b.keys.binary_search(key).is_ok());
        common.filter_map(|key| self.blocks.get(key)).any(|block| !block.few().is_empty())
    }

    fn judge(&mut self, pair: Pair, excluded: Excluded<'_>, before: &mut Before) {
        if self.pairs.contains_key(&pair) || excluded(pair) {
            return;
        }
        let (Some(a), Some(b)) = (self.records.get(&pair.0), self.records.get(&pair.1)) else { return };
        let Some(found) = compare(&a.record, &b.record).filter(|s| s.score >= self.threshold) else { return };
        before.entry(pair).or_insert(None);
        self.pairs.insert(pair, found);
        self.neighbours.insert((pair.0, pair.1));
        self.neighbours.insert((pair.1, pair.0));
    }

    fn part(&mut self, pair: Pair, before: &mut Before) {
        if let Some(gone) = self.pairs.remove(&pair) {
            before.entry(pair).or_insert(Some(gone));
            self.neighbours.remove(&(pair.0, pair.1));
            self.neighbours.remove(&(pair.1, pair.0));
        }
    }

    fn part_all(&mut self, id: u32, before: &mut Before) {
        let others: Vec<u32> = self.of(id).map(|(other, _)| other).collect();
        for other in others {
            self.part(pair(id, other), before);
        }
    }

    fn changes(&self, before: Before) -> Vec<Change> {
        let change = |(pair, before)| Change { pair, before, after: self.pairs.get(&pair).copied() };
        before.into_iter().map(change).filter(|c| c.before != c.after).collect()
    }
}

fn pair(a: u32, b: u32) -> Pair {
    (a.min(b), a.max(b))
}
