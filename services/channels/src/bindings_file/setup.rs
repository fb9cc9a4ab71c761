//! What people are told of the settings, besides those of all files.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required(
        "provider",
        "\"1234567890\"",
        "as in the `line` channel: the accounts are this provider's",
    ),
    Setting::optional(
        "columns",
        "{ member = \"會員編號\", line = \"LINE UID\", bound_at = \"綁定時間\" }",
        "word = the column's name; also proof, store",
    )
    .default("columns carry the words themselves"),
    Setting::optional("proofs", "[\"login\", \"otp\"]", "values of `proof` that prove the binding")
        .default("account_link line_login liff login otp"),
    Setting::optional("header", "false", "false: there is no line of names, columns are numbers from 1")
        .default("true")
        .with(&["columns = { member = 1, line = 2, bound_at = 3 }"]),
];
