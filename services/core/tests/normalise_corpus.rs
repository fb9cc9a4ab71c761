//! Vectors of phones and e-mail addresses from outside the repository, row by row.
//!
//! `TRIBUTARY_CORPUS` names a folder with `data/phones/phones.tsv` and `data/emails.tsv`; without it the tests
//! say that they are skipped.

use std::path::Path;

use tributary_core::normalise::{Normal, PhoneClass, Reason, Region, email, phone, phone_class};

/// Rows of a tab-separated file without its header; `None` and one printed line when there is no corpus.
fn rows(test: &str, file: &str) -> Option<Vec<Vec<String>>> {
    let Some(corpus) = std::env::var_os("TRIBUTARY_CORPUS") else {
        println!("skipped: {test} (TRIBUTARY_CORPUS not set)");
        return None;
    };
    let path = Path::new(&corpus).join("data").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(text.lines().skip(1).map(|line| line.split('\t').map(unquote).collect()).collect())
}

/// A quoted field loses its outer quotes, and its doubled quotes become single.
fn unquote(field: &str) -> String {
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

fn verdict_of_phone(normal: &Normal) -> String {
    match normal {
        Normal::Key { value, marks: 0 } if phone_class(value) == PhoneClass::Landline => {
            format!("household {value}")
        }
        Normal::Key { value, marks: 0 } => format!("ok {value}"),
        Normal::Key { value, .. } => format!("block {value}"),
        Normal::Attribute { value, reason: Reason::SharedLine } => format!("shared-line {value}"),
        Normal::Attribute { value, reason: Reason::NotPersonal } => format!("not-personal {value}"),
        Normal::Attribute { value, reason } => format!("attribute {value} {}", reason.as_str()),
        Normal::Reject { .. } => "reject".to_owned(),
    }
}

#[test]
fn phones() {
    let Some(rows) = rows("phones", "phones/phones.tsv") else { return };
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let region: Region = row[1].parse().expect("a known region");
        // Where no key is recommended, the reference parser's E.164 stands.
        let key = if row[8].is_empty() { &row[2] } else { &row[8] };
        let verdict = row[9].split(' ').next().unwrap_or_default();
        let expected = if verdict == "reject" { verdict.to_owned() } else { format!("{verdict} {key}") };
        let got = verdict_of_phone(&phone(&row[0], region));
        if got != expected {
            wrong.push(format!("row {}: {:?} in {region}: {got}, expected {expected}", number + 2, row[0]));
        }
    }
    assert!(rows.len() >= 40 && wrong.is_empty(), "{} rows; {}", rows.len(), wrong.join("\n"));
}

#[test]
fn emails() {
    let Some(rows) = rows("emails", "emails.tsv") else { return };
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let got = match email(&row[0]) {
            Normal::Key { value, marks: 0 } => value,
            Normal::Key { .. } => "BLOCK".to_owned(),
            Normal::Attribute { reason: Reason::RoleAddress, .. } => "ROLE".to_owned(),
            Normal::Attribute { reason, .. } => format!("attribute {}", reason.as_str()),
            Normal::Reject { .. } => "REJECT".to_owned(),
        };
        if got != row[1] {
            wrong.push(format!("row {}: {:?}: {got}, expected {}", number + 2, row[0], row[1]));
        }
    }
    assert!(rows.len() >= 15 && wrong.is_empty(), "{} rows; {}", rows.len(), wrong.join("\n"));
}
