//! The newest records of a log may come before their predecessors, where a sender repeated what was not acknowledged.

use super::coded;
use crate::cli::Failure;
use std::collections::BTreeMap;
use tributary_eventlog::{Origin, Record};

/// Most records of one log that wait; more than any sender has under way.
const RECORDS_MAX: usize = 4_096;
/// Most bytes of payload that wait, of all logs together.
const BYTES_MAX: usize = 64 << 20;

/// Records that wait for their predecessors.
#[derive(Default)]
pub struct InOrder {
    waiting: BTreeMap<Origin, BTreeMap<u64, Record>>,
    bytes: usize,
}

impl InOrder {
    /// Takes a record of a log that is known up to `end`; gives those that follow now without a gap, or the record itself
    /// where it is known already.
    ///
    /// # Errors
    /// `log_gap` where more wait than any sender has under way: what is missing will not come.
    pub fn push(&mut self, end: u64, record: Record) -> Result<Vec<Record>, Failure> {
        let (origin, sequence) = (record.position.origin, record.position.sequence);
        let waiting = self.waiting.entry(origin).or_default();
        if sequence > end + 1 {
            let bytes = record.payload.len();
            if waiting.insert(sequence, record).is_none() {
                self.bytes += bytes;
            }
            if waiting.len() > RECORDS_MAX || self.bytes > BYTES_MAX {
                let detail = format!("the stream holds {origin}:{sequence}, and not {origin}:{}", end + 1);
                return Err(coded(
                    "log_gap",
                    &detail,
                    "copy the log to a new stream from a folder that has all of it",
                ));
            }
            return Ok(Vec::new());
        }
        let mut next = sequence.max(end) + 1;
        let mut ready = vec![record];
        while let Some(record) = waiting.remove(&next) {
            self.bytes -= record.payload.len();
            ready.push(record);
            next += 1;
        }
        Ok(ready)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.values().all(BTreeMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tributary_eventlog::{Attributes, Position};

    fn record(sequence: u64) -> Record {
        let position = Position { origin: Origin(1), sequence };
        Record {
            position,
            id: [0; 16],
            recorded_at: 0,
            attributes: Attributes::default(),
            payload: Bytes::new(),
        }
    }

    #[test]
    fn records_come_out_in_their_order() {
        let (mut order, mut end, mut out) = (InOrder::default(), 0, Vec::new());
        for sequence in [3_u64, 2, 5, 1, 1, 4, 7, 6] {
            let ready = order.push(end, record(sequence)).expect("room");
            out.extend(ready.iter().map(|r| r.position.sequence));
            end = end.max(out.last().copied().unwrap_or(0));
        }
        assert_eq!(out, [1, 2, 3, 1, 4, 5, 6, 7]);
        assert!(order.is_empty());
    }

    #[test]
    fn what_never_comes_is_told() {
        let mut order = InOrder::default();
        for sequence in 3..RECORDS_MAX as u64 + 3 {
            assert!(order.push(1, record(sequence)).is_ok());
        }
        assert!(!order.is_empty());
        let refused = order.push(1, record(1 << 40)).expect_err("too many");
        assert!(refused.message.starts_with("log_gap: "), "{}", refused.message);
    }
}
