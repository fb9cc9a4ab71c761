//! How a row becomes the key of a fact: a template over clear columns. Personal columns cannot stand in it.

use super::columns::{Column, Values};

/// Columns a key may be made of.
const PIECES: [Column; 5] =
    [Column::Store, Column::Register, Column::Receipt, Column::LineNo, Column::Invoice];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Column(Column),
    /// The local day.
    Date,
    /// SHA-256 over the row's bytes, and its number among equal rows of the file.
    Hash,
}

/// A key template such as `{store}/{register}/{receipt}`.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    /// Empty pieces are left out and the others joined with slashes.
    joined: bool,
}

/// What a key is made of beside the columns.
pub(super) struct Parts<'a> {
    /// Store where the file has none.
    pub(super) store: &'a str,
    /// The local day, if the row has one.
    pub(super) date: Option<String>,
    /// See [`Template::uses_hash`].
    pub(super) hash: &'a str,
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let Some((word, after)) = after.split_once('}') else {
                return Err("has a brace without its partner".to_owned());
            };
            pieces.push(match word {
                "date" => Piece::Date,
                "hash" => Piece::Hash,
                word => Piece::Column(PIECES.into_iter().find(|c| c.word() == word).ok_or_else(|| {
                    let known: Vec<&str> = PIECES.iter().map(|c| c.word()).collect();
                    format!(
                        "cannot hold this word; known: {}, date, hash (a personal value is never a key)",
                        known.join(", ")
                    )
                })?),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        let one = |p: &Piece| matches!(p, Piece::Hash | Piece::Column(Column::Receipt | Column::Invoice));
        if pieces.iter().any(one) {
            return Ok(Self { pieces, joined: false });
        }
        Err("needs {receipt}, {invoice} or {hash}: everything else names many sales".to_owned())
    }

    /// `{store}/{register}/{receipt}` with the pieces that are there.
    pub(super) fn usual() -> Self {
        let pieces = [Column::Store, Column::Register, Column::Receipt].map(Piece::Column).to_vec();
        Self { pieces, joined: true }
    }

    /// Whether keys need the row's hash.
    pub(super) fn uses_hash(&self) -> bool {
        self.pieces.contains(&Piece::Hash)
    }

    /// Whether keys need the row's day.
    pub(super) fn uses_date(&self) -> bool {
        self.pieces.contains(&Piece::Date)
    }

    /// The key of these values; `value` reads a column as an id. The error names the column that is empty.
    pub(super) fn key(
        &self,
        values: &Values,
        value: impl Fn(Column) -> Option<String>,
        parts: &Parts<'_>,
    ) -> Result<String, &'static str> {
        let mut key = String::new();
        for piece in &self.pieces {
            let text = match piece {
                Piece::Text(text) => text.clone(),
                Piece::Date => parts.date.clone().ok_or("date")?,
                Piece::Hash => parts.hash.to_owned(),
                Piece::Column(Column::Store) if values.get(Column::Store).is_empty() => {
                    parts.store.to_owned()
                }
                Piece::Column(column) => {
                    let text = value(*column).ok_or(column.word())?;
                    if text.is_empty() && matches!(column, Column::Receipt | Column::Invoice) {
                        return Err(column.word());
                    }
                    text
                }
            };
            if self.joined && !key.is_empty() && !text.is_empty() {
                key.push('/');
            }
            key.push_str(&text);
        }
        Ok(key)
    }

    /// The key of the purchase whose receipt is given, at the same store and register; without receipts in the template
    /// the given text itself.
    pub(super) fn key_of_receipt(&self, values: &Values, receipt: &str, parts: &Parts<'_>) -> String {
        if !self.pieces.contains(&Piece::Column(Column::Receipt)) || self.uses_hash() || self.uses_date() {
            return receipt.to_owned();
        }
        let value = |column: Column| {
            let text = if column == Column::Receipt { receipt } else { values.get(column) };
            Some(crate::table::numbers::plain_id(text).to_owned())
        };
        self.key(values, value, parts).unwrap_or_else(|_| receipt.to_owned())
    }
}
