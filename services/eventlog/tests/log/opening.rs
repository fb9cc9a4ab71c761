//! What opening does and refuses.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tributary_eventlog::conformance::record;
use tributary_eventlog::sim::{SimDisk, folder};
use tributary_eventlog::{
    Disk, EventLog, ManualClock, NewRecord, OpenError, Origin, ReadError, ReadLimits, SegmentLog,
};

use crate::{NOON, ORIGIN, all, sim_options};

pub(crate) fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let mut names = disk.list(&folder()).expect("a list");
    names.sort();
    names.into_iter().map(|name| folder().join(name)).collect()
}

fn refusal(disk: &SimDisk) -> OpenError {
    SegmentLog::open(sim_options(disk, 99)).err().expect("a refusal")
}

/// A log of several segments, closed properly.
pub(crate) fn filled(disk: &SimDisk, records: u64) -> u64 {
    let log = SegmentLog::open(sim_options(disk, 5)).expect("it opens");
    for number in 0..records {
        log.append_blocking(vec![record(number, &[b'x'; 300])]).expect("an append");
    }
    log.close();
    log.end()
}

#[test]
fn an_empty_folder_needs_an_origin_and_another_origin_is_refused() {
    let disk = SimDisk::new(1);
    assert!(!SegmentLog::exists(&disk, &folder()).expect("a list"));
    let mut options = sim_options(&disk, 1);
    options.origin = None;
    let refused = SegmentLog::open(options.clone()).err().expect("a refusal");
    assert_eq!(refused.code(), "log_missing");
    options.origin = Some(ORIGIN);
    options.opened = Some(NewRecord { payload: "hello".into(), ..NewRecord::log_opened(ORIGIN) });
    let log = SegmentLog::open(options.clone()).expect("it opens");
    assert_eq!(log.get(1).expect("a read").expect("a record").payload, "hello");
    drop(log);
    assert!(SegmentLog::exists(&disk, &folder()).expect("a list"));
    options.origin = None;
    assert_eq!(SegmentLog::open(options.clone()).expect("it opens").origin(), ORIGIN);
    options.origin = Some(Origin(77));
    let refused = SegmentLog::open(options).err().expect("a refusal");
    assert_eq!((refused.code(), refused.retryable()), ("log_wrong_origin", false));
}

#[test]
fn a_newest_stamp_ahead_of_the_clock_is_refused_unless_accepted() {
    let disk = SimDisk::new(1);
    filled(&disk, 3);
    let mut options = sim_options(&disk, 1);
    options.clock = Arc::new(ManualClock::new(NOON - 59_000_000));
    drop(SegmentLog::open(options.clone()).expect("a minute is nothing"));
    options.clock = Arc::new(ManualClock::new(NOON - 61_000_000));
    let refused = SegmentLog::open(options.clone()).err().expect("a refusal");
    assert_eq!(refused.code(), "log_from_the_future");
    assert!(refused.remedy().contains("clock"));
    options.accept_future = true;
    let log = SegmentLog::open(options).expect("it opens");
    let last = log.last_recorded_at();
    let answer = log.append_blocking(vec![record(50, b"later")]).expect("an append")[0];
    assert_eq!(answer.recorded_at, last + 1);
}

#[test]
fn a_missing_segment_in_the_middle_and_a_foreign_one_are_refused() {
    let disk = SimDisk::new(1);
    filled(&disk, 200);
    let paths = segments(&disk);
    assert!(paths.len() >= 4);
    let lost = disk.fork();
    lost.remove(&paths[1]).expect("a removal");
    let refused = refusal(&lost);
    assert_eq!(refused.code(), "log_corrupt");
    assert!(refused.to_string().contains("corrupt at 1"), "{refused}");
    let swapped = disk.fork();
    swapped.set_contents(&paths[1], disk.contents(&paths[2]));
    assert!(refusal(&swapped).to_string().contains("another one's name"));
    // Without the oldest it is a trimmed log; whoever needs the head compares the start.
    let trimmed = disk.fork();
    trimmed.remove(&paths[0]).expect("a removal");
    let log = SegmentLog::open(sim_options(&trimmed, 3)).expect("it opens");
    assert!(log.start() > 1 && log.end() == 201);
    assert!(matches!(log.read(1, ReadLimits::default()), Err(ReadError::Trimmed { .. })));
}

#[test]
fn a_later_format_is_named_and_not_touched() {
    let disk = SimDisk::new(1);
    filled(&disk, 1);
    let path = segments(&disk).remove(0);
    let mut bytes = disk.contents(&path);
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..68]);
    bytes[68..72].copy_from_slice(&crc.to_le_bytes());
    disk.set_contents(&path, bytes);
    assert!(matches!(refusal(&disk), OpenError::UnsupportedFormat { format: 2, .. }));
}

#[test]
fn opening_and_closing_without_appends_leaves_the_folder_as_it_is() {
    let disk = SimDisk::new(1);
    filled(&disk, 100);
    let before = segments(&disk);
    for _ in 0..5 {
        let log = SegmentLog::open(sim_options(&disk, 2)).expect("it opens");
        assert_eq!(log.end(), 101);
    }
    assert_eq!(segments(&disk), before);
    // After a kill there is one more, once.
    let log = SegmentLog::open(sim_options(&disk, 3)).expect("it opens");
    log.append_blocking(vec![record(900, b"x")]).expect("an append");
    let killed = disk.fork();
    for _ in 0..5 {
        let log = SegmentLog::open(sim_options(&killed, 4)).expect("it opens");
        assert_eq!(log.end(), 102);
        std::mem::forget(log);
        assert_eq!(segments(&killed).len(), before.len() + 2);
    }
}

#[test]
fn an_idle_writer_closes_with_an_empty_group() {
    let disk = SimDisk::new(1);
    let mut options = sim_options(&disk, 1);
    options.idle_close = Some(Duration::from_millis(5));
    let log = SegmentLog::open(options).expect("it opens");
    log.append_blocking(vec![record(1, b"x")]).expect("an append");
    let before = log.bytes();
    let waited = std::time::Instant::now();
    while log.bytes() == before {
        assert!(waited.elapsed() < Duration::from_secs(20), "it never closed");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(log.bytes(), before + 32);
    let calls = disk.calls();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(disk.calls(), calls, "an idle log leaves the disk alone");
    log.append_blocking(vec![record(2, b"y")]).expect("an append");
    assert_eq!(all(&log).len(), 3);
}

#[test]
fn ids_are_recognised_within_the_window_and_after_opening_again() {
    let disk = SimDisk::new(1);
    let mut options = sim_options(&disk, 1);
    options.dedupe_window = 50;
    for round in 0..3 {
        let log = SegmentLog::open(options.clone()).expect("it opens");
        let end = log.end();
        if round > 0 {
            let newest = log.append_blocking(vec![record(round * 100 - 1, b"")]).expect("an append")[0];
            assert_eq!((newest.duplicate, newest.position.sequence), (true, end));
            let edge = log.append_blocking(vec![record(round * 100 - 50, b"")]).expect("an append")[0];
            assert!(edge.duplicate);
            let older = log.append_blocking(vec![record(round * 100 - 51, b"")]).expect("an append")[0];
            assert!(!older.duplicate);
        }
        for number in round * 100..round * 100 + 100 {
            log.append_blocking(vec![record(number, &[b'x'; 200])]).expect("an append");
        }
    }
}

#[test]
fn stamps_rise_even_when_all_records_before_were_trimmed() {
    let disk = SimDisk::new(1);
    let mut options = sim_options(&disk, 1);
    let clock = Arc::new(ManualClock::new(NOON));
    options.clock = clock.clone();
    let log = SegmentLog::open(options.clone()).expect("it opens");
    for number in 0..100 {
        log.append_blocking(vec![record(number, &[b'x'; 300])]).expect("an append");
    }
    let last = log.last_recorded_at();
    log.trim(u64::MAX).expect("a trim");
    drop(log);
    clock.set(NOON - 1_000_000);
    let log = SegmentLog::open(options).expect("it opens");
    assert_eq!(log.last_recorded_at(), last);
    assert_eq!(log.append_blocking(vec![record(500, b"")]).expect("an append")[0].recorded_at, last + 1);
}
