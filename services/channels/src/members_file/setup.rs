//! What people are told of the settings, besides those of all files.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::optional(
        "columns",
        "{ member = \"會員編號\", name = \"姓名\", phone = \"電話\" }",
        "word = the column's name; also email, birth_date, gender, address, language, tier, points, joined_at, \
         updated_at, store, consent, consent_email, consent_sms, consent_line, consent_post",
    )
    .default("columns carry the words themselves"),
    Setting::optional("consent_purpose", "\"marketing\"", "what consents are for").default("\"marketing\""),
    Setting::optional("yes", "[\"Y\", \"同意\"]", "words of consent").default("1 y yes true v 是 同意"),
    Setting::optional("no", "[\"N\"]", "words of refusal; empty is neither").default("0 n no false x 否 不同意"),
    Setting::optional("header", "false", "false: there is no line of names, columns are numbers from 1")
        .default("true")
        .with(&["columns = { member = 1, name = 2 }"]),
];
