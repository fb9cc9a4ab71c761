//! Sample lists whose columns carry the words of the mapping.

use crate::adapter::Sample;

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        name: "proven",
        about: "an account that its owner logged in with",
        content_type: "text/csv",
        body: "member,line,bound_at,proof\n\
               {{member=M0001}},{{line=U00000000000000000000000000000001}},2024-05-06 10:12,login\n",
    },
    Sample {
        name: "told",
        about: "an account that staff typed for a member",
        content_type: "text/csv",
        body: "member,line,bound_at,proof\n\
               {{member=M0001}},{{line=U00000000000000000000000000000002}},2024-05-06 10:12,staff\n",
    },
    Sample {
        name: "at-a-store",
        about: "a binding made at a store, time with its zone",
        content_type: "text/csv",
        body: "member,line,bound_at,proof,store\nM{{n}},U00000000000000000000000000000003,{{iso}},otp,{{store=7}}\n",
    },
];
