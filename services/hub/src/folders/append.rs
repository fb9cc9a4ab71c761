//! Appends what a file decodes to, in portions, and remembers how far it came.

use super::progress::{Progress, Taken};
use crate::{
    hub::{Hub, Stored},
    problem::Problem,
};
use tributary_core::{body::Body, event::Event};

/// Events appended at once, so that a large file does not hold the log's queue.
const CHUNK: usize = 1_000;

/// A file by its name, how it looks, and the settings that it is read under.
pub struct Named<'a> {
    /// Its name for the progress.
    pub file: &'a str,
    /// Another look is another file.
    pub look: &'a str,
    /// The channel's settings.
    pub settings: &'a str,
}

/// Appends the events that are not appended yet; `told` hears how many are. The answer counts skipped ones as duplicates.
///
/// # Errors
/// What the log says; what is appended stays, and the next call goes on from there.
pub async fn append(
    hub: &Hub,
    channel: &str,
    named: &Named<'_>,
    events: Vec<Event>,
    progress: &mut Progress,
    told: impl Fn(usize),
) -> Result<Stored, Problem> {
    let total = events.len();
    let mut at = progress.appended(named.file, named.look, named.settings, &events);
    let mut sum = Stored { duplicates: at as u64, ..Stored::default() };
    let mut rest = events.into_iter();
    rest.by_ref().take(at).for_each(drop);
    let mut last = String::new();
    while !rest.as_slice().is_empty() {
        // Taken from the front: what is left of a large file is not moved for each portion.
        let next = portion(rest.as_slice());
        let next: Vec<Event> = rest.by_ref().take(next).collect();
        at += next.len();
        if let Some(event) = next.last() {
            last = event.id.to_string();
        }
        let stored = hub.store(channel, next).await?;
        sum.accepted += stored.accepted;
        sum.duplicates += stored.duplicates;
        sum.position = stored.position.or(sum.position);
        if !rest.as_slice().is_empty() {
            note(progress, named, at, &last, false);
        }
        told(at);
    }
    note(progress, named, total, &last, true);
    Ok(sum)
}

/// Pieces of a large request stay with their event.
fn portion(events: &[Event]) -> usize {
    let mut end = events.len().min(CHUNK);
    while end < events.len() && end > 0 && matches!(events[end - 1].body, Body::Chunk { .. }) {
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
