//! All records from a sequence to the end, one after the other.

use crate::{EventLog, ReadError, ReadLimits, Record};

/// See [`scan`].
pub struct Scan<'a> {
    log: &'a dyn EventLog,
    next: u64,
    batch: std::vec::IntoIter<Record>,
    failed: bool,
}

/// Reads from sequence `from` to wherever the end is when it gets there. Ends after the first error.
#[must_use]
pub fn scan(log: &dyn EventLog, from: u64) -> Scan<'_> {
    Scan { log, next: from, batch: Vec::new().into_iter(), failed: false }
}

impl Iterator for Scan<'_> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.batch.as_slice().is_empty() {
            match self.log.read(self.next, ReadLimits::default()) {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        let record = self.batch.next()?;
        self.next = record.position.sequence + 1;
        Some(Ok(record))
    }
}
