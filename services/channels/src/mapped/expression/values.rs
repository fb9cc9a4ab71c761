//! Values of payloads and of expressions, from JSON and back.

use super::{Budget, budget::text_work};
use cel::common::{
    types::{
        CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional, CelString, CelUInt,
    },
    value::Val,
};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

/// A value that expressions work with.
pub(in crate::mapped) type Value = Box<dyn Val>;

/// Deepest nesting of a payload: every level is one more call on the stack, and one more pass over the text.
const DEPTH_MAX: usize = 32;
/// Digits that a floating-point number holds without loss.
const EXACT_DIGITS: usize = 15;
/// Longest JSON that one event's expressions may give: larger content belongs into an attachment.
const OUTPUT_BYTES_MAX: usize = 512 * 1024;

/// Why a text is no payload: a stable code and where.
#[derive(Debug)]
pub(in crate::mapped) struct Unreadable {
    pub(in crate::mapped) reason: &'static str,
    pub(in crate::mapped) detail: &'static str,
}

const TOO_LARGE: Unreadable =
    Unreadable { reason: "too_much_work", detail: "the payload holds too many values" };

/// The value of a JSON text. Numbers that a machine number does not hold exactly are their text.
pub(in crate::mapped) fn of_json(json: &RawValue, budget: &Budget) -> Result<Value, Unreadable> {
    read(json.get(), DEPTH_MAX, budget)
}

fn read(json: &str, depth: usize, budget: &Budget) -> Result<Value, Unreadable> {
    let broken = |_| Unreadable { reason: "malformed_json", detail: "a text holds half of a character" };
    if depth == 0 {
        return Err(Unreadable { reason: "malformed_json", detail: "nested too deeply" });
    }
    if !budget.take(VALUE_WORK + text_work(json.len().min(TEXT_MAX))) {
        return Err(TOO_LARGE);
    }
    Ok(match json.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).map_err(broken)?;
            let mut map: HashMap<CelMapKey<'static>, Value> = HashMap::with_capacity(fields.len());
            for (name, value) in fields {
                let name = CelMapKey::String(CelString::from(name.into_owned()));
                map.insert(name, read(value.get(), depth - 1, budget)?);
            }
            Box::new(CelMap::from(map))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json).map_err(broken)?;
            let items: Result<Vec<Value>, Unreadable> =
                items.into_iter().map(|item| read(item.get(), depth - 1, budget)).collect();
            Box::new(CelList::from(items?))
        }
        Some(b'"') => Box::new(text_of(serde_json::from_str::<String>(json).map_err(broken)?)),
        Some(b't') => Box::new(CelBool::from(true)),
        Some(b'f') => Box::new(CelBool::from(false)),
        Some(b'n') => Box::new(CelNull),
        _ => number(json),
    })
}

/// Work for a value of a payload besides its text: making it costs more than looking at it, and up to 250 bytes of memory.
const VALUE_WORK: u64 = 7;
/// Containers are paid for by their elements, so their own text counts only up to this.
const TEXT_MAX: usize = 64;

/// A map of these entries.
pub(in crate::mapped) fn map_of(entries: impl Iterator<Item = (String, Value)>) -> Value {
    let entries = entries.map(|(name, value)| (CelMapKey::String(text_of(name)), value));
    Box::new(CelMap::from(entries.collect::<HashMap<CelMapKey<'static>, Value>>()))
}

/// A text as a value.
pub(in crate::mapped) fn text_of(text: String) -> CelString<'static> {
    CelString::from(text)
}

fn number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Box::new(CelInt::from(whole));
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Box::new(CelUInt::from(whole));
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    match text.parse::<f64>() {
        Ok(real) if real.is_finite() && digits <= EXACT_DIGITS => Box::new(CelDouble::from(real)),
        _ => Box::new(text_of(text.to_owned())),
    }
}

/// Appends the value as JSON; `false` if there is none to append, because it is null or absent. The names of maps come in
/// order, whole numbers without a fraction.
///
/// # Errors
/// What about the value is no JSON.
pub(in crate::mapped) fn write_json(value: &dyn Val, out: &mut String) -> Result<bool, &'static str> {
    let there = write(value, out)?;
    if out.len() > OUTPUT_BYTES_MAX { Err("gives more than an event holds") } else { Ok(there) }
}

fn write(value: &dyn Val, out: &mut String) -> Result<bool, &'static str> {
    if let Some(optional) = value.downcast_ref::<CelOptional>() {
        return match optional.option() {
            Some(inner) => write_json(inner, out),
            None => {
                out.push_str("null");
                Ok(false)
            }
        };
    }
    if let Some(text) = value.downcast_ref::<CelString>() {
        quote(text.inner(), out);
    } else if let Some(whole) = value.downcast_ref::<CelInt>() {
        out.push_str(&whole.inner().to_string());
    } else if let Some(whole) = value.downcast_ref::<CelUInt>() {
        out.push_str(&whole.inner().to_string());
    } else if let Some(flag) = value.downcast_ref::<CelBool>() {
        out.push_str(if *flag.inner() { "true" } else { "false" });
    } else if let Some(real) = value.downcast_ref::<CelDouble>() {
        if !real.inner().is_finite() {
            return Err("gives a number without end");
        }
        out.push_str(&real.inner().to_string());
    } else if value.downcast_ref::<CelNull>().is_some() {
        out.push_str("null");
        return Ok(false);
    } else {
        return composite(value, out);
    }
    Ok(true)
}

fn composite(value: &dyn Val, out: &mut String) -> Result<bool, &'static str> {
    if let Some(list) = value.downcast_ref::<CelList>() {
        out.push('[');
        for (index, item) in list.inner().iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_json(item.as_ref(), out)?;
        }
        out.push(']');
    } else if let Some(map) = value.downcast_ref::<CelMap>() {
        let mut fields: Vec<_> = map.inner().iter().collect();
        fields.sort_unstable_by(|a, b| a.0.cmp(b.0));
        out.push('{');
        for (index, (name, item)) in fields.into_iter().enumerate() {
            let CelMapKey::String(name) = name else { return Err("gives a map whose keys are no texts") };
            if index > 0 {
                out.push(',');
            }
            quote(name.inner(), out);
            out.push(':');
            write_json(item.as_ref(), out)?;
        }
        out.push('}');
    } else {
        return Err("gives bytes or a type, which no event holds");
    }
    Ok(true)
}

/// Appends a text as JSON.
pub(in crate::mapped) fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
