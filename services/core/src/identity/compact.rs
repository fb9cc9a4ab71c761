//! Short lists without an allocation of their own: most identifiers stand in a few sets, and most sets name one or two.
//! Ten million identifiers are meant to fit in memory, so nothing here is aligned to more than four bytes.

use super::long_lists::Place;

/// Nothing stands in this place.
const FREE: u32 = u32::MAX;
/// The numbers stand elsewhere; the next two places say where.
const LONG: u32 = u32::MAX - 1;

/// Numbers in the order they came: three in place, more in a long list. They are below `u32::MAX - 1`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Few([u32; 3]);

impl Default for Few {
    fn default() -> Self {
        Self([FREE; 3])
    }
}

impl Few {
    /// Its numbers, or where they stand.
    pub fn here(&self) -> Result<&[u32], Place> {
        match self.0 {
            [LONG, block, size] => Err(Place { size, block }),
            [FREE, ..] => Ok(&[]),
            [_, FREE, _] => Ok(&self.0[..1]),
            [.., FREE] => Ok(&self.0[..2]),
            _ => Ok(&self.0),
        }
    }

    /// The places in use, unless the numbers stand in a long list.
    pub fn here_mut(&mut self) -> &mut [u32] {
        let count = self.here().map_or(0, <[u32]>::len);
        &mut self.0[..count]
    }

    /// Puts a number into a free place; says whether there was one.
    pub fn push(&mut self, number: u32) -> bool {
        let free = if self.0[0] == LONG { None } else { self.0.iter_mut().find(|place| **place == FREE) };
        free.is_some_and(|place| {
            *place = number;
            true
        })
    }

    /// From now on the numbers stand there.
    pub fn point_to(&mut self, place: Place) {
        self.0 = [LONG, place.block, place.size];
    }
}

/// Eight bytes that need not lie at a multiple of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub(crate) struct Packed<T: Copy>(pub T);

#[cfg(test)]
mod tests {
    use super::{Few, Packed, Place};
    use crate::identity::{
        evidence::Proofs,
        node::{Group, Node},
        state::Customer,
    };

    #[test]
    fn what_there_is_millions_of_takes_little_room() {
        assert_eq!((size_of::<Few>(), align_of::<Packed<i64>>()), (12, 4));
        assert_eq!(size_of::<Proofs>(), 20);
        assert_eq!(size_of::<Group>(), 32);
        assert_eq!(size_of::<Node>(), 68);
        assert_eq!(size_of::<Option<Customer>>(), 40);
    }

    #[test]
    fn three_numbers_stand_in_place() {
        let mut few = Few::default();
        for n in 0..3 {
            assert_eq!(few.here(), Ok(&[0, 1, 2][..n as usize]));
            assert!(few.push(n));
        }
        assert!(!few.push(3));
        few.here_mut().swap(0, 2);
        assert_eq!(few.here(), Ok(&[2, 1, 0][..]));
        let place = Place { size: 1, block: 7 };
        few.point_to(place);
        assert_eq!(few.here(), Err(place));
        assert!(!few.push(4) && few.here_mut().is_empty());
    }
}
