//! Damaged files beside and inside the store: found, and everything is folded again to the same views.

use super::{
    history,
    lab::{Picture, Source, catch_up, picture},
    start, undisturbed,
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tributary_core::identity::policy::Policy;

/// A store that has folded a history and wrote its checkpoint; its generation's folder.
fn filled(dir: &Path, source: &Source) -> (PathBuf, Picture) {
    source.append(&history(7));
    let policy = Policy::default();
    let projector = start(dir, source, &policy);
    catch_up(&projector, &*source.log);
    drop(projector);
    (live(dir), undisturbed(source, &policy).0)
}

fn live(dir: &Path) -> PathBuf {
    let name = fs::read_to_string(dir.join("CURRENT")).expect("a pointer");
    dir.join(name.trim())
}

fn files(dir: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries
        .filter(|p| p.is_file() && p.file_name().and_then(|n| n.to_str()).is_some_and(&wanted))
        .collect();
    found.sort();
    found
}

/// Turns every 64th byte over, from `from` on.
fn spoil(file: &Path, from: usize) {
    let mut bytes = fs::read(file).expect("a file");
    assert!(bytes.len() > from, "{} is too small to spoil", file.display());
    bytes.iter_mut().skip(from).step_by(64).for_each(|b| *b ^= 0xff);
    fs::write(file, bytes).expect("spoiled");
}

#[test]
fn damaged_files_beside_the_store_lead_to_the_same_views() {
    for (name, wanted) in [
        ("snapshot", &(|n: &str| n == "resolver.snapshot") as &dyn Fn(&str) -> bool),
        ("runs", &|n: &str| n.ends_with(".run")),
        ("manifests", &|n: &str| n.ends_with(".manifest")),
    ] {
        let (source, dir) = (Source::memory(), tempfile::tempdir().expect("a folder"));
        let (folder, wanted_picture) = filled(dir.path(), &source);
        let found = files(&folder, wanted);
        assert!(!found.is_empty(), "{name}: nothing to damage");
        found.iter().for_each(|file| spoil(file, 16));
        let projector = start(dir.path(), &source, &Policy::default());
        source.append(&history(8));
        catch_up(&projector, &*source.log);
        let (after, _) = undisturbed(&source, &Policy::default());
        assert_eq!(picture(&projector), after, "{name}");
        drop((projector, wanted_picture));
    }
}

#[test]
fn missing_files_beside_the_store_lead_to_the_same_views() {
    let (source, dir) = (Source::memory(), tempfile::tempdir().expect("a folder"));
    let (folder, wanted) = filled(dir.path(), &source);
    for file in files(&folder, |_| true) {
        fs::remove_file(file).expect("removed");
    }
    let projector = start(dir.path(), &source, &Policy::default());
    assert_eq!(picture(&projector), wanted);
}

#[test]
fn a_store_that_will_not_open_is_kept_aside_and_folded_again() {
    let (source, dir) = (Source::memory(), tempfile::tempdir().expect("a folder"));
    let (folder, wanted) = filled(dir.path(), &source);
    fs::write(folder.join("sled/conf"), b"segment_size: 524288\nuse_compression: false\nversion: 9.9\n1234")
        .expect("damage");
    let projector = start(dir.path(), &source, &Policy::default());
    let moved = projector.status().moved_aside.expect("it says where the broken one is");
    assert!(moved.join("conf").is_file(), "{} is kept", moved.display());
    assert_eq!(picture(&projector), wanted);
    drop(projector);
    let projector = start(dir.path(), &source, &Policy::default());
    assert_eq!(projector.status().moved_aside, None);
    assert_eq!(picture(&projector), wanted, "the new one opens");
}

#[test]
fn flipped_bytes_in_the_store_lead_to_the_same_views() {
    for from in [64, 4_096, 20_000] {
        let (source, dir) = (Source::memory(), tempfile::tempdir().expect("a folder"));
        let (folder, _) = filled(dir.path(), &source);
        spoil(&folder.join("sled/db"), from);
        let projector = start(dir.path(), &source, &Policy::default());
        source.append(&history(8));
        catch_up(&projector, &*source.log);
        let (wanted, _) = undisturbed(&source, &Policy::default());
        assert_eq!(picture(&projector), wanted, "damage from {from} on");
    }
}

#[test]
fn damaged_and_missing_rows_of_a_rebuild_lead_to_the_same_views() {
    for (name, damage) in [
        ("spoilt", &(|base: &Path| spoil(base, 16)) as &dyn Fn(&Path)),
        ("cut", &|base| {
            let bytes = fs::read(base).expect("a file");
            fs::write(base, &bytes[..bytes.len() / 2]).expect("cut");
        }),
        ("missing", &|base| fs::remove_file(base).expect("removed")),
    ] {
        let (source, dir) = (Source::memory(), tempfile::tempdir().expect("a folder"));
        let (_, wanted) = filled(dir.path(), &source);
        let projector = start(dir.path(), &source, &Policy::default());
        projector.rebuild().expect("rebuilt");
        drop(projector);
        damage(&live(dir.path()).join("sled/base.rows"));
        let projector = start(dir.path(), &source, &Policy::default());
        assert!(projector.status().moved_aside.is_some(), "{name}: it says where the broken one is");
        assert_eq!(picture(&projector), wanted, "{name}");
    }
}
