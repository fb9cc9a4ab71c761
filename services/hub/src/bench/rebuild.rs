//! Rebuild: a log of made-up customers is folded live from its start, then folded again, with the store on the disk both
//! times. The two must have the same digest.

use super::{Amounts, failed, folder::bytes_on_disk, machine, probes, report::Figure, sample::Sample, step};
use crate::{cli::Failure, hub::record};
use std::{path::Path, sync::Arc, time::Duration, time::Instant};
use tributary_core::identity::policy::Policy;
use tributary_eventlog::{EventLog, Options as LogOptions, Origin, SegmentLog};
use tributary_projector::{Options, Projector};

/// Records of one append.
const APPEND_RECORDS: u64 = 2_000;
/// Ids that the log remembers: fewer than lie between a message and its copy, so that copies reach the fold, as they do in
/// logs much larger than this one.
const DEDUPE_WINDOW: usize = 1_000;
/// Events of the codec probe.
const CODEC_EVENTS: u64 = 1_000;
/// Events of the log where only the probes are wanted.
const PROBE_EVENTS: u64 = 50_000;
/// Longest wait for the first folding.
const FOLD_MAX: Duration = Duration::from_secs(3_600);

/// Codec and log probes, and if wanted the rebuild.
pub(super) fn run(dir: &Path, amounts: Amounts, wanted: bool) -> Result<Vec<Figure>, Failure> {
    step("codec and log");
    let events = if wanted { amounts.events } else { amounts.events.min(PROBE_EVENTS) };
    let codec_events = CODEC_EVENTS.min(events);
    let mut figures = probes::codec(&Sample::new(codec_events).events(0, codec_events), amounts.probe_ms);
    let mut options = LogOptions::new(dir.join("rebuild-log"), Some(Origin(1)), Arc::new(|| 1));
    options.dedupe_window = DEDUPE_WINDOW;
    let log = SegmentLog::open(options).map_err(|e| failed("the log", e))?;
    let log: Arc<dyn EventLog> = Arc::new(log);
    figures.push(append(&*log, &Sample::new(events), events)?);
    let (scan, of_log) = probes::log(&*log)?;
    figures.extend(of_log);
    if wanted {
        step("rebuild");
        figures.extend(fold(dir, &log, &scan)?);
    }
    log.close();
    Ok(figures)
}

fn append(log: &dyn EventLog, sample: &Sample, events: u64) -> Result<Figure, Failure> {
    let started = Instant::now();
    for from in (0..events).step_by(APPEND_RECORDS as usize) {
        let made = sample.events(from, (from + APPEND_RECORDS).min(events));
        log.append_blocking(made.iter().map(record).collect()).map_err(|e| failed("appending", e))?;
    }
    let rate = events as f64 / started.elapsed().as_secs_f64();
    Ok(Figure::new("probes", "events made, encoded and appended, one thread", rate, "events/s"))
}

fn fold(dir: &Path, log: &Arc<dyn EventLog>, scan: &probes::Scan) -> Result<Vec<Figure>, Failure> {
    let views = dir.join("rebuild-views");
    machine::forget_peak();
    let resident = machine::resident_bytes();
    let started = Instant::now();
    let projector = Projector::start(Options::new(&views, Policy::default()), Arc::clone(log));
    let projector = projector.map_err(|e| failed("the projector", e))?;
    wait(&projector, log.end())?;
    let live = started.elapsed().as_secs_f64();
    let grown = machine::resident_bytes().saturating_sub(resident);
    let report = projector.rebuild().map_err(|e| failed("the rebuild", e))?;
    if report.old_digest != Some(report.digest) {
        return Err(failed("the rebuild", "its digest differs from that of the live views"));
    }
    let seconds = report.millis as f64 / 1e3;
    let peak = machine::peak_bytes();
    let customers = projector.read(|view| view.engine().fold().resolver.customers()) as f64;
    projector.stop();
    let stored = bytes_on_disk(&views).map_err(|e| failed("the store's folder", e))?;
    let records = report.records as f64;
    let figure = |what: &str, value: f64, unit| Figure::new("rebuild", what, value, unit);
    let p3 = "P3 scan and decode";
    Ok(vec![
        figure("rebuild, store included", records / seconds, "events/s").beside(p3, scan.decoded_per_s),
        figure("rebuild, wall time", seconds, "s"),
        figure("digests that agree with the live views", 1.0, "of 1"),
        figure("first folding, live commits", records / live, "events/s").beside(p3, scan.decoded_per_s),
        figure("peak memory, two generations", peak as f64 / 1e6, "MB"),
        figure("memory a customer, caches included", grown as f64 / customers, "bytes"),
        figure("store a customer, indexes included", stored as f64 / customers, "bytes"),
        figure("log an event", log.bytes() as f64 / records, "bytes"),
    ])
}

pub(super) fn wait(projector: &Projector, end: u64) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| failed("a timer", e))?;
    let mut folded = projector.subscribe();
    let waited = runtime.block_on(async {
        tokio::time::timeout(FOLD_MAX, folded.wait_for(|now| *now >= end)).await.map(|r| r.is_ok())
    });
    if waited == Ok(true) { Ok(()) } else { Err(failed("the projection", "it did not come to the end")) }
}
