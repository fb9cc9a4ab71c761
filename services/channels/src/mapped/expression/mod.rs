//! Expressions: CEL, compiled when the channel is built and evaluated for each payload.
//!
//! What an expression may name is closed: the variables of its place and the functions that `check` lists. None of
//! them reads a clock, a file or a random number, and lists of keys come in the order of the keys, so a value is a function
//! of the payload. Work is bounded by a [`Budget`]: whatever is looped over, copied, compared or handed to a function is
//! paid for by its size. Absent: regular expressions and CEL's own times, which would need a clock's library.

mod budget;
mod check;
mod functions;
mod values;

pub(super) use budget::Budget;
pub(super) use values::{Unreadable, Value, map_of, of_json, quote, text_of, write_json};

use crate::when::Clock;
use cel::{Context, Env, ExecutionError, IdedExpr, Value as CelValue, common::value::CowVal};
use std::sync::{Arc, OnceLock};

/// Longest expression in bytes: ten lines. The parser's stack grows with it; the worst of this length takes half a megabyte.
pub(super) const SOURCE_BYTES_MAX: usize = 1_000;
/// Deepest nesting of brackets and conditions.
const NESTING_MAX: u16 = 32;
/// Longest part of an expression that an error repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// A variable of an expression.
pub(super) const PAYLOAD: &str = "payload";
/// The element, where the channel has `for_each`.
pub(super) const ITEM: &str = "item";
/// The request's headers that the channel's `headers` lists.
pub(super) const HEADER: &str = "header";

/// A compiled expression.
pub(super) struct Expression {
    /// The setting it stands in, such as `events.0.key`.
    pub(super) setting: String,
    source: String,
    root: IdedExpr,
}

/// Why a text is no expression: what is wrong and what would be right, in the form settings' errors have.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) String);

/// Why a payload has no value for an expression. Without any value of the payload.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String);

impl Expression {
    /// Compiles `source`, which may name `variables`.
    pub(super) fn compile(setting: &str, source: &str, variables: &[&str]) -> Result<Self, Wrong> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(Wrong(format!(
                "is an expression of {} bytes; at most {SOURCE_BYTES_MAX} are taken",
                source.len()
            )));
        }
        let parser = environment().parser().max_recursion_depth(NESTING_MAX);
        let (mut root, info) = parser.parse_with_source_info(source).map_err(|errors| {
            let first = errors.errors.first();
            let (line, column) = first.map_or((1, 1), |e| e.pos);
            let message = told(first.map(|e| e.msg.as_str()).unwrap_or_default());
            let place = format!("line {}, character {}", line.max(1), column.max(1));
            let shown = shortened(source);
            Wrong(format!(
                "is no expression: `{shown}`, {place}: {message}; texts stand in quotes inside the expression, such as \
                 '\"order/\" + payload.id'"
            ))
        })?;
        check::check(&mut root, variables).map_err(|problem| {
            let start = info.offset_for(problem.id).map_or(0, |(start, _)| start as usize);
            let place = format!("character {}", start + 1);
            Wrong(format!("`{}`, {place}: {}", shortened(source), problem.text))
        })?;
        Ok(Self { setting: setting.to_owned(), source: source.to_owned(), root })
    }

    /// The fields of `payload.a.b` if the expression is nothing but such a path.
    pub(super) fn path(&self) -> Option<Vec<String>> {
        check::path(&self.root)
    }

    /// Its value in this scope.
    pub(super) fn evaluate<'e>(&'e self, scope: &'e Scope<'_>) -> Result<CowVal<'e, 'static>, Failed> {
        let value = CelValue::resolve_val(&self.root, &scope.context).map_err(|error| self.failed(&error));
        if scope.budget.is_spent() {
            return Err(Failed(format!("{}: takes too much work", self.setting)));
        }
        value
    }

    /// Errors of the evaluator may hold values, so each is told in own words.
    fn failed(&self, error: &ExecutionError) -> Failed {
        let what = match error {
            // A key that stands in the expression is the author's, any other may be somebody's.
            ExecutionError::NoSuchKey(key) if self.source.contains(key.as_str()) => {
                format!("there is no {key}; where it may be missing, write .?{key} or has()")
            }
            ExecutionError::NoSuchKey(_) => "there is no such field".to_owned(),
            ExecutionError::FunctionError { function, message } if functions::arity(function).is_some() => {
                format!("{function}() {message}")
            }
            ExecutionError::FunctionError { function, .. } => {
                format!("{function}() does not take this value")
            }
            ExecutionError::NoSuchOverload(overload) if overload.function() == "_._" => {
                let of = overload.argument_types().first().map_or("value", String::as_str);
                format!("a field is looked for in a {of}")
            }
            ExecutionError::NoSuchOverload(overload) => format!(
                "{} does not go with {}",
                overload.function(),
                overload.argument_types().join(" and ")
            ),
            ExecutionError::UnexpectedType { want, .. } => format!("a value is no {want}"),
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
                "divides by 0".to_owned()
            }
            ExecutionError::Overflow(..) => "a number is too large".to_owned(),
            ExecutionError::IndexOutOfBounds(_) => "a list has no such element".to_owned(),
            _ => "the payload does not fit".to_owned(),
        };
        Failed(format!("{}: {what}", self.setting))
    }
}

/// What expressions see of one request or of one element of it.
pub(super) struct Scope<'p> {
    context: Context<'p, 'static>,
    budget: Arc<Budget>,
}

impl Scope<'static> {
    /// Functions and no variable yet.
    pub(super) fn new(budget: &Arc<Budget>, clock: &Arc<Clock>) -> Self {
        let mut context = Context::with_env(environment());
        functions::declare(&mut context, budget, clock);
        Self { context, budget: budget.clone() }
    }
}

impl Scope<'_> {
    /// Adds a variable.
    pub(super) fn bind(&mut self, name: &str, value: Value) {
        self.context.add_variable_as_val(name, value);
    }

    /// A scope inside this one.
    pub(super) fn inner(&self) -> Scope<'_> {
        Scope { context: self.context.new_inner_scope(), budget: self.budget.clone() }
    }
}

fn environment() -> Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| Arc::new(Env::stdlib())).clone()
}

/// A parser's message without its list of everything that could stand there.
fn told(message: &str) -> String {
    if message.contains("Recursion limit") {
        return "it is nested too deeply".to_owned();
    }
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    message.split(" expecting ").next().unwrap_or_default().replace(';', ",")
}

fn shortened(source: &str) -> String {
    let mut shown: String =
        source.chars().take(SHOWN_CHARS_MAX).map(|c| if c == ';' { ',' } else { c }).collect();
    if shown.len() < source.len() {
        shown.push_str("...");
    }
    shown.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests;
