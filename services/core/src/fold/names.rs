//! Which names are worth showing: a masked one, a single letter, or a surname with only a title never replaces a fuller one.

const TITLES: [&str; 12] =
    ["先生", "小姐", "太太", "女士", "同學", "老師", "Mrs.", "Mr.", "Ms.", "Mrs", "Miss", "Mr"];

/// Whether these bytes are a full name.
pub(crate) fn is_full(bytes: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(bytes) else { return false };
    let name = name.trim();
    if name.contains(['*', '＊', '○', '〇', 'Ｘ']) {
        return false;
    }
    let bare = TITLES.iter().fold(name, |n, title| n.strip_suffix(title).unwrap_or(n));
    let bare = TITLES.iter().fold(bare, |n, title| n.strip_prefix(title).unwrap_or(n)).trim();
    bare.chars().filter(|c| !c.is_whitespace()).count() > 1
}

#[cfg(test)]
mod tests {
    use super::is_full;

    #[test]
    fn full_names_are_told_from_scraps() {
        for (name, want) in [
            ("陳美玲", true),
            ("Amy Chen", true),
            ("陳小姐", false),
            ("陳", false),
            ("陳*玲", false),
            ("王○明", false),
            ("Mr. C", false),
            ("", false),
            ("歐陽", true),
        ] {
            assert_eq!(is_full(name.as_bytes()), want, "{name}");
        }
    }
}
