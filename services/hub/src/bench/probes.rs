//! Probes: what disk, codec and log can do by themselves in this run. Results mean something only beside them.

use super::{
    failed,
    machine::ThreadTime,
    report::{Figure, percentile},
};
use crate::cli::Failure;
use std::{hint::black_box, io, path::Path, time::Duration, time::Instant};
use tributary_core::{event::Event, wire};
use tributary_eventlog::{Disk as _, EventLog, RealDisk, scan};
use tributary_projector::decode;

/// Bytes of a record of the disk probe: about an event.
const RECORD_BYTES: usize = 500;
/// Size of the pre-allocated file, written round and round.
const FILE_BYTES: u64 = 16 << 20;
/// Records a sync.
const GROUPS: [usize; 3] = [1, 64, 512];

/// One group size on this disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sync {
    /// Records a sync.
    pub group: usize,
    /// Records made durable a second.
    pub records_per_s: f64,
    /// Median of one sync in microseconds.
    pub p50_us: f64,
    /// 99th percentile of one sync in microseconds.
    pub p99_us: f64,
}

/// What the disk can do.
#[derive(Clone, Debug)]
pub(super) struct Disk(Vec<Sync>);

impl Disk {
    /// The probe of the largest group that is not larger than `records`.
    pub fn at(&self, records: usize) -> Sync {
        let fits = self.0.iter().rev().find(|sync| sync.group <= records);
        let none = Sync { group: 0, records_per_s: 0.0, p50_us: 0.0, p99_us: 0.0 };
        fits.or(self.0.first()).copied().unwrap_or(none)
    }
}

/// P1: appends of 500 bytes to a pre-allocated file, `fdatasync` after each group.
pub(super) fn disk(dir: &Path, probe_ms: u64) -> Result<(Disk, Vec<Figure>), Failure> {
    let probe = || -> io::Result<Vec<Sync>> {
        let path = dir.join("probe");
        let file = RealDisk.create(&path)?;
        file.allocate(FILE_BYTES)?;
        file.sync_data()?;
        let syncs = GROUPS.iter().map(|group| sync(&*file, *group, probe_ms)).collect::<io::Result<_>>()?;
        std::fs::remove_file(&path)?;
        Ok(syncs)
    };
    let syncs = probe().map_err(|e| failed("the disk probe", e))?;
    let mut figures = Vec::new();
    for s in &syncs {
        let what = |rest: &str| format!("P1 fdatasync of {} x {RECORD_BYTES} B{rest}", s.group);
        figures.push(Figure::new("probes", what(""), s.records_per_s, "records/s"));
        figures.push(Figure::new("probes", what(", p50"), s.p50_us / 1e3, "ms"));
        figures.push(Figure::new("probes", what(", p99"), s.p99_us / 1e3, "ms"));
    }
    Ok((Disk(syncs), figures))
}

fn sync(file: &dyn tributary_eventlog::DiskFile, group: usize, probe_ms: u64) -> io::Result<Sync> {
    let bytes = vec![0x5a; group * RECORD_BYTES];
    let (limit, started) = (Duration::from_millis(probe_ms), Instant::now());
    let (mut offset, mut times) = (0, Vec::new());
    while started.elapsed() < limit {
        let before = Instant::now();
        file.write_at(offset, &bytes)?;
        file.sync_data()?;
        times.push(before.elapsed().as_micros() as u32);
        offset += bytes.len() as u64;
        if offset + bytes.len() as u64 > FILE_BYTES {
            offset = 0;
        }
    }
    let records_per_s = (times.len() * group) as f64 / started.elapsed().as_secs_f64();
    times.sort_unstable();
    Ok(Sync { group, records_per_s, p50_us: percentile(&times, 0.5), p99_us: percentile(&times, 0.99) })
}

/// P2: processor time of one owned decode and one encode.
pub(super) fn codec(events: &[Event], probe_ms: u64) -> Vec<Figure> {
    let encoded: Vec<Vec<u8>> = events.iter().map(wire::encode).collect();
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    let decode_ns = each(probe_ms, encoded.len(), || {
        for bytes in &encoded {
            let _ = black_box(wire::decode(black_box(bytes)));
        }
    });
    let encode_ns = each(probe_ms, events.len(), || {
        for event in events {
            black_box(wire::encode(black_box(event)));
        }
    });
    vec![
        Figure::new("probes", "P2 decode, owned, processor time", decode_ns, "ns/event"),
        Figure::new("probes", "P2 encode, processor time", encode_ns, "ns/event"),
        Figure::new("probes", "event, encoded", bytes as f64 / encoded.len().max(1) as f64, "bytes"),
    ]
}

fn each(probe_ms: u64, items: usize, mut round: impl FnMut()) -> f64 {
    let (limit, started, time) = (Duration::from_millis(probe_ms / 2), Instant::now(), ThreadTime::start());
    let mut rounds = 0_u64;
    while rounds == 0 || started.elapsed() < limit {
        round();
        rounds += 1;
    }
    time.nanos() as f64 / (rounds * items.max(1) as u64) as f64
}

/// What reading the log under test costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    /// Records read a second, decoded.
    pub decoded_per_s: f64,
}

/// P3: the log from start to end, as bytes and decoded.
pub(super) fn log(log: &dyn EventLog) -> Result<(Scan, Vec<Figure>), Failure> {
    let pass = |decoding: bool| -> Result<f64, Failure> {
        let started = Instant::now();
        let mut records = 0_u64;
        for record in scan(log, log.start()) {
            let record = record.map_err(|e| failed("scanning the log", e))?;
            if decoding {
                let _ = black_box(decode(&record));
            } else {
                black_box(&record);
            }
            records += 1;
        }
        Ok(records as f64 / started.elapsed().as_secs_f64())
    };
    let (scanned_per_s, decoded_per_s) = (pass(false)?, pass(true)?);
    let figures = vec![
        Figure::new("probes", "P3 scan of the log", scanned_per_s, "events/s"),
        Figure::new("probes", "P3 scan and decode of the log", decoded_per_s, "events/s"),
    ];
    Ok((Scan { decoded_per_s }, figures))
}
