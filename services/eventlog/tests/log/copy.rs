//! Copies of a log: the same records under the same sequences and stamps, however they come in.

use std::sync::Arc;

use tributary_eventlog::sim::{Random, SimDisk, folder};
use tributary_eventlog::{AppendError, CopyError, EventLog, Options, Origin, Record, SegmentLog};

use crate::{ORIGIN, all, records, sim_options};

/// Cases of the run with power cuts.
const CASES: u64 = 200;

fn original(random: &mut Random) -> Vec<Record> {
    let disk = SimDisk::new(random.bits());
    let log = SegmentLog::open(sim_options(&disk, 1)).expect("a log");
    let mut next = 0;
    for _ in 0..5 + random.below(20) {
        let count = 1 + random.below(9);
        let batch = records(random, &mut next, count, 900);
        log.append_blocking(batch).expect("appended");
    }
    all(&log)
}

fn open(disk: &SimDisk, seed: u64) -> SegmentLog {
    let mut options = Options::copy_of(folder(), ORIGIN, Random::new(seed).into_salts());
    options.disk = Arc::new(disk.clone());
    options.segment_bytes = 12 * 1024;
    options.idle_close = None;
    SegmentLog::open(options).expect("a copy")
}

fn copy(log: &SegmentLog, records: &[Record]) -> Result<usize, CopyError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(log.copy(records.to_vec()))
}

#[test]
fn a_copy_is_the_log_whatever_comes_twice_and_whenever_the_power_goes() {
    for seed in 0..CASES {
        let mut random = Random::new(seed);
        let records = original(&mut random);
        let disk = SimDisk::new(seed);
        let mut log = open(&disk, seed);
        let mut durable = 0;
        while (log.end() as usize) < records.len() {
            // From somewhere at or before the end on, so that some are here already.
            let end = log.end();
            let from = random.below(end + 1) as usize;
            let upto = (from + 1 + random.below(40) as usize).min(records.len());
            let cut = random.one_in(4);
            if cut {
                disk.cut_power_after(random.below(12));
            }
            match copy(&log, &records[from..upto]) {
                Ok(new) => {
                    assert_eq!(log.end(), end.max(upto as u64), "seed {seed}");
                    assert_eq!(new as u64, log.end() - end, "seed {seed}");
                    durable = log.end();
                }
                Err(error) => assert!(cut && error.retryable(), "seed {seed}: {error}"),
            }
            if cut {
                drop(log);
                disk.restart(random.bits());
                log = open(&disk, seed ^ random.bits());
                assert!(log.end() >= durable, "seed {seed}: what was copied is gone");
            }
        }
        assert!(all(&log) == records, "seed {seed}: the copy differs");
        assert_eq!(log.last_recorded_at(), records[records.len() - 1].recorded_at);
    }
}

#[test]
fn what_does_not_belong_into_a_copy_is_refused_and_leaves_nothing() {
    let mut random = Random::new(7);
    let records = original(&mut random);
    let log = open(&SimDisk::new(7), 7);
    assert_eq!(log.end(), 0, "a copy begins empty");
    copy(&log, &records[..4]).expect("copied");
    let change = |at: usize, of: fn(&mut Record)| {
        let mut record = records[at].clone();
        of(&mut record);
        [records[2].clone(), record]
    };
    for (batch, code) in [
        (change(5, |_| {}), "log_gap"),
        (change(4, |r| r.position.origin = Origin(9)), "log_wrong_origin"),
        (change(4, |r| r.recorded_at = 0), "log_forked"),
        (change(3, |r| r.id[3] ^= 1), "log_forked"),
    ] {
        let error = copy(&log, &batch).expect_err("it is refused");
        assert_eq!((error.code(), error.retryable(), log.end()), (code, false, 4), "{error}");
    }
    // Two that are new, and do not agree with each other.
    let mut other = records[4].clone();
    other.id[0] ^= 1;
    let error = copy(&log, &[records[4].clone(), other]).expect_err("it is refused");
    assert_eq!((error.code(), log.end()), ("log_forked", 4));
    let append = log.append_blocking(crate::records(&mut random, &mut 90, 1, 10));
    assert!(matches!(append, Err(AppendError::Copy)));
    let own = SegmentLog::open(sim_options(&SimDisk::new(8), 8)).expect("a log");
    assert_eq!(copy(&own, &records[..1]).expect_err("it is no copy").code(), "log_not_a_copy");
}
