//! `multipart/form-data` (RFC 7578), strict: what browsers and libraries send is read, anything ambiguous is refused.
//!
//! Absent: nested multiparts, streaming. A body is in memory already, and parts borrow from it.

use std::borrow::Cow;

/// More parts than any form a person fills in has.
pub const PARTS_MAX: usize = 32;

/// Header bytes of one part: three short lines are usual.
pub const HEADER_BYTES_MAX: usize = 4 * 1024;

/// RFC 2046 allows no longer boundary.
pub const BOUNDARY_BYTES_MAX: usize = 70;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Field name, raw.
    pub name: Vec<u8>,
    /// File name, raw; `None` for a plain field.
    pub file_name: Option<Vec<u8>>,
    /// Media type; `text/plain` without a header.
    pub content_type: String,
    /// Content with its transfer encoding undone.
    pub data: Cow<'a, [u8]>,
}

/// Where and why a body is no multipart form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub struct MultipartError {
    /// Offset in the body.
    pub offset: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// The value of a header's parameter, such as `boundary` of a content type; quotes and their escapes undone.
#[must_use]
pub fn parameter(header: &str, name: &str) -> Option<String> {
    let (_, rest) = header.split_once(';')?;
    let value = parameters(rest.as_bytes()).ok()?.into_iter().find(|(n, _)| n == name)?.1;
    String::from_utf8(value).ok()
}

/// The parts of `body`.
///
/// # Errors
/// [`MultipartError`] at the first byte that does not fit.
pub fn parse<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, MultipartError> {
    parse_up_to(body, boundary, PARTS_MAX)
}

/// The same for posts of programs, which may have `parts_max` parts.
///
/// # Errors
/// [`MultipartError`] at the first byte that does not fit.
pub fn parse_up_to<'a>(
    body: &'a [u8],
    boundary: &str,
    parts_max: usize,
) -> Result<Vec<Part<'a>>, MultipartError> {
    let error = |offset, problem| MultipartError { offset, problem };
    let boundary = boundary.as_bytes();
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX || boundary.iter().any(|b| !is_visible(*b))
    {
        return Err(error(0, "no usable boundary"));
    }
    let delimiter = [b"\r\n--", boundary].concat();
    let mut at = 0;
    while tail(body, at).starts_with(b"\r\n") {
        at += 2;
    }
    if !tail(body, at).starts_with(tail(&delimiter, 2)) {
        return Err(error(at, "does not start with the boundary"));
    }
    at += delimiter.len() - 2;
    let mut parts = Vec::new();
    loop {
        if tail(body, at).starts_with(b"--") {
            return Ok(parts); // what follows the last boundary means nothing
        }
        if !tail(body, at).starts_with(b"\r\n") {
            return Err(error(at, "a boundary must end its line"));
        }
        if parts.len() == parts_max {
            return Err(error(at, "too many parts"));
        }
        let (headers, data_at) = headers(body, at + 2)?;
        let end =
            data_end(body, data_at, &delimiter).ok_or(error(body.len(), "the last boundary is missing"))?;
        parts.push(part(headers, body.get(data_at..end).unwrap_or_default(), at)?);
        at = end + delimiter.len();
    }
}

/// End of the data: a delimiter that is followed by a line end or two hyphens; anything else only looks like one.
fn data_end(body: &[u8], from: usize, delimiter: &[u8]) -> Option<usize> {
    let mut at = from;
    loop {
        at += tail(body, at).iter().position(|b| *b == b'\r')?;
        if tail(body, at).starts_with(delimiter) {
            let after = tail(body, at + delimiter.len());
            if after.starts_with(b"\r\n") || after.starts_with(b"--") {
                return Some(at);
            }
        }
        at += 1;
    }
}

/// Everything from `at`; nothing beyond the end.
fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

type Header<'a> = (String, &'a [u8]);

/// Header lines from `at` to the empty line, and where the data starts.
fn headers(body: &[u8], mut at: usize) -> Result<(Vec<Header<'_>>, usize), MultipartError> {
    let error = |offset, problem| Err(MultipartError { offset, problem });
    let (start, mut headers) = (at, Vec::new());
    loop {
        if tail(body, at).starts_with(b"\r\n") {
            return Ok((headers, at + 2));
        }
        let line = tail(body.get(..start + HEADER_BYTES_MAX).unwrap_or(body), at);
        let Some(end) = line.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
            return error(at, "the headers do not end");
        };
        let (header, after) = line.split_at(end);
        if !after.starts_with(b"\r\n") {
            return error(at + end, "a bare line end in a header");
        }
        let colon = header.iter().position(|b| !is_token(*b)).unwrap_or(end);
        let (name, value) = header.split_at(colon);
        let (Some(value), false) = (value.strip_prefix(b":"), name.is_empty()) else {
            return error(at + colon, "a header's name has other characters or no colon");
        };
        headers.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_ascii()));
        at += end + 2;
    }
}

fn part<'a>(headers: Vec<Header<'_>>, data: &'a [u8], at: usize) -> Result<Part<'a>, MultipartError> {
    let error = |problem| MultipartError { offset: at, problem };
    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    let disposition = find("content-disposition").ok_or(error("a part without content-disposition"))?;
    let (kind, rest) = split(disposition, b';').ok_or(error("a part without a name"))?;
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err(error("a part that is not form-data"));
    }
    let parameters = parameters(rest).map_err(error)?;
    let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let extended = get("filename*").and_then(|v| extended(&v));
    let content_type = find("content-type").map(|v| String::from_utf8_lossy(v).into_owned());
    let encoding = find("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    Ok(Part {
        name: get("name").ok_or(error("a part without a name"))?,
        file_name: extended.or_else(|| get("filename")),
        content_type: content_type.unwrap_or_else(|| "text/plain".to_owned()),
        data: super::submission::transfer_decoded(data, &encoding)
            .ok_or(error("content that breaks its transfer encoding"))?,
    })
}

/// `; name=value; other="quoted \"value\""`: names in lower case, values raw.
fn parameters(mut rest: &[u8]) -> Result<Vec<(String, Vec<u8>)>, &'static str> {
    let mut out = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(out);
        }
        let (name, value) = split(rest, b'=').ok_or("a parameter without a value")?;
        let name = name.trim_ascii();
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return Err("a parameter's name has other characters");
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let (value, after) = match value.trim_ascii_start() {
            [b'"', rest @ ..] => quoted(rest)?,
            rest => plain(rest),
        };
        out.push((name, value));
        rest = match after.trim_ascii_start().split_first() {
            None => &[],
            Some((b';', next)) => next,
            Some(_) => return Err("a parameter is not followed by a semicolon"),
        };
    }
}

fn plain(rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let (value, after) = rest.split_at(rest.iter().position(|b| *b == b';').unwrap_or(rest.len()));
    (value.trim_ascii().to_vec(), after)
}

/// What follows an opening quote. Only `\"` and `\\` are escapes: old browsers send Windows paths with single backslashes.
fn quoted(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let mut value = Vec::new();
    loop {
        rest = match rest {
            [] => return Err("a quote does not end"),
            [b'"', after @ ..] => return Ok((value, after)),
            [b'\\', byte @ (b'"' | b'\\'), after @ ..] | [byte, after @ ..] => {
                value.push(*byte);
                after
            }
        };
    }
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|b| *b == at)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// `UTF-8''name%20with%20escapes` (RFC 5987); other charsets are left to the plain parameter.
fn extended(value: &[u8]) -> Option<Vec<u8>> {
    let rest = value.get(..7).filter(|p| p.eq_ignore_ascii_case(b"utf-8''")).and_then(|_| value.get(7..))?;
    Some(super::urlencoded::percent_decoded(rest).into_owned())
}

fn is_visible(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// RFC 9110's token characters.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
