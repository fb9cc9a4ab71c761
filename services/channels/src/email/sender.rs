//! Who is speaking: a person, or a machine that only uses a person's address; and whether the address can be believed.

use super::header::{Header, Mailbox};

/// Names of machines before the `@`.
const MACHINES: [&str; 5] = ["mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon", "bounce"];
/// Beginnings of addresses that nobody reads, without separators.
const SILENT: [&str; 4] = ["noreply", "donotreply", "bounces", "notifications"];

/// Why this mail is not a customer speaking, as a stable code; `None` = a person, as far as the header tells.
#[must_use]
pub fn automatic(header: &Header, from: &Mailbox) -> Option<&'static str> {
    let kind = header.structured("content-type");
    if kind.is_some_and(|k| k.ctype() == "multipart" && k.subtype() == Some("report")) {
        return Some("report");
    }
    if header.has("x-failed-recipients") || is_machine(from) || header.get("return-path").is_some_and(is_null)
    {
        return Some("mail_system");
    }
    let submitted = header.lower("auto-submitted");
    let replied = ["x-autoreply", "x-autorespond", "x-autoresponse"].iter().any(|name| header.has(name));
    if replied || !(submitted.is_empty() || submitted.starts_with("no")) {
        return Some("automatic_reply");
    }
    let precedence = header.lower("precedence");
    if ["bulk", "list", "junk"].contains(&precedence.trim())
        || header.has("list-id")
        || header.has("list-unsubscribe")
    {
        return Some("list");
    }
    if precedence.trim() == "auto_reply" {
        return Some("automatic_reply");
    }
    let local: String = from.local().chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect();
    if SILENT.iter().any(|name| local.starts_with(name)) {
        return Some("no_reply_address");
    }
    let unsigned = header.has("from") && !from.address.contains('@');
    unsigned.then_some("no_sender")
}

/// Whether a mail system, not a person, wrote this.
#[must_use]
pub fn is_machine(from: &Mailbox) -> bool {
    MACHINES.contains(&from.local().as_str())
}

fn is_null(return_path: &str) -> bool {
    return_path.trim() == "<>"
}

/// What our own receiver found out about the sender's domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that can be relied upon.
    #[default]
    Unknown,
    /// DMARC passed for the domain of this `From`.
    Pass,
    /// DMARC failed.
    Fail,
}

/// Reads the topmost `Authentication-Results`, and only if our receiver (`authserv_id`) wrote it: those below, and those
/// of others, can be forged by the sender. A mail with several senders proves none of them.
#[must_use]
pub fn verdict(header: &Header, authserv_id: Option<&str>, from: &Mailbox) -> Verdict {
    let (Some(ours), Some(top)) = (authserv_id, header.get("authentication-results")) else {
        return Verdict::Unknown;
    };
    let top = without_comments(top);
    let mut parts = top.split(';').map(str::trim);
    let writer = parts.next().and_then(|id| id.split_whitespace().next()).unwrap_or_default();
    if !writer.eq_ignore_ascii_case(ours) {
        return Verdict::Unknown;
    }
    let lower: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
    let results: Vec<&str> =
        lower.iter().map(String::as_str).filter(|part| part.starts_with("dmarc=")).collect();
    if results.iter().any(|part| part.split_whitespace().next() == Some("dmarc=fail")) {
        return Verdict::Fail;
    }
    let [result] = results.as_slice() else { return Verdict::Unknown };
    let mut words = result.split_whitespace();
    let passed = words.next() == Some("dmarc=pass");
    let domain = words.find_map(|word| word.strip_prefix("header.from=")).unwrap_or_default();
    let aligned = !domain.is_empty() && domain == from.domain();
    let alone = header.all("from").count() == 1 && header.addresses("from").len() == 1;
    if passed && aligned && alone { Verdict::Pass } else { Verdict::Unknown }
}

/// The field without comments and quoted texts: both may hold the sender's words, even `; dmarc=pass`.
fn without_comments(text: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let keep = |c: &char| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth > 0 => depth -= 1,
            _ => return depth == 0 && !quoted,
        }
        false
    };
    text.chars().filter(keep).collect()
}
