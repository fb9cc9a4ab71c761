//! Crashes at random positions, with and without a checkpoint before, are no more than pauses.

use super::{
    history,
    lab::{Faults, Source, catch_up, feed, identity_changes, picture},
    undisturbed,
};
use std::sync::Arc;
use tributary_core::{event::RecordedEvent, identity::policy::Policy};
use tributary_projector::Projector;
use tributary_tests::{generate::policy, rng::Rng};

const HISTORIES: u64 = 12;

/// Appends the events in pieces; after each piece the projector goes on, stops with a checkpoint, or crashes.
fn interrupted(
    source: &Source,
    events: &[RecordedEvent],
    policy: &Policy,
    seed: u64,
) -> (tempfile::TempDir, Faults) {
    let dir = tempfile::tempdir().expect("a folder");
    let faults = Faults::default();
    let mut rng = Rng::new(seed ^ 0x0063_7261);
    let start =
        || Projector::start(faults.options(dir.path(), policy), Arc::clone(&source.log)).expect("starts");
    let mut projector = start();
    let mut rest = events;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at((1 + rng.below(12)).min(rest.len()));
        rest = later;
        if rng.percent(30) {
            // The commit in front of which it fails is dropped and folded again.
            faults.store().fail_after(rng.below(3));
        }
        source.append(piece);
        if rng.percent(80) {
            catch_up(&projector, &*source.log);
        }
        match rng.below(4) {
            0 => {
                faults.crash(projector);
                projector = start();
            }
            1 => {
                faults.stop(projector);
                projector = start();
            }
            _ => {}
        }
    }
    catch_up(&projector, &*source.log);
    faults.crash(projector);
    (dir, faults)
}

pub fn judge(source: &Source, events: &[RecordedEvent], seed: u64) {
    let policy = policy(seed);
    let (dir, faults) = interrupted(source, events, &policy, seed);
    let (wanted, changes) = undisturbed(source, &policy);
    let options = faults.options(dir.path(), &policy);
    let projector = Projector::start(options, Arc::clone(&source.log)).expect("starts");
    let live = std::fs::read_to_string(dir.path().join("CURRENT")).expect("a pointer");
    assert_eq!(live, "gen-1\n", "seed {seed}: it was resumed each time, never folded again");
    let resumed = picture(&projector);
    assert_eq!(resumed.digest, wanted.digest, "seed {seed}: resumed");
    assert_eq!(resumed, wanted, "seed {seed}: resumed");
    assert_eq!(identity_changes(&projector), changes, "seed {seed}: changes");
    chained(&projector, seed);
    let report = projector.rebuild().expect("it can be rebuilt");
    assert_eq!(report.old_digest, Some(report.digest), "seed {seed}: live and rebuilt");
    assert_eq!(picture(&projector), wanted, "seed {seed}: rebuilt");
    assert_eq!(identity_changes(&projector), changes, "seed {seed}: changes of the rebuild");
    chained(&projector, seed);
    let verified = projector.read(|read| read.verify()).expect("sound");
    assert_eq!(verified.stored_digest, verified.facts_digest, "seed {seed}: rows and their sum");
}

/// Each change follows the one before it of its customer.
fn chained(projector: &Projector, seed: u64) {
    let mut last = std::collections::BTreeMap::new();
    for change in feed(projector, 7) {
        let follows = last.insert(change.customer, change.version).unwrap_or(0);
        assert_eq!(change.follows, follows, "seed {seed}: {}", change.id);
        for gone in &change.from {
            last.remove(gone);
        }
        if change.kind == tributary_core::change::ChangeKind::Erased {
            last.remove(&change.customer);
        }
    }
}

#[test]
fn crashes_at_any_position_show_nowhere() {
    for seed in 0..HISTORIES {
        judge(&Source::memory(), &history(seed), seed);
    }
}

/// On segments, with a window so small that copies get into the log.
#[test]
fn crashes_show_nowhere_with_copies_in_the_log() {
    for seed in 100..100 + HISTORIES / 3 {
        let dir = tempfile::tempdir().expect("a folder");
        judge(&Source::segments(dir.path()), &history(seed), seed);
    }
}
