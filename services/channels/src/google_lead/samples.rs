//! Sample posts for `channel trigger` and the conformance kit; the key is added as a signature would be.

use crate::adapter::Sample;

const JSON: &str = "application/json";

pub(super) static SAMPLES: &[Sample] = &[
    Sample {
        name: "lead",
        about: "a lead with name, phone and e-mail",
        content_type: JSON,
        body: r#"{"lead_id":"sample-{{n}}","api_version":"1.0","form_id":40000000001,"campaign_id":123456789,"gcl_id":"sample-click-{{n}}","is_test":false,"lead_submit_time":"{{iso}}","user_column_data":[{"column_id":"FULL_NAME","string_value":"{{name=陳美玲}}"},{"column_id":"PHONE_NUMBER","string_value":"{{phone=+886928173654}}"},{"column_id":"EMAIL","string_value":"{{email=meiling@example.com}}"}]}"#,
    },
    Sample {
        name: "test-lead",
        about: "what the button of the form's settings sends; kept, and nobody's",
        content_type: JSON,
        body: r#"{"lead_id":"sample-test-{{n}}","api_version":"1.0","form_id":40000000001,"campaign_id":0,"is_test":true,"user_column_data":[{"column_id":"FULL_NAME","string_value":"FirstName LastName"},{"column_id":"EMAIL","string_value":"test@example.com"}]}"#,
    },
    Sample {
        name: "own-questions",
        about: "a lead with a question of your own and a work address",
        content_type: JSON,
        body: r#"{"lead_id":"sample-own-{{n}}","api_version":"1.0","form_id":40000000001,"campaign_id":123456789,"is_test":false,"user_column_data":[{"column_id":"WORK_EMAIL","string_value":"{{email=meiling@example.com}}"},{"column_id":"which_store","column_name":"Which store?","string_value":"{{store=台北店}}"}]}"#,
    },
];
