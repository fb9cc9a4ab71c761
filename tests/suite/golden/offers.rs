//! The event of an offer, whose key binds it to the redemptions of its nonce.

use super::{check, hex, unhex};
use tributary_core::{
    body::Body,
    draft::{ChannelContext, Claim, Draft},
    event::Trust,
    identity::{OFFER, offer_key},
    normalise::Region,
    time::Micros,
    token::IndexKey,
    wire,
};

#[test]
fn an_offer_is_for_ever() {
    let context = ChannelContext {
        name: "console".into(),
        kind: "line".into(),
        account: "prov-1".into(),
        region: Region::TW,
        trust_cap: Trust::Verified,
        member_is_phone: true,
        brand: String::new(),
        generation: 0,
        purchases: tributary_core::draft::Purchases::Alone,
    };
    let at = Micros(super::values::START);
    let mut draft =
        Draft::new(format!("{OFFER}{}", "ab".repeat(32)), Body::Offered { expires_at: Micros(at.0 + 1) });
    draft.identifiers = vec![Claim::new("member", "", "M1", Trust::Verified)];
    let event = context.events(draft, at, &IndexKey::new(&[7; 32])).remove(0);
    let key = offer_key(&event, &"ab".repeat(32));
    assert_eq!(key, event.fact_key(), "a redemption finds its offer");
    let lines = [("event".to_owned(), hex(&wire::encode(&event))), ("key".to_owned(), hex(&key.0))];
    let golden = check("v3/offers.tsv", &lines);
    assert_eq!(wire::decode(&unhex(&golden["event"])).as_ref(), Ok(&event));
}
