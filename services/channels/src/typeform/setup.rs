//! What people are told of the settings, besides those of all forms.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[Setting::required(
    "secret",
    "\"env:TYPEFORM_SECRET\"",
    "signs every response: Typeform > form > Connect > Webhooks > Edit > Secret, a word of your own",
)
.secret()];
