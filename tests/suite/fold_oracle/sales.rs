//! One sale that several channels see counts once: random tills, invoices and shops against a plain reading of the rule, in
//! any order, with copies and revisions, live and in bulk.

use super::{Seen, World};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{
    body::{Body, Purchase, Refund},
    draft::{Claim, Draft, Purchases},
    event::{RecordedEvent, Trust},
    identity::policy::Policy,
    ids::{Position, REMOVAL},
    money::Money,
    time::Micros,
    token::{IndexKey, Token},
};
use tributary_tests::{
    generate::{deliver, with_copies},
    oracle::Bought,
    rng::Rng,
    scenario::{Channel, builder::at},
};

/// Long names, and short ones that two shops may give.
const NAMES: [&str; 6] = ["AB12345670", "ab-12345671", "AB12345672", "#1001", "1002", "000"];
/// Facts of a channel.
const KEYS: usize = 5;

/// The channels: a till that counts, two that attach, one that is compared with nothing.
const CHANNELS: [(Channel, Purchases); 4] = [
    (Channel::Pos, Purchases::Count),
    (Channel::Web, Purchases::Attach),
    (Channel::Email, Purchases::Attach),
    (Channel::Line, Purchases::Alone),
];

/// What one revision says, as the rule is read here.
#[derive(Clone, Debug)]
struct Told {
    channel: usize,
    key: usize,
    revision: u64,
    at: Micros,
    who: Option<usize>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Sold { names: Vec<&'static str>, total: i64, currency: &'static str },
    Back { of: usize, total: i64 },
    Gone,
}

fn told(rng: &mut Rng) -> Told {
    let channel = rng.below(CHANNELS.len());
    let refund = rng.percent(20);
    let what = match rng.below(20) {
        0 => What::Gone,
        _ if refund => What::Back { of: rng.below(KEYS), total: 10 },
        _ => What::Sold {
            names: (0..1 + rng.below(2)).map(|_| *rng.pick(&NAMES)).collect(),
            total: *rng.pick(&[100, 100, 250]),
            currency: if rng.percent(10) { "HKD" } else { "TWD" },
        },
    };
    let key = rng.below(KEYS) + if refund { KEYS } else { 0 };
    let revision = if matches!(what, What::Gone) { REMOVAL } else { rng.below(3) as u64 };
    let day = if rng.percent(15) { 60 } else { 1 + rng.below(20) as i64 };
    let who = rng.percent(75).then(|| rng.below(3));
    Told { channel, key, revision, at: at(day, rng.below(600) as i64), who, what }
}

fn member(who: usize) -> Claim {
    Claim::new("member", "", format!("M{who}"), Trust::Verified)
}

fn event(told: &Told, number: u64, key: &IndexKey) -> RecordedEvent {
    let (channel, purchases) = CHANNELS[told.channel];
    let mut context = channel.context();
    context.purchases = purchases;
    let name = |key: usize| format!("fact/{key}");
    let body = match &told.what {
        What::Gone => Body::Removed { of: name(told.key) },
        What::Back { of, total } => {
            Body::Refund(Refund { of: name(*of), currency: "TWD".into(), total: Money::new(*total, 0) })
        }
        What::Sold { names, total, currency } => Body::Purchase(Purchase {
            currency: (*currency).into(),
            total: Money::new(*total, 0),
            refs: names.iter().map(|n| (*n).to_owned()).collect(),
            ..Purchase::default()
        }),
    };
    let mut draft = Draft::new(name(told.key), body);
    draft.revision = told.revision;
    draft.occurred_at = Some(told.at);
    draft.identifiers = told.who.map(member).into_iter().collect();
    let event = context.events(draft, told.at, key).pop().expect("an event");
    let position = Position { origin: 1, sequence: number };
    RecordedEvent { position, recorded_at: Micros(at(100, 0).0 + number as i64), event }
}

/// A history in which no two revisions of one fact have one number: which of them counts would be chance.
fn history(seed: u64) -> (Vec<Told>, Vec<RecordedEvent>) {
    let mut rng = Rng::new(seed);
    let mut seen = BTreeSet::new();
    let mut all: Vec<Told> = (0..10 + rng.below(30)).map(|_| told(&mut rng)).collect();
    all.retain(|t| seen.insert((t.channel, t.key, t.revision)));
    let key = IndexKey::new(&[7; 32]);
    let events = all.iter().zip(1..).map(|(told, number)| event(told, number, &key)).collect();
    (all, events)
}

fn long(name: &str) -> bool {
    name.len() > 7
}

/// Whether `other` counts for the sale that `own` saw.
fn outranks(other: &Told, own: &Told, before: bool) -> bool {
    let (What::Sold { names, total, currency }, What::Sold { names: mine, total: paid, currency: in_what }) =
        (&other.what, &own.what)
    else {
        return false;
    };
    let near = (other.at.0 - own.at.0).abs() <= 31 * 86_400_000_000;
    let named = |n: &&&str| **n != "000" && mine.contains(n) && (long(n) || total == paid);
    let ranks = match CHANNELS[other.channel].1 {
        Purchases::Count => true,
        Purchases::Attach => before,
        Purchases::Alone => false,
    };
    ranks && other.who.is_some() && near && currency == in_what && names.iter().any(|n| named(&n))
}

/// Sums by member, with the rule read plainly over the revisions that count.
fn sums(all: &[Told], events: &[RecordedEvent]) -> BTreeMap<usize, BTreeMap<String, (u64, u64, i64)>> {
    let mut newest: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (at, told) in all.iter().enumerate() {
        let known = newest.entry((told.channel, told.key)).or_insert(at);
        if all[*known].revision < told.revision {
            *known = at;
        }
    }
    let fact = |at: usize| events[at].event.fact_key();
    let is_uncounted = |at: usize| {
        CHANNELS[all[at].channel].1 == Purchases::Attach
            && newest.values().any(|o| *o != at && outranks(&all[*o], &all[at], fact(*o) < fact(at)))
    };
    let mut out: BTreeMap<usize, BTreeMap<String, (u64, u64, i64)>> = BTreeMap::new();
    for at in newest.values() {
        let told = &all[*at];
        // A refund without a name goes where its purchase goes.
        match &told.what {
            What::Sold { total, currency, .. } if !is_uncounted(*at) => {
                let Some(who) = told.who else { continue };
                let sum = out.entry(who).or_default().entry((*currency).to_owned()).or_default();
                (sum.0, sum.2) = (sum.0 + 1, sum.2 + total);
            }
            What::Back { of, total } => {
                let purchase = newest.get(&(told.channel, *of));
                let sold = |p: &usize| matches!(all[*p].what, What::Sold { .. });
                let gone = CHANNELS[told.channel].1 == Purchases::Attach
                    && purchase.is_some_and(|p| sold(p) && is_uncounted(*p));
                let hung = || purchase.filter(|p| sold(p)).and_then(|p| all[*p].who);
                let (false, Some(who)) = (gone, told.who.or_else(hung)) else { continue };
                let sum = out.entry(who).or_default().entry("TWD".to_owned()).or_default();
                (sum.1, sum.2) = (sum.1 + 1, sum.2 - total);
            }
            _ => {}
        }
    }
    out
}

fn found(world: &World) -> BTreeMap<Token, BTreeMap<String, Bought>> {
    let of = |seen: Seen| (*seen.identifiers.first().expect("an identifier"), seen.purchases);
    world.seen(50).into_values().map(of).filter(|(_, bought)| !bought.is_empty()).collect()
}

#[test]
fn a_sale_counts_once_in_any_order() {
    let key = IndexKey::new(&[7; 32]);
    let mut uncounted = 0;
    for seed in 0..super::histories() {
        let (all, events) = history(seed);
        let wanted: BTreeMap<Token, BTreeMap<String, Bought>> = sums(&all, &events)
            .into_iter()
            .map(|(who, sums)| {
                let bought = |(orders, refunds, net)| Bought { orders, refunds, net: Money::new(net, 0) };
                let sums = sums.into_iter().map(|(currency, sum)| (currency, bought(sum))).collect();
                (key.token("member", "", &format!("M{who}")), sums)
            })
            .collect();
        let listed = World::of(&events, &Policy::default(), seed);
        assert_eq!(found(&listed), wanted, "seed {seed}: {all:#?}");
        uncounted += u64::from(wanted.len() < 3);
        for (name, told) in [
            ("delivered", deliver(&events, seed)),
            ("copies", deliver(&with_copies(&events, seed), seed + 1)),
        ] {
            let world = World::of(&told, &Policy::default(), seed + 7);
            assert_eq!(world.views(), listed.views(), "seed {seed}, {name}");
            assert_eq!(world.fold.digest(), listed.fold.digest(), "seed {seed}, {name}: digest");
        }
    }
    assert!(uncounted > 0);
}

/// A name that very many facts had is nobody's, whoever comes first, and however they were corrected.
#[test]
fn a_name_of_everybody_names_nothing() {
    let key = IndexKey::new(&[7; 32]);
    for many in [31_u64, 32, 33, 40] {
        let sale = |n: u64, channel: usize| {
            let what = What::Sold { names: vec!["AB12345670"], total: 100, currency: "TWD" };
            Told { channel, key: n as usize, revision: 0, at: at(1, 0), who: Some(0), what }
        };
        let mut all: Vec<Told> = (1..many).map(|n| sale(n, 0)).collect();
        all.push(sale(0, 1));
        let events: Vec<RecordedEvent> =
            all.iter().zip(1..).map(|(told, number)| event(told, number, &key)).collect();
        let orders = if many > 32 { many } else { many - 1 };
        for seed in 0..6 {
            let told = if seed == 0 { events.clone() } else { deliver(&events, seed) };
            let world = World::of(&told, &Policy::default(), seed);
            let sums = found(&world).into_values().next().expect("a customer");
            assert_eq!(sums["TWD"].orders, orders, "{many} facts, seed {seed}");
        }
    }
}
