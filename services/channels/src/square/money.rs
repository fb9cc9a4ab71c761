//! Square's amounts: whole numbers of the smallest unit, with the decimal places that ISO 4217 gives the currency.

use super::envelope::{Kept, text};
use serde_json::Value;
use tributary_core::money::Money;

/// Currencies without a smaller unit.
const WHOLE: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
/// Currencies with thousandths.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// The amount and currency of `object.field`.
pub(super) fn money(object: &Value, field: &str) -> Result<(Money, String), Kept> {
    let read = || {
        let value = object.get(field)?;
        let currency = text(value, "currency");
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let scale = match currency {
            c if WHOLE.contains(&c) => 0,
            c if THOUSANDTHS.contains(&c) => 3,
            _ => 2,
        };
        Some((Money::new(value.get("amount")?.as_i64()?, scale), currency.to_owned()))
    };
    read().ok_or_else(|| Kept::malformed(field))
}
