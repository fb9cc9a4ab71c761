//! What the columns of a file mean: the words of the mapping table, and one row's values by these words.

use crate::{settings::SettingsError, table::cells::Cells};
use serde_json::{Map, Value};

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Receipt,
    Store,
    Register,
    Time,
    Date,
    Total,
    Currency,
    Tax,
    Discount,
    PointsUsed,
    Member,
    Phone,
    Email,
    Carrier,
    Name,
    Sku,
    Quantity,
    Amount,
    UnitPrice,
    LineNo,
    Invoice,
    RefundOf,
    Void,
    Revision,
    RecordType,
    Cashier,
}

impl Column {
    /// All, in the order of their places in [`Values`], with their words.
    pub(super) const ALL: [(Self, &'static str); 26] = [
        (Self::Receipt, "receipt"),
        (Self::Store, "store"),
        (Self::Register, "register"),
        (Self::Time, "time"),
        (Self::Date, "date"),
        (Self::Total, "total"),
        (Self::Currency, "currency"),
        (Self::Tax, "tax"),
        (Self::Discount, "discount"),
        (Self::PointsUsed, "points_used"),
        (Self::Member, "member"),
        (Self::Phone, "phone"),
        (Self::Email, "email"),
        (Self::Carrier, "carrier"),
        (Self::Name, "name"),
        (Self::Sku, "sku"),
        (Self::Quantity, "quantity"),
        (Self::Amount, "amount"),
        (Self::UnitPrice, "unit_price"),
        (Self::LineNo, "line_no"),
        (Self::Invoice, "invoice"),
        (Self::RefundOf, "refund_of"),
        (Self::Void, "void"),
        (Self::Revision, "revision"),
        (Self::RecordType, "record_type"),
        (Self::Cashier, "cashier"),
    ];

    /// Its word in the mapping table.
    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Whether it belongs to a line of a receipt where a JSON object holds an array of lines.
    pub(super) fn is_of_line(self) -> bool {
        matches!(self, Self::Sku | Self::Quantity | Self::Amount | Self::UnitPrice | Self::LineNo)
    }
}

/// One row's values; absent and empty are the same.
#[derive(Clone, Default)]
pub(super) struct Values(Cells);

impl Values {
    /// The value without white space around it; empty without one.
    pub(super) fn get(&self, column: Column) -> &str {
        self.0.get(column as usize)
    }

    /// Sets a value.
    pub(super) fn set(&mut self, column: Column, value: &str) {
        self.0.set(column as usize, value);
    }
}

/// Which column of the file means what: a name in its header, a number from 1, or a path inside a JSON object.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    names: Vec<(Column, String)>,
    /// Nobody wrote it: every column whose name is one of the words means that, and none must be there.
    pub(super) implied: bool,
}

impl Mapping {
    /// The mapping where a file's columns carry the words themselves.
    pub(super) fn implied() -> Self {
        let names = Column::ALL.iter().map(|(column, word)| (*column, (*word).to_owned())).collect();
        Self { names, implied: true }
    }

    /// The mapping of a table such as `{"receipt": "InvoiceNo", "total": 5}`.
    ///
    /// # Errors
    /// [`SettingsError`] for unknown words and for values that are neither text nor a number from 1.
    pub(super) fn of_table(key: &str, table: Map<String, Value>) -> Result<Self, SettingsError> {
        let mut names = Vec::new();
        for (word, value) in table {
            let at = format!("{key}.{word}");
            let Some((column, _)) = Column::ALL.iter().find(|(_, w)| *w == word) else {
                let known: Vec<&str> = Column::ALL.iter().map(|(_, word)| *word).collect();
                return Err(SettingsError::new(&at, format!("means nothing; known: {}", known.join(", "))));
            };
            let name = match value {
                Value::String(name) if !name.trim().is_empty() => name.trim().to_owned(),
                Value::Number(number) if number.as_u64().is_some_and(|n| n > 0) => number.to_string(),
                _ => return Err(SettingsError::new(&at, "must be a column's name, or its number from 1")),
            };
            names.push((*column, name));
        }
        Ok(Self { names, implied: false })
    }

    /// Whether this column may be in the file.
    pub(super) fn has(&self, column: Column) -> bool {
        self.names.iter().any(|(c, _)| *c == column)
    }

    /// Columns and their names in the file.
    pub(super) fn names(&self) -> &[(Column, String)] {
        &self.names
    }

    /// Places (from 0) by a header row; an explicit name that is not there is the error.
    pub(super) fn by_header(&self, header: &[String]) -> Result<Vec<(Column, usize)>, &(Column, String)> {
        let mut places = Vec::new();
        for entry in &self.names {
            match header.iter().position(|h| h.trim() == entry.1) {
                Some(place) => places.push((entry.0, place)),
                None if self.implied => {}
                None => return Err(entry),
            }
        }
        Ok(places)
    }

    /// Places (from 0) where names are numbers; `None` if one is not.
    pub(super) fn by_number(&self) -> Option<Vec<(Column, usize)>> {
        let place =
            |(column, name): &(Column, String)| Some((*column, name.parse::<usize>().ok()?.checked_sub(1)?));
        self.names.iter().map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_stands_at_its_place() {
        for (place, (column, word)) in Column::ALL.iter().enumerate() {
            assert_eq!(*column as usize, place, "{word}");
        }
    }
}
