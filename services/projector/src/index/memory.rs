//! The recent part of the index, in memory.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::slot::{IndexValue, Slot};
use super::{IndexKey, KEY_LEN, KeyPrefix};

/// Bytes of the hash table for an entry: key, place and the table's own bookkeeping.
const TABLE_ENTRY_BYTES: usize = KEY_LEN + size_of::<usize>() + 1;

/// Keys are uniformly distributed already.
fn hash_of(key: &IndexKey) -> u64 {
    let first: KeyPrefix = key.first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(first)
}

/// Keys set or removed since the last checkpoint. Values lie in one vector, not in the table, so that they take
/// their own length and not the greatest one.
pub(super) struct Memory {
    value_len: usize,
    /// Keys by their first eight bytes, with their places in `slots`, counted in entries.
    places: HashTable<(IndexKey, usize)>,
    /// Per entry: 1 when there is a value, 0 when the key was removed; then the value.
    slots: Vec<u8>,
}

impl Memory {
    pub(super) fn new(value_len: usize) -> Self {
        Self { value_len, places: HashTable::new(), slots: Vec::new() }
    }

    pub(super) fn value_len(&self) -> usize {
        self.value_len
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * TABLE_ENTRY_BYTES + self.slots.capacity()
    }

    /// Sets or, with `None`, removes. The value's length is the caller's care.
    pub(super) fn set(&mut self, key: IndexKey, value: Option<&[u8]>) {
        let stride = self.value_len + 1;
        let next = self.places.len();
        let place = self.place_of(key);
        if place == next {
            self.slots.resize(self.slots.len() + stride, 0);
        }
        if let Some((tag, bytes)) =
            self.slots.get_mut(place * stride..(place + 1) * stride).and_then(|slot| slot.split_first_mut())
        {
            *tag = u8::from(value.is_some());
            if let Some(value) = value {
                bytes.copy_from_slice(value);
            }
        }
    }

    pub(super) fn reserve(&mut self, entries: usize) {
        self.places.reserve(entries, |(key, _)| hash_of(key));
        self.slots.reserve(entries * (self.value_len + 1));
    }

    /// Sets a value unless there is one.
    pub(super) fn set_new(&mut self, key: IndexKey, value: &[u8]) {
        let next = self.places.len();
        let place = self.place_of(key);
        if place == next {
            self.slots.push(1);
            self.slots.extend_from_slice(value);
        } else if matches!(self.slot(place), Some(Slot::Removed)) {
            self.set(key, Some(value));
        }
    }

    pub(super) fn get(&self, key: &IndexKey) -> Option<Slot> {
        let (_, place) = self.places.find(hash_of(key), |(known, _)| known == key)?;
        self.slot(*place)
    }

    /// Keys that begin with these eight bytes, with what is known of each.
    pub(super) fn beginning(&self, prefix: KeyPrefix) -> impl Iterator<Item = (IndexKey, Slot)> + '_ {
        let alike = self.places.iter_hash(u64::from_le_bytes(prefix));
        alike
            .filter(move |(key, _)| key.starts_with(&prefix))
            .filter_map(|(key, place)| Some((*key, self.slot(*place)?)))
    }

    /// The place of a key; a new one is the next one.
    fn place_of(&mut self, key: IndexKey) -> usize {
        let next = self.places.len();
        let known = |(other, _): &(IndexKey, usize)| *other == key;
        match self.places.entry(hash_of(&key), known, |(key, _)| hash_of(key)) {
            Entry::Occupied(known) => known.get().1,
            Entry::Vacant(free) => {
                free.insert((key, next));
                next
            }
        }
    }

    /// Everything, in key order.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (IndexKey, Slot)> {
        let mut keys: Vec<(IndexKey, usize)> = self.places.iter().copied().collect();
        keys.sort_unstable();
        keys.into_iter().filter_map(|(key, place)| Some((key, self.slot(place)?)))
    }

    /// Takes over every entry of `newer`.
    pub(super) fn absorb(&mut self, newer: &Self) {
        for (key, place) in &newer.places {
            match newer.slot(*place) {
                Some(Slot::Value(value)) => self.set(*key, Some(&value)),
                Some(Slot::Removed) => self.set(*key, None),
                None => {}
            }
        }
    }

    fn slot(&self, place: usize) -> Option<Slot> {
        let stride = self.value_len + 1;
        let (tag, value) = self.slots.get(place * stride..(place + 1) * stride)?.split_first()?;
        Some(if *tag == 0 { Slot::Removed } else { Slot::Value(IndexValue::copy_of(value)) })
    }
}
