//! Where the weights come from: expectation maximisation over all pairs of a file, without its truth.

use super::data::{self, Person};
use std::collections::HashMap;
use tributary_core::{
    normalise::Region,
    suggest::{Field, Level, Levels, Record, weight},
};

/// Rounds after which the estimate moves no more.
const ROUNDS: usize = 60;

/// Where the estimate of a field's levels among pairs of one person begins.
const START: [f64; Level::ALL.len()] = [0.8, 0.08, 0.05, 0.05, 0.02];

type Table = [[f64; Level::ALL.len()]; Field::ALL.len()];

/// How often each pattern of levels occurs among all pairs.
fn patterns(people: &[Person]) -> HashMap<Levels, f64> {
    let records: Vec<Record> = people.iter().map(|p| Record::of(&p.raw(), Region::TW)).collect();
    let mut out: HashMap<Levels, f64> = HashMap::new();
    for (at, a) in records.iter().enumerate() {
        for b in &records[at + 1..] {
            *out.entry(Levels::between(a, b)).or_default() += 1.0;
        }
    }
    out
}

fn chance(table: &Table, levels: &Levels) -> f64 {
    let each = Field::ALL.iter().filter_map(|f| Some(table[*f as usize][levels.of(*f)? as usize]));
    each.product()
}

/// Shares of levels in a weighted count; a level never seen has half an occurrence.
fn shares(patterns: &HashMap<Levels, f64>, part: impl Fn(&Levels) -> f64) -> Table {
    let mut table: Table = [[0.5; Level::ALL.len()]; Field::ALL.len()];
    for (levels, count) in patterns {
        let amount = count * part(levels);
        for field in Field::ALL {
            if let Some(level) = levels.of(field) {
                table[field as usize][level as usize] += amount;
            }
        }
    }
    table.map(|row| {
        let sum: f64 = row.iter().sum();
        row.map(|n| n / sum)
    })
}

/// m, u and the share of pairs that are one person.
fn estimate(patterns: &HashMap<Levels, f64>) -> (Table, Table, f64) {
    let total: f64 = patterns.values().sum();
    let (mut m, mut u) = ([START; Field::ALL.len()], shares(patterns, |_| 1.0));
    let mut prior = 1e-4;
    for _ in 0..ROUNDS {
        let part = |levels: &Levels| {
            let (yes, no) = (prior * chance(&m, levels), (1.0 - prior) * chance(&u, levels));
            yes / (yes + no)
        };
        let matched: f64 = patterns.iter().map(|(levels, count)| count * part(levels)).sum();
        let next = (shares(patterns, part), shares(patterns, |l| 1.0 - part(l)), matched / total);
        (m, u, prior) = next;
    }
    (m, u, prior)
}

/// Rows of a file that are looked at: every pair of them is compared. All of them where `TRIBUTARY_ESTIMATE` is set, which
/// takes some minutes.
const ROWS: usize = 1_200;
/// A level that fewer pairs of one person have is too rare for an estimate.
const RARE: f64 = 0.03;
/// Bits by which a weight may exceed the estimate: that of a few hundred pairs is not better.
const SLACK: f64 = 1.5;

/// The weights in use say the same as the estimate, and not more: they are capped where the data are cleaner than life.
#[test]
fn weights_claim_no_more_than_the_data_without_their_truth() {
    let Some(corpus) = data::corpus("estimate of the weights") else { return };
    let rows = if std::env::var_os("TRIBUTARY_ESTIMATE").is_some() { usize::MAX } else { ROWS };
    let sets = [
        ("febrl 3", data::febrl(&corpus, "dataset3.csv", true, 0)),
        ("tw-synthetic", data::customers(&corpus)),
    ];
    let mut judged = 0;
    for (title, mut people) in sets {
        people.truncate(rows);
        let (m, u, prior) = estimate(&patterns(&people));
        println!("{title}: {} records, one person: {:.2} bits", people.len(), prior.log2());
        println!("  field           level           m         u    bits  in use");
        let each = Field::ALL.into_iter().flat_map(|f| Level::ALL.into_iter().map(move |l| (f, l)));
        for (field, level) in each {
            let (m, u) = (m[field as usize][level as usize], u[field as usize][level as usize]);
            let (bits, used) = ((m / u).log2(), f64::from(weight(field, level)) / 100.0);
            if m < RARE || bits == 0.0 {
                continue;
            }
            println!("  {field:<15} {level:<9} {m:>7.4} {u:>9.7} {bits:>7.2} {used:>7.2}");
            assert_eq!(bits > 0.0, used > 0.0, "{title}: {field} {level}");
            assert!(used.abs() <= bits.abs() + SLACK, "{title}: {field} {level}");
            judged += 1;
        }
    }
    assert!(judged > 20, "only {judged} weights were judged");
}
