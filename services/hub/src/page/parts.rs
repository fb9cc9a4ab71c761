//! The page's sections. Every value goes through [`escape`]; every name and identifier through a mask first.

use super::{
    Reader,
    escape::{escape, masked_name, masked_phone},
};
use serde_json::Value as Json;
use std::fmt::Write as _;
use tributary_core::{normalise::mask, time::Micros};

/// Fields of a profile in their order, and how each is covered.
const PROFILE: [(&str, Cover); 8] = [
    ("name", Cover::Name),
    ("displayName", Cover::Name),
    ("email", Cover::As("email")),
    ("telephone", Cover::Phone),
    ("birthDate", Cover::All),
    ("address", Cover::All),
    ("gender", Cover::All),
    ("language", Cover::Nothing),
];

#[derive(Clone, Copy)]
enum Cover {
    /// A name.
    Name,
    /// An identifier of this type.
    As(&'static str),
    /// A phone in any spelling.
    Phone,
    /// Only that it is known.
    All,
    /// Not personal.
    Nothing,
}

/// The value at a pointer as escaped text.
pub(super) fn text(json: &Json, pointer: &str) -> String {
    escape(&raw(json, pointer))
}

fn raw(json: &Json, pointer: &str) -> String {
    crate::output::cell(json.pointer(pointer))
}

/// The words for the value at a pointer.
fn word(json: &Json, pointer: &str, reader: &Reader) -> String {
    escape(reader.language.say(&raw(json, pointer)))
}

fn list<'a>(json: &'a Json, pointer: &str) -> Vec<&'a Json> {
    json.pointer(pointer).and_then(Json::as_array).into_iter().flatten().collect()
}

fn when(json: &Json, pointer: &str, reader: &Reader, format: &str) -> String {
    let Some(at) = Micros::parse(&raw(json, pointer)) else { return "–".to_owned() };
    let stamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    stamp.to_zoned(reader.zone.clone()).strftime(format).to_string()
}

fn section(id: &str, title: &str, content: &str) -> String {
    format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n{content}</section>\n")
}

/// An identifier: its type in words and its masked value.
fn identifier(json: &Json, reader: &Reader) -> String {
    let kind = raw(json, "/type");
    let scope = raw(json, "/scope");
    let network = match scope.split(':').next().unwrap_or_default() {
        network if kind == "social" && !network.is_empty() => format!(" ({})", escape(network)),
        _ => String::new(),
    };
    let value = escape(&mask(&kind, &raw(json, "/value")));
    format!("<b>{}{network}</b> <code>{value}</code>", escape(reader.language.say(&kind)))
}

/// The masked name, or what stands for it.
pub(super) fn title(view: &Json, reader: &Reader) -> String {
    let names = ["/profile/name", "/profile/displayName"].map(|pointer| masked_name(&raw(view, pointer)));
    let name = names.into_iter().find(|name| !name.is_empty());
    escape(&name.unwrap_or_else(|| reader.language.say("unnamed").to_owned()))
}

/// The figures at the top.
pub(super) fn tiles(view: &Json, reader: &Reader) -> String {
    let net: Vec<String> = list(view, "/purchases/by_currency")
        .into_iter()
        .map(|row| format!("{} {}", text(row, "/currency"), grouped(&text(row, "/net"))))
        .collect();
    let rows = [
        ("events", text(view, "/interactions/events")),
        ("channels", list(view, "/channels").len().to_string()),
        ("identifiers", list(view, "/identifiers").len().to_string()),
        ("net", if net.is_empty() { "–".to_owned() } else { net.join("<br>") }),
        ("first", when(view, "/interactions/first_at", reader, "%Y-%m-%d")),
        ("last", when(view, "/interactions/last_at", reader, "%Y-%m-%d")),
    ];
    let mut out = String::from("<dl class=\"tiles\">\n");
    for (key, value) in rows {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{value}</dd></div>", reader.language.say(key));
    }
    out + "</dl>\n"
}

/// `12345.60` with commas.
fn grouped(amount: &str) -> String {
    let (sign, digits) = amount.strip_prefix('-').map_or(("", amount), |rest| ("-", rest));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

fn is_taken(link: &Json) -> bool {
    link.pointer("/taken").and_then(Json::as_bool) == Some(true)
}

/// Whether an identifier stands with other customers too. A refusal alone does not say so: it may concern two identifiers
/// of this very customer.
fn is_shared(one: &Json, why: &Json) -> bool {
    let same = |end: &&Json| ["/type", "/scope", "/value"].iter().all(|p| end.pointer(p) == one.pointer(p));
    let touches = |link: &&Json| !is_taken(link) && list(link, "/identifiers").iter().any(same);
    let mut refused = list(why, "/links").into_iter().filter(touches).peekable();
    let only_inside = refused.peek().is_some() && refused.all(|link| list(link, "/customers").is_empty());
    one.pointer("/shared").and_then(Json::as_bool) == Some(true) && !only_inside
}

/// Each link with its evidence, then those that were refused.
pub(super) fn why(why: &Json, reader: &Reader) -> String {
    let say = |key| reader.language.say(key);
    let link = |link: &Json, taken: bool| {
        let ends: Vec<String> =
            list(link, "/identifiers").into_iter().map(|i| identifier(i, reader)).collect();
        let joined = ends.join(&format!(" <span class=\"and\">{}</span> ", say("and")));
        let reason = word(link, if taken { "/tier" } else { "/reason" }, reader);
        let class = if taken { "tag" } else { "tag warn" };
        format!(
            "<li><div class=\"ends\">{joined} <span class=\"{class}\">{}</span></div>\
             <div class=\"from\">{}: {} · {} · <time>{}</time> · <code>{}</code></div></li>\n",
            reason,
            say("evidence"),
            word(link, "/type", reader),
            text(link, "/channel"),
            when(link, "/at", reader, "%Y-%m-%d %H:%M"),
            text(link, "/event"),
        )
    };
    let (taken, mut refused): (Vec<&Json>, Vec<&Json>) =
        list(why, "/links").into_iter().partition(|l| is_taken(l));
    // Both ends are with this customer anyway, by better evidence: nothing was kept apart.
    refused.retain(|link| !list(link, "/customers").is_empty());
    let items = |links: &[&Json], taken| -> String { links.iter().map(|l| link(l, taken)).collect() };
    let mut out = format!("<p class=\"from\">{}</p>\n", say("why_about"));
    if taken.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", say("alone"));
    } else {
        let _ = writeln!(out, "<ul class=\"why\">\n{}</ul>", items(&taken, true));
    }
    if !refused.is_empty() {
        let _ = writeln!(
            out,
            "<h3>{}</h3>\n<ul class=\"why\">\n{}</ul>",
            say("refused_links"),
            items(&refused, false)
        );
    }
    section("why", say("why"), &out)
}

/// What is known of the person.
pub(super) fn profile(view: &Json, reader: &Reader) -> String {
    let say = |key| reader.language.say(key);
    let mut out = String::from("<dl class=\"facts\">\n");
    let mut row = |title: &str, value: &str| {
        let _ = writeln!(out, "<dt>{title}</dt><dd>{value}</dd>");
    };
    for (field, cover) in PROFILE {
        let value = raw(view, &format!("/profile/{field}"));
        if value.is_empty() {
            continue;
        }
        let shown = match cover {
            Cover::Name => masked_name(&value),
            Cover::As(kind) => mask(kind, &value),
            Cover::Phone => masked_phone(&value),
            Cover::All => say("on_file").to_owned(),
            Cover::Nothing => value,
        };
        row(say(field), &escape(&shown));
    }
    for (name, value) in view.pointer("/traits").and_then(Json::as_object).into_iter().flatten() {
        row(&escape(say(name)), &text(value, "/value"));
    }
    for follow in list(view, "/subscriptions") {
        let following = follow.pointer("/following").and_then(Json::as_bool) == Some(true);
        let state = say(if following { "following" } else { "stopped" });
        let since = when(follow, "/since", reader, "%Y-%m-%d");
        row(say("subscriptions"), &format!("{} · {state} · {since}", text(follow, "/channel")));
    }
    for consent in list(view, "/consents") {
        let granted = consent.pointer("/granted").and_then(Json::as_bool) == Some(true);
        let (class, state) = if granted { ("tag", "granted") } else { ("tag warn", "withdrawn") };
        let purpose = word(consent, "/purpose", reader);
        let channel = word(consent, "/channel", reader);
        row(say("consents"), &format!("{purpose}, {channel} <span class=\"{class}\">{}</span>", say(state)));
    }
    section("profile", say("profile"), &(out + "</dl>\n"))
}

fn table(caption: &str, head: &[(&str, bool)], rows: &[Vec<String>]) -> String {
    let class = |number: bool| if number { " class=\"n\"" } else { "" };
    let mut out = format!("<div class=\"scroll\"><table>\n<caption>{caption}</caption>\n<thead><tr>");
    for (title, number) in head {
        let _ = write!(out, "<th scope=\"col\"{}>{title}</th>", class(*number));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (cell, (_, number)) in row.iter().zip(head) {
            let _ = write!(out, "<td{}>{cell}</td>", class(*number));
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table></div>\n"
}

/// Purchases by currency, and orders.
pub(super) fn purchases(view: &Json, reader: &Reader) -> String {
    let say = |key| reader.language.say(key);
    let row = |row: &Json| {
        vec![text(row, "/currency"), text(row, "/orders"), text(row, "/refunds"), grouped(&text(row, "/net"))]
    };
    let rows: Vec<Vec<String>> = list(view, "/purchases/by_currency").into_iter().map(row).collect();
    let span = ["/purchases/first_at", "/purchases/last_at"].map(|at| when(view, at, reader, "%Y-%m-%d"));
    let content = if rows.is_empty() {
        format!("<p>{}</p>\n", say("nothing"))
    } else {
        let head =
            [(say("currency"), false), (say("orders"), true), (say("refunds"), true), (say("net"), true)];
        table(&span.join(" – "), &head, &rows)
    };
    section("purchases", say("purchases"), &content)
}

/// A mark for a suspicious identifier.
fn suspicious(one: &Json, reader: &Reader) -> String {
    if one.pointer("/suspicious").and_then(Json::as_bool) != Some(true) {
        return String::new();
    }
    format!(" <span class=\"tag warn\">{}</span>", reader.language.say("suspicious"))
}

/// All identifiers, own ones first.
pub(super) fn identifiers(view: &Json, why: &Json, reader: &Reader) -> String {
    let say = |key| reader.language.say(key);
    let row = |one: &Json| {
        let shared = if is_shared(one, why) {
            format!(" <span class=\"tag warn\">{}</span>", say("shared"))
        } else {
            String::new()
        };
        vec![
            format!("{}{shared}{}", identifier(one, reader), suspicious(one, reader)),
            word(one, "/trust", reader),
            text(one, "/evidence/count"),
            when(one, "/first_seen", reader, "%Y-%m-%d"),
            when(one, "/last_seen", reader, "%Y-%m-%d"),
        ]
    };
    let rows: Vec<Vec<String>> = list(view, "/identifiers").into_iter().map(row).collect();
    let head = [
        (say("value"), false),
        (say("trust"), false),
        (say("facts"), true),
        (say("first"), false),
        (say("last"), false),
    ];
    section("identifiers", say("identifiers"), &table(say("masked"), &head, &rows))
}

/// All channels with their figures.
pub(super) fn channels(view: &Json, reader: &Reader) -> String {
    let say = |key| reader.language.say(key);
    let row = |one: &Json| {
        vec![
            text(one, "/channel"),
            word(one, "/kind", reader),
            text(one, "/events"),
            when(one, "/first_at", reader, "%Y-%m-%d"),
            when(one, "/last_at", reader, "%Y-%m-%d"),
        ]
    };
    let rows: Vec<Vec<String>> = list(view, "/channels").into_iter().map(row).collect();
    let head = [
        (say("channel"), false),
        (say("type"), false),
        (say("events"), true),
        (say("first"), false),
        (say("last"), false),
    ];
    section("channels", say("channels"), &table(say("channels_about"), &head, &rows))
}

/// The newest entries by day.
pub(super) fn timeline(timeline: &Json, reader: &Reader) -> String {
    let say = |key| reader.language.say(key);
    let mut out = format!("<p class=\"from\">{}</p>\n", say("newest"));
    let (mut day, mut open) = (String::new(), false);
    for entry in list(timeline, "/entries") {
        let this = when(entry, "/at", reader, "%Y-%m-%d");
        if this != day {
            out.push_str(if open { "</ol>\n" } else { "" });
            let _ = writeln!(out, "<h3>{this}</h3>\n<ol class=\"line\">");
            (day, open) = (this, true);
        }
        let kind = raw(entry, "/event/type");
        let kind = kind.strip_prefix("tributary.v1.").unwrap_or(&kind);
        let kind = if kind.is_empty() { "dead" } else { kind };
        let _ = writeln!(
            out,
            "<li><time>{}</time><span class=\"where\">{}</span><span class=\"what\">{} <span class=\"sum\">{}</span></span></li>",
            when(entry, "/at", reader, "%H:%M"),
            text(entry, "/event/channel"),
            escape(reader.language.say(kind)),
            detail(entry, reader),
        );
    }
    out.push_str(if open { "</ol>\n" } else { "" });
    if !open {
        let _ = writeln!(out, "<p>{}</p>", say("nothing"));
    }
    if timeline.get("next_before").is_some_and(|next| !next.is_null()) {
        let _ = writeln!(out, "<p class=\"from\">{}</p>", say("more"));
    }
    section("timeline", say("timeline"), &out)
}

/// What may be told of an event beside its type: amounts, states, forms; never a text that somebody wrote.
fn detail(entry: &Json, reader: &Reader) -> String {
    let say = |key: &str| escape(reader.language.say(key));
    let at = |pointer: &str| raw(entry, &format!("/event/data/{pointer}"));
    let mut parts: Vec<String> = Vec::new();
    for body in ["purchase", "refund"] {
        let (currency, total) = (at(&format!("{body}/currency")), at(&format!("{body}/total")));
        if !total.is_empty() {
            parts.push(escape(&format!("{currency} {}", grouped(&total))));
        }
    }
    match list(entry, "/event/data/purchase/lines").len() {
        0 => {}
        lines => parts.push(format!("{lines} {}", say("lines"))),
    }
    for pointer in [
        "message/form",
        "mention/kind",
        "order/state",
        "delivery/state",
        "activity/title",
        "trait/name",
        "trait/value",
    ] {
        let value = at(pointer);
        if !value.is_empty() {
            parts.push(say(&value));
        }
    }
    if let Some(granted) = entry.pointer("/event/data/consent/granted").and_then(Json::as_bool) {
        parts.push(say(&at("consent/purpose")));
        parts.push(say(if granted { "granted" } else { "withdrawn" }));
    }
    let store = at("store");
    if !store.is_empty() {
        parts.push(format!("{} {}", say("store"), escape(&store)));
    }
    parts.join(" · ")
}
