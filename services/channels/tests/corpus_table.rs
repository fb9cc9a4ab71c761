//! Every file of the corpus is accounted for: it becomes events, is kept for a reason that stands here, is an answer key that
//! another test checks, or belongs to a kind that this release does not have. A new file without a row fails.
//!
//! The corpus lies outside the repository; without `TRIBUTARY_CORPUS` this test says so and does nothing.

mod support;

use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use support::channel;
use tributary_channels::{kit::Case, settings::Channel};

/// What is done with the files of a row.
#[derive(Clone, Copy)]
enum Take {
    /// Given to an adapter: it must understand all of it, unless the file stands in [`KEPT`].
    Given(fn(&str, Vec<u8>) -> (Channel, Case)),
    /// No payload: what it is instead.
    Not(&'static str),
    /// Of a kind that this release does not have.
    Later(&'static str),
}

use Take::{Given, Later, Not};

/// By the beginning and the end of the path below `fixtures/`; the first row that fits counts.
const ROWS: [(&str, &str, Take); 37] = [
    ("", "SOURCES.md", Not("where the files come from")),
    ("line/signature-vectors.json", "", Not("keys, see corpus_line_forms")),
    ("line/", ".json", Given(line)),
    ("web-forms/multipart/", ".yaml", Not("answers, see corpus_line_forms")),
    ("web-forms/multipart/", ".http", Given(multipart)),
    ("web-forms/google-lead-form.json", "", Given(google_lead)),
    ("web-forms/typeform-email-answer.json", "", Given(typeform)),
    ("web-forms/meta-leadgen-webhook.json", "", Given(leadgen)),
    ("email/eml/", ".expected.json", Not("answers, see corpus_email_keys")),
    ("email/eml/", ".eml", Given(mail)),
    ("email/charsets/", ".eml", Given(mail)),
    ("email/bounces/", ".eml", Given(mail)),
    ("email/replies/", ".eml", Given(mail)),
    ("email/replies/", ".html", Given(html)),
    ("email/replies/", "", Given(text)),
    ("email/tnef/", ".tnef", Given(tnef)),
    ("email/webhooks/mailgun-signature-vector.json", "", Not("a key, see corpus_email_keys")),
    (
        "email/webhooks/sendgrid-event-webhook-signature-vector.json",
        "",
        Later("events about mails that a campaign tool sent: none is sent here"),
    ),
    ("email/webhooks/sendgrid", ".fields.json", Given(sendgrid_fields)),
    ("email/webhooks/sendgrid", ".txt", Given(sendgrid_recorded)),
    ("email/webhooks/mailgun", ".fields.json", Given(mailgun)),
    ("email/webhooks/postmark", ".json", Given(postmark)),
    ("email/webhooks/aws-", ".json", Later("SES: through SNS, whose certificates an adapter cannot fetch")),
    ("email/webhooks/ses-", ".json", Later("the same")),
    ("email/webhooks/mandrill", ".json", Later("Mandrill: no such provider of the email kind")),
    ("email/webhooks/brevo", ".json", Later("Brevo: no such provider of the email kind")),
    ("social-meta/x-hub-signature-256-vector.json", "", Not("a key, see corpus_meta")),
    ("social-meta/", ".json", Given(meta)),
    ("social-bluesky/", ".jsonl", Later("a stream to be followed")),
    ("social-mastodon/", ".json", Later("a stream to be followed")),
    ("social-x/", ".json", Later("a paid interface")),
    ("pos/square/signature-vector.json", "", Not("a key, see corpus_square")),
    ("pos/square/", ".json", Given(square)),
    ("pos/shopify/signature-vector.json", "", Not("a key, see corpus_shops")),
    ("pos/shopify/", ".json", Given(shopify)),
    ("pos/tw-einvoice/", ".xml", Given(einvoice)),
    ("pos/uci-online-retail/", ".csv", Given(till)),
];

/// The rest, file by file or folder by folder.
const OTHERS: [(&str, Take); 5] = [
    ("pos/uci-online-retail/TOTALS.computed.json", Not("answers, see corpus_pos")),
    ("pos/cdnow/", Not("purchases of a study, not of a till, with answers; see corpus_pos")),
    ("pos/stripe/", Later("Stripe Terminal")),
    ("whatsapp/", Later("WhatsApp Cloud")),
    ("cti/", Later("telephony")),
];

/// What is kept on purpose: file, reason, and why that is right.
const KEPT: &[(&str, &str, &str)] = &[
    ("email/eml/enmime-erroneous.eml", "not_a_mail", "it begins with a line that is no header"),
    ("pos/shopify/checkouts.json", "unknown_event_type", "an unfinished checkout is no order"),
    ("pos/shopify/location.json", "unknown_event_type", "about the shop, not about a customer"),
    ("pos/shopify/shop.json", "unknown_event_type", "the same"),
    ("pos/shopify/transaction.json", "unknown_event_type", "orders and refunds tell of money"),
    ("pos/square/inventory.count.updated.json", "unknown_event_type", "about the shop, not about a customer"),
    ("pos/square/loyalty.event.created.json", "unknown_event_type", "names an account, and no customer"),
    ("pos/square/team_member.created.json", "unknown_event_type", "about the shop, not about a customer"),
    ("pos/square/terminal.checkout.created.json", "unknown_event_type", "payments tell of money"),
    ("social-meta/feed-two-entries-25.json", "unknown_field", "a page's own data: its parking, its hours"),
    ("social-meta/threads-user-posts.json", "unknown_object", "an answer of the interface, no webhook"),
    ("web-forms/multipart/CR_in_header.http", "malformed_multipart", "its key says that it must be refused"),
    ("web-forms/multipart/bad_end_of_headers.http", "malformed_multipart", "the same"),
    ("web-forms/multipart/bad_header_char.http", "malformed_multipart", "the same"),
    ("web-forms/multipart/empty_header.http", "malformed_multipart", "the same"),
    ("web-forms/multipart/empty_message.http", "empty_form", "no field holds anything"),
];

fn take(path: &str) -> Option<Take> {
    let fits = |(begin, end, _): &&(&str, &str, Take)| path.starts_with(begin) && path.ends_with(end);
    let other = OTHERS.iter().find(|(begin, _)| path.starts_with(begin)).map(|(_, take)| *take);
    let row = || ROWS.iter().find(fits).map(|(_, _, take)| *take);
    row().or(other)
}

fn files(folder: &Path, prefix: &str, out: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => files(&entry.path(), &format!("{name}/"), out),
            false => out.push(name),
        }
    }
}

#[test]
fn every_file_is_understood_or_kept_for_a_reason() {
    let Some(folder) = support::corpus("fixtures") else { return };
    let mut paths = Vec::new();
    files(&folder, "", &mut paths);
    paths.sort();
    assert!(paths.len() > 500, "{} files", paths.len());
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut kept = BTreeSet::new();
    for path in &paths {
        let given = match take(path) {
            Some(Given(given)) => given,
            Some(Not(what)) => {
                *counts.entry(format!("no payload: {what}")).or_default() += 1;
                continue;
            }
            Some(Later(what)) => {
                *counts.entry(format!("no such kind: {what}")).or_default() += 1;
                continue;
            }
            None => {
                wrong.push(format!("{path}: no row"));
                continue;
            }
        };
        let (channel, case) = given(path, support::bytes(&folder.join(path)));
        let decoded = match channel.adapter.decode(&case.request()) {
            Ok(decoded) => decoded,
            Err(refused) => {
                wrong.push(format!("{path}: refused: {refused}"));
                continue;
            }
        };
        let reasons: BTreeSet<&str> = decoded.unrecognised.iter().map(|rest| rest.reason).collect();
        let row = KEPT.iter().find(|(file, _, _)| file == path);
        kept.extend(row.map(|(file, _, _)| *file));
        let want: BTreeSet<&str> = row.map(|(_, reason, _)| *reason).into_iter().collect();
        let empty = decoded.events.is_empty() && reasons.is_empty();
        if reasons != want || empty && !is_empty_on_purpose(path) {
            let detail = decoded.unrecognised.first().map(|rest| rest.detail.as_str()).unwrap_or_default();
            wrong.push(format!("{path}: {} events, kept: {reasons:?} {detail}", decoded.events.len()));
        }
        let what = if reasons.is_empty() { "understood" } else { "kept for a reason" };
        *counts.entry(format!("{what}: {}", channel.context.kind)).or_default() += 1;
    }
    println!("{counts:#?}");
    let gone = KEPT.iter().map(|(file, _, _)| *file).filter(|file| !kept.contains(file));
    wrong.extend(gone.map(|file| format!("{file}: a row without a file")));
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
}

/// The button "Verify" of LINE's console sends no event.
fn is_empty_on_purpose(path: &str) -> bool {
    path == "line/ruby-with-empty-event-for-webhook-test.json"
}

fn made(kind: &str, more: Value, case: Case) -> (Channel, Case) {
    let mut table: Map<String, Value> = more.as_object().cloned().unwrap_or_default();
    table.insert("kind".into(), kind.into());
    (channel(kind, table), case)
}

const JSON: &str = "application/json";

fn line(path: &str, body: Vec<u8>) -> (Channel, Case) {
    made("line", json!({"provider": "p", "secret": "s"}), Case::new(path, JSON, body))
}

fn google_lead(path: &str, body: Vec<u8>) -> (Channel, Case) {
    made("google_lead", json!({"form": "f", "key": "k"}), Case::new(path, JSON, body))
}

fn typeform(path: &str, body: Vec<u8>) -> (Channel, Case) {
    made("typeform", json!({"form": "f", "secret": "s", "fields": {}}), Case::new(path, JSON, body))
}

fn leadgen(path: &str, body: Vec<u8>) -> (Channel, Case) {
    made("web_form", json!({"form": "f", "fields": {}}), Case::new(path, JSON, body))
}

fn meta(path: &str, body: Vec<u8>) -> (Channel, Case) {
    let table = json!({"app_secret": "s", "verify_token": "t", "page": "12345654332"});
    made("meta", table, Case::new(path, JSON, body))
}

fn square(path: &str, body: Vec<u8>) -> (Channel, Case) {
    made("square", json!({"merchant": "M", "signature_key": "k"}), Case::new(path, JSON, body))
}

/// The resources stand under their name; webhooks send them bare, with the topic in a header.
fn shopify(path: &str, body: Vec<u8>) -> (Channel, Case) {
    let name = path.trim_start_matches("pos/shopify/").trim_end_matches(".json");
    let whole: Value = serde_json::from_slice(&body).expect("JSON");
    let bare = match &whole[name] {
        Value::Array(list) => list[0].to_string(),
        one => one.to_string(),
    };
    let topic = match name {
        "checkouts" => "checkouts/update",
        "customer" => "customers/update",
        "order" => "orders/updated",
        "refund" => "refunds/create",
        "location" => "locations/update",
        "shop" => "shop/update",
        _ => "order_transactions/create",
    };
    let mut case = Case::new(path, JSON, bare);
    case.headers.push(("x-shopify-topic".to_owned(), topic.to_owned()));
    made("shopify", json!({"shop": "s", "secret": "s", "currency": "USD"}), case)
}

fn einvoice(path: &str, body: Vec<u8>) -> (Channel, Case) {
    made("tw_einvoice", json!({"key": "k"}), Case::new(path, "application/xml", body))
}

fn till(path: &str, body: Vec<u8>) -> (Channel, Case) {
    let table = json!({"key": "k", "row": "line", "cancel_prefix": "C", "currency": "GBP",
        "time_zone": "Europe/London", "columns": {"receipt": "InvoiceNo", "sku": "StockCode",
        "quantity": "Quantity", "time": "InvoiceDate", "unit_price": "UnitPrice", "member": "CustomerID"}});
    made("pos_file", table, Case::new(path, "text/csv", body))
}

fn multipart(path: &str, body: Vec<u8>) -> (Channel, Case) {
    let first = body.split(|b| *b == b'\n').find(|line| line.starts_with(b"--")).unwrap_or_default();
    let boundary = String::from_utf8_lossy(first.get(2..).unwrap_or_default()).trim_end().to_owned();
    let media = format!("multipart/form-data; boundary=\"{}\"", boundary.trim_end_matches("--"));
    made("web_form", json!({"form": "f", "fields": {}}), Case::new(path, &media, body))
}

fn email(provider: &str, case: Case) -> (Channel, Case) {
    made("email", json!({"mailbox": "us@tributary.example", "key": "k", "provider": provider}), case)
}

fn mail(path: &str, body: Vec<u8>) -> (Channel, Case) {
    email("raw", Case::new(path, "message/rfc822", body))
}

const HEAD: &str = "From: A <a@example.com>\r\nTo: us@tributary.example\r\nMessage-ID: <1@example.com>\r\n\
                    Date: Sun, 1 Mar 2026 10:12:00 +0800\r\nMIME-Version: 1.0\r\n";

fn with_head(path: &str, media: &str, body: &[u8]) -> (Channel, Case) {
    let head = format!("{HEAD}Content-Type: {media}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    mail(path, [head.as_bytes(), body].concat())
}

/// Bodies of mails without their heads.
fn text(path: &str, body: Vec<u8>) -> (Channel, Case) {
    with_head(path, "text/plain; charset=utf-8", &body)
}

fn html(path: &str, body: Vec<u8>) -> (Channel, Case) {
    with_head(path, "text/html; charset=utf-8", &body)
}

fn tnef(path: &str, body: Vec<u8>) -> (Channel, Case) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let parts = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nsee the file\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        STANDARD.encode(body)
    );
    with_head(path, "multipart/mixed; boundary=b", parts.as_bytes())
}

/// The fields of a recorded post, posted again.
fn form(path: &str, body: &[u8]) -> Case {
    let fields: Map<String, Value> = serde_json::from_slice(body).expect("an object of fields");
    let mut parts = String::new();
    for (name, value) in &fields {
        let value = value.as_str().unwrap_or_default();
        parts
            .push_str(&format!("--b1\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    Case::new(path, "multipart/form-data; boundary=b1", parts + "--b1--\r\n")
}

fn sendgrid_fields(path: &str, body: Vec<u8>) -> (Channel, Case) {
    email("sendgrid", form(path, &body))
}

fn sendgrid_recorded(path: &str, body: Vec<u8>) -> (Channel, Case) {
    let body = String::from_utf8(body).expect("text").replace('\n', "\r\n");
    email("sendgrid", Case::new(path, "multipart/form-data; boundary=xYzZY", body))
}

fn mailgun(path: &str, body: Vec<u8>) -> (Channel, Case) {
    email("mailgun", form(path, &body))
}

fn postmark(path: &str, body: Vec<u8>) -> (Channel, Case) {
    email("postmark", Case::new(path, JSON, body))
}
