//! What people are told of the settings, besides those of all forms.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[Setting::required(
    "key",
    "\"env:GOOGLE_LEAD_KEY\"",
    "Google Ads > lead form asset > Lead delivery > Webhook integration > Key, a word of your own",
)
.secret()];
