//! Tests of the index.

mod basics;
mod crash;
mod damage;
mod model;
mod size;

use std::path::Path;

use super::{IndexKey, RunIndex};

const NAME: &str = "fact";

fn open(dir: &Path, value_len: usize) -> RunIndex {
    RunIndex::open(dir, NAME, value_len).expect("open")
}

/// A uniformly distributed key for a number.
fn key(n: u64) -> IndexKey {
    // The finisher of splitmix64, twice: a hash that needs no crate and never changes.
    let mix = |seed: u64| {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (high, low) = (mix(n), mix(mix(n) ^ n));
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// A value of 40 bytes, as the fact index has, that tells its number.
fn value(n: u64) -> [u8; 40] {
    let mut bytes = [0xa5; 40];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn get(index: &RunIndex, n: u64) -> Option<Vec<u8>> {
    index.get(&key(n)).expect("get").map(|value| value.to_vec())
}

/// Names in the folder, in order.
fn files(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("entry").file_name();
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .expect("folder")
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
