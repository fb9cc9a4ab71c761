//! What every [`ViewStore`] promises, as one list of checks. A check panics with what it met; nothing here is
//! needed while the hub runs.

use std::sync::Arc;

use super::{Commit, FaultStore, Group, Key, Row, StoreError, Value, ViewStore};

/// A store under test that can be closed and opened again with what is on its disk.
pub trait Subject {
    /// The open store. A check drops its handles before [`Subject::reopen`].
    fn store(&self) -> Arc<dyn ViewStore>;
    /// Closes the store and opens it again.
    fn reopen(&mut self);
}

/// One check, run on an empty store of its own.
pub struct Check {
    /// What is promised.
    pub name: &'static str,
    /// Panics when the promise does not hold.
    pub run: fn(&mut dyn Subject),
}

/// The list.
pub const CHECKS: &[Check] = &[
    Check { name: "a row is read back, an unknown key is absent", run: get },
    Check { name: "a delete removes, also of an absent key", run: delete },
    Check { name: "an empty commit changes nothing", run: empty_commit },
    Check { name: "of two rows with one key the later counts", run: later_row_counts },
    Check { name: "scans keep bounds, order and limit", run: scan },
    Check { name: "backward scans keep bounds, order and limit", run: scan_back },
    Check { name: "keys are ordered as unsigned bytes", run: key_order },
    Check {
        name: "a crash between batches leaves whole groups, in order, without the last rows",
        run: crash,
    },
    Check { name: "a commit done again after a crash is complete", run: commit_again },
    Check { name: "20,000 rows in one commit", run: many_rows },
    Check { name: "rows loaded by several threads are all there", run: load },
    Check { name: "what is committed over loaded rows counts, also after a reopen", run: commit_over_loaded },
    Check { name: "values of 32 KiB and more, and empty ones", run: large_values },
    Check { name: "a wiped store is empty and usable", run: wipe },
    Check { name: "rows, deletes and overwrites are there after a reopen", run: reopen },
];

/// Runs every check, each on a fresh empty store.
///
/// # Panics
/// When a promise does not hold; the check's name is on standard error.
pub fn run_all(fresh: &mut dyn FnMut() -> Box<dyn Subject>) {
    for check in CHECKS {
        eprintln!("check: {}", check.name);
        (check.run)(fresh().as_mut());
    }
}

fn put(key: &[u8], value: &[u8]) -> Row {
    (key.to_vec(), Some(value.to_vec()))
}

fn write(store: &dyn ViewStore, rows: Vec<Row>) {
    store.commit(Commit { groups: vec![Group::new(rows)], last: Vec::new() }).expect("commit");
}

fn get_of(store: &dyn ViewStore, key: &[u8]) -> Option<Value> {
    store.get(key).expect("get")
}

fn keys(rows: Vec<(Key, Value)>) -> Vec<String> {
    rows.into_iter().map(|(key, _)| String::from_utf8_lossy(&key).into_owned()).collect()
}

fn everything(store: &dyn ViewStore) -> Vec<(Key, Value)> {
    store.scan(b"", None, usize::MAX).expect("scan")
}

fn get(subject: &mut dyn Subject) {
    let store = subject.store();
    write(&*store, vec![put(b"b", b"2"), put(b"a", b"1")]);
    assert_eq!(get_of(&*store, b"a").as_deref(), Some(b"1".as_slice()));
    assert_eq!(get_of(&*store, b"b").as_deref(), Some(b"2".as_slice()));
    assert_eq!(get_of(&*store, b"c"), None);
    assert_eq!(get_of(&*store, b""), None);
}

fn delete(subject: &mut dyn Subject) {
    let store = subject.store();
    write(&*store, vec![put(b"a", b"1"), put(b"b", b"2")]);
    write(&*store, vec![(b"a".to_vec(), None), (b"never".to_vec(), None)]);
    assert_eq!(get_of(&*store, b"a"), None);
    assert_eq!(keys(everything(&*store)), ["b"]);
}

fn empty_commit(subject: &mut dyn Subject) {
    let store = subject.store();
    write(&*store, vec![put(b"a", b"1")]);
    store.commit(Commit::default()).expect("no groups");
    store.commit(Commit { groups: vec![Group::default(); 3], last: Vec::new() }).expect("empty groups");
    assert_eq!(keys(everything(&*store)), ["a"]);
    store.commit(Commit { groups: Vec::new(), last: vec![put(b"m", b"1")] }).expect("last rows only");
    assert_eq!(keys(everything(&*store)), ["a", "m"]);
}

fn later_row_counts(subject: &mut dyn Subject) {
    let store = subject.store();
    let first = Group::new(vec![put(b"a", b"1"), put(b"a", b"2"), put(b"b", b"1"), put(b"c", b"1")]);
    let second = Group::new(vec![(b"b".to_vec(), None), put(b"d", b"1")]);
    store.commit(Commit { groups: vec![first, second], last: vec![put(b"d", b"2")] }).expect("commit");
    assert_eq!(get_of(&*store, b"a").as_deref(), Some(b"2".as_slice()));
    assert_eq!(get_of(&*store, b"b"), None);
    assert_eq!(get_of(&*store, b"d").as_deref(), Some(b"2".as_slice()));
}

fn scan(subject: &mut dyn Subject) {
    let store = subject.store();
    write(&*store, ["a1", "a2", "a3", "b1", "c"].map(|key| put(key.as_bytes(), b"v")).to_vec());
    let found = |from: &str, to: Option<&str>, limit| {
        keys(store.scan(from.as_bytes(), to.map(str::as_bytes), limit).expect("scan"))
    };
    assert_eq!(found("", None, 10), ["a1", "a2", "a3", "b1", "c"]);
    assert_eq!(found("a2", None, 10), ["a2", "a3", "b1", "c"]);
    assert_eq!(found("a2", Some("b1"), 10), ["a2", "a3"]);
    assert_eq!(found("a", Some("b"), 2), ["a1", "a2"]);
    assert_eq!(found("a", Some("b"), 0), [""; 0]);
    assert_eq!(found("b2", Some("b9"), 10), [""; 0]);
    assert_eq!(found("b", Some("b"), 10), [""; 0]);
    assert_eq!(found("c", Some("a"), 10), [""; 0]);
}

fn scan_back(subject: &mut dyn Subject) {
    let store = subject.store();
    write(&*store, ["a1", "a2", "a3", "b1", "c"].map(|key| put(key.as_bytes(), b"v")).to_vec());
    let found = |from: &str, before: &str, limit| {
        keys(store.scan_back(from.as_bytes(), before.as_bytes(), limit).expect("scan back"))
    };
    assert_eq!(found("", "z", 10), ["c", "b1", "a3", "a2", "a1"]);
    assert_eq!(found("a2", "b1", 10), ["a3", "a2"]);
    assert_eq!(found("a", "c", 2), ["b1", "a3"]);
    assert_eq!(found("a", "c", 0), [""; 0]);
    assert_eq!(found("c", "c", 10), [""; 0]);
    assert_eq!(found("c", "a", 10), [""; 0]);
}

fn key_order(subject: &mut dyn Subject) {
    let store = subject.store();
    let sorted: [&[u8]; 6] = [b"h", b"h\x00", b"h\x00\x01", b"h\x01", b"h\x7f", b"h\xff"];
    write(&*store, sorted.iter().rev().map(|key| put(key, b"v")).collect());
    let found: Vec<Key> = everything(&*store).into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, sorted);
}

/// Groups of 700 rows: two fit a batch. Group `n` overwrites, deletes and adds.
fn groups_of_700(groups: u32) -> Vec<Group> {
    let rows = |n: u32| {
        let key = move |row: u32| [n.to_be_bytes(), row.to_be_bytes()].concat();
        let mut rows: Vec<Row> = (0..699).map(|row| (key(row), Some(vec![7; 20]))).collect();
        rows.push((format!("old{n}").into_bytes(), None));
        rows
    };
    (0..groups).map(|n| Group::new(rows(n))).collect()
}

/// Whether group `n` has landed; panics when a part of it has.
fn landed(store: &dyn ViewStore, n: u32) -> bool {
    let (from, to) = (n.to_be_bytes(), (n + 1).to_be_bytes());
    let rows = store.scan(&from, Some(&to), usize::MAX).expect("scan").len();
    let old = get_of(store, format!("old{n}").as_bytes()).is_some();
    match (rows, old) {
        (0, true) => false,
        (699, false) => true,
        _ => panic!("a part of group {n} landed: {rows} rows, old row there: {old}"),
    }
}

fn with_old_rows(store: &dyn ViewStore, groups: u32) {
    write(store, (0..groups).map(|n| put(format!("old{n}").as_bytes(), b"v")).collect());
}

fn crash(subject: &mut dyn Subject) {
    with_old_rows(&*subject.store(), 7);
    write(&*subject.store(), vec![put(b"position", b"0")]);
    for batches in 0..3 {
        let faulty = FaultStore::new(subject.store());
        faulty.fail_after(batches);
        let commit = Commit { groups: groups_of_700(7), last: vec![put(b"position", b"1")] };
        let outcome = faulty.commit(commit);
        assert!(matches!(outcome, Err(StoreError::Injected)), "{batches} batches: {outcome:?}");
        drop(faulty);
        subject.reopen();
        let store = subject.store();
        let there: Vec<bool> = (0..7).map(|n| landed(&*store, n)).collect();
        let whole = batches * 2;
        assert_eq!(there, (0..7).map(|n| n < whole).collect::<Vec<_>>(), "after {batches} batches");
        assert_eq!(get_of(&*store, b"position").as_deref(), Some(b"0".as_slice()));
    }
}

fn commit_again(subject: &mut dyn Subject) {
    let store = subject.store();
    with_old_rows(&*store, 7);
    let faulty = FaultStore::new(store.clone());
    faulty.fail_after(2);
    let commit = Commit { groups: groups_of_700(7), last: vec![put(b"position", b"1")] };
    faulty.commit(commit.clone()).expect_err("the injected failure");
    faulty.commit(commit).expect("the second try");
    assert!((0..7).all(|n| landed(&*store, n)));
    assert_eq!(get_of(&*store, b"position").as_deref(), Some(b"1".as_slice()));
}

fn many_rows(subject: &mut dyn Subject) {
    let key = |n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes();
    let groups = (0..2_000_u32)
        .map(|group| {
            Group::new((group * 10..group * 10 + 10).map(|n| put(&key(n), &n.to_le_bytes())).collect())
        })
        .collect();
    subject.store().commit(Commit { groups, last: vec![put(b"position", b"1")] }).expect("commit");
    let store = subject.store();
    for n in 0..20_000 {
        assert_eq!(get_of(&*store, &key(n)).as_deref(), Some(n.to_le_bytes().as_slice()), "row {n}");
    }
    let all = everything(&*store);
    assert_eq!(all.len(), 20_001);
    assert!(all.is_sorted_by(|one, other| one.0 < other.0));
}

/// Rows of two kinds, loaded by four threads in portions of consecutive keys; numbers are even.
fn load_some(store: &dyn ViewStore) {
    let row = |kind: u8, n: u32| ([[kind].as_slice(), &n.to_be_bytes()].concat(), n.to_le_bytes().repeat(20));
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            scope.spawn(move || {
                for portion in 0..6 {
                    let numbers = || (0..500).map(|n| (thread * 6 + portion) * 1_000 + n * 2);
                    let rows = numbers().flat_map(|n| [row(b'p', n), row(b'h', n)]).collect();
                    store.load(rows).expect("load");
                }
            });
        }
    });
    store.loaded().expect("all are loaded");
}

fn load(subject: &mut dyn Subject) {
    load_some(&*subject.store());
    for reopened in [false, true] {
        let all = everything(&*subject.store());
        assert_eq!(all.len(), 24_000, "reopened: {reopened}");
        assert!(all.is_sorted_by(|one, other| one.0 < other.0));
        assert!(all.iter().all(|(key, value)| key[1..].iter().rev().eq(&value[..4])));
        assert!(
            all.iter().step_by(97).all(|(key, value)| get_of(&*subject.store(), key).as_ref() == Some(value))
        );
        if !reopened {
            subject.store().flush().expect("flush");
            subject.reopen();
        }
    }
}

fn commit_over_loaded(subject: &mut dyn Subject) {
    let model = super::MemoryStore::new();
    load_some(&model);
    load_some(&*subject.store());
    // Every number of the first ones, so also those between the loaded: other values, removals, and removals of nothing.
    let row = |n: u32| {
        let key = [[if n % 5 < 2 { b'h' } else { b'i' }].as_slice(), &n.to_be_bytes()].concat();
        (key, (!n.is_multiple_of(3)).then(|| vec![n as u8; n as usize % 50]))
    };
    for from in [0, 300, 10_000] {
        let group = || Group::new((from..from + 900).map(row).collect());
        for store in [&model as &dyn ViewStore, &*subject.store()] {
            store.commit(Commit { groups: vec![group()], last: Vec::new() }).expect("commit");
        }
        subject.store().flush().expect("flush");
        subject.reopen();
        let store = subject.store();
        assert!(everything(&*store) == everything(&model), "after {from}");
        for (from, to, limit) in [("h", "i", 777), ("h", "p", usize::MAX), ("i", "q", 1), ("", "z", 30_000)] {
            let (from, to) = (from.as_bytes(), to.as_bytes());
            let both = [&model as &dyn ViewStore, &*store];
            let [expected, found] = both.map(|s| s.scan(from, Some(to), limit).expect("scan"));
            assert!(expected == found, "scan of {limit}");
            let [expected, found] = both.map(|s| s.scan_back(from, to, limit).expect("scan"));
            assert!(expected == found, "backward scan of {limit}");
        }
        for n in from..from + 1_000 {
            let (key, _) = row(n);
            assert_eq!(get_of(&*store, &key), get_of(&model, &key));
        }
    }
}

fn large_values(subject: &mut dyn Subject) {
    let value = |n: u8, bytes: usize| vec![n; bytes];
    let sizes = [0, 1, 32 << 10, (32 << 10) + 1, 200 << 10];
    let rows = || (0_u8..100).map(|n| (n, sizes[usize::from(n) % sizes.len()]));
    write(&*subject.store(), rows().map(|(n, bytes)| put(&[n], &value(n, bytes))).collect());
    subject.store().flush().expect("flush");
    subject.reopen();
    let store = subject.store();
    for (n, bytes) in rows() {
        assert!(get_of(&*store, &[n]) == Some(value(n, bytes)), "value {n} of {bytes} bytes differs");
    }
}

fn wipe(subject: &mut dyn Subject) {
    write(&*subject.store(), (0..500_u32).map(|n| put(&n.to_be_bytes(), b"v")).collect());
    subject.store().wipe().expect("wipe");
    assert!(everything(&*subject.store()).is_empty());
    subject.store().wipe().expect("wipe of an empty store");
    write(&*subject.store(), vec![put(b"a", b"1")]);
    subject.store().flush().expect("flush");
    subject.reopen();
    assert_eq!(keys(everything(&*subject.store())), ["a"]);
}

fn reopen(subject: &mut dyn Subject) {
    write(&*subject.store(), vec![put(b"a", b"1"), put(b"b", b"1"), put(b"c", b"1")]);
    write(&*subject.store(), vec![put(b"b", b"2"), (b"c".to_vec(), None)]);
    for _ in 0..3 {
        subject.store().flush().expect("flush");
        subject.reopen();
        let expected = [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"2".to_vec())];
        assert_eq!(everything(&*subject.store()), expected);
    }
}
