//! Text made safe for HTML, and personal values made safe for a screen.

/// The text with everything escaped that means something to HTML, in content and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Marks that turn the line around could make a value look like another.
            '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() && c != '\n' => {}
            c => out.push(c),
        }
    }
    out
}

/// A name with most of it covered: `陳○玲`, `M… C…`.
#[must_use]
pub fn masked_name(name: &str) -> String {
    let name = name.trim();
    if name.is_empty() {
        return String::new();
    }
    if name.is_ascii() || name.contains(' ') {
        let initial = |word: &str| word.chars().next().map(|c| format!("{c}…"));
        return name.split_whitespace().filter_map(initial).collect::<Vec<_>>().join(" ");
    }
    let characters: Vec<char> = name.chars().collect();
    let last = characters.len() - 1;
    let shown = |place: usize| place == 0 || (place == last && last > 1);
    characters.iter().enumerate().map(|(place, c)| if shown(place) { *c } else { '○' }).collect()
}

/// Last digits of a phone that stay.
const DIGITS_SHOWN: usize = 3;
/// Fewer digits would be guessed from those.
const DIGITS_MIN: usize = 8;

/// A phone as somebody wrote it, with all but its last digits covered.
#[must_use]
pub fn masked_phone(phone: &str) -> String {
    let half = |c: char| {
        if ('０'..='９').contains(&c) { char::from(b'0' + (u32::from(c) - 0xFF10) as u8) } else { c }
    };
    let digits: String = phone.chars().map(half).filter(char::is_ascii_digit).collect();
    match digits.len().checked_sub(DIGITS_SHOWN).and_then(|hidden| digits.split_at_checked(hidden)) {
        Some((hidden, shown)) if digits.len() >= DIGITS_MIN => format!("{}{shown}", "*".repeat(hidden.len())),
        _ => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, masked_name, masked_phone};

    #[test]
    fn phones_are_covered_in_any_spelling() {
        for (phone, shown) in [
            ("0928-114-706", "*******706"),
            ("０９２８１１４７０６", "*******706"),
            ("+852 6123 4567", "********567"),
            ("12345", "…"),
            ("", "…"),
        ] {
            assert_eq!(masked_phone(phone), shown);
        }
    }

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escape("<b a=\"1\">'&\u{202e}\u{7}x"), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;x");
    }

    #[test]
    fn names_are_covered() {
        for (name, shown) in [
            ("陳美玲", "陳○玲"),
            ("陳玲", "陳○"),
            ("陳", "陳"),
            ("歐陽美玲", "歐○○玲"),
            ("Mei-Ling Chen", "M… C…"),
            ("José Núñez", "J… N…"),
            (" ", ""),
        ] {
            assert_eq!(masked_name(name), shown);
        }
    }
}
