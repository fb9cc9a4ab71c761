//! Requests as files (layout: `fixtures/README.md`). Reading them is the caller's; what their names and contents mean is here.

use super::Case;
use crate::adapter::Method;
use serde_json::{Map, Value};

/// Ends of the names of files that belong to a fixture and are none.
const BESIDE: [&str; 3] = [GOLDEN, HEADERS, SETTINGS];
/// End of the golden result's name.
pub const GOLDEN: &str = ".expected.json";
/// End of the name of the file with the request's headers.
pub const HEADERS: &str = ".headers.json";
/// End of the name of the file with the fixture's own settings.
pub const SETTINGS: &str = ".settings.json";

/// Whether a file of this name is a request, and not something beside one.
#[must_use]
pub fn is_request(file: &str) -> bool {
    file != "settings.json" && !file.starts_with('.') && !BESIDE.iter().any(|end| file.ends_with(end))
}

/// `ticket` of `ticket.json`: what the names of the files beside it begin with.
#[must_use]
pub fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// The content type that a file's ending stands for.
#[must_use]
pub fn media_type(file: &str) -> &'static str {
    match file.rsplit_once('.').map_or("", |(_, end)| end) {
        "json" => "application/json",
        "form" => "application/x-www-form-urlencoded",
        "csv" => "text/csv",
        "jsonl" => "application/x-ndjson",
        "eml" => "message/rfc822",
        "txt" => "text/plain",
        _ => "application/octet-stream",
    }
}

/// The request of a file; `headers` is what its headers file holds, `public_url` the channel's address.
///
/// # Errors
/// What is wrong in the headers file.
pub fn case(
    file: &str,
    body: Vec<u8>,
    headers: &Map<String, Value>,
    public_url: &str,
) -> Result<Case, String> {
    let mut case = Case::new(stem(file), media_type(file), body);
    case.public_url = Some(public_url.to_owned());
    for (key, value) in headers {
        let value = value.as_str().ok_or_else(|| format!("{key} must be a text"))?.to_owned();
        match (key.as_str(), value.as_str()) {
            (":query", _) => case.query = value,
            (":method", "GET") => case.method = Method::Get,
            (":method", "POST") => case.method = Method::Post,
            (":method", _) => return Err(":method must be GET or POST".to_owned()),
            (":public_url", _) => case.public_url = Some(value),
            _ if *key != key.to_lowercase() => return Err(format!("{key} must be in lower case")),
            _ => {
                case.headers.retain(|(known, _)| known != key);
                case.headers.push((key.clone(), value));
            }
        }
    }
    Ok(case)
}

/// Where two golden results differ, at most `limit` places, each with what was wanted and what came.
#[must_use]
pub fn differences(want: &Value, got: &Value, limit: usize) -> Vec<String> {
    let mut out = Vec::new();
    compare("", want, got, limit, &mut out);
    out
}

fn compare(at: &str, want: &Value, got: &Value, limit: usize, out: &mut Vec<String>) {
    if want == got || out.len() >= limit {
        return;
    }
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            let added = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(added) {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(&format!("{at}/{key}"), &of(a), &of(b), limit, out);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for index in 0..a.len().max(b.len()) {
                let of = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                compare(&format!("{at}/{index}"), &of(a), &of(b), limit, out);
            }
        }
        _ => out.push(format!("{at}: wanted {want}, got {got}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{case, differences, is_request};
    use serde_json::json;

    #[test]
    fn files_beside_a_request_are_no_requests() {
        for (file, is) in [
            ("ticket.json", true),
            ("day.csv", true),
            ("ticket.expected.json", false),
            ("ticket.headers.json", false),
            ("ticket.settings.json", false),
            ("settings.json", false),
            (".ticket.json.swp", false),
        ] {
            assert_eq!(is_request(file), is, "{file}");
        }
    }

    #[test]
    fn headers_are_laid_over_what_the_ending_says() {
        let headers = json!({"content-type": "text/xml", ":query": "a=1", ":method": "GET", "x-a": "b"});
        let headers = headers.as_object().expect("object");
        let case = case("a.b.json", Vec::new(), headers, "https://x/in/a").expect("reads");
        assert_eq!((case.name.as_str(), case.query.as_str()), ("a.b", "a=1"));
        let want = [("content-type", "text/xml"), ("x-a", "b")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(case.headers, want);
    }

    #[test]
    fn differences_name_their_place() {
        let want = json!({"events": [{"key": "a", "n": 1}], "gone": 1});
        let got = json!({"events": [{"key": "b", "n": 1}, 7], "more": 2});
        let told = differences(&want, &got, 9);
        assert_eq!(
            told,
            [
                "/events/0/key: wanted \"a\", got \"b\"",
                "/events/1: wanted null, got 7",
                "/gone: wanted 1, got null",
                "/more: wanted null, got 2",
            ]
        );
        assert_eq!(differences(&want, &got, 1).len(), 1);
    }
}
