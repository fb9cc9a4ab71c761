//! A request's body as JSON text: what it is, and how a list inside it is taken apart.

use super::expression::{Budget, Unreadable, Value, map_of, of_json, text_of};
use crate::{adapter::InboundRequest, json::without_lone_surrogates, web_form::urlencoded};
use cel::common::types::CelList;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap};

/// How the body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON value.
    Json,
    /// `application/x-www-form-urlencoded`: texts by name, a list of them where a name repeats.
    Form,
}

/// More fields than any form has.
const FIELDS_MAX: usize = 256;

impl Format {
    /// By the media type.
    pub(super) fn of(request: &InboundRequest<'_>) -> Option<Self> {
        match request.media_type().as_str() {
            "application/x-www-form-urlencoded" => Some(Self::Form),
            media if media == "application/json" || media == "text/json" || media.ends_with("+json") => {
                Some(Self::Json)
            }
            _ => None,
        }
    }
}

/// The body as a text that is JSON.
pub(super) fn json_text(body: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    let broken = |detail| Unreadable { reason: "malformed_json", detail };
    let text = std::str::from_utf8(body).map_err(|_| broken("not UTF-8"))?;
    let whole = match without_lone_surrogates(text) {
        Some(mended) => Cow::Owned(mended),
        None => Cow::Borrowed(text),
    };
    serde_json::from_str::<&RawValue>(&whole).map_err(|_| broken("the body is not JSON"))?;
    Ok(whole)
}

/// The value of a JSON text.
pub(super) fn value(text: &str, budget: &Budget) -> Result<Value, Unreadable> {
    let raw = serde_json::from_str::<&RawValue>(text)
        .map_err(|_| Unreadable { reason: "malformed_json", detail: "the body is not JSON" })?;
    of_json(raw, budget)
}

/// The value of a form's body.
pub(super) fn form(body: &[u8], budget: &Budget) -> Result<Value, Unreadable> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (count, (name, value)) in urlencoded::pairs(body).enumerate() {
        if count == FIELDS_MAX {
            return Err(Unreadable { reason: "too_many_fields", detail: "a form of more than 256 fields" });
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.entry(text(&name)).or_default().push(text(&value));
    }
    if fields.is_empty() {
        return Err(Unreadable { reason: "empty_form", detail: "no field holds anything" });
    }
    if !budget.take((body.len() / 32) as u64) {
        return Err(Unreadable { reason: "too_much_work", detail: "the form is too large" });
    }
    let one_or_all = |mut values: Vec<String>| -> Value {
        match (values.pop(), values.is_empty()) {
            (Some(only), true) => Box::new(text_of(only)),
            (last, _) => {
                let all = values.into_iter().chain(last).map(|text| Box::new(text_of(text)) as Value);
                Box::new(CelList::from(all.collect::<Vec<_>>()))
            }
        }
    };
    Ok(map_of(fields.into_iter().map(|(name, values)| (name, one_or_all(values)))))
}

/// A JSON text with the place of one list in it.
pub(super) struct Batch<'t> {
    before: &'t str,
    after: &'t str,
    /// The elements' own texts.
    pub(super) items: Vec<&'t str>,
}

impl<'t> Batch<'t> {
    /// Finds the list at this path.
    pub(super) fn find(text: &'t str, path: &[String]) -> Option<Self> {
        let mut part: &'t RawValue = serde_json::from_str(text).ok()?;
        for name in path {
            let mut fields: BTreeMap<Cow<'t, str>, &'t RawValue> = serde_json::from_str(part.get()).ok()?;
            part = fields.remove(name.as_str())?;
        }
        let list = part.get();
        let items: Vec<&'t RawValue> = serde_json::from_str(list).ok()?;
        // The list is a part of the text, so the distance of their beginnings is its place.
        let start = list.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let (before, after) = (text.get(..start)?, text.get(start.checked_add(list.len())?..)?);
        Some(Self { before, after, items: items.into_iter().map(RawValue::get).collect() })
    }

    /// The text with an empty list in the list's place: what all elements have in common.
    pub(super) fn common(&self) -> String {
        self.alone("")
    }

    /// The text with this element alone in the list.
    pub(super) fn alone(&self, item: &str) -> String {
        [self.before, "[", item, "]", self.after].concat()
    }

    /// Bytes of what all elements have in common.
    pub(super) fn common_bytes(&self) -> usize {
        self.before.len() + self.after.len() + 2
    }
}
