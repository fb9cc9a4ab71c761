//! Names and values beside a payload, in one piece: a record with four of them is read, sent and let go of without an allocation
//! for each.

use std::fmt;

use bytes::Bytes;

/// Names and values in their order; a name may come twice. They are kept as a segment has them, and what was read from one may
/// share its memory with the neighbours.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Each: u16 + name, u16 + value. UTF-8, which was checked.
    encoded: Bytes,
    count: u16,
    /// There was more than a segment can hold; it is not in here.
    is_too_long: bool,
}

impl Attributes {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        let mut rest = &self.encoded[..];
        std::iter::from_fn(move || Some((take(&mut rest)?, take(&mut rest)?)))
    }

    /// The first value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The same and one more.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut all =
            Builder { encoded: self.encoded.into(), count: self.count, is_too_long: self.is_too_long };
        all.push(name, value);
        all.build()
    }

    /// Whether one of them is longer than 65,535 bytes, or there are more: no log takes a record with these.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// As in a segment.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Those that stand at the beginning, in the same memory; none where so many do not.
    pub(crate) fn decode(bytes: &Bytes, count: u16) -> Option<Self> {
        let mut rest = &bytes[..];
        for _ in 0..count {
            take(&mut rest)?;
            take(&mut rest)?;
        }
        let length = bytes.len() - rest.len();
        Some(Self { encoded: bytes.slice(..length), count, is_too_long: false })
    }

    /// The same in memory of their own.
    pub(crate) fn apart(&self) -> Self {
        Self { encoded: Bytes::copy_from_slice(&self.encoded), ..*self }
    }
}

/// One text from the front.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let (text, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

/// Attributes that are put together one by one.
#[derive(Default)]
pub(crate) struct Builder {
    encoded: Vec<u8>,
    count: u16,
    is_too_long: bool,
}

impl Builder {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { encoded: Vec::with_capacity(bytes), ..Self::default() }
    }

    pub fn push(&mut self, name: &str, value: &str) {
        let (lengths, count) =
            ([name, value].map(|text| u16::try_from(text.len())), self.count.checked_add(1));
        let ([Ok(of_name), Ok(of_value)], Some(count)) = (lengths, count) else {
            self.is_too_long = true;
            return;
        };
        self.encoded.extend_from_slice(&of_name.to_le_bytes());
        self.encoded.extend_from_slice(name.as_bytes());
        self.encoded.extend_from_slice(&of_value.to_le_bytes());
        self.encoded.extend_from_slice(value.as_bytes());
        self.count = count;
    }

    pub fn build(self) -> Attributes {
        Attributes { encoded: self.encoded.into(), count: self.count, is_too_long: self.is_too_long }
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut all = Builder::default();
        for (name, value) in pairs {
            all.push(name.as_ref(), value.as_ref());
        }
        all.build()
    }
}

impl<N: AsRef<str>, V: AsRef<str>, const L: usize> From<[(N, V); L]> for Attributes {
    fn from(pairs: [(N, V); L]) -> Self {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for Attributes {
    /// Their number only: values may tell of people.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} attributes", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back_in_their_order() {
        let pairs = [("type", "form.submitted"), ("", ""), ("名", "陳大文"), ("type", "another")];
        let all = Attributes::from(pairs);
        assert_eq!(all.iter().collect::<Vec<_>>(), pairs);
        assert_eq!((all.len(), all.get("type"), all.get("名")), (4, Some("form.submitted"), Some("陳大文")));
        assert_eq!(all.get("none"), None);
        let one_by_one = pairs.into_iter().fold(Attributes::default(), |all, (n, v)| all.with(n, v));
        assert_eq!(one_by_one, all);
        assert!(Attributes::default().is_empty() && !all.is_empty());
    }

    #[test]
    fn what_no_segment_holds_is_told() {
        let long = "x".repeat(65_536);
        assert!(!Attributes::from([("a", &long[1..])]).is_too_long());
        for (name, value) in [("a", long.as_str()), (long.as_str(), "a")] {
            let all = Attributes::from([(name, value)]);
            assert!(all.is_too_long() && all.is_empty());
            assert!(all.with("b", "c").is_too_long());
        }
        let many: Attributes = (0..=65_535).map(|_| ("", "")).collect();
        assert!(many.is_too_long());
    }

    #[test]
    fn bytes_that_are_none_are_refused() {
        let good = Attributes::from([("a", "名"), ("b", "")]);
        let mut bytes = good.encoded().to_vec();
        bytes.extend_from_slice(b"payload");
        assert_eq!(Attributes::decode(&bytes.clone().into(), 2), Some(good.clone()));
        for length in 0..good.encoded().len() {
            assert_eq!(Attributes::decode(&bytes[..length].to_vec().into(), 2), None, "{length}");
        }
        bytes[5] = 0xff;
        assert_eq!(Attributes::decode(&bytes.into(), 2), None);
    }
}
