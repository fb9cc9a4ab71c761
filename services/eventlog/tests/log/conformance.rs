//! The one list of checks, on every log of this crate.

use std::sync::Arc;

use tributary_eventlog::conformance::{Subject, run_all};
use tributary_eventlog::sim::{Random, SimDisk};
use tributary_eventlog::{Clock, EventLog, MemoryLog, Options, SegmentLog};

use crate::{ORIGIN, sim_options};

struct Memory;

impl Subject for Memory {
    fn open(&self, clock: Arc<dyn Clock>) -> Arc<dyn EventLog> {
        Arc::new(MemoryLog::new(ORIGIN, clock))
    }

    fn survives(&self) -> bool {
        false
    }
}

struct Simulated(SimDisk);

impl Subject for Simulated {
    fn open(&self, clock: Arc<dyn Clock>) -> Arc<dyn EventLog> {
        let mut options = sim_options(&self.0, self.0.calls());
        options.clock = clock;
        Arc::new(SegmentLog::open(options).expect("it opens"))
    }

    fn survives(&self) -> bool {
        true
    }
}

struct Real {
    dir: tempfile::TempDir,
    segment_bytes: u64,
}

impl Subject for Real {
    fn open(&self, clock: Arc<dyn Clock>) -> Arc<dyn EventLog> {
        let salts = Random::new(u64::from(std::process::id())).into_salts();
        let mut options = Options::new(self.dir.path().join("a/log"), Some(ORIGIN), salts);
        options.clock = clock;
        options.segment_bytes = self.segment_bytes;
        Arc::new(SegmentLog::open(options).expect("it opens"))
    }

    fn survives(&self) -> bool {
        true
    }
}

#[test]
fn memory() {
    run_all(&|| Box::new(Memory));
}

#[test]
fn segments_on_a_simulated_disk() {
    run_all(&|| Box::new(Simulated(SimDisk::new(1))));
}

#[test]
fn segments_on_a_real_disk() {
    for segment_bytes in [16 * 1024, 64 << 20] {
        run_all(&|| Box::new(Real { dir: tempfile::tempdir().expect("a folder"), segment_bytes }));
    }
}
