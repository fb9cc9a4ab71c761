//! The requests of one channel that wait or are under way, and how far all of them are done.

use crate::outbound::Address;
use bytes::Bytes;
use serde::Serialize;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::Notify;

/// Most requests that wait in memory, and most bytes of them; what is more is read from the log again.
const WAITING_MAX: usize = 1_000;
const WAITING_BYTES_MAX: usize = 16 << 20;

/// A request that goes on.
#[derive(Clone, Debug)]
pub struct Request {
    /// Sequence of the first event it brought.
    pub first: u64,
    /// And of the last.
    pub last: u64,
    /// Query string.
    pub query: String,
    /// Headers as they came.
    pub headers: Vec<(String, String)>,
    /// Body as it came.
    pub body: Bytes,
    /// When it came.
    pub received: Instant,
}

/// What became of a channel's requests since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Waiting in memory or under way.
    pub waiting: usize,
    /// Taken by the other side.
    pub delivered: u64,
    /// Given up.
    pub failed: u64,
}

/// One channel's way out.
pub struct Lane {
    /// Where to.
    pub target: Address,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    bytes: usize,
    /// First sequences of what waits or is under way.
    open: BTreeSet<u64>,
    /// The greatest sequence of what was ever taken in.
    newest: u64,
    /// Memory does not hold all that waits: the log does, after `read`.
    behind: bool,
    /// The log was read after `from` up to `read`.
    from: u64,
    read: u64,
    /// What was finished, and the log's end, when the cursor was computed last.
    before: (u64, u64),
    delivered: u64,
    failed: u64,
}

/// What comes next.
pub(super) enum Next {
    Request(Request),
    /// The log has it.
    FromLog,
    Nothing,
}

impl Lane {
    pub(super) fn new(target: Address) -> Self {
        Self { target, state: Mutex::default(), news: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything up to `sequence` is done; the rest up to `end` is in the log. Before anything comes in.
    pub(super) fn resume(&self, sequence: u64, end: u64) {
        let mut state = self.state();
        (state.newest, state.from, state.read) = (sequence, sequence, sequence);
        state.before = (sequence, sequence);
        state.behind = sequence < end;
    }

    /// Takes a request in, or leaves it to the log.
    pub(super) fn push(&self, request: Request) {
        let mut state = self.state();
        let full = state.waiting.len() >= WAITING_MAX || state.bytes + request.body.len() > WAITING_BYTES_MAX;
        if full && !state.behind {
            state.behind = true;
            (state.from, state.read) = (state.newest, state.newest);
        }
        // What the reader of the log has seen, or will see, goes on from there. Records come here in any order, so one from
        // before its beginning may still come.
        let in_log = request.first > state.from && (state.behind || request.first <= state.read);
        if !in_log {
            state.bytes += request.body.len();
            state.newest = state.newest.max(request.last);
            state.open.insert(request.first);
            state.waiting.push_back(request);
        }
        drop(state);
        self.news.notify_one();
    }

    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        match state.waiting.pop_front() {
            Some(request) => {
                state.bytes -= request.body.len();
                Next::Request(request)
            }
            None if state.behind => Next::FromLog,
            None => Next::Nothing,
        }
    }

    /// Up to where the log was read.
    pub(super) fn read(&self) -> u64 {
        self.state().read
    }

    /// The log was read up to `sequence`, and these are to go on.
    pub(super) fn has_read(&self, sequence: u64, firsts: &[u64]) {
        let mut state = self.state();
        state.open.extend(firsts);
        state.read = sequence;
        state.newest = state.newest.max(sequence);
    }

    /// The log was read to its end at `end`: from here on memory holds all. Records that came meanwhile were pushed, or
    /// will be, after this.
    pub(super) fn caught_up(&self, end: u64) -> bool {
        let mut state = self.state();
        let caught_up = state.read >= end;
        state.behind = !caught_up;
        caught_up
    }

    /// The request that begins at `first` is done.
    pub(super) fn finish(&self, first: u64, delivered: bool) {
        let mut state = self.state();
        state.open.remove(&first);
        if delivered { state.delivered += 1 } else { state.failed += 1 }
    }

    /// Everything up to here is done.
    pub(super) fn finished(&self) -> u64 {
        let state = self.state();
        let waiting = state.open.first().map(|first| first - 1);
        waiting.unwrap_or(if state.behind { state.read } else { state.newest })
    }

    /// Everything up to here was done a look ago, which is what the cursor keeps: between its record and its arrival here a
    /// request must not be skipped. A channel without traffic moves with the log's `end`.
    pub(super) fn settled(&self, end: u64) -> u64 {
        let finished = self.finished();
        let mut state = self.state();
        let (finished_before, end_before) = std::mem::replace(&mut state.before, (finished, end));
        let quiet = finished == finished_before && state.open.is_empty() && !state.behind;
        if quiet {
            state.newest = state.newest.max(end_before);
            state.before.0 = state.newest;
            return state.newest;
        }
        finished_before.min(finished)
    }

    pub(super) fn figures(&self) -> Figures {
        let state = self.state();
        Figures { waiting: state.open.len(), delivered: state.delivered, failed: state.failed }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lane, Next, Request, WAITING_MAX};
    use crate::outbound::Address;
    use bytes::Bytes;
    use std::time::Instant;

    fn lane() -> Lane {
        let lane = Lane::new(Address::parse("http://127.0.0.1:1/").expect("an address"));
        lane.resume(10, 11);
        lane
    }

    fn request(first: u64) -> Request {
        let (query, headers, body) = (String::new(), Vec::new(), Bytes::new());
        Request { first, last: first, query, headers, body, received: Instant::now() }
    }

    fn first(lane: &Lane) -> Option<u64> {
        match lane.next() {
            Next::Request(request) => Some(request.first),
            Next::FromLog | Next::Nothing => None,
        }
    }

    #[test]
    fn a_fresh_lane_reads_the_log_before_it_takes_from_memory() {
        let lane = lane();
        lane.push(request(11));
        assert!(matches!(lane.next(), Next::FromLog), "11 is in the log");
        lane.has_read(11, &[11]);
        assert!(!lane.caught_up(12) && lane.caught_up(11));
        lane.push(request(11));
        assert_eq!(first(&lane), None, "it was read already");
        lane.push(request(12));
        assert_eq!((first(&lane), lane.finished()), (Some(12), 10));
        lane.finish(12, true);
        assert_eq!(lane.finished(), 10, "11 is under way");
        lane.finish(11, false);
        assert_eq!((lane.finished(), lane.figures().delivered, lane.figures().failed), (12, 1, 1));
    }

    #[test]
    fn a_lane_with_nothing_left_takes_from_memory_at_once() {
        let lane = Lane::new(Address::parse("http://127.0.0.1:1/").expect("an address"));
        lane.resume(10, 10);
        lane.push(request(11));
        assert_eq!(first(&lane), Some(11), "with its own bytes");
        assert!(matches!(lane.next(), Next::Nothing));
    }

    #[test]
    fn what_memory_does_not_take_is_left_to_the_log() {
        let lane = lane();
        assert!(lane.caught_up(10));
        for n in 0..=WAITING_MAX as u64 {
            lane.push(request(11 + n));
        }
        for n in 0..WAITING_MAX as u64 {
            assert_eq!(first(&lane), Some(11 + n));
            lane.finish(11 + n, true);
        }
        assert!(matches!(lane.next(), Next::FromLog));
        assert_eq!(lane.read(), 10 + WAITING_MAX as u64, "from the first that was left out");
        assert_eq!(lane.finished(), lane.read());
        lane.push(request(9));
        assert_eq!(first(&lane), Some(9), "late, and from before the reading began");
    }

    #[test]
    fn the_cursor_waits_a_look_and_moves_with_the_log_where_nothing_happens() {
        let lane = lane();
        assert!(lane.caught_up(10));
        lane.push(request(15));
        assert_eq!(lane.settled(20), 10);
        assert_eq!(first(&lane), Some(15));
        lane.finish(15, true);
        assert_eq!(lane.settled(30), 14, "as it was a look ago");
        assert_eq!(lane.settled(40), 30, "nothing happened since the look before");
        assert_eq!(lane.settled(50), 40);
    }
}
