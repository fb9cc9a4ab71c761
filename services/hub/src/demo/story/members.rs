//! What the shop's member system knows for certain: who joined, which address was confirmed, which LINE or Messenger
//! account was linked after a login. Its events are the evidence that joins channels; nothing else in the story does so
//! with verified identifiers.

use super::{
    payload::Payload,
    people::Person,
    rng::Rng,
    when::{at, rfc3339},
};
use serde_json::{Value, json};

const CHANNEL: &str = "members";

fn event(id: &str, kind: &str, when: i64, data: &Value) -> Payload {
    let body = json!({
        "specversion": "1.0", "id": id, "source": "/members", "type": format!("tributary.v1.{kind}"),
        "time": rfc3339(when), "datacontenttype": "application/json", "data": data,
    });
    Payload::new(CHANNEL, "application/cloudevents+json", body.to_string(), when)
}

fn card(person: &Person) -> Value {
    json!({"type": "member", "value": person.member, "trust": "verified"})
}

/// An account of another platform was linked to the member who had logged in.
pub fn linked(person: &Person, platform: &str, mut ids: Vec<Value>, nonce: &str, when: i64) -> Payload {
    ids.insert(0, card(person));
    let data = json!({
        "key": format!("link/{platform}/{}", person.member), "identifiers": ids,
        "link": {"nonce": nonce, "ok": true},
    });
    event(&format!("link-{platform}-{}", person.member), "link.confirmed", when, &data)
}

/// The member's master record, a confirmed address, and their tier.
pub fn tell(person: &Person, rng: &mut Rng, out: &mut Vec<Payload>) {
    let joined = at(rng.between(0, 40), rng.between(36_000, 75_000));
    let language = if person.english { "en-HK" } else { "zh-Hant-TW" };
    let mut profile = json!({"name": person.name, "language": language});
    if rng.percent(70) {
        profile["birthDate"] = json!(person.born);
        profile["address"] = json!(person.address);
    }
    let data = json!({
        "key": format!("member/{}", person.member), "revision": 1, "profile_source": "member_master",
        "identifiers": [card(person)], "profile": profile,
    });
    out.push(event(&format!("join-{}", person.member), "profile.changed", joined, &data));
    if person.uses.mail && rng.percent(90) || person.shown {
        let address = json!({"type": "email", "value": person.email, "trust": "verified"});
        let data = json!({
            "key": format!("member/{}/address", person.member), "profile_source": "member_master",
            "identifiers": [card(person), address], "profile": {"email": person.email},
        });
        out.push(event(&format!("address-{}", person.member), "profile.changed", joined + 900, &data));
    }
    let tier = *rng.pick(&["silver", "gold", "jade"]);
    for (revision, tier) in [(1, "green"), (2, tier)].into_iter().take(1 + usize::from(person.keen > 90)) {
        let when = joined + (revision - 1) * 86_400 * rng.between(30, 120);
        let data = json!({
            "key": format!("tier/{}/{revision}", person.member), "identifiers": [card(person)],
            "trait": {"name": "tier", "value": tier},
        });
        out.push(event(&format!("tier-{}-{revision}", person.member), "trait.changed", when, &data));
    }
}

/// Somebody without a card who wrote: the address was confirmed by a link in our mail, the phone by a code.
pub fn confirmed(person: &Person, rng: &mut Rng, out: &mut Vec<Payload>) {
    let when = at(rng.between(5, 150), rng.between(36_000, 75_000));
    let ids = json!([
        {"type": "email", "value": person.email, "trust": "verified"},
        {"type": "phone", "value": person.spelt(rng), "trust": "verified"},
    ]);
    let key = format!("contact/{}", rng.hex(12));
    let data = json!({"key": key, "profile_source": "form", "identifiers": ids, "profile": {"name": person.signs()}});
    out.push(event(&key, "profile.changed", when, &data));
}

/// Two members of one family, whose only address was confirmed for both: it can stand with one of them only.
pub fn family(people: &[&Person], address: &str, when: i64, out: &mut Vec<Payload>) {
    for (n, person) in people.iter().enumerate() {
        let shared = json!({"type": "email", "value": address, "trust": "verified"});
        let data = json!({
            "key": format!("member/{}/family", person.member), "identifiers": [card(person), shared],
            "profile": {"email": address},
        });
        let id = format!("family-{}", person.member);
        out.push(event(&id, "profile.changed", when + n as i64 * 4_000, &data));
    }
}

/// What goes wrong on purpose: a missing field, an unknown one, an amount that is none.
pub fn faults(out: &mut Vec<Payload>) {
    let ids = json!([{"type": "member", "value": "M09999", "trust": "verified"}]);
    for (n, (kind, data)) in [
        ("trait.changed", json!({"identifiers": ids})),
        ("profile.changed", json!({"identifiers": ids, "profil": {"name": "x"}})),
        (
            "purchase.completed",
            json!({"identifiers": ids, "purchase": {"currency": "TWD", "total": "a lot"}}),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        out.push(event(&format!("fault-{n}"), kind, at(33 + n as i64 * 20, 52_000), &data).dead(1));
    }
}
