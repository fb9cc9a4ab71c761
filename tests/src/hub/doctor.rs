//! What `tributary doctor` says of a folder.

use super::Folder;
use serde_json::Value;
use std::collections::BTreeMap;

/// Result and detail by check.
pub type Rows = BTreeMap<String, (String, String)>;

/// Exit code and rows. The code is what the results say: 0, 1, or 3 where the broker does not answer or refuses.
///
/// # Panics
/// Where the output is not of one piece: a code, a verdict or a remedy that does not fit the results.
#[must_use]
pub fn examine(folder: &Folder) -> (i32, Rows) {
    let done = folder.run(&["doctor", "-o", "json"]);
    let answer: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&done.stderr)));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let checks = answer["checks"].as_array().expect("checks");
    for row in checks {
        assert_eq!(row["result"] == "ok", row["remedy"] == "", "what is not well has a remedy: {row}");
    }
    let code = done.status.code().expect("an exit code");
    let is_bad = checks.iter().any(|row| row["result"] == "problem");
    assert_eq!(answer["ok"], !is_bad);
    let is_away = checks.iter().any(|row| {
        let detail = text(row, "detail");
        row["check"] == "engine"
            && ["broker_unreachable: ", "broker_refused: "].iter().any(|c| detail.starts_with(c))
    });
    assert_eq!(code, if is_away { 3 } else { i32::from(is_bad) }, "{answer}");
    (code, checks.iter().map(|r| (text(r, "check"), (text(r, "result"), text(r, "detail")))).collect())
}
