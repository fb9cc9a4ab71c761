//! Names that outlive releases: event ids, fact keys, customer ids, positions and cursors (golden bytes in `tests/data`).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Namespace of all event ids (UUIDv5).
pub const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0xd9ff566c_f9c3_59b9_8d45_02a43030440a);

/// Revision of a removal: greater than any other.
pub const REMOVAL: u64 = u64::MAX;

/// Identity of an event: the same bytes at the source give the same id for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// UUIDv5 over (kind, account, key, revision), lengths as 32-bit big-endian; a re-adapted event
    /// (`generation` > 0) is named after the first one and its generation.
    #[must_use]
    pub fn derive(kind: &str, account: &str, key: &str, revision: u64, generation: u32) -> Self {
        let mut name = Vec::with_capacity(20 + kind.len() + account.len() + key.len());
        prefixed(&mut name, &[kind, account, key]);
        name.extend_from_slice(&revision.to_be_bytes());
        let first = Uuid::new_v5(&EVENT_NAMESPACE, &name);
        if generation == 0 {
            return Self(*first.as_bytes());
        }
        Self(*Uuid::new_v5(&first, &generation.to_be_bytes()).as_bytes())
    }

    /// The id as a number, for hashing.
    #[must_use]
    pub fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// What identities remember of it.
    #[must_use]
    pub fn prefix(self) -> EventPrefix {
        EventPrefix((self.as_u128() >> 64) as u64)
    }
}

/// The first eight bytes of an event id: what identities keep of each piece of evidence, as there are many. Prefixes order
/// as their ids do. Facts with the same identifiers, time and prefix would count as one; that is no accident (60 bits are
/// hashed), and whoever makes two such facts only harms their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventPrefix(pub u64);

fn prefixed(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(&(part.len() as u32).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Uuid::from_bytes(self.0).as_hyphenated())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not one of Tributary's ids.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a {0}")]
pub struct BadId(&'static str);

impl FromStr for EventId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        Uuid::parse_str(text).map(|uuid| Self(*uuid.as_bytes())).map_err(|_| BadId("event id"))
    }
}

/// Identity of a fact through all its revisions: the first 16 bytes of SHA-256 over (kind, account, key).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FactKey(pub [u8; 16]);

impl FactKey {
    /// The key's hash; lengths as 32-bit big-endian.
    #[must_use]
    pub fn derive(kind: &str, account: &str, key: &str) -> Self {
        let mut name = Vec::with_capacity(12 + kind.len() + account.len() + key.len());
        prefixed(&mut name, &[kind, account, key]);
        let mut out = [0; 16];
        out.copy_from_slice(&Sha256::digest(&name)[..16]);
        Self(out)
    }
}

/// Identity of a customer: its birth event and the place of its identifier in that event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CustomerId {
    /// The birth event.
    pub event: EventId,
    /// Place of the identifier in the birth event's list.
    pub ordinal: u8,
}

const PREFIX: &str = "cus_";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 122 free bits (all but the version nibble and the two variant bits), then the ordinal: 130 bits, 26 letters.
        let id = self.event.as_u128();
        let free = (id >> 80) << 74 | ((id >> 64) & 0xfff) << 62 | (id & 0x3fff_ffff_ffff_ffff);
        let mut text = [0_u8; 26];
        // The last letter and three bits of the one before hold the ordinal.
        text[25] = ALPHABET[usize::from(self.ordinal & 31)];
        let low = ((free & 3) << 3) as usize | usize::from(self.ordinal >> 5);
        text[24] = ALPHABET[low];
        let mut rest = free >> 2;
        for place in text[..24].iter_mut().rev() {
            *place = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        write!(f, "{PREFIX}{}", std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CustomerId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId("customer id");
        let letters = text.strip_prefix(PREFIX).filter(|l| l.len() == 26).ok_or(bad)?;
        let mut values = [0_u8; 26];
        for (value, letter) in values.iter_mut().zip(letters.bytes()) {
            *value = ALPHABET.iter().position(|a| *a == letter).ok_or(BadId("customer id"))? as u8;
        }
        let mut free: u128 = 0;
        for value in &values[..24] {
            free = free << 5 | u128::from(*value);
        }
        free = free << 2 | u128::from(values[24] >> 3);
        let ordinal = (values[24] & 7) << 5 | values[25];
        let id = (free >> 74) << 80
            | 5 << 76
            | ((free >> 62) & 0xfff) << 64
            | 2 << 62
            | (free & 0x3fff_ffff_ffff_ffff);
        Ok(Self { event: EventId(id.to_be_bytes()), ordinal })
    }
}

/// Where a record was first made durable: its log and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    /// The log that first made the record durable.
    pub origin: u32,
    /// Its number in that log, from 1.
    pub sequence: u64,
}

/// A set of positions, one an origin: "all of these and before". Text form: opaque, URL-safe.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cursor(Vec<Position>);

const CURSOR_FORMAT: u8 = b'1';

impl Cursor {
    /// The cursor of these positions; the greatest of each origin counts.
    #[must_use]
    pub fn new(positions: impl IntoIterator<Item = Position>) -> Self {
        let mut cursor = Self::default();
        for position in positions {
            cursor.advance(position);
        }
        cursor
    }

    /// Moves the origin of `position` forward to it; never back.
    pub fn advance(&mut self, position: Position) {
        match self.0.binary_search_by_key(&position.origin, |p| p.origin) {
            Ok(at) => self.0[at].sequence = self.0[at].sequence.max(position.sequence),
            Err(at) => self.0.insert(at, position),
        }
    }

    /// The last sequence of `origin` that is covered, 0 for none.
    #[must_use]
    pub fn sequence(&self, origin: u32) -> u64 {
        self.0.iter().find(|p| p.origin == origin).map_or(0, |p| p.sequence)
    }

    /// Whether all of `other` is covered.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|p| self.sequence(p.origin) >= p.sequence)
    }

    /// The positions, by origin.
    #[must_use]
    pub fn positions(&self) -> &[Position] {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(CURSOR_FORMAT))?;
        for position in &self.0 {
            write!(f, "-{:08x}.{:x}", position.origin, position.sequence)?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId("cursor");
        let rest = text.strip_prefix(char::from(CURSOR_FORMAT)).ok_or_else(bad)?;
        let mut cursor = Self::default();
        for part in rest.split('-').skip(1) {
            let (origin, sequence) = part.split_once('.').ok_or_else(bad)?;
            let origin = u32::from_str_radix(origin, 16).map_err(|_| bad())?;
            let sequence = u64::from_str_radix(sequence, 16).map_err(|_| bad())?;
            cursor.advance(Position { origin, sequence });
        }
        if rest.is_empty() || rest.starts_with('-') { Ok(cursor) } else { Err(bad()) }
    }
}

macro_rules! text_serde {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
text_serde!(EventId, CustomerId, Cursor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_ids_hold() {
        let id = EventId::derive("pos_csv", "store7", "store7/till2/000123", 0, 0);
        assert_eq!(id.to_string(), "c8e3a51a-480f-510b-ae00-ddad2fee1d8c");
        let first = CustomerId { event: id, ordinal: 0 };
        let second = CustomerId { event: id, ordinal: 1 };
        assert_eq!(first.to_string(), "cus_zdr2kgsib4ilxabxnnf7xb3daa");
        assert_eq!(second.to_string(), "cus_zdr2kgsib4ilxabxnnf7xb3dab");
        let last = CustomerId { event: id, ordinal: 255 };
        for customer in [first, second, last] {
            assert_eq!(customer.to_string().parse(), Ok(customer));
        }
        assert!("cus_zdr2kgsib4ilxabxnnf7xb3da1".parse::<CustomerId>().is_err());
        assert!("cus_".parse::<CustomerId>().is_err());
    }

    #[test]
    fn a_cursor_is_text_and_back() {
        let cursor =
            Cursor::new([Position { origin: 9, sequence: 3 }, Position { origin: 1, sequence: 70_000 }]);
        assert_eq!(cursor.to_string(), "1-00000001.11170-00000009.3");
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert_eq!("1".parse(), Ok(Cursor::default()));
        assert!(cursor.covers(&Cursor::new([Position { origin: 9, sequence: 2 }])));
        assert!(!cursor.covers(&Cursor::new([Position { origin: 2, sequence: 1 }])));
        for bad in ["", "2-1.1", "1x", "1-1", "1-zz.1"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
