//! From a mail to drafts: a message, one per receiver for mail of ours, one per recipient of a report.

use super::{
    header::Mailbox,
    mail::Mail,
    reply,
    report::{RECIPIENTS_MAX, Report},
    sender::{Verdict, verdict},
};
use tributary_core::{
    body::{Body, Consent, Direction, Message},
    content::{Contact, Content, ProfileField, ProfileSource},
    draft::{Claim, Draft},
    event::{Trust, flags},
    seal::Raw,
};

/// Names which of a mail's events a stored raw request stands for.
pub const PART_HEADER: &str = "x-tributary-part";
/// Every event carries the mail itself; bounds the copies of a large mail to many receivers.
const COPIES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The drafts of a mail; `only` keeps the one of that number.
#[must_use]
pub fn of(mail: &Mail<'_>, raw: &Raw, authserv_id: Option<&str>, only: Option<usize>) -> Vec<Draft> {
    let report = mail.automatic.and_then(|_| Report::read(mail));
    let mut drafts = match report {
        Some(report) => reported(mail, &report),
        None => messages(mail, verdict(&mail.header, authserv_id, &mail.from)),
    };
    drafts.truncate((COPIES_BYTES_MAX / raw.body.len().max(1)).clamp(1, RECIPIENTS_MAX));
    let many = drafts.len() > 1;
    for (index, draft) in drafts.iter_mut().enumerate() {
        draft.occurred_at = mail.header.date();
        draft.profile_source = ProfileSource::MailHeader;
        if only.is_none_or(|only| only == index) {
            draft.raw = raw.clone();
            if many {
                draft.raw.headers.push((PART_HEADER.to_owned(), index.to_string()));
            }
        }
    }
    match only.filter(|index| *index < drafts.len()) {
        Some(index) => vec![drafts.swap_remove(index)],
        None => drafts,
    }
}

fn content(mail: &Mail<'_>) -> Content {
    let mut content = Content {
        subject: mail.subject.clone(),
        text: mail.text.clone(),
        attachments: mail.root.attachments(),
        ..Content::default()
    };
    if mail.cut {
        content.fields.insert("text_cut".into(), true.into());
    }
    if mail.automatic.is_none()
        && let Some(reply) = reply::stripped(&mail.text)
    {
        content.fields.insert("reply".into(), reply.into());
    }
    if let Some(reason) = mail.automatic.filter(|_| !mail.from.address.is_empty()) {
        let value = mail.from.address.clone();
        content.contacts.push(Contact { kind: "email".into(), value, reason: reason.into() });
    }
    content
}

fn message(mail: &Mail<'_>, direction: Direction, content: &Content) -> Body {
    Body::Message(Message {
        direction,
        thread: mail.thread.clone(),
        reply_to: mail.reply_to.clone(),
        form: "mail".into(),
        attachments: content.attachments.len() as u32,
    })
}

fn messages(mail: &Mail<'_>, verdict: Verdict) -> Vec<Draft> {
    let automatic = if mail.automatic.is_some() { flags::AUTOMATIC } else { 0 };
    let ours = mail.is_ours(&mail.from.address);
    if ours && verdict != Verdict::Fail {
        return sent(mail, automatic);
    }
    let mut content = content(mail);
    let body = message(mail, Direction::Inbound, &content);
    let mut identifiers = Vec::new();
    if mail.automatic.is_none() && !ours && mail.from.address.contains('@') {
        let trust = match verdict {
            Verdict::Pass => Trust::Verified,
            Verdict::Unknown => Trust::Claimed,
            Verdict::Fail => Trust::Observed, // the domain's owner says it is not from them
        };
        identifiers.push(Claim::new("email", "", mail.from.address.clone(), trust));
        content.profile.extend(name(&mail.from).map(|name| (ProfileField::Name, name)));
    }
    let mut draft = Draft::new(format!("mail/{}", mail.id), body);
    // Our own address with failed DMARC is a forgery, not our word.
    draft.flags = automatic | if ours { flags::SPAM } else { 0 };
    draft.identifiers = identifiers;
    draft.content = content;
    vec![draft]
}

/// Mail of ours: one event per receiver, because one event would say that all of them are one person.
fn sent(mail: &Mail<'_>, automatic: u32) -> Vec<Draft> {
    let others = mail.others();
    let many = others.len() > 1;
    // Read once: attachments are large, and receivers are many.
    let mut all = content(mail);
    all.contacts.clear();
    let draft = |(index, to): (usize, Option<&Mailbox>)| {
        let key = if many { format!("mail/{}/rcpt/{index}", mail.id) } else { format!("mail/{}", mail.id) };
        let mut draft = Draft::new(key, message(mail, Direction::Outbound, &all));
        draft.flags = automatic;
        draft.identifiers =
            to.map(|to| Claim::new("email", "", to.address.clone(), Trust::Claimed)).into_iter().collect();
        draft.content = all.clone();
        draft
    };
    if others.is_empty() {
        return vec![draft((0, None))];
    }
    others.iter().take(RECIPIENTS_MAX).map(Some).enumerate().map(draft).collect()
}

fn reported(mail: &Mail<'_>, report: &Report) -> Vec<Draft> {
    let claim = |address: &str| {
        let claim = Claim::new("email", "", address, Trust::Claimed);
        Some(claim).filter(|_| address.contains('@')).into_iter().collect()
    };
    let nobody = (String::new(), if report.complaint { "complained" } else { "bounced" });
    let recipients =
        if report.recipients.is_empty() { std::slice::from_ref(&nobody) } else { &report.recipients };
    let content = content(mail);
    let mut drafts = Vec::new();
    for (index, (address, state)) in recipients.iter().enumerate() {
        let body = Body::Delivery { campaign: report.original.clone(), state: (*state).to_owned() };
        let mut draft = Draft::new(format!("mail/{}/rcpt/{index}", mail.id), body);
        draft.identifiers = claim(address);
        draft.content = content.clone();
        draft.flags = flags::AUTOMATIC;
        drafts.push(draft);
        if report.complaint && address.contains('@') {
            let consent = Consent {
                purpose: "marketing".into(),
                channel: "email".into(),
                granted: false,
                method: "complaint".into(),
                ..Consent::default()
            };
            let mut draft = Draft::new(format!("mail/{}/consent/{index}", mail.id), Body::Consent(consent));
            draft.identifiers = claim(address);
            draft.flags = flags::AUTOMATIC;
            drafts.push(draft);
        }
    }
    drafts
}

/// The display name, unless it is only the address again.
fn name(from: &Mailbox) -> Option<String> {
    let name = from.name.trim().trim_matches(['"', '\'']).trim();
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    (!name.is_empty() && !name.contains('@')).then_some(name)
}
