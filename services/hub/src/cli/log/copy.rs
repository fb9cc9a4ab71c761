//! `log copy`: what it prints.

use super::{Copy, Exit, Failure, Global};
use crate::{
    carry::{self, Side, Wishes},
    output::{self, Format, Table, cell},
};
use serde_json::Value as Json;
use std::io::Write;

/// Digits of a digest that a table shows.
const DIGITS: usize = 16;

/// 0 where both sides hold the same, 1 where they do not, 3 where a broker does not answer or refuses.
pub async fn run(args: &Copy, global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (from, to) = (Side::of(&args.from)?, Side::of(&args.to)?);
    let wishes = Wishes { own: args.own, via: args.via.clone(), key: args.key.clone() };
    let bar = super::bar(global.output);
    let tell = |doing: &'static str, done: u64, of: u64| {
        bar.set_message(doing);
        bar.set_length(of);
        bar.set_position(done);
    };
    let copied = carry::copy(from, to, &wishes, &tell).await;
    bar.finish_and_clear();
    let done = copied?;
    if global.output == Format::Table {
        out.write_all(table(&done.json()).as_bytes())?;
    } else {
        output::json(out, &done.json(), global.output, "logs")?;
    }
    Ok(if done.is_equal() { Exit::Ok } else { Exit::CheckFailed })
}

fn table(answer: &Json) -> String {
    let mut table = Table::new(&["origin", "kept as", "records", "copied", "digest", "compared"]);
    let rows = answer.get("logs").and_then(Json::as_array);
    for row in rows.into_iter().flatten() {
        let digest: String = cell(row.get("digest")).chars().take(DIGITS).collect();
        let is_equal = row.get("equal") == Some(&Json::Bool(true));
        let compared = if is_equal { "equal" } else { "DIFFERENT" };
        let mut cells: Vec<String> =
            ["origin", "kept_as", "records", "copied"].iter().map(|key| cell(row.get(*key))).collect();
        cells.extend([digest, compared.to_owned()]);
        table.row(cells);
    }
    let notes = answer.get("notes").and_then(Json::as_array);
    let notes: String =
        notes.into_iter().flatten().map(|note| format!("note: {}\n", cell(Some(note)))).collect();
    table.render() + &notes
}
