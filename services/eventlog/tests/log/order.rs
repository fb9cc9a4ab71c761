//! The order of several logs: a record's number never changes, and every way to look it up says the same.

use std::path::PathBuf;
use std::sync::Arc;

use tributary_eventlog::conformance::record;
use tributary_eventlog::sim::{Call, EIO, Fault, Random, SimDisk, folder};
use tributary_eventlog::{
    EventLog, Interleaved, ManualClock, MemoryLog, Order, OrderError, Origin, Position, ReadLimits, Record,
    scan,
};

use super::NOON;

fn path() -> PathBuf {
    folder().join("runs")
}

struct World {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    logs: Vec<Arc<MemoryLog>>,
    next: u64,
}

impl World {
    fn new(origins: u64, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(NOON));
        let log = |at| Arc::new(MemoryLog::new(Origin(7 + at as u32), Arc::clone(&clock) as _));
        let logs = (0..origins).map(log).collect();
        Self { disk: SimDisk::new(seed), clock, logs, next: 1 }
    }

    fn open(&self) -> Result<Interleaved, OrderError> {
        let copies = self.logs.iter().skip(1).map(|log| Arc::clone(log) as Arc<dyn EventLog>);
        Interleaved::open(&self.disk, &path(), Arc::clone(&self.logs[0]) as _, copies)
    }

    fn append(&mut self, log: usize, count: u64, random: &mut Random) {
        for _ in 0..count {
            self.clock.advance(random.below(120_000) as i64);
            let new = record(self.next, &vec![7; random.below(40) as usize]);
            self.logs[log].append_blocking(vec![new]).expect("appended");
            self.next += 1;
        }
    }
}

fn places(records: &[Record]) -> Vec<Position> {
    records.iter().map(|record| record.position).collect()
}

/// What is numbered now, checked in every way; it begins with what was numbered before.
fn check(order: &Interleaved, known: &mut Vec<Position>, random: &mut Random, seed: u64) {
    let all: Vec<_> = scan(order, 1).map(|record| record.expect("a record").position).collect();
    assert_eq!(all.len() as u64, order.last_number(), "seed {seed}");
    assert_eq!(all[..known.len()], known[..], "seed {seed}: numbers were given anew");
    for log in order.logs().values() {
        let of_it: Vec<_> = all.iter().filter(|p| p.origin == log.origin()).map(|p| p.sequence).collect();
        assert_eq!(of_it, (1..=log.end()).collect::<Vec<_>>(), "seed {seed}: {}", log.origin());
    }
    for _ in 0..8 {
        let number = random.below(all.len() as u64 + 1);
        let reach = order.reach(number).expect("a reach");
        for log in order.logs().values() {
            let upto = all[..number as usize].iter().filter(|p| p.origin == log.origin()).count() as u64;
            let told = reach.iter().find(|p| p.origin == log.origin()).map_or(0, |p| p.sequence);
            assert_eq!(told, upto, "seed {seed}: reach of {number}");
        }
        assert_eq!(order.covered(&reach).expect("covered"), number, "seed {seed}: what reach said");
        let any: Vec<Position> = order
            .logs()
            .values()
            .map(|log| Position { origin: log.origin(), sequence: random.below(log.end() + 3) })
            .collect();
        let is_covered = |p: &Position| any.iter().any(|a| a.origin == p.origin && a.sequence >= p.sequence);
        let first = all.iter().position(|p| !is_covered(p)).unwrap_or(all.len());
        assert_eq!(order.covered(&any).expect("covered"), first as u64, "seed {seed}: {any:?}");
        if let Some(position) = all.get(number as usize) {
            assert_eq!(order.number_of(*position).expect("a number"), Some(number + 1), "seed {seed}");
            let found = order.record_at(*position).expect("read").map(|record| record.position);
            assert_eq!(found, Some(*position), "seed {seed}");
        }
        let (max_records, max_bytes) = (1 + random.below(50) as usize, 1 + random.below(600) as usize);
        let part = order.read_numbers(number + 1, ReadLimits { max_records, max_bytes }).expect("a part");
        assert!(part.len() <= max_records, "seed {seed}");
        assert_eq!(part.is_empty(), number == order.last_number(), "seed {seed}: {number}");
        assert_eq!(places(&part), all[number as usize..][..part.len()], "seed {seed}: from {number}");
    }
    let beyond = Position { origin: Origin(7), sequence: order.logs()[&Origin(7)].end() + 1 };
    assert_eq!(order.number_of(beyond).expect("none"), None, "seed {seed}");
    *known = all;
}

#[test]
fn numbers_are_given_once_whatever_grows_and_whenever_it_is_opened_again() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut world = World::new(1 + seed % 4, seed);
        let mut order = world.open().expect("opened");
        let mut known = Vec::new();
        check(&order, &mut known, &mut random, seed);
        for _ in 0..12 {
            let log = random.below(world.logs.len() as u64) as usize;
            let count = random.below(30);
            world.append(log, count, &mut random);
            match random.below(4) {
                0 => {}
                1 => {
                    drop(order);
                    world.disk.restart(random.bits());
                    order = world.open().expect("opened again");
                }
                2 => {
                    // The power goes in the middle of whatever it writes next.
                    world.disk.cut_power_after(1 + random.below(3));
                    let _ = order.weave();
                    drop(order);
                    world.disk.restart(random.bits());
                    order = world.open().expect("opened after a power cut");
                }
                _ => while order.weave().expect("woven") > 0 {},
            }
            if order.logs().values().map(|log| log.end()).sum::<u64>() == order.last_number() {
                check(&order, &mut known, &mut random, seed);
            }
        }
    }
}

#[test]
fn what_was_seen_before_a_failed_write_keeps_its_number() {
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let mut world = World::new(3, seed);
        let order = world.open().expect("opened");
        for _ in 0..10 {
            let log = random.below(3) as usize;
            world.append(log, 1 + random.below(5), &mut random);
            world.disk.cut_power_after(1 + random.below(6));
            let _ = order.weave();
        }
        let seen: Vec<_> = scan(&order, 1).map(|record| record.expect("a record").position).collect();
        drop(order);
        world.disk.restart(random.bits());
        let order = world.open().expect("opened");
        let mut known = seen;
        check(&order, &mut known, &mut random, seed);
    }
}

#[test]
fn thousands_of_runs_are_found_by_their_marks() {
    let (mut world, mut random, mut known) = (World::new(3, 1), Random::new(1), Vec::new());
    let order = world.open().expect("opened");
    for turn in 0..2_000 {
        world.append(turn % 3, 1 + random.below(3), &mut random);
        while order.weave().expect("woven") > 0 {}
    }
    for _ in 0..20 {
        check(&order, &mut known, &mut random, 1);
    }
    drop(order);
    check(&world.open().expect("opened"), &mut known, &mut random, 1);
}

/// An order with so many runs, closed, and what it numbered.
fn with_runs(turns: usize) -> (World, Vec<Position>) {
    let (mut world, mut random) = (World::new(2, 3), Random::new(3));
    let order = world.open().expect("opened");
    for turn in 0..turns {
        world.append(turn % 2, 1, &mut random);
        while order.weave().expect("woven") > 0 {}
    }
    let all = scan(&order, 1).map(|record| record.expect("a record").position).collect();
    (world, all)
}

#[test]
fn damage_before_good_runs_is_refused_and_an_unfinished_end_is_cut_off() {
    for turns in [8, 60, 2_000] {
        let (world, all) = with_runs(turns);
        let whole = world.disk.contents(&path());
        let runs = whole.len() / 24 - 1;
        for run in [0, 1, runs / 2, runs - 3] {
            for byte in [0, 23] {
                let mut bytes = whole.clone();
                bytes[(1 + run) * 24 + byte] ^= 4;
                world.disk.set_contents(&path(), bytes);
                let refused = world.open().err().expect("it is damaged");
                assert!(
                    matches!(refused, OrderError::Corrupt { run: at } if at == run as u64),
                    "run {run} of {runs}: {refused}"
                );
            }
        }
        let mut header = whole.clone();
        header[22] ^= 1;
        world.disk.set_contents(&path(), header);
        assert_eq!(world.open().err().expect("its header is damaged").code(), "order_corrupt");
        for end in [whole.len() - 1, whole.len() - 24, whole.len() - 25] {
            world.disk.set_contents(&path(), whole[..end].to_vec());
            let order = world.open().expect("an unfinished end");
            let places = places(&order.read_numbers(1, ReadLimits::default()).expect("read"));
            let same = places.iter().zip(&all).take_while(|(a, b)| a == b).count();
            assert!(same + 4 > all.len().min(places.len()), "{same} of {}", all.len());
        }
    }
    // A crash while it was made leaves two places at most, and those alone are made again.
    let (world, all) = with_runs(1);
    let whole = world.disk.contents(&path());
    world.disk.set_contents(&path(), whole[..30].to_vec());
    assert_eq!(world.open().expect("made again").last_number(), all.len() as u64);
}

/// Runs of one write reach the disk by sectors in any order: holes before whole runs are no damage.
#[test]
fn the_power_may_go_in_the_middle_of_a_long_write() {
    for seed in 0..300 {
        let (mut world, mut random) = (World::new(2, seed), Random::new(seed));
        let order = world.open().expect("opened");
        let mut known = Vec::new();
        check(&order, &mut known, &mut random, seed);
        for turn in 0..1_400 {
            world.clock.advance(150_000);
            world.append(turn % 2, 1, &mut random);
        }
        world.disk.cut_power_after(1 + random.below(6));
        let _ = order.weave();
        drop(order);
        world.disk.restart(random.bits());
        check(&world.open().expect("opened after a power cut"), &mut known, &mut random, seed);
    }
}

#[test]
fn a_failed_write_leaves_nothing_that_reads_like_runs_later() {
    for (call, lasting) in [(Call::Write, false), (Call::Sync, false), (Call::Sync, true)] {
        for seed in 0..40 {
            let (mut world, mut random) = (World::new(2, seed), Random::new(seed));
            let order = world.open().expect("opened");
            let nth = world.disk.counted(call) + 1;
            world.append(0, 3, &mut random);
            world.disk.inject(Fault { call, nth, lasting, error: EIO });
            order.weave().expect_err("the disk fails");
            // The origin whose run is open grows meanwhile: its records must not get numbers that another may have.
            world.append(1, 5, &mut random);
            let numbered = order.last_number();
            let open = order.weave_open();
            assert_eq!(open.is_err(), lasting, "seed {seed}, {call:?}: {open:?}");
            assert_eq!(order.last_number() > numbered, !lasting, "seed {seed}");
            let seen: Vec<_> = scan(&order, 1).map(|record| record.expect("a record").position).collect();
            drop(order);
            world.disk.heal();
            if random.one_in(2) {
                world.disk.restart_process();
            } else {
                world.disk.restart(random.bits());
            }
            let order = world.open().expect("opened");
            let mut known = seen;
            check(&order, &mut known, &mut random, seed);
        }
    }
}

#[test]
fn one_log_alone_is_numbered_as_it_is_and_writes_nothing() {
    let (mut world, mut random) = (World::new(1, 1), Random::new(1));
    let order = world.open().expect("opened");
    let calls = world.disk.calls();
    world.append(0, 500, &mut random);
    while order.weave().expect("woven") > 0 {}
    assert_eq!(world.disk.calls(), calls);
    let alone: &dyn Order = &*world.logs[0];
    for number in [1, 77, order.last_number()] {
        assert_eq!(order.reach(number).expect("reach"), alone.reach(number).expect("reach"));
    }
    assert_eq!(order.last_number(), alone.last_number());
    // Another origin comes later: what was numbered stays, what comes goes behind it.
    assert_eq!(order.fingerprint(order.last_number()).expect("it reads"), 0);
    let other = Arc::new(MemoryLog::new(Origin(3), Arc::clone(&world.clock) as _));
    order.add(other);
    assert_eq!(order.weave().expect("woven"), 1);
    assert_ne!(order.fingerprint(order.last_number()).expect("it reads"), 0);
    assert_eq!(order.fingerprint(order.last_number() - 1).expect("it reads"), 0);
    assert_eq!(order.last_number(), alone.last_number() + 1);
}

#[test]
fn older_records_come_first_where_several_logs_are_met_at_once() {
    let (mut world, mut random) = (World::new(3, 5), Random::new(5));
    for turn in 0..90 {
        world.append(1 + turn % 2, 40, &mut random);
    }
    let order = world.open().expect("opened");
    let stamps: Vec<i64> = scan(&order, 1).map(|record| record.expect("a record").recorded_at).collect();
    let mut newest = NOON;
    for stamp in stamps {
        assert!(stamp + 200_000 >= newest, "{stamp} after {newest}");
        newest = newest.max(stamp);
    }
}

#[test]
fn a_log_that_lost_what_was_numbered_and_a_file_of_another_node_are_refused() {
    let (mut world, mut random) = (World::new(2, 9), Random::new(9));
    let order = world.open().expect("opened");
    for turn in 0..6 {
        world.append(turn % 2, 4, &mut random);
        order.weave().expect("woven");
    }
    let older = Arc::new(MemoryLog::new(Origin(8), Arc::clone(&world.clock) as _));
    let whole = std::mem::replace(&mut world.logs[1], older);
    let refused = world.open().err().expect("the copy is shorter");
    assert_eq!(refused.code(), "log_ends_before_order", "{refused}");
    world.logs[1] = whole;
    world.open().expect("whole again");
    world.logs.swap(0, 1);
    let refused = world.open().err().expect("the file is another node's");
    assert_eq!(refused.code(), "order_foreign", "{refused}");
}
