//! The lines of a receipt and their sum.

use super::{
    columns::Column,
    config::Config,
    receipt::{Problem, problem},
    sheet::Row,
};
use crate::table::numbers::{is_scientific, money, plain_id, plus, times};
use tributary_core::{body::Line, money::Money};

/// Lines a receipt may have: with [`SKU_MAX`] its event stays well under the size of a record.
const LINES_MAX: usize = 2_000;
/// Longest product id in bytes.
const SKU_MAX: usize = 100;

/// The lines of these rows. `given` is the receipt's total where the file has one: it stands in for the amount of a
/// single row that has none. A row of the same line number and the same bytes counts once.
pub(super) fn lines(config: &Config, rows: &[&Row], given: Option<Money>) -> Result<Vec<Line>, Problem> {
    let mut lines: Vec<(&Row, Line)> = Vec::new();
    for row in rows {
        let Some(line) = line(config, row, given)? else { continue };
        if lines.len() == LINES_MAX {
            let what = format!("is over the {LINES_MAX} lines that one receipt may have");
            return Err(problem(row, Column::Receipt, &what));
        }
        lines.push((row, line));
    }
    let number = |row: &Row| row.values.get(Column::LineNo).parse::<u32>().ok();
    if lines.iter().all(|(row, _)| number(row).is_some()) {
        lines.sort_by_key(|(row, _)| number(row));
    }
    let mut out: Vec<(&Row, Line)> = Vec::with_capacity(lines.len());
    for (row, line) in lines {
        let before = out.last().filter(|(last, _)| number(row).is_some() && number(last) == number(row));
        match before {
            Some((_, same)) if *same == line => {}
            Some(_) => {
                return Err(problem(row, Column::LineNo, "stands twice in one receipt, with different rows"));
            }
            None => out.push((row, line)),
        }
    }
    Ok(out.into_iter().map(|(_, line)| line).collect())
}

/// The sum of the lines.
pub(super) fn total(lines: &[Line], rows: &[&Row]) -> Result<Money, Problem> {
    let sum = lines.iter().try_fold(None, |sum: Option<Money>, line| match sum {
        Some(sum) => plus(sum, line.amount).map(Some),
        None => Some(Some(line.amount)),
    });
    match (sum, rows.first()) {
        (Some(Some(total)), _) => Ok(total),
        (None, Some(row)) => Err(problem(row, Column::Amount, "gives a sum that is too large")),
        (_, Some(row)) => Err(problem(row, Column::Total, "is empty")),
        (_, None) => Err(Problem { line: 0, what: "has no rows".to_owned() }),
    }
}

fn line(config: &Config, row: &Row, given: Option<Money>) -> Result<Option<Line>, Problem> {
    let get = |column| row.values.get(column);
    let is_head = config.has_heads() && !row.is_detail;
    let columns = [Column::Sku, Column::Quantity, Column::Amount, Column::UnitPrice];
    if is_head || columns.iter().all(|c| get(*c).is_empty()) {
        return Ok(None);
    }
    let sku = if is_scientific(get(Column::Sku)) { "" } else { plain_id(get(Column::Sku)) };
    if sku.len() > SKU_MAX {
        return Err(problem(row, Column::Sku, &format!("is longer than {SKU_MAX} bytes")));
    }
    let read = |column: Column| match get(column) {
        "" => Ok(None),
        text => money(text).map(Some).ok_or_else(|| problem(row, column, "is not a number")),
    };
    let quantity = read(Column::Quantity)?;
    let pieces = quantity.unwrap_or(Money::new(1, 0));
    let amount = match (read(Column::Amount)?, read(Column::UnitPrice)?) {
        (Some(amount), _) => amount,
        (None, Some(price)) => times(pieces, price)
            .ok_or_else(|| problem(row, Column::UnitPrice, "times quantity is no amount"))?,
        (None, None) => match given {
            Some(total) if !config.row_is_line => total,
            // The receipt's own total counts; what each line cost, the file does not say.
            Some(_) => Money::default(),
            None => return Err(problem(row, Column::Amount, "is empty")),
        },
    };
    // A row of one receipt without a product is its total once more, not a line.
    if !config.row_is_line && sku.is_empty() && given.is_some() {
        return Ok(None);
    }
    Ok(Some(Line { sku: sku.to_owned(), quantity: pieces.to_string(), amount }))
}
