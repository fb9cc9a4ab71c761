//! Crashes and failures in the middle of a checkpoint.

use std::fs;
use std::path::Path;

use super::super::{IndexError, RunIndex};
use super::{files, get, key, open, value};

/// An index with two checkpoints; returns the folder's content as it was after the first.
fn two_checkpoints(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let index = open(dir, 40);
    (0..100).for_each(|n| index.put(key(n), &value(n)));
    index.checkpoint(b"old").expect("checkpoint");
    let content = |name: String| (name.clone(), fs::read(dir.join(name)).expect("file"));
    let before = files(dir).into_iter().map(content).collect();
    (50..150).for_each(|n| index.put(key(n), &value(n + 1_000)));
    index.checkpoint(b"new").expect("checkpoint");
    before
}

fn is_old(index: &RunIndex) -> bool {
    index.mark().as_deref() == Some(b"old".as_slice())
        && (0..100).all(|n| get(index, n).as_deref() == Some(value(n).as_slice()))
        && (100..150).all(|n| get(index, n).is_none())
}

#[test]
fn a_run_without_its_manifest_changes_nothing_and_goes() {
    let folder = tempfile::tempdir().expect("folder");
    // As after a crash between run and manifest: the new run is there, the old manifest too.
    for (name, content) in two_checkpoints(folder.path()) {
        fs::write(folder.path().join(name), content).expect("restore");
    }
    fs::write(folder.path().join("fact-3.run.tmp"), b"half a run").expect("left-over");
    assert_eq!(files(folder.path()), ["fact-1.run", "fact-2.run", "fact-3.run.tmp", "fact.manifest"]);
    let index = open(folder.path(), 40);
    assert!(is_old(&index));
    assert_eq!(files(folder.path()), ["fact-1.run", "fact.manifest"]);
    index.put(key(7), &value(7_000));
    index.checkpoint(b"again").expect("checkpoint");
    assert_eq!(get(&open(folder.path(), 40), 7).as_deref(), Some(value(7_000).as_slice()));
}

#[test]
fn merged_runs_that_a_crash_left_behind_go() {
    let folder = tempfile::tempdir().expect("folder");
    let before = two_checkpoints(folder.path());
    assert_eq!(files(folder.path()), ["fact-2.run", "fact.manifest"], "the second checkpoint merged");
    for (name, content) in before.into_iter().filter(|(name, _)| name.ends_with("run")) {
        fs::write(folder.path().join(name), content).expect("restore");
    }
    let index = open(folder.path(), 40);
    assert_eq!(index.mark().as_deref(), Some(b"new".as_slice()));
    assert_eq!(get(&index, 60).as_deref(), Some(value(1_060).as_slice()));
    assert_eq!(files(folder.path()), ["fact-2.run", "fact.manifest"]);
}

#[test]
fn a_failed_checkpoint_keeps_memory_and_the_old_mark() {
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    (0..100).for_each(|n| index.put(key(n), &value(n)));
    index.checkpoint(b"old").expect("checkpoint");
    (50..150).for_each(|n| index.put(key(n), &value(n + 1_000)));
    // A folder in the manifest's temporary place: the run is written, the manifest cannot be.
    let obstacle = folder.path().join("fact.manifest.tmp");
    fs::create_dir(&obstacle).expect("obstacle");
    let outcome = index.checkpoint(b"new");
    assert!(matches!(&outcome, Err(error @ IndexError::Io(_)) if error.retryable()), "{outcome:?}");
    assert_eq!(index.mark().as_deref(), Some(b"old".as_slice()));
    assert_eq!(index.len_memory(), 100);
    assert_eq!(get(&index, 60).as_deref(), Some(value(1_060).as_slice()));
    index.put(key(60), &value(2_060));
    index.remove(key(61));
    // The same files, seen after a restart.
    let copy = tempfile::tempdir().expect("folder");
    for name in files(folder.path()).into_iter().filter(|name| !name.ends_with("tmp")) {
        fs::copy(folder.path().join(&name), copy.path().join(&name)).expect("copy");
    }
    assert!(is_old(&open(copy.path(), 40)));

    fs::remove_dir(&obstacle).expect("obstacle");
    index.checkpoint(b"new").expect("checkpoint");
    let index = open(folder.path(), 40);
    assert_eq!(index.mark().as_deref(), Some(b"new".as_slice()));
    assert_eq!(get(&index, 60).as_deref(), Some(value(2_060).as_slice()));
    assert_eq!(get(&index, 61), None);
    assert_eq!(get(&index, 149).as_deref(), Some(value(1_149).as_slice()));
}
