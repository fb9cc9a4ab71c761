//! Which connections are open and what each waits for: who must give way when there are too many, and who dawdles.

use crate::pace::Sender;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A request's head must be here within this time of its first byte, or of the connection's beginning.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// A connection without a request is kept this long; the most patient provider reuses one within a minute.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Nobody gives way before: whoever gets in has the time to send a request.
const GRACE: Duration = Duration::from_secs(1);

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The client's next request; what was answered last may still be on its way.
    Idle,
    /// The rest of a request's head.
    Head,
    /// The rest of a request's body, whose time the reader of the body limits.
    Body,
    /// The hub's own work.
    Work,
}

/// Why the hub closed a connection. The words are labels of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The head did not come in [`HEAD_TIME`].
    SlowHead,
    /// No request for [`IDLE_TIME`], or an answer that nobody takes.
    Idle,
    /// Another connection needed the room.
    Crowded,
    /// It came when there was no room.
    Refused,
}

impl Closed {
    /// The label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::Idle => "idle",
            Self::Crowded => "crowded",
            Self::Refused => "refused",
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    waits: Mutex<(Phase, Instant)>,
    close: Notify,
}

impl Connection {
    fn new(peer: IpAddr, now: Instant) -> Self {
        Self { sender: Sender::of(peer), waits: Mutex::new((Phase::Head, now)), close: Notify::new() }
    }

    /// What it waits for, and since when.
    #[must_use]
    pub fn waits(&self) -> (Phase, Instant) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It waits for `to` from now on, if it waited for `from`.
    pub fn turn(&self, from: Phase, to: Phase) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.0 == from {
            *waits = (to, Instant::now());
        }
    }

    /// It waits for this from now on.
    pub fn begin(&self, phase: Phase) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = (phase, Instant::now());
    }

    /// Ends when the connection has to.
    pub async fn closed(&self) {
        self.close.notified().await;
    }
}

/// All connections of one listener.
#[derive(Debug)]
pub struct Table {
    max: usize,
    next: u64,
    open: HashMap<u64, Arc<Connection>>,
}

impl Table {
    /// A table for `max` connections.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, next: 0, open: HashMap::new() }
    }

    /// Takes a connection in; `None` where there is no room. Whether another one was closed for it is told too.
    pub fn admit(&mut self, peer: IpAddr, now: Instant) -> (Option<(u64, Arc<Connection>)>, bool) {
        let crowded = self.open.len() >= self.max;
        if crowded && !self.make_room(now) {
            return (None, false);
        }
        self.next += 1;
        let connection = Arc::new(Connection::new(peer, now));
        self.open.insert(self.next, Arc::clone(&connection));
        (Some((self.next, connection)), crowded)
    }

    /// A connection ended.
    pub fn remove(&mut self, id: u64) {
        self.open.remove(&id);
    }

    /// Closes what has waited longest, among the connections of the address that has most of those which wait. What the hub
    /// works for is left alone.
    pub fn make_room(&mut self, now: Instant) -> bool {
        let mut waiting: HashMap<Sender, (usize, u64, Instant)> = HashMap::new();
        for (id, connection) in &self.open {
            let (phase, since) = connection.waits();
            if phase == Phase::Work || now.saturating_duration_since(since) < GRACE {
                continue;
            }
            let of = waiting.entry(connection.sender).or_insert((0, *id, since));
            of.0 += 1;
            if since < of.2 {
                (of.1, of.2) = (*id, since);
            }
        }
        let most = waiting.into_values().max_by_key(|(count, _, since)| (*count, std::cmp::Reverse(*since)));
        let Some((_, id, _)) = most else { return false };
        self.close(id);
        true
    }

    /// Closes what is overdue; why, once for each.
    pub fn sweep(&mut self, now: Instant) -> Vec<Closed> {
        let overdue = |(id, connection): (&u64, &Arc<Connection>)| {
            let (phase, since) = connection.waits();
            let waited = now.saturating_duration_since(since);
            match phase {
                Phase::Head if waited >= HEAD_TIME => Some((*id, Closed::SlowHead)),
                Phase::Idle if waited >= IDLE_TIME => Some((*id, Closed::Idle)),
                _ => None,
            }
        };
        let overdue: Vec<(u64, Closed)> = self.open.iter().filter_map(overdue).collect();
        for (id, _) in &overdue {
            self.close(*id);
        }
        overdue.into_iter().map(|(_, why)| why).collect()
    }

    fn close(&mut self, id: u64) {
        if let Some(connection) = self.open.remove(&id) {
            // Kept for a task that does not listen yet.
            connection.close.notify_one();
        }
    }

    /// Connections that are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Closed, GRACE, HEAD_TIME, IDLE_TIME, Phase, Table};
    use std::{
        net::IpAddr,
        time::{Duration, Instant},
    };

    fn address(n: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, n])
    }

    #[test]
    fn whoever_holds_most_gives_way_and_the_oldest_first() {
        let begun = Instant::now();
        let mut table = Table::new(4);
        let one = table.admit(address(1), begun).0.unwrap();
        let greedy: Vec<_> = (0..3_u64)
            .map(|n| table.admit(address(2), begun + Duration::from_millis(100 + n)).0.unwrap())
            .collect();
        let later = begun + GRACE + Duration::from_secs(1);
        let (admitted, crowded) = table.admit(address(3), later);
        assert!(admitted.is_some() && crowded);
        assert_eq!(table.len(), 4);
        assert!(!table.open.contains_key(&greedy[0].0), "the oldest of the address with most");
        assert!(table.open.contains_key(&one.0), "not the oldest of all");
    }

    #[test]
    fn nobody_gives_way_at_once_or_while_the_hub_works() {
        let begun = Instant::now();
        let mut table = Table::new(2);
        let first = table.admit(address(1), begun).0.unwrap();
        let second = table.admit(address(1), begun).0.unwrap();
        assert!(table.admit(address(2), begun + GRACE / 2).0.is_none(), "both are fresh");
        let later = begun + GRACE * 2;
        first.1.begin(Phase::Work);
        second.1.begin(Phase::Work);
        assert!(table.admit(address(2), later).0.is_none(), "both are worked for");
        second.1.turn(Phase::Work, Phase::Body);
        assert!(table.admit(address(2), Instant::now() + GRACE * 2).0.is_some(), "one waits for its body");
        assert!(table.open.contains_key(&first.0) && !table.open.contains_key(&second.0));
    }

    #[test]
    fn slow_heads_and_idle_connections_end() {
        let begun = Instant::now();
        let mut table = Table::new(8);
        let head = table.admit(address(1), begun).0.unwrap();
        let idle = table.admit(address(1), begun).0.unwrap();
        let work = table.admit(address(1), begun).0.unwrap();
        idle.1.begin(Phase::Idle);
        work.1.begin(Phase::Work);
        assert!(table.sweep(begun + HEAD_TIME / 2).is_empty());
        assert_eq!(table.sweep(begun + HEAD_TIME), [Closed::SlowHead]);
        assert!(!table.open.contains_key(&head.0));
        assert_eq!(table.sweep(Instant::now() + IDLE_TIME), [Closed::Idle]);
        assert_eq!(table.len(), 1, "work is never overdue here");
    }
}
