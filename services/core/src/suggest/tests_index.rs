//! Laws of the index: after any history its suggestions are those of the records held.

use super::{
    Change, Pair, Raw, Record, Suggester, Suggestion, VALUES_MAX,
    compare::compare,
    index::{BLOCK_MAX, threshold_for},
    keys::{KEYS_MAX, keys},
};
use crate::normalise::Region;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const THRESHOLD: i32 = 1_500;

const NAMES: [&str; 6] = ["林曉萍", "曉萍 林", "林小姐", "林大同", "Anna Berg", "berg anan"];
const PHONES: [&str; 4] = ["0928111333", "0928-111-331", "0955888222", ""];
const DATES: [&str; 3] = ["1988-03-04", "0770403", ""];
const ADDRESSES: [&str; 3] = ["臺北市和平東路三段12號5樓", "台北市和平东路3段十二號", ""];

#[derive(Clone, Debug)]
enum Step {
    Upsert(u32, Features),
    Remove(u32),
    /// Excludes a pair, or lets it in again.
    Toggle(u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct Features {
    name: usize,
    phone: usize,
    date: usize,
    address: usize,
}

impl Features {
    fn record(self) -> Record {
        let [phone, date, address] = [PHONES[self.phone], DATES[self.date], ADDRESSES[self.address]];
        let raw = Raw {
            names: vec![NAMES[self.name]],
            phones: vec![phone],
            birth_dates: vec![date],
            addresses: vec![address],
            ..Raw::default()
        };
        Record::of(&raw, Region::TW)
    }
}

/// Features that most records share, so that blocks stand about their limit.
fn features() -> impl Strategy<Value = Features> {
    let mostly_first = |count: usize| prop_oneof![4 => Just(0), 1 => 0..count];
    let parts = (0..NAMES.len(), mostly_first(PHONES.len()), mostly_first(DATES.len()), 0..ADDRESSES.len());
    parts.prop_map(|(name, phone, date, address)| Features { name, phone, date, address })
}

fn history(handles: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..handles, features()).prop_map(|(id, f)| Step::Upsert(id, f)),
        2 => (0..handles).prop_map(Step::Remove),
        1 => (0..handles, 0..handles).prop_map(|(a, b)| Step::Toggle(a, b)),
    ];
    prop::collection::vec(step, 0..300)
}

/// The answer by its definition, without an index.
fn batch(records: &BTreeMap<u32, Record>, excluded: &BTreeSet<Pair>) -> BTreeMap<Pair, Suggestion> {
    let mut holders: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for (id, record) in records {
        for key in keys(record) {
            holders.entry(key).or_default().insert(*id);
        }
    }
    let mut out = BTreeMap::new();
    for (a, x) in records {
        for (b, y) in records.range(a + 1..) {
            let meet = holders.values().any(|h| h.len() <= BLOCK_MAX && h.contains(a) && h.contains(b));
            let found = compare(x, y).filter(|s| s.score >= THRESHOLD && !excluded.contains(&(*a, *b)));
            if let Some(found) = found.filter(|_| meet) {
                out.insert((*a, *b), found);
            }
        }
    }
    out
}

/// A suggester beside everything that judges it.
struct Lab {
    suggester: Suggester,
    records: BTreeMap<u32, Record>,
    excluded: BTreeSet<Pair>,
    /// What a reader of the changes knows.
    told: BTreeMap<Pair, Suggestion>,
}

impl Lab {
    fn new() -> Self {
        let suggester = Suggester::new(THRESHOLD);
        Self { suggester, records: BTreeMap::new(), excluded: BTreeSet::new(), told: BTreeMap::new() }
    }

    fn step(&mut self, step: &Step) {
        let (mut reconsidered, excluded) = (None, &mut self.excluded);
        if let Step::Toggle(a, b) = *step {
            let pair = (a.min(b), a.max(b));
            if !excluded.remove(&pair) {
                excluded.insert(pair);
            }
            reconsidered = Some(pair);
        }
        let is_excluded = |pair: Pair| excluded.contains(&pair);
        let changes = match (step, reconsidered) {
            (Step::Upsert(id, features), _) => {
                self.records.insert(*id, features.record());
                self.suggester.upsert(*id, features.record(), &is_excluded)
            }
            (Step::Remove(id), _) => {
                self.records.remove(id);
                self.suggester.remove(*id, &is_excluded)
            }
            (Step::Toggle(..), Some((a, b))) => self.suggester.reconsider(b, a, &is_excluded),
            (Step::Toggle(..), None) => Vec::new(),
        };
        for Change { pair, before, after } in changes {
            assert_eq!(self.told.get(&pair).copied(), before, "{pair:?}");
            assert_ne!(before, after, "{pair:?}");
            match after {
                Some(found) => self.told.insert(pair, found),
                None => self.told.remove(&pair),
            };
        }
    }

    fn judge(&self) {
        let found: BTreeMap<Pair, Suggestion> = self.suggester.suggestions().collect();
        assert_eq!(found, batch(&self.records, &self.excluded));
        assert_eq!(found, self.told);
        assert_eq!(self.suggester.len(), self.records.len());
        for id in self.records.keys() {
            let of: BTreeSet<u32> = self.suggester.of(*id).map(|(other, _)| other).collect();
            let other =
                |pair: &Pair| if pair.0 == *id { Some(pair.1) } else { (pair.1 == *id).then_some(pair.0) };
            assert_eq!(of, found.keys().filter_map(other).collect::<BTreeSet<_>>());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn after_any_history_suggestions_are_those_of_the_records_held(history in history(130)) {
        let mut lab = Lab::new();
        for step in &history {
            lab.step(step);
        }
        lab.judge();
    }

    #[test]
    fn after_every_step_of_a_small_history_too(history in history(8)) {
        let mut lab = Lab::new();
        for step in &history {
            lab.step(step);
            lab.judge();
        }
    }

    #[test]
    fn comparing_does_not_depend_on_the_side(a in features(), b in features()) {
        prop_assert_eq!(compare(&a.record(), &b.record()), compare(&b.record(), &a.record()));
    }

    #[test]
    fn any_text_gives_a_bounded_record(text in any::<String>(), more in ".{0,300}") {
        let many = vec![text.as_str(), more.as_str(), "a b c d e f g h", "1 2 3 4 5 6 7 8 9", "x", "y", "z"];
        let raw = Raw {
            names: many.clone(),
            phones: many.clone(),
            emails: many.clone(),
            addresses: many.clone(),
            birth_dates: many.clone(),
            codes: many.iter().map(|v| ("kind", *v)).collect(),
        };
        let record = Record::of(&raw, Region::TW);
        prop_assert!(keys(&record).len() <= KEYS_MAX);
        prop_assert!(record.names.len() <= VALUES_MAX && record.addresses.len() <= VALUES_MAX);
        prop_assert!(compare(&record, &record).is_none_or(|s| s.score >= 0));
    }
}

#[test]
fn a_key_of_too_many_suggests_nothing_until_they_are_fewer() {
    let features = Features { name: 0, phone: 0, date: 2, address: 2 };
    let (mut lab, full) = (Lab::new(), BLOCK_MAX as u32);
    for id in 0..full {
        lab.step(&Step::Upsert(id, features));
    }
    assert_eq!(lab.told.len(), BLOCK_MAX * (BLOCK_MAX - 1) / 2);
    lab.step(&Step::Upsert(full, features));
    assert!(lab.told.is_empty(), "the block is closed");
    lab.judge();
    lab.step(&Step::Remove(7));
    assert_eq!(lab.told.len(), BLOCK_MAX * (BLOCK_MAX - 1) / 2, "the block is open again");
    lab.judge();
}

#[test]
fn the_order_of_records_does_not_matter() {
    let of = |n: usize| Features { name: n % 6, phone: n / 6 % 4, date: n / 24 % 3, address: n / 72 % 3 };
    let (mut forward, mut backward) = (Lab::new(), Lab::new());
    for n in 0..216 {
        forward.step(&Step::Upsert(n as u32, of(n)));
        backward.step(&Step::Upsert(215 - n as u32, of(215 - n)));
    }
    assert!(!forward.told.is_empty());
    assert_eq!(forward.told, backward.told);
}

#[test]
fn households_are_no_duplicates() {
    let person = |name, phone, born, address| {
        let raw = Raw { names: vec![name], phones: vec![phone], birth_dates: vec![born], ..Raw::default() };
        Record::of(&Raw { addresses: vec![address], ..raw }, Region::TW)
    };
    let home = "104 臺北市中山區民權東路二段9號3樓";
    let mother = person("林曉萍", "02-2345-6789", "1960-05-06", home);
    let son = person("林大同", "02-2345-6789", "1988-03-04", home);
    let again = person("曉萍 林", "02 2345 6789", "民國49年5月6日", "台北市民权东路2段9號3F");
    assert_eq!(compare(&mother, &son), None);
    assert_eq!(compare(&mother, &person("林大同", "02-2345-6789", "", home)), None);
    let found = compare(&mother, &again).expect("no veto");
    assert!(found.score >= threshold_for(1_000_000), "{found:?}");
    assert_eq!(found.reasons().map(|r| r.weight).sum::<i32>(), found.score);
}

#[test]
fn thresholds_grow_with_the_number_of_records() {
    for (records, want) in [(0, 325), (1, 325), (100, 995), (5_000, 1_552), (1_000_000, 2_319)] {
        assert_eq!(threshold_for(records), want, "{records}");
    }
    assert!(threshold_for(usize::MAX) > threshold_for(1_000_000_000));
}
