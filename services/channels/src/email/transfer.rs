//! Transfer encodings as mail really carries them: nothing here fails, broken pieces are kept or skipped.

use mail_parser::decoders::quoted_printable::quoted_printable_decode_char;

/// Base64: line breaks and foreign bytes are skipped, missing padding is no error.
#[must_use]
pub fn base64(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in data {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                // Padding ends a quantum; senders that encode in pieces go on behind it.
                (bits, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        count += 1;
        if count > 1 {
            out.push((bits >> (8 - 2 * count)) as u8);
        }
        if count == 4 {
            (bits, count) = (0, 0);
        }
    }
    out
}

/// Whether the first line can be base64 at all; some programs announce it and send plain text.
#[must_use]
pub fn is_base64(data: &[u8]) -> bool {
    let line = data.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    line.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// How many bytes the base64 text stands for, without decoding it.
#[must_use]
pub fn base64_len(data: &[u8]) -> u64 {
    let digits = data.iter().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
    digits as u64 * 3 / 4
}

/// The Q encoding of header words: an underscore is a space.
#[must_use]
pub fn q_word(data: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = data.iter().map(|b| if *b == b'_' { b' ' } else { *b }).collect();
    quoted_printable(&spaced)
}

/// Quoted-printable: soft line breaks go, wrong escapes stay as they are.
#[must_use]
pub fn quoted_printable(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let [first, tail @ ..] = rest {
        if *first == b'=' {
            let blank = tail.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
            if let Some([b'\n', after @ ..]) = tail.get(blank..) {
                rest = after;
                continue;
            }
            if let [high, low, after @ ..] = tail
                && let Some(byte) = quoted_printable_decode_char(*high, *low)
            {
                out.push(byte);
                rest = after;
                continue;
            }
        }
        out.push(*first);
        rest = tail;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{base64, base64_len, q_word, quoted_printable};

    #[test]
    fn decoders_forgive() {
        for (given, want) in
            [("aGVsbG8=", "hello"), ("aGVs\r\nbG8", "hello"), ("aGk=aGk=", "hihi"), ("!", "")]
        {
            assert_eq!(base64(given.as_bytes()), want.as_bytes(), "{given}");
        }
        assert_eq!(base64_len(b"aGVsbG8="), 5);
        for (given, want) in
            [("a=3Db", "a=b"), ("a=\r\nb", "ab"), ("a= \nb", "ab"), ("50=%", "50=%"), ("x=4", "x=4")]
        {
            assert_eq!(quoted_printable(given.as_bytes()), want.as_bytes(), "{given}");
        }
        assert_eq!(q_word(b"a_b=5F"), b"a b_");
    }
}
