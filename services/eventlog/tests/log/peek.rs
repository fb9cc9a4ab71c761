//! Looking at the end of a log that is open elsewhere: what it tells, and that it touches nothing.

use tributary_eventlog::conformance::record;
use tributary_eventlog::sim::{SimDisk, folder};
use tributary_eventlog::{Disk, EventLog, SegmentLog, newest};

use crate::opening::segments;
use crate::{NOON, ORIGIN, all, sim_options};

fn bytes(disk: &SimDisk) -> Vec<Vec<u8>> {
    segments(disk).iter().map(|path| disk.contents(path)).collect()
}

#[test]
fn the_newest_record_is_told_while_the_log_grows_over_segments() {
    let disk = SimDisk::new(3);
    disk.create_dir_all(&folder()).expect("a folder");
    assert_eq!(newest(&disk, &folder()).expect("it is read"), None);
    let log = SegmentLog::open(sim_options(&disk, 4)).expect("it opens");
    for number in 0..100 {
        log.append_blocking(vec![record(number, &[b'x'; 300])]).expect("an append");
        let before = bytes(&disk);
        let found = newest(&disk, &folder()).expect("it is read").expect("a log");
        assert_eq!(bytes(&disk), before, "nothing was changed");
        let last = all(&log).pop().expect("a record");
        assert_eq!((found.origin, found.sequence), (ORIGIN, log.end()));
        assert_eq!(found.recorded_at, last.recorded_at);
        assert!(found.recorded_at >= NOON);
    }
    log.close();
    assert!(segments(&disk).len() > 2, "several segments");
    assert_eq!(newest(&disk, &folder()).expect("it is read").map(|n| n.sequence), Some(log.end()));
}

#[test]
fn what_is_being_written_is_not_there_yet() {
    let disk = SimDisk::new(5);
    let end = crate::opening::filled(&disk, 3);
    let path = segments(&disk).pop().expect("a segment");
    let whole = newest(&disk, &folder()).expect("it is read").expect("a log");
    let file = disk.open(&path).expect("it opens");
    let used = disk.contents(&path).iter().rposition(|byte| *byte != 0).expect("bytes") as u64;
    file.write_at(used.next_multiple_of(8) + 64, b"TGRP half a group").expect("written");
    assert_eq!(newest(&disk, &folder()).expect("it is read"), Some(whole));
    assert_eq!(whole.sequence, end);
    // A header that is no header is told; guessing would tell a wrong time.
    file.write_at(0, b"XXXX").expect("written");
    assert_eq!(newest(&disk, &folder()).expect_err("a refusal").code(), "log_corrupt");
}
