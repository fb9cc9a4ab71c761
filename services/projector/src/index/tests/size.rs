//! An index of some size, and what lookups cost. The figures are printed, not judged: machines differ. Set
//! `TRIBUTARY_INDEX_ENTRIES` for another size.

use std::hint::black_box;
use std::time::Instant;

use super::super::bloom::Bloom;
use super::{get, key, open, value};

const ENTRIES: u64 = 100_000;
/// Sizes of the runs in percent: each more than twice the next, so they are not merged.
const PARTS: [u64; 4] = [68, 22, 7, 3];

#[test]
fn lookups_in_four_runs() {
    let entries = std::env::var("TRIBUTARY_INDEX_ENTRIES").ok().and_then(|text| text.parse().ok());
    let entries: u64 = entries.unwrap_or(ENTRIES);
    let folder = tempfile::tempdir().expect("folder");
    let index = open(folder.path(), 40);
    let mut next = 0;
    for part in PARTS {
        let end = next + entries / 100 * part;
        (next..end).for_each(|n| index.put(key(n), &value(n)));
        next = end;
        let start = Instant::now();
        index.checkpoint(b"mark").expect("checkpoint");
        println!("checkpoint of {part} % of {entries} entries: {:?}", start.elapsed());
    }
    let start = Instant::now();
    let index = {
        drop(index);
        open(folder.path(), 40)
    };
    println!("open: {:?}, {:?}", start.elapsed(), index.stats());
    assert_eq!(index.stats().runs, PARTS.len());
    assert_eq!(index.stats().entries, next);

    let absent: Vec<_> = (next..2 * next).map(key).collect();
    let start = Instant::now();
    assert!(absent.iter().all(|key| index.get(black_box(key)).expect("get").is_none()));
    println!("absent key: {} ns", start.elapsed().as_nanos() / u128::from(next));

    let present: Vec<u64> = (0..next).step_by(7).map(|n| n.wrapping_mul(7_919) % next).collect();
    let start = Instant::now();
    let found = present.iter().filter(|n| get(&index, **n).as_deref() == Some(value(**n).as_slice())).count();
    println!("present key: {} ns", start.elapsed().as_nanos() / present.len() as u128);
    assert_eq!(found, present.len());
}

#[test]
fn the_filter_passes_every_key_and_few_others() {
    let mut bloom = Bloom::for_keys(20_000);
    (0..20_000).for_each(|n| bloom.insert(&key(n)));
    assert!((0..20_000).all(|n| bloom.may_contain(&key(n))));
    let passed = (20_000..120_000).filter(|n| bloom.may_contain(&key(*n))).count();
    assert!(passed < 1_200, "{passed} of 100000 absent keys passed, where about 700 should");
    assert!(!Bloom::for_keys(0).may_contain(&key(1)));
}
