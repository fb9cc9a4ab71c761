//! Bytes that rot or go missing: the log opens with a prefix that holds everything before the damage, or
//! says where it is corrupt. It never shows a wrong record.

use std::path::Path;

use tributary_eventlog::sim::{Random, SimDisk};
use tributary_eventlog::{EventLog, OpenError, Record, SegmentLog};

use crate::{all, long, records, sim_options};

/// How much of the log's end is damaged byte by byte.
const DAMAGED_BYTES: usize = 64 * 1024;

const WORKERS: usize = 6;

struct Log {
    disk: SimDisk,
    path: std::path::PathBuf,
    bytes: Vec<u8>,
    /// The first sequence in the damaged segment.
    first: u64,
    records: Vec<Record>,
    /// Where in the segment each group ends, and the last sequence up to there.
    groups: Vec<(usize, u64)>,
}

/// The last segment holds the last 64 KiB, in groups of one to six records; one segment lies before it.
fn log(seed: u64, closed: bool) -> Log {
    let disk = SimDisk::new(seed);
    let mut options = sim_options(&disk, seed);
    let mut random = Random::new(seed);
    let mut next = 1;
    let log = SegmentLog::open(options.clone()).expect("it opens");
    log.append_blocking(records(&mut random, &mut next, 10, 300)).expect("an append");
    drop(log);
    options.segment_bytes = 128 * 1024;
    let log = SegmentLog::open(options).expect("it opens");
    let first = log.end() + 1;
    let mut groups = Vec::new();
    let before = log.bytes();
    while log.bytes() < before + (DAMAGED_BYTES as u64) + 6_000 {
        let count = 1 + random.below(6);
        log.append_blocking(records(&mut random, &mut next, count, 300)).expect("an append");
        groups.push((usize::try_from(log.bytes() - before).expect("small"), log.end()));
    }
    let kept = all(&log);
    let path = crate::opening::segments(&disk).pop().expect("a segment");
    let killed = disk.fork();
    drop(log);
    let disk = if closed { disk } else { killed };
    let bytes = disk.contents(&path);
    Log { disk, path, bytes, first, records: kept, groups }
}

impl Log {
    /// The last sequence that damage at this byte cannot reach.
    fn sound_before(&self, byte: usize) -> u64 {
        let groups = self.groups.iter().take_while(|(end, _)| *end <= byte);
        groups.last().map_or(self.first - 1, |(_, last)| *last)
    }

    /// Opens a copy whose last segment has these bytes, damaged from `byte` on; true when it was refused.
    fn judge(&self, bytes: Vec<u8>, byte: usize, context: &str) -> bool {
        let disk = self.disk.fork();
        disk.set_contents(&self.path, bytes);
        let sound = self.sound_before(byte);
        match SegmentLog::open(sim_options(&disk, byte as u64)) {
            Ok(log) => {
                let kept = all(&log);
                assert!(self.records.starts_with(&kept), "{context}: a wrong record");
                assert!(kept.len() as u64 >= sound, "{context}: {} of {sound} records", kept.len());
                false
            }
            Err(OpenError::Corrupt { sequence, .. }) => {
                assert!(
                    sequence > sound || byte < 4_096,
                    "{context}: corrupt at {sequence}, sound to {sound}"
                );
                assert!(sequence <= self.records.len() as u64 + 1, "{context}: corrupt at {sequence}");
                true
            }
            Err(other) => panic!("{context}: {other}"),
        }
    }

    fn used(&self) -> usize {
        self.groups.last().map_or(0, |(end, _)| *end)
    }
}

/// Opening waits for threads more than it computes: several at once. Returns how many were refused.
fn judge_all<T: Copy + Sync>(cases: &[T], judge: impl Fn(T) -> bool + Sync) -> usize {
    std::thread::scope(|scope| {
        let share = cases.len().div_ceil(WORKERS);
        let judge = &judge;
        let workers: Vec<_> = cases
            .chunks(share)
            .map(|cases| scope.spawn(move || cases.iter().filter(|case| judge(**case)).count()))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker saw a wrong outcome")).sum()
    })
}

#[test]
fn every_truncation_of_the_last_64_kib() {
    for (seed, closed) in [(1, false), (2, true)] {
        let log = log(seed, closed);
        let used = log.used();
        let lengths: Vec<usize> =
            (used - DAMAGED_BYTES..=used + 40).chain(0..100).chain(4_000..4_200).collect();
        let refused = judge_all(&lengths, |len| {
            let context = format!("seed {seed}, cut to {len} of {used}");
            let refused = log.judge(log.bytes[..len.min(log.bytes.len())].to_vec(), len, &context);
            assert_eq!(refused, len < 72, "{context}");
            refused
        });
        assert_eq!(refused, 72);
    }
}

/// A normal run flips one bit of every byte, a long run every bit of every byte.
#[test]
fn every_bit_of_the_last_64_kib() {
    for (seed, closed) in [(3, false), (4, true)] {
        let log = log(seed, closed);
        let used = log.used();
        let mut random = Random::new(seed);
        let mut flips: Vec<(usize, u8)> = Vec::new();
        for byte in (used - DAMAGED_BYTES..used).chain(0..72) {
            let one = random.below(8) as u8;
            flips.extend((0..8).filter(|bit| long() || *bit == one).map(|bit| (byte, bit)));
        }
        let refused = judge_all(&flips, |(byte, bit)| {
            let mut bytes = log.bytes.clone();
            bytes[byte] ^= 1 << bit;
            log.judge(bytes, byte, &format!("seed {seed}, bit {bit} of byte {byte}"))
        });
        assert!(refused > flips.len() * 9 / 10, "damage before sound groups was not noticed");
    }
}

#[test]
fn damage_before_a_recorded_end_is_refused_at_start_and_named_when_it_comes_later() {
    let disk = SimDisk::new(1);
    crate::opening::filled(&disk, 200);
    let path = &crate::opening::segments(&disk)[1];
    let sound = disk.contents(path);
    let mut random = Random::new(8);
    for _ in 0..300 {
        let byte = 4_096 + random.below(sound.len() as u64 - 4_096) as usize;
        let mut bytes = sound.clone();
        bytes[byte] ^= 1 << random.below(8);
        let damaged = disk.fork();
        damaged.set_contents(path, bytes);
        let refused = SegmentLog::open(sim_options(&damaged, 1)).err().expect("a refusal");
        assert_eq!(refused.code(), "log_corrupt", "byte {byte}");
        assert!(refused.remedy().contains("backup"));
    }
    let log = SegmentLog::open(sim_options(&disk, 2)).expect("it opens");
    assert!(later(&disk, path, &log, &sound), "reading does not notice damage");
}

/// Damages the segment under an open log; true when reading stops at the damage with everything before it.
fn later(disk: &SimDisk, path: &Path, log: &SegmentLog, sound: &[u8]) -> bool {
    let records = all(log);
    let mut bytes = sound.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    disk.set_contents(path, bytes);
    let read: Vec<_> = tributary_eventlog::scan(log, 1).collect();
    let sound: Vec<_> = read.iter().filter_map(|record| record.as_ref().ok().cloned()).collect();
    records.starts_with(&sound) && sound.len() > 20 && read.last().is_some_and(Result::is_err)
}
