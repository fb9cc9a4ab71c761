//! Sample notifications in Square's form.

use crate::adapter::Sample;

const JSON: &str = "application/json";

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        name: "payment",
        about: "a completed card payment of a known customer",
        content_type: JSON,
        body: r#"{"merchant_id":"{{merchant=MERCHANT1}}","type":"payment.updated","event_id":"ev-{{n}}","created_at":"{{iso}}","data":{"type":"payment","id":"pay-{{n}}","object":{"payment":{"id":"pay-{{n}}","status":"COMPLETED","created_at":"{{iso}}","updated_at":"{{iso}}","location_id":"{{store=L1}}","order_id":"order-{{n}}","receipt_number":"r{{n}}","customer_id":"{{customer=CUST1}}","buyer_email_address":"{{email=mei@example.com}}","total_money":{"amount":1250,"currency":"USD"}}}}}"#,
    },
    Sample {
        name: "refund",
        about: "a completed refund",
        content_type: JSON,
        body: r#"{"merchant_id":"{{merchant=MERCHANT1}}","type":"refund.updated","event_id":"ev-{{n}}","created_at":"{{iso}}","data":{"type":"refund","id":"ref-{{n}}","object":{"refund":{"id":"ref-{{n}}","payment_id":"{{payment=pay-1}}","status":"COMPLETED","created_at":"{{iso}}","updated_at":"{{iso}}","location_id":"{{store=L1}}","amount_money":{"amount":500,"currency":"USD"}}}}}"#,
    },
    Sample {
        name: "customer",
        about: "a new customer of the directory",
        content_type: JSON,
        body: r#"{"merchant_id":"{{merchant=MERCHANT1}}","type":"customer.created","event_id":"ev-{{n}}","created_at":"{{iso}}","data":{"type":"customer","id":"{{customer=CUST1}}","object":{"customer":{"id":"{{customer=CUST1}}","version":0,"created_at":"{{iso}}","updated_at":"{{iso}}","given_name":"{{given=美玲}}","family_name":"{{family=陳}}","email_address":"{{email=mei@example.com}}","phone_number":"{{phone=+886912345678}}"}}}}"#,
    },
    Sample {
        name: "loyalty",
        about: "a loyalty account that was opened with a phone number",
        content_type: JSON,
        body: r#"{"merchant_id":"{{merchant=MERCHANT1}}","type":"loyalty.account.created","event_id":"ev-{{n}}","created_at":"{{iso}}","data":{"type":"loyalty_account","id":"loy-{{n}}","object":{"loyalty_account":{"id":"loy-{{n}}","customer_id":"{{customer=CUST1}}","created_at":"{{iso}}","updated_at":"{{iso}}","mapping":{"phone_number":"{{phone=+886912345678}}"}}}}}"#,
    },
];
