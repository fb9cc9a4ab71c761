//! Changes that know what payloads look like: digits are numbers, quoted words are keys, lines are rows.

use tributary_channels::kit::Case;

/// Bodies grow up to this; one in [`LARGE_EVERY`] up to [`LARGE`].
pub const SMALL: usize = 64 * 1024;
const LARGE: usize = 1024 * 1024;
const LARGE_EVERY: usize = 500;

/// Pieces with a meaning to some parser.
const PIECES: [&[u8]; 28] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"-1",
    b"1e999",
    b"\\ud800",
    b"\xff",
    b"\0",
    b"\r\n",
    b"%",
    b"\r\n\r\n",
    b"--",
    b"=?utf-8?B?",
    b"?=",
    b"&",
    b"=",
    b"<!DOCTYPE x [<!ENTITY a 'a'>]>",
    b"&a;",
    b"<a>",
    b"</",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
];
const NUMBERS: [&str; 12] = [
    "0",
    "-0",
    "-1",
    "1e400",
    "1e-400",
    "0.1e+99",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999999999999999999",
    "2147483647.999999999999999999",
    "NaN",
];
const MEDIA: [&str; 8] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=",
    "text/csv; charset=big5",
    "message/rfc822",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/cloudevents-batch+json",
];

/// A changed copy of a request: one to four changes of its body, now and then of a header or the query too.
pub fn change(case: &Case, other: &[u8], body_max: usize, random: &mut Rng) -> Case {
    let mut case = case.clone();
    let most = if random.below(LARGE_EVERY) == 0 { LARGE } else { SMALL }.min(body_max).max(case.body.len());
    for _ in 0..=random.below(4) {
        body(&mut case.body, other, most, random);
        case.body.truncate(most);
    }
    if random.below(10) == 0 {
        header(&mut case, random);
    }
    case
}

fn header(case: &mut Case, random: &mut Rng) {
    if random.below(4) == 0 {
        case.query.push_str(["&", "=%", "key=%ff", "hub.mode=subscribe&hub.challenge=1"][random.below(4)]);
        return;
    }
    let number = random.below(case.headers.len().max(1));
    let Some((_, value)) = case.headers.get_mut(number) else { return };
    match random.below(4) {
        0 => *value = MEDIA[random.below(MEDIA.len())].to_owned(),
        1 => *value = value.repeat(1 + random.below(50)),
        2 => value.clear(),
        _ => value.push_str(["; charset=x", "\"", "; boundary=\"", "\u{fffd}"][random.below(4)]),
    }
}

fn body(body: &mut Vec<u8>, other: &[u8], most: usize, random: &mut Rng) {
    let at = random.below(body.len() + 1);
    match random.below(14) {
        0 => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => body.truncate(at),
        2 => drop(body.drain(at..(at + 1 + random.below(64)).min(body.len()))),
        3 => insert(body, at, PIECES[random.below(PIECES.len())]),
        4 => {
            // The beginning of this and the end of another.
            body.truncate(at);
            body.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        5 => {
            let from = random.below(other.len() + 1);
            insert(body, at, &other[from..(from + 1 + random.below(200)).min(other.len())]);
        }
        6 | 7 => number(body, at, random),
        8 => repeat(body, at, most, random),
        9 => nest(body, at, most, random),
        10 => key_again(body, at, random),
        11 => {
            let broken: [&[u8]; 4] = [b"\xff\xfe", b"\xc3\x28", b"\xf0\x9f", b"\xe2\x82"];
            insert(body, at, broken[random.below(4)]);
        }
        12 => {
            if let Some(byte) = body.get_mut(at) {
                *byte = random.below(256) as u8;
            }
        }
        _ => line_again(body, at, most, random),
    }
}

fn insert(body: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    body.splice(at..at, bytes.iter().copied());
}

/// The number at or after a place becomes another one.
fn number(body: &mut Vec<u8>, at: usize, random: &mut Rng) {
    let Some(from) = (at..body.len()).find(|i| body[*i].is_ascii_digit()) else { return };
    let to = (from..body.len()).find(|i| !body[*i].is_ascii_digit()).unwrap_or(body.len());
    let new = match random.below(4) {
        0 => "9".repeat(1 + random.below(400)),
        1 => format!("{}{}", random.below(1 << 40), "0".repeat(random.below(30))),
        _ => NUMBERS[random.below(NUMBERS.len())].to_owned(),
    };
    body.splice(from..to, new.bytes());
}

/// A stretch many times: values, lists and lines of any length.
fn repeat(body: &mut Vec<u8>, at: usize, most: usize, random: &mut Rng) {
    let end = (at + 1 + random.below(64)).min(body.len());
    let Some(piece) = body.get(at..end).filter(|piece| !piece.is_empty()) else { return };
    let room = most.saturating_sub(body.len()) / piece.len();
    let many = piece.repeat(random.below(room + 1));
    insert(body, at, &many);
}

/// Opened, and closed again in half of the cases.
fn nest(body: &mut Vec<u8>, at: usize, most: usize, random: &mut Rng) {
    let pairs: [(&[u8], &[u8]); 6] = [
        (b"[", b"]"),
        (b"{\"a\":", b"}"),
        (b"<a>", b"</a>"),
        (b"(", b")"),
        (b"content-type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", b"--b--\r\n"),
        (b"content-type: message/rfc822\r\n\r\n", b""),
    ];
    let (open, close) = pairs[random.below(pairs.len())];
    let room = most.saturating_sub(body.len()) / (open.len() + close.len());
    let depth = 1 + random.below(room.max(1));
    if random.below(2) == 0 {
        let end = (at + random.below(200)).min(body.len());
        let closed = close.repeat(depth);
        insert(body, end, &closed);
    }
    let opened = open.repeat(depth);
    insert(body, at, &opened);
}

/// A key and its value twice, the second time with another value.
fn key_again(body: &mut Vec<u8>, at: usize, random: &mut Rng) {
    let marks: [u8; 3] = [b',', b'&', b'\n'];
    let mark = marks[random.below(3)];
    let Some(from) = (at..body.len()).find(|i| body[*i] == mark) else { return };
    let to = (from + 1..body.len()).find(|i| body[*i] == mark).unwrap_or(body.len());
    let again = body[from..to].to_vec();
    for _ in 0..=random.below(20) {
        insert(body, from, &again);
    }
    number(body, from, random);
}

/// A row, a header or a part many times.
fn line_again(body: &mut Vec<u8>, at: usize, most: usize, random: &mut Rng) {
    let from = body[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let to = (at..body.len()).find(|i| body[*i] == b'\n').map_or(body.len(), |i| i + 1);
    let line = body[from..to].to_vec();
    let room = most.saturating_sub(body.len()) / line.len().max(1);
    let many = line.repeat(random.below(room.min(20_000) + 1));
    insert(body, from, &many);
}

/// Seeded random numbers (splitmix64).
pub struct Rng(u64);

impl Rng {
    /// The generator of this seed; neighbouring seeds have nothing in common.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        if end == 0 { 0 } else { (z % end as u64) as usize }
    }
}
