//! Sample webhooks.

use crate::adapter::Sample;

const TYPE: &str = "application/json";

/// The samples of this kind.
pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "message",
        about: "a Messenger message",
        content_type: TYPE,
        body: r#"{"object":"page","entry":[{"id":"{{page=100000000000001}}","time":{{ms}},"messaging":[{"sender":{"id":"{{psid=7000000000000001}}"},"recipient":{"id":"{{page=100000000000001}}"},"timestamp":{{ms}},"message":{"mid":"m_sample{{n}}","text":"{{text=請問還有貨嗎？}}"}}]}]}"#,
    },
    Sample {
        name: "echo",
        about: "the page's own answer",
        content_type: TYPE,
        body: r#"{"object":"page","entry":[{"id":"{{page=100000000000001}}","time":{{ms}},"messaging":[{"sender":{"id":"{{page=100000000000001}}"},"recipient":{"id":"{{psid=7000000000000001}}"},"timestamp":{{ms}},"message":{"mid":"m_sample_echo{{n}}","is_echo":true,"text":"{{text=有的！}}"}}]}]}"#,
    },
    Sample {
        name: "comment",
        about: "a comment under a post of the page",
        content_type: TYPE,
        body: r#"{"object":"page","entry":[{"id":"{{page=100000000000001}}","time":{{s}},"changes":[{"field":"feed","value":{"item":"comment","verb":"add","comment_id":"555_{{n}}","post_id":"{{page=100000000000001}}_555","from":{"id":"{{person=7000000000000002}}","name":"{{from_name=Mei-Ling}}"},"created_time":{{s}},"message":"{{text=好漂亮！}}"}}]}]}"#,
    },
    Sample {
        name: "instagram-comment",
        about: "a comment under an Instagram post",
        content_type: TYPE,
        body: r#"{"object":"instagram","entry":[{"id":"{{account=17840000000000001}}","time":{{s}},"changes":[{"field":"comments","value":{"id":"178{{n}}","text":"{{text=想要}}","from":{"id":"{{person=7000000000000003}}","username":"{{username=meiling}}"},"media":{"id":"17900000000000001"}}}]}]}"#,
    },
];
