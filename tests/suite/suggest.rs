//! The duplicate finder against data whose truth is known: precision and recall over pairs, each run printed as a row.
//!
//! The data are not part of the repository: `TRIBUTARY_CORPUS` names their folder. Records are fed as a hub would feed them,
//! one by one, each field as the text that people typed.

#[path = "suggest/data.rs"]
mod data;
#[path = "suggest/estimate.rs"]
mod estimate;

use data::Person;
use std::{collections::HashMap, time::Instant};
use tributary_core::{
    normalise::Region,
    suggest::{Pair, Record, Suggester, threshold_for},
};

/// What a run found.
#[derive(Debug)]
struct Figures {
    precision: f64,
    f1: f64,
}

/// Feeds people to a new suggester; pairs of one `side` are not suggested where sides are linked.
fn run(title: &str, people: &[Person], linked: bool) -> Figures {
    let begun = Instant::now();
    let mut suggester = Suggester::new(threshold_for(people.len()));
    let excluded = |(a, b): Pair| linked && people[a as usize].side == people[b as usize].side;
    for (id, person) in (0_u32..).zip(people) {
        suggester.upsert(id, Record::of(&person.raw(), Region::TW), &excluded);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let found: Vec<Pair> = suggester.suggestions().map(|(pair, _)| pair).collect();
    let right = found.iter().filter(|(a, b)| people[*a as usize].truth == people[*b as usize].truth).count();
    let all = true_pairs(people, linked);
    let (precision, recall) = (right as f64 / found.len() as f64, right as f64 / all as f64);
    let f1 = 2.0 * precision * recall / (precision + recall);
    println!(
        "{title:<28} {:>7} {all:>6} {:>6} {precision:>9.4} {recall:>7.4} {f1:>7.4} {seconds:>7.2}",
        people.len(),
        found.len()
    );
    if std::env::var_os("TRIBUTARY_SUGGEST_SHOW").is_some() {
        show(people, &suggester, linked);
    }
    Figures { precision, f1 }
}

fn true_pairs(people: &[Person], linked: bool) -> usize {
    let mut sizes: HashMap<&str, [usize; 2]> = HashMap::new();
    for person in people {
        sizes.entry(&person.truth).or_default()[usize::from(person.side)] += 1;
    }
    let pairs = |n: usize| n * n.saturating_sub(1) / 2;
    sizes.values().map(|[a, b]| if linked { a * b } else { pairs(a + b) }).sum()
}

/// Prints what was wrong and what was missed: for a person who works at the rules.
fn show(people: &[Person], suggester: &Suggester, linked: bool) {
    for (pair, found) in suggester.suggestions() {
        let (a, b) = (&people[pair.0 as usize], &people[pair.1 as usize]);
        if a.truth != b.truth {
            println!("wrong {:?}\n  {:?}\n  {:?}", found, a.fields, b.fields);
        }
    }
    let mut groups: HashMap<&str, Vec<u32>> = HashMap::new();
    for (id, person) in (0_u32..).zip(people) {
        groups.entry(&person.truth).or_default().push(id);
    }
    for group in groups.values() {
        for (at, a) in group.iter().enumerate() {
            for b in &group[at + 1..] {
                let (x, y) = (&people[*a as usize], &people[*b as usize]);
                if (!linked || x.side != y.side) && !suggester.of(*a).any(|(other, _)| other == *b) {
                    let read = |p: &Person| Record::of(&p.raw(), Region::TW);
                    let found = tributary_core::suggest::compare(&read(x), &read(y));
                    println!("missed {found:?}\n  {:?}\n  {:?}", x.fields, y.fields);
                }
            }
        }
    }
}

#[test]
fn duplicates_are_found_in_data_with_a_known_truth() {
    let Some(corpus) = data::corpus("the duplicate finder on FEBRL and synthetic customers") else { return };
    println!("set                          records  pairs  found precision  recall      F1 seconds");
    for insured in [true, false] {
        let with = if insured { "with" } else { "without" };
        let least = if insured { 0.995 } else { 0.97 };
        let one = data::febrl(&corpus, "dataset3.csv", insured, 0);
        let mut two = data::febrl(&corpus, "dataset4a.csv", insured, 0);
        two.extend(data::febrl(&corpus, "dataset4b.csv", insured, 1));
        let dedup = run(&format!("febrl 3 {with} soc_sec_id"), &one, false);
        let link = run(&format!("febrl 4 {with} soc_sec_id"), &two, true);
        for found in [dedup, link] {
            assert!(found.precision >= 0.999, "{found:?}");
            assert!(found.f1 >= least, "{found:?}");
        }
    }
    let customers = data::customers(&corpus);
    let found = run("tw-synthetic", &customers, false);
    assert!(found.precision >= 0.999 && found.f1 >= 0.99, "{found:?}");
}
