//! The newest records of one origin that came before their predecessors. A sender that repeats what was not acknowledged
//! brings the missing ones soon.

use std::collections::BTreeMap;

use crate::Record;

/// Most records that wait; more than any sender has under way.
const RECORDS_MAX: usize = 4_096;
/// Most bytes of payload that wait.
const BYTES_MAX: usize = 64 << 20;

/// Records that wait, by sequence, each with the broker's number of its message.
#[derive(Default)]
pub(super) struct Reorder {
    waiting: BTreeMap<u64, (u64, Record)>,
    bytes: usize,
}

impl Reorder {
    /// Takes a record in; adds those to `ready` that now follow `end` without a gap.
    ///
    /// # Errors
    /// The first missing sequence, where more wait than any sender has under way: it will not come.
    pub fn insert(
        &mut self,
        end: u64,
        number: u64,
        record: Record,
        ready: &mut Vec<Record>,
    ) -> Result<(), u64> {
        let sequence = record.position.sequence;
        if sequence > end + 1 {
            let bytes = record.payload.len();
            if self.waiting.insert(sequence, (number, record)).is_none() {
                self.bytes += bytes;
            }
            let full = self.waiting.len() > RECORDS_MAX || self.bytes > BYTES_MAX;
            return if full { Err(end + 1) } else { Ok(()) };
        }
        let mut next = sequence.max(end) + 1;
        ready.push(record);
        while let Some((_, record)) = self.waiting.remove(&next) {
            self.bytes -= record.payload.len();
            ready.push(record);
            next += 1;
        }
        Ok(())
    }

    /// The lowest sequence that waits.
    pub fn first_sequence(&self) -> Option<u64> {
        self.waiting.keys().next().copied()
    }

    /// The lowest number of a message whose record waits: what comes before it was given out.
    pub fn first_number(&self) -> Option<u64> {
        self.waiting.values().map(|(number, _)| *number).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attributes, Origin, Position};
    use bytes::Bytes;

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
    fn records_come_out_in_their_order_whatever_order_they_come_in() {
        let order = [3_u64, 2, 5, 1, 1, 4, 7, 6];
        let (mut reorder, mut end, mut out) = (Reorder::default(), 0, Vec::new());
        for (number, sequence) in order.into_iter().enumerate() {
            let mut ready = Vec::new();
            reorder.insert(end, number as u64, record(sequence), &mut ready).expect("room");
            out.extend(ready.iter().map(|r| r.position.sequence));
            end = end.max(out.last().copied().unwrap_or(0));
        }
        assert_eq!(out, [1, 2, 3, 1, 4, 5, 6, 7]);
        assert_eq!(reorder.first_number(), None);
    }

    #[test]
    fn what_never_comes_is_told() {
        let mut reorder = Reorder::default();
        for sequence in 3..RECORDS_MAX as u64 + 3 {
            assert_eq!(reorder.insert(1, sequence, record(sequence), &mut Vec::new()), Ok(()));
        }
        assert_eq!(reorder.first_number(), Some(3));
        assert_eq!(reorder.insert(1, 9, record(1 << 40), &mut Vec::new()), Err(2));
    }
}
