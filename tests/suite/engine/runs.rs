//! Indexes whose runs are written in the middle of a rebuild, and what comes after that: failures, crashes, restarts.

use super::{
    history,
    lab::{Faults, Picture, REBUILD_ENTRIES, Source, catch_up, picture},
    undisturbed,
};
use std::{path::Path, sync::Arc};
use tributary_core::identity::policy::Policy;
use tributary_eventlog::scan;
use tributary_projector::{Projector, decode};

/// The greatest number of a run of this index: runs are numbered in the order in which they are written.
fn newest_run(generation: &Path, index: &str) -> usize {
    let entries =
        std::fs::read_dir(generation).expect("a generation").map(|e| e.expect("an entry").file_name());
    let numbers = entries.filter_map(|name| {
        let name = name.to_str()?.to_owned();
        name.strip_prefix(index)?.strip_prefix('-')?.strip_suffix(".run")?.parse().ok()
    });
    numbers.max().unwrap_or(0)
}

/// Every event of the log is found by its id, and every fact at the place of its current revision.
fn lookups(projector: &Projector, source: &Source) -> Vec<(bool, bool)> {
    let records = scan(&*source.log, 1).map(|record| record.expect("readable"));
    let events = records.filter_map(|record| decode(&record).expect("sound"));
    events
        .map(|event| {
            projector.read(|read| {
                let found = read.engine().with_sources(|_, records| records.position(event.event.id));
                let current = read.engine().is_current(&event).expect("sound");
                (found.is_some(), current)
            })
        })
        .collect()
}

fn filled(histories: u64) -> (Source, Picture, Vec<(bool, bool)>) {
    let source = Source::memory();
    (0..histories).for_each(|seed| source.append(&history(seed)));
    let (wanted, _) = undisturbed(&source, &Policy::default());
    let dir = tempfile::tempdir().expect("a folder");
    let plain = super::start(dir.path(), &source, &Policy::default());
    catch_up(&plain, &*source.log);
    let places = lookups(&plain, &source);
    assert!(places.iter().all(|(found, _)| *found) && places.iter().any(|(_, current)| *current));
    (source, wanted, places)
}

#[test]
fn runs_written_on_the_way_hold_what_one_run_would() {
    let (source, wanted, places) = filled(4);
    let (dir, faults) = (tempfile::tempdir().expect("a folder"), Faults::default());
    let start = || {
        let options = faults.options(dir.path(), &Policy::default());
        Projector::start(options, Arc::clone(&source.log) as _).expect("starts")
    };
    let projector = start();
    catch_up(&projector, &*source.log);
    let report = projector.rebuild().expect("it can be rebuilt");
    assert_eq!(report.old_digest, Some(report.digest));
    let generation = dir.path().join("gen-2");
    for index in ["facts", "events"] {
        let runs = newest_run(&generation, index);
        assert!(
            runs > 2,
            "{runs} runs of {index} were written: nothing is tested with {REBUILD_ENTRIES} entries"
        );
    }
    assert_eq!((picture(&projector), lookups(&projector, &source)), (wanted.clone(), places.clone()));
    // The runs are all that a restart has of it.
    faults.crash(projector);
    let projector = start();
    catch_up(&projector, &*source.log);
    assert!(generation.is_dir(), "it was resumed, not folded again");
    assert_eq!((picture(&projector), lookups(&projector, &source)), (wanted, places));
}

/// A rebuild that fails after it wrote runs leaves the live generation, and nothing of its own that a crash could bring back.
#[test]
fn a_rebuild_that_ends_after_its_runs_changes_nothing() {
    let (source, wanted, places) = filled(1);
    for loads in [1, 3, 6, 12] {
        let (dir, faults) = (tempfile::tempdir().expect("a folder"), Faults::default());
        let start = || {
            let options = faults.options(dir.path(), &Policy::default());
            Projector::start(options, Arc::clone(&source.log) as _).expect("starts")
        };
        let projector = start();
        catch_up(&projector, &*source.log);
        let live = faults.store();
        // The store of the next generation fails, whenever it is opened.
        faults.fail_next_store_after(loads);
        assert!(projector.rebuild().is_err(), "the store failed after {loads} loads");
        assert_eq!(picture(&projector), wanted, "after {loads} loads");
        // What a crash would have left of it.
        let left = dir.path().join("gen-3");
        std::fs::create_dir(&left).expect("a folder");
        for name in ["facts-1.run", "facts.manifest", "events-1.run"] {
            std::fs::write(left.join(name), b"half a run").expect("a file");
        }
        live.fail_next_flush();
        drop(live);
        faults.stop(projector);
        let projector = start();
        catch_up(&projector, &*source.log);
        assert!(!left.exists(), "what was not finished goes");
        assert_eq!((picture(&projector), lookups(&projector, &source)), (wanted.clone(), places.clone()));
        projector.rebuild().expect("the next one succeeds");
        assert_eq!((picture(&projector), lookups(&projector, &source)), (wanted.clone(), places.clone()));
        faults.stop(projector);
    }
}
