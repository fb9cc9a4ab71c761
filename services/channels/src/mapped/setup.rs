//! What people are told of the settings.

use crate::setup::{ACCOUNT, Setting};

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required(
        "signature",
        "\"hmac-sha256\"",
        "how posts are proven: \"hmac-sha256\", \"hmac-sha1\", \"token\", \"basic\" or \"none\", as the source's pages say",
    ),
    Setting::required(
        "secret",
        "\"env:SHOP_SECRET\"",
        "the webhook's secret at the source: it signs, or is the token or password",
    )
    .secret()
    .unless("`signature = \"none\"`"),
    Setting::required("header", "\"x-shop-signature\"", "header of the signature or token")
        .unless("`signature = \"basic\"` or `\"none\"`"),
    Setting::required("user", "\"shop\"", "user name of basic authentication")
        .with(&["signature = \"basic\""]),
    Setting::optional("prefix", "\"sha256=\"", "what stands before the signature or token"),
    Setting::optional("encoding", "\"base64\"", "of the signature: \"hex\" or \"base64\"").default("\"hex\""),
    Setting::optional("secret_encoding", "\"base64\"", "of the secret: \"text\" or \"base64\"")
        .default("\"text\""),
    Setting::optional("signed", "\"{url}{body}\"", "what is signed; also {timestamp} and {name-of-a-header}")
        .default("\"{body}\""),
    Setting::optional(
        "public_url",
        "\"https://hooks.example.com/in/shop\"",
        "the address as the source signs it",
    )
    .default("[hub] public_url with /in/NAME"),
    Setting::optional("timestamp_header", "\"x-shop-time\"", "header of the time stamp that is signed")
        .with(&["signed = \"{timestamp}.{body}\""]),
    Setting::optional("timestamp_prefix", "\"t=\"", "what stands before it").with(&["timestamp_header"]),
    Setting::optional("tolerance", "300", "seconds that the time stamp may be off").default("300"),
    Setting::optional("format", "\"json\"", "\"json\" or \"form\"").default("by content type"),
    Setting::optional(
        "headers",
        "[\"x-shop-topic\"]",
        "headers that expressions may read as header[\"x-shop-topic\"]",
    ),
    Setting::optional(
        "for_each",
        "\"payload.orders\"",
        "path of a list whose elements are facts of their own: `item`",
    ),
    Setting::optional("time_formats", "[\"%d.%m.%Y\"]", "of local_time()").default("ISO 8601"),
    ACCOUNT,
    Setting::required(
        "events",
        "[{ type = \"message\", key = 'string(payload.id)', message = { text = 'payload.text' } }]",
        "what a payload states, written [[channels.NAME.events]]: type, key, when, time, identifiers, profile and a body",
    ),
];
