//! Sample payloads for `channel trigger` and the conformance kit.

use crate::adapter::Sample;

const JSON: &str = "application/json";

pub(super) static SAMPLES: &[Sample] = &[
    Sample {
        name: "message",
        about: "a text message in a one-to-one chat",
        content_type: JSON,
        body: r#"{"destination":"U00000000000000000000000000000b07","events":[{"type":"message","mode":"active","timestamp":{{ms}},"source":{"type":"user","userId":"{{user=U000000000000000000000000000000a1}}"},"webhookEventId":"sample-{{n}}","deliveryContext":{"isRedelivery":false},"replyToken":"sample","message":{"id":"sample-{{n}}","type":"text","text":"{{text=請問今天幾點打烊？}}"}}]}"#,
    },
    Sample {
        name: "follow",
        about: "a person adds the account as a friend",
        content_type: JSON,
        body: r#"{"destination":"U00000000000000000000000000000b07","events":[{"type":"follow","mode":"active","timestamp":{{ms}},"source":{"type":"user","userId":"{{user=U000000000000000000000000000000a1}}"},"webhookEventId":"sample-{{n}}","deliveryContext":{"isRedelivery":false},"replyToken":"sample","follow":{"isUnblocked":false}}]}"#,
    },
    Sample {
        name: "unfollow",
        about: "a person blocks the account",
        content_type: JSON,
        body: r#"{"destination":"U00000000000000000000000000000b07","events":[{"type":"unfollow","mode":"active","timestamp":{{ms}},"source":{"type":"user","userId":"{{user=U000000000000000000000000000000a1}}"},"webhookEventId":"sample-{{n}}","deliveryContext":{"isRedelivery":false}}]}"#,
    },
    Sample {
        name: "postback",
        about: "a person taps a button of a rich menu",
        content_type: JSON,
        body: r#"{"destination":"U00000000000000000000000000000b07","events":[{"type":"postback","mode":"active","timestamp":{{ms}},"source":{"type":"user","userId":"{{user=U000000000000000000000000000000a1}}"},"webhookEventId":"sample-{{n}}","deliveryContext":{"isRedelivery":false},"replyToken":"sample","postback":{"data":"{{data=menu=coupons}}"}}]}"#,
    },
    Sample {
        name: "unsend",
        about: "a person takes a message back; its text must go",
        content_type: JSON,
        body: r#"{"destination":"U00000000000000000000000000000b07","events":[{"type":"unsend","mode":"active","timestamp":{{ms}},"source":{"type":"user","userId":"{{user=U000000000000000000000000000000a1}}"},"webhookEventId":"sample-{{n}}","deliveryContext":{"isRedelivery":false},"unsend":{"messageId":"{{message=sample-1}}"}}]}"#,
    },
    Sample {
        name: "account_link",
        about: "a person proves which member account is theirs",
        content_type: JSON,
        body: r#"{"destination":"U00000000000000000000000000000b07","events":[{"type":"accountLink","mode":"active","timestamp":{{ms}},"source":{"type":"user","userId":"{{user=U000000000000000000000000000000a1}}"},"webhookEventId":"sample-{{n}}","deliveryContext":{"isRedelivery":false},"replyToken":"sample","link":{"result":"ok","nonce":"{{nonce=sample-nonce}}"}}]}"#,
    },
];
