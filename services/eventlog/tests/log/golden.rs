//! The stored bytes of format 1: today's writer makes exactly them, today's reader reads exactly them. The
//! files were made by another program from the description of the format and are never rewritten.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tributary_eventlog::sim::{SimDisk, folder};
use tributary_eventlog::{Disk, EventLog, NewRecord, SegmentLog};

use crate::{NOON, ORIGIN, all, sim_options};

const NAMES: [&str; 2] = ["0000000001-00000000000000000001.seg", "0000000002-00000000000000000004.seg"];

fn stored(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/v1/log").join(name);
    std::fs::read(path).expect("a stored segment")
}

/// What is in the files, call by call; a call is a group.
fn calls() -> Vec<Vec<NewRecord>> {
    let one = |id: u8, attributes: &[(&str, &str)], payload: &'static [u8]| NewRecord {
        id: [id; 16],
        attributes: attributes.iter().copied().collect(),
        payload: Bytes::from_static(payload),
    };
    vec![
        vec![one(2, &[("type", "purchase"), ("店", "台北")], b"hello"), one(3, &[], b"")],
        vec![one(4, &[("", "")], &[0xff; 300])],
    ]
}

fn options(disk: &SimDisk) -> tributary_eventlog::Options {
    let mut options = sim_options(disk, 0);
    options.segment_bytes = 4_096 + 440;
    let salts = std::sync::atomic::AtomicU64::new(0x1111_2222_3333_4444);
    options.salts = Arc::new(move || salts.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
    options
}

#[test]
fn the_writer_makes_the_stored_bytes() {
    let disk = SimDisk::new(0);
    let log = SegmentLog::open(options(&disk)).expect("it opens");
    for call in calls() {
        log.append_blocking(call).expect("an append");
    }
    log.close();
    let mut names = disk.list(&folder()).expect("a list");
    names.sort();
    assert_eq!(names, NAMES);
    for name in NAMES {
        assert!(disk.contents(&folder().join(name)) == stored(name), "{name} differs from the stored bytes");
    }
}

#[test]
fn the_reader_reads_the_stored_bytes() {
    let disk = SimDisk::new(0);
    for name in NAMES {
        let path = folder().join(name);
        disk.create(&path).expect("a file");
        disk.set_contents(&path, stored(name));
    }
    let log = SegmentLog::open(options(&disk)).expect("it opens");
    let expected: Vec<NewRecord> =
        std::iter::once(NewRecord::log_opened(ORIGIN)).chain(calls().into_iter().flatten()).collect();
    let kept = all(&log);
    assert_eq!(kept.len(), expected.len());
    for ((record, sent), sequence) in kept.iter().zip(&expected).zip(1..) {
        assert!(crate::same(sent, record), "record {sequence} differs");
        assert_eq!((record.position.sequence, record.position.origin), (sequence, ORIGIN));
        assert_eq!(record.recorded_at, NOON + i64::try_from(sequence).expect("small") - 1);
    }
}
