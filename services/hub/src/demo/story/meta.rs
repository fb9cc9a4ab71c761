//! The Facebook page and Messenger: comments with edits and removals, mentions without a name, conversations with the
//! page's answers, and logins that link the account.

use super::{
    members,
    payload::Payload,
    people::Person,
    rng::Rng,
    when::{DAYS, at},
    words::Words,
};
use serde_json::{Value, json};

const CHANNEL: &str = "facebook";
const PAGE: &str = "100000000000001";

/// Everything of one person.
pub fn tell(person: &Person, words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    for _ in 0..(rng.between(1, 5) * person.keen / 100).max(1) {
        comment(person, words, rng, out);
    }
    if rng.percent(70) || person.shown {
        let mut when = at(rng.between(0, DAYS - 30), rng.between(36_000, 80_000));
        if person.uses.card && (rng.percent(60) || person.shown) {
            link(person, rng, when, out);
        }
        for _ in 0..(rng.between(2, 7) * person.keen / 100).max(1) {
            when += rng.between(60, 86_400 * 3);
            talk(person, words, rng, when, out);
        }
    }
}

fn page(list: &str, time: i64, item: &Value, when: i64) -> Payload {
    let entry = json!({"id": PAGE, "time": time, list: [item]});
    Payload::json(CHANNEL, &json!({"object": "page", "entry": [entry]}), when)
}

fn comment(person: &Person, words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    let when = at(rng.between(0, DAYS - 2), rng.between(30_000, 85_000));
    let post = 5_550 + rng.below(40);
    let id = format!("{post}_{}", rng.digits(12));
    let texts = Words::of(&words.comments, person.language());
    let mut value = json!({
        "item": "comment", "verb": "add", "comment_id": id, "post_id": format!("{PAGE}_{post}"),
        "from": {"id": person.social, "name": person.signs()}, "created_time": when,
        "message": *rng.pick(&texts),
    });
    let change =
        |value: &Value, when: i64| page("changes", when, &json!({"field": "feed", "value": value}), when);
    out.push(change(&value, when));
    if rng.percent(4) {
        out.push(change(&value, when).again(300)); // sent once more
    }
    match rng.below(25) {
        0 => {
            value["verb"] = json!("edited");
            value["message"] = json!(*rng.pick(&texts));
            out.push(change(&value, when + 120));
        }
        1 => {
            let gone =
                json!({"item": "comment", "verb": "remove", "comment_id": id, "post_id": value["post_id"]});
            out.push(change(&gone, when + 900));
        }
        _ => {}
    }
}

fn messaging(from: &str, to: &str, when: i64, name: &str, what: &Value) -> Payload {
    let ms = when * 1_000;
    let item = json!({"sender": {"id": from}, "recipient": {"id": to}, "timestamp": ms, name: what});
    page("messaging", ms, &item, when)
}

fn talk(person: &Person, words: &Words, rng: &mut Rng, when: i64, out: &mut Vec<Payload>) {
    let texts = Words::of(&words.messages, person.language());
    let said = json!({"mid": format!("m_{}", rng.hex(24)), "text": *rng.pick(&texts)});
    let message = messaging(&person.social, PAGE, when, "message", &said);
    if rng.percent(3) {
        out.push(message.again(30));
    }
    out.push(message);
    if rng.percent(45) {
        let answers = Words::of(&words.answers, person.language());
        let answer =
            json!({"mid": format!("m_{}", rng.hex(24)), "is_echo": true, "text": *rng.pick(&answers)});
        out.push(messaging(PAGE, &person.social, when + 200, "message", &answer));
    }
}

/// A login from Messenger: the platform tells it, and the member system says which member it was. Ids are given per
/// page; the same person has one for comments and one for Messenger, here with the same digits.
fn link(person: &Person, rng: &mut Rng, when: i64, out: &mut Vec<Payload>) {
    let code = rng.hex(32);
    let linking = json!({"status": "linked", "authorization_code": code});
    out.push(messaging(&person.social, PAGE, when, "account_linking", &linking));
    let id = |network: &str| json!({"type": "social", "scope": format!("{network}:{PAGE}"), "value": person.social, "trust": "verified"});
    out.push(members::linked(person, "facebook", vec![id("messenger"), id("facebook")], &code, when + 2));
}

/// Mentions without a name, and what nobody understands.
pub fn faults(words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    for n in 0..40 {
        let when = at(n * 4, rng.between(30_000, 80_000));
        let value = json!({
            "item": "comment", "verb": "add", "comment_id": format!("777_{n}"), "post_id": "888_777",
            "message": rng.pick(&words.comments).1,
        });
        out.push(page("changes", when, &json!({"field": "mention", "value": value}), when));
    }
    let when = at(66, 40_000);
    let change = json!({"field": "weather", "value": {"item": "rain"}});
    out.push(page("changes", when, &change, when).dead(1));
    let empty = json!({"object": "page", "entry": []});
    out.push(Payload::json(CHANNEL, &empty, at(67, 40_000)).dead(1));
    let other = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": []}]});
    out.push(Payload::json(CHANNEL, &other, at(68, 40_000)).dead(1));
}
