//! Addresses in plain text: the reports of mail systems that never learnt a format.

/// Lines of a report that are looked at; what failed is said at its beginning.
const LINES_MAX: usize = 400;
/// Addresses taken from one text.
const FOUND_MAX: usize = 50;

/// Where the returned mail begins, in lower case.
const RETURNED: [&str; 5] =
    ["original message", "copy of the message", "returned message", "original mail", "original headers"];
/// Fields that begin a returned mail.
const FIELDS: [&str; 3] = ["received: ", "return-path: ", "message-id: "];
/// What stands on the line of a failed address.
const FAILED: [&str; 8] = [
    "delivered to",
    "recipient",
    "rejected",
    "failed",
    "attempts",
    "unknown user",
    "user unknown",
    "address",
];

/// The addresses in a line of text, in order.
#[must_use]
pub fn addresses(text: &str) -> Vec<&str> {
    let local = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let domain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@').take(FOUND_MAX) {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        let start = before.len() - before.chars().rev().take_while(|c| local(*c)).count();
        let end = at + 1 + after.chars().take_while(|c| domain(*c)).count();
        let address = text.get(start..end).unwrap_or_default().trim_end_matches(['.', '-']);
        let host = address.rsplit_once('@').map_or("", |(_, host)| host);
        if start < at && host.contains('.') {
            found.push(address);
        }
    }
    found
}

/// The addresses that a report calls failed.
#[must_use]
pub fn failed(text: &str) -> Vec<String> {
    let returned = |line: &str| {
        let line = line.to_ascii_lowercase();
        FIELDS.iter().any(|name| line.starts_with(name)) || RETURNED.iter().any(|word| line.contains(word))
    };
    // Status fields in the text, where a broken report has no part for them.
    let status =
        text.lines().filter(|l| l.get(..16).is_some_and(|n| n.eq_ignore_ascii_case("final-recipient:")));
    let sure: Vec<&str> =
        status.take(FOUND_MAX).filter_map(|line| addresses(line).into_iter().next()).collect();
    let mut alone: Vec<&str> = Vec::new();
    let mut said: Vec<&str> = Vec::new();
    for line in text.lines().take(LINES_MAX).take_while(|line| !returned(line)) {
        let found = addresses(line);
        let Some(first) = found.first() else { continue };
        let trimmed = line.trim();
        let lower = trimmed.to_ascii_lowercase();
        let leads = trimmed.strip_prefix('<').is_some_and(|rest| rest.starts_with(first));
        if leads || trimmed.trim_matches(['<', '>', ':', '"', '\'', ' ']) == *first {
            alone.push(first);
        } else if FAILED.iter().any(|word| lower.contains(word)) {
            said.push(first);
        }
    }
    let best = [sure, alone, said].into_iter().find(|list| !list.is_empty()).unwrap_or_default();
    let mut unique: Vec<String> = Vec::new();
    for address in best.into_iter().take(FOUND_MAX) {
        if !unique.iter().any(|known| known.eq_ignore_ascii_case(address)) {
            unique.push(address.to_owned());
        }
    }
    unique
}

/// The Message-ID of a returned mail that stands inside the text.
#[must_use]
pub fn message_id(text: &str) -> Option<&str> {
    let line =
        text.lines().find(|l| l.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("message-id:")))?;
    let id = line.get(11..)?.trim().trim_start_matches('<').trim_end_matches('>');
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::{addresses, failed, message_id};

    #[test]
    fn what_failed_is_found() {
        assert_eq!(
            addresses("to <a.b@c.example>, d@e.example. f@g @h.example"),
            ["a.b@c.example", "d@e.example"]
        );
        let qmail =
            "Hi. This is qmail at mx@x.example\n\n<a@b.example>:\nSorry, 550 Unknown user c@d.example\n";
        assert_eq!(failed(qmail), ["a@b.example"]);
        assert_eq!(
            failed("was not delivered to: a@b.example\nOriginal message\nc@d.example"),
            ["a@b.example"]
        );
        assert_eq!(failed("write to help@b.example"), Vec::<String>::new());
        assert_eq!(message_id("x\nMessage-Id: <1@a>\n"), Some("1@a"));
    }
}
