//! A copy of another log, record by record: what a pipe brings from other machines, and what `log copy` writes.

use crate::{AppendError, EventLog, NewRecord, Position, ReadError, Record, SegmentLog};

/// Why records were not copied. What came before the first bad one is not in the log either.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The log is no copy: its records are its own.
    #[error("the log is the original of its origin, not a copy")]
    Original,
    /// A record of another log.
    #[error("a record at {found} does not belong into the copy of {expected}")]
    WrongOrigin {
        /// Where the record says it is from.
        found: Position,
        /// Where the next one would be.
        expected: Position,
    },
    /// Records between the last one here and this one are missing.
    #[error("after {end} comes {found}: what lies between is missing")]
    Gap {
        /// The last sequence of the copy.
        end: u64,
        /// The sequence that came.
        found: u64,
    },
    /// Another record has this place, or its stamp does not rise: two histories were written under one origin.
    #[error("at {0} the copy holds another record: two logs were written under one origin")]
    Differs(Position),
    /// It could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// It could not be compared with what is there.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl CopyError {
    /// A stable name for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Original => "log_not_a_copy",
            Self::WrongOrigin { .. } => "log_wrong_origin",
            Self::Gap { .. } => "log_gap",
            Self::Differs(_) => "log_forked",
            Self::Append(_) | Self::Read(_) => "log_io",
        }
    }

    /// Whether the same call can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Append(error) => error.retryable(),
            Self::Read(error) => error.retryable(),
            _ => false,
        }
    }
}

impl SegmentLog {
    /// Copies records of the original in their order, under their sequences and stamps, and returns how many were new when
    /// all are durable. Those that are here already are compared and left out, so a pipe may bring anything twice.
    ///
    /// # Errors
    /// See [`CopyError`]; after [`CopyError::Append`] the records may be in the log: copy them again.
    pub async fn copy(&self, records: Vec<Record>) -> Result<usize, CopyError> {
        if !self.is_copy() {
            return Err(CopyError::Original);
        }
        let _one_at_a_time = self.copying.lock().await;
        let origin = self.origin();
        let (mut end, mut stamp) = (self.end(), self.last_recorded_at());
        let (mut new, mut stamps) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
        for record in records {
            let at = record.position;
            if at.origin != origin {
                return Err(CopyError::WrongOrigin {
                    found: at,
                    expected: Position { origin, sequence: end + 1 },
                });
            }
            if at.sequence <= end {
                self.compare(&record, end - new.len() as u64, &new)?;
                continue;
            }
            if at.sequence != end + 1 {
                return Err(CopyError::Gap { end, found: at.sequence });
            }
            if end > 0 && record.recorded_at <= stamp {
                return Err(CopyError::Differs(at));
            }
            (end, stamp) = (at.sequence, record.recorded_at);
            stamps.push(record.recorded_at);
            new.push(NewRecord { id: record.id, attributes: record.attributes, payload: record.payload });
        }
        let count = new.len();
        self.write(new, stamps).await?;
        Ok(count)
    }

    /// Whether a record that is here already is the same; those behind `durable` are in `new`.
    fn compare(&self, record: &Record, durable: u64, new: &[NewRecord]) -> Result<(), CopyError> {
        let sequence = record.position.sequence;
        let id = match sequence.checked_sub(durable + 1) {
            Some(at) => usize::try_from(at).ok().and_then(|at| new.get(at)).map(|r| r.id),
            None if sequence < self.start() => return Ok(()),
            None => self.get(sequence)?.map(|r| r.id),
        };
        if id == Some(record.id) { Ok(()) } else { Err(CopyError::Differs(record.position)) }
    }
}
