//! Appends a plan, in portions. What is appended stays; whatever changed meanwhile is left to the next run.

use super::{
    kept::{stored, unreadable},
    spool::{Planned, Spool},
    sweep::{of_erased, stopping},
};
use crate::{hub::Hub, problem::Problem};
use tributary_core::{
    event::Event,
    ids::{EventId, Position},
    wire,
};
use tributary_eventlog::NewRecord;

/// Events appended at once, so that they do not hold the log's queue; few in tests, which break runs off between portions.
const PORTION: usize = if cfg!(test) { 3 } else { 500 };

/// What became of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Committed {
    pub appended: u64,
    /// Not appended, because the fact changed or somebody was erased after it was planned.
    pub overtaken: u64,
    /// Where the last of them stands.
    pub last: Option<Position>,
}

/// Appends what still holds. `progress` hears how many are done and says whether to go on.
///
/// # Errors
/// What the log says.
pub(super) fn commit(
    hub: &Hub,
    spool: &Spool,
    progress: &dyn Fn(u64, u64) -> bool,
) -> Result<Committed, Problem> {
    let mut committed = Committed::default();
    let total = spool.len() as u64;
    for start in (0..spool.len()).step_by(PORTION) {
        let mut portion = Vec::new();
        for at in start..(start + PORTION).min(spool.len()) {
            match spool.get(at).map_err(|e| unreadable(&e))? {
                Some(planned) if holds(hub, &planned)? => portion.push(planned.record),
                _ => committed.overtaken += 1,
            }
        }
        append(hub, portion, &mut committed)?;
        let done = ((start + PORTION) as u64).min(total);
        if !progress(done, total) {
            return Err(stopping());
        }
    }
    Ok(committed)
}

/// Appends the records of this portion.
pub(super) fn append(hub: &Hub, portion: Vec<NewRecord>, committed: &mut Committed) -> Result<(), Problem> {
    if portion.is_empty() {
        return Ok(());
    }
    let appended = hub.append_blocking(portion).map_err(refused)?;
    committed.appended += appended.iter().filter(|one| !one.duplicate).count() as u64;
    let last = appended.iter().map(|one| one.position).max();
    let last = last.map(|p| Position { origin: p.origin.0, sequence: p.sequence });
    committed.last = committed.last.max(last);
    Ok(())
}

/// Whether the fact is as it was when this was planned, and nobody whom it is of was erased since.
fn holds(hub: &Hub, planned: &Planned) -> Result<bool, Problem> {
    let event: Event = wire::decode(&planned.record.payload).map_err(|e| unreadable(&e))?;
    let place = hub.projector().read(|look| look.engine().place(&event.fact_key()));
    let now = place.map_err(|e| unreadable(&e))?.map(|p| p.event).filter(|id| *id != EventId::default());
    if now != planned.was {
        return Ok(false);
    }
    let Some((original, _)) = stored(hub, planned.first.sequence)? else { return Ok(false) };
    Ok(!of_erased(hub, &original, std::iter::once(&event)))
}

fn refused(problem: Problem) -> Problem {
    tracing::warn!(code = problem.code, "readapted events were not taken by the log");
    Problem::new(503, problem.code, format!("the log took no more: {}", problem.detail))
        .remedy("run it again: what was appended stays, and it goes on from there")
}
