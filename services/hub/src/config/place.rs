//! Where a setting comes from, and the excerpt that shows it. Nothing here reads files.

use super::secret;
use crate::output::{printable, width};
use std::{fmt::Write as _, ops::Range, sync::Arc};

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the built-in default.
    Default,
    /// In the configuration file, at these bytes.
    File(Range<usize>),
    /// In the environment variable of this name.
    Environment(Arc<str>),
}

/// The configuration file's name and text; both empty without a file.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The path as it was given.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Line and column of a byte, both counted from 1, the column in characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before.get(start..).unwrap_or_default().chars().count() + 1)
    }

    /// `file:line`, the variable's name, or `default`: the origin as `config show --origin` names it.
    #[must_use]
    pub fn name_origin(&self, origin: &Origin) -> String {
        match origin {
            Origin::Default => "default".to_owned(),
            Origin::File(span) => format!("{}:{}", self.name, self.line_column(span.start).0),
            Origin::Environment(name) => format!("{name} (environment)"),
        }
    }

    /// The `-->` line and, for a place in the file, the line with carets below it. `hide` covers the marked text.
    #[must_use]
    pub fn excerpt(&self, origin: &Origin, hide: bool) -> String {
        let span = match origin {
            Origin::Default => return String::new(),
            Origin::Environment(_) => return format!(" --> {}\n", self.name_origin(origin)),
            Origin::File(span) => span,
        };
        let (line, column) = self.line_column(span.start);
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        let marked = self.marked_characters(span, text, column);
        let text = secret::hide_in_line(text, hide.then_some((column - 1, marked)));
        let before: String = text.chars().take(column - 1).collect();
        let under: String = text.chars().skip(column - 1).take(marked).collect();
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(width(&before));
        let carets = "^".repeat(width(&under).max(1));
        let mut out = String::new();
        let _ = writeln!(out, "{gutter}--> {}:{line}:{column}", self.name);
        let _ = writeln!(out, "{gutter} |");
        let _ = writeln!(out, "{number} | {text}");
        let _ = writeln!(out, "{gutter} | {indent}{carets}");
        out
    }

    /// How many characters of the first line the span covers; a span over several lines is marked to the line's end.
    fn marked_characters(&self, span: &Range<usize>, line: &str, column: usize) -> usize {
        let covered = self.text.get(span.clone()).unwrap_or_default();
        let covered = covered.lines().next().unwrap_or_default().chars().count();
        covered.min(line.chars().count().saturating_sub(column - 1)).max(1)
    }
}

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, such as `unknown_key`.
    pub code: &'static str,
    /// Dotted path of the setting; empty for the file as a whole.
    pub key: String,
    /// What is wrong; never a secret's value.
    pub problem: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Where.
    pub at: Origin,
}

/// Everything wrong with the configuration, in the file's order. `Display` shows each with its line and carets.
#[derive(Debug, Default)]
pub struct ConfigErrors {
    /// The file they are in.
    pub source: Source,
    /// At least one.
    pub list: Vec<Diagnostic>,
}

impl ConfigErrors {
    /// Sorts by place: the file from top to bottom, then the environment.
    #[must_use]
    pub fn new(source: Source, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|d| match &d.at {
            Origin::File(span) => (0, span.start, String::new()),
            Origin::Environment(name) => (1, 0, name.to_string()),
            Origin::Default => (2, 0, d.key.clone()),
        });
        Self { source, list }
    }

    /// One of them as text, with its excerpt.
    #[must_use]
    pub fn render(&self, one: &Diagnostic) -> String {
        let key = if one.key.is_empty() { String::new() } else { format!("{}: ", printable(&one.key)) };
        let mut out = format!("error[{}]: {key}{}\n", one.code, one.problem);
        out.push_str(&self.source.excerpt(&one.at, one.code == secret::PLAIN));
        if let Some(remedy) = &one.remedy {
            let _ = writeln!(out, "  = help: {remedy}");
        }
        out
    }
}

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, one) in self.list.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&self.render(one))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
