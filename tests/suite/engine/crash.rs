//! Crashes at random positions, with and without a checkpoint before, are no more than pauses.

use super::{
    history,
    lab::{Faults, Source, catch_up, feed, identity_changes, picture},
    undisturbed,
};
use std::sync::Arc;
use tributary_core::{event::RecordedEvent, identity::policy::Policy};
use tributary_projector::{Options, Projector};
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
    let start = || {
        Projector::start(faults.options(dir.path(), policy), Arc::clone(&source.log) as _).expect("starts")
    };
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
    let (events, more) = events.split_at(events.len() * 2 / 3);
    let (dir, faults) = interrupted(source, events, &policy, seed);
    let (wanted, changes) = undisturbed(source, &policy);
    let options = faults.options(dir.path(), &policy);
    let projector = Projector::start(options, Arc::clone(&source.log) as _).expect("starts");
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
    sound(&projector, seed);
    faults.crash(projector);
    go_on(source, more, (dir, faults), &policy, seed);
}

/// What is folded over a rebuilt store, with crashes, is what would be folded without.
fn go_on(
    source: &Source,
    more: &[RecordedEvent],
    (dir, faults): (tempfile::TempDir, Faults),
    policy: &Policy,
    seed: u64,
) {
    let start = || {
        Projector::start(faults.options(dir.path(), policy), Arc::clone(&source.log) as _).expect("starts")
    };
    for piece in more.chunks(more.len() / 3 + 1) {
        let projector = start();
        source.append(piece);
        catch_up(&projector, &*source.log);
        faults.crash(projector);
    }
    let projector = start();
    let live = std::fs::read_to_string(dir.path().join("CURRENT")).expect("a pointer");
    assert_eq!(live, "gen-2\n", "seed {seed}: the rebuilt one was resumed, never folded again");
    let (wanted, changes) = undisturbed(source, policy);
    assert_eq!(picture(&projector), wanted, "seed {seed}: folded over a rebuild");
    assert_eq!(identity_changes(&projector), changes, "seed {seed}: changes over a rebuild");
    chained(&projector, seed);
    sound(&projector, seed);
}

fn sound(projector: &Projector, seed: u64) {
    let verified = projector.read(|read| read.verify()).expect("sound");
    assert_eq!(verified.stored_digest, verified.facts_digest, "seed {seed}: rows and their sum");
}

/// Empty views over a log are folded in bulk, and a stop or a fault in the middle of that is no more than a pause.
#[test]
fn empty_views_are_filled_in_bulk_to_what_live_folding_gives() {
    for seed in 0..HISTORIES {
        let (source, policy) = (Source::memory(), policy(seed));
        source.append(&history(seed));
        let (wanted, changes) = undisturbed(&source, &policy);
        let (dir, faults) = (tempfile::tempdir().expect("a folder"), Faults::default());
        let mut options = faults.options(dir.path(), &policy);
        options.bulk_from = 0;
        let start = |options: &Options| {
            Projector::start(options.clone(), Arc::clone(&source.log) as _).expect("starts")
        };
        // Stopped at once: before, within or after the filling.
        faults.stop(start(&options));
        let projector = start(&options);
        catch_up(&projector, &*source.log);
        let live = std::fs::read_to_string(dir.path().join("CURRENT")).expect("a pointer");
        assert_ne!(live, "gen-1\n", "seed {seed}: it was filled, not folded batch by batch");
        assert_eq!(picture(&projector), wanted, "seed {seed}: filled");
        assert_eq!(identity_changes(&projector), changes, "seed {seed}: changes");
        faults.crash(projector);
        let projector = start(&options);
        assert_eq!(picture(&projector), wanted, "seed {seed}: resumed");
        let now = std::fs::read_to_string(dir.path().join("CURRENT")).expect("a pointer");
        assert_eq!(now, live, "seed {seed}: it was filled once");
        faults.stop(projector);
        further_behind(&source, seed, (dir, faults), &policy);
    }
}

/// Views that a stop left far behind are filled again; those that are a little behind go on batch by batch.
fn further_behind(source: &Source, seed: u64, (dir, faults): (tempfile::TempDir, Faults), policy: &Policy) {
    let mut options = faults.options(dir.path(), policy);
    let generation = || std::fs::read_to_string(dir.path().join("CURRENT")).expect("a pointer");
    for (more, filled) in [(15, false), (400, true)] {
        let before = generation();
        let events: Vec<_> = (0..9).flat_map(|n| history(1_000 + seed * 10 + n)).take(more).collect();
        source.append(&events);
        let (wanted, changes) = undisturbed(source, policy);
        options.bulk_from = 50;
        let projector = Projector::start(options.clone(), Arc::clone(&source.log) as _).expect("starts");
        catch_up(&projector, &*source.log);
        assert_eq!(generation() != before, filled, "seed {seed}: {more} more");
        assert_eq!(picture(&projector), wanted, "seed {seed}: {more} more");
        assert_eq!(identity_changes(&projector), changes, "seed {seed}: {more} more");
        faults.stop(projector);
    }
}

/// Each change follows the one before it of its customer.
pub fn chained(projector: &Projector, seed: u64) {
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
