//! Reports about mail we sent: bounces (RFC 3464 and the formats before it), complaints (ARF), receipts (MDN).

use super::{
    header::{Header, Mailbox, split},
    mail::{Mail, digest},
    mime::Part,
    scan,
    sender::is_machine,
};

/// Recipients one report may name; a mail with more was a list, whose own software handles its bounces.
pub const RECIPIENTS_MAX: usize = 50;

const STATUS: [&str; 2] = ["message/delivery-status", "message/global-delivery-status"];
const RETURNED: [&str; 5] = [
    "message/rfc822",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global",
    "message/global-headers",
];
/// Beginnings of subjects that mail systems without any report format use.
const SUBJECTS: [&str; 10] = [
    "undeliver",
    "delivery status notification",
    "delivery failure",
    "delivery notification",
    "mail delivery failed",
    "returned mail",
    "failure notice",
    "mail system error",
    "メールエラー通知",
    "郵件傳送失敗",
];

/// What such mails say where the subject is anything.
const FAILURES: [&str; 4] =
    ["could not be delivered", "was not delivered", "undeliverable", "送信できませんでした"];

/// What became of mail that we sent.
#[derive(Default)]
pub struct Report {
    /// Digest of the Message-ID of our mail, empty where the report does not say.
    pub original: String,
    /// One per recipient: address (may be empty) and state.
    pub recipients: Vec<(String, &'static str)>,
    /// A recipient called our mail spam.
    pub complaint: bool,
}

impl Report {
    /// The report in this mail, if it is one.
    #[must_use]
    pub fn read(mail: &Mail<'_>) -> Option<Self> {
        let returned = mail.root.find(&RETURNED).map(returned_header);
        let mut report = if let Some(part) = mail.root.find(&["message/feedback-report"]) {
            complaint(part, returned.as_ref())
        } else if let Some(part) = mail.root.find(&["message/disposition-notification"]) {
            receipt(part)
        } else if let Some(part) = mail.root.find(&STATUS) {
            delivery(part)
        } else if looks_like_bounce(mail) {
            bounce_text(mail, returned.as_ref())?
        } else {
            return None;
        };
        if report.original.is_empty() {
            let id = returned.as_ref().and_then(|h| h.ids("message-id").first().map(|id| digest(id)));
            report.original = id.or_else(|| scan::message_id(&mail.text).map(digest)).unwrap_or_default();
        }
        if report.recipients.iter().all(|(address, _)| address.is_empty()) && !report.complaint {
            let state = report.recipients.first().map_or("bounced", |(_, state)| *state);
            let found = fallback_recipients(mail, returned.as_ref());
            report.recipients = found.into_iter().map(|address| (address, state)).collect();
        }
        report.recipients.retain(|(address, _)| !mail.is_ours(address));
        report.recipients.truncate(RECIPIENTS_MAX);
        Some(report)
    }
}

fn returned_header(part: &Part<'_>) -> Header {
    let bytes = part.bytes();
    Header::parse(split(&bytes).0, "", encoding_rs::UTF_8)
}

/// The groups of fields in a status part, separated by empty lines.
fn groups(part: &Part<'_>) -> Vec<Header> {
    let bytes = part.bytes();
    let mut rest: &[u8] = &bytes;
    let mut found = Vec::new();
    while !rest.is_empty() && found.len() <= RECIPIENTS_MAX {
        let (head, body) = split(rest);
        if !head.trim_ascii().is_empty() {
            found.push(Header::parse(head, "", encoding_rs::UTF_8));
        }
        rest = body;
    }
    found
}

/// `rfc822; a@b` without the address type.
fn typed_address(value: &str) -> String {
    let value = value.split_once(';').map_or(value, |(_, address)| address);
    scan::addresses(value).into_iter().next().unwrap_or_default().to_owned()
}

fn first_address(header: &Header, names: &[&str]) -> String {
    let mut found = names.iter().filter_map(|name| header.get(name)).map(typed_address);
    found.find(|address| !address.is_empty()).unwrap_or_default()
}

fn delivery(part: &Part<'_>) -> Report {
    let mut recipients = Vec::new();
    for group in groups(part) {
        if !group.has("final-recipient") && !group.has("original-recipient") && !group.has("action") {
            continue;
        }
        let state = match (group.lower("action").trim(), group.lower("status").trim().as_bytes().first()) {
            ("failed", _) => "bounced",
            ("delayed", _) => "delayed",
            ("delivered" | "relayed" | "expanded", _) => "delivered",
            (_, Some(b'4')) => "delayed",
            (_, Some(b'2')) => "delivered",
            _ => "bounced",
        };
        // The original recipient is the address we wrote to; the final one may be where it was forwarded.
        let address = first_address(&group, &["original-recipient", "final-recipient", "x-actual-recipient"]);
        recipients.push((address, state));
    }
    Report { recipients, ..Report::default() }
}

fn complaint(part: &Part<'_>, returned: Option<&Header>) -> Report {
    let fields = groups(part);
    let kind =
        fields.iter().find_map(|g| g.get("feedback-type")).unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(kind.as_str(), "not-spam" | "auth-failure" | "dmarc") {
        return Report::default();
    }
    let mut address = fields.iter().map(|g| first_address(g, &["original-rcpt-to"])).find(|a| !a.is_empty());
    if address.is_none() {
        address = returned.and_then(|h| h.addresses("to").into_iter().next()).map(|to| to.address);
    }
    // Many providers black the address out.
    let address = address.filter(|a| !a.to_ascii_lowercase().starts_with("redacted")).unwrap_or_default();
    Report { recipients: vec![(address, "complained")], complaint: true, ..Report::default() }
}

fn receipt(part: &Part<'_>) -> Report {
    let groups = groups(part);
    let Some(fields) = groups.iter().find(|g| g.has("disposition")) else { return Report::default() };
    let state = if fields.lower("disposition").contains("displayed") { "opened" } else { "delivered" };
    let address = first_address(fields, &["original-recipient", "final-recipient"]);
    let original = fields.ids("original-message-id").first().map(|id| digest(id)).unwrap_or_default();
    Report { original, recipients: vec![(address, state)], complaint: false }
}

fn is_named(mail: &Mail<'_>) -> bool {
    let subject = mail.subject.to_lowercase();
    SUBJECTS.iter().any(|start| subject.starts_with(start))
}

fn looks_like_bounce(mail: &Mail<'_>) -> bool {
    let by_machine = is_machine(&mail.from) || mail.from.address.is_empty();
    let report = mail.header.structured("content-type").is_some_and(|k| {
        k.subtype() == Some("report") && k.attribute("report-type") == Some("delivery-status")
    });
    let text = mail.text.to_lowercase();
    let said = mail.automatic == Some("mail_system") && FAILURES.iter().any(|words| text.contains(words));
    report
        || said
        || mail.header.has("x-failed-recipients")
        || by_machine
        || (is_named(mail) && mail.automatic.is_some())
}

/// `None` for mail of a mail system that names nobody and has no known subject: it is just a message.
fn bounce_text(mail: &Mail<'_>, returned: Option<&Header>) -> Option<Report> {
    let found = fallback_recipients(mail, returned);
    let delayed =
        mail.subject.to_lowercase().contains("delay") || mail.subject.to_lowercase().starts_with("warning");
    let state = if delayed { "delayed" } else { "bounced" };
    let mut recipients: Vec<_> = found.into_iter().map(|address| (address, state)).collect();
    if recipients.is_empty() && !is_named(mail) && mail.automatic != Some("report") {
        return None;
    }
    if recipients.is_empty() {
        recipients.push((String::new(), state));
    }
    Some(Report { recipients, ..Report::default() })
}

/// Where no status part names the recipient: a header of the mail system, then its text, then our own mail inside.
fn fallback_recipients(mail: &Mail<'_>, returned: Option<&Header>) -> Vec<String> {
    let own = |address: &String| !mail.is_ours(address) && !is_machine(&mailbox(address));
    let header = mail.header.addresses("x-failed-recipients").into_iter().map(|m| m.address);
    let found: Vec<String> = header.filter(|a| a.contains('@')).collect();
    let mut steps =
        [found, scan::failed(&mail.text)].into_iter().map(|list| list.into_iter().filter(own).collect());
    let first: Option<Vec<String>> = steps.find(|list: &Vec<String>| !list.is_empty());
    first
        .or_else(|| {
            let to = returned?.addresses("to");
            Some(to.into_iter().map(|m| m.address).filter(own).collect())
        })
        .unwrap_or_default()
}

fn mailbox(address: &str) -> Mailbox {
    Mailbox { name: String::new(), address: address.to_owned() }
}
