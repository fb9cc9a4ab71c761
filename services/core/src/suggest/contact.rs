//! Phones, e-mail addresses and numbers given to a person, and how alike two are.

use super::{Level, distance::edits};
use crate::{
    normalise::{PhoneClass, Region, email, opaque, phone, phone_class},
    text,
};

/// Providers whose names are mistyped; what is one edit away from one of them is meant to be it.
const PROVIDERS: [&str; 6] =
    ["gmail.com", "hotmail.com", "yahoo.com", "yahoo.com.tw", "outlook.com", "icloud.com"];
/// Providers of their own that are one edit away from those.
const NOT_MISTYPED: [&str; 3] = ["ymail.com", "mail.com", "email.com"];
/// Letters of a local part, or digits of a number, from which one edit is a typing error.
const TYPO_LETTERS: usize = 5;
/// Letters of a local part from which it says something beside another domain.
const OWN_LETTERS: usize = 6;
/// Bytes of a code that are kept.
const CODE_BYTES_MAX: usize = 64;

/// A phone in E.164.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Phone {
    pub digits: Box<str>,
    /// Of a household, not of a person.
    pub landline: bool,
}

/// An address without tag, dots that the provider ignores, and mistyped provider.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Email {
    pub local: Box<str>,
    pub domain: Box<str>,
}

/// A number given to a person, by what.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub kind: u64,
    pub value: Box<str>,
}

/// A phone that may be one person's; placeholders, service numbers and extension lines are none.
pub(super) fn read_phone(raw: &str, region: Region) -> Option<Phone> {
    let normal = phone(raw, region);
    let digits = normal.clean_key()?;
    Some(Phone { digits: digits.into(), landline: phone_class(digits) == PhoneClass::Landline })
}

/// An address that may be one person's; role addresses and placeholders are none.
pub(super) fn read_email(raw: &str) -> Option<Email> {
    let normal = email(raw);
    let (local, domain) = normal.clean_key()?.rsplit_once('@')?;
    let mistyped = |provider: &&&str| edits(domain.as_bytes(), provider.as_bytes(), 1).is_some();
    let meant = PROVIDERS.iter().find(mistyped).filter(|_| !NOT_MISTYPED.contains(&domain));
    let domain = if PROVIDERS.contains(&domain) { domain } else { meant.copied().unwrap_or(domain) };
    let local = local.split('+').next().filter(|l| !l.is_empty()).unwrap_or(local);
    let local = if domain == "gmail.com" { local.replace('.', "") } else { local.to_owned() };
    Some(Email { local: local.into(), domain: domain.into() })
}

/// A number given by `kind`, such as a loyalty scheme; words that mean "none" are none.
pub(super) fn read_code(kind: &str, raw: &str) -> Option<Code> {
    let normal = opaque(raw);
    let value = text::clean(normal.clean_key()?).replace([' ', '-'], "");
    let fits = !value.is_empty() && value.len() <= CODE_BYTES_MAX;
    fits.then(|| Code { kind: text::hash(0, kind), value: value.into() })
}

impl Phone {
    /// Same; close: one digit wrong, left out, too many or swapped with its neighbour. One digit makes another household.
    pub fn likeness(&self, other: &Self) -> Level {
        typed(&self.digits, &other.digits, !self.landline)
    }
}

impl Email {
    /// Same; close: one letter mistyped, or the same long local part at another provider.
    pub fn likeness(&self, other: &Self) -> Level {
        let (same, letters) = (self.local == other.local, self.local.len().min(other.local.len()));
        match self.domain == other.domain {
            true => typed(&self.local, &other.local, letters >= TYPO_LETTERS),
            false if same && letters >= OWN_LETTERS => Level::Close,
            false => Level::Different,
        }
    }
}

impl Code {
    /// Same; close: one letter or digit mistyped.
    pub fn likeness(&self, other: &Self) -> Level {
        typed(&self.value, &other.value, self.value.len().min(other.value.len()) >= TYPO_LETTERS)
    }
}

fn typed(a: &str, b: &str, typing_errors: bool) -> Level {
    match edits(a.as_bytes(), b.as_bytes(), usize::from(typing_errors)) {
        Some(0) => Level::Same,
        Some(_) => Level::Close,
        None => Level::Different,
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, Region, read_code, read_email, read_phone};

    #[test]
    fn addresses_are_what_was_meant() {
        for (raw, want) in [
            ("Ping.Lin+shop@Gmial.com", Some("pinglin@gmail.com")),
            ("ping.lin@hotmai.com", Some("ping.lin@hotmail.com")),
            ("ping@yahoo.com.tw", Some("ping@yahoo.com.tw")),
            ("ping@ymail.com", Some("ping@ymail.com")),
            ("ping@mail.com", Some("ping@mail.com")),
            ("service@ping.tw", None),
            ("ping", None),
        ] {
            let found = read_email(raw).map(|e| format!("{}@{}", e.local, e.domain));
            assert_eq!(found.as_deref(), want, "{raw}");
        }
    }

    #[test]
    fn phones_and_codes_forgive_one_digit() {
        let phone = |raw| read_phone(raw, Region::TW).expect("a phone");
        for (a, b, want) in [
            ("0928-111-333", "+886 928 111 333", Level::Same),
            ("0928111333", "0928113133", Level::Close),
            ("0928111333", "0928117334", Level::Different),
            ("02-2345-6789", "02-2345-6780", Level::Different),
        ] {
            assert_eq!(phone(a).likeness(&phone(b)), want, "{a} {b}");
        }
        assert!(read_phone("0912345678", Region::TW).is_none() && read_phone("x", Region::TW).is_none());
        let code = |raw| read_code("member", raw).expect("a code");
        assert_eq!(code("M-12 345").likeness(&code("m12345")), Level::Same);
        assert_eq!(code("M12345").likeness(&code("M12354")), Level::Close);
        assert_eq!(code("123").likeness(&code("124")), Level::Different);
        assert!(read_code("member", "無").is_none() && read_code("member", " - ").is_none());
    }
}
