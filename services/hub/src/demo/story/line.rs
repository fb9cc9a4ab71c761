//! What happens in LINE: friends, messages, stickers, pictures, buttons, unsent messages, blocks, linked accounts.

use super::{
    members,
    payload::Payload,
    people::Person,
    rng::Rng,
    when::{DAYS, at},
    words::Words,
};
use serde_json::{Value, json};

const CHANNEL: &str = "line-main";
/// The account's own user id.
const BOT: &str = "Udeadbeef00000000000000000000c4a1";
/// So many webhooks of a hundred arrive twice.
const REDELIVERED_PERCENT: usize = 4;
/// Pages of the rich menu.
const BUTTONS: [&str; 5] =
    ["menu=coupons", "menu=points", "menu=stores", "menu=new", "action=book&class=tea"];

/// Everything of one person, appended to `out`.
pub fn tell(person: &Person, words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    let first = rng.between(0, 70);
    let mut chat = Chat { person, rng, out };
    chat.send(at(first, 36_000 + 600), json!({"type": "follow", "follow": {"isUnblocked": false}}));
    if person.uses.card && (chat.rng.percent(86) || person.shown) {
        let (day, second) = (first + chat.rng.between(0, 20), chat.rng.between(32_400, 79_200));
        chat.link(at(day, second));
    }
    let count = (chat.rng.between(5, 16) * person.keen / 100).max(2);
    for _ in 0..count {
        let when = at(chat.rng.between(first, DAYS - 1), chat.rng.between(32_400, 82_800));
        chat.say(words, when);
    }
    if chat.rng.percent(9) && person.keen < 200 {
        let when = at(DAYS - 1, chat.rng.between(40_000, 80_000));
        chat.send(when, json!({"type": "unfollow"}));
        if chat.rng.percent(30) {
            chat.send(when + 3_600, json!({"type": "follow", "follow": {"isUnblocked": true}}));
        }
    }
}

struct Chat<'a> {
    person: &'a Person,
    rng: &'a mut Rng,
    out: &'a mut Vec<Payload>,
}

impl Chat<'_> {
    /// One webhook with one event.
    fn send(&mut self, when: i64, event: Value) {
        let event = envelope(&self.person.line, when, event, self.rng);
        self.out.push(webhook(std::slice::from_ref(&event), when));
        if self.rng.percent(REDELIVERED_PERCENT) {
            let mut again = event;
            again["deliveryContext"]["isRedelivery"] = json!(true);
            let later = when + self.rng.between(60, 7_200);
            self.out.push(webhook(&[again], later));
        }
    }

    /// The account is linked: LINE tells it, and so does the member system that made the nonce.
    fn link(&mut self, when: i64) {
        let nonce = self.rng.hex(32);
        self.send(when, json!({"type": "accountLink", "link": {"result": "ok", "nonce": nonce}}));
        let line =
            json!({"type": "line", "scope": "demo-provider", "value": self.person.line, "trust": "verified"});
        self.out.push(members::linked(self.person, "line", vec![line], &nonce, when + 1));
    }

    fn say(&mut self, words: &Words, when: i64) {
        let id = format!("5{}", self.rng.digits(17));
        let message = match self.rng.below(20) {
            0..=2 => json!({"id": id, "type": "sticker", "packageId": "446", "stickerId": "1988"}),
            3..=4 => json!({"id": id, "type": "image", "contentProvider": {"type": "line"}}),
            5..=7 => {
                let data = *self.rng.pick(&BUTTONS);
                return self.send(when, json!({"type": "postback", "postback": {"data": data}}));
            }
            _ => {
                let texts = Words::of(&words.messages, self.person.language());
                json!({"id": id, "type": "text", "quoteToken": "q", "text": *self.rng.pick(&texts)})
            }
        };
        self.send(when, json!({"type": "message", "message": message}));
        if self.rng.percent(3) {
            self.send(when + 40, json!({"type": "unsend", "unsend": {"messageId": id}}));
        }
    }
}

fn envelope(user: &str, when: i64, event: Value, rng: &mut Rng) -> Value {
    let mut whole = json!({
        "mode": "active",
        "timestamp": when * 1_000 + rng.between(0, 999),
        "source": {"type": "user", "userId": user},
        "webhookEventId": format!("01J{}", rng.ulid(23)),
        "deliveryContext": {"isRedelivery": false},
    });
    if let (Value::Object(all), Value::Object(event)) = (&mut whole, event) {
        if matches!(event.get("type").and_then(Value::as_str), Some("message" | "postback" | "follow")) {
            all.insert("replyToken".into(), json!(rng.hex(32)));
        }
        all.extend(event);
    }
    whole
}

fn webhook(events: &[Value], when: i64) -> Payload {
    Payload::json(CHANNEL, &json!({"destination": BOT, "events": events}), when)
}

/// What goes wrong on purpose: bodies that are no JSON, types nobody knows, signatures of somebody else, and LINE's own
/// test with no event in it.
pub fn faults(rng: &mut Rng, out: &mut Vec<Payload>) {
    let stranger = format!("U{}", rng.hex(32));
    let mut now = at(20, 50_000);
    for (dead, event) in [
        (1, json!({"type": "hologram", "hologram": {"id": "h1"}})),
        (1, json!({"type": "unsend", "unsend": {}})),
        (1, json!({"type": "membershipGift", "gift": {"months": 3}})),
    ] {
        now += 86_400 * 9;
        out.push(webhook(&[envelope(&stranger, now, event, rng)], now).dead(dead));
    }
    let torn = r#"{"destination":"Udeadbeef00000000000000000000c4a1","events":[{"type":"mess"#;
    out.push(Payload::new(CHANNEL, "application/json", torn, at(77, 41_000)).dead(1));
    out.push(webhook(&[], at(1, 30_000)));
    for day in [15, 61, 140] {
        let text = json!({"type": "message", "message": {"id": rng.digits(18), "type": "text", "text": "free coupons"}});
        let mut forged = webhook(&[envelope(&stranger, at(day, 11_111), text, rng)], at(day, 11_111));
        forged.forged = true;
        out.push(forged);
    }
}
