//! `customer`: find one, see all of it, and why it is one.

use super::{
    Exit, Failure, Session,
    args::Customer,
    identity::Identifier,
    outline::{identifier, outline},
    suggestions::reasons,
    suspicious,
};
use crate::{
    client::query_value,
    output::{Table, cell, printable},
};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Runs `customer`.
pub async fn run(command: &Customer, session: &mut Session<'_>) -> Result<Exit, Failure> {
    match command {
        Customer::Find { kind, value, scope, text } => {
            let body = match (kind, value, text) {
                (Some(kind), Some(value), _) => {
                    json!({"identifier": Identifier::new(kind, scope.as_deref(), value).to_json()})
                }
                (_, _, Some(text)) => json!({"q": text}),
                _ => return Err(Failure::usage("name an identifier's type and value, or --text")),
            };
            let answer = session.client.post("/v1/customers/find", &body).await?;
            let found = customers(&answer).len();
            session.print(&answer, "customers", |answer| found_table(&customers(answer)))?;
            Ok(if found == 0 { Exit::CheckFailed } else { Exit::Ok })
        }
        Customer::Show { id } => {
            let answer = session.client.get(&path(id, "")?).await?;
            session.print(&answer, "", view)?;
            Ok(Exit::Ok)
        }
        Customer::Timeline { id, limit, before } => {
            let before = before.as_deref().map(|b| format!("&before={}", query_value(b))).unwrap_or_default();
            let answer = session.client.get(&path(id, &format!("/timeline?limit={limit}{before}"))?).await?;
            session.print(&answer, "entries", timeline)?;
            Ok(Exit::Ok)
        }
        Customer::Erase { id, reason, dry_run } => {
            let body = json!({"reason": reason, "dry_run": dry_run});
            let answer = session.client.post(&path(id, "/erase")?, &body).await?;
            session.print(&answer, "", outline)?;
            Ok(Exit::Ok)
        }
        Customer::Why { id } => {
            let answer = session.client.get(&path(id, "/why")?).await?;
            session.print(&answer, "links", why_table)?;
            Ok(Exit::Ok)
        }
    }
}

/// Only an id goes into an address; a phone typed in its place must not reach anyone's access log.
fn path(id: &str, rest: &str) -> Result<String, Failure> {
    customer_id(id).map(|id| format!("/v1/customers/{id}{rest}"))
}

/// What looks like a customer's id.
///
/// # Errors
/// [`Failure`] if it does not.
pub(super) fn customer_id(id: &str) -> Result<&str, Failure> {
    let is_id = id.strip_prefix("cus_").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    if is_id {
        return Ok(id);
    }
    Err(Failure::usage("that is no customer id, which begins with cus_")
        .remedy("find it with `tributary customer find TYPE VALUE`"))
}

/// The views of an answer that is one view or a list of them.
fn customers(answer: &Json) -> Vec<&Json> {
    match answer.get("customers").and_then(Json::as_array) {
        Some(list) => list.iter().collect(),
        None if answer.get("id").is_some() => vec![answer],
        None => answer.get("customer").filter(|one| one.is_object()).into_iter().collect(),
    }
}

fn found_table(customers: &[&Json]) -> String {
    if customers.is_empty() {
        return "nobody\n".to_owned();
    }
    let mut table = Table::new(&["id", "name", "events", "channels", "last"]);
    for customer in customers {
        let at = |pointer| cell(customer.pointer(pointer));
        let name = Some(at("/profile/name")).filter(|name| !name.is_empty());
        let channels = customer.get("channels").and_then(Json::as_array).map_or(0, Vec::len);
        table.row([
            at("/id"),
            name.unwrap_or_else(|| at("/profile/displayName")),
            at("/interactions/events"),
            channels.to_string(),
            at("/interactions/last_at"),
        ]);
    }
    table.render()
}

/// Characters of an entry's words.
const WHAT_CHARS: usize = 40;

/// Lists of a view that are tables: title, field, columns. A column is a field's name.
const LISTS: [(&str, &str, &[&str]); 7] = [
    ("channels", "channels", &["channel", "kind", "events", "first_at", "last_at"]),
    ("purchases", "purchases/by_currency", &["currency", "orders", "refunds", "net"]),
    (
        "of these with suspicious identifiers",
        "purchases/suspicious/by_currency",
        &["currency", "orders", "refunds", "net"],
    ),
    ("orders", "orders", &["number", "state", "at"]),
    ("subscriptions", "subscriptions", &["channel", "following", "since"]),
    ("consents", "consents", &["purpose", "channel", "granted", "at"]),
    ("notes", "notes", &["at", "actor", "text"]),
];

/// A view as pages of tables.
fn view(view: &Json) -> String {
    let at = |pointer: &str| printable(&cell(view.pointer(pointer)));
    let mut out = format!("{}  version {}  {}\n", at("/id"), at("/version"), at("/status"));
    let profile = view.get("profile").and_then(Json::as_object);
    for (key, value) in profile.into_iter().flatten().filter(|(_, value)| value.is_string()) {
        let _ = writeln!(out, "  {:<12}{}", printable(key), printable(&cell(Some(value))));
    }
    for (key, value) in view.get("traits").and_then(Json::as_object).into_iter().flatten() {
        let value = cell(Some(value.get("value").unwrap_or(value)));
        let _ = writeln!(out, "  {:<12}{}", printable(key), printable(&value));
    }
    let mut table = Table::new(&["identifier", "trust", "shared", "first_seen", "last_seen"]);
    for one in list(view, "identifiers") {
        let field = |key| cell(one.get(key));
        let name = marked(one);
        table.row([name, field("trust"), field("shared"), field("first_seen"), field("last_seen")]);
    }
    section(&mut out, "identifiers", &table);
    for (title, pointer, columns) in LISTS {
        let mut table = Table::new(columns);
        for one in list(view, pointer) {
            table.row(columns.iter().map(|key| {
                let value = one.get(*key);
                value.and_then(identifier).unwrap_or_else(|| cell(value))
            }));
        }
        section(&mut out, title, &table);
    }
    let mut table = Table::new(&["channel", "agent_link"]);
    for one in list(view, "channels").filter(|one| one.get("agent_link").is_some()) {
        table.row([cell(one.get("channel")), cell(one.get("agent_link"))]);
    }
    section(&mut out, "answered in", &table);
    for title in ["suggestions", "conflicts"] {
        section(&mut out, title, &suggested(view, title));
    }
    out
}

/// An identifier, with a word if it is suspicious.
fn marked(one: &Json) -> String {
    let name = identifier(one).unwrap_or_default();
    let suspicious = one.get("suspicious").and_then(Json::as_bool) == Some(true);
    if suspicious { format!("{name} (suspicious)") } else { name }
}

/// Identifiers with suspicious days.
fn suspicious_days(answer: &Json) -> Table {
    let mut table = Table::new(&["identifier", "state", "days", "newest", "receipts", "stores"]);
    for one in list(answer, "suspicious") {
        let (count, newest) = suspicious::days(one);
        let at = |field: &str| cell(newest.and_then(|day| day.get(field)));
        let name = one.get("identifier").and_then(identifier).unwrap_or_default();
        let state = suspicious::state(one).to_owned();
        table.row([name, state, count.to_string(), at("day"), at("receipts"), at("stores")]);
    }
    table
}

/// Refused links with their evidence, and customers that look alike with what agrees.
fn suggested(answer: &Json, list_name: &str) -> Table {
    let mut table = Table::new(&["other customers", "why", "evidence"]);
    for one in list(answer, list_name) {
        let others: Vec<String> = list(one, "customers").map(|c| cell(Some(c))).collect();
        let (why, evidence) = match one.get("score") {
            Some(score) => (format!("looks alike: {}", cell(Some(score))), reasons(one)),
            None => (format!("{}: {}", cell(one.get("reason")), pair(one)), cell(one.get("evidence"))),
        };
        table.row([others.join(" "), why, evidence]);
    }
    table
}

/// The two identifiers of a link.
fn pair(link: &Json) -> String {
    let names: Vec<String> = list(link, "identifiers").filter_map(identifier).collect();
    names.join(" + ")
}

/// Links in the order they were looked at, taken or refused.
fn why_table(answer: &Json) -> String {
    let mut table = Table::new(&["identifiers", "tier", "decision", "channel", "evidence", "at"]);
    for link in list(answer, "links") {
        let field = |key| cell(link.get(key));
        let taken = link.get("taken").and_then(Json::as_bool) == Some(true);
        let decision = if taken { "taken".to_owned() } else { format!("refused: {}", field("reason")) };
        let evidence = format!("{} {}", field("type"), field("event"));
        table.row([pair(link), field("tier"), decision, field("channel"), evidence, field("at")]);
    }
    let head = format!("{}, named after {}\n", cell(answer.get("id")), cell(answer.get("birth")));
    let links = if table.is_empty() { "one identifier, no links\n".to_owned() } else { table.render() };
    let mut out = head + &links;
    section(&mut out, "suggestions", &suggested(answer, "suggestions"));
    section(&mut out, "suspicious", &suspicious_days(answer));
    out + &history(answer)
}

/// Merges and splits, newest first.
fn history(answer: &Json) -> String {
    let mut table = Table::new(&["what", "at", "caused by", "customers"]);
    for change in list(answer, "history") {
        let field = |key| cell(change.get(key));
        let others = list(change, "from").chain(list(change, "parts")).map(|id| cell(Some(id)));
        let others = others.collect::<Vec<_>>().join(" ");
        table.row([field("kind"), field("at"), field("caused_by"), others]);
    }
    if table.is_empty() { String::new() } else { format!("\nhistory, newest first\n{}", table.render()) }
}

/// A few words on what an entry says.
fn what(entry: &Json) -> String {
    let at = |pointer: &str| cell(entry.pointer(&format!("/data/{pointer}")));
    let kind = cell(entry.get("type"));
    let text = match kind.split('.').next().unwrap_or_default() {
        "message" => at("message/text"),
        "mention" => at("mention/text"),
        "note" => at("note/text"),
        "form" => at("form/form"),
        "purchase" => format!("{} {}", at("purchase/currency"), at("purchase/total")),
        "refund" => format!("{} -{}", at("refund/currency"), at("refund/total")),
        "order" => format!("{} {}", at("order/number"), at("order/state")),
        "consent" => format!("{} by {}", at("consent/purpose"), at("consent/channel")),
        "trait" => format!("{} = {}", at("trait/name"), at("trait/value")),
        "activity" => at("activity/title"),
        "delivery" => at("delivery/state"),
        _ => String::new(),
    };
    let mut short: String = text.chars().take(WHAT_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn list<'a>(view: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> {
    view.pointer(&format!("/{pointer}")).and_then(Json::as_array).into_iter().flatten()
}

fn section(out: &mut String, title: &str, table: &Table) {
    if !table.is_empty() {
        let _ = write!(out, "\n{title}\n{}", table.render());
    }
}

fn timeline(answer: &Json) -> String {
    let mut table = Table::new(&["at", "channel", "type", "what", "event"]);
    for entry in list(answer, "entries") {
        let first = |keys: &[&str]| {
            cell(keys.iter().find_map(|key| entry.get(*key)).filter(|value| !value.is_null()))
        };
        table.row([
            first(&["at", "occurred_at", "time"]),
            first(&["channel"]),
            first(&["type", "kind"]),
            Some(first(&["title", "text"])).filter(|t| !t.is_empty()).unwrap_or_else(|| what(entry)),
            first(&["event", "id"]),
        ]);
    }
    if table.is_empty() {
        return "nothing\n".to_owned();
    }
    let more = answer.get("next_before").and_then(Json::as_str);
    let more = more.map(|cursor| format!("\nolder: --before {}\n", printable(cursor)));
    table.render() + &more.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{customers, path, timeline, view};
    use serde_json::json;

    #[test]
    fn only_ids_go_into_addresses() {
        assert_eq!(path("cus_zdr2", "/why").unwrap(), "/v1/customers/cus_zdr2/why");
        for id in ["0912345678", "cus_a/../x", "cus_a?x", "陳", ""] {
            assert!(path(id, "").is_err(), "{id}");
        }
    }

    #[test]
    fn one_view_or_a_list_is_found() {
        assert_eq!(customers(&json!({"id": "cus_a"})).len(), 1);
        assert_eq!(customers(&json!({"customers": [{}, {}]})).len(), 2);
        assert_eq!(customers(&json!({"customer": {"id": "cus_a"}})).len(), 1);
        assert_eq!(customers(&json!({"customer": null})).len(), 0);
        assert_eq!(customers(&json!({"customers": []})).len(), 0);
    }

    #[test]
    fn a_view_shows_what_it_has_and_nothing_empty() {
        let text = view(&json!({"id": "cus_a", "version": 3, "status": "live",
            "profile": {"name": "陳美玲", "provenance": {"name": "e"}},
            "identifiers": [{"type": "line", "scope": "p", "value": "U4…91", "trust": "verified", "shared": false}],
            "purchases": {"by_currency": [{"currency": "TWD", "orders": 2, "refunds": 0, "net": "1000"}]},
            "traits": {"tier": {"value": "gold"}}, "orders": []}));
        let want = "cus_a  version 3  live\n  name        陳美玲\n  tier        gold\n\nidentifiers\n\
                    IDENTIFIER    TRUST     SHARED  FIRST_SEEN  LAST_SEEN\nline:p=U4…91  verified  false\n\n\
                    purchases\nCURRENCY  ORDERS  REFUNDS  NET\nTWD       2       0        1000\n";
        assert_eq!(text, want);
    }

    #[test]
    fn a_timeline_names_the_way_to_more() {
        let text = timeline(
            &json!({"entries": [{"at": "2026-03-01T02:12:00Z", "channel": "pos-1", "type": "purchase.completed",
            "title": "TWD 500", "event": "c8e3"}], "next_before": "x1"}),
        );
        assert!(text.contains("pos-1    purchase.completed  TWD 500  c8e3\n"), "{text}");
        assert!(text.ends_with("older: --before x1\n"));
        assert_eq!(timeline(&json!({"entries": []})), "nothing\n");
    }
}
