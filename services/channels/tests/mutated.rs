//! Every decoder against inputs that were changed on purpose: bits, splices of two fixtures, numbers and lengths without end,
//! nesting, repeated keys, broken UTF-8, cuts. No panic, no input that takes long, no event that no record can hold, and memory
//! that stays where it was.
//!
//! 15,000 inputs; 1,000,000 with `TRIBUTARY_LONG=1`. A failure names its `TRIBUTARY_SEED`, which makes that input the first.

#![expect(clippy::disallowed_methods, reason = "how long an input takes is what is measured")]

mod support;

#[path = "mutated/change.rs"]
mod change;

use change::{Rng, SMALL, change};
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};
use support::{base_settings, channel, fixtures};
use tributary_channels::{
    REGISTRY,
    adapter::Decoded,
    cloudevents,
    kit::{Case, RECEIVED_AT},
    samples,
    settings::Channel,
};
use tributary_core::{token::IndexKey, wire};

const INPUTS: u64 = 15_000;
const INPUTS_LONG: u64 = 1_000_000;
const SEED: u64 = 0x7472_6962_7574_6172;
/// Longest time of one input of [`SMALL`] bytes, and of each further [`SMALL`] bytes of the few that are larger.
const LONGEST: Duration = Duration::from_millis(100);
/// What an event or a row that is none may cost beside that in a debug build, whose code is several times slower: a file of
/// thousands of rows is thousands of them, however short they are.
const EACH: Duration = if cfg!(debug_assertions) { Duration::from_micros(50) } else { Duration::ZERO };
/// Whoever else runs on this machine makes a try slow now and then, not five in a row.
const TRIES: usize = 5;
/// What a record of the log holds.
const RECORD_MAX: usize = 768 * 1024;
/// What the peak of memory may grow by, in KiB: two inputs are worked on at a time, and files repeat their header for each row, up
/// to 64 times the file's size or 16 MiB.
const GROWTH_MAX_KIB: u64 = 320 * 1024;
const THREADS: u64 = 2;

/// A decoder and the requests that it is given in changed form.
struct Target {
    channel: Channel,
    case: Case,
}

fn targets() -> Vec<Target> {
    let mut out = Vec::new();
    for registration in REGISTRY {
        let kind = registration.kind;
        out.extend(fixtures(kind).into_iter().map(|f| Target { channel: f.channel, case: f.case }));
        for sample in registration.samples {
            let body = samples::fill(sample, 1, RECEIVED_AT, &[]);
            let mut case = Case::new(sample.name, sample.content_type, body);
            case.public_url = Some(support::public_url(kind));
            out.push(Target { channel: channel(kind, base_settings(kind)), case });
        }
    }
    for target in &mut out {
        target.case = target.case.signed(&target.channel);
    }
    out
}

/// What a request goes through on its way in; the sizes of its records.
fn walk(channel: &Channel, case: &Case, key: &IndexKey) -> Vec<usize> {
    let request = case.request();
    let _ = channel.adapter.verify(&request);
    let _ = channel.adapter.preflight(&request);
    let _ = channel.adapter.once(&request);
    // An unverified request is never decoded in service; here it must stand anything.
    let mut decoded: Decoded = channel.adapter.decode(&request).unwrap_or_default();
    let rows = match channel.context.kind.as_str() {
        "cloudevents" => cloudevents::decode_batch(&case.body).unwrap_or_default(),
        _ => Vec::new(),
    };
    decoded.events.extend(rows.into_iter().flatten());
    decoded.events.extend(channel.adapter.read_profile("U1", &case.body, RECEIVED_AT));
    // What is not understood is a record too, in pieces where it is large.
    let rest = decoded.unrecognised.iter().map(|rest| rest.raw.body.len().min(RECORD_MAX));
    let mut sizes: Vec<usize> = rest.collect();
    for draft in decoded.events {
        for event in channel.context.events(draft, RECEIVED_AT, key) {
            sizes.push(wire::encode(&event).len());
        }
    }
    sizes
}

/// One input; what is wrong with it.
fn try_one(targets: &[Target], key: &IndexKey, seed: u64, longest: &mut Duration) -> Option<String> {
    let mut random = Rng::new(seed);
    let target = &targets[random.below(targets.len())];
    let other = &targets[random.below(targets.len())].case.body;
    let case = change(&target.case, other, target.channel.registration.body_max, &mut random);
    let run = || catch_unwind(AssertUnwindSafe(|| walk(&target.channel, &case, key)));
    let (mut took, mut over) = (Duration::MAX, None);
    for _ in 0..TRIES {
        let (begun, before) = (Instant::now(), worked());
        let Ok(sizes) = run() else {
            return Some(named(target, &case, seed, "panics"));
        };
        took = took.min(begun.elapsed());
        if let (Some(before), Some(now)) = (before, worked()) {
            took = took.min(now.saturating_sub(before));
        }
        if let Some(size) = sizes.iter().find(|size| **size > RECORD_MAX) {
            return Some(named(target, &case, seed, &format!("gives a record of {size} bytes")));
        }
        let pieces = u32::try_from(case.body.len().div_ceil(SMALL).max(1)).unwrap_or(u32::MAX);
        let allowed = LONGEST * pieces + EACH * u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        over = (took > allowed).then_some(sizes.len());
        if over.is_none() {
            break;
        }
    }
    *longest = (*longest).max(took);
    over.map(|events| named(target, &case, seed, &format!("takes {took:?} for {events} events")))
}

/// Processor time of this thread, where the system tells it: decoders wait for nothing, and others work on this machine too.
fn worked() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn named(target: &Target, case: &Case, seed: u64, what: &str) -> String {
    let (kind, name, bytes) = (&target.channel.context.kind, &case.name, case.body.len());
    format!("{kind}/{name}, changed to {bytes} bytes, {what}; TRIBUTARY_SEED={seed} repeats it")
}

/// The most memory that this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

#[test]
fn changed_inputs_neither_panic_nor_last_nor_grow() {
    let is_long = support::variable("TRIBUTARY_LONG").is_some_and(|value| value == "1");
    let inputs = if is_long { INPUTS_LONG } else { INPUTS };
    let first = support::variable("TRIBUTARY_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let targets = targets();
    let before = peak_kib();
    let part = |at: u64| {
        let targets = &targets;
        move || {
            let key = IndexKey::new(&[7; 32]);
            let (mut wrong, mut longest) = (Vec::new(), Duration::ZERO);
            for number in (at..inputs).step_by(THREADS as usize) {
                let seed = first.wrapping_add(number);
                wrong.extend(try_one(targets, &key, seed, &mut longest));
                if wrong.len() >= 10 {
                    break;
                }
            }
            (wrong, longest)
        }
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|at| scope.spawn(part(at))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread ends")).collect()
    });
    let grown = peak_kib().saturating_sub(before);
    let longest = results.iter().map(|(_, longest)| *longest).max().unwrap_or_default();
    let wrong: Vec<String> = results.into_iter().flat_map(|(wrong, _)| wrong).collect();
    println!(
        "{inputs} inputs over {} requests of {} kinds: the longest took {longest:?}, memory grew by {grown} KiB",
        targets.len(),
        REGISTRY.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(grown <= GROWTH_MAX_KIB, "memory grew by {grown} KiB");
}
