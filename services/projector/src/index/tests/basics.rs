//! Lookups, marks, merges, settings.

use std::sync::atomic::{AtomicBool, Ordering};

use super::super::merge::{RUNS_MAX, runs_to_merge};
use super::super::{IndexError, MARK_BYTES_MAX, RunIndex};
use super::{NAME, files, get, key, open, value};

#[test]
fn memory_and_runs_answer_and_the_newest_counts() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    assert_eq!(index.mark(), None);
    assert_eq!(get(&index, 1), None);
    index.put(key(1), &value(1));
    index.put(key(2), &value(2));
    index.checkpoint(b"one").expect("checkpoint");
    index.put(key(1), &value(100));
    index.remove(key(2));
    assert_eq!(get(&index, 1).as_deref(), Some(value(100).as_slice()));
    assert_eq!(get(&index, 2), None);
    assert_eq!(index.len_memory(), 2);
    index.checkpoint(b"two").expect("checkpoint");
    assert_eq!(index.len_memory(), 0);
    let index = open(folder.path(), 40);
    assert_eq!(index.mark().as_deref(), Some(b"two".as_slice()));
    assert_eq!(get(&index, 1).as_deref(), Some(value(100).as_slice()));
    assert_eq!(get(&index, 2), None);
    assert_eq!(get(&index, 3), None);
}

#[test]
fn keys_are_found_by_their_first_half() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    let alike = |n: u64, last: u8| {
        let mut key = key(n);
        key[8..].fill(last);
        key
    };
    let half = |n: u64| *key(n).first_chunk().expect("eight bytes");
    for n in 0..3_000 {
        index.put(key(n), &value(n));
    }
    // So many that they fill several blocks of a run.
    for last in 0..200 {
        index.put(alike(7, last), &value(7));
    }
    index.checkpoint(b"one").expect("checkpoint");
    for last in 190..=210 {
        index.put(alike(7, last), &value(8));
    }
    index.remove(alike(7, 3));
    let mut wanted: Vec<_> = (0..=210).filter(|last| *last != 3).map(|last| alike(7, last)).collect();
    wanted.push(key(7));
    wanted.sort_unstable();
    for _ in 0..2 {
        assert_eq!(index.beginning(half(7)).expect("keys"), wanted);
        assert_eq!(index.beginning(half(8)).expect("keys"), [key(8)]);
        assert_eq!(index.beginning(half(3_001)).expect("keys"), [[0; 16]; 0]);
        index.checkpoint(b"two").expect("checkpoint");
    }
}

#[test]
fn without_a_checkpoint_nothing_stays() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    index.put(key(1), &value(1));
    drop(index);
    let index = open(folder.path(), 40);
    assert_eq!(get(&index, 1), None);
    assert_eq!(index.mark(), None);
}

#[test]
fn an_empty_checkpoint_moves_only_the_mark() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    index.checkpoint(b"").expect("checkpoint");
    assert_eq!(index.mark(), Some(Vec::new()));
    index.checkpoint(b"later").expect("checkpoint");
    assert_eq!(open(folder.path(), 40).mark().as_deref(), Some(b"later".as_slice()));
    assert_eq!(files(folder.path()), ["fact.manifest"]);
}

#[test]
fn removals_leave_no_trace_once_everything_is_merged() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    (0..10).for_each(|n| index.put(key(n), &value(n)));
    index.checkpoint(b"1").expect("checkpoint");
    (0..10).for_each(|n| index.remove(key(n)));
    index.checkpoint(b"2").expect("checkpoint");
    assert_eq!(index.stats().runs, 0);
    assert!((0..10).all(|n| get(&index, n).is_none()));
    assert_eq!(files(folder.path()), ["fact.manifest"]);
}

#[test]
fn a_removal_hides_an_older_run_that_is_not_merged() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    (0..1_000).for_each(|n| index.put(key(n), &value(n)));
    index.checkpoint(b"1").expect("checkpoint");
    index.remove(key(5));
    index.checkpoint(b"2").expect("checkpoint");
    assert_eq!(index.stats().runs, 2, "the small run is not merged into the large one");
    assert_eq!(get(&open(folder.path(), 40), 5), None);
    assert_eq!(get(&index, 6).as_deref(), Some(value(6).as_slice()));
}

#[test]
fn the_number_of_runs_is_bounded() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 8);
    let mut next = 0_u64;
    for size in (0..9).rev().map(|power| 3_u64.pow(power)).chain([1; 40]) {
        for _ in 0..size {
            index.put(key(next), &next.to_be_bytes());
            next += 1;
        }
        index.checkpoint(b"mark").expect("checkpoint");
        let stats = index.stats();
        assert!(stats.runs <= RUNS_MAX, "{} runs", stats.runs);
        assert_eq!(files(folder.path()).len(), stats.runs + 1, "merged runs are removed");
    }
    assert_eq!(index.stats().entries, next);
    assert!((0..next).all(|n| get(&index, n).as_deref() == Some(n.to_be_bytes().as_slice())));
}

#[test]
fn only_neighbours_of_like_size_are_merged() {
    assert_eq!(runs_to_merge(1, &[]), 0);
    assert_eq!(runs_to_merge(1, &[2]), 1);
    assert_eq!(runs_to_merge(1, &[3]), 0);
    assert_eq!(runs_to_merge(1, &[2, 6, 19]), 2);
    assert_eq!(runs_to_merge(1, &[3, 1]), 0, "a run is never passed over");
    let steep: Vec<u64> = (1..=8).map(|power| 10_u64.pow(power)).collect();
    assert_eq!(runs_to_merge(1, &steep), 1, "too many runs: the newest is merged");
    assert_eq!(runs_to_merge(u64::MAX, &[u64::MAX]), 1);
}

#[test]
fn value_lengths_from_none_to_the_greatest_work() {
    for value_len in [0, 1, 47, 64] {
        let folder = tempfile::tempdir().expect("folder");
        let index = open(folder.path(), value_len);
        let value = |n: u64| vec![n as u8; value_len];
        (0..300).for_each(|n| index.put(key(n), &value(n)));
        index.checkpoint(b"mark").expect("checkpoint");
        let index = open(folder.path(), value_len);
        assert!((0..300).all(|n| get(&index, n) == Some(value(n))), "{value_len} bytes");
        assert_eq!(get(&index, 300), None);
    }
}

#[test]
fn other_settings_than_before_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 8);
    index.checkpoint(b"mark").expect("checkpoint");
    let outcome = RunIndex::open(folder.path(), NAME, 9);
    assert!(matches!(outcome, Err(IndexError::ValueLen { found: 8, .. })));
    assert!(matches!(RunIndex::open(folder.path(), NAME, 65), Err(IndexError::Settings(_))));
    for name in ["", "Fact", "fact-1", "../fact", "fact.run"] {
        assert!(matches!(RunIndex::open(folder.path(), name, 8), Err(IndexError::Settings(_))), "{name:?}");
    }
    assert!(matches!(index.checkpoint(&vec![0; MARK_BYTES_MAX + 1]), Err(IndexError::Settings(_))));
}

#[test]
fn two_indexes_share_a_folder_and_files_of_one_can_be_removed() {
    let folder = tempfile::tempdir().expect("folder");
    let names = ["fact", "fact_1"];
    for name in names {
        let index = RunIndex::open(folder.path(), name, 40).expect("open");
        index.put(key(1), &value(1));
        index.checkpoint(b"mark").expect("checkpoint");
    }
    RunIndex::remove_files(folder.path(), "fact").expect("remove");
    assert_eq!(files(folder.path()), ["fact_1-1.run", "fact_1.manifest"]);
    assert_eq!(open(folder.path(), 40).mark(), None);
    RunIndex::remove_files(folder.path(), "fact").expect("nothing to remove");
    let other = RunIndex::open(folder.path(), "fact_1", 40).expect("open");
    assert_eq!(get(&other, 1).as_deref(), Some(value(1).as_slice()));
}

#[test]
fn readers_on_other_threads_never_miss_a_key() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    (0..500).for_each(|n| index.put(key(n), &value(n)));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                for n in 0..500 {
                    let found = get(&index, n).expect("a key that was put before");
                    assert!(found == value(n) || found == value(n + 1_000));
                }
            }
        });
        for round in 0..12_u64 {
            for n in 0..500 {
                index.put(key(n), &value(n + 1_000 * (round % 2)));
            }
            index.checkpoint(&round.to_be_bytes()).expect("checkpoint");
        }
        done.store(true, Ordering::SeqCst);
    });
}
