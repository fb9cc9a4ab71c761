//! Splits an extension off a phone number: the parser of numbering plans knows `#` and `ext.`, but fails on the
//! Chinese forms (轉123, 分機123), so all forms are split here.

use super::Reason;

/// Longest extension, in digits; a longer tail is a second number.
pub const EXTENSION_DIGITS_MAX: usize = 7;

/// Longest forms first: `ext` is also the beginning of `extension`.
const MARKERS: [&str; 13] =
    ["extension", "分機", "分机", "內線", "内线", "轉接", "转接", ";ext=", "ext", "轉", "转", "#", "x"];

/// Characters between marker and digits.
const JOINERS: [char; 6] = [' ', '.', ':', '=', '-', '('];

/// The number in front, and whether an extension followed. `text` is in lower case.
pub(super) fn split(text: &str) -> Result<(&str, bool), Reason> {
    let Some((at, marker)) = first_marker(text) else {
        return Ok((text, false));
    };
    let (head, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let mut tail = rest.strip_prefix(marker).unwrap_or(rest).trim_start_matches(JOINERS);
    // "轉分機 123" names the same thing twice.
    while let Some(shorter) = MARKERS.iter().find_map(|marker| tail.strip_prefix(marker)) {
        tail = shorter.trim_start_matches(JOINERS);
    }
    let digits = tail.trim_end_matches([' ', ')', '.']);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::Malformed);
    }
    if digits.len() > EXTENSION_DIGITS_MAX {
        return Err(Reason::SeveralValues);
    }
    Ok((head.trim_end_matches([' ', ',', ';', '(']), true))
}

/// The marker that comes first, and where. Nearly every text has none, and a search for each of them would cost more than
/// all the rest of reading a number.
fn first_marker(text: &str) -> Option<(usize, &'static str)> {
    let begins = |c: char| matches!(c, 'e' | 'x' | '#' | ';' | '分' | '內' | '内' | '轉' | '转');
    text.char_indices().filter(|(_, c)| begins(*c)).find_map(|(at, _)| {
        let rest = text.get(at..)?;
        MARKERS.iter().find(|marker| rest.starts_with(**marker)).map(|marker| (at, *marker))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_marker_is_found_wherever_it_stands() {
        for marker in MARKERS {
            for front in ["", "02-1234", "（e）", "轮;e"] {
                let text = format!("{front}{marker}12 x 3");
                let each = MARKERS.iter().filter_map(|m| text.find(m).map(|at| (at, *m)));
                assert_eq!(first_marker(&text), each.min_by_key(|(at, _)| *at), "{text}");
            }
        }
        assert_eq!(first_marker("e;分0912-345-678"), None);
    }
}
