//! Lists of groups that do not stand in place, in blocks of doubling size: a list that grows moves to the next size, so that
//! millions of short lists have neither headers nor allocations of their own.

use super::node::{Parts, Standing};

/// Words of a block before its groups: how many groups, and the two parts.
const HEADER: usize = 3;
/// Words of the smallest block: four groups, one more than stand in place.
const SMALLEST: usize = HEADER + 4;

/// Where a list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub size: u32,
    pub block: u32,
}

/// All long lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct LongLists {
    sizes: Vec<Blocks>,
}

/// Blocks of one size.
#[derive(Clone, Debug, Default)]
struct Blocks {
    words: Vec<u32>,
    free: Vec<u32>,
}

impl LongLists {
    /// A list of these groups with these parts.
    pub fn start(&mut self, groups: &[u32], parts: Parts<u32>) -> Place {
        let size = (0..).find(|size| capacity(*size) > groups.len()).unwrap_or_default();
        let place = self.allocate(size);
        let block = self.block_mut(place);
        (block[0], block[1], block[2]) = (groups.len() as u32, parts.verifying, parts.seeing);
        block[HEADER..][..groups.len()].copy_from_slice(groups);
        place
    }

    /// The groups and their parts.
    pub fn get(&self, place: Place) -> (&[u32], Parts<u32>) {
        let block = &self.sizes[place.size as usize].words[range(place)];
        (&block[HEADER..][..block[0] as usize], Parts { verifying: block[1], seeing: block[2] })
    }

    /// Puts a group into its part of a list; gives where the list stands now.
    pub fn join(&mut self, place: Place, group: u32, standing: Standing) -> Place {
        let (groups, parts) = self.get(place);
        let place = if groups.len() < capacity(place.size) {
            place
        } else {
            let groups = groups.to_vec();
            self.sizes[place.size as usize].free.push(place.block);
            self.start(&groups, parts)
        };
        let block = self.block_mut(place);
        let count = block[0] as usize + 1;
        let groups = &mut block[HEADER..][..count];
        groups[count - 1] = group;
        let parts = parts.settle(groups, standing);
        (block[0], block[1], block[2]) = (count as u32, parts.verifying, parts.seeing);
        place
    }

    fn allocate(&mut self, size: u32) -> Place {
        if self.sizes.len() <= size as usize {
            self.sizes.resize_with(size as usize + 1, Blocks::default);
        }
        let blocks = &mut self.sizes[size as usize];
        let block = blocks.free.pop().unwrap_or_else(|| {
            let block = blocks.words.len() / words(size);
            blocks.words.resize(blocks.words.len() + words(size), 0);
            block as u32
        });
        Place { size, block }
    }

    fn block_mut(&mut self, place: Place) -> &mut [u32] {
        &mut self.sizes[place.size as usize].words[range(place)]
    }
}

fn words(size: u32) -> usize {
    SMALLEST << size
}

fn capacity(size: u32) -> usize {
    words(size) - HEADER
}

fn range(place: Place) -> std::ops::Range<usize> {
    let from = place.block as usize * words(place.size);
    from..from + words(place.size)
}

#[cfg(test)]
mod tests {
    use super::LongLists;
    use crate::identity::node::{Parts, Standing};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_grow_beside_each_other_and_keep_their_parts(
            steps in proptest::collection::vec((0..3_usize, 0..3_u8), 0..200)
        ) {
            let mut lists = LongLists::default();
            let mut plain = vec![(vec![0, 1, 2], Vec::new(), Vec::new()); 3];
            let parts = Parts { verifying: 3, seeing: 0 };
            let mut places: Vec<_> = (0..3).map(|_| lists.start(&[0, 1, 2], parts)).collect();
            for (group, (list, standing)) in steps.into_iter().enumerate() {
                let standing = [Standing::Verified, Standing::Seen, Standing::Claimed][usize::from(standing)];
                let (verified, seen, claimed) = &mut plain[list];
                let part = match standing {
                    Standing::Verified => verified,
                    Standing::Seen => seen,
                    Standing::Claimed => claimed,
                };
                part.push(group as u32 + 3);
                places[list] = lists.join(places[list], group as u32 + 3, standing);
            }
            for (place, (verified, seen, claimed)) in places.into_iter().zip(plain) {
                let (groups, parts) = lists.get(place);
                let (first, rest) = groups.split_at(parts.verifying as usize);
                let (second, third) = rest.split_at(parts.seeing as usize);
                for (part, wanted) in [(first, verified), (second, seen), (third, claimed)] {
                    let mut part = part.to_vec();
                    part.sort_unstable();
                    assert_eq!(part, wanted);
                }
            }
        }
    }
}
