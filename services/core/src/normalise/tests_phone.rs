//! Tables for phones, and the fast path against the general parser.

use super::tests::show;
use super::*;

fn check(region: Region, table: &[(&str, &str)]) {
    for (raw, expected) in table {
        assert_eq!(show(&phone(raw, region)), *expected, "{region} {raw:?}");
    }
}

#[test]
fn taiwan() {
    check(
        Region::TW,
        &[
            ("0939 604 815", "key +886939604815"),
            ("０９３９\u{3000}６０４－８１５", "key +886939604815"),
            ("0939\u{2013}604\u{2014}815", "key +886939604815"),
            ("0939.604.815", "key +886939604815"),
            ("\u{200e}+886 939-604-815\u{200b}", "key +886939604815"),
            ("(+886) 939 604 815", "key +886939604815"),
            ("+886 (0)939 604 815", "key +886939604815"),
            ("886939604815", "key +886939604815"),
            ("002 886 939 604 815", "key +886939604815"),
            ("Tel: 0939-604-815", "key +886939604815"),
            ("0", "reject blank"),
            ("939604815", "key +886939604815"),
            ("(07) 721-3456", "key +88677213456"),
            ("0204-123-456", "attribute +886204123456 not_personal"),
            ("0809-091-234", "attribute +886809091234 not_personal"),
            ("0939604", "reject invalid_number"),
            ("09396048155", "reject invalid_number"),
            ("0939-604-81O", "reject malformed"),
            ("119", "reject invalid_number"),
            ("", "reject empty"),
            ("\u{feff} ", "reject empty"),
            ("不詳", "reject blank"),
            ("手機", "reject malformed"),
            ("+", "reject malformed"),
            ("0939604815\n0939604816", "reject several_values"),
            ("0939604815、0939604816", "reject several_values"),
            ("0939604815 +886939604816", "reject several_values"),
            ("0939604815 0939604816", "reject invalid_number"),
        ],
    );
}

#[test]
fn two_trunk_zeros_are_not_one() {
    check(
        Region::TW,
        &[
            ("00939604815", "reject invalid_number"),
            ("+886 00939604815", "reject invalid_number"),
            ("88600939604815", "reject invalid_number"),
            ("000939604815", "reject invalid_number"),
        ],
    );
}

#[test]
fn extensions() {
    let shared = "attribute +886277123456 shared_line";
    let forms = [
        "02-7712-3456#12",
        "02-7712-3456＃12",
        "02-7712-3456 # 12",
        "02-7712-3456 x12",
        "02-7712-3456 Ext. 12",
        "02-7712-3456 extension 12",
        "02-7712-3456轉12",
        "02-7712-3456 转 12",
        "02-7712-3456 轉分機１２",
        "02-7712-3456(分機12)",
        "02-7712-3456 內線:12",
        "tel:+886-2-7712-3456;ext=12",
    ];
    for raw in forms {
        assert_eq!(show(&phone(raw, Region::TW)), shared, "{raw:?}");
    }
    check(
        Region::TW,
        &[
            ("0939-604-815#1", "attribute +886939604815 shared_line"),
            ("02-7712-3456#", "reject malformed"),
            ("02-7712-3456#12#13", "reject malformed"),
            ("02-7712-3456#12轉", "reject malformed"),
            ("02-7712-3456#12345678", "reject several_values"),
            ("#12", "reject malformed"),
            ("分機", "reject malformed"),
        ],
    );
}

#[test]
fn other_regions() {
    check(
        Region::HK,
        &[
            ("9467 1234", "key +85294671234"),
            ("+852-9467-1234", "key +85294671234"),
            ("2771 2345", "key +85227712345"),
            ("800 123 456", "attribute +852800123456 not_personal"),
            ("0939604815", "reject invalid_number"),
            ("+886939604815", "key +886939604815"),
            ("001 886 939604815", "key +886939604815"),
        ],
    );
    check(
        Region::TW,
        &[
            ("9467 1234", "reject invalid_number"),
            ("+852 9467 1234", "key +85294671234"),
            ("+86 138 1234 5670", "key +8613812345670"),
            ("+853 6612 3459", "key +85366123459"),
            ("+39 06 6982 1234", "key +390669821234"),
            ("002 39 06 6982 1234", "key +390669821234"),
            ("+1 (650) 253-1234", "key +16502531234"),
            ("+999 123 456 789", "reject invalid_number"),
            ("+0 939604815", "reject invalid_number"),
        ],
    );
    let japan: Region = "JP".parse().expect("a region");
    check(japan, &[("090-1234-5670", "key +819012345670"), ("03-1234-5670", "key +81312345670")]);
}

#[test]
fn placeholders_are_marked() {
    check(
        Region::TW,
        &[
            ("0912-345-678", "marked +886912345678 placeholder-phone"),
            ("+886 987654321", "marked +886987654321 placeholder-phone"),
            ("0900000000", "marked +886900000000 placeholder-phone,repeated-digits"),
            ("0922222222", "marked +886922222222 repeated-digits"),
            ("0932222222", "marked +886932222222 repeated-digits"),
            ("0931222222", "key +886931222222"),
        ],
    );
}

#[test]
fn classes() {
    for (e164, class) in [
        ("+886939604815", PhoneClass::Mobile),
        ("+85294671234", PhoneClass::Mobile),
        ("+8613812345670", PhoneClass::Mobile),
        ("+886277123456", PhoneClass::Landline),
        ("+85227712345", PhoneClass::Landline),
        ("+16502531234", PhoneClass::Other),
        ("+886800080123", PhoneClass::Other),
        ("0939604815", PhoneClass::Other),
        ("", PhoneClass::Other),
    ] {
        assert_eq!(phone_class(e164), class, "{e164:?}");
    }
}

#[test]
fn hostile_lengths() {
    let long = "9".repeat(1 << 20);
    for kind in ["phone", "email", "line", "member", "carrier", "social", "cookie", "name"] {
        assert_eq!(show(&normalise(kind, "", &long, Region::TW)), "reject too_long", "{kind}");
        assert_eq!(show(&normalise(kind, &long, "x", Region::TW)), "reject bad_scope", "{kind}");
    }
    assert_eq!(show(&phone(&"9".repeat(PHONE_DIGITS_MAX + 1), Region::TW)), "reject too_long");
}

/// Every form the fast path takes, over every block of 10,000 numbers, must be what the parser says.
#[test]
fn fast_path_agrees_with_the_parser() {
    let mut taken = 0;
    for block in 0..1000_u32 {
        // A different tail per block, so that no digit is always the same.
        let tail = block * 7919 % 100_000;
        taken += agree(Region::TW, &format!("9{block:03}{tail:05}"), "886", "0");
    }
    for block in 4000..10_000_u32 {
        taken += agree(Region::HK, &format!("{block}{:04}", block * 7919 % 10_000), "852", "");
    }
    // 900 blocks of Taiwan (90 to 98) and 2,240 of Hong Kong: the path is not idle.
    assert_eq!(taken, 900 + 2240);
}

fn agree(region: Region, national: &str, code: &str, trunk: &str) -> usize {
    let fast = phone_fast::mobile(national.as_bytes(), false, region);
    if let Some(fast) = &fast {
        assert!(phone_fast::is_mobile(fast));
        let forms = [
            (format!("{trunk}{national}"), false),
            (format!("{code}{national}"), false),
            (format!("{code}{national}"), true),
            (format!("{code}{trunk}{national}"), true),
        ];
        for (digits, plus) in forms {
            let by_rule = phone_fast::mobile(digits.as_bytes(), plus, region);
            assert_eq!(by_rule.as_ref(), Some(fast), "{digits}");
            assert_eq!(phone::by_parser(&digits, plus, region), Some((fast.clone(), true)), "{digits}");
        }
        assert_eq!(phone::by_parser(national, false, region), Some((fast.clone(), true)), "{national}");
    }
    usize::from(fast.is_some())
}

#[test]
fn no_region_has_phones_of_three_characters() {
    let letters = || b'A'..=b'Z';
    let regions = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let regions: Vec<Region> =
        regions.filter_map(|code| std::str::from_utf8(&code).ok()?.parse().ok()).collect();
    assert!(regions.len() > 200, "{}", regions.len());
    let texts =
        (0..1_000).flat_map(|n| [format!("{n}"), format!("{n:03}"), format!("0{n}"), format!("+{n}")]);
    let texts: Vec<String> = texts.filter(|text| text.len() <= 3).collect();
    // Region after region: the parser remembers what it compiled for the last ones only.
    for region in regions {
        for text in &texts {
            assert!(super::phone::read_line(text, region).is_err(), "{text} in {region:?}");
        }
    }
}
