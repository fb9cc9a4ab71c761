//! Mail that the hub fetches itself. One task for each source, which hands raw mails to the channel's adapter and notes
//! how far it has come only when they are durable. Reading a mail twice is harmless: it is the same event.
//!
//! Absent: decoding, and any belief that a mail is new because its source says so.

pub mod imap;
pub mod maildir;
mod status;

pub use status::{Pulls, Row, State};

use crate::{hub::Hub, ingress::decode_verified, problem::Problem};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch::Receiver, task::JoinHandle};
use tributary_channels::{
    adapter::{InboundRequest, Method, Unrecognised},
    pull::{CUT_HEADER, Pull},
};
use tributary_core::{event::Event, seal::Raw};

/// Mails appended at once: one sync for all of them.
pub const GROUP_MAILS_MAX: usize = 50;
/// Bytes of mail held at once; a larger mail is a group of its own.
pub const GROUP_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Failures in a row from which on the log says error and not warning.
pub const ALARM: u32 = 5;

/// One mail as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes, at most what the channel takes.
    pub body: Vec<u8>,
    /// Its size, if the source holds more than was fetched.
    pub whole: Option<u64>,
}

/// Where fetched mails go.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Decodes and appends mails. When this returns all of them are durable.
    ///
    /// # Errors
    /// Nothing or a part of it was appended; all of it has to come again.
    async fn take(&self, mails: Vec<Fetched>) -> Result<(), Problem>;

    /// Keeps a note of a mail that its source lists and never gives.
    ///
    /// # Errors
    /// The note is not durable.
    async fn lost(&self, note: String) -> Result<(), Problem>;

    /// Origin and end of the log: a place that is not in it belongs to another log.
    fn end(&self) -> (u32, u64);

    /// Largest mail in bytes.
    fn mail_max(&self) -> usize;

    /// Tells what the source's task does now.
    fn report(&self, state: State);
}

/// Starts the tasks of all channels that fetch.
#[must_use]
pub fn start(hub: &Arc<Hub>, stopped: &Receiver<bool>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for channel in &hub.config.channels {
        for pull in channel.adapter.pulls() {
            let name = channel.context.name.clone();
            let via = match &pull {
                Pull::Maildir(_) => "maildir",
                Pull::Imap(_) => "imap",
            };
            let intake = Arc::new(HubIntake { hub: Arc::clone(hub), name: name.clone(), via });
            intake.report(State::Connecting);
            let stopped = stopped.clone();
            tasks.push(match pull {
                Pull::Maildir(settings) => {
                    tokio::spawn(maildir::follow(settings, intake, maildir::INTERVAL, stopped))
                }
                Pull::Imap(settings) => {
                    let folder = hub.config.hub.data_dir.join("pull");
                    let follower =
                        imap::Follower::new(settings, &folder, &name, intake, imap::Timing::default());
                    tokio::spawn(follower.follow(stopped))
                }
            });
        }
    }
    tasks
}

/// The hub as the place that mails go to.
struct HubIntake {
    hub: Arc<Hub>,
    name: String,
    via: &'static str,
}

impl HubIntake {
    fn decode(&self, mails: Vec<Fetched>) -> Vec<Event> {
        let Some(channel) = self.hub.channel(&self.name) else { return Vec::new() };
        let mut events = Vec::new();
        for mail in mails {
            let headers: Vec<(String, String)> =
                mail.whole.iter().map(|size| (CUT_HEADER.to_owned(), size.to_string())).collect();
            let request = InboundRequest {
                method: Method::Post,
                query: "",
                headers: &headers,
                body: &mail.body,
                received_at: self.hub.now(),
                public_url: None,
            };
            match decode_verified(&self.hub, channel, &request) {
                Ok((found, _)) => events.extend(found),
                // Nobody is there to be told: what the adapter would refuse is kept.
                Err(problem) => events.extend(self.unrecognised("refused", problem.code, mail.body)),
            }
        }
        events
    }

    fn unrecognised(&self, reason: &'static str, detail: &str, body: Vec<u8>) -> Vec<Event> {
        let Some(channel) = self.hub.channel(&self.name) else { return Vec::new() };
        let rest = Unrecognised { reason, detail: detail.to_owned(), raw: Raw { headers: Vec::new(), body } };
        self.hub.events(&channel.context, Vec::new(), vec![rest], self.hub.now())
    }
}

#[async_trait]
impl Intake for HubIntake {
    async fn take(&self, mails: Vec<Fetched>) -> Result<(), Problem> {
        let count = mails.len() as u64;
        let events = tokio::task::block_in_place(|| self.decode(mails));
        self.hub.store(&self.name, events).await?;
        self.hub.pulls.taken(&self.name, self.via, count);
        Ok(())
    }

    async fn lost(&self, note: String) -> Result<(), Problem> {
        let events = self.unrecognised("mail_not_given", &note, note.clone().into_bytes());
        self.hub.store(&self.name, events).await.map(|_| ())
    }

    fn end(&self) -> (u32, u64) {
        (self.hub.log.origin().0, self.hub.log.end())
    }

    fn mail_max(&self) -> usize {
        self.hub.channel(&self.name).map_or(0, |channel| channel.registration.body_max)
    }

    fn report(&self, state: State) {
        if let State::Retrying { code, attempts } = state {
            self.hub.metrics.pull_failed(&self.name, code);
            if attempts >= ALARM {
                tracing::error!(channel.name = %self.name, pull.via = self.via, code, attempts, "mail cannot be fetched");
            } else {
                tracing::warn!(channel.name = %self.name, pull.via = self.via, code, attempts, "mail cannot be fetched");
            }
        }
        self.hub.metrics.pull_connected(&self.name, matches!(state, State::Reading | State::Waiting));
        self.hub.pulls.set(&self.name, self.via, state, self.hub.now());
    }
}

/// How long to wait after so many failures in a row: doubled each time, and spread, so that many hubs do not come back at
/// one moment.
#[must_use]
pub fn pause(attempts: u32, least: Duration, most: Duration) -> Duration {
    let doubled = least.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(most);
    let mut byte = [0_u8; 1];
    // Without randomness all wait the same time, which still is a pause.
    let _ = getrandom::fill(&mut byte);
    doubled.mul_f64(0.75 + f64::from(byte[0]) / 1024.0)
}

/// Waits, or less if the hub stops; whether it stops.
pub(crate) async fn rest(time: Duration, stopped: &mut Receiver<bool>) -> bool {
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => true,
        () = tokio::time::sleep(time) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::pause;
    use std::time::Duration;

    #[test]
    fn pauses_grow_to_their_limit() {
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(300));
        for (attempts, want) in
            [(0, 1.0), (1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0), (10, 300.0), (u32::MAX, 300.0)]
        {
            let got = pause(attempts, least, most).as_secs_f64();
            assert!((0.75 * want..=want).contains(&got), "{attempts}: {got}");
        }
    }
}
