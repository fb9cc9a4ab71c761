//! Tokens of signatures that do not cover the content: each belongs to the content it first came with. The same content
//! again is a redelivery and welcome. Kept in memory: a restart forgets them, and what was overheard before can then be
//! used once more until its timestamp is too old.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tributary_channels::adapter::Once;
use tributary_core::time::Micros;

/// Tokens remembered, about 150 bytes each: nine hours of three mails a second.
const TOKENS_MAX: usize = 100_000;

/// What came with which token.
#[derive(Default)]
pub struct Seen {
    tokens: Mutex<HashMap<(String, String), (String, Micros)>>,
}

impl Seen {
    /// Whether the token is new or came with the same content before. A new one is remembered.
    pub fn fits(&self, channel: &str, once: Once, now: Micros) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (channel.to_owned(), once.token);
        if let Some((content, _)) = tokens.get(&key) {
            return *content == once.content;
        }
        if tokens.len() >= TOKENS_MAX {
            tokens.retain(|_, (_, until)| *until > now);
        }
        if tokens.len() >= TOKENS_MAX {
            // Rather forget what is soon too old than refuse mail.
            let mut times: Vec<Micros> = tokens.values().map(|(_, until)| *until).collect();
            let (_, middle, _) = times.select_nth_unstable(TOKENS_MAX / 2);
            let middle = *middle;
            tokens.retain(|_, (_, until)| *until > middle);
        }
        tokens.insert(key, (once.content, once.until));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, TOKENS_MAX};
    use tributary_channels::adapter::Once;
    use tributary_core::time::Micros;

    fn once(token: &str, content: &str, until: i64) -> Once {
        Once { token: token.into(), content: content.into(), until: Micros(until) }
    }

    #[test]
    fn a_token_has_one_content() {
        let seen = Seen::default();
        for (channel, token, content, fits) in [
            ("a", "t", "1", true),
            ("a", "t", "1", true),
            ("a", "t", "2", false),
            ("a", "t", "1", true),
            ("a", "u", "2", true),
            ("b", "t", "2", true),
        ] {
            assert_eq!(
                seen.fits(channel, once(token, content, 9), Micros(0)),
                fits,
                "{channel} {token} {content}"
            );
        }
    }

    #[test]
    fn memory_is_bounded() {
        let seen = Seen::default();
        for number in 0..TOKENS_MAX as i64 + 10 {
            assert!(seen.fits("a", once(&number.to_string(), "1", number), Micros(-1)));
        }
        let held = seen.tokens.lock().unwrap().len();
        assert!((TOKENS_MAX / 3..=TOKENS_MAX).contains(&held), "{held}");
        assert!(!seen.fits("a", once(&TOKENS_MAX.to_string(), "2", 9), Micros(0)), "the newest are kept");
    }
}
