//! Sample events for `channel trigger` and the conformance kit.

use super::{BATCH, STRUCTURED};
use crate::adapter::Sample;

pub(super) static SAMPLES: &[Sample] = &[
    Sample {
        name: "purchase",
        about: "a sale at a till to a member",
        content_type: STRUCTURED,
        body: r#"{"specversion":"1.0","id":"sample-{{n}}","source":"/tills/2","type":"tributary.v1.purchase.completed","time":"{{iso}}","data":{"key":"{{store=store7}}/till2/{{n}}","identifiers":[{"type":"member","value":"{{member=M-10023}}","trust":"verified"},{"type":"phone","value":"{{phone=0912-111-222}}"}],"profile":{"name":"{{name=陳美玲}}"},"purchase":{"currency":"TWD","total":"{{total=500}}","store":"{{store=store7}}","lines":[{"sku":"A1","quantity":1,"amount":"{{total=500}}"}]}}}"#,
    },
    Sample {
        name: "message",
        about: "a chat message from another system",
        content_type: STRUCTURED,
        body: r#"{"specversion":"1.0","id":"sample-{{n}}","source":"/chat","type":"tributary.v1.message.received","time":"{{iso}}","data":{"identifiers":[{"type":"email","value":"{{email=meiling@example.com}}"}],"message":{"text":"{{text=有現貨嗎？}}","thread":"chat-7"}}}"#,
    },
    Sample {
        name: "batch",
        about: "a shipped order and a withdrawn consent in one request",
        content_type: BATCH,
        body: r#"[{"specversion":"1.0","id":"sample-{{n}}-order","source":"/shop","type":"tributary.v1.order.changed","time":"{{iso}}","data":{"key":"order/{{n}}","revision":{{ms}},"identifiers":[{"type":"email","value":"{{email=meiling@example.com}}"}],"order":{"number":"{{n}}","state":"shipped","carrier":"7-ELEVEN"}}},{"specversion":"1.0","id":"sample-{{n}}-consent","source":"/shop","type":"tributary.v1.consent.changed","time":"{{iso}}","data":{"identifiers":[{"type":"email","value":"{{email=meiling@example.com}}"}],"consent":{"purpose":"marketing","channel":"email","granted":false,"method":"unsubscribe_link"}}}]"#,
    },
    Sample {
        name: "activity",
        about: "a type of your own: it stands on the timeline",
        content_type: STRUCTURED,
        body: r#"{"specversion":"1.0","id":"sample-{{n}}","source":"/lessons","type":"com.example.lesson.attended","time":"{{iso}}","data":{"identifiers":[{"type":"member","value":"{{member=M-10023}}"}],"lesson":"pottery","minutes":90}}"#,
    },
];
