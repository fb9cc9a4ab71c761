//! What people are told of the settings.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required(
        "page",
        "\"100000000000001\"",
        "the page's id, whose words are our own: Facebook page > About > Page transparency",
    ),
    Setting::required(
        "app_secret",
        "\"env:META_APP_SECRET\"",
        "signs every webhook: Meta for Developers > app > App settings > Basic > App secret",
    )
    .secret(),
    Setting::required(
        "verify_token",
        "\"env:META_VERIFY_TOKEN\"",
        "a word of your own, typed into Meta for Developers > app > Webhooks > Verify token",
    )
    .secret(),
];
