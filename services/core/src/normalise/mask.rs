//! Masked values for display: enough to recognise a value one knows, too little to use it.

/// Digits of a phone left visible at its end.
const PHONE_DIGITS_SHOWN: usize = 3;
/// A value shorter than this would be guessed from its visible characters.
const SHOWN_CHARACTERS_MIN: usize = 6;

/// Country calling codes of one digit, then of two; all others have three.
const SHORT_CODES: [&str; 46] = [
    "1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
    "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// Masks a normalised value of identifier type `kind`. Phone: country code and last 3 digits; e-mail: first
/// character and domain; LINE: `U`, first 2, last 2; others: first 1, last 2; of short values nothing.
#[must_use]
pub fn mask(kind: &str, value: &str) -> String {
    match kind {
        "phone" => phone(value),
        "email" => email(value),
        "line" => ends(value, 3, 2),
        _ => ends(value, 1, 2),
    }
    .unwrap_or_else(|| "…".to_owned())
}

fn phone(value: &str) -> Option<String> {
    let digits = value.strip_prefix('+')?;
    if digits.len() < SHOWN_CHARACTERS_MIN + PHONE_DIGITS_SHOWN || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let code = SHORT_CODES.iter().find(|code| digits.starts_with(**code)).map_or(3, |code| code.len());
    let hidden = digits.len() - code - PHONE_DIGITS_SHOWN;
    let (code, rest) = digits.split_at_checked(code)?;
    Some(format!("+{code}{}{}", "*".repeat(hidden), rest.get(hidden..)?))
}

fn email(value: &str) -> Option<String> {
    let (local, domain) = value.rsplit_once('@')?;
    // A single character would be the whole local part.
    let first = if local.chars().nth(1).is_some() { local.chars().next() } else { None };
    Some(format!("{}***@{domain}", first.map(String::from).unwrap_or_default()))
}

fn ends(value: &str, front: usize, back: usize) -> Option<String> {
    let count = value.chars().count();
    if count < SHOWN_CHARACTERS_MIN {
        return None;
    }
    let head: String = value.chars().take(front).collect();
    let tail: String = value.chars().skip(count - back).collect();
    Some(format!("{head}…{tail}"))
}
