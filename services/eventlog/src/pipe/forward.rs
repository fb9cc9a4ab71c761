//! Sending one log into a pipe: everything, in order, at least once, however often either side stops.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::watch;

use super::{Pipe, PipeError, Place, REFUSED_PAUSE, State, place::PlaceFile};
use crate::{EventLog, Position, ReadLimits, Record};

/// Windows under way at a time: while the broker writes some, others are on their way. What can come out of order when one of
/// them fails is less than readers wait for.
const WINDOWS: usize = 6;
/// Records of one window.
const WINDOW: usize = 512;
/// Records that a forwarder has under way at a time, at most.
#[cfg(feature = "nats")]
pub(super) const UNDER_WAY: usize = WINDOWS * WINDOW;
/// Read at once: a few windows, because a log is read in large blocks.
const READ: ReadLimits = ReadLimits { max_records: 8 * WINDOW, max_bytes: 4 << 20 };
/// Pauses between tries, doubling.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(2);
/// The place is written this often: a restart sends again what came after.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Sends a log, and knows how far the broker has it.
pub struct Forwarder {
    log: Arc<dyn EventLog>,
    pipe: Arc<dyn Pipe>,
    file: Arc<PlaceFile>,
    sent: watch::Sender<u64>,
    error: Mutex<Option<PipeError>>,
    refused_pause: Duration,
}

/// What became of a window.
struct Window {
    first: Position,
    last: u64,
    count: usize,
    answer: Result<(u32, u64), PipeError>,
}

/// What one try tells the next.
struct Tries {
    pause: Duration,
    /// Up to here records go one by one, because one of them is too large.
    alone_upto: u64,
}

impl Forwarder {
    /// A forwarder that remembers in `file` how far it is.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn new(log: Arc<dyn EventLog>, pipe: Arc<dyn Pipe>, file: PathBuf) -> std::io::Result<Self> {
        let file = PlaceFile::new(file);
        // Nobody may rely on what is not even here; that it was sent is told when it runs.
        let sent = file.read()?.map_or(0, |place| place.sent).min(log.end());
        let (sent, error) = (watch::Sender::new(sent), Mutex::default());
        Ok(Self { log, pipe, file, sent, error, refused_pause: REFUSED_PAUSE })
    }

    /// The same, with another pause after a refusal; 30 s where nobody says.
    #[must_use]
    pub fn refused_pause(self, refused_pause: Duration) -> Self {
        Self { refused_pause, ..self }
    }

    /// Up to which sequence the broker has acknowledged everything, now and whenever it rises.
    #[must_use]
    pub fn acknowledged(&self) -> watch::Receiver<u64> {
        self.sent.subscribe()
    }

    /// Why it does not go on at the moment, if it does not.
    #[must_use]
    pub fn error(&self) -> Option<PipeError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_error(&self, error: Option<PipeError>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Sends until told to stop. What can pass by itself is tried again for ever, and a refusal after a longer pause.
    ///
    /// # Errors
    /// What somebody has to mend here first; nothing is sent any more.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), PipeError> {
        let mut tries = Tries { pause: PAUSE_FIRST, alone_upto: 0 };
        loop {
            let ended = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                ended = self.send_on(&mut tries) => ended,
            };
            let Err(error) = ended else { return Ok(()) };
            if self.error().as_ref() != Some(&error) {
                tracing::warn!(log.origin = %self.log.origin(), %error, code = error.code(), "the log is not forwarded");
            }
            self.set_error(Some(error.clone()));
            let wait = match error {
                PipeError::Refused(_) => self.refused_pause,
                error if !error.retryable() => return Err(error),
                _ => tries.pause,
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            tries.pause = (tries.pause * 2).min(PAUSE_LONGEST);
        }
    }

    async fn send_on(&self, tries: &mut Tries) -> Result<(), PipeError> {
        // Noted when this ends, however it does: a restart then sends little again.
        let mut noted = Noted { place: self.begin().await?, is_saved: false, file: &self.file };
        let mut end = self.log.subscribe();
        let mut saved = Instant::now();
        let (mut under_way, mut next) = (FuturesOrdered::new(), Ahead::behind(noted.place.sent));
        loop {
            if !noted.is_saved && saved.elapsed() >= SAVE_EVERY {
                noted.save().await;
                saved = Instant::now();
            }
            let sent = noted.place.sent;
            let (window, windows) = if sent < tries.alone_upto { (1, 1) } else { (WINDOW, WINDOWS) };
            while under_way.len() < windows {
                let records = self.take(&mut next, window).await?;
                if records.is_empty() {
                    break;
                }
                under_way.push_back(self.window(records));
            }
            let Some(Window { first, last, count, answer }) = under_way.next().await else {
                // All is there, so nothing is in the way.
                self.set_error(None);
                tries.pause = PAUSE_FIRST;
                let grown = end.wait_for(|end| *end > sent);
                let grown = if noted.is_saved {
                    Ok(grown.await)
                } else {
                    tokio::time::timeout(SAVE_EVERY, grown).await
                };
                if grown.is_ok_and(|grown| grown.is_err()) {
                    return Ok(());
                }
                continue;
            };
            let (partition, number) = match answer {
                Err(PipeError::TooLarge { .. }) if count > 1 => {
                    tries.alone_upto = last;
                    under_way.clear();
                    next = Ahead::behind(sent);
                    continue;
                }
                Err(PipeError::TooLarge { bytes, detail }) => {
                    return Err(PipeError::TooLarge { bytes, detail: format!("record {first}: {detail}") });
                }
                answer => answer?,
            };
            (tries.pause, noted.place.sent, noted.is_saved) = (PAUSE_FIRST, last, false);
            let newest = noted.place.read.entry(partition).or_default();
            *newest = number.max(*newest);
            self.sent.send_replace(last);
            self.set_error(None);
        }
    }

    async fn window(&self, records: Vec<Record>) -> Window {
        let at = |record: Option<&Record>| {
            record.map_or(Position { origin: self.log.origin(), sequence: 0 }, |r| r.position)
        };
        let (first, last) = (at(records.first()), at(records.last()).sequence);
        let answer = self.pipe.send(&records).await;
        Window { first, last, count: records.len(), answer }
    }

    /// Whether the stream is the one that was written before, and holds what it was sent; and whether we do.
    ///
    /// # Errors
    /// See [`Place::check`] and [`check_own`](Self::check_own).
    pub fn check(&self, state: &State) -> Result<(), PipeError> {
        self.check_own()?;
        self.known()?.map_or(Ok(()), |place| check(&place, state))
    }

    /// Whether our log still holds all that it sent. Asks nobody.
    ///
    /// # Errors
    /// [`PipeError::OwnOlder`] where it does not, [`PipeError::Failed`] where our file cannot be read.
    pub fn check_own(&self) -> Result<(), PipeError> {
        self.known()?.map_or(Ok(()), |place| self.holds(&place))
    }

    fn holds(&self, place: &Place) -> Result<(), PipeError> {
        let (end, sent) = (self.log.end(), place.sent);
        if sent > end { Err(PipeError::OwnOlder { end, sent }) } else { Ok(()) }
    }

    fn known(&self) -> Result<Option<Place>, PipeError> {
        self.file.read().map_err(|e| PipeError::Failed(e.to_string()))
    }

    /// Where to go on, once the stream is known to hold what it was sent.
    async fn begin(&self) -> Result<Place, PipeError> {
        let known = self.known()?;
        if let Some(place) = &known {
            self.holds(place)?;
        }
        let state = self.pipe.state().await?;
        let Some(place) = known else {
            return Ok(Place { stream: state.stream, ..Place::default() });
        };
        check(&place, &state)?;
        Ok(place)
    }

    /// The next records, none at the end of the log.
    async fn take(&self, ahead: &mut Ahead, most: usize) -> Result<Vec<Record>, PipeError> {
        if ahead.records.is_empty() {
            let (log, from) = (Arc::clone(&self.log), ahead.next);
            let read = tokio::task::spawn_blocking(move || log.read(from, READ)).await;
            let failed = |error: String| PipeError::Failed(format!("our own log cannot be read: {error}"));
            let records = read.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
            ahead.next = records.last().map_or(from, |last| last.position.sequence + 1);
            ahead.records = records.into();
        }
        let count = most.min(ahead.records.len());
        Ok(ahead.records.drain(..count).collect())
    }
}

/// What was read and is not under way yet.
struct Ahead {
    records: VecDeque<Record>,
    /// The first sequence behind them.
    next: u64,
}

impl Ahead {
    fn behind(sequence: u64) -> Self {
        Self { records: VecDeque::new(), next: sequence + 1 }
    }
}

/// Who only writes does not mind that old messages are gone; who reads does.
fn check(place: &Place, state: &State) -> Result<(), PipeError> {
    let held = state.held.iter().map(|(partition, (_, end))| (*partition, (0, *end))).collect();
    place.check(&State { stream: state.stream.clone(), held })
}

/// A place that is written down when it is left.
struct Noted<'a> {
    place: Place,
    is_saved: bool,
    file: &'a Arc<PlaceFile>,
}

impl Noted<'_> {
    async fn save(&mut self) {
        self.file.write_aside(&self.place).await;
        self.is_saved = true;
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if !self.is_saved {
            self.file.write(&self.place);
        }
    }
}
