//! E-mail addresses.
//!
//! Absent: any look at whether the domain exists, and any folding that only some providers apply (dots, plus
//! tags). Local parts are folded to lower case in ASCII only: beyond it case is a matter of language.

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::patterns::{email_marks, word_marks};
use super::text::{clean, strip_prefix_ignore_case};
use super::{Normal, Reason};

/// Longest raw text looked at, in bytes: a full address in full-width characters (3 bytes each), and a scheme.
pub const EMAIL_RAW_BYTES_MAX: usize = 1024;
/// Longest address, in bytes (RFC 5321 path of 256 without its angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Longest local part, in bytes (RFC 5321 section 4.5.3.1.1).
pub const EMAIL_LOCAL_BYTES_MAX: usize = 64;

/// Local parts that name a function, before any plus tag: RFC 2142, automatic senders, and common shop desks.
const ROLES: [&str; 40] = [
    "abuse",
    "accounting",
    "admin",
    "administrator",
    "alert",
    "alerts",
    "billing",
    "bounce",
    "bounces",
    "contact",
    "customer-service",
    "customerservice",
    "feedback",
    "ftp",
    "help",
    "helpdesk",
    "hostmaster",
    "hr",
    "info",
    "jobs",
    "mailer-daemon",
    "marketing",
    "news",
    "newsletter",
    "noc",
    "notification",
    "notifications",
    "office",
    "order",
    "orders",
    "postmaster",
    "privacy",
    "root",
    "sales",
    "security",
    "service",
    "services",
    "support",
    "webmaster",
    "客服",
];

/// Normalises an e-mail address: full-width folded, invisible characters and `mailto:` dropped, local part NFC
/// with ASCII in lower case, domain as A-label without the root dot. Quoted local parts, display names, address
/// literals, a domain without a dot and a numeric top level are rejected.
#[must_use]
pub fn email(raw: &str) -> Normal {
    match read(raw) {
        Ok(normal) => normal,
        Err(reason) => Normal::reject(reason),
    }
}

fn read(raw: &str) -> Result<Normal, Reason> {
    if raw.len() > EMAIL_RAW_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    let cleaned = clean(raw);
    let text = match strip_prefix_ignore_case(&cleaned, "mailto:") {
        // Header fields may follow the address in a link, and only there.
        Some(link) => link.split('?').next().unwrap_or(link).trim(),
        None => &cleaned,
    };
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(Reason::ControlCharacter);
    }
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Err(if word_marks(text) != 0 { Reason::Blank } else { Reason::Malformed });
    };
    let local = local_part(local)?;
    let domain = domain_part(domain)?;
    let value = format!("{local}@{domain}");
    if value.len() > EMAIL_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    if !is_well_formed(&local, &domain) {
        return Err(Reason::Malformed);
    }
    let marks = email_marks(&local, &domain);
    let base = local.split('+').next().unwrap_or(&local);
    if marks == 0 && ROLES.contains(&base) {
        return Ok(Normal::Attribute { value, reason: Reason::RoleAddress });
    }
    Ok(Normal::Key { value, marks })
}

/// Syntax of RFC 5322 with letters of any script. The checker knows no combining marks, which Thai and Hindi
/// need in almost every word, so it sees a plain letter in their place.
fn is_well_formed(local: &str, domain: &str) -> bool {
    let seen: String = local.chars().map(|c| if is_combining_mark(c) { 'a' } else { c }).collect();
    let options =
        Options::default().with_minimum_sub_domains(2).without_domain_literal().without_display_text();
    EmailAddress::parse_with_options(&format!("{seen}@{domain}"), options).is_ok()
}

fn local_part(raw: &str) -> Result<String, Reason> {
    if raw.starts_with('"') || raw.contains(char::is_whitespace) {
        return Err(Reason::Malformed);
    }
    if raw.contains('@') && raw.contains([',', ';', '/', '、']) {
        return Err(Reason::SeveralValues);
    }
    // Lower case can open a new composition (h + macron below has one, H has none), hence NFC twice.
    let mut local: String = raw.nfc().collect();
    local.make_ascii_lowercase();
    if !local.is_ascii() {
        local = local.nfc().collect();
    }
    if local.len() > EMAIL_LOCAL_BYTES_MAX { Err(Reason::TooLong) } else { Ok(local) }
}

fn domain_part(raw: &str) -> Result<String, Reason> {
    let ascii = Uts46::new()
        .to_ascii(raw.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::VerifyAllowRootDot)
        .map_err(|_| Reason::Malformed)?;
    let domain = ascii.strip_suffix('.').unwrap_or(&ascii);
    let Some((_, top)) = domain.rsplit_once('.') else {
        return Err(Reason::Malformed);
    };
    if top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::Malformed);
    }
    Ok(domain.to_owned())
}
