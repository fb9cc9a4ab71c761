//! Power cuts anywhere, in thousands of states: what was acknowledged is there, what is there was sent.

use tributary_eventlog::sim::{Random, SimDisk};
use tributary_eventlog::{Appended, EventLog, NewRecord, ReadLimits, SegmentLog};

use crate::{all, long, records, same, sim_options};

/// States of a normal and of a long run.
const STATES: u64 = 5_000;
const STATES_LONG: u64 = 100_000;
/// States tried after one workload; each goes on with a workload and a power cut of its own.
const FORKS: u64 = 3;

/// What a client knows.
#[derive(Clone, Default)]
struct Ledger {
    /// In the order sent; those without an answer may or may not be in the log.
    sent: Vec<NewRecord>,
    acknowledged: Vec<(usize, Appended)>,
    next: u64,
    /// Records before this sequence may be gone: trimming them was begun.
    trimmed: u64,
}

impl Ledger {
    /// Appends until the power goes or the work is done. Now and then something already sent is sent again.
    fn work(&mut self, log: &SegmentLog, random: &mut Random, calls: u64) {
        for _ in 0..calls {
            let max_bytes = if random.one_in(8) { 9_000 } else { 400 };
            let count = 1 + random.below(6);
            let mut batch = records(random, &mut self.next, count, max_bytes);
            let first = self.sent.len();
            if random.one_in(4) {
                let again = random.below(first as u64) as usize;
                batch.extend(self.sent.get(again).cloned());
            }
            self.sent.extend(batch.iter().cloned());
            let Ok(answers) = log.append_blocking(batch) else { return };
            for (number, answer) in answers.into_iter().enumerate() {
                assert!(!answer.duplicate || number as u64 == count, "a new record is called a duplicate");
                self.acknowledged.push((first + number, answer));
            }
            if random.one_in(10) {
                let before = random.below(log.end() + 10);
                self.trimmed = self.trimmed.max(before);
                log.trim(before).ok();
            }
            if random.one_in(12) {
                log.close();
                return;
            }
        }
    }

    /// The log's records are `log.opened` and then, in order, some of those sent, with no acknowledged one
    /// missing or moved. Records of a call that failed may be missing, and may come again later.
    fn check(&self, log: &SegmentLog) {
        let kept = all(log);
        let mut sent = self.sent.iter();
        let start = log.start();
        assert!(start <= self.trimmed.max(1), "the log starts at {start}");
        for (record, sequence) in kept.iter().zip(start..) {
            assert_eq!(record.position.sequence, sequence);
            if sequence > 1 {
                assert!(sent.any(|sent| same(sent, record)), "record {sequence} was never sent, or not then");
            }
        }
        assert!(kept.windows(2).all(|pair| pair[0].recorded_at < pair[1].recorded_at));
        for (sent, answer) in &self.acknowledged {
            let sequence = answer.position.sequence;
            let Some(at) = sequence.checked_sub(start) else { continue };
            let record = kept.get(usize::try_from(at).expect("a small number"));
            let record = record.unwrap_or_else(|| panic!("record {sequence} is lost"));
            assert!(same(&self.sent[*sent], record), "record {sequence} is another one");
            assert_eq!(record.recorded_at, answer.recorded_at);
        }
    }
}

/// A power cut, or at times a kill, which leaves unsynced bytes in the file system's memory.
fn stop(disk: &SimDisk, random: &mut Random) {
    if random.one_in(3) {
        disk.restart_process();
    } else {
        disk.restart(random.bits());
    }
}

/// One life of a disk: work, power cut, look, in `depth` rounds, each in several outcomes.
fn live(disk: &SimDisk, ledger: &Ledger, seed: u64, depth: u32, states: &mut u64) {
    for fork in 0..if depth == 3 { 1 } else { FORKS } {
        let seed = seed.wrapping_mul(31).wrapping_add(fork);
        let (disk, mut ledger) = (disk.fork(), ledger.clone());
        let mut random = Random::new(seed);
        if depth < 3 {
            stop(&disk, &mut random);
            *states += 1;
        }
        // The cut may come while the last one is being recovered from.
        let within = if random.one_in(3) { 12 } else { 60 };
        disk.cut_power_after(1 + random.below(within));
        if let Ok(log) = SegmentLog::open(sim_options(&disk, random.bits())) {
            // Giving back unused room may fail without failing the start: then the power went there.
            if log.read(1, ReadLimits::default()).is_ok() {
                ledger.check(&log);
            }
            ledger.work(&log, &mut random, 20);
        }
        if depth == 0 {
            stop(&disk, &mut random);
            *states += 1;
            let log = SegmentLog::open(sim_options(&disk, random.bits())).expect("it opens after a crash");
            ledger.check(&log);
            // It goes on, and what follows is as durable.
            let batch = records(&mut random, &mut ledger.next, 3, 100);
            ledger.sent.extend(batch.iter().cloned());
            let answers = log.append_blocking(batch).expect("an append after a crash");
            let first = ledger.sent.len() - answers.len();
            ledger
                .acknowledged
                .extend(answers.into_iter().enumerate().map(|(n, answer)| (first + n, answer)));
            drop(log);
            disk.restart(random.bits());
            *states += 1;
            let log = SegmentLog::open(sim_options(&disk, random.bits())).expect("it opens once more");
            ledger.check(&log);
        } else {
            live(&disk, &ledger, random.bits(), depth - 1, states);
        }
    }
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    let wanted = if long() { STATES_LONG } else { STATES };
    let (mut states, mut seed) = (0, 1);
    while states < wanted {
        // Read when a run fails: the seed repeats it.
        eprintln!("seed {seed}, {states} states so far");
        live(&SimDisk::new(seed), &Ledger::default(), seed, 3, &mut states);
        seed += 1;
    }
}
