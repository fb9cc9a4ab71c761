//! Sample posts for `channel trigger` and the conformance kit.

use crate::adapter::Sample;

const JSON: &str = "application/json";

pub(super) static SAMPLES: &[Sample] = &[
    Sample {
        name: "response",
        about: "a filled form with a ticked agreement",
        content_type: JSON,
        body: r#"{"event_id":"01SAMPLE{{n}}","event_type":"form_response","form_response":{"form_id":"lT4Z3j","token":"sample{{n}}","landed_at":"{{iso}}","submitted_at":"{{iso}}","hidden":{"utm_source":"{{source=line}}"},"answers":[{"type":"text","text":"{{name=陳美玲}}","field":{"id":"k6TP9oLGgHjl","type":"short_text","ref":"name"}},{"type":"email","email":"{{email=meiling@example.com}}","field":{"id":"SMEUb7VJz92Q","type":"email","ref":"email"}},{"type":"boolean","boolean":true,"field":{"id":"gFFf3xAkJKsr","type":"legal","ref":"agree"}}]}}"#,
    },
    Sample {
        name: "question",
        about: "a question with a phone number",
        content_type: JSON,
        body: r#"{"event_id":"01SAMPLEQ{{n}}","event_type":"form_response","form_response":{"form_id":"lT4Z3j","token":"sampleq{{n}}","landed_at":"{{iso}}","submitted_at":"{{iso}}","answers":[{"type":"phone_number","phone_number":"{{phone=+886928173654}}","field":{"id":"TpaXzTUX8Pe1","type":"phone_number","ref":"phone"}},{"type":"text","text":"{{text=請問週六有位子嗎？}}","field":{"id":"JwWggjAKtOkA","type":"long_text","ref":"message"}}]}}"#,
    },
    Sample {
        name: "rating",
        about: "a rating by somebody who is known by a hidden field",
        content_type: JSON,
        body: r#"{"event_id":"01SAMPLER{{n}}","event_type":"form_response","form_response":{"form_id":"lT4Z3j","token":"sampler{{n}}","landed_at":"{{iso}}","submitted_at":"{{iso}}","hidden":{"email":"{{email=meiling@example.com}}"},"answers":[{"type":"number","number":{{stars=5}},"field":{"id":"WOTdC00F8A3h","type":"rating","ref":"stars"}}]}}"#,
    },
];
