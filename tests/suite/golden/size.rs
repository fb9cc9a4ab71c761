//! How large rows get: sled reads and writes whole values, so no customer may make large ones.

use super::values;
use tributary_core::{
    body::{Body, Consent, Order},
    codec::BadRow,
    content::ProfileField,
    draft::{Claim, Draft},
    event::{RecordedEvent, Trust},
    fold::{
        Fold, Place, Prepared, Rows,
        fragment::PAGE_BYTES_MAX,
        head::{PROFILE_BYTES_MAX, TEXT_BYTES_MAX},
    },
    ids::{FactKey, Position},
};

/// What a head takes with values as they come in practice.
const HEAD_BYTES: usize = 4 * 1024;
/// What a head takes with the longest values that are kept: greater rows make the store slow.
const HEAD_BYTES_MAX: usize = 32 * 1024;

#[derive(Default)]
struct Nothing;

impl Rows for Nothing {
    fn row(&self, _: &[u8]) -> Result<Option<Vec<u8>>, BadRow> {
        Ok(None)
    }

    fn place(&self, _: &FactKey) -> Result<Option<Place>, BadRow> {
        Ok(None)
    }

    fn event(&self, _: Position) -> Result<Option<RecordedEvent>, BadRow> {
        Ok(None)
    }
}

/// The greatest head and the greatest page of somebody with thousands of facts of every kind that heads hold values of, in
/// this many channels, with names, numbers and values of so many bytes.
fn greatest(channels: u64, kept: u64, text: usize, profile: usize) -> (usize, usize) {
    let mut fold = Fold::default();
    for n in 0..6_000_u64 {
        let name = format!("{:0>text$}", n / 6 % kept);
        let body = match n % 6 {
            0 => Body::Order(Order { number: name, state: "ready_for_pickup".into(), ..Order::default() }),
            1 => Body::Trait { name: name.clone(), value: name },
            2 => Body::Note {},
            3 => Body::Consent(Consent {
                purpose: ["marketing", "profiling"][n as usize / 6 % 2].into(),
                channel: ["email", "sms", "line"][n as usize / 12 % 3].into(),
                granted: n % 4 == 0,
                method: "unsubscribe_link".into(),
                ..Consent::default()
            }),
            4 => Body::Follow { following: n % 4 == 0 },
            _ => Body::Profile {},
        };
        let mut draft = Draft::new(format!("n{n}"), body);
        draft.identifiers = vec![Claim::new("member", "", "M1", Trust::Verified)];
        for field in ProfileField::ALL {
            draft.content.profile.insert(field, format!("{n:0>profile$}"));
        }
        let mut event = values::recorded(draft, n + 1);
        event.event.channel = format!("channel-{}", n % channels);
        fold.apply(&Nothing, &event, &Prepared::of(&event.event)).expect("nothing is read");
    }
    let (mut head, mut page) = (0, 0);
    for (key, row) in fold.commit(0).fragments.into_iter().flatten() {
        let greatest = if key[0] == b'h' { &mut head } else { &mut page };
        *greatest = (*greatest).max(row.map_or(0, |row| row.len()));
    }
    (head, page)
}

#[test]
fn the_busiest_customer_has_small_rows() {
    let (head, page) = greatest(5, 10, 14, 24);
    assert!(head <= HEAD_BYTES, "a head of {head} bytes");
    // A fact is the profile, its names and some 150 bytes.
    let fact = ProfileField::ALL.len() * 32 + 200;
    assert!(page <= PAGE_BYTES_MAX + fact, "a page of {page} bytes");
}

#[test]
fn the_longest_values_make_no_great_rows() {
    let (head, page) = greatest(20, 100, TEXT_BYTES_MAX, PROFILE_BYTES_MAX);
    assert!(head <= HEAD_BYTES_MAX, "a head of {head} bytes");
    let fact = ProfileField::ALL.len() * (PROFILE_BYTES_MAX + 8) + 2 * TEXT_BYTES_MAX + 200;
    assert!(page <= PAGE_BYTES_MAX + fact, "a page of {page} bytes");
    let (longer, _) = greatest(20, 100, TEXT_BYTES_MAX + 1, PROFILE_BYTES_MAX + 1);
    assert!(longer < head, "longer ones are not kept");
}
