//! Which of the newest records has this id? About 35 bytes an entry: a ring of ids and stamps, and a
//! hash table of ring slots beside it. Sequences are not stored: they follow from the place in the ring.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

struct Entry {
    id: [u8; 16],
    recorded_at: i64,
}

pub(crate) struct Window {
    capacity: usize,
    ring: Vec<Entry>,
    /// Where the next entry goes once the ring is full.
    slot: usize,
    /// The sequence of the newest entry.
    newest: u64,
    slots: HashTable<u32>,
    // Seeded at random: ids come from outside and must not be able to choose their collisions.
    hasher: RandomState,
}

impl Window {
    /// At most 2^31 entries.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.min(1 << 31),
            ring: Vec::new(),
            slot: 0,
            newest: 0,
            slots: HashTable::new(),
            hasher: RandomState::default(),
        }
    }

    /// Sequence and stamp of the newest copy in the window.
    pub fn find(&self, id: &[u8; 16]) -> Option<(u64, i64)> {
        let hash = self.hasher.hash_one(id);
        let slot = *self.slots.find(hash, |slot| self.ring[*slot as usize].id == *id)? as usize;
        let len = self.ring.len();
        let newest_slot = if self.slot == 0 { len - 1 } else { self.slot - 1 };
        let age = (newest_slot + len - slot) % len;
        Some((self.newest - age as u64, self.ring[slot].recorded_at))
    }

    /// Adds the next record; sequences come without gaps.
    pub fn push(&mut self, id: [u8; 16], sequence: u64, recorded_at: i64) {
        if self.capacity == 0 {
            return;
        }
        debug_assert!(self.ring.is_empty() || sequence == self.newest + 1);
        let entry = Entry { id, recorded_at };
        let slot = if self.ring.len() < self.capacity {
            self.ring.push(entry);
            self.ring.len() - 1
        } else {
            self.forget(self.slot);
            self.ring[self.slot] = entry;
            let slot = self.slot;
            self.slot = (self.slot + 1) % self.capacity;
            slot
        };
        self.newest = sequence;
        let (ring, hasher) = (&self.ring, &self.hasher);
        let hash = hasher.hash_one(id);
        let slot = u32::try_from(slot).expect("the capacity is at most 2^31");
        self.slots.insert_unique(hash, slot, |slot| hasher.hash_one(ring[*slot as usize].id));
    }

    fn forget(&mut self, slot: usize) {
        let hash = self.hasher.hash_one(self.ring[slot].id);
        if let Ok(found) = self.slots.find_entry(hash, |other| *other as usize == slot) {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    fn id(n: u64) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        id
    }

    #[test]
    fn the_newest_are_found_where_they_are_and_older_ones_are_forgotten() {
        for capacity in [0, 1, 2, 7, 100] {
            let mut window = Window::new(capacity);
            for sequence in 5..300_u64 {
                let at = i64::try_from(sequence).unwrap() * 10;
                window.push(id(sequence), sequence, at);
                for old in 5..=sequence {
                    let held = (sequence - old) < capacity as u64;
                    let expected = held.then_some((old, i64::try_from(old).unwrap() * 10));
                    assert_eq!(window.find(&id(old)), expected, "capacity {capacity}, {old} at {sequence}");
                }
            }
            assert!(window.ring.len() <= capacity && window.slots.len() <= capacity);
        }
    }
}
