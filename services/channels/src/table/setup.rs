//! What people are told of the settings that kinds of files share.

use crate::setup::{ACCOUNT, Setting, UPLOAD_KEY};

/// Who may upload and whose the file is.
pub(crate) static DOOR: &[Setting] = &[UPLOAD_KEY, ACCOUNT];

/// How a file's text is laid out, and how its times are written.
pub(crate) static LAYOUT: &[Setting] = &[
    Setting::optional(
        "charset",
        "\"big5\"",
        "\"utf-8\", \"big5\" or \"gb18030\"; a byte-order mark counts more",
    )
    .default("\"utf-8\""),
    Setting::optional("delimiter", "\"tab\"", "one ASCII character, \"tab\", or \"space\" for runs of them")
        .default("\",\""),
    Setting::optional("sheet", "\"Sales\"", "of a workbook").default("the first"),
    Setting::optional("time_zone", "\"Asia/Taipei\"", "of the file's times").default("the hub's"),
    Setting::optional(
        "date_format",
        "[\"roc\"]",
        "\"roc\", \"unix\", \"unix_ms\" or strptime patterns, of which the first that fits counts",
    )
    .default("ISO 8601 and 20260301"),
    Setting::optional("day_starts", "\"05:00\"", "what happens before belongs to the day before"),
    Setting::optional(
        "date_is",
        "\"business\"",
        "the file's dates are business days, not the \"calendar\"'s",
    )
    .default("\"calendar\"")
    .with(&["day_starts"]),
];

/// Of files in which every row stands for itself.
pub(crate) static ROWS: &[Setting] = &[Setting::optional(
    "supersede",
    "\"never\"",
    "\"upload_time\": a list that is sent again corrects the one before",
)
.default("\"upload_time\"")];
