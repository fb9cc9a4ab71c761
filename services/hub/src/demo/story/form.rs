//! The contact form: browsers post it url-encoded or, with a file, as multipart; the app posts JSON. Bots fill in the
//! field that no person sees.

use super::{
    payload::Payload,
    people::Person,
    rng::Rng,
    when::{DAYS, at},
    words::Words,
};
use crate::client::query_value;
use serde_json::{Map, Value};

const CHANNEL: &str = "web";
const BOUNDARY: &str = "----chayuri7MA4YWxkTrZu0gW";

type Fields = Vec<(&'static str, String)>;

/// Everything of one person; `address` is what they type as their e-mail.
pub fn tell(person: &Person, address: &str, words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    let count = (rng.between(1, 5) * person.keen / 100).max(1);
    for n in 0..count {
        let when = at(rng.between(0, DAYS - 1), rng.between(28_000, 85_000));
        let texts = Words::of(&words.forms, person.language());
        let mut fields: Fields = vec![
            ("your-name", person.signs().to_owned()),
            ("your-email", address.to_owned()),
            ("message", (*rng.pick(&texts)).to_owned()),
            ("submission_id", format!("f{}", rng.hex(20))),
        ];
        if rng.percent(70) {
            fields.push(("tel", person.spelt(rng)));
        }
        // The first form of a member names the card, or nothing would hang together.
        if person.uses.card && (n == 0 || rng.percent(30)) {
            fields.push(("member", person.member.clone()));
        }
        if rng.percent(45) {
            fields.push(("accept", "1".into()));
        }
        let post = post(&fields, rng, when);
        if rng.percent(3) {
            out.push(post.again(2)); // a double click
        }
        out.push(post);
    }
}

fn post(fields: &Fields, rng: &mut Rng, when: i64) -> Payload {
    match rng.below(10) {
        0..=5 => urlencoded(fields, when),
        6..=7 => Payload::new(
            CHANNEL,
            &format!("multipart/form-data; boundary={BOUNDARY}"),
            multipart(fields),
            when,
        ),
        _ => {
            let object: Map<String, Value> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
            Payload::json(CHANNEL, &Value::Object(object), when)
        }
    }
}

fn urlencoded(fields: &Fields, when: i64) -> Payload {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", query_value(value))).collect();
    Payload::new(CHANNEL, "application/x-www-form-urlencoded", pairs.join("&"), when)
}

fn multipart(fields: &Fields) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"照片.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n(a photo)\r\n--{BOUNDARY}--\r\n"
    ));
    body.into_bytes()
}

/// Spam, and bodies that are no form.
pub fn faults(rng: &mut Rng, out: &mut Vec<Payload>) {
    for n in 0..25 {
        let fields: Fields = vec![
            ("your-name", "Rank Higher".into()),
            ("your-email", format!("seo{n}@spam.example")),
            ("message", "We can put your site on page one.".into()),
            ("website", "https://spam.example".into()),
            ("submission_id", format!("f{}", rng.hex(20))),
        ];
        out.push(urlencoded(&fields, at(n * 7, rng.between(0, 80_000))));
    }
    let torn =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"your-name\"\r\n\r\nhalf a for");
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    out.push(Payload::new(CHANNEL, &multipart, torn, at(44, 60_000)).dead(1));
    out.push(Payload::new(CHANNEL, "application/json", "{\"your-name\": ", at(90, 61_000)).dead(1));
    out.push(
        Payload::new(CHANNEL, "application/x-www-form-urlencoded", "your-name=&tel=", at(120, 3_000)).dead(1),
    );
}
