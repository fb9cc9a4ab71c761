//! What people are told of the settings.

use crate::setup::{ACCOUNT, Setting, UPLOAD_KEY};

pub(super) static SETTINGS: &[Setting] = &[
    UPLOAD_KEY,
    ACCOUNT,
    Setting::optional("customer_number", "\"member\"", "what the buyer's CustomerNumber is")
        .default("it is not used"),
    Setting::optional("store", "\"7\"", "where all invoices are of one store"),
    Setting::optional("time_zone", "\"Asia/Taipei\"", "of the documents' times").default("\"Asia/Taipei\""),
];
