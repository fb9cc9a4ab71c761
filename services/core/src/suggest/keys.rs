//! Which pairs of records are looked at: those that share at least one of several keys.
//!
//! One key would miss every pair with an error in it; the union of these misses a pair only if it has errors everywhere.
//! Keys are made of two parts where one alone is common (a birth date alone is shared by dozens among a million people).

use super::{address::Address, name::Name, record::Record};
use crate::text::{hash, mix};
use smallvec::SmallVec;

/// Keys of one record; what comes later in the order of [`keys`] is left out.
pub const KEYS_MAX: usize = 48;

/// The two largest numbers of an address are a key if the larger is at least this: they are mostly postcode and house, while a
/// section and a floor are the same in too many addresses.
const RARE_NUMBER: u32 = 100;

/// Letters of a word that take part in a key.
const PREFIX: usize = 4;

/// The keys of a record, sorted, each once. In order of what they tell: codes, phones, mail addresses; name with name; birth
/// date with a part of the name or a number of the address; a part of the name with a number; the two largest numbers of one address.
pub(super) fn keys(record: &Record) -> Box<[u64]> {
    let mut out: SmallVec<[u64; KEYS_MAX]> = SmallVec::new();
    let mut put = |kind: u64, a: u64, b: u64| {
        let key = mix(mix(kind ^ mix(a)) ^ b);
        if out.len() < KEYS_MAX && !out.contains(&key) {
            out.push(key);
        }
    };
    for code in &record.codes {
        put(1, code.kind, hash(0, &code.value));
    }
    for phone in &record.phones {
        put(2, hash(0, &phone.digits), 0);
    }
    for email in &record.emails {
        put(3, hash(0, &email.local), hash(0, &email.domain));
    }
    let parts: SmallVec<[Part; 4]> = record.names.iter().flat_map(parts).collect();
    for name in &record.names {
        whole(name, |a, b| put(4, a, b));
    }
    for date in &record.dates {
        // Day and month in order of size, so that swapped ones meet.
        let (low, high) = (date.month.min(date.day), date.month.max(date.day));
        let day = u64::from(date.year) << 16 | u64::from(low) << 8 | u64::from(high);
        for part in &parts {
            put(5, day, part.letter);
        }
        for number in numbers(&record.addresses) {
            put(6, day, number);
        }
    }
    for number in numbers(&record.addresses) {
        for part in &parts {
            put(7, part.prefix, number);
        }
    }
    for address in &record.addresses {
        if let [.., a, b] = address.numbers[..]
            && b >= RARE_NUMBER
        {
            put(8, u64::from(a), u64::from(b));
        }
    }
    out.sort_unstable();
    out.into_vec().into()
}

/// What one word or character of a name gives to a key.
struct Part {
    letter: u64,
    prefix: u64,
}

fn parts(name: &Name) -> SmallVec<[Part; 4]> {
    match name {
        // By sound, and the whole name in any order: one character is too common beside a house number.
        Name::Han(name) => {
            let whole = bag(&name.sounds);
            name.sounds
                .iter()
                .filter(|c| **c != '*')
                .map(|c| Part { letter: u64::from(u32::from(*c)), prefix: whole })
                .collect()
        }
        Name::Words(words) => {
            let part = |w: &str| Part { letter: hash(1, prefix(w, 1)), prefix: hash(2, prefix(w, PREFIX)) };
            words.iter().map(|word| part(word)).collect()
        }
    }
}

/// Two words of a name by how they begin, in any order; all characters of a Han name by sound, in any order.
fn whole(name: &Name, mut put: impl FnMut(u64, u64)) {
    match name {
        Name::Han(name) if name.sounds.len() > 1 => put(bag(&name.sounds), 0),
        Name::Han(_) => {}
        Name::Words(words) => {
            for (at, a) in words.iter().enumerate() {
                for b in &words[at + 1..] {
                    let (a, b) = (hash(2, prefix(a, PREFIX)), hash(2, prefix(b, PREFIX)));
                    put(a.min(b), a.max(b));
                }
            }
        }
    }
}

fn bag(sounds: &[char]) -> u64 {
    sounds.iter().map(|c| mix(u64::from(u32::from(*c)))).fold(0, u64::wrapping_add)
}

fn prefix(word: &str, letters: usize) -> &str {
    word.char_indices().nth(letters).map_or(word, |(end, _)| &word[..end])
}

fn numbers(addresses: &[Address]) -> impl Iterator<Item = u64> {
    addresses.iter().flat_map(|a| a.numbers.iter().map(|n| u64::from(*n)))
}
