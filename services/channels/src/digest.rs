//! SHA-256 as text, for keys and for values that must not be shown.

use sha2::{Digest, Sha256};

/// All 64 hexadecimal digits.
#[must_use]
pub fn hex64(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// All 64 hexadecimal digits over the parts as if they were one.
#[must_use]
pub fn hex64_of(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hex(&hash.finalize())
}

/// The first 32 hexadecimal digits: enough for a key inside one channel.
#[must_use]
pub fn hex32(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..16])
}

/// The first 32 hexadecimal digits over the parts, each after its length, so that parts cannot run into each other.
pub(crate) fn hex32_of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()[..16])
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
