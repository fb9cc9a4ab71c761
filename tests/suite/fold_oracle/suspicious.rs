//! Suspicious days against a plain count of all receipts, after every event and in any order; and what they keep out.

use super::{histories, judge_one, world::World};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    body::{Body, IdentityAct},
    draft::Draft,
    event::{RecordedEvent, Trust},
    fold::{
        fragment::Fragment,
        receipts::{DAYS_MAX, RECEIPTS_MAX},
    },
    identity::policy::Policy,
    ids::{Position, REMOVAL},
    token::{IndexKey, Token},
    view,
};
use tributary_tests::{
    oracle::suspicious::{Days, Suspicious, suspicious},
    scenario::{
        Channel,
        builder::{act, at, claim, purchase},
    },
    spree,
};

/// Records of a history at most; enough for fragments with time pages now and then.
const RECORDS: usize = 60;
/// Facts from which on a fragment has time pages, and more.
const MANY: usize = 400;

/// Identifiers with suspicious days as the world has them.
fn found(world: &World) -> BTreeMap<Token, Suspicious> {
    let marked = world.memory.rows.keys().filter(|key| key[0] == b's');
    let tokens: BTreeSet<Token> = marked.map(|key| Token(key[1..].try_into().expect("a token"))).collect();
    let one = |token: Token| {
        let suspicion = view::suspicion(world.sources(), token).expect("rows are sound")?;
        let days: Days = suspicion
            .days
            .iter()
            .map(|of| (i64::from(of.day.0), (of.receipts as usize, of.stores as usize)))
            .collect();
        Some((token, Suspicious { days, open: suspicion.open }))
    };
    tokens.into_iter().filter_map(one).collect()
}

fn difference(world: &World, wanted: &BTreeMap<Token, Suspicious>) -> Option<String> {
    let found = found(world);
    (found != *wanted).then(|| format!("found {found:#?}\nwanted {wanted:#?}"))
}

/// After every event, live, in commits wherever the seed puts them.
fn as_it_comes(events: &[RecordedEvent], policy: &Policy, seed: u64) -> Option<String> {
    let mut world = World::new(policy);
    for (at, event) in events.iter().enumerate() {
        world.apply(event);
        world.commit(if seed.is_multiple_of(2) { 0 } else { 1_000 });
        let told = difference(&world, &suspicious(&events[..=at], policy));
        if told.is_some() {
            return told.map(|told| format!("after {} events: {told}", at + 1));
        }
    }
    None
}

/// In the end, in another order with copies; some seeds fold in bulk.
fn delivered(events: &[RecordedEvent], policy: &Policy, seed: u64) -> Option<String> {
    let wanted = suspicious(&spree::delivered(events, seed), policy);
    difference(&World::of(&spree::delivered(events, seed), policy, seed), &wanted)
}

/// Rows of suspicious days and heads of a fold.
fn rows(world: &World) -> BTreeMap<&[u8], &[u8]> {
    let rows = world.memory.rows.iter().filter(|(key, _)| matches!(key[0], b's' | b'h'));
    rows.map(|(key, row)| (&**key, &**row)).collect()
}

#[test]
fn suspicious_days_are_those_of_a_plain_count_after_every_event() {
    let mut days = 0;
    for seed in 0..histories() {
        let (events, policy) = (spree::history(seed, RECORDS), spree::policy(seed));
        judge_one("spree", seed, &events, &policy, as_it_comes);
        days += suspicious(&events, &policy).values().map(|one| one.days.len()).sum::<usize>();
    }
    assert!(days as u64 > histories() / 2, "histories with suspicious days are the point: {days} days");
}

#[test]
fn they_are_the_same_in_any_order_with_copies_and_in_bulk() {
    for seed in 0..histories() {
        judge_one("shuffled", seed, &spree::history(seed, RECORDS), &spree::policy(seed), delivered);
    }
    for seed in 0..histories() / 15 {
        judge_one("many", seed, &spree::history(seed, MANY), &spree::policy(seed), delivered);
    }
}

#[test]
fn live_and_in_bulk_write_the_same_rows() {
    for seed in 0..histories() {
        // The same order: a bulk rebuild reads the log as it stands.
        let (events, policy) = (spree::history(seed, RECORDS * 4), spree::policy(seed));
        let mut live = World::new(&policy);
        events.iter().for_each(|event| live.apply(event));
        live.commit(0);
        let mut bulk = World::new(&policy);
        bulk.fold.begin_bulk();
        events.iter().for_each(|event| bulk.apply(event));
        bulk.build();
        bulk.commit(0);
        let marks = |world: &World| -> Vec<(Vec<u8>, Vec<u8>)> {
            let rows = rows(world).into_iter().filter(|(key, _)| key[0] == b's');
            rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect()
        };
        assert_eq!(marks(&live), marks(&bulk), "seed {seed}");
        assert_eq!(live.fold.digest(), bulk.fold.digest(), "seed {seed}");
    }
}

/// What is kept out is the sum of what stands with suspicious identifiers, and the totals stay as they are.
#[test]
fn what_is_kept_out_is_what_does_not_count() {
    let mut kept = 0;
    for seed in 0..histories() {
        let (events, policy) = (spree::history(seed, RECORDS), spree::policy(seed));
        let world = World::of(&events, &policy, seed);
        let sources = world.sources();
        for (id, customer) in world.customers() {
            let (head, kept_out) = view::sums(sources, customer).expect("rows are sound");
            assert_eq!(head, view::head(sources, customer).expect("rows are sound"));
            let mut orders = 0;
            for (key, _) in rows(&world).into_iter().filter(|(key, _)| key[0] == b'h') {
                let token = Token(key[1..].try_into().expect("a token"));
                let mut fragment = Fragment::load(sources.rows, token, false).expect("sound");
                let counted = fragment.each_fact(sources.rows, |_, fact| {
                    let theirs = sources.resolver.attribute(&fact.ids, fact.owned_at()) == Some(customer);
                    if theirs && fact.is_purchase()? && !view::counts(sources, token, fact.owned_at())? {
                        orders += 1;
                    }
                    Ok(())
                });
                counted.expect("sound");
            }
            assert_eq!(kept_out.head.receipts(), orders, "seed {seed}, {id}");
            kept += orders;
        }
    }
    assert!(kept > histories(), "{kept} receipts kept out");
}

/// A receipt of member M1: its number makes its key.
struct Till {
    key: IndexKey,
    sequence: u64,
}

impl Till {
    fn record(&mut self, channel: Channel, mut draft: Draft) -> RecordedEvent {
        self.sequence += 1;
        draft.identifiers = vec![claim("member", "M1", Trust::Verified)];
        let event = channel.context().events(draft, at(2_000, 0), &self.key).remove(0);
        let position = Position { origin: 1, sequence: self.sequence };
        RecordedEvent { position, recorded_at: at(2_000, self.sequence as i64), event }
    }

    fn receipt(&mut self, day: i64, minute: i64, store: &str) -> RecordedEvent {
        let mut draft = Draft::new(format!("{day}/{minute}"), purchase(10));
        draft.occurred_at = Some(at(day, minute));
        draft.store = store.to_owned();
        self.record(Channel::Pos, draft)
    }

    fn removal(&mut self, day: i64, minute: i64) -> RecordedEvent {
        let mut draft = Draft::new(format!("{day}/{minute}"), Body::Removed { of: "purchase".to_owned() });
        draft.revision = REMOVAL;
        self.record(Channel::Pos, draft)
    }
}

fn till() -> (Till, World, Token) {
    let mut till = Till { key: IndexKey::new(&[3; 32]), sequence: 0 };
    let token = till.receipt(1, 0, "").event.identifiers[0].token;
    (till, World::new(&Policy::default()), token)
}

/// Receipts of a day are counted up to a number, the earliest first, in whatever order they come.
#[test]
fn a_day_of_very_many_receipts_is_counted_so_far_and_no_farther() {
    let (mut till, mut world, token) = till();
    let day = |world: &World| {
        let suspicion = view::suspicion(world.sources(), token).expect("sound").expect("suspicious");
        assert_eq!(suspicion.days.len(), 1);
        (suspicion.days[0].receipts as usize, suspicion.days[0].stores)
    };
    // Every seventh minute first: late ones come before early ones.
    let minutes = (0..7).flat_map(|from| (from..700).step_by(7));
    for minute in minutes {
        let store = if minute < 60 { "early" } else { "late" };
        world.apply(&till.receipt(5, minute, store));
    }
    world.commit(0);
    assert_eq!(day(&world), (RECEIPTS_MAX, 2));
    // Sixty early ones and forty others: the others go, then the next ones count.
    for minute in 60..690 {
        world.apply(&till.removal(5, minute));
    }
    world.commit(0);
    assert_eq!(day(&world), (70, 2));
    for minute in 690..700 {
        world.apply(&till.removal(5, minute));
    }
    world.commit(0);
    assert_eq!(day(&world), (60, 1));
    for minute in 10..60 {
        world.apply(&till.removal(5, minute));
    }
    world.commit(0);
    assert_eq!(view::suspicion(world.sources(), token), Ok(None));
    assert!(!world.memory.rows.keys().any(|key| key[0] == b's'), "no row is left behind");
}

/// The newest days are kept; when one of them ends, the next older one is found again.
#[test]
fn the_newest_suspicious_days_are_remembered() {
    let (mut till, mut world, token) = till();
    let days = DAYS_MAX as i64 + 3;
    for day in 1..=days {
        for store in 0..6 {
            world.apply(&till.receipt(day, store, &format!("S{store}")));
        }
    }
    world.commit(0);
    let first = |world: &World| {
        let suspicion = view::suspicion(world.sources(), token).expect("sound").expect("suspicious");
        assert_eq!(suspicion.days.len(), DAYS_MAX);
        suspicion.days[0].day
    };
    let policy = Policy::default();
    assert_eq!(first(&world), policy.day(at(4, 0)));
    // The third day is none any more, so the second is the next.
    world.apply(&till.removal(3, 0));
    world.apply(&till.removal(days, 0));
    world.commit(0);
    assert_eq!(first(&world), policy.day(at(2, 0)));
    // A clearing covers its whole day, so the last one that is left is beyond one of the day before.
    let mut clear = |day: i64| {
        let mut draft = Draft::new(format!("clear/{day}"), act(IdentityAct::Clear));
        draft.occurred_at = Some(at(day, 1));
        till.record(Channel::Ops, draft)
    };
    for (day, open) in [(days - 2, true), (days - 1, false), (5, false)] {
        world.apply(&clear(day));
        world.commit(0);
        let suspicion = view::suspicion(world.sources(), token).expect("sound").expect("days stay listed");
        assert_eq!(suspicion.open, open, "cleared on day {day}");
        assert_eq!(view::counts(world.sources(), token, at(1, 0)), Ok(!open));
    }
}
