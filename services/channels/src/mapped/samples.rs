//! Sample payloads for `channel trigger` and the conformance kit: what the example of the README takes. A channel with other
//! settings keeps them as unrecognised, which says which setting does not fit.

use crate::adapter::Sample;

const JSON: &str = "application/json";

pub(super) static SAMPLES: &[Sample] = &[
    Sample {
        name: "ticket",
        about: "a question to a help desk",
        content_type: JSON,
        body: r#"{"event":"ticket.created","ticket":{"id":{{n}},"created_at":"{{iso}}","subject":"{{subject=退貨問題}}","description":"{{text=我想退貨}}","requester":{"name":"{{name=陳美玲}}","email":"{{email=meiling@example.com}}","phone":"{{phone=0912-345-678}}"}}}"#,
    },
    Sample {
        name: "paid",
        about: "a paid order of a shop",
        content_type: JSON,
        body: r#"{"event":"order.paid","order":{"number":"{{n}}","updated_at":"{{iso}}","paid_at":"{{iso}}","currency":"TWD","total":"{{total=1280}}","lines":[{"sku":"A1","quantity":2,"price":"{{total=1280}}"}],"customer":{"member":"{{member=M-10023}}","email":"{{email=meiling@example.com}}","name":"{{name=陳美玲}}"}}}"#,
    },
    Sample {
        name: "shipped",
        about: "an order on its way",
        content_type: JSON,
        body: r#"{"event":"order.shipped","order":{"number":"{{n}}","updated_at":"{{iso}}","tracking":"T{{n}}","customer":{"member":"{{member=M-10023}}","email":"{{email=meiling@example.com}}","name":"{{name=陳美玲}}"}}}"#,
    },
];
