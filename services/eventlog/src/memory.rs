//! The log without a disk, for tests of whatever stands on a log. Gone with the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::segments::check_sizes;
use crate::window::Window;
use crate::{
    AppendError, Appended, Clock, DEDUPE_WINDOW, EventLog, NewRecord, Origin, Position, ReadError,
    ReadLimits, Record, TrimError,
};

struct State {
    records: Vec<Record>,
    /// The sequence of the first record kept.
    start: u64,
    next: u64,
    last_recorded_at: i64,
    window: Window,
    closed: bool,
}

/// A log in memory. It trims to the very record.
pub struct MemoryLog {
    origin: Origin,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    end: watch::Sender<u64>,
}

impl MemoryLog {
    /// A log that holds its `log.opened`.
    #[must_use]
    pub fn new(origin: Origin, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            records: Vec::new(),
            start: 1,
            next: 1,
            last_recorded_at: 0,
            window: Window::new(DEDUPE_WINDOW),
            closed: false,
        };
        let log = Self { origin, clock, state: Mutex::new(state), end: watch::Sender::new(0) };
        log.add(vec![NewRecord::log_opened(origin)]);
        log
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, records: Vec<NewRecord>) -> Vec<Appended> {
        let now = self.clock.now_micros();
        let mut guard = self.state();
        let state = &mut *guard;
        let origin = self.origin;
        let answers = records.into_iter().map(|record| {
            if let Some((sequence, recorded_at)) = state.window.find(&record.id) {
                let position = Position { origin, sequence };
                return Appended { position, recorded_at, duplicate: true };
            }
            let position = Position { origin, sequence: state.next };
            let recorded_at = now.max(state.last_recorded_at + 1);
            state.next += 1;
            state.last_recorded_at = recorded_at;
            state.window.push(record.id, position.sequence, recorded_at);
            let NewRecord { id, attributes, payload } = record;
            state.records.push(Record { position, id, recorded_at, attributes, payload });
            Appended { position, recorded_at, duplicate: false }
        });
        let answers = answers.collect();
        self.end.send_replace(state.next - 1);
        answers
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, AppendError> {
        check_sizes(&records)?;
        if self.state().closed {
            return Err(AppendError::Closed);
        }
        Ok(self.add(records))
    }

    fn read(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        let state = self.state();
        let from = from.max(1);
        if from >= state.next {
            return Ok(Vec::new());
        }
        let Some(skip) = from.checked_sub(state.start) else {
            return Err(ReadError::Trimmed { start: state.start });
        };
        let mut bytes = 0_usize;
        let kept = state.records.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
        let mut records = Vec::new();
        for record in kept.take(limits.max_records.max(1)) {
            bytes = bytes.saturating_add(record.payload.len());
            if bytes > limits.max_bytes && !records.is_empty() {
                break;
            }
            records.push(record.clone());
        }
        Ok(records)
    }

    fn get(&self, sequence: u64) -> Result<Option<Record>, ReadError> {
        if sequence == 0 {
            return Ok(None);
        }
        Ok(self.read(sequence, ReadLimits { max_records: 1, max_bytes: usize::MAX })?.pop())
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    fn start(&self) -> u64 {
        self.state().start
    }

    fn end(&self) -> u64 {
        *self.end.borrow()
    }

    fn origin(&self) -> Origin {
        self.origin
    }

    fn last_recorded_at(&self) -> i64 {
        self.state().last_recorded_at
    }

    fn trim(&self, before: u64) -> Result<(), TrimError> {
        let mut state = self.state();
        // The newest record stays, as the newest segment does on a disk.
        let before = before.min(state.next - 1).max(state.start);
        let gone = usize::try_from(before - state.start).unwrap_or(usize::MAX);
        state.records.drain(..gone);
        state.start = before;
        Ok(())
    }

    fn is_sealed(&self) -> bool {
        false
    }

    fn bytes(&self) -> u64 {
        self.state().records.iter().map(|record| record.payload.len() as u64).sum()
    }

    fn close(&self) {
        self.state().closed = true;
    }
}
