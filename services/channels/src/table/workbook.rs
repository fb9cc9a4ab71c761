//! Excel workbooks (.xlsx) as separated values, so that everything behind is the same for both. Cells are read one after
//! the other; whatever a workbook claims about its size is not believed.
//!
//! Absent: formulas (their stored results count), merged cells, and the older .xls.

use super::layout::Delimiter;
use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx};
use std::{
    io::{Cursor, Read as _},
    panic::{AssertUnwindSafe, catch_unwind},
};
use zip::ZipArchive;

/// Bytes that all parts of a workbook may come to when they are unpacked: some two million cells.
const UNPACKED_MAX: u64 = 64 * 1024 * 1024;
/// Parts that a workbook may have; those of tills have a dozen.
const PARTS_MAX: usize = 500;
/// Columns that are read; a cell further to the right is an error.
const COLUMNS_MAX: u32 = 500;
/// Rows that are read, empty ones too: Excel's own limit.
const ROWS_MAX: u32 = 1_048_576;
/// Whole numbers from here on have lost digits in Excel, which keeps fifteen.
const EXACT_BELOW: f64 = 1e15;

/// Whether this is a zip archive, as workbooks are.
#[must_use]
pub fn is_workbook(body: &[u8]) -> bool {
    body.starts_with(b"PK\x03\x04")
}

/// The rows of a sheet as separated values in UTF-8, the line of a row being its number in the sheet. An empty `sheet` is
/// the first one.
///
/// # Errors
/// What is wrong with the workbook, without a value of it.
pub fn separated(body: &[u8], sheet: &str, delimiter: Delimiter) -> Result<Vec<u8>, String> {
    let Delimiter::Byte(delimiter) = delimiter else {
        return Err("a workbook needs a delimiter that is one character".to_owned());
    };
    // The reader's authors promise nothing about hostile bytes.
    let read = catch_unwind(AssertUnwindSafe(|| {
        unpacks(body)?;
        cells(body, sheet, char::from(delimiter))
    }));
    read.unwrap_or_else(|_| Err("the workbook cannot be read".to_owned()))
}

/// Unpacks every part once and counts, because the sizes in an archive are claims.
fn unpacks(body: &[u8]) -> Result<(), String> {
    let broken = |_| "the workbook is no whole archive".to_owned();
    let mut archive = ZipArchive::new(Cursor::new(body)).map_err(broken)?;
    if archive.len() > PARTS_MAX {
        return Err(format!("the workbook has more than {PARTS_MAX} parts"));
    }
    let mut left = UNPACKED_MAX;
    let mut part = Vec::new();
    for number in 0..archive.len() {
        part.clear();
        let file = archive.by_index(number).map_err(broken)?;
        let bytes =
            file.take(left + 1).read_to_end(&mut part).map_err(|_| "a part of the workbook is damaged")?;
        left = left.checked_sub(bytes as u64).ok_or_else(|| {
            format!("the workbook unpacks to more than {} MiB", UNPACKED_MAX / (1024 * 1024))
        })?;
        if claims_too_much(&part) {
            return Err("the workbook claims more texts than it has".to_owned());
        }
    }
    Ok(())
}

/// The reader makes room for as many texts as `uniqueCount` says before it has seen one. Anything but plain UTF-8 could
/// hide the word.
fn claims_too_much(part: &[u8]) -> bool {
    const WORD: &[u8] = b"uniqueCount";
    let start = part.get(..part.len().min(256)).unwrap_or_default();
    let is_xml = start.trim_ascii_start().first().is_some_and(|b| matches!(b, b'<' | 0xef | 0xfe | 0xff | 0));
    if !is_xml {
        return false;
    }
    let lower = start.to_ascii_lowercase();
    let declares = lower.windows(9).position(|w| w == b"encoding=").map(|at| lower.get(at + 10..at + 15));
    if start.contains(&0) || declares.is_some_and(|label| label != Some(b"utf-8")) {
        return true;
    }
    let mut rest = part;
    while let Some(at) = rest.windows(WORD.len()).position(|w| w == WORD) {
        rest = rest.get(at + WORD.len()..).unwrap_or_default();
        let digits: Vec<u8> = rest
            .iter()
            .copied()
            .skip_while(|b| !b.is_ascii_digit() && !matches!(b, b'<' | b'>'))
            .take_while(u8::is_ascii_digit)
            .collect();
        let count = std::str::from_utf8(&digits).ok().map(|d| d.parse::<usize>().unwrap_or(usize::MAX));
        if !digits.is_empty() && count.is_some_and(|count| count > part.len()) {
            return true;
        }
    }
    false
}

fn cells(body: &[u8], sheet: &str, delimiter: char) -> Result<Vec<u8>, String> {
    let unreadable = |_| "the workbook cannot be read".to_owned();
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(body)).map_err(unreadable)?;
    let names = workbook.sheet_names();
    let name = match sheet {
        "" => names.first(),
        sheet => names.iter().find(|name| *name == sheet),
    };
    let name = name.ok_or_else(|| format!("the workbook has no sheet \"{sheet}\""))?;
    let mut reader = workbook.worksheet_cells_reader(name).map_err(unreadable)?;
    let mut out = String::new();
    let mut at = (0, 0);
    while let Some(cell) = reader.next_cell().map_err(unreadable)? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        if row >= ROWS_MAX || column >= COLUMNS_MAX {
            return Err(format!(
                "the sheet is wider than {COLUMNS_MAX} columns or longer than {ROWS_MAX} rows"
            ));
        }
        if (row, column) < at {
            return Err(format!("line {}: cells are not in order", row + 1));
        }
        if row > at.0 {
            out.extend(std::iter::repeat_n('\n', (row - at.0) as usize));
            at = (row, 0);
        }
        out.extend(std::iter::repeat_n(delimiter, (column - at.1) as usize));
        put(&mut out, &text, delimiter);
        at = (row, column);
    }
    out.push('\n');
    Ok(pad(&out, delimiter))
}

/// Rows as wide as the first one that has values: trailing empty cells are not in the file.
fn pad(text: &str, delimiter: char) -> Vec<u8> {
    let width = |line: &str| super::values(line, Delimiter::Byte(delimiter as u8)).len();
    let wanted = text.lines().find(|line| !line.is_empty()).map_or(0, width);
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(line);
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(delimiter, wanted.saturating_sub(width(line))));
        }
        out.push('\n');
    }
    out.into_bytes()
}

fn put(out: &mut String, text: &str, delimiter: char) {
    // A line end would make two lines of one row, and the numbers of all others wrong.
    let text = text.replace(['\r', '\n'], " ");
    if text.contains([delimiter, '"']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&text);
    }
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim().to_owned()
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(flag) => u8::from(*flag).to_string(),
        DataRef::DateTime(when) => when_text(*when),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

/// The number's shortest exact text; one that Excel has cut is written so that it can be no id.
fn number_text(number: f64) -> String {
    if number.abs() < EXACT_BELOW { number.to_string() } else { format!("{number:.4e}").replace('e', "E+") }
}

/// `2026-03-01T10:12:00`, `2026-03-01T` where there is no time, `10:12:00` where there is no date.
fn when_text(when: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = when.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}T");
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    match when.as_f64() {
        value if when.is_duration() || (0.0..1.0).contains(&value) => time,
        value if value.fract() == 0.0 => date,
        _ => date + &time,
    }
}
