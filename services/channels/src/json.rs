//! Small helpers for hostile JSON.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// JSON as a value without the members of these names, wherever they stand. Providers send many times what is read, and most
/// of what reading costs is building it.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn value_without(json: &[u8], names: &[&str]) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Without(names).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Without<'n>(&'n [&'n str]);

/// The name of a member, borrowed unless it holds escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Without<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Without<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Name(name)) = members.next_key()? {
            if self.0.contains(&name.as_ref()) {
                members.next_value::<IgnoredAny>()?;
            } else {
                map.insert(name.into_owned(), members.next_value_seed(self)?);
            }
        }
        Ok(Value::Object(map))
    }
}

/// The JSON text with every escape of half a surrogate pair (`\ud83e` alone) replaced by `\ufffd`; `None` if there is none.
/// Providers cut texts at a number of UTF-16 units and so inside an emoji; strict parsers refuse the whole text then.
#[must_use]
pub fn without_lone_surrogates(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'\\')) {
        let escape = at + found;
        at = escape + 2;
        match (unit(bytes, escape), unit(bytes, escape + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at = escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(json.get(copied..escape)?);
                out.push_str("\\ufffd");
                at = escape + 6;
                copied = at;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(json.get(copied..)?);
    Some(out)
}

/// The UTF-16 unit of the escape `\uXXXX` that starts at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{value_without, without_lone_surrogates};
    use serde_json::{Value, json};

    #[test]
    fn values_are_what_they_are_less_some_members() {
        let text =
            br#"{"a":[1,-2,1.5,true,null,"\u9673",{"b":1,"\u0062":2,"c":{"b":[{"c":1}]}}],"b":{"x":[[]]}}"#;
        let whole: Value = serde_json::from_slice(text).expect("JSON");
        assert_eq!(value_without(text, &[]).expect("JSON"), whole);
        let less = json!({"a": [1, -2, 1.5, true, null, "陳", {"c": {}}]});
        assert_eq!(value_without(text, &["b"]).expect("JSON"), less);
        let deep = "[".repeat(10_000);
        for wrong in ["{\"b\":}", "{\"a\":1} x", "{", "", "{\"b\":[}", deep.as_str()] {
            assert!(value_without(wrong.as_bytes(), &["b"]).is_err(), "{wrong:.20}");
        }
    }

    #[test]
    fn only_half_pairs_are_replaced() {
        for (json, want) in [
            (r#""\ud83e\udd28""#, None),
            (r#""\\ud83e""#, None),
            (r#""a\ud83e""#, Some(r#""a\ufffd""#)),
            (r#""\udd28\ud83e\ud83e\udd28z""#, Some(r#""\ufffd\ufffd\ud83e\udd28z""#)),
            (r#""\u12"#, None),
            ("\\", None),
        ] {
            assert_eq!(without_lone_surrogates(json).as_deref(), want, "{json}");
        }
    }
}
