//! What people are told of the settings.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required(
        "provider",
        "\"1234567890\"",
        "scope of all user ids: LINE Developers console, the number in the address of the provider's page",
    ),
    Setting::required(
        "secret",
        "\"env:LINE_CHANNEL_SECRET\"",
        "signs every webhook: LINE Developers console > channel > Basic settings > Channel secret",
    )
    .secret(),
    Setting::optional("fetch_profile", "true", "ask LINE for name, picture and language of who acts")
        .default("false")
        .with(&["access_token"]),
    Setting::required(
        "access_token",
        "\"env:LINE_ACCESS_TOKEN\"",
        "LINE Developers console > channel > Messaging API > Channel access token (long-lived); with it `channel check` asks LINE too",
    )
    .secret()
    .with(&["fetch_profile"]),
    Setting::optional("profile_url", "\"https://api.line.me\"", "where the Messaging API is, for tests")
        .default("\"https://api.line.me\""),
    Setting::optional(
        "login_channel",
        "\"1650000000\"",
        "takes id tokens as proofs: Channel ID of the LINE Login channel of the same provider, Basic settings",
    ),
    Setting::optional(
        "login_secret",
        "\"env:LINE_LOGIN_SECRET\"",
        "signs the id tokens of web logins: Channel secret of the LINE Login channel, Basic settings",
    )
    .secret()
    .with(&["login_channel"]),
    Setting::optional(
        "login_keys",
        "\"https://api.line.me/oauth2/v2.1/certs\"",
        "keys of the tokens of apps and LIFF: an address, or \"file:PATH\" of a JWKS",
    )
    .default("\"https://api.line.me/oauth2/v2.1/certs\"")
    .with(&["login_channel"]),
];
