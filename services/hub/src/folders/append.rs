//! Appends what a file decodes to, in portions, and remembers how far it came.

use super::{
    portions::{Input, Stream, open},
    progress::{Progress, Taken},
};
use crate::{
    hub::{Hub, Stored},
    problem::Problem,
};
use std::sync::Arc;
use tributary_core::{body::Body, event::Event};

/// Events appended at once, so that a large file does not hold the log's queue.
const CHUNK: usize = 1_000;
/// Refused rows that are told; all of them are dead letters.
const TOLD_MAX: usize = 20;

/// A file by its name, how it looks, and the settings that it is read under.
pub struct Named<'a> {
    /// Its name for the progress.
    pub file: &'a str,
    /// Another look is another file.
    pub look: &'a str,
    /// The channel's settings.
    pub settings: &'a str,
}

/// What became of a file.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the log made of it; what was appended earlier counts as duplicates.
    pub stored: Stored,
    /// Records, pieces of large requests too.
    pub records: usize,
    /// Events that are no remainders.
    pub events: u64,
    /// Rows that were refused and kept.
    pub refused: u64,
    /// What is wrong with the first of them; never a value.
    pub problems: Vec<String>,
}

/// Appends the events that are not appended yet; `told` hears how many rows are. `stream` is the file's own, just opened.
///
/// # Errors
/// What the log says; what is appended stays, and the next call goes on from there.
pub async fn append(
    hub: &Arc<Hub>,
    input: &Arc<Input>,
    named: &Named<'_>,
    stream: Stream,
    progress: &mut Progress,
    told: impl Fn(u64),
) -> Result<Outcome, Problem> {
    let known = progress.appended(named.file, named.look, named.settings);
    if known.0 == 0 {
        return Ok(go_on(hub, input, named, stream, progress, &known, &told).await?.unwrap_or_default());
    }
    if let Some(outcome) = go_on(hub, input, named, stream, progress, &known, &told).await? {
        return Ok(outcome);
    }
    // Its events are others than those that were appended: from the beginning.
    let (stream, known) = (open(hub, input).await?, (0, String::new()));
    Ok(go_on(hub, input, named, stream, progress, &known, &told).await?.unwrap_or_default())
}

/// Goes on behind so many events, of which the last has this id; `None` if it has another.
async fn go_on(
    hub: &Arc<Hub>,
    input: &Input,
    named: &Named<'_>,
    mut stream: Stream,
    progress: &mut Progress,
    (skip, last): &(usize, String),
    told: &impl Fn(u64),
) -> Result<Option<Outcome>, Problem> {
    let mut outcome = Outcome::default();
    let (mut at, mut last_id) = (0, last.clone());
    while let Some(portion) = stream.next().await? {
        outcome.count(&portion.events);
        let mut rest = portion.events.into_iter();
        let skipped = rest.by_ref().take(skip.saturating_sub(at)).inspect(|_| at += 1).last();
        if let Some(skipped) = skipped.filter(|_| at == *skip)
            && skipped.id.to_string() != *last
        {
            return Ok(None);
        }
        while !rest.as_slice().is_empty() {
            let count = piece(rest.as_slice());
            let next: Vec<Event> = rest.by_ref().take(count).collect();
            at += next.len();
            last_id = next.last().map(|event| event.id.to_string()).unwrap_or_default();
            let stored = hub.store(&input.channel, next).await?;
            outcome.stored.accepted += stored.accepted;
            outcome.stored.duplicates += stored.duplicates;
            outcome.stored.position = stored.position.or(outcome.stored.position);
            note(progress, named, at, &last_id, false);
        }
        told(portion.done);
    }
    if at < *skip {
        return Ok(None);
    }
    outcome.stored.duplicates += *skip as u64;
    outcome.records = at;
    note(progress, named, at, &last_id, true);
    Ok(Some(outcome))
}

impl Outcome {
    fn count(&mut self, events: &[Event]) {
        for event in events {
            match &event.body {
                Body::Chunk { .. } => {}
                Body::Unrecognised { reason } => {
                    self.refused += 1;
                    if self.problems.len() < TOLD_MAX {
                        self.problems.push(problem(event, reason));
                    }
                }
                _ => self.events += 1,
            }
        }
    }
}

/// `line 17: ...`, as the dead letter has it; never a value.
fn problem(event: &Event, reason: &str) -> String {
    let content = event.content().unwrap_or_default();
    let detail = content.fields.get("detail").and_then(|d| d.as_str()).unwrap_or_default();
    format!("{reason}: {detail}")
}

/// A portion is appended at once, unless a row gave very many events. Pieces of a large request stay with their event.
fn piece(events: &[Event]) -> usize {
    if events.len() <= 2 * CHUNK {
        return events.len();
    }
    let mut end = CHUNK;
    while end < events.len() && matches!(events[end - 1].body, Body::Chunk { .. }) {
        end += 1;
    }
    end
}

fn note(progress: &mut Progress, named: &Named<'_>, appended: usize, last: &str, complete: bool) {
    let (look, settings) = (named.look.to_owned(), named.settings.to_owned());
    let taken = Taken { look, settings, appended, last: last.to_owned(), complete };
    if let Err(error) = progress.note(named.file, taken) {
        // Only work is lost: the file would be read again.
        tracing::warn!(error = %error, "the progress of a file cannot be written");
    }
}
