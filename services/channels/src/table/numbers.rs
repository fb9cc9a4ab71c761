//! Amounts, quantities and ids as tills and spreadsheets write them. No floating point: what cannot be read exactly is an
//! error of the row. Absent: decimal commas (`12,50`), because `1,280` is a thousand in the files this reads.

use tributary_core::money::{Money, SCALE_MAX};

/// Currency signs that stand before amounts in exports; what the currency is says the configuration.
const SIGNS: [&str; 8] = ["NT$", "HK$", "US$", "$", "＄", "¥", "€", "£"];

/// An amount such as `1,280`, `NT$1,280`, `(12.50)` or `12.50-`; the last two are negative.
#[must_use]
pub fn money(text: &str) -> Option<Money> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => (true, inner),
        None => match text.strip_suffix('-') {
            Some(front) => (true, front),
            None => match text.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, text),
            },
        },
    };
    let text = SIGNS.iter().find_map(|sign| text.trim().strip_prefix(sign)).unwrap_or(text);
    let amount = Money::parse(text)?;
    match (negative, amount.units < 0) {
        (true, true) => None,
        (true, false) => Some(amount.negated()),
        (false, _) => Some(amount),
    }
}

/// The exact sum; `None` when it does not fit.
#[must_use]
pub fn plus(a: Money, b: Money) -> Option<Money> {
    let scale = a.scale.max(b.scale);
    let at = |m: Money| m.units.checked_mul(10_i64.checked_pow(u32::from(scale - m.scale))?);
    Some(Money::new(at(a)?.checked_add(at(b)?)?, scale))
}

/// The exact product of a quantity and a price; `None` when it does not fit or needs too many decimal places. Zeros at
/// the end of the quantity do not count: `6.0` pieces at `2.55` are `15.30`.
#[must_use]
pub fn times(quantity: Money, price: Money) -> Option<Money> {
    let mut quantity = quantity;
    while quantity.scale > 0 && quantity.units % 10 == 0 {
        quantity = Money::new(quantity.units / 10, quantity.scale - 1);
    }
    let (mut units, mut scale) = (quantity.units.checked_mul(price.units)?, quantity.scale + price.scale);
    while scale > SCALE_MAX {
        if units % 10 != 0 {
            return None;
        }
        (units, scale) = (units / 10, scale - 1);
    }
    Some(Money::new(units, scale))
}

/// Whether a spreadsheet has turned a number into `1.23E+11`: its last digits are gone, so it names nothing any more.
/// `12E5` without sign or point may be a real id.
#[must_use]
pub fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.trim().split_once(['E', 'e']) else {
        return false;
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let unsigned = exponent.strip_prefix(['+', '-']);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let number = digits(whole.trim_start_matches('-')) && (fraction.is_empty() || digits(fraction));
    number && digits(unsigned.unwrap_or(exponent)) && (unsigned.is_some() || !fraction.is_empty())
}

/// An id without the `.0` that number columns add: `17850.0` is `17850`. Leading zeros stay.
#[must_use]
pub fn plain_id(text: &str) -> &str {
    let text = text.trim();
    match text.split_once('.') {
        Some((whole, zeros))
            if !whole.is_empty()
                && whole.bytes().all(|b| b.is_ascii_digit())
                && !zeros.is_empty()
                && zeros.bytes().all(|b| b == b'0') =>
        {
            whole
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        for (text, want) in [
            ("1,280", Some("1280")),
            ("NT$1,280.50", Some("1280.50")),
            ("-$5", Some("-5")),
            ("(12.50)", Some("-12.50")),
            ("12-", Some("-12")),
            ("--5", None),
            ("1.2E+3", None),
            ("", None),
        ] {
            assert_eq!(money(text).map(|m| m.to_string()).as_deref(), want, "{text}");
        }
        let product = |q: &str, p: &str| times(money(q)?, money(p)?).map(|m| m.to_string());
        assert_eq!(product("6.0", "2.55").as_deref(), Some("15.30"));
        assert_eq!(product("-12", "1.65").as_deref(), Some("-19.80"));
        assert_eq!(product("0.350", "120").as_deref(), Some("42.00"));
        assert_eq!(product("9223372036854775807", "2"), None);
        assert_eq!(plus(Money::new(i64::MAX, 0), Money::new(1, 0)), None);
        assert_eq!(plus(Money::new(i64::MAX, 0), Money::new(1, 2)), None);
    }

    #[test]
    fn ids_survive_spreadsheets_or_are_none() {
        for (text, want) in
            [("17850.0", "17850"), ("007", "007"), ("1.5", "1.5"), (" A.0 ", "A.0"), (".0", ".0")]
        {
            assert_eq!(plain_id(text), want);
        }
        for text in ["1.23E+11", "4E+12", "9.1e11", "-1.5E-3"] {
            assert!(is_scientific(text), "{text}");
        }
        for text in ["12E5", "E1", "1E", "ABE+1", "536365", "1.5", "C5E+x"] {
            assert!(!is_scientific(text), "{text}");
        }
    }
}
