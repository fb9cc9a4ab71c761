//! Golden store rows: of a customer with a fact of every kind, of a fragment with time pages, and of everything beside.

use super::{check, hex, unhex, values};
use std::collections::{BTreeMap, HashMap};
use tributary_core::{
    body::Body,
    change::{Change, ChangeKind},
    codec::{BadRow, Reader, Writer},
    draft::{Claim, Draft},
    event::{RecordedEvent, Trust},
    fold::{
        Count, DeadLetter, Fold, Outcome, Place, Prepared, Rows,
        fact::Fact,
        fragment::{Fragment, INLINE_BYTES_MAX},
    },
    identity::{Resolver, policy::Policy},
    ids::{CustomerId, EventId, FactKey, Position},
    time::Micros,
    token::Token,
};
use tributary_projector::Meta;

#[derive(Default)]
struct Stored(HashMap<Vec<u8>, Vec<u8>>);

impl Rows for Stored {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BadRow> {
        Ok(self.0.get(key).cloned())
    }

    fn place(&self, _: &FactKey) -> Result<Option<Place>, BadRow> {
        Ok(None)
    }

    fn event(&self, _: Position) -> Result<Option<RecordedEvent>, BadRow> {
        Ok(None)
    }
}

/// The default policy of the first release.
fn first_policy() -> Policy {
    let mut policy = Policy { birth_dates: false, ..Policy::default() };
    policy.types.values_mut().for_each(|row| row.transferable = false);
    policy
}

/// Rows of all fragments that these events make, by key.
pub(super) fn fold(events: &[RecordedEvent]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fold = Fold::new(Resolver::new(Policy::default()));
    let stored = Stored::default();
    for event in events {
        fold.apply(&stored, event, &Prepared::of(&event.event)).expect("nothing is read");
    }
    let rows = fold.commit(0).fragments.into_iter().flatten();
    let mut rows: Vec<_> = rows.filter_map(|(key, row)| Some((key, row?))).collect();
    rows.sort();
    rows
}

fn visits(count: u64) -> Vec<RecordedEvent> {
    let visit = |n: u64| {
        let mut draft = Draft::new(format!("v{n}"), Body::Visit { kind: "page".into() });
        draft.occurred_at = Some(Micros(values::START - 1_000_000 * (n as i64 * 7_919 % 1_009)));
        draft.identifiers = vec![Claim::new("member", "", "M1", Trust::Verified)];
        values::recorded(draft, n)
    };
    (1..=count).map(visit).collect()
}

/// Rows give back the fragments they were made of.
pub(super) fn judge(file: &str, rows: &[(Vec<u8>, Vec<u8>)], written: impl Fn(&[u8]) -> bool) {
    let lines: Vec<_> = rows.iter().filter(|(key, _)| written(key)).map(|(k, r)| (hex(k), hex(r))).collect();
    read_back(&check(file, &lines), rows);
}

/// Fragments of golden rows are those of these rows.
fn read_back(golden: &BTreeMap<String, String>, rows: &[(Vec<u8>, Vec<u8>)]) {
    let fresh = Stored(rows.iter().cloned().collect());
    let mut old = Stored(rows.iter().cloned().collect());
    old.0.extend(golden.iter().map(|(key, row)| (unhex(key), unhex(row))));
    let heads = rows.iter().filter(|(key, _)| key[0] == b'h');
    for (key, _) in heads {
        let token = Token(key[1..].try_into().expect("a token"));
        let [mut a, mut b] =
            [&fresh, &old].map(|s| Fragment::load(s, token, false).expect("a row of the first release"));
        assert_eq!(a.head, b.head);
        assert_eq!(a.entries(&fresh, None, 1_000), b.entries(&old, None, 1_000));
        assert_eq!(facts(&mut a, &fresh), facts(&mut b, &old));
    }
}

/// In the first format every page has a row of its own.
#[test]
fn fragments_of_the_first_format_are_read_and_written_in_the_second() {
    let rows = fold(&values::one_of_each());
    let golden = super::old("v1/fragments.tsv");
    assert!(golden.keys().any(|key| key.starts_with("70")), "pages");
    read_back(&golden, &rows);
    let mut moved = 0;
    for head in golden.keys().filter(|key| key.starts_with("68")) {
        let token = Token(unhex(head)[1..].try_into().expect("a token"));
        let stored = Stored(golden.iter().map(|(key, row)| (unhex(key), unhex(row))).collect());
        let mut fragment = Fragment::load(&stored, token, false).expect("a row of the first release");
        let Some(key) = facts(&mut fragment, &stored).first().map(|fact| fact.key) else { continue };
        let fact = fragment.remove(&stored, &key).expect("sound").expect("it is there");
        fragment.insert(&stored, fact, None).expect("sound");
        let mut written = Vec::new();
        fragment.take_dirty(&mut written);
        let page = written.iter().find(|(key, _)| key[0] == b'p').expect("the page's row");
        let long = page.1.as_ref().is_some_and(|row| row.len() > INLINE_BYTES_MAX);
        assert!(page.1.is_none() || long, "a short page stands behind its head");
        moved += usize::from(page.1.is_none());
        let (_, row) = written.iter().find(|(key, _)| key[0] == b'h').expect("a head");
        let wanted = rows.iter().find(|(key, _)| hex(key) == *head).expect("the same head");
        assert!(row.as_ref() == Some(&wanted.1), "{head}: the head is another");
    }
    assert!(moved > 0, "no page was short");
}

fn facts(fragment: &mut Fragment, stored: &Stored) -> Vec<Fact> {
    let mut facts = Vec::new();
    let read = fragment.each_fact(stored, |_, fact| {
        facts.push(fact.clone());
        Ok(())
    });
    read.expect("rows of the first release");
    facts
}

#[test]
fn rows_of_fragments_are_for_ever() {
    judge("v2/fragments.tsv", &fold(&values::one_of_each()), |_| true);
    let many = fold(&visits(260));
    assert!(many.iter().filter(|(key, _)| key[0] == b't').count() > 2, "pages and their directory");
    judge("v1/timepages.tsv", &many, |key| matches!(key[0], b't' | b'h'));
}

const CUSTOMER: CustomerId = CustomerId { event: EventId([5; 16]), ordinal: 1 };

fn changes() -> Vec<Change> {
    let kinds =
        [ChangeKind::Created, ChangeKind::Updated, ChangeKind::Merged, ChangeKind::Split, ChangeKind::Erased];
    let change = |kind: ChangeKind| {
        let other = CustomerId { event: EventId([6; 16]), ordinal: 255 };
        let list = |wanted| if kind == wanted { vec![other, CUSTOMER] } else { Vec::new() };
        Change {
            id: Change::id_of(kind, CUSTOMER, EventId([8; 16])),
            kind,
            customer: CUSTOMER,
            version: 70_000,
            follows: 300,
            caused_by: EventId([8; 16]),
            at: Micros(values::START),
            from: list(ChangeKind::Merged),
            parts: list(ChangeKind::Split),
        }
    };
    kinds.map(change).to_vec()
}

fn letter() -> DeadLetter {
    DeadLetter {
        version: 9,
        position: Position { origin: 0x0a0b_0c0d, sequence: 8 },
        recorded_at: Micros(values::START),
        event: Some(EventId([4; 16])),
        channel: "shop".into(),
        reason: "unknown_type".into(),
        detail: "type 17".into(),
    }
}

#[test]
fn rows_beside_fragments_are_for_ever() {
    let count = Count { folded: 1, duplicate: 200, superseded: 3, parked: 0, last_at: Micros(values::START) };
    let at = Position { origin: 0x0a0b_0c0d, sequence: 300 };
    let outcomes = [
        Outcome::Folded,
        Outcome::Replaced(at),
        Outcome::Duplicate,
        Outcome::Superseded,
        Outcome::Parked,
        Outcome::Own,
    ];
    let place = Place { home: Token([2; 16]), event: EventId([4; 16]), position: at };
    let meta = Meta {
        fold_version: 1,
        position: at,
        records: 299,
        reach: vec![at],
        order: 0,
        facts_digest: 17,
        digest: u128::MAX,
        policy: first_policy().to_json(),
    };
    let mut w = Writer::default();
    outcomes.iter().for_each(|o| o.encode(&mut w));
    let mut lines: Vec<_> =
        changes().iter().map(|c| (format!("change {:?}", c.kind), hex(&c.to_row()))).collect();
    lines.push(("dead letter".into(), hex(&letter().to_row())));
    lines.push(("dead record".into(), hex(&DeadLetter { event: None, ..letter() }.to_row())));
    lines.push(("count".into(), hex(&count.to_row())));
    lines.push(("outcomes".into(), hex(&w.0)));
    lines.push(("place".into(), hex(&place.to_bytes())));
    lines.push(("meta".into(), hex(&meta.to_row())));
    let golden = check("v1/rows.tsv", &lines);
    let row = |name: &str| unhex(&golden[name]);
    for change in changes() {
        assert_eq!(Change::from_row(&row(&format!("change {:?}", change.kind))), Ok(change));
    }
    assert_eq!(DeadLetter::from_row(&row("dead letter")), Ok(letter()));
    assert_eq!(DeadLetter::from_row(&row("dead record")), Ok(DeadLetter { event: None, ..letter() }));
    assert_eq!(Count::from_row(&row("count")), Ok(count));
    assert_eq!(Place::from_bytes(&row("place")), Some(place));
    // A store of an earlier fold is folded again from the log.
    assert_eq!(Meta::from_row(&row("meta")), Ok(None));
    let meta = Meta { fold_version: tributary_core::fold::VERSION, ..meta };
    let golden = check("v3/rows.tsv", &[("meta".into(), hex(&meta.to_row()))]);
    assert_eq!(Meta::from_row(&unhex(&golden["meta"])), Ok(Some(meta.clone())));
    let reach = vec![Position { sequence: 99, ..at }, Position { origin: u32::MAX, sequence: 201 }];
    let meta = Meta { reach, order: 0xfeed_beef, ..meta };
    let golden = check("v4/rows.tsv", &[("meta of several origins".into(), hex(&meta.to_row()))]);
    assert_eq!(Meta::from_row(&unhex(&golden["meta of several origins"])), Ok(Some(meta)));
    let bytes = row("outcomes");
    let mut r = Reader(&bytes);
    for outcome in outcomes {
        assert_eq!(Outcome::decode(&mut r), Ok(outcome));
    }
    assert_eq!(r.end(), Ok(()));
}

/// The file of rows that a rebuild loads.
#[test]
fn loaded_rows_are_for_ever() {
    use tributary_projector::store::{SledOptions, SledStore, ViewStore as _};
    let row = |key: &str, value: Vec<u8>| (key.as_bytes().to_vec(), value);
    // A portion of several kinds, one of several blocks, one with a row that is longer than a block, one between others.
    let portions = [
        vec![row("h5", b"five".to_vec()), row("p5", Vec::new()), row("h4", vec![4; 200])],
        (0..40).map(|n| row(&format!("c{n:02}"), vec![n; 300])).collect(),
        vec![row("h8", vec![8; 9_000]), row("h9", vec![9; 3])],
        vec![row("h6", b"six".to_vec()), row("h7", b"seven".to_vec())],
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let written = SledStore::open(&folder.path().join("written"), SledOptions::default()).expect("opens");
    portions.iter().for_each(|portion| written.load(portion.clone()).expect("loaded"));
    written.loaded().expect("all");
    let file = std::fs::read(folder.path().join("written/base.rows")).expect("the file");
    let golden = check("v3/base.tsv", &[("base".to_owned(), hex(&file))]);
    let old = folder.path().join("old");
    std::fs::create_dir(&old).expect("a folder");
    std::fs::write(old.join("base.rows"), unhex(&golden["base"])).expect("the old file");
    let old = SledStore::open(&old, SledOptions::default()).expect("opens");
    let mut all: Vec<_> = portions.into_iter().flatten().collect();
    all.sort();
    assert!(old.scan(b"", None, usize::MAX).expect("read") == all, "its rows are read");
    assert_eq!(old.get(b"h7").expect("read"), Some(b"seven".to_vec()));
}
