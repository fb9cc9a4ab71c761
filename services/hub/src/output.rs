//! What commands print: tables that line up with Chinese names in them, JSON, or one JSON value a line.

use clap::ValueEnum;
use serde_json::Value as Json;
use std::io::{self, Write};

/// `-o`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// The hub's answer, indented.
    Json,
    /// One JSON value a line.
    Jsonl,
}

/// Ranges of characters that terminals draw two columns wide (East Asian Wide and Fullwidth, and emoji), in order.
const WIDE: [(u32, u32); 14] = [
    (0x1100, 0x115F),
    (0x231A, 0x231B),
    (0x2E80, 0x303E),
    (0x3041, 0x33FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA000, 0xA4CF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE6F),
    (0xFF00, 0xFF60),
    (0xFFE0, 0xFFE6),
    (0x1F300, 0x1FAFF),
];
/// Supplementary ideographic planes, all wide.
const WIDE_PLANES: std::ops::RangeInclusive<u32> = 0x20000..=0x3FFFD;
/// Combining marks, joiners and variation selectors: drawn onto the character before.
const ZERO: [(u32, u32); 6] = [
    (0x0300, 0x036F),
    (0x200B, 0x200F),
    (0x20D0, 0x20FF),
    (0x302A, 0x302D),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
];
/// Marks that turn the direction of text around: a value could dress up as another.
const DIRECTION: [(u32, u32); 3] = [(0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069)];

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Columns that a text takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars()
        .map(|c| match c {
            c if c.is_ascii() => 1,
            c if within(&ZERO, c) => 0,
            c if within(&WIDE, c) || WIDE_PLANES.contains(&u32::from(c)) => 2,
            _ => 1,
        })
        .sum()
}

/// A text from outside, safe to print: what could steer the terminal or turn the line around is a dot.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || within(&DIRECTION, c) { '·' } else { c }).collect()
}

/// Rows under a header.
#[derive(Clone, Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    #[must_use]
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells are made printable.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, a line each, two spaces between columns, none at the end.
    #[must_use]
    pub fn render(&self) -> String {
        let header: Vec<String> = self.header.iter().map(|name| name.to_uppercase()).collect();
        let mut widths: Vec<usize> = header.iter().map(|name| width(name)).collect();
        for row in &self.rows {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = (*column).max(width(cell));
            }
        }
        let mut out = String::new();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for (cell, column) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', column - width(cell) + 2));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Writes an answer as JSON: indented, or a line for each item of the list at `items` (the whole answer without one).
///
/// # Errors
/// What the writer says.
pub fn json(out: &mut dyn Write, answer: &Json, format: Format, items: &str) -> io::Result<()> {
    match (format, answer.get(items).and_then(Json::as_array).or_else(|| answer.as_array())) {
        (Format::Jsonl, Some(list)) => list.iter().try_for_each(|item| writeln!(out, "{item}")),
        (Format::Jsonl, None) => writeln!(out, "{answer}"),
        _ => writeln!(out, "{answer:#}"),
    }
}

/// A JSON value as the text of a cell: text bare, nothing for null, other values as JSON.
#[must_use]
pub fn cell(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Table, json, printable, width};

    #[test]
    fn wide_characters_take_two_columns() {
        for (text, columns) in [
            ("", 0),
            ("abc", 3),
            ("陳美玲", 6),
            ("ＡＢ", 4),
            ("ｱｲｳ", 3),
            ("カタカナ", 8),
            ("한국", 4),
            ("é", 1),
            ("e\u{301}", 1),
            ("𠮷", 2),
            ("😀", 2),
            ("…", 1),
        ] {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", "events"]);
        table.row(["陳美玲".into(), "12".into()]);
        table.row(["Mei".into(), "3".into()]);
        assert_eq!(table.render(), "NAME    EVENTS\n陳美玲  12\nMei     3\n");
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2J\r\nb\u{202e}c\u{9b}"), "a·[2J··b·c·");
        let mut table = Table::new(&["a"]);
        table.row(["x\ny".into()]);
        assert_eq!(table.render().lines().count(), 2);
    }

    #[test]
    fn jsonl_is_an_item_a_line() {
        let answer = serde_json::json!({"events": [{"id": 1}, {"id": 2}], "next_cursor": "c"});
        let text = |format| {
            let mut out = Vec::new();
            json(&mut out, &answer, format, "events").unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(Format::Jsonl), "{\"id\":1}\n{\"id\":2}\n");
        assert!(text(Format::Json).contains("\"next_cursor\": \"c\""));
    }
}
