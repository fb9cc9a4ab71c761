//! Rows of JSON lines. Numbers stay text, as the source wrote them: `29.330` has three decimal places.

use super::{
    columns::{Column, Mapping, Values},
    config::Config,
    sheet::{Read, Row, Span, Wrong, put},
};
use crate::table::{Record, Text};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Lines one JSON object may hold; more than a receipt may have is refused there with a better message.
const ITEMS_MAX: usize = 10_000;

type Object<'j> = BTreeMap<String, &'j RawValue>;

/// Adds the row of this line, or one row for each element of its array of lines.
pub(super) fn rows(
    config: &Config,
    text: &Text<'_>,
    span: Span,
    record: Record<'_>,
    out: &mut Vec<Row>,
) -> Result<Read, Wrong> {
    let line = text.decode(record.bytes);
    let object = object(&line).ok_or(("malformed_json", "is not a JSON object".to_owned()))?;
    let charset = text.charset.name();
    let has_lines = !config.lines.is_empty();
    let mut values = Values::default();
    fill(&mut values, &config.columns, |c| !(has_lines && c.is_of_line()), &object, charset)?;
    let is_detail = match &config.records {
        None => false,
        Some(types) => {
            let kind = values.get(Column::RecordType).to_owned();
            if types.ignore.contains(&kind) {
                return Ok(Read::Ignored);
            }
            if kind != types.detail && kind != types.head {
                return Err(("bad_row", "record_type is none of the configured ones".to_owned()));
            }
            kind == types.detail
        }
    };
    if is_detail {
        values = Values::default();
        fill(&mut values, &config.detail_columns, |_| true, &object, charset)?;
    }
    let row = |(number, values)| Row { line: record.line, span: span.item(number), values, is_detail };
    let items = match find(&object, &config.lines) {
        Some(items) if has_lines => items,
        _ => {
            out.push(row((0, values)));
            return Ok(Read::Rows);
        }
    };
    let not_lines =
        || ("bad_row", format!("{} is not an array of at most {ITEMS_MAX} objects", config.lines));
    let items: Vec<Object<'_>> = serde_json::from_str(items.get()).map_err(|_| not_lines())?;
    if items.len() > ITEMS_MAX {
        return Err(not_lines());
    }
    if items.is_empty() {
        out.push(row((0, values)));
        return Ok(Read::Rows);
    }
    let with = |item: Object<'_>| {
        let mut all = values.clone();
        fill(&mut all, &config.columns, Column::is_of_line, &item, charset)?;
        Ok(all)
    };
    let all: Vec<Values> = items.into_iter().map(with).collect::<Result<_, Wrong>>()?;
    out.extend(all.into_iter().enumerate().map(row));
    Ok(Read::Rows)
}

fn object(text: &str) -> Option<Object<'_>> {
    serde_json::from_str(text).ok()
}

fn fill(
    values: &mut Values,
    mapping: &Mapping,
    wanted: impl Fn(Column) -> bool,
    object: &Object<'_>,
    charset: &str,
) -> Result<(), Wrong> {
    for (column, path) in mapping.names().iter().filter(|(column, _)| wanted(*column)) {
        let Some(value) = find(object, path) else { continue };
        let text = scalar(value.get())
            .ok_or_else(|| ("bad_row", format!("{} is not a single value", column.word())))?;
        put(values, *column, &text, charset)?;
    }
    Ok(())
}

/// The value at a path: the whole path as one key, or its parts one inside the other.
fn find<'j>(object: &Object<'j>, path: &str) -> Option<&'j RawValue> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    find(&self::object(object.get(first)?.get())?, rest)
}

fn scalar(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'{' | b'[' => None,
        b'n' => Some(String::new()),
        _ => Some(json.to_owned()),
    }
}
