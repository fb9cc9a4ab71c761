//! The people of the story. Nobody is real; addresses end in `.example`.

use super::{rng::Rng, words::Words};
use std::collections::BTreeSet;

/// How many there are.
pub const PEOPLE: usize = 640;
/// So many of them, in a hundred, live in Hong Kong.
const HONG_KONG_PERCENT: usize = 12;

/// Which channels somebody uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The LINE account.
    pub line: bool,
    /// The contact form.
    pub form: bool,
    /// E-mail.
    pub mail: bool,
    /// Facebook and Messenger.
    pub meta: bool,
    /// A till.
    pub till: bool,
    /// A member card.
    pub card: bool,
}

/// Somebody.
pub struct Person {
    /// Chinese name.
    pub name: String,
    /// Latin spelling.
    pub latin: String,
    /// Writes English.
    pub english: bool,
    /// Lives in Hong Kong.
    pub hong_kong: bool,
    /// Digits without the country code, with Taiwan's trunk zero.
    pub phone: String,
    /// Address.
    pub email: String,
    /// Member number.
    pub member: String,
    /// LINE user id.
    pub line: String,
    /// Id on the page and in Messenger.
    pub social: String,
    /// Postal address.
    pub address: String,
    /// Birth date.
    pub born: String,
    /// Place in the list of stores.
    pub store: usize,
    /// Channels.
    pub uses: Uses,
    /// How often they come, in a hundred of the usual.
    pub keen: i64,
    /// Is the one that is shown at the end: nothing of theirs is left to chance.
    pub shown: bool,
}

impl Person {
    /// The phone as people write it, now this way, now that.
    pub fn spelt(&self, rng: &mut Rng) -> String {
        let p = &self.phone;
        let cut = |at: usize, to: usize| p.get(at..to).unwrap_or_default().to_owned();
        if self.hong_kong {
            return match rng.below(3) {
                0 => format!("+852 {} {}", cut(0, 4), cut(4, 8)),
                1 => format!("852-{p}"),
                _ => format!("+852{p}"),
            };
        }
        match rng.below(5) {
            0 => p.clone(),
            1 => format!("{}-{}-{}", cut(0, 4), cut(4, 7), cut(7, 10)),
            2 => format!("+886 {} {} {}", cut(1, 4), cut(4, 7), cut(7, 10)),
            3 => format!("{} {}", cut(0, 4), cut(4, 10)),
            _ => p.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c)).collect(),
        }
    }

    /// Language of what they write.
    pub fn language(&self) -> &'static str {
        if self.english { "en" } else { "zh" }
    }

    /// The name as they sign.
    pub fn signs(&self) -> &str {
        if self.english { &self.latin } else { &self.name }
    }
}

/// Everybody; the first is 陳美玲, who uses every channel.
pub fn everybody(words: &Words, rng: &mut Rng) -> Vec<Person> {
    let mut phones = BTreeSet::new();
    let mut people: Vec<Person> = (0..PEOPLE).map(|n| person(n, words, rng, &mut phones)).collect();
    if let Some(first) = people.first_mut() {
        let all = Uses { line: true, form: true, mail: true, meta: true, till: true, card: true };
        (first.name, first.latin) = ("陳美玲".into(), "Mei-Ling Chen".into());
        (first.hong_kong, first.english, first.store) = (false, false, 0);
        (first.phone, first.email) = ("0928114706".into(), "meiling.chen@post.example".into());
        first.address = "台北市大安區永康街 12 巷 5 號".into();
        (first.uses, first.keen, first.shown) = (all, 250, true);
    }
    people
}

fn person(n: usize, words: &Words, rng: &mut Rng, phones: &mut BTreeSet<String>) -> Person {
    let hong_kong = rng.percent(HONG_KONG_PERCENT);
    let [family, taiwan, cantonese] = *rng.pick(&words.surnames);
    let (given, latin) = *rng.pick(if hong_kong { &words.given_hk } else { &words.given });
    let latin_family = if hong_kong { cantonese } else { taiwan };
    let phone = loop {
        let phone = if hong_kong {
            format!("6{}{}", rng.between(1, 8), rng.digits(6))
        } else {
            format!("09{}{}", rng.between(1, 8), rng.digits(7))
        };
        if phones.insert(phone.clone()) {
            break phone;
        }
    };
    let local: String = latin.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let host = rng.pick(&["mail.example", "post.example", "inbox.example", "home.example"]);
    let street = rng.pick(&words.streets);
    Person {
        name: format!("{family}{given}"),
        latin: format!("{latin} {latin_family}"),
        english: hong_kong && rng.percent(60),
        hong_kong,
        phone,
        email: format!("{local}.{}{n}@{host}", latin_family.to_lowercase()),
        member: format!("M{:05}", 10_000 + n * 7),
        line: format!("U{}", rng.hex(32)),
        social: format!("7{}", rng.digits(15)),
        address: if hong_kong {
            "香港上環皇后大道中".into()
        } else {
            format!("{street} {} 號", rng.between(2, 240))
        },
        born: format!("19{:02}-{:02}-{:02}", rng.between(55, 99), rng.between(1, 12), rng.between(1, 28)),
        store: if hong_kong { 4 } else { rng.below(4) },
        uses: uses(rng),
        keen: *rng.pick(&[30, 50, 80, 100, 100, 150, 220]),
        shown: false,
    }
}

fn uses(rng: &mut Rng) -> Uses {
    let till = rng.percent(80);
    let mut uses = Uses {
        line: rng.percent(52),
        form: rng.percent(45),
        mail: rng.percent(36),
        meta: rng.percent(28),
        till,
        card: till && rng.percent(84),
    };
    // Nobody is a customer without a channel.
    uses.line |= !(uses.form || uses.mail || uses.meta || uses.till);
    uses
}
