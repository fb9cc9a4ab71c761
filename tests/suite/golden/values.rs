//! Fixed values: one event of every type, with every field that its type has.

use tributary_core::{
    body::{Body, Consent, Direction, Form, IdentityAct, Line, Mention, Message, Order, Purchase, Refund},
    content::{ProfileField, ProfileSource},
    draft::{ChannelContext, Claim, Draft},
    event::{RecordedEvent, Trust, flags},
    ids::{EventId, Position, REMOVAL},
    money::Money,
    normalise::Region,
    seal::Raw,
    time::Micros,
    token::IndexKey,
};

/// Types there are.
pub const TYPES: usize = 28;
/// The moment of the first event.
pub const START: i64 = 1_772_366_400_000_000;

fn money(units: i64, scale: u8) -> Money {
    Money::new(units, scale)
}

fn line() -> Line {
    Line { sku: "A1".into(), quantity: "0.350".into(), amount: money(12_345, 2) }
}

fn bodies() -> Vec<Body> {
    let purchase = Purchase {
        currency: "TWD".into(),
        total: money(500, 0),
        tax: Some(money(24, 0)),
        discount: Some(money(-5, 1)),
        points_used: 30,
        lines: vec![line(), Line::default()],
        refs: vec!["AB12345678".into()],
    };
    let consent = Consent {
        brand: "acme".into(),
        purpose: "marketing".into(),
        channel: "email".into(),
        granted: true,
        method: "checkbox".into(),
        text_sha256: "00ff".into(),
        expires_at: Some(Micros(START + 1)),
    };
    let message = Message {
        direction: Direction::Inbound,
        thread: "t1".into(),
        reply_to: "m0".into(),
        form: "image".into(),
        attachments: 2,
    };
    let act = |act| Body::Identity { act };
    vec![
        Body::Message(message.clone()),
        Body::Message(Message { direction: Direction::Outbound, ..message }),
        Body::Form(Form { form: "contact".into() }),
        Body::Mention(Mention { network: "facebook".into(), kind: "comment".into(), thread: "p1".into() }),
        Body::Purchase(purchase),
        Body::Purchase(Purchase { currency: "TWD".into(), total: money(40, 0), ..Purchase::default() }),
        Body::Refund(Refund { of: "n4".into(), currency: "TWD".into(), total: money(125, 1) }),
        Body::Order(Order {
            number: "O-1".into(),
            state: "shipped".into(),
            carrier: "post".into(),
            tracking: "T9".into(),
        }),
        Body::Follow { following: true },
        Body::Follow { following: false },
        Body::Visit { kind: "page".into() },
        Body::Cart { items: vec![line()], state: "open".into() },
        Body::Consent(consent),
        Body::Profile {},
        Body::Trait { name: "tier".into(), value: "gold".into() },
        Body::Note {},
        Body::Delivery { campaign: "c1".into(), state: "opened".into() },
        Body::Link { with: "nonce".into(), ok: true },
        Body::Link { with: "nonce".into(), ok: false },
        Body::Removed { of: "message".into() },
        Body::Activity { title: "login".into() },
        Body::Unrecognised { reason: "unknown_type".into() },
        Body::Chunk { of: EventId([3; 16]), index: 1, total: 2 },
        act(IdentityAct::Link),
        act(IdentityAct::Unlink),
        act(IdentityAct::Block),
        act(IdentityAct::Unblock),
        Body::Policy { policy: "{}".into() },
        Body::Ticked {},
    ]
}

/// The channel of all golden events.
pub fn channel() -> ChannelContext {
    ChannelContext {
        name: "shop".into(),
        kind: "web_form".into(),
        account: "shop.example".into(),
        region: Region::TW,
        trust_cap: Trust::Verified,
        member_is_phone: false,
        brand: "acme".into(),
        generation: 0,
        purchases: tributary_core::draft::Purchases::default(),
    }
}

/// The events of a draft, at the position and time of number `n`.
pub fn recorded(draft: Draft, n: u64) -> RecordedEvent {
    let mut events = channel().events(draft, Micros(START), &IndexKey::new(&[7; 32]));
    let event = events.pop().expect("one event");
    RecordedEvent {
        position: Position { origin: 1, sequence: n },
        recorded_at: Micros(START + n as i64),
        event,
    }
}

/// One event of every type; a few types twice.
pub fn one_of_each() -> Vec<RecordedEvent> {
    let draft = |(n, body): (usize, Body)| {
        let removed = matches!(body, Body::Removed { .. });
        let mut draft = Draft::new(format!("n{n}"), body);
        draft.revision = if removed { REMOVAL } else { n as u64 % 3 };
        draft.occurred_at = Some(Micros(START + 1_000 * n as i64));
        draft.identifiers = vec![
            Claim::new("phone", "", "0912-111-222", Trust::Claimed),
            Claim::new("line", "prov-1", format!("U{:032}", 1), Trust::Verified),
            Claim::new("cookie", "", "k1", Trust::Observed),
        ];
        draft.content.profile.insert(ProfileField::Name, "陳美玲".into());
        draft.content.text = format!("有貨嗎 {n}");
        draft.profile_source = ProfileSource::MemberMaster;
        draft.flags = if n == 1 { flags::HISTORICAL | flags::AUTOMATIC } else { 0 };
        (draft.actor, draft.store) = ("clerk".into(), "store7".into());
        draft.raw =
            Raw { headers: vec![("content-type".into(), "text/plain".into())], body: vec![n as u8, 0, 255] };
        recorded(draft, n as u64 + 1)
    };
    bodies().into_iter().enumerate().map(draft).collect()
}
