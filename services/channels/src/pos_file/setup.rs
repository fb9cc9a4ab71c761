//! What people are told of the settings, besides those of all files.

use crate::setup::Setting;

/// Columns by number, where no header names them.
const NUMBERED: &str = "columns = { receipt = 1, date = 2, total = 3 }";
/// Heads and details in one file.
const TYPED: &str =
    "columns = { record_type = \"類別\", receipt = \"單號\", date = \"日期\", total = \"金額\" }";

pub(super) static SETTINGS: &[Setting] = &[
    Setting::optional(
        "columns",
        "{ receipt = \"單號\", store = \"門市\", date = \"日期\", total = \"金額\", member = \"會員\" }",
        "word = the column's name, its number, or a path inside a JSON object; words: receipt, store, register, time, \
         date, total, currency, tax, discount, points_used, member, phone, email, carrier, name, sku, quantity, amount, \
         unit_price, line_no, invoice, refund_of, void, revision, record_type, cashier",
    )
    .default("columns carry the words themselves"),
    Setting::optional("detail_columns", "{ receipt = \"單號\", amount = \"小計\" }", "of details").default("`columns`"),
    Setting::optional("format", "\"csv\"", "\"csv\" or \"jsonl\"").default("by media type and first character"),
    Setting::optional("header", "false", "false: there is no line of names, columns are numbers from 1")
        .default("true")
        .with(&[NUMBERED]),
    Setting::optional("currency", "\"TWD\"", "where no column says it").default("\"TWD\""),
    Setting::optional("store", "\"7\"", "where no column says it"),
    Setting::optional(
        "fact_key",
        "\"{store}/{date}/{receipt}\"",
        "a receipt's name; also {register}, {invoice}, {line_no}, {hash}",
    )
    .default("store, register and receipt"),
    Setting::optional("row", "\"line\"", "a row is a \"receipt\" or one \"line\" of it").default("\"receipt\""),
    Setting::optional("cancel_prefix", "\"C\"", "receipts that begin so are refunds"),
    Setting::optional("void_values", "[\"1\", \"作廢\"]", "values of `void` that take a receipt back")
        .default("1 y yes true v void 作廢 已作廢"),
    Setting::optional("member_trust", "\"claimed\"", "\"verified\": a member number at the till is a card that was read")
        .default("\"verified\""),
    Setting::optional("supersede", "\"upload_time\"", "\"upload_time\": every upload corrects all its rows")
        .default("\"never\""),
    Setting::required("head", "\"H\"", "value of `record_type` in a receipt's first row").with(&["detail", TYPED]),
    Setting::required("detail", "\"D\"", "and in the rows of its lines").with(&["head", TYPED]),
    Setting::optional("ignore", "[\"X\"]", "and in rows to leave out").with(&["head"]),
    Setting::optional(
        "pair",
        "[\"-head\", \"-detail\"]",
        "heads and details come in two files: the texts in which their names differ",
    )
    .with(&["columns", "detail_columns"]),
    Setting::optional("control", "\"T\"", "how the row begins that says what the file holds")
        .with(&["control_columns"]),
    Setting::required("control_columns", "{ receipts = 2, total = 3 }", "rows, receipts, total = column's number from 1")
        .with(&["control"]),
    Setting::optional("lines", "\"items\"", "path of the list of lines inside a JSON object"),
];
