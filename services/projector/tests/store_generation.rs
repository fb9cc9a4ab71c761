//! Generations and their pointer file.

use std::fs;

use tributary_projector::store::generation::{GenerationError, Generations};

fn open() -> (tempfile::TempDir, Generations) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let generations = Generations::open(&folder.path().join("store")).expect("open");
    (folder, generations)
}

#[test]
fn the_first_generation_is_live_only_after_the_swap() {
    let (_folder, generations) = open();
    assert_eq!(generations.live().expect("live"), None);
    let first = generations.create_next().expect("create");
    assert_eq!(first, 1);
    assert!(generations.path(first).is_dir());
    assert_eq!(generations.live().expect("live"), None);
    generations.swap(first).expect("swap");
    assert_eq!(generations.live().expect("live"), Some(1));
}

#[test]
fn a_rebuild_swaps_and_the_stale_ones_go() {
    let (folder, generations) = open();
    for expected in 1..=3 {
        let number = generations.create_next().expect("create");
        assert_eq!(number, expected);
        fs::write(generations.path(number).join("row"), b"1").expect("file");
        generations.swap(number).expect("swap");
    }
    let building = generations.create_next().expect("create");
    fs::create_dir(folder.path().join("store/gen-2.broken-1")).expect("a broken copy");
    assert_eq!(generations.list().expect("list"), [1, 2, 3, 4]);
    assert_eq!(generations.remove_stale(Some(building)).expect("remove"), [1, 2]);
    assert_eq!(generations.list().expect("list"), [3, 4]);
    assert_eq!(generations.remove_stale(None).expect("remove"), [4]);
    assert_eq!(generations.live().expect("live"), Some(3));
    assert!(folder.path().join("store/gen-2.broken-1").is_dir());
}

#[test]
fn without_a_pointer_nothing_is_stale() {
    let (_folder, generations) = open();
    generations.create_next().expect("create");
    assert!(generations.remove_stale(None).expect("remove").is_empty());
    assert_eq!(generations.list().expect("list"), [1]);
}

#[test]
fn a_pointer_to_a_missing_folder_is_refused_and_its_number_is_not_used_again() {
    let (_folder, generations) = open();
    let first = generations.create_next().expect("create");
    generations.swap(first).expect("swap");
    fs::remove_dir(generations.path(first)).expect("loss");
    let error = generations.live().expect_err("missing");
    assert!(matches!(error, GenerationError::MissingLive(1)), "{error}");
    assert!(error.to_string().contains("gen-1"), "{error}");
    assert!(matches!(generations.remove_stale(None), Err(GenerationError::MissingLive(1))));
    assert_eq!(generations.create_next().expect("create"), 2);
}

#[test]
fn a_pointer_with_other_content_is_refused() {
    let (folder, generations) = open();
    generations.create_next().expect("create");
    for content in ["", "gen-", "gen-01", "gen-1\n\n", "../gen-1", "gen-+1", "gen-99999999999999999999"] {
        fs::write(folder.path().join("store/CURRENT"), content).expect("pointer");
        let outcome = generations.live();
        assert!(matches!(outcome, Err(GenerationError::BadPointer)), "{content:?}: {outcome:?}");
    }
}

#[test]
fn a_swap_to_nothing_keeps_the_old_pointer() {
    let (folder, generations) = open();
    let first = generations.create_next().expect("create");
    generations.swap(first).expect("swap");
    assert!(matches!(generations.swap(7), Err(GenerationError::MissingNext(7))));
    // What a crash before the rename leaves behind is of no consequence.
    fs::write(folder.path().join("store/CURRENT.tmp"), "gen-9").expect("left-over");
    assert_eq!(generations.live().expect("live"), Some(1));
    let second = generations.create_next().expect("create");
    generations.swap(second).expect("swap");
    assert_eq!(generations.live().expect("live"), Some(2));
}
