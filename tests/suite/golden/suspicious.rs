//! Golden bytes of what suspicious identifiers need: the operator's act, the row of days, a head that has one, and pages of
//! time that know receipts.

use super::{
    check, hex,
    rows::{fold, judge},
    unhex, values,
};
use tributary_core::{
    body::{Body, IdentityAct, Purchase},
    draft::{Claim, Draft},
    event::{RecordedEvent, Trust},
    fold::receipts::{Marks, SuspiciousDay},
    ids::EventId,
    money::Money,
    time::{Day, Micros},
    wire,
};

/// One record about member M1.
fn about_m1(key: String, body: Body, n: u64) -> RecordedEvent {
    let mut draft = Draft::new(key, body);
    // A day apart, so that none has two.
    draft.occurred_at = Some(Micros(values::START - 86_400_000_000 * (n as i64 * 7_919 % 1_009)));
    draft.identifiers = vec![Claim::new("member", "", "M1", Trust::Verified)];
    values::recorded(draft, n)
}

fn clearing() -> RecordedEvent {
    about_m1("clear/1".into(), Body::Identity { act: IdentityAct::Clear }, 1)
}

#[test]
fn clearings_and_rows_of_days_are_for_ever() {
    let day = |day, receipts, stores| SuspiciousDay { day: Day(day), receipts, stores };
    let days = vec![day(-1, 6, 6), day(20_513, 11, 0), day(20_514, 100, 7)];
    let marks = Marks { days: days.clone(), cleared: Some((Micros(values::START), EventId([9; 16]))) };
    let only = Marks { days, cleared: None };
    let lines = [
        ("identity.clear".to_owned(), hex(&wire::encode(&clearing().event))),
        ("days".to_owned(), hex(&only.to_row())),
        ("days and clearing".to_owned(), hex(&marks.to_row())),
    ];
    let golden = check("v3/suspicious.tsv", &lines);
    assert_eq!(wire::decode(&unhex(&golden["identity.clear"])), Ok(clearing().event));
    assert_eq!(Marks::from_row(&unhex(&golden["days"])), Ok(only));
    assert_eq!(Marks::from_row(&unhex(&golden["days and clearing"])), Ok(marks));
    let row = unhex(&golden["days"]);
    assert!((0..row.len()).all(|end| Marks::from_row(&row[..end]).is_err()), "no shorter row is one");
}

#[test]
fn heads_with_days_and_pages_with_receipts_are_for_ever() {
    let cleared = fold(&[clearing()]);
    assert!(cleared.iter().any(|(key, _)| key[0] == b's'), "a row of its own");
    judge("v3/cleared.tsv", &cleared, |_| true);
    let receipt = |n: u64| {
        let purchase = Purchase { currency: "TWD".into(), total: Money::new(100, 0), ..Purchase::default() };
        let body =
            if n.is_multiple_of(3) { Body::Purchase(purchase) } else { Body::Visit { kind: "page".into() } };
        about_m1(format!("r{n}"), body, n)
    };
    let many = fold(&(1..=230).map(receipt).collect::<Vec<_>>());
    assert!(!many.iter().any(|(key, _)| key[0] == b's'), "nothing is suspicious");
    judge("v3/timepages.tsv", &many, |key| key[0] == b't');
}
