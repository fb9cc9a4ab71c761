//! A store that fails on demand, for tests of crashes between batches. It wraps any other store and hands over
//! one batch at a time, so the inner store ends up exactly as a crash between two batches would leave it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::plan::plan;
use super::{Commit, Group, Key, StoreError, StoreStats, Value, ViewStore};

/// No failure is planned.
const NEVER: usize = usize::MAX;

/// A wrapper with a fault switch.
pub struct FaultStore {
    inner: Arc<dyn ViewStore>,
    /// Batches that still succeed, or [`NEVER`].
    batches_left: AtomicUsize,
    fail_flush: AtomicBool,
}

impl FaultStore {
    /// Wraps `inner`; nothing fails until asked.
    #[must_use]
    pub fn new(inner: Arc<dyn ViewStore>) -> Self {
        Self { inner, batches_left: AtomicUsize::new(NEVER), fail_flush: AtomicBool::new(false) }
    }

    /// The next commit fails before anything is written.
    pub fn fail_next_commit(&self) {
        self.fail_after(0);
    }

    /// Lets `batches` batches through, counted over commits, then fails one commit in front of its next batch.
    /// After that failure commits succeed again.
    pub fn fail_after(&self, batches: usize) {
        self.batches_left.store(batches, Ordering::SeqCst);
    }

    /// The next flush fails.
    pub fn fail_next_flush(&self) {
        self.fail_flush.store(true, Ordering::SeqCst);
    }

    /// Counts one batch; an error when it is the one to fail.
    fn count_batch(&self) -> Result<(), StoreError> {
        match self.batches_left.load(Ordering::SeqCst) {
            NEVER => Ok(()),
            0 => {
                self.batches_left.store(NEVER, Ordering::SeqCst);
                Err(StoreError::Injected)
            }
            left => {
                self.batches_left.store(left - 1, Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

impl ViewStore for FaultStore {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.inner.get(key)
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        for batch in plan(commit) {
            self.count_batch()?;
            // As one group, so that the inner store cannot divide it again.
            self.inner.commit(Commit { groups: vec![Group::new(batch)], last: Vec::new() })?;
        }
        Ok(())
    }

    fn load(&self, rows: Vec<(Key, Value)>) -> Result<(), StoreError> {
        self.count_batch()?;
        self.inner.load(rows)
    }

    fn loaded(&self) -> Result<(), StoreError> {
        self.count_batch()?;
        self.inner.loaded()
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.inner.scan(from, to, limit)
    }

    fn scan_back(&self, from: &[u8], before: &[u8], limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.inner.scan_back(from, before, limit)
    }

    fn wipe(&self) -> Result<(), StoreError> {
        self.inner.wipe()
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }

    fn flush(&self) -> Result<(), StoreError> {
        if self.fail_flush.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Injected);
        }
        self.inner.flush()
    }
}
