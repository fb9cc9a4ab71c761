//! What people are told of the settings.

use crate::setup::Setting;

/// Of all forms, whoever posts them.
pub(crate) static COMMON: &[Setting] = &[
    Setting::required("form", "\"contact\"", "the form's name and the channel's account; yours to choose"),
    Setting::optional(
        "fields",
        "{ name = \"your-name\", email = \"your-email\", phone = [\"tel\", \"mobile\"] }",
        "meaning = field, or fields of which the first that is filled in counts; consent_PURPOSE = checkbox",
    ),
    Setting::optional("consent_channel", "\"email\"", "what the consent checkboxes are for")
        .default("\"email\""),
    Setting::optional(
        "consent_text",
        "\"I agree to receive offers (v3)\"",
        "the text beside the checkboxes, whose SHA-256 stands in every consent; or { v3 = \"text\" } by version",
    ),
    Setting::optional("consent_version", "\"terms\"", "field that says which version of the text was shown")
        .with(&["consent_text = { v3 = \"I agree to receive offers\" }"]),
];

/// Of forms that browsers and scripts post.
pub(super) static SETTINGS: &[Setting] = &[
    Setting::optional(
        "token",
        "\"env:FORM_TOKEN\"",
        "what posts carry as x-form-token; without it anybody may post",
    )
    .secret(),
    Setting::optional("token_field", "\"t\"", "field that may hold the token instead of the header")
        .with(&["token"]),
    Setting::optional("submission_id", "\"submission_id\"", "field with an id that the page makes")
        .default("equal posts of a minute are one"),
    Setting::optional(
        "honeypot",
        "\"website\"",
        "field, or fields, that people do not see: filled in = spam",
    ),
    Setting::optional("test", "\"is_test\"", "field that is true for test posts"),
    Setting::optional(
        "redirect",
        "\"_next\"",
        "field that names where the browser goes on, only to one of `thanks`",
    ),
    Setting::optional(
        "thanks",
        "[\"https://www.example.com/thanks\"]",
        "where browsers go on (303), never elsewhere",
    ),
    Setting::optional(
        "origins",
        "[\"https://www.example.com\"]",
        "pages whose scripts may post and read the answer",
    ),
    Setting::optional("charset", "\"big5\"", "of pages that do not say theirs").default("\"utf-8\""),
    Setting::optional("site", "\"www.example.com\"", "scope of cookies"),
    Setting::optional(
        "landing",
        "\"page\"",
        "field with the page's address, whose query holds utm_source, gclid and the like",
    ),
    Setting::optional(
        "rate",
        "20",
        "posts a minute from one address: more are spam, ten times as many get 429; needs [hub] trusted_proxies",
    ),
    Setting::optional("rate_in_all", "600", "posts a minute from everybody; more get 429"),
];
