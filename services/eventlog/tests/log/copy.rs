//! Copies of a log: the same records under the same sequences and stamps, however they come in.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tributary_eventlog::sim::{Random, SimDisk, folder};
use tributary_eventlog::{
    AppendError, CopyError, Disk, DiskFile, EventLog, Options, Origin, Record, SegmentLog,
};

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
        (change(3, |r| r.recorded_at += 1), "log_forked"),
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

/// Whether syncs wait.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn set(&self, waits: bool) {
        *self.0.lock().expect("no panic") = waits;
        self.1.notify_all();
    }

    fn pass(&self) {
        drop(self.1.wait_while(self.0.lock().expect("no panic"), |waits| *waits));
    }
}

/// A disk whose syncs wait at a gate.
#[derive(Clone)]
struct Slow(SimDisk, Arc<Gate>);

impl Disk for Slow {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir_all(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SlowFile(self.0.create(path)?, Arc::clone(&self.1))))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.open(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_dir(dir)
    }
}

struct SlowFile(Box<dyn DiskFile>, Arc<Gate>);

impl DiskFile for SlowFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, into)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn allocate(&self, to: u64) -> io::Result<()> {
        self.0.allocate(to)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
}

#[tokio::test]
async fn who_stops_waiting_for_a_copy_and_copies_again_doubles_nothing() {
    let records = original(&mut Random::new(3));
    let slow = Slow(SimDisk::new(3), Arc::default());
    let mut options = Options::copy_of(folder(), ORIGIN, Random::new(3).into_salts());
    options.disk = Arc::new(slow.clone());
    let log = SegmentLog::open(options).expect("a copy");
    slow.1.set(true);
    // Each is queued, and nobody waits for its answer.
    for _ in 0..3 {
        let copying = tokio::time::timeout(Duration::from_millis(20), log.copy(records.clone()));
        copying.await.expect_err("the disk does not answer");
    }
    slow.1.set(false);
    while let Err(error) = log.copy(records.clone()).await {
        assert!(error.retryable(), "{error}");
    }
    assert!(all(&log) == records, "{} records for {}", log.end(), records.len());
}
