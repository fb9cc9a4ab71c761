//! The functions that expressions have besides CEL's own. Pure, and paid for before they make anything: a result is never
//! larger than what is left of the budget.

use super::{
    Budget,
    budget::text_work,
    check::{EACH, TAKE},
    values,
};
use crate::{digest, when::Clock};
use cel::{
    Context, ExecutionError, FunctionContext,
    common::{
        types::{CelDouble, CelInt, CelList, CelMap, CelMapKey, CelString, CelUInt},
        value::{CowVal, Val},
    },
};
use std::sync::Arc;
use tributary_core::{
    money::{Money, SCALE_MAX},
    time::Micros,
};

/// The functions and how many values each takes, the one before the dot included.
pub(super) const OWN: [(&str, std::ops::RangeInclusive<usize>); 12] = [
    ("local_time", 1..=1),
    ("unix", 1..=1),
    ("unix_ms", 1..=1),
    ("minor", 2..=2),
    ("digest", 1..=8),
    ("json", 1..=1),
    ("lower", 1..=1),
    ("upper", 1..=1),
    ("trim", 1..=1),
    ("split", 2..=2),
    ("join", 1..=2),
    ("replace", 3..=3),
];
/// Longest text that is looked at as a number.
const NUMBER_BYTES_MAX: usize = 40;

/// A function as the evaluator takes it.
type Function = Box<
    dyn for<'c, 'v> Fn(&mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError> + Send + Sync,
>;
type Outcome = Result<Box<dyn Val>, &'static str>;
type Arguments<'a> = &'a [&'a dyn Val];

/// How many values this function takes.
pub(super) fn arity(name: &str) -> Option<&'static std::ops::RangeInclusive<usize>> {
    OWN.iter().find(|(known, _)| *known == name).map(|(_, arity)| arity)
}

/// Adds all of them to a scope.
pub(super) fn declare(context: &mut Context<'_, 'static>, budget: &Arc<Budget>, clock: &Arc<Clock>) {
    let pay = budget.clone();
    pass(context, TAKE, move |value| match pay.take_for(value) {
        true => Ok(None),
        false => Err(SPENT),
    });
    let pay = budget.clone();
    pass(context, EACH, move |value| match pay.take_for(value) {
        true => Ok(value.downcast_ref::<CelMap>().map(keys)),
        false => Err(SPENT),
    });
    let local = clock.clone();
    own(context, "local_time", move |arguments| {
        let at = local
            .read(text(arguments, 0)?, "")
            .ok_or("takes a date and a time as the channel's time_formats say")?;
        Ok(of_text(at.at.to_string()))
    });
    own(context, "unix", |arguments| instant(arguments, 1_000_000));
    own(context, "unix_ms", |arguments| instant(arguments, 1_000));
    own(context, "minor", minor);
    own(context, "digest", |arguments| {
        let parts: Result<Vec<String>, _> = (0..arguments.len()).map(|at| plain(arguments, at)).collect();
        Ok(of_text(digest::hex32_of_parts(parts?.iter().map(String::as_str))))
    });
    let pay = budget.clone();
    own(context, "json", move |arguments| {
        let json = serde_json::from_str(text(arguments, 0)?).map_err(|_| "takes a text that is JSON")?;
        values::of_json(json, &pay).map_err(|_| "takes JSON of a moderate size and depth")
    });
    own(context, "lower", |arguments| Ok(of_text(text(arguments, 0)?.to_lowercase())));
    own(context, "upper", |arguments| Ok(of_text(text(arguments, 0)?.to_uppercase())));
    own(context, "trim", |arguments| Ok(of_text(text(arguments, 0)?.trim().to_owned())));
    texts(context, budget);
}

/// Those whose result may be larger than what they were given.
fn texts(context: &mut Context<'_, 'static>, budget: &Arc<Budget>) {
    let pay = budget.clone();
    own(context, "split", move |arguments| {
        let (whole, separator) = (text(arguments, 0)?, text(arguments, 1)?);
        if separator.is_empty() {
            return Err("takes a separator that is not empty");
        }
        charge(&pay, 1 + whole.matches(separator).count() as u64)?;
        let parts: Vec<Box<dyn Val>> = whole.split(separator).map(|part| of_text(part.to_owned())).collect();
        Ok(Box::new(CelList::from(parts)))
    });
    let pay = budget.clone();
    own(context, "join", move |arguments| {
        let list =
            arguments.first().and_then(|v| v.downcast_ref::<CelList>()).ok_or("takes a list of texts")?;
        let separator = if arguments.len() > 1 { text(arguments, 1)? } else { "" };
        charge(&pay, text_work(separator.len().saturating_mul(list.inner().len())))?;
        let parts: Option<Vec<&str>> =
            list.inner().iter().map(|item| item.downcast_ref::<CelString>().map(CelString::inner)).collect();
        Ok(of_text(parts.ok_or("takes a list of texts")?.join(separator)))
    });
    let pay = budget.clone();
    own(context, "replace", move |arguments| {
        let (whole, old, new) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
        if old.is_empty() {
            return Err("takes a text to look for that is not empty");
        }
        charge(&pay, text_work(new.len().saturating_mul(whole.matches(old).count())))?;
        Ok(of_text(whole.replace(old, new)))
    });
}

const SPENT: &str = "there is no work left for this request";

fn charge(budget: &Budget, work: u64) -> Result<(), &'static str> {
    if budget.take(work) { Ok(()) } else { Err(SPENT) }
}

/// A function of one value that gives it back, or another in its place.
fn pass(
    context: &mut Context<'_, 'static>,
    name: &'static str,
    judge: impl Fn(&dyn Val) -> Result<Option<Box<dyn Val>>, &'static str> + Send + Sync + 'static,
) {
    let function: Function = Box::new(move |call| {
        let value = call.args.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
        match judge(value.as_ref()) {
            Ok(None) => Ok(value),
            Ok(Some(other)) => Ok(CowVal::Owned(other)),
            Err(problem) => Err(ExecutionError::function_error(name, problem)),
        }
    });
    // Declared once and under a name of its own: there is nothing it could conflict with.
    drop(context.add_function(name, function));
}

/// A function of the values, the one before the dot first.
fn own(
    context: &mut Context<'_, 'static>,
    name: &'static str,
    make: impl Fn(Arguments<'_>) -> Outcome + Send + Sync + 'static,
) {
    let function: Function = Box::new(move |call| {
        let values: Vec<&dyn Val> =
            call.this.iter().chain(&call.args).map(|value| value.as_ref() as &dyn Val).collect();
        make(&values).map(CowVal::Owned).map_err(|problem| ExecutionError::function_error(name, problem))
    });
    drop(context.add_function(name, function));
}

fn of_text(text: String) -> Box<dyn Val> {
    Box::new(values::text_of(text))
}

fn text<'a>(arguments: Arguments<'a>, at: usize) -> Result<&'a str, &'static str> {
    arguments.get(at).and_then(|v| v.downcast_ref::<CelString>()).map(CelString::inner).ok_or("takes a text")
}

/// A text, or a number as its text.
fn plain(arguments: Arguments<'_>, at: usize) -> Result<String, &'static str> {
    let value = arguments.get(at).ok_or("takes a text or a number")?;
    if let Some(text) = value.downcast_ref::<CelString>() {
        return Ok(text.inner().to_owned());
    }
    let whole = value.downcast_ref::<CelInt>().map(|n| n.inner().to_string());
    let whole = whole.or_else(|| value.downcast_ref::<CelUInt>().map(|n| n.inner().to_string()));
    let real =
        || value.downcast_ref::<CelDouble>().filter(|n| n.inner().is_finite()).map(|n| n.inner().to_string());
    whole.or_else(real).ok_or("takes a text or a number")
}

/// A point in time from a count of units of `micros` microseconds since 1970.
fn instant(arguments: Arguments<'_>, micros: i128) -> Outcome {
    const WRONG: &str = "takes a number of seconds or milliseconds since 1970";
    let text = plain(arguments, 0)?;
    let count = Some(text.trim()).filter(|t| t.len() <= NUMBER_BYTES_MAX).and_then(decimal).ok_or(WRONG)?;
    // Nine decimal places below, so that fractions of a second stay whole.
    let at = count.checked_mul(micros).ok_or(WRONG)? / NANO;
    Ok(of_text(Micros::clamped(i64::try_from(at).map_err(|_| WRONG)?).to_string()))
}

const NANO: i128 = 1_000_000_000;

/// Decimal text in billionths.
fn decimal(text: &str) -> Option<i128> {
    let amount = Money::parse(text)?;
    Some(i128::from(amount.units) * 10_i128.pow(u32::from(SCALE_MAX - amount.scale)))
}

/// `minor(1250, 2)` is 12.50.
fn minor(arguments: Arguments<'_>) -> Outcome {
    const WRONG: &str = "takes a whole number and 0 to 9 decimal places, such as minor(1250, 2)";
    let units = plain(arguments, 0)?.trim().parse::<i64>().map_err(|_| WRONG)?;
    let scale = plain(arguments, 1)?.parse::<u8>().ok().filter(|scale| *scale <= SCALE_MAX).ok_or(WRONG)?;
    Ok(of_text(Money::new(units, scale).to_string()))
}

/// The keys of a map in their order, which no hash decides.
fn keys(map: &CelMap<'_>) -> Box<dyn Val> {
    let mut keys: Vec<CelMapKey<'static>> = map.inner().keys().map(|key| key.clone().into_static()).collect();
    keys.sort_unstable();
    Box::new(CelList::from(keys.iter().map(|key| key.inner().clone_as_boxed()).collect::<Vec<_>>()))
}
