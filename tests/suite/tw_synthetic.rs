//! Precision and recall of automatic links on the synthetic customers of Taiwan: every record goes through the gate and the
//! real resolver, and two records belong together if they stand with one customer.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};
use tributary_core::{
    body::Body,
    content::ProfileField,
    draft::Draft,
    event::{RecordedEvent, Trust},
    fold::{contribution::Contribution, fact::ids_of},
    identity::{Resolver, policy::Policy},
    ids::Position,
    token::IndexKey,
};
use tributary_tests::scenario::{
    Channel,
    builder::{at, claim},
};

/// The synthetic customers in the corpus.
const FILE: &str = "data/tw-synthetic/customers.csv";

/// What automatic links must reach.
const PRECISION: f64 = 0.995;
const RECALL: f64 = 0.97;

struct Row {
    cluster: String,
    event: RecordedEvent,
}

fn rows(text: &str) -> Vec<Row> {
    let key = IndexKey::new(&[3; 32]);
    let mut out = Vec::new();
    for (n, line) in text.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let [record, cluster, _, name, phone, email, born, address, member] = cells[..] else {
            panic!("line {} has {} cells", n + 2, cells.len());
        };
        let mut draft = Draft::new(record, Body::Profile {});
        let claims = [("member", member), ("phone", phone), ("email", email)];
        let claims = claims.into_iter().filter(|(_, value)| !value.is_empty());
        draft.identifiers = claims.map(|(kind, value)| claim(kind, value, Trust::Claimed)).collect();
        for (field, value) in
            [(ProfileField::Name, name), (ProfileField::BirthDate, born), (ProfileField::Address, address)]
        {
            draft.content.profile.insert(field, value.to_owned());
        }
        draft.occurred_at = Some(at(1, n as i64));
        let event = Channel::Web.context().events(draft, at(1, 0), &key).remove(0);
        let position = Position { origin: 1, sequence: n as u64 + 1 };
        let recorded_at = at(20, n as i64);
        out.push(Row { cluster: cluster.to_owned(), event: RecordedEvent { position, recorded_at, event } });
    }
    out
}

/// Precision and recall over pairs of records.
fn judge(rows: &[Row], policy: Policy) -> (f64, f64) {
    let mut resolver = Resolver::new(policy);
    for row in rows {
        let event = &row.event;
        resolver.note(event);
        let born = Contribution::of(&event.event).born();
        let ids = ids_of(event, resolver.policy());
        resolver.assert(&ids, event.effective_at(), event.event.id, born);
        resolver.settle();
    }
    let mut found: HashMap<_, BTreeMap<&str, u64>> = HashMap::new();
    let mut truth: BTreeMap<&str, u64> = BTreeMap::new();
    for (n, row) in rows.iter().enumerate() {
        let event = &row.event;
        let home = resolver.attribute(&ids_of(event, resolver.policy()), event.effective_at());
        let home = home.ok_or(n);
        *found.entry(home).or_default().entry(&row.cluster).or_default() += 1;
        *truth.entry(&row.cluster).or_default() += 1;
    }
    let pairs = |n: u64| n * n.saturating_sub(1) / 2;
    let right: u64 = found.values().flat_map(BTreeMap::values).map(|n| pairs(*n)).sum();
    let told: u64 = found.values().map(|clusters| pairs(clusters.values().sum())).sum();
    let wanted: u64 = truth.values().map(|n| pairs(*n)).sum();
    (right as f64 / told as f64, right as f64 / wanted as f64)
}

#[test]
fn automatic_links_on_synthetic_customers_are_right_and_nearly_all_there() {
    let Some(path) = std::env::var_os("TRIBUTARY_CORPUS").map(|c| Path::new(&c).join(FILE)) else {
        println!("skipped: precision and recall on {FILE} (TRIBUTARY_CORPUS is not set)");
        return;
    };
    let text = std::fs::read_to_string(path).expect("the corpus has synthetic customers");
    let rows = rows(&text);
    let (precision, recall) = judge(&rows, Policy { birth_dates: false, ..Policy::default() });
    println!("{} records, birth dates ignored: precision {precision:.4}, recall {recall:.4}", rows.len());
    let (precision, recall) = judge(&rows, Policy::default());
    println!(
        "{} records, as the default policy says: precision {precision:.4}, recall {recall:.4}",
        rows.len()
    );
    assert!(precision >= PRECISION, "precision {precision:.4}");
    assert!(recall >= RECALL, "recall {recall:.4}");
}
