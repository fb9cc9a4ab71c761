//! Rebuild: a log of made-up customers is folded again, with the store on the disk, and opened again. A short log is folded
//! live first, and the two must have the same digest. Of a longer one that would take too long: there the first folding of
//! empty views is the rebuild, a shorter log of the same mix is held against live folding, and the rows are summed again.

use super::{Amounts, failed, folder::bytes_on_disk, machine, probes, report::Figure, sample::Sample, step};
use crate::{cli::Failure, hub::record};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
    time::Instant,
};
use tributary_core::identity::policy::Policy;
use tributary_eventlog::{EventLog, Options as LogOptions, Origin, SegmentLog};
use tributary_projector::{Options, Projector};

/// Records of one append.
const APPEND_RECORDS: u64 = 2_000;
/// Ids that the log remembers: fewer than lie between a message and its copy, so that copies reach the fold, as they do in
/// logs much larger than this one.
pub(super) const DEDUPE_WINDOW: usize = 1_000;
/// Events of the codec probe.
const CODEC_EVENTS: u64 = 1_000;
/// Events of the log where only the probes are wanted.
const PROBE_EVENTS: u64 = 50_000;
/// Events of the longest log that is folded live.
const LIVE_MAX: u64 = 300_000;
/// Events of the shorter log that a longer one's rebuild is compared by.
const COMPARED: u64 = 100_000;
/// Longest wait for the first folding.
const FOLD_MAX: Duration = Duration::from_secs(3_600);

/// A log of made-up events.
struct Made {
    log: Arc<dyn EventLog>,
    dir: PathBuf,
    events: u64,
    customers: u64,
}

/// What a rebuild took.
struct Rebuilt {
    projector: Projector,
    seconds: f64,
    figures: Vec<Figure>,
}

/// Codec and log probes, and if wanted the rebuild.
pub(super) fn run(dir: &Path, amounts: Amounts, wanted: bool) -> Result<Vec<Figure>, Failure> {
    step("codec and log");
    let events = if wanted { amounts.events } else { amounts.events.min(PROBE_EVENTS) };
    let codec_events = CODEC_EVENTS.min(events);
    let made = Sample::new(codec_events, 0).events(0, codec_events);
    let mut figures = probes::codec(&made, amounts.probe_ms);
    let (made, rate) = make(dir.join("rebuild-log"), events, amounts.customers)?;
    figures.push(Figure::new("probes", "events made, encoded and appended, one thread", rate, "events/s"));
    let (scan, of_log) = probes::log(&*made.log)?;
    figures.extend(of_log);
    if wanted {
        figures.extend(rebuild(dir, &made, &scan)?);
    }
    made.log.close();
    Ok(figures)
}

pub(super) fn open_log(dir: &Path, dedupe_window: Option<usize>) -> Result<Arc<dyn EventLog>, Failure> {
    let mut options = LogOptions::new(dir, Some(Origin(1)), Arc::new(|| 1));
    options.dedupe_window = dedupe_window.unwrap_or(options.dedupe_window);
    Ok(Arc::new(SegmentLog::open(options).map_err(|e| failed("the log", e))?))
}

/// A log of so many events, and how many a second were made.
fn make(dir: PathBuf, events: u64, customers: u64) -> Result<(Made, f64), Failure> {
    let log = open_log(&dir, Some(DEDUPE_WINDOW))?;
    let sample = Sample::new(events, customers);
    let events = sample.whole(events);
    let started = Instant::now();
    for from in (0..events).step_by(APPEND_RECORDS as usize) {
        let made = sample.events(from, (from + APPEND_RECORDS).min(events));
        log.append_blocking(made.iter().map(record).collect()).map_err(|e| failed("appending", e))?;
    }
    let rate = events as f64 / started.elapsed().as_secs_f64();
    Ok((Made { log, dir, events, customers: sample.customers(events) }, rate))
}

fn rebuild(dir: &Path, made: &Made, scan: &probes::Scan) -> Result<Vec<Figure>, Failure> {
    let views = dir.join("rebuild-views");
    machine::forget_peak();
    let resident = machine::resident_bytes();
    let (rebuilt, alike) = if made.events <= LIVE_MAX {
        (live_first(&views, made, scan)?, "digests that agree with the live views")
    } else {
        compare(dir, made)?;
        machine::forget_peak();
        (
            at_once(&views, made)?,
            "digests of a shorter log that agree with live views, and of rows summed again",
        )
    };
    let peak = machine::peak_bytes().saturating_sub(resident);
    let grown = machine::resident_bytes().saturating_sub(resident);
    let found = rebuilt.projector.read(|view| view.verify()).map_err(|e| failed("the rows", e))?;
    if found.facts_digest != found.stored_digest || found.customers != made.customers {
        let what = format!(
            "rows (digests {} and {}) or customers ({} of {}) are not what the log says",
            found.facts_digest, found.stored_digest, found.customers, made.customers
        );
        return Err(failed("the rebuild", what));
    }
    drop(rebuilt.projector);
    let stored = bytes_on_disk(&views).map_err(|e| failed("the store's folder", e))?;
    let (records, customers) = (made.log.end() as f64, made.customers as f64);
    let figure = |what: &str, value: f64, unit| Figure::new("rebuild", what, value, unit);
    let rate = figure("rebuild, store included", records / rebuilt.seconds, "events/s");
    let mut figures = vec![
        rate.beside("P3 scan and decode", scan.decoded_per_s),
        figure("rebuild, wall time", rebuilt.seconds, "s"),
        figure(alike, 1.0, "of 1"),
    ];
    figures.extend(rebuilt.figures);
    figures.extend([
        figure("customers", customers, ""),
        figure("peak memory", peak as f64 / 1e6, "MB"),
        figure("peak memory a customer", peak as f64 / customers, "bytes"),
        figure("memory a customer, caches included", grown as f64 / customers, "bytes"),
        figure("store a customer, indexes included", stored as f64 / customers, "bytes"),
        figure("log an event", made.log.bytes() as f64 / records, "bytes"),
    ]);
    figures.extend(restart(&views, made)?);
    Ok(figures)
}

/// Live views of the whole log, then a rebuild beside them: both are in memory.
fn live_first(views: &Path, made: &Made, scan: &probes::Scan) -> Result<Rebuilt, Failure> {
    step("live folding and rebuild");
    let mut options = Options::new(views, Policy::default());
    options.bulk_from = u64::MAX;
    let started = Instant::now();
    let projector = folded(options, &made.log)?;
    let live = made.log.end() as f64 / started.elapsed().as_secs_f64();
    let report = projector.rebuild().map_err(|e| failed("the rebuild", e))?;
    if report.old_digest != Some(report.digest) {
        return Err(failed("the rebuild", "its digest differs from that of the live views"));
    }
    let live = Figure::new("rebuild", "first folding, live commits", live, "events/s");
    let figures = vec![live.beside("P3 scan and decode", scan.decoded_per_s)];
    Ok(Rebuilt { projector, seconds: report.millis as f64 / 1e3, figures })
}

/// Empty views of a long log, which are folded in bulk.
fn at_once(views: &Path, made: &Made) -> Result<Rebuilt, Failure> {
    step("rebuild");
    let mut options = Options::new(views, Policy::default());
    options.bulk_from = 0;
    let started = Instant::now();
    let projector = folded(options, &made.log)?;
    Ok(Rebuilt { projector, seconds: started.elapsed().as_secs_f64(), figures: Vec::new() })
}

/// Holds a rebuild of a shorter log of the same mix against live views.
fn compare(dir: &Path, made: &Made) -> Result<(), Failure> {
    step("live folding of a shorter log");
    let (log_dir, views) = (dir.join("compared-log"), dir.join("compared-views"));
    let (short, _) = make(log_dir.clone(), COMPARED, COMPARED * made.customers / made.events)?;
    let mut options = Options::new(&views, Policy::default());
    options.bulk_from = u64::MAX;
    let projector = folded(options, &short.log)?;
    let report = projector.rebuild().map_err(|e| failed("the rebuild", e))?;
    if report.old_digest != Some(report.digest) {
        return Err(failed("the rebuild", "its digest differs from that of the live views"));
    }
    drop(projector);
    short.log.close();
    let removed = [log_dir, views].iter().try_for_each(std::fs::remove_dir_all);
    removed.map_err(|e| failed("the shorter log", e))
}

/// A projector that has come to the end of the log.
pub(super) fn folded(options: Options, log: &Arc<dyn EventLog>) -> Result<Projector, Failure> {
    let projector =
        Projector::start(options, Arc::clone(log) as _).map_err(|e| failed("the projector", e))?;
    wait(&projector, log.end())?;
    Ok(projector)
}

/// Waits until everything up to `end` is folded.
pub(super) fn wait(projector: &Projector, end: u64) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| failed("a timer", e))?;
    let mut folded = projector.subscribe();
    let waited = runtime.block_on(async {
        tokio::time::timeout(FOLD_MAX, folded.wait_for(|now| *now >= end)).await.map(|r| r.is_ok())
    });
    if waited == Ok(true) { Ok(()) } else { Err(failed("the projection", "it did not come to the end")) }
}

/// Opens log and views once more, as a start of the hub does, and reads.
fn restart(views: &Path, made: &Made) -> Result<Vec<Figure>, Failure> {
    step("restart");
    made.log.close();
    let started = Instant::now();
    let log = open_log(&made.dir, None)?;
    let opened = started.elapsed().as_secs_f64();
    let options = Options::new(views, Policy::default());
    let projector =
        Projector::start(options, Arc::clone(&log) as _).map_err(|e| failed("the projector", e))?;
    let customers = projector.read(|view| view.engine().fold().resolver.customers()) as u64;
    let seconds = started.elapsed().as_secs_f64();
    let identifiers = projector.read(|view| view.engine().fold().resolver.identifiers()) as f64;
    drop(projector);
    log.close();
    if customers != made.customers {
        return Err(failed("the restart", "it has other customers"));
    }
    let figure = |what: &str, value: f64, unit| Figure::new("restart", what, value, unit);
    Ok(vec![
        figure("identifiers", identifiers, ""),
        figure("opened until views are read", seconds, "s"),
        figure("of that the log", opened, "s"),
    ])
}
