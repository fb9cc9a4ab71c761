//! Figures, each beside what bounds it: as a table or as JSON.

use super::machine;
use crate::output::Table;
use serde_json::{Value, json};
use std::io::{self, Write};

/// One figure.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    part: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    beside: Option<(String, f64)>,
}

impl Figure {
    pub fn new(part: &'static str, what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { part, what: what.into(), value, unit, beside: None }
    }

    /// The probe or limit it is to be read beside, in the same unit.
    pub fn beside(mut self, what: impl Into<String>, value: f64) -> Self {
        self.beside = Some((what.into(), value));
        self
    }

    /// The same for a figure of this unit that was measured before its bound.
    pub fn set_beside(&mut self, what: &str, value: f64, unit: &str) {
        if self.unit == unit {
            self.beside = Some((what.to_owned(), value));
        }
    }

    fn ratio(&self) -> Option<f64> {
        self.beside.as_ref().filter(|(_, bound)| *bound > 0.0).map(|(_, bound)| self.value / bound)
    }

    fn json(&self) -> Value {
        let (beside, bound) = self.beside.as_ref().map(|(what, bound)| (what, bound)).unzip();
        json!({
            "part": self.part,
            "what": self.what,
            "figure": self.value,
            "unit": self.unit,
            "beside": beside,
            "beside_figure": bound,
            "ratio": self.ratio(),
        })
    }
}

pub(super) struct Report {
    quick: bool,
    load_before: f64,
    load_after: f64,
    figures: Vec<Figure>,
}

impl Report {
    pub fn new(quick: bool) -> Self {
        let load_before = machine::load_average();
        Self { quick, load_before, load_after: load_before, figures: Vec::new() }
    }

    pub fn extend(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    /// Everything has been measured.
    pub fn end(&mut self) {
        self.load_after = machine::load_average();
    }

    pub fn json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "optimised": !cfg!(debug_assertions),
            "quick": self.quick,
            "machine": {
                "cores": machine::cores(),
                "processor": machine::processor(),
                "load_before": self.load_before,
                "load_after": self.load_after,
            },
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
        })
    }

    pub fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let (cores, processor) = (machine::cores(), machine::processor());
        let (before, after) = (self.load_before, self.load_after);
        writeln!(out, "{cores} cores, {processor}; load average {before:.2} before, {after:.2} after")?;
        writeln!(out, "the load's own process runs on the same cores")?;
        if cfg!(debug_assertions) {
            writeln!(out, "this build is not optimised: figures say nothing about a release")?;
        }
        if self.quick {
            writeln!(out, "quick: amounts too small to compare")?;
        }
        writeln!(out)?;
        let mut table = Table::new(&["part", "what", "figure", "unit", "beside", "ratio"]);
        for figure in &self.figures {
            let beside = figure.beside.as_ref().map(|(what, bound)| format!("{what}: {}", number(*bound)));
            table.row([
                figure.part.to_owned(),
                figure.what.clone(),
                number(figure.value),
                figure.unit.to_owned(),
                beside.unwrap_or_default(),
                figure.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            ]);
        }
        out.write_all(table.render().as_bytes())
    }
}

/// With separators between thousands; small numbers with decimals.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The value below which `share` of the sorted values lie; 0 of none.
pub(super) fn percentile(sorted: &[u32], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).map_or(0.0, |value| f64::from(*value))
}

#[cfg(test)]
mod tests {
    use super::{Figure, number, percentile};

    #[test]
    fn numbers_are_written_for_people() {
        for (value, text) in
            [(0.5, "0.50"), (99.0, "99.00"), (100.0, "100"), (1234.4, "1,234"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn percentiles_lie_within_the_values() {
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&sorted, 0.5), 51.0);
        assert_eq!(percentile(&sorted, 0.99), 100.0);
        assert_eq!(percentile(&sorted, 1.0), 100.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_ratio_needs_a_bound() {
        let figure = Figure::new("ingest", "x", 5.0, "events/s");
        assert_eq!(figure.json()["ratio"], serde_json::Value::Null);
        assert_eq!(figure.clone().beside("p", 0.0).json()["ratio"], serde_json::Value::Null);
        assert_eq!(figure.beside("p", 10.0).json()["ratio"], 0.5);
    }
}
