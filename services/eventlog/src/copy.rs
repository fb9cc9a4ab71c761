//! A copy of another log, record by record: what a pipe brings from other machines, and what `log copy` writes.

use std::io;

use tokio::runtime::Handle;

use crate::{AppendError, EventLog, NewRecord, Position, ReadError, ReadLimits, Record, SegmentLog};

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
        let (origin, durable) = (self.origin(), self.end());
        let (mut end, mut stamp) = (durable, self.last_recorded_at());
        let (mut new, mut stamps) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
        let mut here = Vec::new();
        for record in records {
            let at = record.position;
            if at.origin != origin {
                return Err(CopyError::WrongOrigin {
                    found: at,
                    expected: Position { origin, sequence: end + 1 },
                });
            }
            if at.sequence <= durable {
                here.push(Twin::of(&record));
                continue;
            }
            if at.sequence <= end {
                let before = usize::try_from(at.sequence - durable - 1).unwrap_or(usize::MAX);
                let is_same = |r: &NewRecord| r.id == record.id;
                if !new.get(before).is_some_and(is_same) || stamps.get(before) != Some(&record.recorded_at) {
                    return Err(CopyError::Differs(at));
                }
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
        if let Some(sequence) = self.compare(here, durable).await? {
            return Err(CopyError::Differs(Position { origin, sequence }));
        }
        let count = new.len();
        self.write(new, stamps, Some(durable + 1)).await?;
        Ok(count)
    }

    /// The first of these that is here otherwise.
    async fn compare(&self, twins: Vec<Twin>, end: u64) -> Result<Option<u64>, ReadError> {
        if twins.is_empty() {
            return Ok(None);
        }
        let (inner, start) = (self.inner(), self.start());
        let compared = move || differing((start, end), twins, &|from, limits| inner.read(from, limits));
        match Handle::try_current() {
            Ok(runtime) => {
                let compared = runtime.spawn_blocking(compared).await;
                compared.map_err(|panic| ReadError::Io(io::Error::other(panic)))?
            }
            Err(_) => compared(),
        }
    }
}

/// What tells a record from another one in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Twin {
    pub sequence: u64,
    id: [u8; 16],
    recorded_at: i64,
}

impl Twin {
    pub fn of(record: &Record) -> Self {
        Self { sequence: record.position.sequence, id: record.id, recorded_at: record.recorded_at }
    }
}

/// The first of these records that a log holds otherwise, in ranges as large as they come. What lies outside `start` and `end`
/// is not compared. Blocks.
pub(crate) fn differing(
    (start, end): (u64, u64),
    mut twins: Vec<Twin>,
    read: &dyn Fn(u64, ReadLimits) -> Result<Vec<Record>, ReadError>,
) -> Result<Option<u64>, ReadError> {
    twins.retain(|twin| (start..=end).contains(&twin.sequence));
    twins.sort_unstable_by_key(|twin| twin.sequence);
    let mut rest = twins.as_slice();
    while let Some(first) = rest.first() {
        let follows = |pair: &[Twin]| matches!(pair, [a, b] if b.sequence <= a.sequence + 1);
        let together = 1 + rest.windows(2).take_while(|pair| follows(pair)).count();
        let last = rest[together - 1].sequence;
        let wanted = usize::try_from(last - first.sequence + 1).unwrap_or(usize::MAX);
        let limits = ReadLimits { max_records: wanted, ..ReadLimits::default() };
        let records = match read(first.sequence, limits) {
            Ok(records) => records,
            // Meanwhile trimmed.
            Err(ReadError::Trimmed { start }) if start > first.sequence => {
                rest = &rest[rest.partition_point(|twin| twin.sequence < start)..];
                continue;
            }
            Err(error) => return Err(error),
        };
        let upto = records.last().map_or(last, |record| record.position.sequence);
        let (these, others) = rest.split_at(rest.partition_point(|twin| twin.sequence <= upto));
        for twin in these {
            let at = usize::try_from(twin.sequence - first.sequence).unwrap_or(usize::MAX);
            let is_same = |r: &Record| r.id == twin.id && r.recorded_at == twin.recorded_at;
            if !records.get(at).is_some_and(is_same) {
                return Ok(Some(twin.sequence));
            }
        }
        rest = others;
    }
    Ok(None)
}
