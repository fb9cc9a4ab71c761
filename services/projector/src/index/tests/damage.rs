//! A changed byte is noticed, wherever it lies: an error, never a wrong value.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{IndexError, RunIndex};
use super::{NAME, key, open, value};

const KEYS: u64 = 300;

/// An index of one run with the keys up to [`KEYS`]; the paths of its run and its manifest.
fn sound(dir: &Path) -> (PathBuf, PathBuf) {
    let index = open(dir, 40);
    (0..KEYS).for_each(|n| index.put(key(n), &value(n)));
    index.remove(key(KEYS));
    index.checkpoint(b"a mark of some length").expect("checkpoint");
    (dir.join("fact-1.run"), dir.join("fact.manifest"))
}

/// Reads every key, present and absent, and a merge; says whether damage was reported. Panics on a wrong answer.
fn damage_noticed(dir: &Path) -> bool {
    let index = match RunIndex::open(dir, NAME, 40) {
        Ok(index) => index,
        Err(error) => {
            assert!(error.needs_rebuild() && !error.retryable(), "{error}");
            return true;
        }
    };
    let mut noticed = false;
    for n in 0..2 * KEYS {
        match index.get(&key(n)) {
            Ok(found) if n < KEYS => assert_eq!(found.as_deref(), Some(value(n).as_slice()), "key {n}"),
            Ok(found) => assert_eq!(found, None, "key {n}"),
            Err(error) => {
                assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
                noticed = true;
            }
        }
    }
    (KEYS..2 * KEYS).for_each(|n| index.put(key(n), &value(n)));
    if let Err(error) = index.checkpoint(b"merged") {
        assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
        noticed = true;
    }
    noticed
}

/// Replaces the file by what `change` makes of it, checks, and puts it back.
fn check(dir: &Path, file: &Path, what: &str, change: impl Fn(&mut Vec<u8>)) {
    let kept: Vec<_> =
        super::files(dir).into_iter().map(|name| (dir.join(&name), fs::read(dir.join(name)))).collect();
    let mut bytes = fs::read(file).expect("file");
    change(&mut bytes);
    fs::write(file, bytes).expect("damage");
    assert!(damage_noticed(dir), "{what} was not noticed");
    for (path, content) in kept {
        fs::write(path, content.expect("file")).expect("restore");
    }
}

#[test]
fn a_sound_index_shows_no_damage() {
    let folder = tempfile::tempdir().expect("folder");
    sound(folder.path());
    assert!(!damage_noticed(folder.path()));
}

#[test]
fn a_changed_byte_is_noticed_in_every_region() {
    let folder = tempfile::tempdir().expect("folder");
    let (run, manifest) = sound(folder.path());
    let run_len = fs::metadata(&run).expect("run").len() as usize;
    let manifest_len = fs::metadata(&manifest).expect("manifest").len() as usize;
    // Every byte of the header and of the tail, and a stride that meets all offsets of an entry in between.
    let ends = (0..64).chain(run_len - 64..run_len);
    for at in ends.chain((64..run_len - 64).step_by(101)) {
        check(folder.path(), &run, &format!("byte {at} of {run_len} of the run"), |bytes| bytes[at] ^= 0x10);
    }
    for at in 0..manifest_len {
        check(folder.path(), &manifest, &format!("byte {at} of the manifest"), |bytes| bytes[at] ^= 0x10);
    }
}

#[test]
fn a_cut_or_lengthened_file_is_noticed() {
    let folder = tempfile::tempdir().expect("folder");
    let (run, manifest) = sound(folder.path());
    for file in [&run, &manifest] {
        let len = fs::metadata(file).expect("file").len() as usize;
        for cut in [0, 1, 10, 23, 24, len / 2, len - 1] {
            check(folder.path(), file, &format!("a cut to {cut} bytes"), |bytes| bytes.truncate(cut));
        }
        check(folder.path(), file, "an added byte", |bytes| bytes.push(0));
    }
}

#[test]
fn exchanged_blocks_are_noticed() {
    let folder = tempfile::tempdir().expect("folder");
    let (run, _) = sound(folder.path());
    // Two full blocks of 64 entries of 57 bytes, each with its own valid CRC.
    let block = 64 * 57 + 4;
    check(folder.path(), &run, "the exchange", |bytes| {
        let (first, rest) = bytes[24..].split_at_mut(block);
        first.swap_with_slice(&mut rest[..block]);
    });
}

#[test]
fn a_missing_or_foreign_run_is_noticed() {
    let folder = tempfile::tempdir().expect("folder");
    let (run, _) = sound(folder.path());
    let other = tempfile::tempdir().expect("folder");
    let index = open(other.path(), 40);
    (0..=KEYS).for_each(|n| index.put(key(n + 9_000), &value(n)));
    index.checkpoint(b"mark").expect("checkpoint");
    let foreign = fs::read(other.path().join("fact-1.run")).expect("run");
    check(folder.path(), &run, "the foreign run", |bytes| bytes.clone_from(&foreign));
    fs::remove_file(&run).expect("remove");
    assert!(damage_noticed(folder.path()));
    RunIndex::remove_files(folder.path(), NAME).expect("remove");
    assert_eq!(open(folder.path(), 40).mark(), None, "and it can be rebuilt");
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let folder = tempfile::tempdir().expect("folder");
    let (_, manifest) = sound(folder.path());
    let mut bytes = fs::read(&manifest).expect("manifest");
    bytes[8] = 2;
    let body = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..body]).to_le_bytes();
    bytes[body..].copy_from_slice(&crc);
    fs::write(&manifest, bytes).expect("manifest");
    let outcome = RunIndex::open(folder.path(), NAME, 40);
    assert!(matches!(outcome, Err(IndexError::Format { found: 2, .. })));
}
