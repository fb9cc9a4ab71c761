//! Sample posts for `channel trigger` and the conformance kit. Field names are those of Contact Form 7.

use crate::adapter::Sample;

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) static SAMPLES: &[Sample] = &[
    Sample {
        name: "contact",
        about: "a contact form as a browser posts it",
        content_type: FORM,
        body: "submission_id=sample-{{n}}&your-name={{name=陳美玲}}&your-email={{email=meiling@example.com}}&tel={{phone=0928-173-654}}&message={{text=Is table 4 free?}}",
    },
    Sample {
        name: "newsletter",
        about: "a sign-up with a ticked checkbox",
        content_type: FORM,
        body: "submission_id=sample-{{n}}&your-email={{email=meiling@example.com}}&accept=1",
    },
    Sample {
        name: "json",
        about: "a form posted by a script",
        content_type: "application/json",
        body: r#"{"submission_id":"sample-{{n}}","your-name":"{{name=王小明}}","tel":"{{phone=0922-333-444}}","message":"{{text=想預約週六}}"}"#,
    },
];
