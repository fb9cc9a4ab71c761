//! Suggestions: one log is folded from its start again and again, in turns with the finder's thread beside the projector and
//! without it. What the two have in common, the state of the disk and of the machine, is in both.

use super::{Amounts, failed, rebuild::wait, report::Figure, sample::Sample, step, stock};
use crate::{
    cli::Failure,
    hub::{Hub, Logs, record},
    serve, suggest,
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tributary_core::{identity::policy::Policy, token::IndexKey};
use tributary_eventlog::{EventLog, Options as LogOptions, Origin, SegmentLog, SystemClock};
use tributary_projector::{Options, Projector};

/// Records of one append.
const APPEND_RECORDS: u64 = 2_000;
/// Turns of one folding with and one without.
const ROUNDS: usize = 4;
/// Longest wait for the finder to have read everything.
const FIND_MAX: Duration = Duration::from_secs(3_600);

/// One folding.
struct Folding {
    /// Seconds until the projector was at the log's end.
    seconds: f64,
    /// Customers that the finder had read by then, and seconds until it had read all.
    found: Option<(usize, f64)>,
}

pub(super) fn run(dir: &Path, amounts: Amounts) -> Result<Vec<Figure>, Failure> {
    step("suggestions");
    let options = LogOptions::new(dir.join("suggest-log"), Some(Origin(1)), Arc::new(|| 1));
    let log: Arc<dyn EventLog> = Arc::new(SegmentLog::open(options).map_err(|e| failed("the log", e))?);
    let sample = Sample::of_people(amounts.events);
    for from in (0..amounts.events).step_by(APPEND_RECORDS as usize) {
        let made = sample.events(from, (from + APPEND_RECORDS).min(amounts.events));
        log.append_blocking(made.iter().map(record).collect()).map_err(|e| failed("appending", e))?;
    }
    let rounds = if amounts.quick { 1 } else { ROUNDS };
    let (mut with, mut without, mut worst) = (Vec::new(), Vec::new(), f64::INFINITY);
    for round in 0..rounds {
        // Each is first as often as second: what a turn leaves behind is the other's as often.
        let first = round % 2 == 1;
        let (a, b) = (fold(dir, &log, first)?, fold(dir, &log, !first)?);
        let (beside, alone) = if first { (a, b) } else { (b, a) };
        worst = worst.min(alone.seconds / beside.seconds);
        with.push(beside);
        without.push(alone);
    }
    let records = log.end() as f64;
    log.close();
    let rate = |all: &[Folding]| records / median(all.iter().map(|f| f.seconds).collect());
    let found = with.iter().filter_map(|f| f.found);
    let (read, all): (Vec<f64>, Vec<f64>) = found.map(|(read, all)| (read as f64, all)).unzip();
    let figure = |what: &str, value: f64, unit| Figure::new("suggestions", what, value, unit);
    Ok(vec![
        figure("first folding, the finder beside it", rate(&with), "events/s")
            .beside("without it, in turns", rate(&without)),
        figure("the same in its slowest round", worst, "of 1"),
        figure("customers read when all was folded", median(read), "customers"),
        figure("until all customers were compared", median(all), "s"),
    ])
}

/// Folds the whole log into an empty store.
fn fold(dir: &Path, log: &Arc<dyn EventLog>, with_finder: bool) -> Result<Folding, Failure> {
    let views = dir.join("suggest-views");
    let config = stock::config(dir)?;
    let mut options = Options::new(&views, Policy::default());
    options.on_start = Some(serve::step_back);
    options.bulk_from = u64::MAX;
    let begun = Instant::now();
    let projector =
        Projector::start(options, Arc::clone(log) as _).map_err(|e| failed("the projector", e))?;
    let key = IndexKey::new(&[7; 32]);
    let hub = Arc::new(Hub::new(
        config,
        Logs::alone(Arc::clone(log)),
        Arc::new(projector),
        key,
        Arc::new(SystemClock),
    ));
    let (stop, stopped) = watch::channel(false);
    let thread = if with_finder { suggest::spawn(&hub, stopped) } else { Ok(None) };
    let thread = thread.map_err(|e| failed("the finder", e))?;
    let folded = wait(hub.projector(), log.end());
    let seconds = begun.elapsed().as_secs_f64();
    let finder = hub.finder.as_ref().filter(|_| thread.is_some() && folded.is_ok());
    let found = finder.map(|finder| (finder.customers().0, read_upto(finder, log.end())));
    let all = begun.elapsed().as_secs_f64();
    stop.send_replace(true);
    if thread.is_some_and(|thread| thread.join().is_err()) {
        return Err(failed("the finder", "it panicked"));
    }
    hub.projector().stop();
    drop(hub);
    std::fs::remove_dir_all(&views).map_err(|e| failed("the store's folder", e))?;
    folded?;
    match found {
        Some((_, false)) => Err(failed("the finder", "it did not come to the end")),
        found => Ok(Folding { seconds, found: found.map(|(read, _)| (read, all)) }),
    }
}

/// Whether the finder comes as far as this record.
fn read_upto(finder: &suggest::Finder, sequence: u64) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.is_ok_and(|runtime| runtime.block_on(finder.wait_for(sequence, FIND_MAX)))
}

/// The middle one; of an even number the mean of the two in the middle. 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    (at(low) + at(high)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, want) in
            [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 9.0, 2.0], 3.0)]
        {
            assert_eq!(median(values), want);
        }
    }
}
