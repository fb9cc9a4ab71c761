//! The base beneath a store: what it refuses, what damage does, and that it is never seen half.

use std::fs;
use std::path::Path;
use tributary_projector::store::{Commit, SledOptions, SledStore, StoreError, ViewStore, open_or_move_aside};

const OPTIONS: SledOptions = SledOptions { cache_bytes: 16 << 20, flush_every_ms: Some(500) };
/// The file.
const BASE: &str = "base.rows";

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn rows(from: u32, to: u32) -> Rows {
    (from..to).map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; 100])).collect()
}

fn position(store: &SledStore) {
    let last = vec![(b"m".to_vec(), Some(b"1".to_vec()))];
    store.commit(Commit { groups: Vec::new(), last }).expect("commit");
    store.flush().expect("flush");
}

fn filled(path: &Path) {
    let _ = fs::remove_dir_all(path);
    let store = SledStore::open(path, OPTIONS).expect("open");
    store.load(rows(0, 1_000)).expect("load");
    store.load(rows(1_000, 2_000)).expect("load");
    store.loaded().expect("loaded");
    position(&store);
}

fn everything(store: &SledStore) -> Result<Rows, StoreError> {
    store.scan(b"", None, usize::MAX)
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    for second in [rows(999, 1_001), rows(10, 20), rows(0, 1_000)] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let store = SledStore::open(folder.path(), OPTIONS).expect("open");
        store.load(rows(0, 1_000)).expect("load");
        let refused = store.load(second).and_then(|()| store.loaded());
        assert!(matches!(refused, Err(StoreError::Unordered)), "{refused:?}");
    }
}

#[test]
fn only_an_empty_store_is_loaded() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    filled(&path);
    let store = SledStore::open(&path, OPTIONS).expect("open");
    assert!(matches!(store.load(rows(5_000, 5_001)), Err(StoreError::NotEmpty)));
    drop(store);
    fs::remove_dir_all(&path).expect("removed");
    let store = SledStore::open(&path, OPTIONS).expect("open");
    position(&store);
    assert!(matches!(store.load(rows(0, 1)), Err(StoreError::NotEmpty)));
}

#[test]
fn nothing_is_seen_before_all_is_loaded_nor_after_a_crash_before_that() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    let store = SledStore::open(&path, OPTIONS).expect("open");
    store.load(rows(0, 1_000)).expect("load");
    assert!(everything(&store).expect("scan").is_empty());
    drop(store);
    let store = SledStore::open(&path, OPTIONS).expect("open");
    assert!(everything(&store).expect("scan").is_empty());
    // What an attempt left is in nobody's way.
    store.load(rows(0, 10)).expect("load");
    store.loaded().expect("loaded");
    assert_eq!(everything(&store).expect("scan"), rows(0, 10));
}

/// Flipped bytes and cut files anywhere: refused, or met when read, and never read as data.
#[test]
fn damage_is_noticed_wherever_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    filled(&path);
    let sound = fs::read(path.join(BASE)).expect("the base");
    let places = (0..sound.len()).step_by(1_009).chain(sound.len() - 40..sound.len());
    for (number, at) in places.enumerate() {
        let mut bytes = sound.clone();
        if number % 3 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 0x41;
        }
        fs::write(path.join(BASE), bytes).expect("damage");
        let met = SledStore::open(&path, OPTIONS).and_then(|store| everything(&store));
        assert!(met.is_err_and(|error| error.needs_rebuild()), "damage at {at} was not noticed");
    }
    fs::write(path.join(BASE), sound).expect("repaired");
    let store = SledStore::open(&path, OPTIONS).expect("open");
    assert_eq!(everything(&store).expect("scan").len(), 2_001);
}

#[test]
fn a_store_whose_base_is_gone_is_moved_aside() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    filled(&path);
    fs::remove_file(path.join(BASE)).expect("removed");
    let (store, aside) = open_or_move_aside(&path, OPTIONS).expect("open");
    assert!(aside.is_some());
    assert!(everything(&store).expect("scan").is_empty());
}

#[test]
fn a_wiped_store_has_no_base_and_can_be_loaded_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    filled(&path);
    let store = SledStore::open(&path, OPTIONS).expect("open");
    store.wipe().expect("wipe");
    assert!(everything(&store).expect("scan").is_empty());
    assert!(!path.join(BASE).exists());
    store.load(rows(7, 9)).expect("load");
    store.loaded().expect("loaded");
    assert_eq!(everything(&store).expect("scan"), rows(7, 9));
}
