//! What can be compared of one customer.

use super::{
    address::{self, Address},
    contact::{self, Code, Email, Phone},
    date,
    name::{self, Name},
};
use crate::{
    birth_date::Date,
    normalise::{ID_BYTES_MAX, Region, opaque},
};
use smallvec::SmallVec;
use std::fmt;

/// Values of one field that are kept. More cost time in every comparison and tell little.
pub const VALUES_MAX: usize = 4;

/// What sources say about one customer, in their spelling. Every field may be empty or have several values, the best first:
/// only [`VALUES_MAX`] of each are kept.
#[derive(Clone, Default)]
pub struct Raw<'a> {
    /// Full names in any order and script, with or without titles.
    pub names: Vec<&'a str>,
    /// Numbers as dialled or in E.164.
    pub phones: Vec<&'a str>,
    /// E-mail addresses.
    pub emails: Vec<&'a str>,
    /// Postal addresses, each as one text.
    pub addresses: Vec<&'a str>,
    /// Birth dates in any notation of our era or the Republic of China's.
    pub birth_dates: Vec<&'a str>,
    /// Numbers given to one person: what gave it, and the number. Numbers of two givers are not compared.
    pub codes: Vec<(&'a str, &'a str)>,
}

/// The comparable form of a customer. At most about 2 KiB, whatever the sources say.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub(super) names: SmallVec<[Name; 1]>,
    pub(super) phones: SmallVec<[Phone; 1]>,
    pub(super) emails: SmallVec<[Email; 1]>,
    pub(super) addresses: SmallVec<[Address; 1]>,
    pub(super) dates: SmallVec<[Date; 1]>,
    pub(super) codes: SmallVec<[Code; 1]>,
}

impl Record {
    /// Reads what can be read; `region` is that of phones without a country code. What is no name, number, address or date
    /// is left out.
    #[must_use]
    pub fn of(raw: &Raw<'_>, region: Region) -> Self {
        let texts = |values: &[&str]| -> SmallVec<[String; 2]> {
            let some = values.iter().filter(|v| !is_blank(v));
            some.map(|v| (*v).to_owned()).collect()
        };
        Self {
            names: kept(texts(&raw.names).iter().flat_map(|v| name::read(v))),
            phones: kept(raw.phones.iter().filter_map(|v| contact::read_phone(v, region))),
            emails: kept(raw.emails.iter().filter_map(|v| contact::read_email(v))),
            addresses: kept(texts(&raw.addresses).iter().filter_map(|v| address::read(v))),
            dates: kept(
                raw.birth_dates.iter().filter(|v| v.len() <= ID_BYTES_MAX).flat_map(|v| date::read(v)),
            ),
            codes: kept(raw.codes.iter().filter_map(|(kind, v)| contact::read_code(kind, v))),
        }
    }
}

/// Words that mean "no value" or "test", and nothing at all.
fn is_blank(value: &str) -> bool {
    value.len() <= ID_BYTES_MAX && opaque(value).clean_key().is_none()
}

/// The first of them, each once.
fn kept<T: PartialEq>(values: impl Iterator<Item = T>) -> SmallVec<[T; 1]> {
    let mut out: SmallVec<[T; 1]> = SmallVec::new();
    for value in values {
        if !out.contains(&value) {
            out.push(value);
        }
        if out.len() == VALUES_MAX {
            break;
        }
    }
    out
}

/// Values are personal: Debug shows how many there are.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("names", &self.names.len())
            .field("phones", &self.phones.len())
            .field("emails", &self.emails.len())
            .field("addresses", &self.addresses.len())
            .field("dates", &self.dates.len())
            .field("codes", &self.codes.len())
            .finish()
    }
}
