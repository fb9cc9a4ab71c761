//! A short probe for plans: what an event, an identifier and a customer take on this machine, and how fast they are folded.
//! Two small logs with different numbers of events a customer tell what is an event's and what is a customer's.

use super::{
    Folder, failed,
    folder::bytes_on_disk,
    identity, machine, probes,
    rebuild::{DEDUPE_WINDOW, folded, open_log},
    sample::Sample,
};
use crate::{cli::Failure, hub::record};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tributary_core::identity::policy::Policy;
use tributary_eventlog::{
    EventLog, ReadLimits,
    pipe::{Binding, Plain, encode},
};
use tributary_projector::{Options, Projector};

/// Milliseconds of each of the three sync probes.
const SYNC_MS: u64 = 250;
/// People of the identity probe, four identifiers each.
const PEOPLE: u64 = 50_000;
/// Customers whose events are mixed.
const BLOCK: u64 = 500;
/// Events a customer of the two logs.
const EACH: [u64; 2] = [10, 3];
/// Events of one log, and the longest that making them may take: folding them takes about four times as long, so that all of
/// it ends within ten seconds on slow machines too.
const EVENTS: u64 = 40_000;
const MAKING: Duration = Duration::from_millis(400);
/// Records that are looked at for what a broker adds to each.
const LOOKED_AT: usize = 1_000;

/// What was measured. Bytes are on the disk or in memory, times in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Where it was measured.
    pub folder: PathBuf,
    /// How long all of it took.
    pub took: f64,
    /// Median of a sync of one event.
    pub sync_p50: f64,
    /// Events a second that are made durable 64 at a time.
    pub durable_per_s: f64,
    /// Events that were folded.
    pub events: u64,
    /// The log, an event.
    pub log_event: f64,
    /// What a broker's message has beside the record, an event.
    pub headers_event: f64,
    /// Views, a customer without any event.
    pub views_customer: f64,
    /// Views, each event.
    pub views_event: f64,
    /// Events folded a second in a rebuild, its fixed costs included.
    pub folded_per_s: f64,
    /// Identifiers a customer.
    pub identifiers_customer: f64,
    /// Memory an identifier, the evidence of two events each included.
    pub memory_identifier: f64,
    /// Reading an identifier back at a start.
    pub start_identifier: f64,
    /// Reading an event's id back at a start.
    pub start_id: f64,
    /// A start of a small hub.
    pub start: f64,
    /// Memory of the process before anything.
    pub memory_process: f64,
}

/// One log, folded.
struct Folded {
    events: f64,
    customers: f64,
    log_bytes: f64,
    headers: f64,
    view_bytes: f64,
    seconds: f64,
    identifiers: f64,
    log_opened: f64,
    views_opened: f64,
}

/// Measures in a temporary folder inside `parent`, which is removed. Blocks for at most about ten seconds.
pub(crate) fn probe(parent: &Path) -> Result<Probe, Failure> {
    let begun = Instant::now();
    let memory_process = machine::resident_bytes() as f64;
    let folder = Folder::new(parent).map_err(|e| failed("cannot make a temporary folder", e))?;
    // Before the others, whose memory it would take over.
    let sized = identity::sized(PEOPLE)?;
    let (disk, _) = probes::disk(folder.path(), SYNC_MS)?;
    let [long, short] = [fold(folder.path(), EACH[0])?, fold(folder.path(), EACH[1])?];
    let (views_customer, views_event) = split(
        (long.events / long.customers, long.view_bytes / long.customers),
        (short.events / short.customers, short.view_bytes / short.customers),
    );
    let events = long.events + short.events;
    Ok(Probe {
        folder: parent.to_owned(),
        took: begun.elapsed().as_secs_f64(),
        sync_p50: disk.at(1).p50_us / 1e6,
        durable_per_s: disk.at(64).records_per_s,
        events: events as u64,
        log_event: (long.log_bytes + short.log_bytes) / events,
        headers_event: (long.headers + short.headers) / 2.0,
        views_customer,
        views_event,
        folded_per_s: events / (long.seconds + short.seconds),
        identifiers_customer: long.identifiers / long.customers,
        memory_identifier: sized.memory,
        start_identifier: sized.read,
        start_id: (long.log_opened + short.log_opened) / events,
        start: long.views_opened.min(short.views_opened),
        memory_process,
    })
}

/// A customer's part and an event's, from two (events, bytes) a customer. Noise must not make either less than nothing.
fn split(long: (f64, f64), short: (f64, f64)) -> (f64, f64) {
    let event = ((long.1 - short.1) / (long.0 - short.0)).max(0.0);
    ((short.1 - short.0 * event).max(0.0), event)
}

/// Makes a log of so many events a customer, folds it, and opens it again.
fn fold(dir: &Path, each: u64) -> Result<Folded, Failure> {
    let (log_dir, views) = (dir.join(format!("log-{each}")), dir.join(format!("views-{each}")));
    let log = open_log(&log_dir, Some(DEDUPE_WINDOW))?;
    let empty = empty_views(&log, &dir.join(format!("empty-{each}")))?;
    let sample = Sample::new(BLOCK * each, BLOCK);
    let (begun, block) = (Instant::now(), BLOCK * each);
    let mut events = 0;
    while events < EVENTS && (events == 0 || begun.elapsed() < MAKING) {
        let made = sample.events(events, events + block);
        log.append_blocking(made.iter().map(record).collect()).map_err(|e| failed("appending", e))?;
        events += block;
    }
    let mut options = Options::new(&views, Policy::default());
    options.bulk_from = 0;
    let begun = Instant::now();
    let projector = folded(options, &log)?;
    let seconds = begun.elapsed().as_secs_f64();
    let identifiers = projector.read(|view| view.engine().fold().resolver.identifiers()) as f64;
    let found = projector.read(|view| view.engine().fold().resolver.customers()) as u64;
    let customers = sample.customers(events);
    if found != customers {
        return Err(failed("the probe", format!("{found} customers of {customers} were found")));
    }
    drop(projector);
    let view_bytes = on_disk(&views)?.saturating_sub(empty) as f64;
    let (log_bytes, headers) = (log.bytes() as f64, headers(&*log)?);
    log.close();
    let begun = Instant::now();
    let log = open_log(&log_dir, None)?;
    let log_opened = begun.elapsed().as_secs_f64();
    let projector = Projector::start(Options::new(&views, Policy::default()), Arc::clone(&log) as _)
        .map_err(|e| failed("the projector", e))?;
    let views_opened = begun.elapsed().as_secs_f64() - log_opened;
    drop(projector);
    log.close();
    Ok(Folded {
        events: events as f64,
        customers: customers as f64,
        log_bytes,
        headers,
        view_bytes,
        seconds,
        identifiers,
        log_opened,
        views_opened,
    })
}

/// What views take that hold nothing yet.
fn empty_views(log: &Arc<dyn EventLog>, views: &Path) -> Result<u64, Failure> {
    drop(folded(Options::new(views, Policy::default()), log)?);
    on_disk(views)
}

fn on_disk(views: &Path) -> Result<u64, Failure> {
    bytes_on_disk(views).map_err(|e| failed("the views' folder", e))
}

/// Bytes that a message of a broker has beside the record, on average.
fn headers(log: &dyn EventLog) -> Result<f64, Failure> {
    let limits = ReadLimits { max_records: LOOKED_AT, ..ReadLimits::default() };
    let records = log.read(log.start(), limits).map_err(|e| failed("the log", e))?;
    let of = |record| -> usize {
        encode(record, Binding::Nats, &Plain).iter().map(|(name, value)| name.len() + value.len() + 4).sum()
    };
    Ok(records.iter().map(of).sum::<usize>() as f64 / records.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn what_is_a_customers_and_what_an_events_is_told_apart() {
        assert_eq!(split((10.0, 1_500.0), (3.0, 800.0)), (500.0, 100.0));
        // Noise.
        assert_eq!(split((10.0, 700.0), (3.0, 800.0)), (800.0, 0.0));
        assert_eq!(split((10.0, 9_000.0), (3.0, 100.0)).0, 0.0);
    }
}
