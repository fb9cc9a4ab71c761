//! A store in memory, for tests and for a hub that may forget. A clone is another handle on the same rows, so
//! a clone kept aside plays the part of a disk over a "restart".

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::plan::plan;
use super::{Commit, Key, StoreError, StoreStats, Value, ViewStore};

type Rows = BTreeMap<Key, Value>;

/// Rows in a sorted map. It never fails; wrap it in [`super::FaultStore`] to see failures.
#[derive(Clone, Default)]
pub struct MemoryStore {
    rows: Arc<RwLock<Rows>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A panicking reader cannot leave the map half-written, so poison is of no interest.
    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owned((key, value): (&Key, &Value)) -> (Key, Value) {
    (key.clone(), value.clone())
}

impl ViewStore for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(self.read().get(key).cloned())
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        for batch in plan(commit) {
            let mut rows = self.write();
            for (key, value) in batch {
                match value {
                    Some(value) => rows.insert(key, value),
                    None => rows.remove(&key),
                };
            }
        }
        Ok(())
    }

    fn load(&self, rows: Vec<(Key, Value)>) -> Result<(), StoreError> {
        self.write().extend(rows);
        Ok(())
    }

    fn loaded(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        // A range with its start after its end panics in the map.
        if to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.read().range::<[u8], _>((Bound::Included(from), end)).take(limit).map(owned).collect())
    }

    fn scan_back(&self, from: &[u8], before: &[u8], limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        if before <= from {
            return Ok(Vec::new());
        }
        let range = (Bound::Included(from), Bound::Excluded(before));
        Ok(self.read().range::<[u8], _>(range).rev().take(limit).map(owned).collect())
    }

    fn wipe(&self) -> Result<(), StoreError> {
        self.write().clear();
        Ok(())
    }

    fn stats(&self) -> StoreStats {
        StoreStats { bytes_on_disk: 0, rows: u64::try_from(self.read().len()).ok() }
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
