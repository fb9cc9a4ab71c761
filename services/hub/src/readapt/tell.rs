//! What a run found, in figures and examples. Jobs are remembered, and an erasure does not reach them: no values here.

use super::{
    decide::{Decision, What},
    sweep::Read,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Facts told one by one; the rest is only counted.
const EXAMPLES_MAX: usize = 100;

/// Figures and examples.
#[derive(Default)]
pub(super) struct Told {
    pub read: Read,
    facts: BTreeMap<What, u64>,
    lowered: u64,
    examples: Vec<Value>,
}

impl Told {
    pub fn note(&mut self, decision: &Decision) {
        *self.facts.entry(decision.what).or_default() += 1;
        self.lowered += u64::from(decision.lowered);
        if self.examples.len() < EXAMPLES_MAX {
            let event = &decision.event;
            self.examples.push(json!({
                "what": decision.what, "type": event.body.type_name(), "key": event.key,
                "was": decision.was, "event": event.id, "differs": decision.parts.join(", "),
            }));
        }
    }

    /// Facts that differ.
    pub fn differing(&self) -> u64 {
        self.facts.values().sum()
    }

    pub fn facts(&self) -> Value {
        let count = |what| self.facts.get(&what).copied().unwrap_or(0);
        json!({
            "new": count(What::New), "changed": count(What::Changed), "taken_back": count(What::TakenBack),
            "understood": count(What::Understood), "not_understood": count(What::NotUnderstood),
        })
    }

    /// With what becomes of the customers.
    pub fn json(self, customers: Value) -> Value {
        let Read { requests, erased, refused, unreadable } = self.read;
        let mut told = json!({
            "facts": self.facts(),
            "customers": customers,
            "requests": requests,
            "left_alone": {"erased": erased, "refused": refused, "unreadable": unreadable},
            "examples": self.examples,
        });
        if self.lowered > 0 {
            let warning = format!(
                "{} facts have a smaller revision now than the log has of them: what their source sends next may come \
                 too late to count, until its revisions are greater",
                self.lowered
            );
            told["warning"] = warning.into();
        }
        told
    }
}
