//! Identity alone: made-up people with four identifiers each, two events an identifier, resolved as fast as they come; then
//! unlinks, and one value that very many people share.

use super::{failed, machine, machine::ThreadTime, report::Figure, step};
use crate::cli::Failure;
use std::time::Instant;
use tributary_core::{
    body::{Body, IdentityAct},
    event::{Event, Identifier, RecordedEvent, Trust},
    identity::{Resolver, policy::Policy},
    ids::{EventId, Position},
    time::Micros,
    token::Token,
};

/// Identifiers of a person: member, LINE, phone, e-mail.
const EACH: u64 = 4;
/// Events of a person.
const ROUNDS: u64 = 8;
/// People whose events are mixed with each other; then come the next ones.
const MIXED: u64 = 100_000;
/// Events made before the clock runs.
const CHUNK: u64 = 10_000;
/// Unlinks timed.
const UNLINKS: u64 = 2_000;
/// People of the runs with and without a value that all share.
const SHARERS: u64 = 100_000;

/// Figures for so many identifiers.
pub(super) fn run(identifiers: u64) -> Result<Vec<Figure>, Failure> {
    step("identity");
    let people = (identifiers / EACH).max(1_000);
    let resident = machine::resident_bytes();
    let mut resolver = Resolver::new(Policy::default());
    let nanos = resolve(&mut resolver, people, 0, ordinary);
    if resolver.customers() as u64 != people {
        return Err(failed("identity", "people and customers differ in number"));
    }
    let known = resolver.identifiers() as f64;
    let lookups = lookup_nanos(&resolver, people);
    // Before the snapshot, whose memory goes back to the system: what is taken anew after that has to be made zero first.
    let unlink = unlinks(&mut resolver, people);
    // Not before: the allocator gives back what growing tables left only some calls later.
    let grown = machine::resident_bytes().saturating_sub(resident);
    let snapshot = ThreadTime::start();
    let bytes = resolver.snapshot();
    let written = snapshot.nanos() as f64 / 1e9;
    let loading = ThreadTime::start();
    let loaded = Resolver::from_snapshot(&bytes).map_err(|e| failed("the snapshot", e))?;
    let read = loading.nanos() as f64 / 1e9;
    if loaded.customers() != resolver.customers() {
        return Err(failed("the snapshot", "it holds other customers"));
    }
    drop(loaded);
    let snapshot_bytes = bytes.len() as f64;
    drop(bytes);
    drop(resolver);
    let (alone, shared) = (sharing(ordinary_sharer), sharing(sharer));
    let figure = |what: &str, value: f64, unit| Figure::new("identity", what, value, unit);
    Ok(vec![
        figure("identifiers", known, ""),
        figure("resolution, processor time", nanos, "ns/event").beside("looking one identifier up", lookups),
        figure("memory an identifier", grown as f64 / known, "bytes"),
        figure("snapshot an identifier", snapshot_bytes / known, "bytes"),
        figure("snapshot made", written, "s"),
        figure("snapshot read", read, "s"),
        figure("unlink, its customer split", unlink.mean / 1e3, "us"),
        figure("unlink, its customer split, p50", unlink.p50 / 1e3, "us"),
        figure("unlink, its customer split, p99", unlink.p99 / 1e3, "us"),
        figure("event on a value that 100,000 share", shared, "ns/event")
            .beside("on values of their own", alone),
    ])
}

/// What an identifier takes.
pub(super) struct Sized {
    /// Bytes of memory, with the evidence of two events each.
    pub memory: f64,
    /// Seconds of reading it back from a snapshot.
    pub read: f64,
}

/// Measures it with so many people, beside half as many whose memory is not counted: it holds what any number needs once.
pub(super) fn sized(people: u64) -> Result<Sized, Failure> {
    let mut resolver = Resolver::new(Policy::default());
    resolve(&mut resolver, people / 2, 0, ordinary);
    let (resident, before) = (machine::resident_bytes(), resolver.identifiers());
    resolve(&mut resolver, people, people / 2 * ROUNDS, others);
    let grown = machine::resident_bytes().saturating_sub(resident) as f64;
    let added = (resolver.identifiers() - before) as f64;
    let bytes = resolver.snapshot();
    let reading = ThreadTime::start();
    let loaded = Resolver::from_snapshot(&bytes).map_err(|e| failed("the snapshot", e))?;
    let read = reading.nanos() as f64 / 1e9;
    Ok(Sized { memory: grown / added, read: read / loaded.identifiers().max(1) as f64 })
}

/// People whom [`ordinary`] does not name.
fn others(person: u64, round: u64) -> Vec<Identifier> {
    ordinary(person + (1 << 40), round)
}

/// Resolves all events of so many people, numbered after `before`; gives nanoseconds an event.
fn resolve(resolver: &mut Resolver, people: u64, before: u64, names: fn(u64, u64) -> Vec<Identifier>) -> f64 {
    let mixed = people.min(MIXED);
    let (mut nanos, mut made) = (0, 0);
    let total = people.div_ceil(mixed) * mixed * ROUNDS;
    let mut chunk: Vec<RecordedEvent> = Vec::with_capacity(CHUNK as usize);
    for number in 0..total {
        let (block, within) = (number / (mixed * ROUNDS), number % (mixed * ROUNDS));
        // A stride without common factor spreads neighbours, as in life.
        let person = block * mixed + within % mixed * 7_919 % mixed;
        if person < people {
            chunk.push(event(before + number + 1, names(person, within / mixed)));
            made += 1;
        }
        if chunk.len() as u64 == CHUNK || number + 1 == total {
            let clock = ThreadTime::start();
            for event in &chunk {
                one(resolver, event);
            }
            nanos += clock.nanos();
            chunk.clear();
        }
    }
    nanos as f64 / made.max(1) as f64
}

/// What the fold does to identities with an ordinary event.
fn one(resolver: &mut Resolver, event: &RecordedEvent) {
    let ids: smallvec::SmallVec<[(Token, Trust); 3]> =
        event.event.identifiers.iter().map(|i| (i.token, i.trust)).collect();
    resolver.note(event);
    resolver.assert(&ids, event.effective_at(), event.event.id, None);
    resolver.settle();
    std::hint::black_box(resolver.attribute(&ids, event.effective_at()));
}

fn lookup_nanos(resolver: &Resolver, people: u64) -> f64 {
    let count = 1_000_000.min(people);
    let clock = ThreadTime::start();
    for n in 0..count {
        std::hint::black_box(resolver.customer_of(token(n.wrapping_mul(7_919) % people, 0)));
    }
    clock.nanos() as f64 / count.max(1) as f64
}

/// Nanoseconds of an operation.
struct Spread {
    /// Processor time, with what a table that grows in between costs once.
    mean: f64,
    p50: f64,
    p99: f64,
}

/// Unlinks of member and phone, each of another person.
fn unlinks(resolver: &mut Resolver, people: u64) -> Spread {
    let count = UNLINKS.min(people);
    let events: Vec<RecordedEvent> = (0..count)
        .map(|n| {
            let person = n.wrapping_mul(104_729) % people;
            let mut event = event(u64::from(u32::MAX) + n, vec![member(person), phone(person)]);
            event.event.body = Body::Identity { act: IdentityAct::Unlink };
            event
        })
        .collect();
    let clock = ThreadTime::start();
    let mut each: Vec<u128> = Vec::with_capacity(events.len());
    for event in &events {
        let began = Instant::now();
        resolver.act(event, IdentityAct::Unlink);
        std::hint::black_box(resolver.settle());
        each.push(began.elapsed().as_nanos());
    }
    let mean = clock.nanos() as f64 / count.max(1) as f64;
    each.sort_unstable();
    let rank = |percent: usize| each.get(each.len() * percent / 100).copied().unwrap_or(0) as f64;
    Spread { mean, p50: rank(50), p99: rank(99) }
}

/// Nanoseconds an event in which everybody names what `names` says, after all have named a phone of their own.
fn sharing(names: fn(u64, u64) -> Vec<Identifier>) -> f64 {
    let mut resolver = Resolver::new(Policy::default());
    resolve(&mut resolver, SHARERS, 0, ordinary_sharer);
    resolve(&mut resolver, SHARERS, SHARERS * ROUNDS, names)
}

fn ordinary(person: u64, round: u64) -> Vec<Identifier> {
    match round {
        0 | 5 => vec![member(person), phone(person)],
        1 | 4 => vec![identifier("line", person, 1, Trust::Verified)],
        2 => vec![member(person), identifier("line", person, 1, Trust::Verified)],
        3 => vec![member(person), identifier("email", person, 3, Trust::Claimed)],
        6 => vec![phone(person)],
        _ => vec![member(person)],
    }
}

/// Member and a phone of one's own, in every event.
fn ordinary_sharer(person: u64, _: u64) -> Vec<Identifier> {
    vec![member(person), phone(person)]
}

/// Member and the phone that everybody gives.
fn sharer(person: u64, _: u64) -> Vec<Identifier> {
    vec![member(person), phone(u64::MAX)]
}

fn member(person: u64) -> Identifier {
    identifier("member", person, 0, Trust::Verified)
}

fn phone(person: u64) -> Identifier {
    identifier("phone", person, 2, Trust::Claimed)
}

fn identifier(kind: &str, person: u64, which: u64, trust: Trust) -> Identifier {
    Identifier { kind: kind.to_owned(), scope: String::new(), trust, token: token(person, which), marks: 0 }
}

fn token(person: u64, which: u64) -> Token {
    Token(scattered(person.wrapping_mul(EACH).wrapping_add(which)))
}

/// Sixteen bytes that look like those of a hash.
fn scattered(number: u64) -> [u8; 16] {
    let mix = |mut x: u64| {
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    };
    let (high, low) = (mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15)), mix(!number));
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

fn event(number: u64, identifiers: Vec<Identifier>) -> RecordedEvent {
    let event = Event {
        id: EventId(scattered(number.wrapping_mul(31))),
        channel: String::new(),
        kind: String::new(),
        account: String::new(),
        key: String::new(),
        revision: 0,
        generation: 0,
        occurred_at: Micros(number as i64),
        identifiers,
        sealed: Vec::new(),
        body: Body::Note {},
        normaliser: 1,
        flags: 0,
        actor: String::new(),
        store: String::new(),
        brand: String::new(),
        profile_source: tributary_core::content::ProfileSource::default(),
    };
    let position = Position { origin: 1, sequence: number };
    RecordedEvent { position, recorded_at: Micros(number as i64), event }
}
