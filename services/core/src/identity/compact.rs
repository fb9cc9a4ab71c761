//! Short lists without an allocation of their own: most identifiers stand in a few sets, and most sets have one piece of
//! evidence. Ten million identifiers are meant to fit in memory.

use super::state::Evidence;
use std::ops::{Deref, DerefMut};

/// Numbers in the order they came: three in place, more on the heap.
#[derive(Clone, Debug)]
pub(crate) enum Few {
    Here(u8, [u32; 3]),
    #[expect(
        clippy::box_collection,
        reason = "a vector in place would double the size of all that are short"
    )]
    Many(Box<Vec<u32>>),
}

impl Default for Few {
    fn default() -> Self {
        Self::Here(0, [0; 3])
    }
}

impl Deref for Few {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Self::Here(count, numbers) => numbers.get(..usize::from(*count)).unwrap_or_default(),
            Self::Many(numbers) => numbers,
        }
    }
}

impl DerefMut for Few {
    fn deref_mut(&mut self) -> &mut [u32] {
        match self {
            Self::Here(count, numbers) => numbers.get_mut(..usize::from(*count)).unwrap_or_default(),
            Self::Many(numbers) => numbers,
        }
    }
}

impl Few {
    pub fn push(&mut self, number: u32) {
        match self {
            Self::Here(count, numbers) => match numbers.get_mut(usize::from(*count)) {
                Some(free) => {
                    *free = number;
                    *count += 1;
                }
                None => {
                    let mut many = Vec::with_capacity(numbers.len() + 1);
                    many.extend_from_slice(numbers);
                    many.push(number);
                    *self = Self::Many(Box::new(many));
                }
            },
            Self::Many(numbers) => numbers.push(number),
        }
    }
}

impl FromIterator<u32> for Few {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut few = Self::default();
        numbers.into_iter().for_each(|number| few.push(number));
        few
    }
}

/// Evidence, sorted, never twice the same: one piece in place, more on the heap.
#[derive(Clone, Debug, Default)]
pub(crate) enum Proofs {
    #[default]
    None,
    One(Evidence),
    #[expect(
        clippy::box_collection,
        reason = "a vector in place would double the size of all that are short"
    )]
    Many(Box<Vec<Evidence>>),
}

impl Deref for Proofs {
    type Target = [Evidence];

    fn deref(&self) -> &[Evidence] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Proofs {
    /// Puts a piece in its place; says whether it was new.
    pub fn insert(&mut self, new: Evidence) -> bool {
        match self {
            Self::None => *self = Self::One(new),
            Self::One(one) if *one == new => return false,
            Self::One(one) => *self = Self::Many(Box::new(vec![(*one).min(new), (*one).max(new)])),
            Self::Many(many) => return super::state::insert_sorted(many, new),
        }
        true
    }

    /// Takes a piece out; says whether it was there.
    pub fn remove(&mut self, old: &Evidence) -> bool {
        match self {
            Self::One(one) if one == old => *self = Self::None,
            Self::Many(many) => {
                let Ok(at) = many.binary_search(old) else { return false };
                many.remove(at);
                if let [last] = many.as_slice() {
                    *self = Self::One(*last);
                }
            }
            Self::None | Self::One(_) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Few, Proofs};
    use crate::{identity::state::Node, ids::EventId};

    #[test]
    fn short_lists_take_little_room() {
        assert_eq!(size_of::<Few>(), 16);
        assert_eq!(size_of::<Proofs>(), 32);
        assert_eq!(size_of::<Node>(), 80);
    }

    #[test]
    fn a_list_grows_out_of_its_place() {
        let mut few = Few::default();
        for n in 0..10 {
            assert_eq!(few.to_vec(), (0..n).collect::<Vec<_>>());
            few.push(n);
        }
    }

    #[test]
    fn evidence_is_a_sorted_set() {
        let piece = |n: u8| (i64::from(n), EventId([n; 16]));
        let mut proofs = Proofs::default();
        for n in [3, 1, 2, 1, 3] {
            let known = proofs.contains(&piece(n));
            assert_eq!(proofs.insert(piece(n)), !known);
        }
        assert_eq!(proofs.to_vec(), [piece(1), piece(2), piece(3)]);
        for n in [2, 2, 3, 1, 1] {
            let known = proofs.contains(&piece(n));
            assert_eq!(proofs.remove(&piece(n)), known);
        }
        assert!(proofs.is_empty());
    }
}
