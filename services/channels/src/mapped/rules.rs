//! The `events` of a channel's settings: which facts a payload states and where in it they stand.

use super::{
    expression::{Expression, Failed, Scope, quote},
    fields::{self, Shape},
    template::Template,
};
use crate::{cloudevents, settings::SettingsError};
use serde_json::{Map, Value, value::RawValue};
use tributary_core::{body::TYPE_PREFIX, draft::Draft, time::Micros};

/// Facts that one payload may state; each is tried on every payload.
const RULES_MAX: usize = 32;
/// Longest key. Also what `data.key` may hold.
const KEY_BYTES_MAX: usize = 512;
/// Longest type that an error repeats.
const TYPE_BYTES_MAX: usize = 80;
/// Identifier types whose values are personal: a key that holds one would stand in clear for ever.
const PERSONAL: [&str; 4] = ["email", "phone", "line", "carrier"];
/// Shorter values occur by chance.
const PERSONAL_BYTES_MIN: usize = 6;

/// One entry of `events`.
pub(super) struct Rule {
    /// Such as `events.0`.
    at: String,
    when: Option<Expression>,
    kind: Template,
    key: Template,
    time: Option<Template>,
    /// What every event may hold.
    common: Vec<(String, Template)>,
    /// The bodies it may have; the type says which one it has.
    bodies: Vec<(String, Template)>,
}

/// What a rule makes of a payload.
pub(super) enum Outcome {
    /// Its `when` does not hold.
    Passed,
    /// A fact, and everything it states as text: two facts of one key must be equal.
    Stated(Box<Draft>, String),
    /// It holds, but the payload does not fit: stable reason and where.
    Unfit(&'static str, String),
}

/// Reads the setting `events`.
pub(super) fn read(value: Option<&Value>, variables: &[&str]) -> Result<Vec<Rule>, SettingsError> {
    let wrong = |problem: String| SettingsError::new("events", problem);
    let Some(value) = value else {
        return Err(wrong(
            "is missing: what a payload states, as [[channels.NAME.events]] with type and key".into(),
        ));
    };
    let list = value.as_array().filter(|list| (1..=RULES_MAX).contains(&list.len()));
    let list = list
        .ok_or_else(|| wrong(format!("must be 1 to {RULES_MAX} tables, written [[channels.NAME.events]]")))?;
    list.iter()
        .enumerate()
        .map(|(index, rule)| Rule::read(&format!("events.{index}"), rule, variables))
        .collect()
}

impl Rule {
    fn read(at: &str, value: &Value, variables: &[&str]) -> Result<Self, SettingsError> {
        let Value::Object(table) = value else { return Err(SettingsError::new(at, "must be a table")) };
        let template = |name: &str, shape: &'static Shape| {
            let value = table.get(name)?;
            Some(Template::read(&format!("{at}.{name}"), value, shape, variables))
        };
        let needed = |name: &str, shape: &'static Shape, what: &str| {
            let missing = || Err(SettingsError::new(&format!("{at}.{name}"), format!("is missing: {what}")));
            template(name, shape).unwrap_or_else(missing)
        };
        let kind = needed("type", &Shape::Word, "what it is, such as \"message\" or \"purchase\"")?;
        let key = needed(
            "key",
            &Shape::Value,
            "the fact's own name at its source, such as '\"order/\" + payload.id'",
        )?;
        let time = template("time", &Shape::Value).transpose()?;
        let when = match table.get("when") {
            None => None,
            Some(Value::String(source)) => {
                let setting = format!("{at}.when");
                let compiled = Expression::compile(&setting, source, variables);
                Some(compiled.map_err(|wrong| SettingsError::new(&setting, wrong.0))?)
            }
            Some(_) => {
                return Err(SettingsError::new(&format!("{at}.when"), "must be an expression in quotes"));
            }
        };
        let mut rule =
            Self { at: at.to_owned(), when, kind, key, time, common: Vec::new(), bodies: Vec::new() };
        rule.read_rest(table, variables)?;
        rule.check_type()?;
        Ok(rule)
    }

    fn read_rest(&mut self, table: &Map<String, Value>, variables: &[&str]) -> Result<(), SettingsError> {
        for (name, value) in table {
            if matches!(name.as_str(), "type" | "key" | "time" | "when") {
                continue;
            }
            let at = format!("{}.{name}", self.at);
            let (list, shape) = match (fields::common(name), fields::body(name)) {
                (Some(shape), _) => (&mut self.common, shape),
                (None, Some(shape)) => (&mut self.bodies, shape),
                (None, None) => {
                    let common = fields::COMMON.iter().map(|(name, _)| *name);
                    let bodies = fields::BODIES.iter().map(|(name, _)| *name);
                    let known: Vec<&str> =
                        ["when", "type", "key", "time"].into_iter().chain(common).chain(bodies).collect();
                    let problem = format!("is no part of an event; there are: {}", known.join(", "));
                    return Err(SettingsError::new(&at, problem));
                }
            };
            list.push((name.clone(), Template::read(&at, value, shape, variables)?));
        }
        Ok(())
    }

    /// A type that is the same for every payload must be one, and have its body.
    fn check_type(&self) -> Result<(), SettingsError> {
        let Some(word) = self.kind.word() else { return Ok(()) };
        let name = body_name(word);
        if !fields::is_body(name) {
            let known: Vec<&str> = fields::BODIES.iter().map(|(name, _)| *name).chain(["profile"]).collect();
            let problem = format!("is no type of event; there are: {}", known.join(", "));
            return Err(SettingsError::new(&format!("{}.type", self.at), problem));
        }
        let there = self.common.iter().chain(&self.bodies).any(|(known, _)| known == name);
        if !there && name != "follow" {
            let problem = format!("is missing: an event of type {word} says what happened in it");
            return Err(SettingsError::new(&format!("{}.{name}", self.at), problem));
        }
        match self.bodies.iter().find(|(known, _)| known != name) {
            Some((other, _)) => Err(SettingsError::new(
                &format!("{}.{other}", self.at),
                format!("does not go with type {word}; write another [[channels.NAME.events]] for it"),
            )),
            None => Ok(()),
        }
    }

    /// What the payload states by this rule.
    pub(super) fn apply(&self, scope: &Scope<'_>) -> Outcome {
        match self.holds(scope) {
            Ok(false) => Outcome::Passed,
            Ok(true) => self.state(scope).unwrap_or_else(|(reason, detail)| Outcome::Unfit(reason, detail)),
            Err(Failed(detail)) => Outcome::Unfit("expression_failed", detail),
        }
    }

    fn holds(&self, scope: &Scope<'_>) -> Result<bool, Failed> {
        let Some(when) = &self.when else { return Ok(true) };
        let value = when.evaluate(scope)?;
        let flag = value.downcast_ref::<cel::common::types::CelBool>().map(|flag| *flag.inner());
        flag.ok_or_else(|| Failed(format!("{}: gives neither true nor false", when.setting)))
    }

    fn state(&self, scope: &Scope<'_>) -> Result<Outcome, (&'static str, String)> {
        let kind = self.text(&self.kind, "type", scope)?.unwrap_or_default();
        let name = body_name(&kind);
        if !fields::is_body(name) {
            let plain = kind.len() <= TYPE_BYTES_MAX
                && kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
            let shown = if plain { kind.as_str() } else { "it" };
            return Err(("unknown_event_type", format!("{}.type: {shown} is no type of event", self.at)));
        }
        let key = self.text(&self.key, "key", scope)?.unwrap_or_default();
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err((
                "missing_field",
                format!("{}.key: gives no text of 1 to {KEY_BYTES_MAX} bytes", self.at),
            ));
        }
        let time = match &self.time {
            None => None,
            Some(time) => self.text(time, "time", scope)?.map(|text| self.instant(&text)).transpose()?,
        };
        let data = self.data(name, &key, scope)?;
        let stated = format!("{kind}\n{time:?}\n{data}");
        let full = if kind.starts_with(TYPE_PREFIX) { kind } else { format!("{TYPE_PREFIX}{kind}") };
        let raw: &RawValue = serde_json::from_str(&data)
            .map_err(|_| ("invalid_value", format!("{}: what it gives is no event", self.at)))?;
        let draft = cloudevents::stated(key, full, time, raw)
            .map_err(|refused| (refused.code, self.place(&refused.detail)))?;
        if let Some(kind) = personal_in_key(&draft) {
            let detail = format!(
                "{}.key: holds the value of type {kind}, and keys stand in clear; write digest(...) around it",
                self.at
            );
            return Err(("personal_key", detail));
        }
        Ok(Outcome::Stated(Box::new(draft), stated))
    }

    /// The place in the settings that a CloudEvent's `data.x` comes from.
    fn place(&self, detail: &str) -> String {
        match detail.strip_prefix("data.") {
            Some(rest) => format!("{}.{rest}", self.at),
            None => format!("{}: {detail}", self.at),
        }
    }

    /// What it states as `data` of a CloudEvent.
    fn data(&self, body: &str, key: &str, scope: &Scope<'_>) -> Result<String, (&'static str, String)> {
        let mut out = String::from("{\"key\":");
        quote(key, &mut out);
        let parts = self.common.iter().chain(self.bodies.iter().filter(|(name, _)| name == body));
        for (name, template) in parts {
            out.push(',');
            quote(name, &mut out);
            out.push(':');
            template.write(scope, &mut out).map_err(|Failed(detail)| ("expression_failed", detail))?;
        }
        out.push('}');
        Ok(out)
    }

    /// The template's text; a number counts as its text, null as none.
    fn text(
        &self,
        template: &Template,
        name: &str,
        scope: &Scope<'_>,
    ) -> Result<Option<String>, (&'static str, String)> {
        let mut json = String::new();
        let there =
            template.write(scope, &mut json).map_err(|Failed(detail)| ("expression_failed", detail))?;
        if !there {
            return Ok(None);
        }
        match json.as_bytes().first() {
            Some(b'"') => serde_json::from_str(&json).map(Some).ok(),
            Some(b'{' | b'[' | b't' | b'f') => None,
            _ => Some(Some(json)),
        }
        .ok_or_else(|| ("invalid_value", format!("{}.{name}: gives no text", self.at)))
    }

    fn instant(&self, text: &str) -> Result<Micros, (&'static str, String)> {
        Micros::parse(text).ok_or_else(|| {
            let detail = format!(
                "{}.time: gives no RFC 3339 time with an offset; see local_time(), unix() and unix_ms()",
                self.at
            );
            ("invalid_value", detail)
        })
    }
}

/// `message` of `message.sent` and of `tributary.v1.message.sent`.
fn body_name(kind: &str) -> &str {
    kind.strip_prefix(TYPE_PREFIX).unwrap_or(kind).split('.').next().unwrap_or_default()
}

fn personal_in_key(draft: &Draft) -> Option<&str> {
    let claim = draft.identifiers.iter().find(|claim| {
        PERSONAL.contains(&claim.kind.as_str())
            && claim.value.len() >= PERSONAL_BYTES_MIN
            && draft.key.contains(&claim.value)
    });
    claim.map(|claim| claim.kind.as_str())
}
