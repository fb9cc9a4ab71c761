//! Phone numbers as E.164.
//!
//! Only what a person dials is read: digits, a leading plus and punctuation. Letters are rejected (an O is not a
//! zero, and nobody's own number is a word), and so is a slash, comma or semicolon: it separates two numbers far
//! more often than an area code.
//!
//! The general parser tests a number against its plan from the front only, so in countries whose plan mixes
//! lengths an invalid number of a valid length can pass; the reverse does not happen.

use phonenumber::metadata::DATABASE;
use phonenumber::{PhoneNumber, Type, country};

use super::patterns::{phone_marks, word_marks};
use super::text::{clean_nfkc, strip_prefix_ignore_case};
use super::{Normal, Reason, Region, extension, phone_fast};

/// Longest raw text looked at, in bytes: 20 full-width digits, punctuation, scheme and extension fit.
pub const PHONE_RAW_BYTES_MAX: usize = 128;
/// Most digits of one number: 15 of E.164, and an exit code with trunk zero in front.
pub const PHONE_DIGITS_MAX: usize = 20;

/// What kind of line a phone key is. Landlines are shared by a household: keys, but never more than claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PhoneClass {
    /// In one person's pocket.
    Mobile,
    /// In one household.
    Landline,
    /// The plan does not tell (North America), or neither: internet telephony, personal numbers, pagers.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhoneUse {
    Person(PhoneClass),
    /// Toll-free, premium-rate, shared-cost or company number.
    NotPersonal,
}

/// One line that was read.
pub(super) struct Line {
    pub(super) e164: String,
    pub(super) usage: PhoneUse,
    pub(super) extension: bool,
}

/// Normalises a phone number to E.164. `region` reads numbers without a country code. Numbers with an extension
/// and service numbers become attributes; two numbers in one field, letters and numbers outside the country's
/// numbering plan are rejected.
#[must_use]
pub fn phone(raw: &str, region: Region) -> Normal {
    match read_line(raw, region) {
        Err(reason) => Normal::reject(reason),
        Ok(Line { e164, extension: true, .. }) => {
            Normal::Attribute { value: e164, reason: Reason::SharedLine }
        }
        Ok(Line { e164, usage: PhoneUse::NotPersonal, .. }) => {
            Normal::Attribute { value: e164, reason: Reason::NotPersonal }
        }
        Ok(Line { e164, .. }) => {
            let marks = phone_marks(&e164);
            Normal::Key { value: e164, marks }
        }
    }
}

/// The class of a number in E.164; anything else is [`PhoneClass::Other`].
#[must_use]
pub fn phone_class(e164: &str) -> PhoneClass {
    if phone_fast::is_mobile(e164) {
        return PhoneClass::Mobile;
    }
    match parse_international(e164) {
        Some(Line { usage: PhoneUse::Person(class), .. }) => class,
        _ => PhoneClass::Other,
    }
}

pub(super) fn read_line(raw: &str, region: Region) -> Result<Line, Reason> {
    if raw.len() > PHONE_RAW_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    let cleaned = clean_nfkc(raw);
    if cleaned.is_empty() {
        return Err(Reason::Empty);
    }
    if word_marks(&cleaned) != 0 {
        return Err(Reason::Blank);
    }
    let lower = cleaned.to_ascii_lowercase();
    let text = strip_prefix_ignore_case(&lower, "tel:").unwrap_or(&lower);
    let (number, extension) = extension::split(text)?;
    let dialled = Dialled::read(number)?;
    let line = match phone_fast::mobile(dialled.digits(), dialled.plus, region) {
        Some(e164) => Line { e164, usage: PhoneUse::Person(PhoneClass::Mobile), extension: false },
        None => parse(&dialled, region).ok_or(Reason::InvalidNumber)?,
    };
    Ok(Line { extension, ..line })
}

/// The digits of one number, and whether a plus stood in front.
struct Dialled {
    /// `+` and the digits: what the parser takes for an international number.
    text: String,
    plus: bool,
}

impl Dialled {
    fn read(number: &str) -> Result<Self, Reason> {
        let mut text = String::from("+");
        let mut plus = false;
        for c in number.chars() {
            match c {
                '0'..='9' if text.len() > PHONE_DIGITS_MAX => return Err(Reason::TooLong),
                '0'..='9' => text.push(c),
                '+' if text.len() == 1 && !plus => plus = true,
                ' ' | '\t' | '-' | '.' | '(' | ')' | '[' | ']' => {}
                // Hyphens and dashes of every length, the minus sign, the Japanese long-vowel mark.
                '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' => {}
                '+' | '/' | ';' | ',' | '、' | '\n' | '\r' | '|' | '&' => return Err(Reason::SeveralValues),
                _ => return Err(Reason::Malformed),
            }
        }
        if text.len() == 1 { Err(Reason::Malformed) } else { Ok(Self { text, plus }) }
    }

    fn digits(&self) -> &[u8] {
        self.text.as_bytes().get(1..).unwrap_or_default()
    }
}

/// Reads a number with the general parser; `None` when it is not in its country's plan.
fn parse(dialled: &Dialled, region: Region) -> Option<Line> {
    if dialled.plus {
        return parse_international(&dialled.text);
    }
    let digits = dialled.text.get(1..)?;
    let number = phonenumber::parse(Some(region.country()?), digits).ok()?;
    let national = number.national().to_string();
    if number.code().source() != country::Source::Idd {
        let doubled = digits.strip_suffix(national.as_str()).is_some_and(|front| front == "00");
        return if doubled || has_double_zero(&dialled.text, &number) {
            None
        } else {
            parse_international(&e164(&number))
        };
    }
    // After an exit code the parser would take the trunk prefix of the caller's country off the number, so what
    // follows the exit code is read again as if it had a plus.
    let front = digits.strip_suffix(national.as_str())?;
    let code_at = front.rfind(&number.code().value().to_string())?;
    parse_international(&format!("+{}", digits.get(code_at..)?))
}

/// Reads `+` and digits. The result is always its own normal form: a number whose E.164 form the parser would
/// read as another number is refused.
fn parse_international(text: &str) -> Option<Line> {
    let number = phonenumber::parse(None, text).ok()?;
    let first = e164(&number);
    if first != text {
        let again = phonenumber::parse(None, &first).ok()?;
        if e164(&again) != first || has_double_zero(text, &number) {
            return None;
        }
    }
    let valid = number.is_valid();
    valid.then(|| Line { usage: usage(number.number_type(&DATABASE)), e164: first, extension: false })
}

/// The parser takes two trunk zeros as well as one; two are a typing error whose cure is not ours.
fn has_double_zero(text: &str, number: &PhoneNumber) -> bool {
    text.strip_prefix('+')
        .and_then(|digits| digits.strip_prefix(number.code().value().to_string().as_str()))
        .and_then(|rest| rest.strip_suffix(number.national().to_string().as_str()))
        .is_some_and(|between| between.starts_with("00"))
}

/// Written here because the parser's own formatter panics on a country code it does not know.
fn e164(number: &PhoneNumber) -> String {
    format!("+{}{}", number.code().value(), number.national())
}

fn usage(kind: Type) -> PhoneUse {
    match kind {
        Type::Mobile => PhoneUse::Person(PhoneClass::Mobile),
        Type::FixedLine => PhoneUse::Person(PhoneClass::Landline),
        Type::TollFree
        | Type::PremiumRate
        | Type::SharedCost
        | Type::Uan
        | Type::Voicemail
        | Type::Emergency
        | Type::ShortCode
        | Type::StandardRate
        | Type::Carrier
        | Type::NoInternational => PhoneUse::NotPersonal,
        // Unknown: valid, but the parser forgets the leading zero of Italian landlines when it asks for the type.
        Type::FixedLineOrMobile | Type::PersonalNumber | Type::Voip | Type::Pager | Type::Unknown => {
            PhoneUse::Person(PhoneClass::Other)
        }
    }
}

/// The general parser alone: E.164, and whether it is a mobile.
#[cfg(test)]
pub(super) fn by_parser(digits: &str, plus: bool, region: Region) -> Option<(String, bool)> {
    let line = parse(&Dialled { text: format!("+{digits}"), plus }, region)?;
    let mobile = line.usage == PhoneUse::Person(PhoneClass::Mobile);
    Some((line.e164, mobile))
}
