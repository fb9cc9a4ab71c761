//! Requests that the hub makes to its own door: it recognises them there, so that they count as nobody's refusal, and so that
//! another hub behind the address cannot pass for this one.

use axum::http::HeaderMap;
use std::sync::{Mutex, PoisonError};

/// Header of such a request; its value is good for one.
pub const PROBE: &str = "tributary-probe";

/// Those under way, and whether they came in.
#[derive(Debug, Default)]
pub struct Probes(Mutex<Vec<(String, bool)>>);

impl Probes {
    /// The value for one more; `None` where the system has no random numbers.
    #[must_use]
    pub fn begin(&self) -> Option<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        let word = format!("{:032x}", u128::from_be_bytes(bytes));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((word.clone(), false));
        Some(word)
    }

    /// Whether a request is one of them; it has come in then.
    #[must_use]
    pub fn came(&self, headers: &HeaderMap) -> bool {
        let Some(word) = headers.get(PROBE).and_then(|value| value.to_str().ok()) else { return false };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter_mut().find(|(known, _)| known == word);
        known.map(|(_, came)| *came = true).is_some()
    }

    /// It is over; whether it came in.
    #[must_use]
    pub fn end(&self, word: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(known, _)| known == word);
        at.is_some_and(|at| all.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::{PROBE, Probes};
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn only_what_the_hub_sent_is_its_own() {
        let probes = Probes::default();
        let word = probes.begin().expect("random numbers");
        let with = |word: &str| {
            HeaderMap::from_iter([(
                PROBE.parse().expect("a name"),
                HeaderValue::from_str(word).expect("a value"),
            )])
        };
        assert!(!probes.came(&HeaderMap::new()) && !probes.came(&with("guessed")));
        let other = probes.begin().expect("random numbers");
        assert!(!probes.end(&other), "it never came");
        assert!(probes.came(&with(&word)) && probes.end(&word));
        assert!(!probes.came(&with(&word)) && !probes.end(&word), "good for one");
    }
}
