//! Files in portions: any size of portion gives what the whole gives, over random files of every layout; rows of one
//! receipt are one purchase on whatever sides of a portion's border they lie; and a portion is never much larger than asked.
//!
//! A failure names its `TRIBUTARY_SEED`, which makes that file the first.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::channel;
use tributary_channels::{
    adapter::{Decoded, Unrecognised},
    kit::{Case, RECEIVED_AT},
    settings::Channel,
};
use tributary_core::{body::Body, token::IndexKey, wire};

const FILES: u64 = 400;
const SEED: u64 = 0x706f_7274_696f_6e73;
/// Rows of a file at most.
const ROWS: usize = 120;

/// Seeded random numbers (splitmix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z % end.max(1) as u64) as usize
    }

    fn one_of<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

fn pos(more: Value) -> Channel {
    let mut table = json!({"kind": "pos_file", "key": "k"});
    for (key, value) in more.as_object().into_iter().flatten() {
        table[key] = value.clone();
    }
    channel("pos_file", table.as_object().expect("a table").clone())
}

/// A row of values from a small space, so that keys meet, with rows in it that are none.
fn row(random: &mut Rng, width: usize) -> String {
    match random.below(12) {
        0 => return "\"open".to_owned(),
        1 => return ",".repeat(random.below(6)),
        2 => return String::new(),
        _ => {}
    }
    let values = ["1", "2", "3", "4", "5.50", "", "x", "1E+9", "\"a\nb\"", "王"];
    let number = random.below(6).to_string();
    let mut all = vec![number.as_str()];
    all.extend((1..width).map(|_| random.one_of(&values)));
    all.join(",")
}

fn table(random: &mut Rng, header: &str) -> String {
    let width = header.split(',').count();
    let mut file = format!("{header}\n");
    for _ in 0..random.below(ROWS) {
        file += &row(random, width);
        file.push('\n');
    }
    file
}

/// A channel and a file of it.
fn file(random: &mut Rng) -> (Channel, Case) {
    let case = |body: String| Case::new("file", "text/csv", body);
    match random.below(9) {
        0 => (pos(json!({})), case(table(random, "receipt,total,member,void"))),
        1 => (pos(json!({"row": "line"})), case(table(random, "receipt,line_no,sku,amount,revision"))),
        2 => {
            let table_of =
                json!({"header": false, "fact_key": "{hash}", "columns": {"member": 1, "total": 2}});
            (pos(table_of), case(table(random, "2,4")))
        }
        3 => {
            let bar = json!({"charset": "big5", "delimiter": "|"});
            (pos(bar), case(table(random, "receipt,total,name").replace(',', "|")))
        }
        4 => typed(random),
        5 => paired(random),
        6 => json_lines(random),
        7 => {
            let control = json!({"control": "T", "control_columns": {"rows": 2, "total": 3}});
            let rows = table(random, "receipt,total,store");
            (pos(control), case(rows + random.one_of(&["", "T,3,9\n", "T,x\nT,1,5.50\n"])))
        }
        _ => {
            let members = json!({"kind": "members_file", "key": "k"});
            let channel = channel("members_file", members.as_object().expect("a table").clone());
            (channel, case(table(random, "member,points,tier,consent,joined_at")))
        }
    }
}

/// Heads and details in one file.
fn typed(random: &mut Rng) -> (Channel, Case) {
    let channel = pos(json!({"header": false, "head": "H", "detail": "D", "ignore": ["X"],
        "columns": {"record_type": 1, "receipt": 2, "total": 3},
        "detail_columns": {"receipt": 2, "sku": 3, "amount": 4}}));
    let mut file = String::new();
    for _ in 0..random.below(ROWS) {
        let (kind, receipt) =
            (random.one_of(&["H", "D", "D", "D", "X", "?"]), random.one_of(&["1", "2", "3", "4", ""]));
        file += &format!("{kind},{receipt},{},{}\n", random.below(3), random.one_of(&["1", "x", "5"]));
    }
    (channel, Case::new("file", "text/csv", file))
}

/// Heads and details in two files, in orders of their own.
fn paired(random: &mut Rng) -> (Channel, Case) {
    let channel = pos(json!({"pair": ["-h", "-d"], "columns": {"receipt": "no", "total": "sum"},
        "detail_columns": {"receipt": "no", "sku": "item", "amount": "sum"}}));
    let (heads, details) = (table(random, "no,sum"), table(random, "no,item,sum"));
    let mut case = Case::new("file", "text/csv", format!("{heads}{details}"));
    case.headers.push(("x-detail-at".to_owned(), heads.len().to_string()));
    (channel, case)
}

/// Objects whose lines are facts of their own, so that one object belongs to several of them.
fn json_lines(random: &mut Rng) -> (Channel, Case) {
    let keys = ["{receipt}/{line_no}", "{receipt}", "{hash}"];
    let channel =
        pos(json!({"lines": "items", "fact_key": random.one_of(&keys), "columns": {"receipt": "no",
        "line_no": "n", "sku": "id", "amount": "sum"}}));
    let mut file = String::new();
    for _ in 0..random.below(ROWS / 4) {
        let items: Vec<Value> = (0..random.below(6))
            .map(|_| json!({"n": random.below(5), "id": "A", "sum": random.below(3)}))
            .collect();
        let object = json!({"no": random.one_of(&["1", "2", "", "1E+5"]), "items": items});
        file += &if random.below(9) == 0 { "[1]\n".to_owned() } else { format!("{object}\n") };
    }
    (channel, Case::new("file", "application/x-ndjson", file))
}

/// What a request decodes to, byte for byte.
type Said = (Vec<Vec<u8>>, Vec<Unrecognised>);

fn add(channel: &Channel, decoded: Decoded, said: &mut Said) {
    let key = IndexKey::new(&[7; 32]);
    let events =
        decoded.events.into_iter().flat_map(|draft| channel.context.events(draft, RECEIVED_AT, &key));
    said.0.extend(events.map(|event| wire::encode(&event)));
    said.1.extend(decoded.unrecognised);
}

fn in_portions(channel: &Channel, case: &Case, most: usize) -> Said {
    let request = case.request();
    let mut portions = channel.adapter.portions(&request, most).expect("not refused");
    let (mut said, mut before) = (Said::default(), 0);
    while let Some(portion) = portions.next() {
        let told = portion.events.len() + portion.unrecognised.len();
        // A member's row is several facts, which stay together.
        assert!(told > 0 && told < most.saturating_add(9), "{told} facts in a portion of {most}");
        let (done, all) = portions.progress();
        assert!(before <= done && done <= all, "{before}, {done} of {all}");
        before = done;
        add(channel, portion, &mut said);
    }
    let (done, all) = portions.progress();
    assert_eq!(done, all);
    said
}

#[test]
fn any_size_of_portion_gives_the_same() {
    let first = support::variable("TRIBUTARY_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let mut told = (0, 0);
    for number in 0..FILES {
        let seed = first.wrapping_add(number);
        let mut random = Rng(seed);
        let (channel, case) = file(&mut random);
        let mut whole = Said::default();
        add(&channel, channel.adapter.decode(&case.request()).expect("not refused"), &mut whole);
        for most in [1, 2, 3, 1 + random.below(40), usize::MAX] {
            let text = String::from_utf8_lossy(&case.body);
            assert!(
                in_portions(&channel, &case, most) == whole,
                "portions of {most} differ; TRIBUTARY_SEED={seed} repeats it\n{text}"
            );
        }
        told = (told.0 + whole.0.len(), told.1 + whole.1.len());
    }
    assert!(told.0 > 1_000 && told.1 > 1_000, "files that say something: {told:?}");
}

#[test]
fn a_receipt_is_whole_wherever_its_rows_lie() {
    let first = support::variable("TRIBUTARY_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let channel = pos(json!({"row": "line"}));
    for seed in (0..20).map(|number| first.wrapping_add(number)) {
        let mut random = Rng(seed);
        let (mut want, mut file) =
            (BTreeMap::<String, (i64, usize)>::new(), "receipt,sku,amount\n".to_owned());
        for n in 0..2_000 {
            let (receipt, amount) = (random.below(300).to_string(), random.below(1_000));
            file += &format!("{receipt},A{n},{amount}\n");
            let sum = want.entry(receipt).or_default();
            *sum = (sum.0 + amount as i64, sum.1 + 1);
        }
        let case = Case::new("file", "text/csv", file);
        let request = case.request();
        let mut portions = channel.adapter.portions(&request, 1 + random.below(50)).expect("not refused");
        let mut found = BTreeMap::new();
        while let Some(portion) = portions.next() {
            assert_eq!(portion.unrecognised, []);
            for draft in portion.events {
                let Body::Purchase(purchase) = draft.body else {
                    panic!("a purchase; TRIBUTARY_SEED={seed}")
                };
                let before = found.insert(draft.key, (purchase.total.units, purchase.lines.len()));
                assert_eq!(before, None, "told twice; TRIBUTARY_SEED={seed}");
            }
        }
        assert_eq!(found, want, "TRIBUTARY_SEED={seed}");
    }
}

#[test]
fn a_portion_ends_where_its_raw_requests_are_many_bytes() {
    let header = format!("receipt,total,{}", "x".repeat(60_000));
    let file =
        header + "\n" + &(0..1_000).map(|n| format!("{n},5,{}\n", "y".repeat(900))).collect::<String>();
    let case = Case::new("file", "text/csv", file);
    let channel = pos(json!({}));
    let request = case.request();
    let mut portions = channel.adapter.portions(&request, 1_000).expect("not refused");
    let (mut count, mut largest) = (0, 0);
    while let Some(portion) = portions.next() {
        count += portion.events.len();
        largest = largest.max(portion.events.iter().map(|draft| draft.raw.body.len()).sum());
    }
    assert!(count == 1_000 && largest < 5 << 20, "{count} facts, {largest} bytes in a portion");
}
