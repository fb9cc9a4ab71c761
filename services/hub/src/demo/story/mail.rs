//! The help desk's mailbox: raw mail as people's programs write it, our answers, bounces and automatic replies.

use super::{
    mail_text::{Charset, body, word},
    payload::Payload,
    people::Person,
    rng::Rng,
    when::{DAYS, at, rfc5322},
    words::Words,
};

const CHANNEL: &str = "mail";
const HELP: &str = "help@chayuri.example";

/// A mail before it is written out.
struct Mail<'a> {
    from: (&'a str, &'a str),
    to: &'a str,
    subject: String,
    text: String,
    id: String,
    /// Message-ID of the mail it answers.
    answers: Option<String>,
    /// Lines of the header that programs add.
    extra: &'a str,
    charset: Charset,
}

impl Mail<'_> {
    fn write(&self, when: i64) -> Payload {
        let domain = self.from.1.rsplit('@').next().unwrap_or_default();
        let (encoding, text) = body(self.charset, &self.text);
        let mut out = format!(
            "Authentication-Results: mx.chayuri.example; spf=pass smtp.mailfrom={domain}; dmarc=pass header.from={domain}\r\n"
        );
        out.push_str(&format!("From: {} <{}>\r\n", word(self.charset, self.from.0), self.from.1));
        out.push_str(&format!("To: {}\r\nSubject: {}\r\n", self.to, word(self.charset, &self.subject)));
        out.push_str(&format!("Date: {}\r\nMessage-ID: <{}>\r\n", rfc5322(when), self.id));
        if let Some(id) = &self.answers {
            out.push_str(&format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n"));
        }
        out.push_str(self.extra);
        out.push_str(&format!(
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset={}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n",
            self.charset.label()
        ));
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(&text);
        Payload::new(CHANNEL, "message/rfc822", bytes, when)
    }
}

/// Everything of one person.
pub fn tell(person: &Person, words: &Words, rng: &mut Rng, out: &mut Vec<Payload>) {
    let count = (rng.between(1, 6) * person.keen / 100).max(1);
    for _ in 0..count {
        let when = at(rng.between(0, DAYS - 6), rng.between(28_000, 84_000));
        thread(person, words, rng, when, out);
    }
}

/// A mail, our answer, and often theirs to it with ours below.
fn thread(person: &Person, words: &Words, rng: &mut Rng, when: i64, out: &mut Vec<Payload>) {
    let (language, charset) = spoken(person, rng);
    let texts: Vec<&[&str; 3]> = words.mails.iter().filter(|m| m[0] == language).collect();
    let [_, subject, text] = **rng.pick(&texts);
    // What a charset cannot write, its users write in Latin letters.
    let name = if matches!(charset, Charset::Utf8Quoted | Charset::Iso2022Jp) {
        &person.latin
    } else {
        &person.name
    };
    let id = format!("{}@{}", rng.hex(20), "mailer.example");
    let first = Mail {
        from: (name, &person.email),
        to: HELP,
        subject: subject.to_owned(),
        text: format!("{}\n\n{name}", text.replace('/', "\n")),
        id: id.clone(),
        answers: None,
        extra: "",
        charset,
    };
    let sent = first.write(when);
    if rng.percent(3) {
        out.push(sent.again(90)); // once by the list, once directly
    }
    out.push(sent);
    if rng.percent(55) {
        return;
    }
    let (ours, later) = (format!("{}@chayuri.example", rng.hex(20)), when + rng.between(1_800, 90_000));
    let lang = if person.english { "en" } else { "zh" };
    let answer = (*rng.pick(&Words::of(&words.answers, lang))).to_owned();
    let reply = Mail {
        from: ("茶與日 客服", HELP),
        to: &person.email,
        subject: format!("Re: {subject}"),
        text: answer.clone(),
        id: ours.clone(),
        answers: Some(id),
        extra: "",
        charset: Charset::Utf8,
    };
    out.push(reply.write(later));
    if rng.percent(50) {
        let quoted = quoted(&answer, subject, later, language);
        let thanks =
            Mail { subject: format!("回覆: {subject}"), text: quoted, answers: Some(ours), ..first };
        let thanks = Mail { id: format!("{}@mailer.example", rng.hex(20)), ..thanks };
        out.push(thanks.write(later + rng.between(600, 60_000)));
    }
}

fn spoken(person: &Person, rng: &mut Rng) -> (&'static str, Charset) {
    match (person.english, rng.below(20)) {
        (true, 0..=9) => ("en", Charset::Utf8Quoted),
        (true, _) => ("en", Charset::Utf8),
        (false, 0..=9) => ("zh", Charset::Utf8),
        (false, 10..=15) => ("zh", Charset::Big5),
        (false, 16..=17) => ("cn", Charset::Gb18030),
        (false, 18) => ("ja", Charset::Iso2022Jp),
        (false, _) => ("zh", Charset::Utf8Quoted),
    }
}

/// As Outlook in Taiwan quotes; others with angle brackets.
fn quoted(answer: &str, subject: &str, when: i64, language: &str) -> String {
    if language == "zh" {
        let date = rfc5322(when);
        return format!(
            "好的，謝謝！\n\n________________________________\n寄件者: 茶與日 客服 <{HELP}>\n寄件日期: {date}\n主旨: Re: {subject}\n\n{answer}\n"
        );
    }
    let thanks = if language == "ja" { "ありがとうございます。" } else { "OK, thanks!" };
    // Our answer is quoted without what another charset cannot write.
    format!("{thanks}\n\nOn {}, {HELP} wrote:\n> (...)\n", rfc5322(when))
}

/// Bounces, automatic replies, a sender nobody vouches for, and something that is no mail.
pub fn faults(people: &[&Person], rng: &mut Rng, out: &mut Vec<Payload>) {
    for (n, person) in people.iter().enumerate() {
        let when = at(12 + n as i64 * 6, rng.between(3_000, 80_000));
        let id = format!("{}@mailer.example", rng.hex(20));
        let away = Mail {
            from: (&person.name, &person.email),
            to: "news@chayuri.example",
            subject: "自動回覆：休假中".into(),
            text: "我正在休假，下週一回覆您。".into(),
            id,
            answers: None,
            extra: "Auto-Submitted: auto-replied\r\n",
            charset: Charset::Utf8,
        };
        out.push(if n % 2 == 0 { away.write(when) } else { bounce(person, rng, when) });
    }
    out.push(Payload::new(CHANNEL, "message/rfc822", "\u{0}\u{1}not a mail at all", at(101, 40_000)).dead(1));
    out.push(
        Payload::new(CHANNEL, "message/rfc822", "<html><body>502 Bad Gateway</body></html>", at(150, 1))
            .dead(1),
    );
}

fn bounce(person: &Person, rng: &mut Rng, when: i64) -> Payload {
    let (date, id, ours) = (rfc5322(when), rng.hex(20), rng.hex(20));
    let to = &person.email;
    let text = format!(
        "From: MAILER-DAEMON@mx.chayuri.example\r\nTo: {HELP}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Date: {date}\r\nMessage-ID: <{id}@mx.chayuri.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n\r\n\
         --b1\r\nContent-Type: text/plain\r\n\r\nThe mail could not be delivered.\r\n\
         --b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.chayuri.example\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n\
         --b1\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{ours}@chayuri.example>\r\nTo: {to}\r\n\r\n--b1--\r\n"
    );
    Payload::new(CHANNEL, "message/rfc822", text, when)
}
