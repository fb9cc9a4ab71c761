//! A full or failing disk at every single call: nothing acknowledged is lost, the log seals, and opening it
//! again is all it takes.

use tributary_eventlog::sim::{Call, EIO, ENOSPC, Fault, Random, SimDisk};
use tributary_eventlog::{AppendError, Appended, EventLog, NewRecord, SegmentLog};

use crate::{all, records, same, sim_options};

struct Client {
    sent: Vec<NewRecord>,
    acknowledged: Vec<(NewRecord, Appended)>,
    next: u64,
    random: Random,
}

impl Client {
    fn new(seed: u64) -> Self {
        Self { sent: Vec::new(), acknowledged: Vec::new(), next: 1, random: Random::new(seed) }
    }

    /// Twelve calls that fill two segments; stops at the first refusal and says what it was.
    fn work(&mut self, log: &SegmentLog) -> Result<(), AppendError> {
        for _ in 0..12 {
            let batch = records(&mut self.random, &mut self.next, 4, 700);
            self.sent.extend(batch.iter().cloned());
            let answers = log.append_blocking(batch.clone())?;
            self.acknowledged.extend(batch.into_iter().zip(answers));
        }
        Ok(())
    }

    fn check(&self, log: &SegmentLog) {
        let kept = all(log);
        for (sent, answer) in &self.acknowledged {
            let at = usize::try_from(answer.position.sequence - 1).expect("a small number");
            assert!(kept.get(at).is_some_and(|record| same(sent, record)), "record {} is lost", at + 1);
        }
        let mut sent = self.sent.iter();
        assert!(kept[1..].iter().all(|record| sent.any(|sent| same(sent, record))), "a record nobody sent");
    }
}

/// Returns false when the fault lay beyond the work.
fn fail_at(call: Call, nth: u64, lasting: bool, error: i32) -> bool {
    let context = format!("{call:?} {nth}, lasting {lasting}, error {error}");
    eprintln!("{context}");
    let disk = SimDisk::new(nth);
    let mut client = Client::new(nth);
    disk.inject(Fault { call, nth, lasting, error });
    let log = match SegmentLog::open(sim_options(&disk, nth)) {
        Ok(log) => log,
        Err(refused) => {
            assert_eq!((refused.code(), refused.retryable()), ("log_io", true), "{context}");
            disk.heal();
            SegmentLog::open(sim_options(&disk, nth + 1)).expect("it opens on a healed disk")
        }
    };
    let reached = match client.work(&log) {
        Ok(()) => disk.counted(call) >= nth,
        Err(refused) => {
            assert!(matches!(refused, AppendError::Sealed { .. }) && refused.retryable(), "{context}");
            assert!(log.is_sealed());
            let next = records(&mut client.random, &mut client.next, 1, 10);
            assert!(matches!(log.append_blocking(next), Err(AppendError::Sealed { .. })));
            true
        }
    };
    client.check(&log);
    if lasting && log.is_sealed() && log.reopen().is_err() {
        assert!(log.is_sealed(), "a log that could not be opened again takes nothing");
        client.check(&log);
    }
    disk.heal();
    log.reopen().expect("it opens again");
    assert!(!log.is_sealed());
    client.check(&log);
    client.work(&log).expect("it goes on");
    client.check(&log);
    // What was acknowledged since is durable, too, whatever the failed sync left in memory.
    let cut = disk.fork();
    cut.restart(nth);
    client.check(&SegmentLog::open(sim_options(&cut, nth + 2)).expect("it opens after a cut"));
    drop(log);
    client.check(&SegmentLog::open(sim_options(&disk, nth + 3)).expect("it opens after a close"));
    reached
}

#[test]
fn every_write_and_every_sync_may_fail() {
    for call in [Call::Write, Call::Sync] {
        for (lasting, error) in [(false, EIO), (true, ENOSPC), (true, EIO)] {
            let mut nth = 1;
            while fail_at(call, nth, lasting, error) {
                nth += 1;
            }
            assert!(nth > 12, "only {nth} faults were placed");
        }
    }
}

/// The case a plain second sync gets wrong: the kernel shows bytes that it will never write.
#[test]
fn what_a_failed_sync_left_in_memory_is_made_durable_before_it_is_shown() {
    for seed in 1..=300 {
        let disk = SimDisk::new(seed);
        let log = SegmentLog::open(sim_options(&disk, seed)).expect("it opens");
        disk.inject(Fault {
            call: Call::Sync,
            nth: disk.counted(Call::Sync) + 1,
            lasting: false,
            error: EIO,
        });
        Client::new(seed).work(&log).expect_err("the sync fails");
        // The process is killed while it recovers, or afterwards.
        disk.cut_power_after(1 + seed % 12);
        log.reopen().ok();
        disk.restart_process();
        drop(log);
        let log = SegmentLog::open(sim_options(&disk, seed + 1)).expect("it opens again");
        let shown = all(&log);
        disk.restart(seed);
        let after = SegmentLog::open(sim_options(&disk, seed + 2)).expect("it opens after the cut");
        assert!(all(&after).starts_with(&shown), "seed {seed}: a record was shown and is gone");
    }
}
