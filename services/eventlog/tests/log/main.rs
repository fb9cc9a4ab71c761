//! The log from outside: conformance, stored bytes, power cuts, damage, failing disks, many writers.

mod archive;
mod concurrency;
mod conformance;
mod copy;
mod crash;
mod damage;
mod faults;
mod golden;
mod opening;
mod order;
mod peek;
mod pipe;

use std::sync::Arc;

use tributary_eventlog::conformance::record;
use tributary_eventlog::sim::{Random, SimDisk, folder};
use tributary_eventlog::{EventLog, ManualClock, NewRecord, Options, Origin, Record, scan};

pub(crate) const ORIGIN: Origin = Origin(0x0a0b_0c0d);
pub(crate) const NOON: i64 = 1_772_366_400_000_000;

/// Small segments on a simulated disk; nothing happens by itself.
pub(crate) fn sim_options(disk: &SimDisk, seed: u64) -> Options {
    let mut options = Options::new(folder(), Some(ORIGIN), Random::new(seed).into_salts());
    options.disk = Arc::new(disk.clone());
    options.clock = Arc::new(ManualClock::new(NOON));
    options.segment_bytes = 12 * 1024;
    options.idle_close = None;
    options
}

/// `count` records from `next` on, of sizes up to `max_bytes`.
pub(crate) fn records(random: &mut Random, next: &mut u64, count: u64, max_bytes: u64) -> Vec<NewRecord> {
    let mut made = Vec::new();
    for _ in 0..count {
        let payload: Vec<u8> = (0..random.below(max_bytes + 1)).map(|_| random.bits() as u8).collect();
        made.push(record(*next, &payload));
        *next += 1;
    }
    made
}

pub(crate) fn all(log: &dyn EventLog) -> Vec<Record> {
    scan(log, log.start()).map(|record| record.expect("a record")).collect()
}

/// Whether what is in the log is what was sent.
pub(crate) fn same(sent: &NewRecord, kept: &Record) -> bool {
    sent.id == kept.id && sent.attributes == kept.attributes && sent.payload == kept.payload
}

/// The long runs are for a night, not for every change.
pub(crate) fn long() -> bool {
    std::env::var_os("TRIBUTARY_LONG").is_some_and(|value| value == "1")
}
