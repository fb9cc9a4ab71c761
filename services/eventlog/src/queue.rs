//! What waits for the writer. Bounded in bytes: who finds it full waits before entering.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::writer::{MAX_GROUP_BYTES, MAX_GROUP_RECORDS};
use crate::{AppendError, Appended, NewRecord};

/// Room is counted in these, so that a `u32` of permits covers any queue.
const ROOM_UNIT_BYTES: usize = 1_024;

pub(crate) type Answer = Result<Vec<Appended>, AppendError>;

pub(crate) struct Pending {
    pub records: Vec<NewRecord>,
    /// The stamps of records that are copied, else empty.
    pub stamps: Vec<i64>,
    /// The sequence that the first of them must get, if that is known. Whoever queued records before and stopped waiting for
    /// their answer would else write them twice.
    pub first: Option<u64>,
    /// Their encoded size.
    pub bytes: usize,
    pub answer: oneshot::Sender<Answer>,
    /// Given back when the records were written or refused.
    pub _room: OwnedSemaphorePermit,
}

#[derive(Clone)]
enum Stop {
    /// What is queued is still written.
    Closing,
    Closed,
    Sealed(Arc<str>),
}

impl Stop {
    fn error(&self) -> AppendError {
        match self {
            Self::Closing | Self::Closed => AppendError::Closed,
            Self::Sealed(reason) => AppendError::Sealed { reason: reason.clone() },
        }
    }
}

#[derive(Default)]
struct State {
    pending: VecDeque<Pending>,
    stop: Option<Stop>,
}

/// What the writer does next.
pub(crate) enum Work {
    Commit,
    Idle,
    Stop,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    room: Arc<Semaphore>,
    units: u32,
}

impl Queue {
    pub fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / ROOM_UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        let units = units.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self {
            state: Mutex::default(),
            ready: Condvar::new(),
            room: Arc::new(Semaphore::new(units as usize)),
            units,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room. A call larger than the whole queue waits until the queue is empty.
    pub async fn room(&self, bytes: usize) -> OwnedSemaphorePermit {
        let units = u32::try_from(bytes.div_ceil(ROOM_UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units);
        let room = self.room.clone().acquire_many_owned(units).await;
        room.expect("the semaphore is never closed")
    }

    pub fn push(&self, pending: Pending) -> Result<(), AppendError> {
        let mut state = self.state();
        if let Some(stop) = &state.stop {
            return Err(stop.error());
        }
        state.pending.push_back(pending);
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Waits for work and takes what fits one group, at least one call. With `idle` it waits only so long.
    pub fn take(&self, idle: Option<Duration>, into: &mut Vec<Pending>) -> Work {
        let mut state = self.state();
        while state.pending.is_empty() {
            if state.stop.is_some() {
                return Work::Stop;
            }
            state = match idle {
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(pause) => {
                    let (state, waited) =
                        self.ready.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() && state.pending.is_empty() && state.stop.is_none() {
                        return Work::Idle;
                    }
                    state
                }
            };
        }
        let (mut records, mut bytes) = (0, 0);
        while let Some(next) = state.pending.front() {
            records += next.records.len();
            bytes += next.bytes;
            let full = records > MAX_GROUP_RECORDS || bytes > MAX_GROUP_BYTES;
            if full && !into.is_empty() {
                break;
            }
            into.extend(state.pending.pop_front());
        }
        Work::Commit
    }

    /// No more is accepted; what is queued is still taken.
    pub fn close(&self) {
        self.state().stop.get_or_insert(Stop::Closing);
        self.ready.notify_one();
    }

    /// The writer has written all and ends.
    pub fn closed(&self) {
        self.state().stop = Some(Stop::Closed);
    }

    /// Refuses what is queued and all that comes; a log that was closed properly stays so.
    pub fn seal(&self, reason: Arc<str>) {
        let mut state = self.state();
        if matches!(state.stop, Some(Stop::Closed | Stop::Sealed(_))) {
            return;
        }
        let stop = Stop::Sealed(reason);
        state.stop = Some(stop.clone());
        let refused = std::mem::take(&mut state.pending);
        drop(state);
        for pending in refused {
            pending.answer.send(Err(stop.error())).ok();
        }
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self.state().stop, Some(Stop::Sealed(_)))
    }
}
