//! Reading a broker's stream up to what it held when the reading began.

use super::Tell;
use crate::cli::{Exit, Failure};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tributary_eventlog::{
    Record,
    pipe::{NotOurs, Pipe, PipeError, Place, State},
};

/// Tries without a single new message.
const TRIES: u32 = 5;
/// Before another try.
const PAUSE: Duration = Duration::from_millis(500);
/// The broker holds more and nothing comes for so long: the consumer is made anew.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// The place is written this often.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The newest message of each partition that is to be read.
pub type Goal = BTreeMap<u32, u64>;

/// A broker's stream.
pub struct Stream {
    /// The pipe over it.
    pub pipe: Arc<dyn Pipe>,
    /// How people named it.
    pub name: String,
}

/// Where records go.
#[async_trait]
pub trait Sink: Send {
    /// Takes records as the stream has them: some may come twice, the newest few in another order.
    async fn take(&mut self, records: Vec<Record>) -> Result<(), Failure>;

    /// Whether none that was taken waits for another, so that a later call may go on behind them.
    fn is_settled(&self) -> bool {
        true
    }
}

enum Stop {
    Pipe(PipeError),
    Sink(Failure),
}

impl Stream {
    /// A failure of the broker.
    #[must_use]
    pub fn failed(&self, error: &PipeError) -> Failure {
        Failure::new(Exit::Unreachable, format!("{}: {}: {error}", error.code(), self.name))
            .remedy(error.remedy())
    }

    /// What it holds now; it must hold everything from its beginning on, and keep it.
    ///
    /// # Errors
    /// The broker's.
    pub async fn state(&self) -> Result<State, Failure> {
        let looked = async {
            let state = self.pipe.state().await?;
            let fatal: Vec<_> = self.pipe.findings().await?.into_iter().filter(|f| f.fatal).collect();
            Place::default().check(&state)?;
            if fatal.is_empty() { Ok(state) } else { Err(PipeError::Settings(fatal)) }
        };
        looked.await.map_err(|error| self.failed(&error))
    }

    /// Reads everything after the place up to the goal, and moves the place; it is kept in `file`, where one is given.
    ///
    /// # Errors
    /// The broker's, where trying again does not help, and the sink's.
    pub async fn sweep(
        &self,
        place: &mut Place,
        goal: &Goal,
        sink: &mut dyn Sink,
        (doing, tell, file): (&'static str, Tell<'_>, Option<&Path>),
    ) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let before = place.read.clone();
            let mut progress = Sweeping { place, goal, doing, tell, file, saved: Instant::now() };
            let ended = progress.run(&*self.pipe, sink).await;
            let error = match ended {
                Ok(()) => return Ok(()),
                Err(Stop::Sink(failure)) => return Err(failure),
                Err(Stop::Pipe(error)) => error,
            };
            tries = if place.read == before { tries + 1 } else { 0 };
            if !error.retryable() || tries >= TRIES {
                return Err(self.failed(&error));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// One consumer's life.
struct Sweeping<'a> {
    place: &'a mut Place,
    goal: &'a Goal,
    doing: &'static str,
    tell: Tell<'a>,
    file: Option<&'a Path>,
    saved: Instant,
}

impl Sweeping<'_> {
    async fn run(&mut self, pipe: &dyn Pipe, sink: &mut dyn Sink) -> Result<(), Stop> {
        if self.left() == 0 {
            return self.save(sink);
        }
        let mut incoming = pipe.receive(self.place).await.map_err(Stop::Pipe)?;
        while self.left() > 0 {
            let nothing = || PipeError::Unreachable("it holds more, and nothing comes".to_owned());
            let arrived = tokio::time::timeout(STALLED_AFTER, incoming.next()).await;
            let arrived = arrived.unwrap_or_else(|_| Err(nothing())).map_err(Stop::Pipe)?;
            let (mut newest, mut records) = (self.place.read.clone(), Vec::with_capacity(arrived.len()));
            for message in arrived {
                if message.number > self.goal.get(&message.partition).copied().unwrap_or(0) {
                    // It came later than the goal was set; but what lies before it is behind us, whatever was removed.
                    newest.insert(message.partition, self.goal.get(&message.partition).copied().unwrap_or(0));
                    continue;
                }
                newest.insert(message.partition, message.number);
                match message.record {
                    Ok(record) => records.push(record),
                    Err(NotOurs::Mark) => {}
                    Err(why) => {
                        tracing::warn!(broker.number = message.number, %why, "a message is no record")
                    }
                }
            }
            sink.take(records).await.map_err(Stop::Sink)?;
            self.place.read = newest;
            let total: u64 = self.goal.values().sum();
            (self.tell)(self.doing, total - self.left(), total);
            if self.saved.elapsed() >= SAVE_EVERY {
                self.save(sink)?;
            }
        }
        self.save(sink)
    }

    /// Messages up to the goal.
    fn left(&self) -> u64 {
        let read = |partition| self.place.read.get(partition).copied().unwrap_or(0);
        self.goal.iter().map(|(partition, end)| end.saturating_sub(read(partition))).sum()
    }

    fn save(&mut self, sink: &dyn Sink) -> Result<(), Stop> {
        self.saved = Instant::now();
        match self.file.filter(|_| sink.is_settled()) {
            None => Ok(()),
            Some(file) => self.place.write(file).map_err(|error| Stop::Sink(super::disk(error))),
        }
    }
}
