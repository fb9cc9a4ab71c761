//! Control rows: what a file says that it holds, against what it holds. A file that was cut off on its way has none, and
//! that is told too.

use crate::{
    settings::{Settings, SettingsError},
    table::numbers::{money, plus},
};
use tributary_core::{body::Body, draft::Draft, money::Money};

/// How a file's control row looks.
#[derive(Clone, Debug)]
pub(super) struct Control {
    /// In the `record_type` column, or in the first one.
    pub(super) mark: String,
    rows: Option<usize>,
    receipts: Option<usize>,
    total: Option<usize>,
}

impl Control {
    /// Reads `control` and `control_columns`.
    ///
    /// # Errors
    /// [`SettingsError`] naming the one that is wrong.
    pub(super) fn read(settings: &mut Settings) -> Result<Option<Self>, SettingsError> {
        let mark = settings.text("control")?.unwrap_or_default();
        let table = settings.table("control_columns")?;
        let table = match (mark.is_empty(), table) {
            (true, None) => return Ok(None),
            (false, Some(table)) if !table.is_empty() => table,
            _ => {
                let problem = "needs `control` (what the row begins with) and `control_columns` (where its figures stand)";
                return Err(SettingsError::new("control", problem));
            }
        };
        let mut control = Self { mark, rows: None, receipts: None, total: None };
        for (word, value) in table {
            let at = format!("control_columns.{word}");
            let place = match &word[..] {
                "rows" => &mut control.rows,
                "receipts" => &mut control.receipts,
                "total" => &mut control.total,
                _ => return Err(SettingsError::new(&at, "means nothing; known: rows, receipts, total")),
            };
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|n| *n > 0);
            *place = number.and_then(|n| usize::try_from(n - 1).ok());
            if place.is_none() {
                return Err(SettingsError::new(&at, "must be a column's number from 1"));
            }
        }
        Ok(Some(control))
    }
}

/// What a file's receipts come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Purchases less refunds; `None` if there are several currencies or too much money.
    total: Option<Money>,
    currency: String,
}

impl Found {
    /// Of no receipts yet.
    pub(super) fn new() -> Self {
        Self { total: Some(Money::default()), currency: String::new() }
    }

    /// Counts what a receipt came to.
    pub(super) fn add(&mut self, draft: &Draft) {
        let (currency, amount) = match &draft.body {
            Body::Purchase(purchase) => (&purchase.currency, purchase.total),
            Body::Refund(refund) => (&refund.currency, refund.total.negated()),
            _ => return,
        };
        if self.currency.is_empty() {
            self.currency.clone_from(currency);
        }
        let same = self.currency == *currency;
        self.total = self.total.filter(|_| same).and_then(|total| plus(total, amount));
    }

    /// What the control row's values say otherwise of a file with so many rows, that are neither header nor control row,
    /// and so many receipts; empty if nothing.
    pub(super) fn differs(
        &self,
        control: &Control,
        rows: usize,
        receipts: usize,
        given: &[String],
    ) -> String {
        let text = |place: usize| given.get(place).map(|text| text.trim()).unwrap_or_default();
        let mut told = Vec::new();
        for (what, place, found) in [("rows", control.rows, rows), ("receipts", control.receipts, receipts)] {
            let Some(place) = place else { continue };
            match text(place).replace(',', "").parse::<usize>() {
                Ok(said) if said == found => {}
                Ok(said) => told.push(format!("{what}: it says {said}, the file has {found}")),
                Err(_) => told.push(format!("{what}: it says nothing that is a number")),
            }
        }
        if let Some(place) = control.total {
            match (money(text(place)), self.total) {
                (None, _) => told.push("total: it says nothing that is an amount".to_owned()),
                (_, None) => told.push("total: the file has several currencies".to_owned()),
                (Some(said), Some(found)) if plus(said, found.negated()).is_some_and(|d| d.units == 0) => {}
                (Some(said), Some(found)) => {
                    told.push(format!("total: it says {said}, the file has {found}"));
                }
            }
        }
        told.join("; ")
    }
}
