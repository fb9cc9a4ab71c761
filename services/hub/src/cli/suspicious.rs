//! `identity suspicious`: identifiers with more receipts or stores on a day than one person makes.

use super::{Exit, Failure, Session, args::Page, outline::identifier};
use crate::{
    client::query_value,
    output::{Table, cell, printable},
};
use serde_json::Value as Json;

/// `identity suspicious`.
pub async fn list(args: &Page, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let cursor = args.cursor.as_deref().map(|c| format!("&cursor={}", query_value(c))).unwrap_or_default();
    let answer = session.client.get(&format!("/v1/identity/suspicious?limit={}{cursor}", args.limit)).await?;
    session.print(&answer, "suspicious", table)?;
    Ok(Exit::Ok)
}

fn table(answer: &Json) -> String {
    let mut table = Table::new(&["identifier", "customer", "state", "days", "newest", "receipts", "stores"]);
    for one in answer.get("suspicious").and_then(Json::as_array).into_iter().flatten() {
        let (days, newest) = days(one);
        let at = |field: &str| cell(newest.and_then(|day| day.get(field)));
        let name = one.get("identifier").and_then(identifier).unwrap_or_default();
        let customer = cell(one.get("customer"));
        let state = state(one).to_owned();
        table.row([name, customer, state, days.to_string(), at("day"), at("receipts"), at("stores")]);
    }
    let mut out = if table.is_empty() { "nothing is suspicious\n".to_owned() } else { table.render() };
    if let Some(next) = answer.get("next_cursor").and_then(Json::as_str) {
        out.push_str(&format!("\nmore: --cursor {}\n", printable(next)));
    }
    out
}

/// Number of suspicious days, and the newest.
#[must_use]
pub fn days(one: &Json) -> (usize, Option<&Json>) {
    let days = one.get("days").and_then(Json::as_array);
    (days.map_or(0, Vec::len), days.and_then(|days| days.last()))
}

/// `open` or `cleared`.
#[must_use]
pub fn state(one: &Json) -> &'static str {
    if one.get("cleared").and_then(Json::as_bool) == Some(true) { "cleared" } else { "open" }
}

#[cfg(test)]
mod tests {
    use super::table;
    use serde_json::json;

    #[test]
    fn a_table_tells_the_newest_day_and_the_way_to_more() {
        let text = table(&json!({"next_cursor": "t00", "suspicious": [
            {"identifier": {"type": "member", "scope": "", "value": "M…23"}, "customer": "cus_a", "cleared": false,
             "days": [{"day": "2026-03-01", "receipts": 12, "stores": 1}, {"day": "2026-03-04", "receipts": 7, "stores": 6}]},
            {"identifier": {"type": "phone", "scope": "", "value": "+8***"}, "customer": null, "cleared": true,
             "days": [{"day": "2026-02-01", "receipts": 40, "stores": 2}]}]}));
        let want = "IDENTIFIER   CUSTOMER  STATE    DAYS  NEWEST      RECEIPTS  STORES\n\
                    member=M…23  cus_a     open     2     2026-03-04  7         6\n\
                    phone=+8***            cleared  1     2026-02-01  40        2\n\nmore: --cursor t00\n";
        assert_eq!(text, want);
        assert_eq!(table(&json!({"suspicious": []})), "nothing is suspicious\n");
    }
}
