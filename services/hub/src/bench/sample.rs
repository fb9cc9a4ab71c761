//! The log that is rebuilt: customers over five channels with three identifiers each, ten events a customer, with
//! revisions, refunds and copies; or only some of the ten. The same numbers give the same events.

use serde_json::json;
use tributary_core::{
    body::{Body, Form, Line, Message, Order, Purchase, Refund},
    content::{Content, ProfileField, ProfileSource},
    draft::{ChannelContext, Claim, Draft},
    event::{Event, Trust},
    money::Money,
    normalise::Region,
    seal::Raw,
    time::Micros,
    token::IndexKey,
};

/// Events of each customer, at most.
const EVENTS_EACH: u64 = 10;
/// Which of the ten come first where a customer has fewer: those that name all identifiers and link them.
const FIRST: [u64; EVENTS_EACH as usize] = [0, 4, 1, 2, 3, 5, 6, 7, 8, 9];
/// Most customers whose events are mixed with each other; then come the next ones.
const MIXED_MAX: u64 = 5_000;
/// One in so many customers has a copy of a message as the last event.
const COPY_EVERY: u64 = 10;
/// When the first event happened: 2026-03-01T00:00:00Z.
const BEGIN_SECS: i64 = 1_772_323_200;
/// Characters of names.
const SURNAMES: [char; 12] = ['陳', '林', '黃', '張', '李', '王', '吳', '劉', '蔡', '楊', '許', '鄭'];
const GIVEN: [char; 24] = [
    '美', '玲', '志', '明', '淑', '芬', '國', '華', '雅', '婷', '家', '豪', '怡', '君', '俊', '傑', '麗',
    '珠', '建', '宏', '惠', '文', '佳', '蓉',
];
/// Channels: name, kind.
const CHANNELS: [(&str, &str); 5] = [
    ("erp", "cloudevents"),
    ("line-main", "line"),
    ("store7", "pos_file"),
    ("site", "web_form"),
    ("shop", "square"),
];

/// Makes events.
pub(super) struct Sample {
    channels: Vec<ChannelContext>,
    key: IndexKey,
    /// Which of the ten events each customer has.
    rounds: Vec<u64>,
    mixed: u64,
    /// Whether members have what tells people apart.
    people: bool,
}

impl Sample {
    /// For a log of about so many events, of so many customers, or of a tenth as many as there are events if that is more.
    pub fn new(events: u64, customers: u64) -> Self {
        let context = |(name, kind): (&str, &str)| ChannelContext {
            name: name.to_owned(),
            kind: kind.to_owned(),
            account: format!("{name}-account"),
            region: Region::TW,
            trust_cap: Trust::Verified,
            member_is_phone: false,
            brand: String::new(),
            generation: 0,
            purchases: tributary_core::draft::Purchases::default(),
        };
        let each = (events / customers.max(1)).clamp(1, EVENTS_EACH);
        let mixed = (events / each).clamp(1, MIXED_MAX);
        let mut rounds: Vec<u64> = FIRST.into_iter().take(each as usize).collect();
        rounds.sort_unstable();
        Self {
            channels: CHANNELS.map(context).into(),
            key: IndexKey::new(&[7; 32]),
            rounds,
            mixed,
            people: false,
        }
    }

    /// The same with names, birth dates and addresses as people have them; some members are told twice, in another spelling.
    pub fn of_people(events: u64) -> Self {
        Self { people: true, ..Self::new(events, 0) }
    }

    /// At most so many events, after which every customer has all of its own: before that, one person may be two customers.
    pub fn whole(&self, events: u64) -> u64 {
        let block = self.mixed * self.rounds.len() as u64;
        (events / block).max(1) * block
    }

    /// Customers that so many [whole](Self::whole) events name.
    pub fn customers(&self, events: u64) -> u64 {
        events / self.rounds.len() as u64
    }

    /// The events numbered `from..to` of all.
    pub fn events(&self, from: u64, to: u64) -> Vec<Event> {
        let mut out = Vec::with_capacity((to - from) as usize);
        for number in from..to {
            // Blocks of customers, round by round, as if each had one contact a day.
            let size = self.mixed * self.rounds.len() as u64;
            let (block, within) = (number / size, number % size);
            let customer = block * self.mixed + within % self.mixed;
            let Some(round) = self.rounds.get((within / self.mixed) as usize).copied() else { continue };
            let copied = round == EVENTS_EACH - 1 && customer.is_multiple_of(COPY_EVERY);
            let (channel, mut draft) = draft(customer, if copied { 1 } else { round });
            if self.people && round == 0 {
                draft.content.profile.extend(person(customer));
            }
            if let Some(context) = self.channels.get(channel) {
                out.extend(context.events(draft, Micros::from_secs(BEGIN_SECS), &self.key));
            }
        }
        out
    }
}

/// Which channel, and what: the customer's event of this round.
fn draft(customer: u64, round: u64) -> (usize, Draft) {
    let (channel, mut draft) = match round {
        0 => (0, profile(customer)),
        1 | 7 => (1, message(customer, round)),
        2 | 5 => (2, purchase(customer, round, 0)),
        3 => (3, form(customer)),
        4 => (1, link(customer)),
        // The till sends the second receipt again, corrected.
        6 => (2, purchase(customer, 5, 1)),
        8 => (2, refund(customer)),
        _ => (4, order(customer)),
    };
    draft.occurred_at = Some(Micros::from_secs(BEGIN_SECS + (round * 86_400 + customer % 86_400) as i64));
    let body = json!({"customer": customer, "round": round, "filler": "0123456789".repeat(15)});
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    draft.raw = Raw { headers, body: body.to_string().into_bytes() };
    (channel, draft)
}

fn member(customer: u64) -> Claim {
    Claim::new("member", "", format!("M-{customer:08}"), Trust::Verified)
}

fn phone(customer: u64) -> Claim {
    Claim::new("phone", "", format!("09{customer:08}"), Trust::Claimed)
}

fn line(customer: u64) -> Claim {
    Claim::new("line", "prov-1", format!("U{customer:032x}"), Trust::Verified)
}

fn profile(customer: u64) -> Draft {
    let mut draft = Draft::new(format!("member/{customer}"), Body::Profile {});
    draft.identifiers = vec![member(customer), phone(customer)];
    draft.content.profile.insert(ProfileField::Name, format!("陳美玲{customer}"));
    draft.profile_source = ProfileSource::MemberMaster;
    draft
}

/// A member's profile. Every tenth is the one before in another spelling.
fn person(customer: u64) -> [(ProfileField, String); 3] {
    let twice = customer % 10 == 9;
    let number = (if twice { customer - 1 } else { customer }).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pick = |shift: u32, among: u64| (number >> shift) % among;
    let of = |among: &[char], shift: u32| among.get(pick(shift, among.len() as u64) as usize).copied();
    let name: String = [of(&SURNAMES, 3), of(&GIVEN, 11), of(&GIVEN, 23)].into_iter().flatten().collect();
    let (year, month, day) = (1950 + pick(31, 50), 1 + pick(37, 12), 1 + pick(41, 28));
    let (road, house) = (pick(45, 900) + 1, pick(50, 300) + 1);
    let (title, born) = match twice {
        true => (" 小姐", format!("民國{}年{month}月{day}日", year - 1911)),
        false => ("", format!("{year}-{month:02}-{day:02}")),
    };
    [
        (ProfileField::Name, format!("{name}{title}")),
        (ProfileField::BirthDate, born),
        (ProfileField::Address, format!("台北市大安區和平東路{road}巷{house}號")),
    ]
}

fn message(customer: u64, round: u64) -> Draft {
    let body = Body::Message(Message { form: "text".to_owned(), ..Message::default() });
    let mut draft = Draft::new(format!("message/{customer}-{round}"), body);
    draft.identifiers = vec![line(customer)];
    draft.content = Content { text: "請問今天幾點打烊？".to_owned(), ..Content::default() };
    draft
}

fn link(customer: u64) -> Draft {
    let body = Body::Link { with: format!("{customer:064x}"), ok: true };
    let mut draft = Draft::new(format!("link/{customer}"), body);
    draft.identifiers = vec![line(customer), member(customer)];
    draft
}

fn purchase(customer: u64, round: u64, revision: u64) -> Draft {
    let amount = Money::new(500 - 50 * revision as i64, 0);
    let item = Line { sku: format!("A{}", customer % 97), quantity: "1".to_owned(), amount };
    let body = Body::Purchase(Purchase {
        currency: "TWD".to_owned(),
        total: amount,
        lines: vec![item],
        ..Purchase::default()
    });
    let mut draft = Draft::new(format!("receipt/{customer}-{round}"), body);
    draft.revision = revision;
    draft.identifiers = vec![member(customer), phone(customer)];
    draft.store = "store7".to_owned();
    draft
}

fn refund(customer: u64) -> Draft {
    let of = format!("receipt/{customer}-2");
    let body = Body::Refund(Refund { of, currency: "TWD".to_owned(), total: Money::new(100, 0) });
    let mut draft = Draft::new(format!("refund/{customer}"), body);
    draft.identifiers = vec![member(customer)];
    draft
}

fn form(customer: u64) -> Draft {
    let mut draft = Draft::new(format!("form/{customer}"), Body::Form(Form { form: "contact".to_owned() }));
    draft.identifiers = vec![phone(customer)];
    draft.content.text = "我想訂做一個蛋糕".to_owned();
    draft.content.fields.insert("branch".to_owned(), json!("Xinyi"));
    draft
}

fn order(customer: u64) -> Draft {
    let number = format!("{customer:010}");
    let body = Body::Order(Order { number, state: "shipped".to_owned(), ..Order::default() });
    let mut draft = Draft::new(format!("order/{customer}"), body);
    draft.identifiers = vec![phone(customer)];
    draft
}

#[cfg(test)]
mod tests {
    use super::{Body, COPY_EVERY, EVENTS_EACH, MIXED_MAX, Sample};
    use std::collections::HashSet;

    #[test]
    fn the_same_numbers_give_the_same_events_in_any_pieces() {
        let sample = Sample::new(300, 30);
        let whole = sample.events(0, 300);
        let pieces = [sample.events(0, 100), sample.events(100, 300)].concat();
        assert_eq!(
            whole.iter().map(|e| e.id).collect::<Vec<_>>(),
            pieces.iter().map(|e| e.id).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_block_has_ten_events_a_customer_and_a_copy_for_some() {
        let total = MIXED_MAX * EVENTS_EACH;
        let events = Sample::new(total, 0).events(0, total);
        assert_eq!(events.len() as u64, total);
        let ids: HashSet<_> = events.iter().map(|e| e.id).collect();
        assert_eq!(ids.len() as u64, total - MIXED_MAX / COPY_EVERY);
        let tokens: HashSet<_> = events.iter().flat_map(|e| &e.identifiers).map(|i| i.token).collect();
        assert_eq!(tokens.len() as u64, MIXED_MAX * 3);
    }

    #[test]
    fn fewer_events_a_customer_still_name_all_identifiers() {
        let sample = Sample::new(3_000, 1_000);
        let events = sample.events(0, 3_000);
        let tokens: HashSet<_> = events.iter().flat_map(|e| &e.identifiers).map(|i| i.token).collect();
        assert_eq!(tokens.len() as u64, 3 * sample.customers(3_000));
        let links = events.iter().filter(|e| matches!(e.body, Body::Link { .. })).count();
        assert_eq!(links, 1_000, "who says that they are one person");
        assert_eq!([2_999, 3_000, 5_999].map(|n| sample.whole(n)), [3_000, 3_000, 3_000]);
    }
}
