//! The page shows what the views tell, in two languages, and nothing that could run or name a person in full.

use super::{Lang, POLICY, Reader, page};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

const EVIL: &str = "\"><script>alert(1)</script>";

fn reader(language: Lang) -> Reader {
    Reader { language, zone: TimeZone::get("Asia/Taipei").unwrap() }
}

fn view() -> Json {
    json!({
        "id": "cus_zdr2kgsib4ilxabxnnf7xb3daa", "version": 12, "status": "live",
        "profile": {"name": "陳美玲", "displayName": EVIL, "email": "meiling.chen@post.example",
            "telephone": "+886928114706", "birthDate": "1984-05-06", "address": "永康街 12 巷 5 號", "language": EVIL,
            "provenance": {}},
        "identifiers": [
            {"type": "phone", "scope": "", "value": "+886928114706", "trust": "claimed", "shared": true,
             "first_seen": "2025-03-01T02:12:00Z", "last_seen": "2025-08-01T02:12:00Z", "evidence": {"count": 3}},
            {"type": EVIL, "scope": EVIL, "value": EVIL, "trust": EVIL, "shared": false, "evidence": {"count": EVIL}}],
        "channels": [{"channel": EVIL, "kind": "line", "events": 3, "first_at": EVIL, "last_at": null}],
        "interactions": {"events": 9, "first_at": "2025-03-01T18:12:00Z", "last_at": "2025-08-01T02:12:00Z"},
        "purchases": {"by_currency": [{"currency": "TWD", "orders": 2, "refunds": 0, "net": "-12345.60"}]},
        "traits": {EVIL: {"value": EVIL}}, "subscriptions": [{"channel": "line-main", "following": true}],
        "consents": [{"purpose": EVIL, "channel": "email", "granted": true}],
    })
}

fn why() -> Json {
    let ends = json!([{"type": "member", "scope": "", "value": "M10000"},
        {"type": "email", "scope": "", "value": "meiling.chen@post.example"}]);
    json!({"links": [
        {"identifiers": ends, "tier": "verified", "taken": true, "event": "e1", "channel": "members", "type": "link.proven",
         "at": "2025-03-01T02:12:00Z"},
        {"identifiers": ends, "tier": "claimed", "taken": false, "reason": "verified_elsewhere", "event": EVIL,
         "channel": EVIL, "type": EVIL, "at": "x", "customers": ["cus_x"]},
        {"identifiers": ends, "tier": "claimed", "taken": false, "reason": "limit", "event": "e9", "channel": "web",
         "type": "form.submitted", "at": "x"}]})
}

fn timeline() -> Json {
    json!({"entries": [
        {"id": "e2", "at": "2025-03-01T18:12:00Z", "event": {"type": "tributary.v1.message.received", "channel": "line-main",
            "data": {"message": {"form": "text", "text": "我的電話 0928114706"}}}},
        {"id": "e3", "at": "2025-03-01T17:12:00Z", "event": {"type": "tributary.v1.purchase.completed", "channel": "till",
            "data": {"purchase": {"currency": "TWD", "total": "1280", "lines": [{}]}, "store": EVIL}}},
        {"id": "e4", "at": "2025-02-01T17:12:00Z", "event": null}], "next_before": "1.e4"})
}

#[test]
fn hostile_values_stay_text_and_personal_ones_stay_covered() {
    for language in [Lang::English, Lang::Chinese] {
        let html = page(&view(), &timeline(), &why(), &reader(language));
        assert!(!html.contains("<script") && !html.contains(EVIL), "{html}");
        assert!(html.contains("&lt;script&gt;"));
        for personal in ["陳美玲", "928114706", "meiling", "M10000", "1984", "永康街", "我的電話"] {
            assert!(!html.contains(personal), "{personal}");
        }
        for shown in ["陳○玲", "+886******706", "*********706", "m***@post.example", "M…00"] {
            assert!(html.contains(shown), "{shown}");
        }
        for none in [" style=", "javascript:", "http://", "https://", " onclick", "src="] {
            assert!(!html.contains(none), "{none}");
        }
    }
}

#[test]
fn it_tells_times_in_the_zone_and_amounts_exactly() {
    let html = page(&view(), &timeline(), &why(), &reader(Lang::English));
    assert!(html.contains("<h3>2025-03-02</h3>"), "18:12 UTC is the next day in Taipei");
    assert!(html.contains("-12,345.60") && html.contains("TWD 1,280 · 1 lines"));
    assert!(!html.contains("e9"), "a refusal inside one customer kept nothing apart");
    assert!(html.contains("verified on another customer") && html.contains("Account linked"));
}

#[test]
fn it_is_whole_and_accessible() {
    for (language, tag, heading) in
        [(Lang::English, "en", "Why this is one customer"), (Lang::Chinese, "zh-Hant", "為什麼是同一位顧客")]
    {
        let html = page(&view(), &timeline(), &why(), &reader(language));
        assert!(html.starts_with(&format!("<!doctype html>\n<html lang=\"{tag}\">")));
        assert!(
            html.contains(heading) && html.contains("<main id=\"main\">") && html.contains("href=\"#main\"")
        );
        for element in ["section", "table", "ol", "ul", "dl", "div", "li", "span", "main", "header", "footer"]
        {
            let opened =
                html.matches(&format!("<{element}>")).count() + html.matches(&format!("<{element} ")).count();
            assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{element}");
        }
        assert_eq!(html.matches("<caption>").count(), html.matches("<table>").count());
        assert!(html.matches("<th scope=\"col\"").count() >= 12);
    }
    assert!(POLICY.starts_with("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn an_empty_view_is_a_page_too() {
    let html = page(&json!({}), &json!({}), &json!({}), &reader(Lang::English));
    assert!(html.contains("Customer without a name") && html.contains("nothing to join"));
}
