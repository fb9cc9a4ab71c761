//! The tills: a file for each store and day. Taiwan's are Big5 with a row for each receipt; Hong Kong's have a head row and
//! a row for each line. Some files come days late, some twice, some corrected.

use super::{
    payload::Payload,
    people::Person,
    rng::Rng,
    when::{DAY, DAYS, at, day},
    words::Words,
};

/// Receipts of a day in one of Taiwan's stores.
const RECEIPTS: (i64, i64) = (11, 21);
/// Receipts of a day in Hong Kong.
const RECEIPTS_HK: (i64, i64) = (4, 9);
const HEADER: &str = "門市,機台,單號,日期,時間,會員卡號,手機,姓名,總額,原單號,作廢,版次\r\n";
/// What clerks type when somebody gives no number; it must join nobody.
const PLACEHOLDER: &str = "0912345678";

/// All files of all stores.
pub fn tell(people: &[Person], words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    for store in 0..5 {
        let mut here: Vec<&Person> = Vec::new();
        for person in people.iter().filter(|p| p.uses.till && p.store == store) {
            here.extend(std::iter::repeat_n(person, (person.keen / 25) as usize));
        }
        for number in 0..DAYS {
            let mut till = Till { store: words.stores[store].0, day: number, here: &here, words, rng };
            if store == 4 { till.hong_kong(out) } else { till.taiwan(out) }
        }
    }
}

struct Till<'a> {
    store: &'static str,
    day: i64,
    here: &'a [&'a Person],
    words: &'a Words,
    rng: &'a mut Rng,
}

impl Till<'_> {
    /// When the day's file is sent: at night, or days late.
    fn sent(&mut self) -> i64 {
        let late = if self.rng.percent(5) { self.rng.between(2, 12) * DAY } else { 0 };
        at(self.day, 81_000 + self.rng.between(0, 1_800)) + late
    }

    /// Who stands there: a card or a phone, somebody without either, a clerk who types anything.
    fn buyer(&mut self) -> (String, String, String) {
        let nobody = (String::new(), String::new(), String::new());
        if self.here.is_empty() || self.rng.percent(22) {
            let placeholder = (String::new(), PLACEHOLDER.to_owned(), String::new());
            return if self.rng.percent(6) { placeholder } else { nobody };
        }
        let person = *self.rng.pick(self.here);
        let phone =
            if !person.uses.card || self.rng.percent(35) { person.spelt(self.rng) } else { String::new() };
        let name = if self.rng.percent(50) { person.name.clone() } else { String::new() };
        (if person.uses.card { person.member.clone() } else { String::new() }, phone, name)
    }

    fn basket(&mut self) -> Vec<(&'static str, i64, i64)> {
        let count = self.rng.between(1, 3);
        (0..count)
            .map(|_| {
                let (sku, price) = *self.rng.pick(&self.words.products);
                let pieces = self.rng.between(1, 2);
                (sku, pieces, price * pieces)
            })
            .collect()
    }

    fn taiwan(&mut self, out: &mut Vec<Payload>) {
        let date = day(self.day);
        let mut rows: Vec<[String; 12]> = Vec::new();
        let mut dead = 0;
        for n in 1..=self.rng.between(RECEIPTS.0, RECEIPTS.1) {
            let (member, phone, name) = self.buyer();
            let total: i64 = self.basket().iter().map(|line| line.2).sum();
            let receipt = format!("{}{n:03}", date.strftime("%y%m%d"));
            let time = clock(39_600 + n * 1_800 + self.rng.between(0, 1_200));
            let register = self.rng.between(1, 2).to_string();
            let mut row = [
                self.store.to_owned(),
                register,
                receipt,
                date.to_string(),
                time,
                member,
                phone,
                name,
                total.to_string(),
                String::new(),
                String::new(),
                "0".to_owned(),
            ];
            match self.rng.below(700) {
                0 => (row[8], dead) = ("壞".to_owned(), dead + 1),
                1 => (row[2], dead) = (String::new(), dead + 1),
                2 => (row[2], dead) = ("2.5E+08".to_owned(), dead + 1),
                3..=12 => row[10] = "作廢".to_owned(),
                _ => {}
            }
            rows.push(row);
        }
        let refund = self.rng.percent(18).then(|| refund(&rows)).flatten();
        rows.extend(refund);
        let sent = self.sent();
        let first = file(&rows, sent, dead);
        if self.rng.percent(4) {
            out.push(first.again(3_600)); // the upload timed out and was tried again
        }
        out.push(first);
        if self.rng.percent(6) {
            out.push(self.corrected(rows, sent, dead));
        }
    }

    /// The whole file again, two of its receipts with other amounts and a higher version.
    fn corrected(&mut self, mut rows: Vec<[String; 12]>, sent: i64, dead: u32) -> Payload {
        for _ in 0..2 {
            let place = self.rng.below(rows.len());
            if let Some(row) =
                rows.get_mut(place).filter(|row| row[9].is_empty() && row[8].parse::<i64>().is_ok())
            {
                row[8] = (self.rng.between(10, 90) * 10).to_string();
                row[11] = "1".to_owned();
            }
        }
        file(&rows, sent + self.rng.between(1, 5) * DAY, dead)
    }

    fn hong_kong(&mut self, out: &mut Vec<Payload>) {
        let date = day(self.day);
        let (mut text, mut rows, mut dead) = (String::new(), 0, 0);
        if self.rng.percent(1) {
            text.push_str("D|T101|1|95\r\n"); // a line whose head was cut off
            (rows, dead) = (1, 1);
        }
        for n in 1..=self.rng.between(RECEIPTS_HK.0, RECEIPTS_HK.1) {
            let (member, phone, name) = self.buyer();
            let basket = self.basket();
            let total: i64 = basket.iter().map(|line| line.2 / 4).sum();
            let time = clock(41_000 + n * 3_000).replace(':', "");
            let receipt = format!("H{}{n:02}", date.strftime("%y%m%d"));
            let date = date.strftime("%Y%m%d");
            text.push_str(&format!(
                "H|{}|{receipt}|{date}|{time}|{member}|{phone}|{name}|{total}\r\n",
                self.store
            ));
            for (sku, pieces, amount) in &basket {
                text.push_str(&format!("D|{sku}|{pieces}|{}\r\n", amount / 4));
            }
            rows += 1 + basket.len() as u32;
        }
        text.push_str("T|end\r\n");
        let mut whole = Payload::new("till-hk", "text/csv", text, self.sent()).dead(dead);
        whole.rows = rows;
        if self.rng.percent(3) {
            out.push(whole.again(1_200));
        }
        out.push(whole);
    }
}

fn clock(seconds: i64) -> String {
    format!("{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60)
}

/// Money back for the day's first good receipt that names somebody.
fn refund(rows: &[[String; 12]]) -> Option<[String; 12]> {
    let good = |row: &&[String; 12]| {
        row[8].parse::<i64>().is_ok() && !row[5].is_empty() && row[10].is_empty() && row[2].len() == 9
    };
    let mut row = rows.iter().find(good)?.clone();
    row[9] = std::mem::replace(&mut row[2], format!("{}R", rows.iter().find(good)?[2]));
    row[8] = format!("-{}", row[8]);
    row[4] = "20:45".to_owned();
    Some(row)
}

fn file(rows: &[[String; 12]], sent: i64, dead: u32) -> Payload {
    let mut text = HEADER.to_owned();
    for row in rows {
        text.push_str(&row.join(","));
        text.push_str("\r\n");
    }
    let bytes = encoding_rs::BIG5.encode(&text).0.into_owned();
    let mut payload = Payload::new("till", "text/csv", bytes, sent).dead(dead);
    payload.rows = rows.len() as u32;
    payload
}
