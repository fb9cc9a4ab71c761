//! Archiving the head of a log: nothing is lost wherever it stops, and a head that is away is not taken for one that never was.

use std::path::{Path, PathBuf};

use tributary_eventlog::archive::{ArchiveError, Keep, Plan, plan};
use tributary_eventlog::conformance::record;
use tributary_eventlog::sim::{Call, ENOSPC, Fault, Random, SimDisk, folder};
use tributary_eventlog::{Disk, EventLog, Options, ReadError, ReadLimits, Record, SegmentLog, TrimError};

use crate::{NOON, ORIGIN, all, opening::filled, sim_options};

fn cold() -> PathBuf {
    PathBuf::from("/cold")
}

fn home() -> PathBuf {
    cold().join(ORIGIN.to_string())
}

fn options(disk: &SimDisk, seed: u64) -> Options {
    let mut options = sim_options(disk, seed);
    options.whole = true;
    options
}

fn open(disk: &SimDisk, seed: u64) -> SegmentLog {
    SegmentLog::open(options(disk, seed)).unwrap_or_else(|e| panic!("seed {seed}: {e}"))
}

fn refusal(disk: &SimDisk) -> String {
    let refused = SegmentLog::open(options(disk, 3)).err().expect("a refusal");
    assert!(!refused.remedy().is_empty());
    refused.code().to_owned()
}

fn planned(disk: &SimDisk, to: &Path, keep: Keep) -> Plan {
    plan(disk, &folder(), to, keep).expect("a plan").expect("a log")
}

fn archive(disk: &SimDisk, to: &Path, keep: u64) -> Result<(), ArchiveError> {
    plan(disk, &folder(), to, Keep::Newest(keep))?.expect("a log").run(disk, &mut |_| {})
}

fn names(disk: &SimDisk, dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = disk.list(dir).expect("a list");
    names.retain(|name| name.ends_with(".seg"));
    names.sort();
    names
}

/// A disk with a log of several segments, and its records.
fn made(seed: u64) -> (SimDisk, Vec<Record>) {
    let disk = SimDisk::new(seed);
    filled(&disk, 200);
    let records = all(&open(&disk, 9));
    assert!(names(&disk, &folder()).len() >= 6);
    (disk, records)
}

#[test]
fn the_log_reads_across_both_folders_and_goes_on() {
    let (disk, records) = made(1);
    let segments = names(&disk, &folder());
    let mut bytes = 0;
    let plan = planned(&disk, &cold(), Keep::Newest(2));
    assert_eq!((plan.moves.len(), plan.stay, plan.archived), (segments.len() - 2, 2, 0));
    let calls = disk.calls();
    assert!(!plan.is_done());
    assert_eq!(disk.calls(), calls, "a plan changes nothing");
    plan.run(&disk, &mut |moved| bytes += moved).expect("archived");
    assert_eq!(bytes, plan.moves.iter().map(|segment| segment.bytes).sum::<u64>());
    assert_eq!(names(&disk, &folder()), segments[segments.len() - 2..]);
    assert_eq!(names(&disk, &home()), segments[..segments.len() - 2]);

    let log = open(&disk, 2);
    assert_eq!(log.start(), 1);
    assert!(all(&log) == records, "all of it reads back");
    assert_eq!(log.get(3).expect("a read").as_ref(), records.get(2));
    let appended = log.append_blocking(vec![record(7, b"again"), record(900, b"new")]).expect("appended");
    assert!(appended[0].duplicate && !appended[1].duplicate, "archived ids are recognised");
    assert!(matches!(log.trim(100), Err(TrimError::Archived)));
    log.close();
    drop(log);
    assert!(planned(&disk, &cold(), Keep::Newest(9)).is_done());
    archive(&disk, &cold(), 1).expect("archived further");
    assert_eq!(names(&disk, &folder()).len(), 1);
    let log = open(&disk, 4);
    assert_eq!((log.start(), log.end()), (1, records.len() as u64 + 1));
    assert!(all(&log)[..records.len()] == records);
}

#[test]
fn only_what_is_older_than_the_moment_leaves() {
    let disk = SimDisk::new(1);
    filled(&disk, 200);
    let log = open(&disk, 9);
    let moment = log.get(100).expect("a read").expect("a record").recorded_at;
    drop(log);
    let plan = planned(&disk, &cold(), Keep::Since(moment));
    let last = plan.moves.last().expect("segments move");
    assert!(last.newest < moment && last.last < 100, "{last:?}");
    assert_eq!(planned(&disk, &cold(), Keep::Since(NOON)).moves.len(), 0);
    assert_eq!(planned(&disk, &cold(), Keep::Since(i64::MAX)).stay, 1, "the newest always stays");
    assert_eq!(planned(&disk, &cold(), Keep::Newest(0)).stay, 1);
}

/// The power goes, or the process, in every changing call of an archiving: the log opens whole, and calling it again ends it.
#[test]
fn it_may_be_stopped_in_every_step() {
    let (disk, records) = made(1);
    let whole = disk.fork();
    archive(&whole, &cold(), 2).expect("archived");
    let steps = whole.calls() - disk.calls();
    let wanted = (names(&whole, &folder()), names(&whole, &home()));
    assert!(steps > 30, "{steps} steps");
    for step in 1..=steps {
        for seed in 0..8 {
            let disk = disk.fork();
            disk.cut_power_after(step);
            archive(&disk, &cold(), 2).expect_err("the power went");
            if seed == 0 {
                disk.restart_process()
            } else {
                disk.restart(step << 8 | seed)
            }
            let log = open(&disk, 2);
            assert!(all(&log) == records, "step {step}, seed {seed}: the log differs");
            drop(log);
            archive(&disk, &cold(), 2).unwrap_or_else(|e| panic!("step {step}, seed {seed}: {e}"));
            assert!((names(&disk, &folder()), names(&disk, &home())) == wanted, "step {step}, seed {seed}");
            assert!(all(&open(&disk, 3)) == records, "step {step}, seed {seed}: the log differs in the end");
        }
    }
}

#[test]
fn a_full_archive_leaves_everything_where_it_is() {
    let (disk, records) = made(1);
    let before = names(&disk, &folder());
    let nth = disk.counted(Call::Write) + 4;
    disk.inject(Fault { call: Call::Write, nth, lasting: true, error: ENOSPC });
    let error = archive(&disk, &cold(), 2).expect_err("it is full");
    assert_eq!(error.code(), "log_archive_io");
    disk.heal();
    assert_eq!(names(&disk, &folder()), before);
    assert!(all(&open(&disk, 2)) == records);
    archive(&disk, &cold(), 2).expect("there is room");
    assert!(all(&open(&disk, 2)) == records);
}

#[test]
fn a_head_that_is_gone_is_told_from_one_that_is_away() {
    let (disk, _) = made(1);
    let lost = disk.fork();
    lost.remove(&folder().join(&names(&disk, &folder())[0])).expect("removed");
    assert_eq!(refusal(&lost), "log_head_gone");
    drop(SegmentLog::open(sim_options(&lost, 1)).expect("who asks for no whole log may have it"));

    archive(&disk, &cold(), 2).expect("archived");
    let segments = names(&disk, &home());
    let away = disk.fork();
    segments.iter().for_each(|name| away.remove(&home().join(name)).expect("removed"));
    assert_eq!(refusal(&away), "log_archive_away");
    let hole = disk.fork();
    hole.remove(&home().join(&segments[1])).expect("removed");
    assert_eq!(refusal(&hole), "log_archive_away");
    let other = disk.fork();
    let stranger = SimDisk::new(7);
    let log = open(&stranger, 6);
    (0..200).for_each(|n| drop(log.append_blocking(vec![record(n, &[b'x'; 300])]).expect("appended")));
    drop(log);
    other.set_contents(&home().join(&segments[1]), stranger.contents(&folder().join(&segments[1])));
    assert_eq!(refusal(&other), "log_archive_away", "a segment of another log");
    let short = disk.fork();
    let path = home().join(&segments[0]);
    short.set_contents(&path, short.contents(&path)[..5_000].to_vec());
    assert_eq!(refusal(&short), "log_corrupt");

    // The archive goes away while the log is open.
    let log = open(&disk, 2);
    disk.remove(&path).expect("removed");
    match log.read(1, ReadLimits::default()) {
        Err(error @ ReadError::Gone { archived: true, .. }) => {
            assert!(error.to_string().starts_with("log_archive_away: ") && error.retryable(), "{error}");
        }
        other => panic!("{other:?}"),
    }
    drop(log);

    // Nothing but the note is left: that is no new log.
    let bare = away.fork();
    names(&bare, &folder()).iter().for_each(|name| bare.remove(&folder().join(name)).expect("removed"));
    assert_eq!(refusal(&bare), "log_corrupt");
}

#[test]
fn an_archive_that_moved_is_noted_anew_when_all_of_it_is_there() {
    let (disk, records) = made(1);
    archive(&disk, &cold(), 3).expect("archived");
    let elsewhere = PathBuf::from("/colder");
    let error = archive(&disk, &elsewhere, 3).expect_err("nothing is there");
    assert_eq!(error.code(), "log_archive_elsewhere");
    let segments = names(&disk, &home());
    let to = elsewhere.join(ORIGIN.to_string());
    for name in &segments {
        disk.rename(&home().join(name), &to.join(name)).expect("moved");
    }
    assert_eq!(refusal(&disk), "log_archive_away");
    let damaged = disk.fork();
    let path = to.join(&segments[2]);
    let mut bytes = damaged.contents(&path);
    bytes[5_000] ^= 1;
    damaged.set_contents(&path, bytes);
    assert_eq!(archive(&damaged, &elsewhere, 3).expect_err("it is damaged").code(), "log_archive_elsewhere");
    archive(&disk, &elsewhere, 3).expect("noted anew");
    assert!(all(&open(&disk, 2)) == records);

    // So is one whose note is damaged or lost.
    let note = folder().join("archive");
    disk.set_contents(&note, b"tributary log archive 1\n".to_vec());
    assert_eq!(refusal(&disk), "log_archive_note");
    archive(&disk, &elsewhere, 3).expect("noted anew");
    disk.remove(&note).expect("removed");
    assert_eq!(refusal(&disk), "log_head_gone");
    archive(&disk, &elsewhere, 3).expect("noted anew");
    assert!(all(&open(&disk, 2)) == records);
    disk.set_contents(&note, b"tributary log archive 2\n".to_vec());
    assert_eq!(refusal(&disk), "log_format_unsupported");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_removed() {
    let (disk, records) = made(1);
    let before = names(&disk, &folder());
    assert_eq!(archive(&disk, Path::new("cold"), 2).expect_err("relative").code(), "log_archive_folder");
    assert!(plan(&disk, Path::new("/nothing"), &cold(), Keep::Newest(1)).expect("no log").is_none());

    let taken = disk.fork();
    let path = home().join(&before[1]);
    drop(taken.create(&path).expect("a file"));
    taken.set_contents(&path, vec![1; 5_000]);
    assert_eq!(archive(&taken, &cold(), 2).expect_err("taken").code(), "log_archive_differs");
    assert_eq!(names(&taken, &folder()), before);
    assert!(all(&open(&taken, 2)) == records);

    let damaged = disk.fork();
    let path = folder().join(&before[2]);
    let mut bytes = damaged.contents(&path);
    bytes[5_000] ^= 1;
    damaged.set_contents(&path, bytes);
    assert_eq!(archive(&damaged, &cold(), 2).expect_err("damaged").code(), "log_corrupt");
    assert_eq!(names(&damaged, &folder()), before);
}

/// A copy of a log archives as the log does.
#[test]
fn histories_with_archiving_in_between_keep_every_record() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let disk = SimDisk::new(seed);
        let (mut next, mut sent) = (0, 0);
        for _ in 0..12 {
            let log = open(&disk, random.bits());
            for _ in 0..random.below(12) {
                let count = 1 + random.below(5);
                let batch = crate::records(&mut random, &mut next, count, 1_500);
                sent += batch.len();
                log.append_blocking(batch).expect("appended");
            }
            assert_eq!(all(&log).len(), sent + 1, "seed {seed}");
            drop(log);
            if random.one_in(2) {
                if random.one_in(2) {
                    disk.cut_power_after(1 + random.below(40));
                }
                // It ends, or the power goes.
                let _ = plan(&disk, &folder(), &cold(), Keep::Newest(1 + random.below(4)))
                    .and_then(|plan| plan.map_or(Ok(()), |plan| plan.run(&disk, &mut |_| {})));
                disk.restart(random.bits());
            }
        }
    }
}

/// The stored note: today's program writes exactly it and reads it. It is never rewritten.
#[test]
fn the_note_is_the_stored_one() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/v5/archive");
    let stored = std::fs::read(path).expect("a stored note");
    let (disk, records) = made(1);
    archive(&disk, &cold(), 2).expect("archived");
    assert!(
        disk.contents(&folder().join("archive")) == stored,
        "{}",
        String::from_utf8_lossy(&disk.contents(&folder().join("archive")))
    );
    disk.set_contents(&folder().join("archive"), stored);
    assert!(all(&open(&disk, 2)) == records);
}
