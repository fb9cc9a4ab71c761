//! What is particular to sled: damage, locks, moving aside, the full fsync.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tributary_projector::store::{
    Commit, Group, SledOptions, SledStore, StoreError, ViewStore, open_or_move_aside,
};

const OPTIONS: SledOptions = SledOptions { cache_bytes: 16 << 20, flush_every_ms: Some(500) };

fn filled(path: &Path) {
    let store = SledStore::open(path, OPTIONS).expect("open");
    let rows = (0..3_000_u32).map(|n| (n.to_be_bytes().to_vec(), Some(vec![7; 200]))).collect();
    store.commit(Commit { groups: vec![Group::new(rows)], last: vec![] }).expect("commit");
    store.flush().expect("flush");
}

fn rows(store: &SledStore) -> usize {
    store.scan(b"", None, usize::MAX).expect("scan").len()
}

#[test]
fn a_sound_store_is_not_moved() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    filled(&path);
    let (store, aside) = open_or_move_aside(&path, OPTIONS).expect("open");
    assert_eq!(aside, None);
    assert_eq!(rows(&store), 3_000);
    assert!(store.stats().bytes_on_disk > 0);
}

#[test]
fn a_store_that_will_not_open_is_moved_aside_each_time() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    for number in 1..=2 {
        filled(&path);
        // Another engine version in the settings file is one of the ways not to open.
        fs::write(path.join("conf"), b"segment_size: 524288\nuse_compression: false\nversion: 9.9\n1234")
            .expect("damage");
        assert!(matches!(SledStore::open(&path, OPTIONS), Err(StoreError::Unopenable { .. })));
        let (store, aside) = open_or_move_aside(&path, OPTIONS).expect("open");
        assert_eq!(aside, Some(folder.path().join(format!("views.broken-{number}"))));
        assert_eq!(rows(&store), 0);
        assert!(aside.is_some_and(|aside| aside.join("db").is_file()), "the old files are kept");
    }
}

/// Ten commits of 300 rows, each with its number as the position.
fn filled_in_steps(path: &Path) {
    let store = SledStore::open(path, OPTIONS).expect("open");
    for step in 0..10_u8 {
        let row = |n: u16| ([step.to_be_bytes().as_slice(), &n.to_be_bytes()].concat(), Some(vec![7; 200]));
        let commit = Commit {
            groups: vec![Group::new((0..300).map(row).collect())],
            last: vec![(b"position".to_vec(), Some(vec![step]))],
        };
        store.commit(commit).expect("commit");
    }
    store.flush().expect("flush");
}

/// Whether the store is what the first commits left, with the position of the last of them.
///
/// # Panics
/// If a row is not as it was written.
fn is_whole_prefix(store: &SledStore) -> Result<bool, StoreError> {
    let commits = store.get(b"position")?.map_or(0, |value| usize::from(value[0]) + 1);
    let rows = store.scan(b"", None, usize::MAX)?;
    for (key, value) in &rows {
        assert!(key == b"position" || (key.len() == 3 && *value == [7; 200]), "a row was changed");
    }
    Ok(rows.len() == commits * 300 + usize::from(commits > 0))
}

/// What is damaged is moved aside, refused, or gone, and never read as something else. Rows may be gone while the rest opens:
/// sled takes what it cannot read for the torn end of what it wrote. Then the digest of all facts, which `verify`
/// compares, differs.
#[test]
fn damage_is_never_read_as_data() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    let mut noticed = 0;
    for part in 0..8_usize {
        let _ = fs::remove_dir_all(&path);
        filled_in_steps(&path);
        let mut bytes = fs::read(path.join("db")).expect("data");
        let from = bytes.len() * part / 8 + 50;
        bytes.iter_mut().skip(from).take(200).for_each(|byte| *byte ^= 0x5a);
        fs::write(path.join("db"), bytes).expect("damage");
        let (store, aside) = open_or_move_aside(&path, OPTIONS).expect("a store in any case");
        let whole = match is_whole_prefix(&store) {
            Ok(whole) => whole,
            Err(error) => {
                assert!(error.needs_rebuild(), "{error}");
                false
            }
        };
        let position = store.get(b"position").ok().flatten();
        noticed += usize::from(aside.is_some() || !whole || position != Some(vec![9]));
    }
    assert!(noticed > 0, "the damage met nothing");
}

#[test]
fn a_store_in_use_is_locked_and_stays_in_place() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("views");
    filled(&path);
    let holder = SledStore::open(&path, OPTIONS).expect("open");
    let Err(error) = open_or_move_aside(&path, OPTIONS) else { panic!("opened twice") };
    assert!(matches!(error, StoreError::Locked), "{error}");
    assert!(error.retryable());
    assert_eq!(rows(&holder), 3_000);
}

#[test]
fn a_folder_that_cannot_be_made_is_not_damage() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, b"not a folder").expect("file");
    let Err(error) = open_or_move_aside(&file.join("views"), OPTIONS) else { panic!("opened below a file") };
    assert!(matches!(error, StoreError::Io(_)), "{error}");
    assert!(!error.retryable());
}

#[test]
fn other_threads_read_while_one_writes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Arc::new(SledStore::open(&folder.path().join("views"), OPTIONS).expect("open"));
    let reader = Arc::clone(&store);
    let reading = std::thread::spawn(move || {
        let mut most = 0;
        while most < 50 {
            let found = reader.scan(b"", None, usize::MAX).expect("scan").len();
            assert!(found >= most, "rows went away");
            most = found;
        }
    });
    for n in 0..50_u32 {
        let group = Group::new(vec![(n.to_be_bytes().to_vec(), Some(vec![1]))]);
        store.commit(Commit { groups: vec![group], last: vec![] }).expect("commit");
    }
    reading.join().expect("reader");
}
