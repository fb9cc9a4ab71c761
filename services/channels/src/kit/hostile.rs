//! Bytes no source sends: cut off, changed, absurd. Whatever comes out, nothing may panic, and what is accepted as an event
//! must keep the laws.

use super::{Case, Effort, laws};
use crate::{
    adapter::{Decoded, Rejected},
    settings::Channel,
};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Deeper than any parser's stack would allow without a limit.
const NESTING: usize = 100_000;

/// Enough failures to see what is wrong.
const FAILURES_MAX: usize = 5;

/// Texts of a body that are replaced by an unknown word; more are of the same kinds.
const PLACES_MAX: usize = 64;

/// What no source says.
const UNKNOWN_WORD: &str = "unheard-of";

/// Pieces with a meaning to some parser; half of the mutations insert one.
const PIECES: [&[u8]; 16] = [
    b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"-1", b"1e999", b"\\ud800", b"\xff", b"\0",
    b"\r\n", b"%",
];

/// Decodes and reports a panic as text.
pub(super) fn decode(channel: &Channel, case: &Case) -> Result<Result<Decoded, Rejected>, String> {
    let run = || {
        // An unverified request is never decoded in service; here both must stand anything.
        drop(channel.adapter.verify(&case.request()));
        super::decode(channel, case)
    };
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| format!("panic on {} bytes", case.body.len()))
}

fn try_body(channel: &Channel, case: &Case, people: &[String], body: Vec<u8>, what: &str) -> Vec<String> {
    let changed = Case { body, ..case.clone() };
    let failures = match decode(channel, &changed) {
        Err(panic) => vec![panic],
        Ok(Err(rejected)) => laws::told(people, &rejected.detail).into_iter().collect(),
        Ok(Ok(decoded)) => {
            let mut failures = laws::round_trip(channel, &changed, &decoded);
            failures.extend(decoded.unrecognised.iter().filter_map(|u| laws::told(people, &u.detail)));
            failures
        }
    };
    failures.into_iter().map(|f| format!("{what}: {f}")).collect()
}

pub(super) fn truncations(channel: &Channel, case: &Case, people: &[String], effort: Effort) -> Vec<String> {
    let step = case.body.len().div_ceil(effort.truncations.max(1)).max(1);
    let mut failures = Vec::new();
    for length in (0..case.body.len()).step_by(step) {
        let body = case.body.iter().take(length).copied().collect();
        failures.extend(try_body(channel, case, people, body, &format!("cut at {length}")));
        if failures.len() >= FAILURES_MAX {
            break;
        }
    }
    failures
}

pub(super) fn mutations(channel: &Channel, case: &Case, people: &[String], effort: Effort) -> Vec<String> {
    let mut random = XorShift::new(effort.seed);
    let mut failures = Vec::new();
    for number in 0..effort.mutations {
        let mut body = case.body.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut body, &mut random);
        }
        failures.extend(try_body(
            channel,
            case,
            people,
            body,
            &format!("seed {:#x}, mutation {number}", effort.seed),
        ));
        if failures.len() >= FAILURES_MAX {
            break;
        }
    }
    failures
}

fn mutate(body: &mut Vec<u8>, random: &mut XorShift) {
    let at = random.below(body.len() + 1);
    match random.below(4) {
        0 => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            let end = (at + 1 + random.below(16)).min(body.len());
            body.drain(at.min(end)..end);
        }
        _ => {
            let piece = PIECES.get(random.below(PIECES.len())).copied().unwrap_or_default();
            body.splice(at..at, piece.iter().copied());
        }
    }
}

/// Empty, deep, not UTF-8, and digits without end.
pub(super) fn absurd(channel: &Channel, case: &Case, people: &[String]) -> Vec<String> {
    let inside = |open: &[u8], times: usize| {
        let middle = case.body.len() / 2;
        let mut body = case.body.iter().take(middle).copied().collect::<Vec<u8>>();
        body.extend(open.repeat(times));
        body.extend(case.body.iter().skip(middle));
        body
    };
    [
        ("empty", Vec::new()),
        ("nested lists", b"[".repeat(NESTING)),
        ("nested objects", b"{\"a\":".repeat(NESTING)),
        ("nested inside", inside(b"[", NESTING)),
        ("not UTF-8", inside(&[0xff, 0xfe, 0xc3, 0x28], 8)),
        ("zeros", inside(&[0], 64)),
        ("digits", inside(b"9", 65_536)),
        ("only line ends", b"\r\n".repeat(4_096)),
    ]
    .into_iter()
    .flat_map(|(what, body)| try_body(channel, case, people, body, what))
    .collect()
}

/// A request that this adapter understands, with a word in it that it cannot know: a type of event that the source added
/// last week must be kept, not passed over or refused.
pub(super) fn unknown_words(channel: &Channel, case: &Case, people: &[String]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<Value>(&case.body) else { return Vec::new() };
    let mut places = Vec::new();
    texts(&value, &mut String::new(), &mut places);
    let mut failures = Vec::new();
    for place in places.iter().take(PLACES_MAX) {
        let mut changed = value.clone();
        let Some(text) = changed.pointer_mut(place) else { continue };
        *text = UNKNOWN_WORD.into();
        let what = format!("an unknown word at {place}");
        let body = changed.to_string().into_bytes();
        let changed = Case { body: body.clone(), ..case.clone() };
        match decode(channel, &changed) {
            Ok(Ok(decoded)) if decoded.events.is_empty() && decoded.unrecognised.is_empty() => {
                failures.push(format!("{what}: nothing is kept"));
            }
            Ok(Err(rejected)) => failures.push(format!("{what}: refused ({rejected}), not kept")),
            _ => failures.extend(try_body(channel, case, people, body, &what)),
        }
        if failures.len() >= FAILURES_MAX {
            break;
        }
    }
    failures
}

/// Places of all texts in a JSON value, as pointers.
fn texts(value: &Value, at: &mut String, out: &mut Vec<String>) {
    let mut inside = |name: &str, value: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(&name.replace('~', "~0").replace('/', "~1"));
        texts(value, at, out);
        at.truncate(length);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| inside(name, value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, value)| inside(&i.to_string(), value)),
        Value::String(_) => out.push(at.clone()),
        _ => {}
    }
}

/// Marsaglia's xorshift64: the kit needs repeatable numbers, not good ones.
pub(super) struct XorShift(u64);

impl XorShift {
    /// Repeats itself for a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// From 0 up to and without `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}
