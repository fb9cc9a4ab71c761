//! The data with a known truth, as people with texts.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tributary_core::suggest::Raw;

/// One record of a file.
pub struct Person {
    /// Whom it is of.
    pub truth: String,
    /// Which of two files that are linked.
    pub side: bool,
    /// The texts.
    pub fields: BTreeMap<&'static str, String>,
}

impl Person {
    /// As a hub would give them to the suggester.
    pub fn raw(&self) -> Raw<'_> {
        let values = |name: &str| -> Vec<&str> {
            self.fields.get(name).map(String::as_str).filter(|v| !v.is_empty()).into_iter().collect()
        };
        Raw {
            names: values("name"),
            phones: values("phone"),
            emails: values("email"),
            addresses: values("address"),
            birth_dates: values("born"),
            codes: values("code").into_iter().map(|value| ("given", value)).collect(),
        }
    }
}

/// The folder of data, or a note of what is skipped.
pub fn corpus(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TRIBUTARY_CORPUS").map(|folder| PathBuf::from(folder).join("data"));
    if folder.is_none() {
        println!("skipped: {what} (TRIBUTARY_CORPUS is not set)");
    }
    folder
}

/// The rows of a file without quotes, by the names in its first line.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(!text.contains('"'), "{}: quotes need a better reader", path.display());
    let mut lines = text.lines().map(|line| line.split(',').map(|v| v.trim().to_owned()).collect::<Vec<_>>());
    let names = lines.next().unwrap_or_default();
    let rows: Vec<_> = lines.map(|values| names.iter().cloned().zip(values).collect()).collect();
    assert!(rows.len() > 100, "{}: only {} rows", path.display(), rows.len());
    rows
}

/// A file of the FEBRL generator; the insured's number only where it is asked for.
pub fn febrl(corpus: &Path, file: &str, insured: bool, side: u8) -> Vec<Person> {
    let person = |row: BTreeMap<String, String>| {
        let truth = row["rec_id"].split('-').nth(1).unwrap_or_default().to_owned();
        let joined = |names: &[&str]| {
            let some: Vec<&str> = names.iter().map(|n| row[*n].as_str()).filter(|v| !v.is_empty()).collect();
            some.join(" ")
        };
        let mut fields = BTreeMap::from([
            ("name", joined(&["given_name", "surname"])),
            ("address", joined(&["street_number", "address_1", "address_2", "suburb", "postcode", "state"])),
            ("born", row["date_of_birth"].clone()),
        ]);
        if insured {
            fields.insert("code", row["soc_sec_id"].clone());
        }
        Person { truth, side: side == 1, fields }
    };
    rows(&corpus.join("febrl").join(file)).into_iter().map(person).collect()
}

/// The synthetic customers of shops in Taiwan.
pub fn customers(corpus: &Path) -> Vec<Person> {
    let person = |row: BTreeMap<String, String>| {
        let pairs = [
            ("name", "name"),
            ("phone", "phone"),
            ("email", "email"),
            ("address", "address"),
            ("born", "dob"),
            ("code", "member_no"),
        ];
        let fields = pairs.map(|(field, column)| (field, row[column].clone())).into_iter().collect();
        Person { truth: row["cluster"].clone(), side: false, fields }
    };
    rows(&corpus.join("tw-synthetic/customers.csv")).into_iter().map(person).collect()
}
