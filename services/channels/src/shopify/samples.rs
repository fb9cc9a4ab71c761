//! Sample webhooks; what they are follows from their bodies.

use crate::adapter::Sample;

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        name: "order",
        about: "an order that was paid",
        content_type: "application/json",
        body: r##"{"id":{{n}},"name":"#{{n}}","created_at":"{{iso}}","updated_at":"{{iso}}","processed_at":"{{iso}}","cancelled_at":null,"currency":"TWD","financial_status":"paid","fulfillment_status":null,"total_price":"{{total=1280}}","total_tax":"61","total_discounts":"0","source_name":"web","email":"{{email=mei@example.com}}","phone":null,"test":false,"customer":{"id":{{customer=207119551}},"email":"{{email=mei@example.com}}","phone":"{{phone=+886928173654}}","first_name":"{{first=美玲}}","last_name":"{{last=陳}}"},"line_items":[{"id":1,"sku":"A-100","quantity":2,"price":"640","total_discount":"0"}]}"##,
    },
    Sample {
        name: "refund",
        about: "money given back for an order",
        content_type: "application/json",
        body: r#"{"id":{{n}},"order_id":{{of=1}},"created_at":"{{iso}}","user_id":7,"refund_line_items":[],"transactions":[{"id":1,"kind":"refund","status":"success","amount":"{{total=120}}","currency":"TWD"}]}"#,
    },
    Sample {
        name: "customer",
        about: "a customer who takes news by e-mail",
        content_type: "application/json",
        body: r#"{"id":{{customer=207119551}},"orders_count":1,"created_at":"2026-01-01T00:00:00Z","updated_at":"{{iso}}","email":"{{email=mei@example.com}}","phone":"{{phone=+886928173654}}","first_name":"{{first=美玲}}","last_name":"{{last=陳}}","email_marketing_consent":{"state":"subscribed","opt_in_level":"single_opt_in","consent_updated_at":"{{iso}}"},"default_address":{"address1":"信義路五段 7 號","city":"台北市","country":"Taiwan"}}"#,
    },
];
