//! A blocked bloom filter: all bits of a key lie in one cache line, so an absence costs one memory access.

use super::IndexKey;

/// Bits a key. At 12 and with blocks about 0.7 % of absent keys pass, each at the price of one read.
const BITS_PER_KEY: u64 = 12;
const LINE_BITS: u64 = 512;
const LINE_WORDS: usize = 8;
/// Bytes of a line in a file.
pub(super) const LINE_BYTES: usize = LINE_WORDS * 8;
/// Bits set for each key: seven numbers of nine bits fit the second half of the key.
const PROBES: u32 = 7;
const PROBE_BITS: u32 = 9;

/// One cache line.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Line([u64; LINE_WORDS]);

/// The filter of one run. An empty one lets nothing pass.
pub(super) struct Bloom {
    lines: Vec<Line>,
}

impl Bloom {
    /// A filter for at most `keys` keys.
    pub(super) fn for_keys(keys: u64) -> Self {
        let lines =
            usize::try_from(keys.saturating_mul(BITS_PER_KEY).div_ceil(LINE_BITS)).unwrap_or(usize::MAX);
        Self { lines: vec![Line::default(); lines] }
    }

    /// Reads what [`Bloom::write`] wrote.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let line = |bytes: &[u8]| {
            let mut line = Line::default();
            for (word, bytes) in line.0.iter_mut().zip(bytes.as_chunks().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            line
        };
        Self { lines: bytes.chunks_exact(LINE_BYTES).map(line).collect() }
    }

    /// Appends the lines as little-endian words.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for line in &self.lines {
            line.0.iter().for_each(|word| out.extend(word.to_le_bytes()));
        }
    }

    /// Number of lines.
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn insert(&mut self, key: &IndexKey) {
        let (first, second) = halves(key);
        let at = line_of(first, self.lines.len());
        if let Some(line) = self.lines.get_mut(at) {
            for bit in bits(second) {
                line.0[bit / 64] |= 1 << (bit % 64);
            }
        }
    }

    /// False means that the key was never inserted.
    pub(super) fn may_contain(&self, key: &IndexKey) -> bool {
        let (first, second) = halves(key);
        let at = line_of(first, self.lines.len());
        self.lines
            .get(at)
            .is_some_and(|line| bits(second).all(|bit| line.0[bit / 64] & (1 << (bit % 64)) != 0))
    }
}

fn halves(key: &IndexKey) -> (u64, u64) {
    let both = u128::from_be_bytes(*key);
    ((both >> 64) as u64, both as u64)
}

/// Maps uniform bits to a line without a division.
fn line_of(first: u64, lines: usize) -> usize {
    ((u128::from(first) * lines as u128) >> 64) as usize
}

/// Bit numbers within a line; nine bits each, so always under 512.
fn bits(second: u64) -> impl Iterator<Item = usize> {
    (0..PROBES).map(move |probe| (second >> (probe * PROBE_BITS)) as usize % LINE_BITS as usize)
}
