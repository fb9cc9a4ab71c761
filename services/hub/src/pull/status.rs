//! What each fetching task does at the moment, for `channel ls` and `/v1/channels`.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tributary_core::time::Micros;

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Looks for its source.
    Connecting,
    /// Takes mails.
    Reading,
    /// Has taken everything.
    Waiting,
    /// Tries again after a failure.
    Retrying {
        /// Stable code of the failure.
        code: &'static str,
        /// Failures in a row.
        attempts: u32,
    },
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Reading => "reading",
            Self::Waiting => "waiting",
            Self::Retrying { .. } => "retrying",
        }
    }
}

/// One source of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// `maildir` or `imap`.
    pub via: &'static str,
    /// What its task does.
    pub state: State,
    /// Since when.
    pub since: Micros,
    /// Mails taken since the hub started, copies included.
    pub taken: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Pulls {
    rows: Mutex<BTreeMap<(String, &'static str), Row>>,
}

impl Pulls {
    /// Notes what a task does from `now` on.
    pub fn set(&self, channel: &str, via: &'static str, state: State, now: Micros) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry((channel.to_owned(), via)).or_insert(Row { via, state, since: now, taken: 0 });
        if row.state.name() != state.name() {
            row.since = now;
        }
        row.state = state;
    }

    /// Counts mails that were taken.
    pub fn taken(&self, channel: &str, via: &'static str, count: u64) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows.get_mut(&(channel.to_owned(), via)) {
            row.taken += count;
        }
    }

    /// The sources of a channel.
    #[must_use]
    pub fn rows(&self, channel: &str) -> Vec<Row> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter().filter(|((name, _), _)| name == channel).map(|(_, row)| *row).collect()
    }

    /// The same in one line, such as `imap waiting`; `None` for a channel that is posted to.
    #[must_use]
    pub fn line(&self, channel: &str) -> Option<String> {
        let text = |row: &Row| match row.state {
            State::Retrying { code, .. } => format!("{} retrying: {code}", row.via),
            state => format!("{} {}", row.via, state.name()),
        };
        let lines: Vec<String> = self.rows(channel).iter().map(text).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self, channel: &str) -> Value {
        let one = |row: &Row| {
            let mut out =
                json!({"via": row.via, "state": row.state.name(), "since": row.since, "taken": row.taken});
            if let State::Retrying { code, attempts } = row.state {
                out["error"] = code.into();
                out["attempts"] = attempts.into();
            }
            out
        };
        self.rows(channel).iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Pulls, State};
    use tributary_core::time::Micros;

    #[test]
    fn a_state_keeps_its_beginning() {
        let pulls = Pulls::default();
        assert_eq!(pulls.line("mail"), None);
        let failed = |attempts| State::Retrying { code: "imap_login_refused", attempts };
        pulls.set("mail", "imap", State::Connecting, Micros(1));
        pulls.set("mail", "imap", failed(1), Micros(2));
        pulls.set("mail", "imap", failed(2), Micros(3));
        pulls.taken("mail", "imap", 7);
        pulls.set("other", "maildir", State::Waiting, Micros(4));
        let rows = pulls.rows("mail");
        assert_eq!((rows.len(), rows[0].since, rows[0].taken), (1, Micros(2), 7));
        assert_eq!(pulls.line("mail").as_deref(), Some("imap retrying: imap_login_refused"));
        assert_eq!(pulls.json("mail")[0]["attempts"], 2);
        assert_eq!(pulls.line("other").as_deref(), Some("maildir waiting"));
    }
}
