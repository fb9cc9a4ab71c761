//! `identity suggestions|accept|reject`: customers that look like one person, and what a person says to it.

use super::{
    Exit, Failure, Session,
    args::{Decision, Page},
    customer::customer_id,
};
use crate::{
    client::query_value,
    output::{Table, cell, printable},
};
use serde_json::{Value as Json, json};

/// `identity suggestions`.
pub async fn list(args: &Page, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let cursor = args.cursor.as_deref().map(|c| format!("&cursor={}", query_value(c))).unwrap_or_default();
    let path = format!("/v1/identity/suggestions?limit={}{cursor}", args.limit);
    let answer = session.client.get(&path).await?;
    session.print(&answer, "suggestions", table)?;
    Ok(Exit::Ok)
}

/// The body of an answer to a suggestion.
///
/// # Errors
/// [`Failure`] if one of the two is no customer's id.
pub fn decision(decision: &Decision) -> Result<Json, Failure> {
    let customers = [customer_id(&decision.first)?, customer_id(&decision.second)?];
    Ok(json!({"customers": customers, "reason": decision.reason, "dry_run": decision.dry_run}))
}

/// What was compared and how well it agrees, and why a link would be refused.
#[must_use]
pub fn reasons(suggestion: &Json) -> String {
    let all = suggestion.get("reasons").and_then(Json::as_array).into_iter().flatten();
    let told: Vec<String> =
        all.map(|r| format!("{} {}", cell(r.get("field")), cell(r.get("level")))).collect();
    let told = told.join(", ");
    match suggestion.pointer("/obstacle/reason").and_then(Json::as_str) {
        Some(reason) => format!("{told} (a link would be refused: {})", printable(reason)),
        None => told,
    }
}

fn table(answer: &Json) -> String {
    let mut table = Table::new(&["score", "customer", "other customer", "evidence"]);
    for one in answer.get("suggestions").and_then(Json::as_array).into_iter().flatten() {
        let customer = |at: &str| cell(one.pointer(at));
        table.row([cell(one.get("score")), customer("/customers/0"), customer("/customers/1"), reasons(one)]);
    }
    let mut out = if table.is_empty() { "nobody looks alike\n".to_owned() } else { table.render() };
    match answer.get("state").and_then(Json::as_str) {
        Some("reading") => out.push_str("\ncustomers are still being read: there may be more\n"),
        Some("full") => {
            out.push_str("\nnot all customers are compared: [suggestions] max_customers is reached\n")
        }
        _ => {}
    }
    if let Some(next) = answer.get("next_cursor").and_then(Json::as_str) {
        out.push_str(&format!("\nmore: --cursor {}\n", printable(next)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{reasons, table};
    use serde_json::json;

    #[test]
    fn a_table_names_what_agrees_and_the_way_to_more() {
        let text = table(&json!({"state": "reading", "next_cursor": "s2450.cus_a.cus_b", "suggestions": [
            {"kind": "look_alike", "customers": ["cus_a", "cus_b"], "score": 24.5, "reasons": [
                {"field": "han_name", "level": "same", "weight": 12.0},
                {"field": "birth_date", "level": "close", "weight": 3.5}], "obstacle": null}]}));
        let want = "SCORE  CUSTOMER  OTHER CUSTOMER  EVIDENCE\n24.5   cus_a     cus_b           \
                    han_name same, birth_date close\n\ncustomers are still being read: there may be more\n\n\
                    more: --cursor s2450.cus_a.cus_b\n";
        assert_eq!(text, want);
        let refused =
            json!({"reasons": [{"field": "email", "level": "same"}], "obstacle": {"reason": "unique"}});
        assert_eq!(reasons(&refused), "email same (a link would be refused: unique)");
        assert_eq!(table(&json!({"state": "following", "suggestions": []})), "nobody looks alike\n");
    }
}
