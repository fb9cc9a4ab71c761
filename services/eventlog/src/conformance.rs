//! What every log owes its callers, as one list of checks: the memory and the segment log run it here, a
//! log behind a broker runs the same list. A check panics with its name and what it saw.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    AppendError, Appended, Clock, EventLog, MAX_RECORD_BYTES, ManualClock, NewRecord, ReadError, ReadLimits,
    scan,
};

/// One log under test. Every check gets a fresh one.
pub trait Subject {
    /// Opens the log; the second time, when [`survives`](Subject::survives), with what it holds. The log
    /// that was opened before has been closed.
    fn open(&self, clock: Arc<dyn Clock>) -> Arc<dyn EventLog>;

    /// Whether records outlive [`close`](EventLog::close).
    fn survives(&self) -> bool;
}

type Check = fn(&dyn Subject);

/// All checks with their names.
pub const CHECKS: &[(&str, Check)] = &[
    ("the first record is log.opened", first_record),
    ("what is appended is read back, in order", round_trip),
    ("stamps rise strictly whatever the clock does", stamps_rise),
    ("a known id is answered with its first copy", duplicates),
    ("limits of a read are kept, and one record always comes", read_limits),
    ("one record is got by its sequence", random_access),
    ("records over the limit are refused and nothing is written", too_large),
    ("an empty call is answered with nothing", empty_call),
    ("a subscriber sees every record once, without a gap", subscription),
    ("appends from many threads keep one order", many_writers),
    ("trimming keeps everything from its point on", trimming),
    ("a closed log refuses appends and can be read", closed),
    ("what was there is there after opening again", survival),
];

/// Runs all checks, each on a subject of its own.
pub fn run_all(fresh: &dyn Fn() -> Box<dyn Subject>) {
    for (name, check) in CHECKS {
        eprintln!("conformance: {name}");
        check(&*fresh());
    }
}

/// A record with an id of its own.
#[must_use]
pub fn record(number: u64, payload: &[u8]) -> NewRecord {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let attributes = [("number", number.to_string())].into();
    NewRecord { id, attributes, payload: Bytes::copy_from_slice(payload) }
}

const NOON: i64 = 1_772_366_400_000_000;

fn open(subject: &dyn Subject) -> Arc<dyn EventLog> {
    subject.open(Arc::new(ManualClock::new(NOON)))
}

fn add(log: &dyn EventLog, numbers: std::ops::Range<u64>) -> Vec<Appended> {
    let records = numbers.map(|number| record(number, format!("payload {number}").as_bytes())).collect();
    log.append_blocking(records).expect("an append")
}

fn first_record(subject: &dyn Subject) {
    let log = open(subject);
    assert_eq!((log.start(), log.end()), (1, 1));
    let first = log.get(1).expect("a read").expect("log.opened");
    assert_eq!(first.position.sequence, 1);
    assert_eq!(first.position.origin, log.origin());
    assert_eq!(first.recorded_at, log.last_recorded_at());
}

fn round_trip(subject: &dyn Subject) {
    let log = open(subject);
    let mut sent = Vec::new();
    for (number, size) in [0, 1, 7, 8, 9, 500, 70_000, 400_000].into_iter().enumerate() {
        let mut one = record(number as u64, &vec![b'x'; size]);
        one.attributes = (0..number).map(|n| (format!("名{n}"), "v".repeat(n * 99))).collect();
        sent.push(one);
    }
    let answers = log.append_blocking(sent.clone()).expect("an append");
    let got: Vec<_> = scan(&*log, 2).map(|record| record.expect("a record")).collect();
    assert_eq!(got.len(), sent.len());
    for ((sent, got), (answer, sequence)) in sent.iter().zip(&got).zip(answers.iter().zip(2..)) {
        assert_eq!((got.position.sequence, got.position), (sequence, answer.position));
        assert_eq!((got.recorded_at, answer.duplicate), (answer.recorded_at, false));
        let back = NewRecord { id: got.id, attributes: got.attributes.clone(), payload: got.payload.clone() };
        assert!(*sent == back, "record {sequence} differs");
    }
}

fn stamps_rise(subject: &dyn Subject) {
    let clock = Arc::new(ManualClock::new(NOON));
    let log = subject.open(clock.clone());
    let mut last = log.last_recorded_at();
    for (step, number) in [0, 1_000_000, -3_600_000_000, 5, 7_200_000_000].into_iter().zip(0..) {
        clock.advance(step);
        let answers = add(&*log, number * 10..number * 10 + 10);
        assert!(answers[0].recorded_at >= clock.now_micros());
        for answer in answers {
            assert!(answer.recorded_at > last, "{} after {last}", answer.recorded_at);
            last = answer.recorded_at;
        }
    }
    assert_eq!(log.last_recorded_at(), last);
}

fn duplicates(subject: &dyn Subject) {
    let log = open(subject);
    let first = add(&*log, 0..10);
    let again = add(&*log, 5..15);
    for (number, answer) in (5..10).zip(&again) {
        let expected = Appended { duplicate: true, ..first[number] };
        assert_eq!(*answer, expected);
    }
    assert!(again[5..].iter().all(|answer| !answer.duplicate));
    let twice = log.append_blocking(vec![record(99, b"a"), record(99, b"b"), record(100, b"c")]);
    let twice = twice.expect("an append");
    assert_eq!(twice[1], Appended { duplicate: true, ..twice[0] });
    assert_eq!(log.end(), 1 + 15 + 2);
    assert_eq!(log.get(twice[0].position.sequence).expect("a read").expect("a record").payload, "a");
}

fn read_limits(subject: &dyn Subject) {
    let log = open(subject);
    let records = (0..100).map(|number| record(number, &[b'y'; 1_000])).collect();
    log.append_blocking(records).expect("an append");
    let read = |from, max_records, max_bytes| {
        log.read(from, ReadLimits { max_records, max_bytes }).expect("a read").len()
    };
    assert_eq!(read(2, 7, usize::MAX), 7);
    assert_eq!(read(2, 1_000, usize::MAX), 100);
    assert_eq!(read(2, 1_000, 1), 1);
    assert!((1..=10).contains(&read(2, 1_000, 10_500)));
    assert_eq!(read(101, 1_000, usize::MAX), 1);
    assert_eq!(read(102, 1_000, usize::MAX), 0);
    assert_eq!(read(u64::MAX, 1_000, usize::MAX), 0);
}

fn random_access(subject: &dyn Subject) {
    let log = open(subject);
    for batch in 0..20 {
        let numbers = batch * 50..batch * 50 + 50;
        log.append_blocking(numbers.map(|number| record(number, &[b'z'; 700])).collect()).expect("an append");
    }
    for number in (0..1_000).step_by(37).chain((0..1_000).rev().step_by(91)) {
        let got = log.get(number + 2).expect("a read").expect("a record");
        assert_eq!((got.position.sequence, got.id), (number + 2, record(number, b"").id));
    }
    assert!(log.get(0).expect("a read").is_none());
    assert!(log.get(1_002).expect("a read").is_none());
}

fn too_large(subject: &dyn Subject) {
    let log = open(subject);
    let refused = log.append_blocking(vec![record(1, b"fine"), record(2, &vec![0; MAX_RECORD_BYTES])]);
    let error = refused.expect_err("over the limit");
    assert!(matches!(error, AppendError::RecordTooLarge { index: 1, .. }) && !error.retryable());
    let mut long = record(3, b"");
    long.attributes = long.attributes.with("long", &"x".repeat(70_000));
    let error = log.append_blocking(vec![long]).expect_err("over the limit");
    assert!(matches!(error, AppendError::AttributeTooLong { index: 0 }));
    assert_eq!(log.end(), 1);
    let room = MAX_RECORD_BYTES - 100;
    log.append_blocking(vec![record(4, &vec![1; room])]).expect("just under the limit");
    assert_eq!(log.get(2).expect("a read").expect("a record").payload.len(), room);
}

fn empty_call(subject: &dyn Subject) {
    let log = open(subject);
    assert_eq!(log.append_blocking(Vec::new()).expect("an append"), []);
    assert_eq!(log.end(), 1);
}

fn subscription(subject: &dyn Subject) {
    let log = open(subject);
    let mut durable = log.subscribe();
    let total = 1 + 300;
    std::thread::scope(|scope| {
        scope.spawn(|| (0..100).for_each(|batch| drop(add(&*log, batch * 3..batch * 3 + 3))));
        let mut next = 1;
        while next <= total {
            let end = *durable.borrow_and_update();
            for record in log.read(next, ReadLimits::default()).expect("a read") {
                assert_eq!(record.position.sequence, next);
                next += 1;
            }
            assert!(next > end, "read up to {next}, announced {end}");
            std::thread::yield_now();
        }
    });
    assert_eq!(*durable.borrow_and_update(), total);
    assert!(!durable.has_changed().expect("the log lives"));
    add(&*log, 900..901);
    assert!(durable.has_changed().expect("the log lives"));
}

fn many_writers(subject: &dyn Subject) {
    let log = open(subject);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let log = &*log;
            scope.spawn(move || {
                for turn in 0..25 {
                    let first = writer * 1_000 + turn * 4;
                    let answers = add(log, first..first + 4);
                    let adjoining = answers.windows(2);
                    let apart = |pair: &[Appended]| pair[1].position.sequence - pair[0].position.sequence;
                    assert!(adjoining.into_iter().all(|pair| apart(pair) == 1), "a call was torn apart");
                }
            });
        }
    });
    let all: Vec<_> = scan(&*log, 1).map(|record| record.expect("a record")).collect();
    assert_eq!(all.len(), 1 + 8 * 25 * 4);
    assert!(all.windows(2).all(|pair| pair[0].recorded_at < pair[1].recorded_at));
    assert_eq!(all.iter().map(|record| record.id).collect::<HashSet<_>>().len(), all.len());
}

fn trimming(subject: &dyn Subject) {
    let log = open(subject);
    for batch in 0..50 {
        add(&*log, batch * 10..batch * 10 + 10);
    }
    for before in [0, 1, 200, 200, 350] {
        log.trim(before).expect("a trim");
        let start = log.start();
        assert!(start <= before.max(1), "{start} after trimming before {before}");
        let kept = scan(&*log, start).map(|record| record.expect("a record").position.sequence);
        assert!(kept.eq(start..=501));
        if start > 1 {
            let refused = log.read(start - 1, ReadLimits::default()).expect_err("it was trimmed");
            assert!(matches!(refused, ReadError::Trimmed { start: named } if named == start));
        }
    }
    log.trim(u64::MAX).expect("a trim");
    assert_eq!(log.end(), 501);
    let answers = add(&*log, 499..501);
    assert!(answers[0].duplicate && !answers[1].duplicate);
    assert_eq!(log.end(), 502);
}

fn closed(subject: &dyn Subject) {
    let log = open(subject);
    add(&*log, 0..3);
    log.close();
    log.close();
    let error = log.append_blocking(vec![record(9, b"late")]).expect_err("it is closed");
    assert!(matches!(error, AppendError::Closed) && error.retryable());
    assert_eq!(scan(&*log, 1).filter_map(Result::ok).count(), 4);
    assert!(!log.is_sealed());
}

fn survival(subject: &dyn Subject) {
    if !subject.survives() {
        return;
    }
    let mut expected = Vec::new();
    let mut origin = None;
    for round in 0..5 {
        let log = open(subject);
        assert_eq!(*origin.get_or_insert(log.origin()), log.origin());
        let held: Vec<_> = scan(&*log, 1).map(|record| record.expect("a record")).collect();
        assert!(round == 0 || held == expected, "opening {round} changed the records");
        let known = add(&*log, 0..round * 7);
        assert!(known.iter().all(|answer| answer.duplicate));
        // Every other round only opens and closes.
        if round % 2 == 0 {
            add(&*log, round * 7..(round + 2) * 7);
        }
        expected = scan(&*log, 1).map(|record| record.expect("a record")).collect();
        log.close();
    }
}
