//! The common mobile forms of Taiwan and Hong Kong without the general parser, which costs microseconds and a
//! lock. A number that is not certain here goes to the parser; a differential test keeps both in agreement.

use super::Region;

const TW_CODE: &[u8] = b"886";
const HK_CODE: &[u8] = b"852";
/// Digits of a Taiwan mobile without its trunk zero.
const TW_MOBILE_DIGITS: usize = 9;
/// Digits of a Hong Kong number.
const HK_DIGITS: usize = 8;

/// The E.164 form of `digits` (ASCII digits, `plus` when a plus stood in front) when it is certainly a mobile.
pub(super) fn mobile(digits: &[u8], plus: bool, region: Region) -> Option<String> {
    if let Some(national) = taiwan(digits, plus, region) {
        return Some(e164(TW_CODE, national));
    }
    hong_kong(digits, plus, region).map(|national| e164(HK_CODE, national))
}

/// Whether an E.164 number is certainly a mobile.
pub(super) fn is_mobile(value: &str) -> bool {
    let Some(digits) = value.strip_prefix('+') else {
        return false;
    };
    let digits = digits.as_bytes();
    digits.strip_prefix(TW_CODE).is_some_and(is_taiwan_mobile)
        || digits.strip_prefix(HK_CODE).is_some_and(is_hong_kong_mobile)
}

fn taiwan(digits: &[u8], plus: bool, region: Region) -> Option<&[u8]> {
    let national = match digits.strip_prefix(TW_CODE) {
        Some(rest) if plus => rest.strip_prefix(b"0").unwrap_or(rest),
        Some(rest) if region == Region::TW => rest,
        _ if plus || region != Region::TW => return None,
        _ => digits.strip_prefix(b"0").unwrap_or(digits),
    };
    is_taiwan_mobile(national).then_some(national)
}

fn hong_kong(digits: &[u8], plus: bool, region: Region) -> Option<&[u8]> {
    let national = match digits.strip_prefix(HK_CODE) {
        Some(rest) if plus || region == Region::HK => rest,
        _ if plus || region != Region::HK => return None,
        _ => digits,
    };
    is_hong_kong_mobile(national).then_some(national)
}

fn is_taiwan_mobile(national: &[u8]) -> bool {
    national.len() == TW_MOBILE_DIGITS && matches!(national, [b'9', b'0'..=b'8', ..]) && all_digits(national)
}

/// The blocks of 100,000 numbers that are mobile as a whole; blocks that are split go to the parser.
fn is_hong_kong_mobile(national: &[u8]) -> bool {
    national.len() == HK_DIGITS
        && all_digits(national)
        && matches!(
            national,
            [b'5', b'1'..=b'5' | b'9', b'0'..=b'4' | b'6'..=b'9', ..]
                | [b'6', b'0', b'1'..=b'9', ..]
                | [b'6', b'1' | b'3'..=b'5' | b'9', ..]
                | [b'6', b'2' | b'6' | b'8', b'0'..=b'5' | b'7'..=b'9', ..]
                | [b'9', b'0', b'1'..=b'9', ..]
                | [b'9', b'1', b'0' | b'2'..=b'9', ..]
                | [b'9', b'2' | b'3' | b'5' | b'8', b'0'..=b'8', ..]
                | [b'9', b'4' | b'6' | b'7', ..]
        )
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

fn e164(code: &[u8], national: &[u8]) -> String {
    let mut value = String::with_capacity(1 + code.len() + national.len());
    value.push('+');
    value.extend(code.iter().chain(national).map(|b| char::from(*b)));
    value
}
