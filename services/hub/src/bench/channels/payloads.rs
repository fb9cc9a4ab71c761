//! Requests as providers send them, with all that providers add and nobody reads.

use serde_json::{Value, json};
use std::hint::black_box;

/// One kind of request.
pub(super) struct Case {
    pub what: &'static str,
    pub settings: Value,
    pub content_type: &'static str,
    /// Events of each request.
    pub events: u64,
    /// The `n`th body.
    pub body: fn(u64) -> Vec<u8>,
    /// Reads a body as simply as it can be read.
    pub read: fn(&[u8]) -> usize,
    /// How that is called.
    pub read_by: &'static str,
}

const JSON: &str = "application/json";
const VALUE: &str = "JSON to a value alone";

pub(super) fn all() -> Vec<Case> {
    let json_case = |what, events, settings, body| Case {
        what,
        settings,
        content_type: JSON,
        events,
        body,
        read: json_value,
        read_by: VALUE,
    };
    let line = || json!({"kind": "line", "provider": "prov-1", "secret": "bench-secret"});
    let meta = json!({
        "kind": "meta", "app_secret": "bench-secret", "verify_token": "bench-token", "page": "100000000000001"
    });
    let square = json!({"kind": "square", "signature_key": "bench-key", "merchant": "MERCHANT1"});
    let form = json!({
        "kind": "web_form", "form": "contact", "submission_id": "submission_id", "consent_text": "v1",
        "fields": {"name": "your-name", "email": "your-email", "phone": "tel", "message": "message",
                   "subject": "your-subject", "consent_marketing": "accept"},
    });
    let mail = json!({"kind": "email", "mailbox": "help@shop.example", "key": "bench-key",
                      "authserv_id": "mx.shop.example"});
    vec![
        json_case("LINE", 1, line(), |n| line_body(n, 1)),
        json_case("LINE, five events a request", 5, line(), |n| line_body(n, 5)),
        json_case("Meta", 1, meta, messenger),
        json_case("Square", 1, square, payment),
        Case {
            what: "form",
            settings: form,
            content_type: "application/x-www-form-urlencoded",
            // The submission and its consent.
            events: 2,
            body: contact,
            read: form_pairs,
            read_by: "form to pairs alone",
        },
        Case {
            what: "mail of 4 KiB",
            settings: mail,
            content_type: "message/rfc822",
            events: 1,
            body: mail_body,
            read: lossy,
            read_by: "UTF-8 to text alone",
        },
    ]
}

/// Headers as they arrive behind a proxy.
pub(super) fn headers(content_type: &str) -> Vec<(String, String)> {
    [
        ("host", "hooks.example.com"),
        ("user-agent", "provider-hooks/2.0"),
        ("accept", "*/*"),
        ("content-type", content_type),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn json_value(body: &[u8]) -> usize {
    serde_json::from_slice::<Value>(body)
        .map_or(0, |value| black_box(value).as_object().map_or(0, |o| o.len()))
}

fn form_pairs(body: &[u8]) -> usize {
    tributary_channels::web_form::urlencoded::pairs(body).map(black_box).count()
}

fn lossy(body: &[u8]) -> usize {
    black_box(String::from_utf8_lossy(body).into_owned()).len()
}

const MS: u64 = 1_772_331_120_000;

fn line_body(n: u64, events: u64) -> Vec<u8> {
    let event = |i: u64| {
        let m = n * events + i;
        format!(
            r#"{{"type":"message","message":{{"type":"text","id":"{id}","quoteToken":"q3Plxr4AgKd-bN4Wn_{m:020}-TpZ4Qe9x2Vw7yKs1","text":"請問 {m} 號今天幾點打烊？我想過去拿上次訂的鞋子。"}},"webhookEventId":"01HWEBHOOK{m:016}","deliveryContext":{{"isRedelivery":false}},"timestamp":{ms},"source":{{"type":"user","userId":"U{m:032x}"}},"replyToken":"{m:032x}","mode":"active"}}"#,
            id = 500_000_000_000_000_000 + m,
            ms = MS + m,
        )
    };
    let events: Vec<String> = (0..events).map(event).collect();
    format!(r#"{{"destination":"U00000000000000000000000000000b07","events":[{}]}}"#, events.join(","))
        .into_bytes()
}

fn messenger(n: u64) -> Vec<u8> {
    // Meta escapes everything beyond ASCII.
    format!(
        r#"{{"object":"page","entry":[{{"time":{ms},"id":"100000000000001","messaging":[{{"sender":{{"id":"{psid}"}},"recipient":{{"id":"100000000000001"}},"timestamp":{ms},"message":{{"mid":"m_{n:060}","text":"\u8acb\u554f {n} \u865f\u9084\u6709\u8ca8\u55ce\uff1f\u6211\u60f3\u8981\u5169\u96d9\u3002","nlp":{{"intents":[],"entities":{{}},"traits":{{}},"detected_locales":[{{"locale":"zh_TW","confidence":0.91}}]}}}}}}]}}]}}"#,
        ms = MS + n,
        psid = 7_000_000_000_000_000 + n,
    )
    .into_bytes()
}

fn payment(n: u64) -> Vec<u8> {
    let at = "2026-03-01T02:12:00.123Z";
    let amount = format!(r#"{{"amount":{},"currency":"USD"}}"#, 1_250 + n);
    let card = r#"{"bin":"411111","card_brand":"VISA","card_type":"DEBIT","exp_month":11,"exp_year":2029,"fingerprint":"FINGERPRINT1","last_4":"1111","prepaid_type":"NOT_PREPAID"}"#;
    let card_details = format!(
        r#"{{"status":"CAPTURED","entry_method":"EMV","cvv_status":"CVV_ACCEPTED","avs_status":"AVS_ACCEPTED","auth_result_code":"68aLBM","statement_description":"SHOP","card":{card},"card_payment_timeline":{{"authorized_at":"{at}","captured_at":"{at}"}}}}"#
    );
    let payment = format!(
        r#"{{"id":"PAYMENT{n:020}","status":"COMPLETED","created_at":"2026-03-01T02:11:58.016Z","updated_at":"{at}","location_id":"L8J2K4M6N8P0","order_id":"ORDER{n:020}","receipt_number":"R{n:04}","customer_id":"CUSTOMER{n:018}","buyer_email_address":"buyer{n}@example.com","amount_money":{amount},"total_money":{amount},"approved_money":{amount},"receipt_url":"https://shop.example/receipts/preview/{n:024}","source_type":"CARD","delay_action":"CANCEL","delay_duration":"PT168H","delayed_until":"2026-03-08T02:11:58.016Z","team_member_id":"TEAM1","version":{n},"version_token":"FfQhQJf9r3VSQIgyWBk1oqhIwiznLwVwJbVVA0bdyEv6o","application_details":{{"square_product":"SQUARE_POS","application_id":"APPLICATION1"}},"risk_evaluation":{{"created_at":"{at}","risk_level":"NORMAL"}},"card_details":{card_details}}}"#
    );
    format!(
        r#"{{"merchant_id":"MERCHANT1","location_id":"L8J2K4M6N8P0","type":"payment.updated","event_id":"6a8f5f28-54a1-4eb0-a98a-{n:012}","created_at":"{at}","data":{{"type":"payment","id":"PAYMENT{n:020}","object":{{"payment":{payment}}}}}}}"#
    )
    .into_bytes()
}

fn contact(n: u64) -> Vec<u8> {
    format!(
        "submission_id=s-{n}&your-name=%E9%99%B3%E7%BE%8E%E7%8E%B2&your-email=meiling{n}%40example.com&tel=09{phone:08}&\
         your-subject=Order+{n}&message=%E8%AB%8B%E5%95%8F%E9%80%99%E9%9B%99%E9%9E%8B%E9%82%84%E6%9C%89+38+%E8%99%9F%E5%97%8E\
         %EF%BC%9F&accept=1&utm_source=newsletter&utm_medium=email&utm_campaign=spring",
        phone = 10_000_000 + n,
    )
    .into_bytes()
}

/// As a web mail service sends it: two forms of the text, signed and checked on the way.
fn mail_body(n: u64) -> Vec<u8> {
    let text = "您好，請問我上週訂的鞋子什麼時候會到？訂單上寫三天內出貨，但是我還沒有收到通知。謝謝！\r\n";
    let html = "<div dir=3D\"ltr\">=E6=82=A8=E5=A5=BD=EF=BC=8C=E8=AB=8B=E5=95=8F</div>\r\n";
    let head = format!(
        "Return-Path: <mei{n}@example.com>\r\n\
         Received: from mail-{n}.example.com (mail-{n}.example.com [203.0.113.9])\r\n\tby mx.shop.example with ESMTPS id a{n}\r\n\
         \tfor <help@shop.example>; Sun, 1 Mar 2026 10:12:00 +0800\r\n\
         Authentication-Results: mx.shop.example; dkim=pass header.d=example.com;\r\n\tspf=pass smtp.mailfrom=example.com; \
         dmarc=pass header.from=example.com\r\n\
         DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=20230601;\r\n\tbh={sum}; b={sum}{sum}\r\n\
         MIME-Version: 1.0\r\nIn-Reply-To: <sent-{n}@shop.example>\r\nReferences: <first-{n}@example.com> <sent-{n}@shop.example>\r\n\
         From: =?UTF-8?B?6Zmz576O546y?= <mei{n}@example.com>\r\nTo: Help <help@shop.example>\r\n\
         Subject: =?UTF-8?B?6KuL5ZWP5oiR55qE6KiC5Zau?= {n}\r\nMessage-ID: <CA{n}@mail.example.com>\r\n\
         Date: Sun, 1 Mar 2026 10:12:00 +0800\r\nContent-Type: multipart/alternative; boundary=\"000000b{n}\"\r\n\r\n",
        sum = "dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZ",
    );
    let plain = format!(
        "--000000b{n}\r\nContent-Type: text/plain; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
        text.repeat(6)
    );
    let rest = 4_096_usize.saturating_sub(head.len() + plain.len() + 140);
    let html = format!(
        "--000000b{n}\r\nContent-Type: text/html; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n\
         --000000b{n}--\r\n",
        html.repeat(rest / html.len())
    );
    [head, plain, html].concat().into_bytes()
}
