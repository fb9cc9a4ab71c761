//! Words that say which advertisement or link somebody came by.

use super::{submission::Submission, urlencoded};

/// (name as it is posted, name it is kept under).
const WORDS: [(&str, &str); 18] = [
    ("utm_source", "utm_source"),
    ("utm_medium", "utm_medium"),
    ("utm_campaign", "utm_campaign"),
    ("utm_term", "utm_term"),
    ("utm_content", "utm_content"),
    ("utm_id", "utm_id"),
    ("gclid", "gclid"),
    ("gcl_id", "gclid"), // as Google's lead forms write it
    ("gbraid", "gbraid"),
    ("wbraid", "wbraid"),
    ("dclid", "dclid"),
    ("fbclid", "fbclid"),
    ("msclkid", "msclkid"),
    ("ttclid", "ttclid"),
    ("twclid", "twclid"),
    ("yclid", "yclid"),
    ("igshid", "igshid"),
    ("li_fat_id", "li_fat_id"),
];

/// Longest value that is kept; click ids have about 100 characters.
const VALUE_BYTES_MAX: usize = 512;

/// Campaign words of a submission, each once: those of fields come before those of the landing page's address.
pub(super) fn words(submission: &Submission, landing: Option<&str>) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    let mut note = |name: &str, value: &str| {
        // The end of a JSON path: `hidden.utm_source`.
        let name = name.rsplit('.').next().unwrap_or(name);
        let word = WORDS.iter().find(|(posted, _)| name.eq_ignore_ascii_case(posted)).map(|(_, word)| *word);
        let value = value.trim();
        if let Some(word) = word
            && !value.is_empty()
            && value.len() <= VALUE_BYTES_MAX
            && !found.iter().any(|(known, _)| *known == word)
        {
            found.push((word, value.to_owned()));
        }
    };
    for (name, value) in &submission.fields {
        note(name, value);
    }
    let query = landing.and_then(|url| url.split('#').next()?.split_once('?')).map(|(_, query)| query);
    for (name, value) in urlencoded::pairs(query.unwrap_or_default().as_bytes()) {
        note(&String::from_utf8_lossy(&name), &String::from_utf8_lossy(&value));
    }
    found
}
