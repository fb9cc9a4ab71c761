//! All evidence for a set of identifiers: a sorted set, as facts can be revised and nothing may only be counted. The newest
//! piece stands in place; a few older ones in a chain that all sets share; many in a tree of their own.

use super::compact::Packed;
use crate::ids::EventPrefix;
use std::collections::BTreeSet;

/// When and by which event a fact became known: (time in microseconds, event). The greatest is the newest.
pub(crate) type Evidence = (i64, EventPrefix);

/// No older piece; the end of a chain.
const END: u32 = u32::MAX;
/// With this bit the number is that of a tree.
const TREE: u32 = 1 << 31;
/// Longer chains become trees, so that a late piece does not walk far.
const CHAIN_MAX: usize = 8;
/// The time of no evidence.
const NEVER: i64 = i64::MIN;

/// One set's evidence; the older pieces are in [`Older`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proofs {
    at: Packed<i64>,
    event: Packed<u64>,
    older: u32,
}

impl Default for Proofs {
    fn default() -> Self {
        Self { at: Packed(NEVER), event: Packed(0), older: END }
    }
}

impl Proofs {
    pub fn is_empty(&self) -> bool {
        self.at == Packed(NEVER)
    }

    pub fn newest(&self) -> Option<Evidence> {
        (!self.is_empty()).then_some(({ self.at.0 }, EventPrefix(self.event.0)))
    }

    fn set_newest(&mut self, newest: Option<Evidence>) {
        let (at, event) = newest.unwrap_or((NEVER, EventPrefix(0)));
        (self.at, self.event) = (Packed(at), Packed(event.0));
    }
}

/// A link of a chain; the next one is older.
#[derive(Clone, Copy, Debug)]
struct Link {
    at: Packed<i64>,
    event: Packed<u64>,
    next: u32,
}

impl Link {
    fn of((at, event): Evidence, next: u32) -> Self {
        Self { at: Packed(at), event: Packed(event.0), next }
    }

    fn piece(&self) -> Evidence {
        ({ self.at.0 }, EventPrefix(self.event.0))
    }
}

/// The older pieces of all sets.
#[derive(Clone, Debug)]
pub(crate) struct Older {
    links: Vec<Link>,
    /// First of the links that nobody uses.
    free: u32,
    trees: Vec<BTreeSet<Evidence>>,
    free_trees: Vec<u32>,
}

impl Default for Older {
    fn default() -> Self {
        Self { links: Vec::new(), free: END, trees: Vec::new(), free_trees: Vec::new() }
    }
}

impl Older {
    /// Puts a piece in its place; says whether it was new.
    pub fn insert(&mut self, proofs: &mut Proofs, new: Evidence) -> bool {
        match proofs.newest() {
            None => proofs.set_newest(Some(new)),
            Some(newest) if newest == new => return false,
            Some(newest) if newest < new => {
                self.insert_older(&mut proofs.older, newest);
                proofs.set_newest(Some(new));
            }
            Some(_) => return self.insert_older(&mut proofs.older, new),
        }
        true
    }

    /// Takes a piece out; says whether it was there.
    pub fn remove(&mut self, proofs: &mut Proofs, old: Evidence) -> bool {
        if proofs.newest() != Some(old) {
            return self.remove_older(&mut proofs.older, old);
        }
        let next = self.first(proofs.older);
        if let Some(next) = next {
            self.remove_older(&mut proofs.older, next);
        }
        proofs.set_newest(next);
        true
    }

    /// All pieces, the newest first.
    pub fn iter(&self, proofs: &Proofs) -> impl Iterator<Item = Evidence> + '_ {
        let tree = self.tree(proofs.older).into_iter().flat_map(|tree| tree.iter().rev().copied());
        proofs.newest().into_iter().chain(self.chain(proofs.older)).chain(tree)
    }

    /// Number of pieces.
    pub fn count(&self, proofs: &Proofs) -> usize {
        let older = self.tree(proofs.older).map_or_else(|| self.chain(proofs.older).count(), BTreeSet::len);
        older + usize::from(!proofs.is_empty())
    }

    /// The oldest piece.
    pub fn oldest(&self, proofs: &Proofs) -> Option<Evidence> {
        let tree = self.tree(proofs.older).and_then(|tree| tree.first().copied());
        tree.or_else(|| self.chain(proofs.older).last()).or(proofs.newest())
    }

    /// The newest piece at or before a time, and the oldest one after it.
    pub fn around(&self, proofs: &Proofs, time: i64) -> (Option<Evidence>, Option<Evidence>) {
        let last = (time, EventPrefix(u64::MAX));
        if let (Some(tree), Some(newest)) = (self.tree(proofs.older), proofs.newest()) {
            if newest <= last {
                return (Some(newest), None);
            }
            let after = tree.range(last..).find(|piece| **piece > last);
            return (tree.range(..=last).next_back().copied(), after.copied().or(Some(newest)));
        }
        let mut after = None;
        for piece in self.iter(proofs) {
            if piece <= last {
                return (Some(piece), after);
            }
            after = Some(piece);
        }
        (None, after)
    }

    fn tree(&self, older: u32) -> Option<&BTreeSet<Evidence>> {
        let is_tree = older != END && older & TREE != 0;
        if is_tree { self.trees.get((older & !TREE) as usize) } else { None }
    }

    /// The pieces of a chain, the newest first; none of a tree.
    fn chain(&self, older: u32) -> impl Iterator<Item = Evidence> + '_ {
        let link = |at: u32| self.links.get(at as usize);
        let first = if older == END { None } else { link(older) };
        std::iter::successors(first, move |l| if l.next == END { None } else { link(l.next) })
            .map(Link::piece)
    }

    /// The newest of the older pieces.
    fn first(&self, older: u32) -> Option<Evidence> {
        self.tree(older).and_then(|tree| tree.last().copied()).or_else(|| self.chain(older).next())
    }

    fn insert_older(&mut self, older: &mut u32, new: Evidence) -> bool {
        if self.tree(*older).is_some() {
            return self.trees[(*older & !TREE) as usize].insert(new);
        }
        let (mut before, mut at, mut passed) = (END, *older, 0);
        while at != END && self.links[at as usize].piece() > new {
            (before, at, passed) = (at, self.links[at as usize].next, passed + 1);
        }
        if at != END && self.links[at as usize].piece() == new {
            return false;
        }
        if passed == CHAIN_MAX || self.chain(at).nth(CHAIN_MAX - passed - 1).is_some() {
            self.grow(older, new);
            return true;
        }
        let link = self.new_link(Link::of(new, at));
        if before == END {
            *older = link;
        } else {
            self.links[before as usize].next = link;
        }
        true
    }

    fn new_link(&mut self, link: Link) -> u32 {
        if self.free == END {
            self.links.push(link);
            return self.links.len() as u32 - 1;
        }
        let at = self.free;
        self.free = std::mem::replace(&mut self.links[at as usize], link).next;
        at
    }

    fn free_link(&mut self, at: u32) -> u32 {
        let next = std::mem::replace(&mut self.links[at as usize].next, self.free);
        self.free = at;
        next
    }

    /// A chain and one more piece become a tree.
    fn grow(&mut self, older: &mut u32, new: Evidence) {
        let mut tree: BTreeSet<Evidence> = self.chain(*older).collect();
        tree.insert(new);
        let mut at = *older;
        while at != END {
            at = self.free_link(at);
        }
        let number = match self.free_trees.pop() {
            Some(number) => {
                self.trees[number as usize] = tree;
                number
            }
            None => {
                self.trees.push(tree);
                self.trees.len() as u32 - 1
            }
        };
        *older = number | TREE;
    }

    fn remove_older(&mut self, older: &mut u32, old: Evidence) -> bool {
        if self.tree(*older).is_some() {
            let number = *older & !TREE;
            let tree = &mut self.trees[number as usize];
            let was_there = tree.remove(&old);
            if tree.is_empty() {
                self.free_trees.push(number);
                *older = END;
            }
            return was_there;
        }
        let (mut before, mut at) = (END, *older);
        while at != END && self.links[at as usize].piece() > old {
            (before, at) = (at, self.links[at as usize].next);
        }
        if at == END || self.links[at as usize].piece() != old {
            return false;
        }
        let next = self.free_link(at);
        if before == END {
            *older = next;
        } else {
            self.links[before as usize].next = next;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Evidence, Older, Proofs};
    use crate::ids::EventPrefix;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn check(older: &Older, proofs: &Proofs, plain: &BTreeSet<Evidence>) {
        assert!(older.iter(proofs).eq(plain.iter().rev().copied()));
        assert_eq!(older.count(proofs), plain.len());
        assert_eq!((proofs.is_empty(), proofs.newest()), (plain.is_empty(), plain.last().copied()));
        assert_eq!(older.oldest(proofs), plain.first().copied());
        for time in -1..31 {
            let before = plain.iter().rfind(|piece| piece.0 <= time);
            let after = plain.iter().find(|piece| piece.0 > time);
            assert_eq!(older.around(proofs, time), (before.copied(), after.copied()));
        }
    }

    proptest! {
        #[test]
        fn two_sets_in_one_pool_are_sorted_sets(
            steps in proptest::collection::vec((any::<bool>(), 0..3_u8, 0..30_i64, 0..2_u64), 0..120)
        ) {
            let mut older = Older::default();
            let mut sets = [(Proofs::default(), BTreeSet::new()), (Proofs::default(), BTreeSet::new())];
            for (first, act, at, event) in steps {
                let (proofs, plain) = &mut sets[usize::from(first)];
                let piece = (at, EventPrefix(event));
                match act {
                    0 => assert_eq!(older.remove(proofs, piece), plain.remove(&piece)),
                    _ => assert_eq!(older.insert(proofs, piece), plain.insert(piece)),
                }
                sets.iter().for_each(|(proofs, plain)| check(&older, proofs, plain));
            }
        }
    }
}
