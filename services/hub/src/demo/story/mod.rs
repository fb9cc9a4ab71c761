//! The story: half a year of a shop, as the payloads its channels' providers and programs would send. A pure function of
//! the bundled words and one seed; nothing here knows the hub.
//!
//! Nothing joins channels behind the scenes: what makes one customer of a card, a LINE account and an address are the
//! events of the member system (`members`), the card at the till, and what people type into the form.

mod form;
mod line;
mod mail;
mod mail_text;
mod members;
mod meta;
mod payload;
mod people;
#[cfg(test)]
mod tests;
mod till;
mod when;
mod words;

pub use payload::Payload;

use crate::rng::{self, Rng};
use people::{PEOPLE, Person};
use words::Words;

/// The seed of the demonstration.
pub const SEED: u64 = 20_250_301;

/// The whole story.
pub struct Story {
    /// Everything that is sent, in order of sending.
    pub payloads: Vec<Payload>,
    /// Member number of the customer who uses every channel.
    pub heroine: String,
    /// Her LINE user id.
    pub heroine_line: String,
    /// How many people take part.
    pub people: usize,
}

/// Tells the story of this seed.
#[must_use]
pub fn tell(seed: u64) -> Story {
    let words = Words::read();
    let mut rng = Rng::new(seed);
    let people = people::everybody(&words, &mut rng);
    let mut out: Vec<Payload> = Vec::with_capacity(16_384);
    for (n, person) in people.iter().enumerate() {
        if person.uses.card {
            members::tell(person, &mut rng, &mut out);
        } else if person.uses.mail && !person.hong_kong && rng.percent(75) {
            members::confirmed(person, &mut rng, &mut out);
        }
        if person.uses.line {
            line::tell(person, &words, &mut rng, &mut out);
        }
        if person.uses.form {
            form::tell(person, typed_address(n, &people), &words, &mut rng, &mut out);
        }
        if person.uses.mail {
            mail::tell(person, &words, &mut rng, &mut out);
        }
        if person.uses.meta {
            meta::tell(person, &words, &mut rng, &mut out);
        }
    }
    till::tell(&people, &words, &mut rng, &mut out);
    faults(&people, &words, &mut rng, &mut out);
    // Stable: what is sent in the same second stays in the order it was told.
    out.sort_by_key(|payload| payload.at);
    let (heroine, heroine_line) =
        people.first().map(|p| (p.member.clone(), p.line.clone())).unwrap_or_default();
    Story { payloads: out, heroine, heroine_line, people: people.len() }
}

/// What somebody types as their address: their own, now and then the family's, seldom somebody else's by mistake.
fn typed_address(n: usize, people: &[Person]) -> &str {
    let whose = match n % 40 {
        0 => n,
        19 => n - 1,            // a couple with one address
        33 => (n * 7) % PEOPLE, // somebody of the same name
        _ => n,
    };
    people.get(whose).map_or("", |person| person.email.as_str())
}

/// What goes wrong on purpose.
fn faults(people: &[Person], words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    line::faults(rng, out);
    form::faults(rng, out);
    meta::faults(words, rng, out);
    members::faults(out);
    let writers: Vec<&Person> = people.iter().skip(1).filter(|p| p.uses.mail).take(24).collect();
    mail::faults(&writers, rng, out);
    let cards: Vec<&Person> = people.iter().skip(1).filter(|p| p.uses.card).take(6).collect();
    for (n, pair) in cards.chunks(2).enumerate() {
        members::family(pair, &format!("family{n}@home.example"), when::at(30 + n as i64, 40_000), out);
    }
}
