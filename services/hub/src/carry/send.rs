//! Out of a data folder into a broker's stream: what the stream holds already stays, and is not sent again.

use super::{
    Done, Kept, Row, Tell, brokers,
    compare::{Survey, Verifying},
    digest, failed,
    folder::DataFolder,
    sweep::{Goal, Stream},
};
use crate::cli::{Exit, Failure};
use std::{collections::BTreeMap, time::Duration};
use tributary_eventlog::{
    EventLog, ReadLimits, Record, SegmentLog,
    pipe::{Place, State},
};

/// Records under way at a time.
const WINDOW: ReadLimits = ReadLimits { max_records: 512, max_bytes: 4 << 20 };
/// Tries of one window, with a look at what the broker has of it before each.
const TRIES: u32 = 5;
/// Before another try.
const PAUSE: Duration = Duration::from_millis(500);
/// Before another look at a broker that does not answer.
const AWAY: Duration = Duration::from_secs(2);

fn goal_of(state: &State) -> Goal {
    state.held.iter().map(|(partition, (_, end))| (*partition, *end)).collect()
}

/// Sends what a stream does not hold yet.
struct Sending<'a> {
    stream: &'a Stream,
    survey: Survey<'a>,
    place: Place,
    tell: Tell<'a>,
}

impl Sending<'_> {
    /// Reads what came into the stream since it was looked at last.
    async fn look(&mut self) -> Result<(), Failure> {
        let goal = goal_of(&self.stream.state().await?);
        self.stream.sweep(&mut self.place, &goal, &mut self.survey, ("looking", self.tell, None)).await
    }

    /// The same while a broker that was there a moment ago is away.
    async fn look_again(&mut self) -> Result<(), Failure> {
        let mut looked = self.look().await;
        for _ in 0..TRIES {
            if !looked.as_ref().is_err_and(|failure| failure.exit == Exit::Unreachable) {
                break;
            }
            tokio::time::sleep(AWAY).await;
            looked = self.look().await;
        }
        looked
    }

    async fn log(&mut self, log: &SegmentLog, (before, total): (u64, u64)) -> Result<u64, Failure> {
        let (mut copied, mut tries) = (0, 0);
        let origin = log.origin();
        loop {
            let held = self.survey.held.entry(origin).or_default();
            let next = held.end + 1;
            (self.tell)("copying", before + held.end, total);
            if next > log.end() {
                return Ok(copied);
            }
            let read = tokio::task::block_in_place(|| log.read(next, WINDOW));
            let mut records: Vec<Record> = read.map_err(|e| failed("log_unreadable", &e))?;
            records.retain(|record| !held.has(record.position.sequence));
            match self.stream.pipe.send(&records).await {
                Ok(_) => {
                    records.iter().for_each(|record| held.add(record.position.sequence));
                    (copied, tries) = (copied + records.len() as u64, 0);
                }
                Err(error) if error.retryable() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                    // Some of the window may be there.
                    let end = held.end;
                    self.look_again().await?;
                    copied += self.survey.held.get(&origin).map_or(0, |held| held.end) - end;
                }
                Err(error) => return Err(self.stream.failed(&error)),
            }
        }
    }
}

/// Everything that a folder holds.
///
/// # Errors
/// The broker's, the folder's, and `log_forked` where the stream holds something else in the place of a record.
pub async fn to_stream(folder: &DataFolder, stream: &Stream, tell: Tell<'_>) -> Result<Done, Failure> {
    let state = stream.state().await?;
    let survey = Survey::new(&folder.logs);
    let mut sending = Sending { stream, survey, place: Place::default(), tell };
    sending.look().await?;
    let total = folder.logs.values().map(|log| log.end()).sum();
    let (mut copied, mut before) = (BTreeMap::new(), 0);
    for (origin, log) in &folder.logs {
        copied.insert(*origin, sending.log(log, (before, total)).await?);
        before += log.end();
    }
    let holds_more = sending.survey.holds_more;

    let mut verifying = Verifying::new(&folder.logs);
    let goal = goal_of(&stream.state().await?);
    let mut place = Place::default();
    stream.sweep(&mut place, &goal, &mut verifying, ("verifying", tell, None)).await?;
    let mut done = Done { rows: Vec::new(), notes: Vec::new() };
    for (origin, log) in &folder.logs {
        let from = tokio::task::block_in_place(|| digest::of(&**log, log.end(), tell))?;
        let to = verifying.found.remove(origin).unwrap_or_default();
        let copied = copied.get(origin).copied().unwrap_or(0);
        done.rows.push(Row { origin: *origin, kept: Kept::Stream, copied, from, to });
    }
    if holds_more {
        done.notes.push("the stream holds records that this folder does not have; they stay".to_owned());
    }
    if verifying.repeated > 0 {
        let repeated = verifying.repeated;
        done.notes
            .push(format!("the stream holds {repeated} records more than once; readers pass them over"));
    }
    if done.is_equal() {
        remember(folder, &state, place, holds_more)?;
    }
    Ok(done)
}

/// A hub that is served from this folder over this broker goes on where the copy ended.
fn remember(folder: &DataFolder, state: &State, place: Place, holds_more: bool) -> Result<(), Failure> {
    // What the folder does not have yet has to be read.
    let read = if holds_more { BTreeMap::new() } else { place.read };
    let place = Place { stream: state.stream.clone(), read, sent: 0 };
    let sent = folder.logs.get(&folder.own()).map_or(0, |log| log.end());
    let known = brokers::Known::of(&folder.dir, &state.stream)?;
    known.remember(&place, sent)
}
