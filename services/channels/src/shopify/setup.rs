//! What people are told of the settings.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required("shop", "\"acme.myshopify.com\"", "the shop's own domain: Shopify admin > Settings > Domains"),
    Setting::required(
        "secret",
        "\"env:SHOPIFY_SECRET\"",
        "the app's client secret; for webhooks made in Settings > Notifications > Webhooks the key shown below them",
    )
    .secret(),
    Setting::optional("currency", "\"TWD\"", "of refunds of old API versions, which name none"),
];
