//! What people are told of the settings.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required(
        "merchant",
        "\"MLQ3EXAMPLE\"",
        "`merchant_id` of any notification, such as a test one of the console",
    ),
    Setting::required(
        "signature_key",
        "\"env:SQUARE_SIGNATURE_KEY\"",
        "Square Developer Console > app > Webhooks > Subscriptions > Signature key",
    )
    .secret(),
    Setting::optional(
        "notification_url",
        "\"https://hooks.example.com/in/square\"",
        "the address exactly as it is entered at Square: the signature covers it",
    )
    .default("[hub] public_url with /in/NAME"),
];
