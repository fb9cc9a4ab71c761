//! Laws that hold for any input.

use proptest::prelude::*;

use super::*;

const KINDS: [&str; 9] =
    ["phone", "email", "line", "member", "carrier", "social", "cookie", "device", "external"];

/// Raw texts near the accepted ones: pieces of real forms in any order, and plain noise.
fn near_values() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "0928",
        "+886",
        "886",
        "852",
        "+1",
        "+39",
        "0",
        "00",
        "002",
        "９",
        "173654",
        "9123",
        "-",
        " ",
        "(",
        ")",
        "#",
        "轉",
        "ext.",
        "tel:",
        "mailto:",
        "amy",
        "@",
        "example.com",
        ".",
        "。",
        "bücher",
        "É",
        "h\u{331}",
        "H\u{331}",
        "\u{212a}",
        "\u{200b}",
        "\u{3000}",
        "無",
        "\"",
        "U",
        "/",
        "+",
        "no-reply",
        "x",
        "；",
        "\n",
        "²",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..9).prop_map(|parts| parts.concat()),
        "[0-9+() -]{0,24}",
        "\\PC{0,40}",
        any::<String>(),
        near_addresses(),
        near_phones(),
        "[\\PC--@]{1,8}@[a-zA-Z0-9。.ü-]{1,12}\\.[a-z]{2,4}",
    ]
}

/// Texts that mostly are addresses: letters whose case and composition interact, and domains of every spelling.
fn near_addresses() -> impl Strategy<Value = String> {
    let letters = prop::sample::select(vec![
        "a",
        "B",
        "7",
        "+",
        "-",
        "_",
        ".",
        "É",
        "e\u{301}",
        "h\u{331}",
        "H\u{331}",
        "\u{212a}\u{301}",
        "Ａ",
        "ｶ\u{ff9e}",
        "陳",
        "\u{200b}",
        "\u{331}",
        "no-reply",
        "test",
    ]);
    let domains = prop::sample::select(vec![
        "shop.tw",
        "SHOP.tw.",
        "Bücher.example",
        "商店。tw",
        "ｓｈｏｐ．ｔｗ",
        "xn--czrs0t.tw",
        "test.com",
        "straße.de",
    ]);
    (prop::collection::vec(letters, 1..6), domains)
        .prop_map(|(local, domain)| format!("{}@{domain}", local.concat()))
}

/// Texts that often are phones: a prefix, a run of digits, perhaps an extension.
fn near_phones() -> impl Strategy<Value = String> {
    let fronts = prop::sample::select(vec![
        "", "0", "09", "02", "+886", "886", "8860", "+8860", "00", "002886", "00286", "+852", "+1", "1",
        "+39", "+390", "0012", "01186", "+5415", "+549", "+521", "+81",
    ]);
    let tails = prop::sample::select(vec!["", "", "", "#1", "轉22", "x"]);
    (fronts, "[0-9]{5,11}", tails).prop_map(|(front, digits, tail)| format!("{front}{digits}{tail}"))
}

fn region() -> impl Strategy<Value = Region> {
    prop::sample::select(vec!["TW", "HK", "CN", "MO", "JP", "US", "IT", "AR", "MX"])
        .prop_map(|text| text.parse().expect("a known region"))
}

fn full_width(text: &str) -> String {
    let widen = |c: char| if c.is_ascii_digit() { char::from_u32(u32::from(c) + 0xFEE0) } else { Some(c) };
    text.chars().filter_map(widen).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// A normal form is its own normal form, in every region, with the same verdict.
    #[test]
    fn idempotent(raw in near_values(), at in region(), again_at in region()) {
        for kind in KINDS {
            let once = normalise(kind, "", &raw, at);
            let Some(value) = once.value() else { continue };
            let twice = normalise(kind, "", value, if kind == "member" { at } else { again_at });
            prop_assert_eq!(twice.value(), Some(value), "{} of {:?}", kind, raw);
            if once.key().is_some() {
                prop_assert!(twice == once, "{} of {:?}", kind, raw);
            }
        }
    }

    /// A key of a mobile phone is E.164 and its class is known from the value alone.
    #[test]
    fn mobiles_in_any_spelling(tail in 0..90_000_000_u32, gaps in prop::collection::vec(0..9_usize, 0..3)) {
        let digits = format!("09{tail:08}");
        let expected = format!("+8869{tail:08}");
        let mut spaced = digits.clone();
        for gap in gaps {
            spaced.insert(gap, '-');
        }
        for raw in [&digits, &spaced, &full_width(&spaced), &format!("+886{}", &digits[1..]), &expected] {
            let normal = phone(raw, Region::TW);
            prop_assert_eq!(normal.key(), Some(expected.as_str()), "{}", raw);
        }
        prop_assert_eq!(phone_class(&expected), PhoneClass::Mobile);
    }

    /// Digits in any width agree, whatever the kind of number.
    #[test]
    fn widths_agree(raw in "[0-9+() #-]{0,20}", at in region()) {
        prop_assert!(phone(&raw, at) == phone(&full_width(&raw), at), "{}", raw);
        prop_assert!(member(&raw, at, true) == member(&full_width(&raw), at, true), "{}", raw);
    }

    /// No kind panics, and no mask shows a whole value.
    #[test]
    fn total(raw in near_values(), at in region(), scope in any::<String>()) {
        for kind in KINDS.iter().chain(&["name", "national_id", "", "電話"]) {
            let normal = normalise(kind, &scope, &raw, at);
            if let Some(value) = normal.value() {
                prop_assert!(value.len() <= ID_BYTES_MAX.max(EMAIL_BYTES_MAX));
                prop_assert!(mask(kind, value) != value || value == "…");
            }
            prop_assert!(!mask(kind, &raw).is_empty());
        }
        if let Some(e164) = member_as_phone(&raw, at) {
            prop_assert!(phone(&raw, at).key() == Some(&e164));
        } else {
            prop_assert!(phone_class(&raw) != PhoneClass::Mobile || phone(&raw, at).key().is_none());
        }
    }
}
