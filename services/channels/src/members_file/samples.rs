//! Sample lists whose columns carry the words of the mapping.

use crate::adapter::Sample;

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        name: "member",
        about: "one member with tier, points and consent",
        content_type: "text/csv",
        body: "member,name,phone,email,birth_date,tier,points,consent,joined_at\n\
               {{member=M0001}},{{name=陳美玲}},{{phone=0928-173-654}},{{email=mei@example.com}},1990-03-04,\
               {{tier=gold}},{{points=120}},yes,2020-05-06\n",
    },
    Sample {
        name: "withdrawn",
        about: "a member who no longer wants news by e-mail",
        content_type: "text/csv",
        body: "member,consent_email,updated_at\n{{member=M0001}},no,{{iso}}\n",
    },
    Sample {
        name: "bare",
        about: "a member of whom only the number is known",
        content_type: "text/csv",
        body: "member\nM{{n}}\n",
    },
];
