//! From the rows of one receipt to the draft of one fact: purchase, refund or removal.

use super::{
    columns::Column,
    config::Config,
    group::Group,
    key::Parts,
    lines::{lines, total},
    sheet::Row,
};
use crate::table::numbers::{is_scientific, money, plain_id};
use crate::when::When;
use tributary_core::{
    body::{Body, Purchase, Refund},
    content::{Contact, ProfileField, ProfileSource},
    draft::{Claim, Draft},
    event::Trust,
    ids::REMOVAL,
    money::Money,
};

/// Times of the lines of one receipt lie so close together, or its number was used twice.
const RECEIPT_SPAN_MICROS_MAX: i64 = 24 * 3600 * 1_000_000;

/// What is wrong with a receipt, and on which line of the file. Never a value.
pub(super) struct Problem {
    pub(super) line: usize,
    pub(super) what: String,
}

/// The rows of one receipt.
pub(super) struct Receipt<'r> {
    pub(super) config: &'r Config,
    pub(super) group: &'r Group<'r>,
}

impl Receipt<'_> {
    /// The draft without its raw request. `file_time` is the version where the rows have none.
    ///
    /// # Errors
    /// [`Problem`] if a value that counts cannot be read.
    pub(super) fn draft(&self, file_time: u64) -> Result<Draft, Problem> {
        let refund_of = self.one(Column::RefundOf)?;
        let of = if refund_of.is_empty() { String::new() } else { self.key_of(refund_of) };
        let mut key = self.group.key.clone();
        if of == key {
            key.push_str("#refund"); // a till that prints the refund under the number of the sale
        }
        let when = self.when();
        let mut live: Vec<&Row> = self.group.rows.iter().copied().filter(|r| !self.is_void(r)).collect();
        if self.config.has_heads() && live.iter().all(|row| row.is_detail) {
            live.clear(); // a void head takes its details along
        }
        let mut draft = if live.is_empty() {
            let mut removal = Draft::new(key.clone(), Body::Removed { of: key });
            removal.revision = REMOVAL;
            removal.occurred_at = when.ok().flatten().map(|w| w.at);
            removal
        } else {
            let mut draft = Draft::new(key, self.body(&live, of)?);
            draft.revision = self.revision(file_time)?;
            draft.occurred_at = when?.map(|w| w.at);
            self.person(&mut draft)?;
            draft
        };
        let store = plain_id(self.one(Column::Store)?);
        draft.store = if store.is_empty() { self.config.store.clone() } else { store.to_owned() };
        draft.actor = self.first(Column::Cashier).to_owned();
        Ok(draft)
    }

    fn body(&self, live: &[&Row], of: String) -> Result<Body, Problem> {
        let given = self.amount(Column::Total)?;
        let lines = lines(self.config, live, given)?;
        let total = match given {
            Some(total) => total,
            None => total(&lines, live)?,
        };
        let receipt = plain_id(self.one(Column::Receipt)?);
        let currency = self.currency()?;
        let cancels =
            !self.config.cancel_prefix.is_empty() && receipt.starts_with(&self.config.cancel_prefix);
        if total.units < 0 || cancels || !of.is_empty() {
            let total = if total.units < 0 { total.negated() } else { total };
            return Ok(Body::Refund(Refund { of, currency, total }));
        }
        let invoice = plain_id(self.one(Column::Invoice)?);
        let refs = [receipt, invoice].into_iter().filter(|r| !r.is_empty()).map(str::to_owned).collect();
        Ok(Body::Purchase(Purchase {
            currency,
            total,
            tax: self.amount(Column::Tax)?,
            discount: self.amount(Column::Discount)?,
            points_used: self.points()?,
            lines,
            refs,
        }))
    }

    fn person(&self, draft: &mut Draft) -> Result<(), Problem> {
        for (column, kind, trust) in [
            (Column::Member, "member", self.config.member_trust),
            (Column::Carrier, "carrier", Trust::Claimed),
            (Column::Phone, "phone", Trust::Claimed),
            (Column::Email, "email", Trust::Claimed),
        ] {
            let value = self.one(column)?;
            if value.is_empty() {
                continue;
            }
            if is_scientific(value) {
                let reason = "scientific_notation".to_owned();
                let contact = Contact { kind: kind.to_owned(), value: value.to_owned(), reason };
                draft.content.contacts.push(contact);
                continue;
            }
            let value = if column == Column::Email { value } else { plain_id(value) };
            draft.identifiers.push(Claim::new(kind, "", value, trust));
        }
        for (column, field) in [
            (Column::Name, ProfileField::Name),
            (Column::Phone, ProfileField::Telephone),
            (Column::Email, ProfileField::Email),
        ] {
            let value = self.first(column);
            if !value.is_empty() && !is_scientific(value) {
                draft.content.profile.insert(field, value.to_owned());
            }
        }
        draft.profile_source = ProfileSource::Till;
        Ok(())
    }

    fn revision(&self, file_time: u64) -> Result<u64, Problem> {
        let text = self.one(Column::Revision)?;
        if text.is_empty() {
            return Ok(file_time);
        }
        let number = plain_id(text).parse::<u64>().ok();
        let time = || u64::try_from(self.config.clock.read(text, "")?.at.0).ok();
        match number.or_else(time) {
            Some(revision) => Ok(revision.min(REMOVAL - 1)),
            None => Err(self.problem(Column::Revision, "is neither a whole number nor a time")),
        }
    }

    /// The receipt's time: that of its first row that has one.
    fn when(&self) -> Result<Option<When>, Problem> {
        let mut found: Option<(&Row, When)> = None;
        for row in &self.group.rows {
            let (date, time) = (row.values.get(Column::Date), row.values.get(Column::Time));
            let same = |r: &Row| r.values.get(Column::Date) == date && r.values.get(Column::Time) == time;
            if date.is_empty() && time.is_empty() || found.is_some_and(|(first, _)| same(first)) {
                continue;
            }
            let column = if date.is_empty() { Column::Time } else { Column::Date };
            let Some(when) = self.config.clock.read(date, time) else {
                return Err(problem(row, column, "cannot be read"));
            };
            match found {
                None => found = Some((row, when)),
                Some((_, first)) if (first.at.0 - when.at.0).abs() > RECEIPT_SPAN_MICROS_MAX => {
                    return Err(problem(
                        row,
                        column,
                        "is another day than before in one receipt: add {date} to fact_key",
                    ));
                }
                Some(_) => {}
            }
        }
        let columns = &self.config.columns;
        let expected = !columns.implied && (columns.has(Column::Date) || columns.has(Column::Time));
        match found {
            None if expected => Err(self.problem(Column::Date, "is empty")),
            found => Ok(found.map(|(_, when)| when)),
        }
    }

    fn is_void(&self, row: &Row) -> bool {
        let value = row.values.get(Column::Void);
        !value.is_empty() && self.config.void_values.contains(&value.to_lowercase())
    }

    fn key_of(&self, receipt: &str) -> String {
        let parts = Parts { store: &self.config.store, date: None, hash: "" };
        match self.group.rows.first() {
            Some(row) => self.config.template.key_of_receipt(&row.values, plain_id(receipt), &parts),
            None => receipt.to_owned(),
        }
    }

    fn currency(&self) -> Result<String, Problem> {
        let text = self.one(Column::Currency)?.to_ascii_uppercase();
        match text.as_bytes() {
            [] => Ok(self.config.currency.clone()),
            [a, b, c] if [a, b, c].iter().all(|l| l.is_ascii_uppercase()) => Ok(text),
            _ => Err(self.problem(Column::Currency, "is not an ISO 4217 code")),
        }
    }

    fn points(&self) -> Result<i64, Problem> {
        let text = plain_id(self.one(Column::PointsUsed)?).replace(',', "");
        if text.is_empty() {
            return Ok(0);
        }
        text.parse().map_err(|_| self.problem(Column::PointsUsed, "is not a whole number"))
    }

    fn amount(&self, column: Column) -> Result<Option<Money>, Problem> {
        match self.one(column)? {
            "" => Ok(None),
            text => money(text).map(Some).ok_or_else(|| self.problem(column, "is not an amount")),
        }
    }

    fn first(&self, column: Column) -> &str {
        self.group.rows.iter().map(|r| r.values.get(column)).find(|v| !v.is_empty()).unwrap_or_default()
    }

    /// The value all rows agree on; empty ones say nothing.
    fn one(&self, column: Column) -> Result<&str, Problem> {
        let value = self.first(column);
        let differs = |r: &&&Row| {
            let other = r.values.get(column);
            !other.is_empty() && other != value
        };
        match self.group.rows.iter().find(differs) {
            Some(row) => Err(problem(row, column, "differs between the rows of one receipt")),
            None => Ok(value),
        }
    }

    fn problem(&self, column: Column, what: &str) -> Problem {
        let has = |r: &&&Row| !r.values.get(column).is_empty();
        let row = self.group.rows.iter().find(has).or_else(|| self.group.rows.first());
        Problem { line: row.map_or(0, |r| r.line), what: format!("{} {what}", column.word()) }
    }
}

/// A problem of one row's column.
pub(super) fn problem(row: &Row, column: Column, what: &str) -> Problem {
    Problem { line: row.line, what: format!("{} {what}", column.word()) }
}
