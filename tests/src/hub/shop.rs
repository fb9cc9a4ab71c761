//! What many tests of the interface do: a hub with one channel of CloudEvents, events that must be taken, customers by their
//! identifiers, and the check that views are those of a rebuild.

use super::{Folder, Hub, channels::Source, http::Client};
use serde_json::{Value, json};

/// A folder of a hub with one channel of CloudEvents, and the channel.
#[must_use]
pub fn shop() -> (Source, Folder) {
    let source = Source::new("cloudevents", Value::Null);
    let folder = Folder::new(std::slice::from_ref(&source));
    (source, folder)
}

impl Hub {
    /// Sends a CloudEvent, which must be taken, and waits until it is folded.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn take(&self, source: &Source, event: &Value) {
        let body = event.to_string();
        let sent = source.send(&mut self.provider(), "application/cloudevents+json", body.as_bytes());
        assert_eq!(sent.status, 202, "{}", sent.text());
        self.settle();
    }
}

impl Client {
    /// The ids of all customers that have or had this identifier.
    ///
    /// # Panics
    /// Where the question is refused.
    pub fn holders(&mut self, kind: &str, value: &str) -> Vec<String> {
        let asked = json!({"identifier": {"type": kind, "value": value}});
        let answer = self.post("/v1/customers/find", &asked).must(200).json();
        let customers = answer["customers"].as_array().expect("a list").iter();
        customers.map(|c| c["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// The one customer that has this identifier.
    ///
    /// # Panics
    /// Where there is none, or another one had it.
    pub fn holder(&mut self, kind: &str, value: &str) -> String {
        let mut all = self.holders(kind, value);
        assert_eq!(all.len(), 1, "{kind} {value}: {all:?}");
        all.remove(0)
    }
}

impl Folder {
    /// Checks that the rows are what their sums say, and the views those of a rebuild, which takes their place.
    ///
    /// # Panics
    /// Where they are not.
    pub fn verify(&self, hub: &Hub) {
        for command in ["verify", "rebuild"] {
            let done = self.run(&[command, "--hub", &hub.url(), "-o", "json"]);
            let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            assert_eq!(done.status.code(), Some(0), "{command}: {out}{err}");
            let answer: Value =
                serde_json::from_str(&out).unwrap_or_else(|e| panic!("{command}: {e}: {out}"));
            match command {
                "verify" => assert_eq!(answer["ok"], true, "{answer}"),
                _ => {
                    assert_eq!(answer["result"]["equal"], true, "{answer}");
                    assert_eq!(answer["result"]["digest"], answer["result"]["old_digest"], "{answer}");
                }
            }
        }
    }
}
