//! Many appenders at once, as the hub has them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tributary_eventlog::conformance::record;
use tributary_eventlog::sim::{Random, SimDisk};
use tributary_eventlog::{AppendError, EventLog, Options, ReadLimits, SegmentLog};

use crate::{ORIGIN, all, sim_options};

const APPENDERS: u64 = 64;
const EACH: u64 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_of_sequence_is_order_of_stamp_and_every_answer_is_true() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = Options::new(dir.path(), Some(ORIGIN), Random::new(7).into_salts());
    options.segment_bytes = 256 * 1024;
    // Less than what the appenders hold at once: some of them have to wait for room.
    options.queue_bytes = 8 * 1024;
    let log = Arc::new(SegmentLog::open(options).expect("it opens"));
    let follower = tokio::spawn(follow(log.clone(), 1 + APPENDERS * EACH));
    let mut appenders = tokio::task::JoinSet::new();
    for appender in 0..APPENDERS {
        let log = log.clone();
        appenders.spawn(async move {
            let mut answers = Vec::new();
            for turn in 0..EACH {
                let number = appender * EACH + turn;
                let one = record(number, &vec![b'x'; 100 + number as usize % 400]);
                let answer = log.append(vec![one.clone()]).await.expect("an append")[0];
                assert!(log.end() >= answer.position.sequence, "acknowledged before it was durable");
                answers.push((one, answer));
            }
            answers
        });
    }
    let answers: Vec<_> = appenders.join_all().await.into_iter().flatten().collect();
    let followed = follower.await.expect("the follower ends");
    let kept = all(&*log);
    assert!(kept == followed, "the follower saw something else");
    assert!(kept.windows(2).all(|pair| pair[0].recorded_at < pair[1].recorded_at));
    assert_eq!(kept.iter().map(|record| record.id).collect::<HashSet<_>>().len(), kept.len());
    for (sent, answer) in answers {
        let got = log.get(answer.position.sequence).expect("a read").expect("a record");
        assert_eq!((got.id, got.recorded_at), (sent.id, answer.recorded_at));
        assert!(!answer.duplicate);
    }
}

/// Catch up, then live: nothing twice, nothing left out.
async fn follow(log: Arc<SegmentLog>, until: u64) -> Vec<tributary_eventlog::Record> {
    let mut durable = log.subscribe();
    let mut seen = Vec::new();
    loop {
        durable.borrow_and_update();
        loop {
            let limits = ReadLimits { max_records: 100, max_bytes: 20_000 };
            let batch = log.read(seen.len() as u64 + 1, limits).expect("a read");
            if batch.is_empty() {
                break;
            }
            seen.extend(batch);
        }
        if seen.len() as u64 >= until {
            return seen;
        }
        durable.changed().await.expect("the log lives");
    }
}

#[tokio::test]
async fn a_call_larger_than_the_queue_and_than_a_group_is_appended_as_a_whole() {
    let disk = SimDisk::new(1);
    let mut options = sim_options(&disk, 1);
    options.queue_bytes = 4 * 1024;
    let log = SegmentLog::open(options).expect("it opens");
    let many = (0..20_000).map(|number| record(number, &[b'y'; 10])).collect();
    let answers = log.append(many).await.expect("an append");
    assert!(answers.iter().zip(2..).all(|(answer, sequence)| answer.position.sequence == sequence));
    assert_eq!(log.end(), 20_001);
}

#[test]
fn appends_racing_with_close_are_either_durable_or_refused() {
    for seed in 1..=30 {
        let disk = SimDisk::new(seed);
        let log = SegmentLog::open(sim_options(&disk, seed)).expect("it opens");
        let done = std::thread::scope(|scope| {
            let log = &log;
            let workers: Vec<_> = (0..4)
                .map(|worker| {
                    scope.spawn(move || {
                        let mut done = 0;
                        loop {
                            match log.append_blocking(vec![record(worker * 100_000 + done, b"x")]) {
                                Ok(_) => done += 1,
                                Err(AppendError::Closed) => return done,
                                Err(other) => panic!("seed {seed}: {other}"),
                            }
                        }
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(2));
            log.close();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum::<u64>()
        });
        assert_eq!(log.end(), 1 + done, "seed {seed}");
    }
}
