//! Amounts as integers with the source's own scale. There is no floating point and no table of currencies here:
//! NT$100 is `100` at scale 0 from a till and `10000` at scale 2 from a payment provider.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Greatest number of decimal places an amount may carry; more is not money.
pub const SCALE_MAX: u8 = 9;

/// An amount: `units` / 10^`scale`. JSON form: decimal text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Money {
    /// The amount in units of 10^-`scale`.
    pub units: i64,
    /// Decimal places as the source writes them, at most [`SCALE_MAX`].
    pub scale: u8,
}

impl Money {
    /// An amount from its parts.
    #[must_use]
    pub fn new(units: i64, scale: u8) -> Self {
        Self { units, scale: scale.min(SCALE_MAX) }
    }

    /// Reads decimal text such as `500`, `-12.50` or `1,280.00`; `None` for anything else, exponents included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let scale = u8::try_from(fraction.len()).ok().filter(|s| *s <= SCALE_MAX)?;
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut units: i64 = 0;
        for byte in whole.bytes().filter(|b| *b != b',').chain(fraction.bytes()) {
            let digit = char::from(byte).to_digit(10)?;
            units = units.checked_mul(10)?.checked_add(i64::from(digit))?;
        }
        Some(Self { units: if negative { -units } else { units }, scale })
    }

    /// The same amount with the sign turned.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { units: self.units.saturating_neg(), scale: self.scale }
    }

    /// The sum at the greater of both scales.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { units: self.at(scale).saturating_add(other.at(scale)), scale }
    }

    fn at(self, scale: u8) -> i64 {
        let factor = 10_i64.saturating_pow(u32::from(scale.saturating_sub(self.scale)));
        self.units.saturating_mul(factor)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.units);
        }
        let factor = 10_u64.pow(u32::from(self.scale));
        let sign = if self.units < 0 { "-" } else { "" };
        let units = self.units.unsigned_abs();
        let width = usize::from(self.scale);
        write!(f, "{sign}{}.{:0width$}", units / factor, units % factor)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a decimal amount, such as \"12.50\""))
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn text_and_sums_keep_the_sources_scale() {
        for (text, want) in [("500", "500"), ("-12.50", "-12.50"), ("1,280.00", "1280.00"), ("+0.5", "0.5")] {
            assert_eq!(Money::parse(text).map(|m| m.to_string()).as_deref(), Some(want), "{text}");
        }
        for text in ["", ".", "1e3", "12.3.4", "NT$5", "0.1234567891", "99999999999999999999"] {
            assert_eq!(Money::parse(text), None, "{text}");
        }
        let sum = Money::new(500, 0).plus(Money::new(-125, 1));
        assert_eq!(sum.to_string(), "487.5");
        assert_eq!(sum.negated().to_string(), "-487.5");
    }
}
