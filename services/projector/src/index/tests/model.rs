//! Random histories against a hash map.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{get, key, open};

#[derive(Clone, Debug)]
enum Step {
    Put(u64, u64),
    Remove(u64),
    /// Keys from the first on, as many as the second says.
    PutMany(u64, u64),
    Checkpoint,
    /// Drops what no checkpoint has written.
    Reopen,
}

/// Few keys, so that overwrites and removals meet values in older runs.
const KEYS: u64 = 400;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..KEYS, any::<u64>()).prop_map(|(n, value)| Step::Put(n, value)),
        4 => (0..KEYS).prop_map(Step::Remove),
        1 => (0..KEYS, 1..200_u64).prop_map(|(first, count)| Step::PutMany(first, count)),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_is_a_map_that_goes_back_to_its_mark(steps in prop::collection::vec(step(), 1..80)) {
        let folder = tempfile::tempdir().expect("folder");
        let mut index = open(folder.path(), 8);
        let mut now: HashMap<u64, u64> = HashMap::new();
        let mut marked = (None, now.clone());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(n, value) => {
                    index.put(key(n), &value.to_be_bytes());
                    now.insert(n, value);
                }
                Step::Remove(n) => {
                    index.remove(key(n));
                    now.remove(&n);
                }
                Step::PutMany(first, count) => for n in first..(first + count).min(KEYS) {
                    index.put(key(n), &n.to_be_bytes());
                    now.insert(n, n);
                },
                Step::Checkpoint => {
                    let mark = number.to_be_bytes();
                    index.checkpoint(&mark).expect("checkpoint");
                    marked = (Some(mark.to_vec()), now.clone());
                }
                Step::Reopen => {
                    index = open(folder.path(), 8);
                    prop_assert_eq!(index.mark(), marked.0.clone());
                    now = marked.1.clone();
                }
            }
        }
        for n in 0..KEYS {
            let expected = now.get(&n).map(|value| value.to_be_bytes().to_vec());
            prop_assert_eq!(get(&index, n), expected, "key {}", n);
        }
    }
}
