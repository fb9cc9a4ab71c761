//! Sending one log into a pipe: everything, in order, at least once, however often either side stops.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{Pipe, PipeError, Place, State};
use crate::{EventLog, ReadLimits, Record};

/// Records under way at a time.
const WINDOW: ReadLimits = ReadLimits { max_records: 512, max_bytes: 4 << 20 };
/// Pauses between tries, doubling.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(2);
/// The place is written this often: a restart sends again what came after.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Sends a log, and knows how far the broker has it.
pub struct Forwarder {
    log: Arc<dyn EventLog>,
    pipe: Arc<dyn Pipe>,
    file: PathBuf,
    sent: watch::Sender<u64>,
    error: Mutex<Option<PipeError>>,
}

impl Forwarder {
    /// A forwarder that remembers in `file` how far it is.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn new(log: Arc<dyn EventLog>, pipe: Arc<dyn Pipe>, file: PathBuf) -> std::io::Result<Self> {
        let sent = Place::read(&file)?.map_or(0, |place| place.sent);
        Ok(Self { log, pipe, file, sent: watch::Sender::new(sent), error: Mutex::default() })
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

    /// Sends until told to stop. What can pass by itself is tried again for ever.
    ///
    /// # Errors
    /// What somebody has to mend first; nothing is sent any more.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), PipeError> {
        let mut pause = PAUSE_FIRST;
        loop {
            let ended = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                ended = self.send_on(&mut pause) => ended,
            };
            let Err(error) = ended else { return Ok(()) };
            let mends_itself = error.retryable();
            if self.error().as_ref() != Some(&error) {
                tracing::warn!(log.origin = %self.log.origin(), %error, code = error.code(), "the log is not forwarded");
            }
            self.set_error(Some(error.clone()));
            if !mends_itself {
                return Err(error);
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
    }

    async fn send_on(&self, pause: &mut Duration) -> Result<(), PipeError> {
        // Noted when this ends, however it does: a restart then sends little again.
        let mut noted = Noted { place: self.begin().await?, forwarder: self };
        let place = &mut noted.place;
        let mut end = self.log.subscribe();
        let mut saved = Instant::now();
        loop {
            let records = self.read(place.sent + 1).await?;
            let Some(last) = records.last().map(|record| record.position.sequence) else {
                self.save(place);
                if end.wait_for(|end| *end > place.sent).await.is_err() {
                    return Ok(());
                }
                continue;
            };
            let (partition, number) = self.pipe.send(&records).await?;
            (*pause, place.sent) = (PAUSE_FIRST, last);
            let newest = place.read.entry(partition).or_default();
            *newest = number.max(*newest);
            self.sent.send_replace(last);
            self.set_error(None);
            if saved.elapsed() >= SAVE_EVERY {
                self.save(place);
                saved = Instant::now();
            }
        }
    }

    /// Whether the stream is the one that was written before, and holds what it was sent.
    ///
    /// # Errors
    /// See [`Place::check`].
    pub fn check(&self, state: &State) -> Result<(), PipeError> {
        let known = Place::read(&self.file).map_err(|e| PipeError::Failed(e.to_string()))?;
        known.map_or(Ok(()), |place| check(&place, state))
    }

    /// Where to go on, once the stream is known to hold what it was sent.
    async fn begin(&self) -> Result<Place, PipeError> {
        let known = Place::read(&self.file).map_err(|e| PipeError::Failed(e.to_string()))?;
        let state = self.pipe.state().await?;
        let Some(mut place) = known else {
            return Ok(Place { stream: state.stream, ..Place::default() });
        };
        check(&place, &state)?;
        place.sent = place.sent.min(self.log.end());
        Ok(place)
    }

    async fn read(&self, from: u64) -> Result<Vec<Record>, PipeError> {
        let log = Arc::clone(&self.log);
        let read = tokio::task::spawn_blocking(move || log.read(from, WINDOW)).await;
        let failed = |error: String| PipeError::Failed(format!("our own log cannot be read: {error}"));
        read.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))
    }

    fn save(&self, place: &Place) {
        if let Err(error) = place.write(&self.file) {
            tracing::warn!(%error, "how far the log was forwarded is not noted; a restart sends more of it again");
        }
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
    forwarder: &'a Forwarder,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.forwarder.save(&self.place);
    }
}
