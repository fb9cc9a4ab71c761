//! What two places that hold the same log agree on: a SHA-256 over all its records in their order.

use super::{Tell, failed};
use crate::cli::Failure;
use sha2::{Digest as _, Sha256};
use tributary_eventlog::{EventLog, ReadLimits, Record};

/// A digest that grows with the records of one log.
#[derive(Clone, Default)]
pub struct Digest {
    hash: Sha256,
    /// Records that went into it.
    pub records: u64,
}

impl Digest {
    /// The next record: position, id, stamp, attributes and payload, each with its length where that differs.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        self.hash.update(record.position.origin.0.to_be_bytes());
        self.hash.update(record.position.sequence.to_be_bytes());
        self.hash.update(record.id);
        self.hash.update(record.recorded_at.to_be_bytes());
        self.hash.update((record.attributes.len() as u64).to_be_bytes());
        for text in record.attributes.iter().flat_map(|(name, value)| [name, value]) {
            self.hash.update((text.len() as u64).to_be_bytes());
            self.hash.update(text.as_bytes());
        }
        self.hash.update((record.payload.len() as u64).to_be_bytes());
        self.hash.update(&record.payload);
    }

    /// 64 hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The digest of a log's first `upto` records. Blocks.
///
/// # Errors
/// Where it cannot be read whole.
pub fn of(log: &dyn EventLog, upto: u64, tell: Tell<'_>) -> Result<Digest, Failure> {
    let mut digest = Digest::default();
    while digest.records < upto {
        let records =
            log.read(digest.records + 1, ReadLimits::default()).map_err(|e| failed("log_unreadable", &e))?;
        if records.is_empty() {
            break;
        }
        let left = usize::try_from(upto - digest.records).unwrap_or(usize::MAX);
        records.iter().take(left).for_each(|record| digest.add(record));
        tell("comparing", digest.records, upto);
    }
    Ok(digest)
}
