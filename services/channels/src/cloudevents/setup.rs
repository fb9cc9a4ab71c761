//! What people are told of the settings.

use crate::setup::{ACCOUNT, Setting};

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required(
        "key",
        "\"env:ERP_KEY\"",
        "what posts carry as `Authorization: Bearer`; yours to make up",
    )
    .secret(),
    ACCOUNT,
];
