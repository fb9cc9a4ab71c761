//! Text as mail carries it: five ways of writing characters in 7 bits.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::borrow::Cow;

/// Bytes of base64 on a line of a body.
const LINE: usize = 76;
/// Characters of one encoded word; a word ends at 75 bytes whatever the charset.
const WORD_CHARACTERS: usize = 12;

/// How a mail writes its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8 in base64.
    Utf8,
    /// UTF-8 in quoted-printable.
    Utf8Quoted,
    /// Big5 in base64.
    Big5,
    /// GB18030 in base64.
    Gb18030,
    /// ISO-2022-JP, whose escape sequences need no further encoding.
    Iso2022Jp,
}

impl Charset {
    /// Its name in headers.
    pub fn label(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Utf8Quoted => "utf-8",
            Self::Big5 => "big5",
            Self::Gb18030 => "gb18030",
            Self::Iso2022Jp => "iso-2022-jp",
        }
    }

    fn bytes(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8 | Self::Utf8Quoted => text.as_bytes().into(),
            Self::Big5 => encoding_rs::BIG5.encode(text).0,
            Self::Gb18030 => encoding_rs::GB18030.encode(text).0,
            Self::Iso2022Jp => encoding_rs::ISO_2022_JP.encode(text).0,
        }
    }
}

/// Transfer encoding and bytes of a body.
pub fn body(charset: Charset, text: &str) -> (&'static str, Vec<u8>) {
    let text = text.replace('\n', "\r\n");
    let bytes = charset.bytes(&text);
    match charset {
        Charset::Iso2022Jp => ("7bit", bytes.into_owned()),
        Charset::Utf8Quoted => ("quoted-printable", quoted(&bytes)),
        _ => {
            let packed = STANDARD.encode(&bytes);
            let lines: Vec<&[u8]> = packed.as_bytes().chunks(LINE).collect();
            ("base64", lines.join(b"\r\n".as_slice()))
        }
    }
}

fn quoted(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut column) = (Vec::with_capacity(bytes.len() * 2), 0);
    for byte in bytes {
        if *byte == b'\r' || *byte == b'\n' {
            out.push(*byte);
            column = 0;
            continue;
        }
        if column > LINE - 6 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if (b'!'..=b'~').contains(byte) && *byte != b'=' || *byte == b' ' {
            out.push(*byte);
            column += 1;
        } else {
            out.extend_from_slice(format!("={byte:02X}").as_bytes());
            column += 3;
        }
    }
    out
}

/// A text in a header: encoded words where it is not ASCII.
pub fn word(charset: Charset, text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let word = |part: &[char]| {
        let part: String = part.iter().collect();
        format!("=?{}?B?{}?=", charset.label(), STANDARD.encode(charset.bytes(&part)))
    };
    characters.chunks(WORD_CHARACTERS).map(word).collect::<Vec<_>>().join("\r\n ")
}
