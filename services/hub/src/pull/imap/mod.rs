//! A mailbox on an IMAP server: everything behind the kept place is fetched and appended, then the place moves on, then
//! the server is asked to say when there is more (IDLE). One loop; every failure ends the session and the next one begins
//! after a pause.
//!
//! The client is written here and not taken from a crate: it needs nine commands, and every length that the server
//! announces must be held against a limit before memory is given for it.
//!
//! Absent: STARTTLS, OAuth, several mailboxes, and trust in what the server says about numbers and sizes beyond limits.

mod connect;
mod error;
mod place;
mod session;
mod utf7;
mod wire;

pub use error::ImapError;

use super::{Fetched, GROUP_BYTES_MAX, GROUP_MAILS_MAX, Intake, State, pause, rest};
use place::{Keeper, Place};
use session::{Listed, Session, Woken};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::watch::Receiver;
use tributary_channels::pull::Imap;

/// A mail that the server refuses to give in so many sessions is noted and left.
const GIVEN_UP: u32 = 3;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// A server that is waited for says something within this time.
    pub quiet: Duration,
    /// IDLE is asked for anew after this time, far below the half hour after which servers end it: a connection that is
    /// dead without a word is found out then.
    pub renew: Duration,
    /// How often servers without IDLE are asked.
    pub poll: Duration,
    /// First pause after a failure; doubled with each one.
    pub pause_least: Duration,
    /// Longest pause.
    pub pause_most: Duration,
    /// First pause after a refused login: servers lock accounts.
    pub pause_login: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            quiet: secs(60),
            renew: secs(300),
            poll: secs(60),
            pause_least: secs(1),
            pause_most: secs(300),
            pause_login: secs(60),
        }
    }
}

/// Follows one mailbox.
pub struct Follower {
    imap: Imap,
    keeper: Keeper,
    intake: Arc<dyn Intake>,
    timing: Timing,
    /// The mail that the server refused last, and in how many sessions.
    refused: (Place, u32),
    /// Whether the running session has taken everything once.
    caught_up: bool,
}

impl Follower {
    /// A follower that keeps its place in `folder` under the channel's name.
    #[must_use]
    pub fn new(imap: Imap, folder: &Path, channel: &str, intake: Arc<dyn Intake>, timing: Timing) -> Self {
        let keeper = Keeper::new(folder, channel, &imap);
        Self { imap, keeper, intake, timing, refused: (Place::default(), 0), caught_up: false }
    }

    /// Follows until the hub stops.
    pub async fn follow(mut self, mut stopped: Receiver<bool>) {
        let mut attempts = 0_u32;
        loop {
            self.caught_up = false;
            let error = match self.session(&mut stopped).await {
                Ok(()) => return,
                Err(error) => error,
            };
            // A session that has taken everything was a good one; its end is the first failure of the next.
            attempts = if self.caught_up { 1 } else { attempts.saturating_add(1) };
            tracing::debug!(error = %error, help = error.remedy(), "an IMAP session ended");
            self.intake.report(State::Retrying { code: error.code(), attempts });
            let least = match error {
                ImapError::LoginRefused(_) => self.timing.pause_login,
                _ => self.timing.pause_least,
            };
            if rest(pause(attempts, least, self.timing.pause_most), &mut stopped).await {
                return;
            }
            self.intake.report(State::Connecting);
        }
    }

    /// One session; `Ok` = the hub stops.
    async fn session(&mut self, stopped: &mut Receiver<bool>) -> Result<(), ImapError> {
        let opening = async {
            let mut session = Session::open(&self.imap, self.timing.quiet).await?;
            if self.imap.move_to.is_some() && !session.can("MOVE") {
                return Err(ImapError::Missing("MOVE"));
            }
            let write = self.imap.seen || self.imap.move_to.is_some();
            let validity = session.select(&self.imap.folder, write).await?;
            Ok((session, validity))
        };
        let (mut session, validity) = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
            opened = opening => opened?,
        };
        let mut place = self.place(validity)?;
        loop {
            self.intake.report(State::Reading);
            let mut stop = stopped.clone();
            tokio::select! {
                // Given up between two groups or within one: what was not noted comes again.
                _ = stop.wait_for(|stopped| *stopped) => return Ok(()),
                taken = self.take_new(&mut session, &mut place) => taken?,
            }
            self.caught_up = true;
            self.intake.report(State::Waiting);
            if self.wait(&mut session, stopped).await? == Woken::Stop {
                session.close().await;
                return Ok(());
            }
        }
    }

    async fn wait(&self, session: &mut Session, stopped: &mut Receiver<bool>) -> Result<Woken, ImapError> {
        if session.can("IDLE") {
            return session.wait(self.timing.renew, stopped).await;
        }
        if rest(self.timing.poll, stopped).await {
            return Ok(Woken::Stop);
        }
        session.ask().await.map(|()| Woken::News)
    }

    /// Where to go on. A mailbox with another UIDVALIDITY has numbered its mails anew: all are read again, and those that
    /// are known are recognised as the same events.
    fn place(&self, validity: u32) -> Result<Place, ImapError> {
        let kept =
            tokio::task::block_in_place(|| self.keeper.read(self.intake.end())).map_err(ImapError::Place)?;
        if kept.validity == validity {
            return Ok(kept);
        }
        if kept.validity != 0 {
            tracing::warn!(
                imap.uidvalidity = validity,
                "the mailbox was numbered anew; all of it is read again"
            );
        }
        Ok(Place { validity, uid: 0 })
    }

    /// Takes everything behind the place.
    async fn take_new(&mut self, session: &mut Session, place: &mut Place) -> Result<(), ImapError> {
        loop {
            let listed = session.list(place.uid).await?;
            if listed.is_empty() {
                return Ok(());
            }
            let mut rest = listed.as_slice();
            while !rest.is_empty() {
                let (group, later) = rest.split_at(group(rest, self.intake.mail_max()));
                self.take_group(session, group, place).await?;
                rest = later;
            }
        }
    }

    async fn take_group(
        &mut self,
        session: &mut Session,
        group: &[Listed],
        place: &mut Place,
    ) -> Result<(), ImapError> {
        let (uids, mails) = match self.fetch(session, group).await {
            Err(ImapError::Refused { .. }) if group.len() > 1 => {
                // One of them: each for itself tells which.
                for mail in group {
                    Box::pin(self.take_group(session, std::slice::from_ref(mail), place)).await?;
                }
                return Ok(());
            }
            Err(error @ ImapError::Refused { .. }) => return self.leave(group, place, error).await,
            other => other?,
        };
        if !mails.is_empty() {
            self.intake.take(mails).await.map_err(ImapError::Store)?;
        }
        // The mails are durable: now they may be marked, and only then the place moves on. A crash before that reads
        // them again.
        if self.imap.seen && !uids.is_empty() {
            session.mark_seen(&uids).await?;
        }
        if let Some(folder) = self.imap.move_to.as_ref().filter(|_| !uids.is_empty()) {
            session.move_to(&uids, folder).await?;
        }
        self.note(group, place)
    }

    /// The mails of a group that are still there.
    async fn fetch(
        &self,
        session: &mut Session,
        group: &[Listed],
    ) -> Result<(Vec<u32>, Vec<Fetched>), ImapError> {
        let max = self.intake.mail_max();
        let uids: Vec<u32> = group.iter().map(|mail| mail.uid).collect();
        // A group of more than one mail is small; a single one may be of any size.
        let large = group.iter().find(|mail| mail.size > max as u64);
        let found = session.fetch(&uids, large.map(|_| max), max).await?;
        let whole = large.map(|mail| mail.size);
        Ok(found.into_iter().map(|(uid, body)| (uid, Fetched { body, whole })).unzip())
    }

    /// A mail that the server lists and does not give: tried in a few sessions, then noted as lost to us, so that those
    /// behind it come through.
    async fn leave(
        &mut self,
        group: &[Listed],
        place: &mut Place,
        error: ImapError,
    ) -> Result<(), ImapError> {
        let Some(mail) = group.first() else { return Ok(()) };
        let at = Place { validity: place.validity, uid: mail.uid };
        self.refused = if self.refused.0 == at { (at, self.refused.1 + 1) } else { (at, 1) };
        if self.refused.1 < GIVEN_UP {
            return Err(error);
        }
        let note = format!("the server does not give mail {} of UIDVALIDITY {}", at.uid, at.validity);
        self.intake.lost(note).await.map_err(ImapError::Store)?;
        self.note(group, place)
    }

    fn note(&self, group: &[Listed], place: &mut Place) -> Result<(), ImapError> {
        let Some(last) = group.last() else { return Ok(()) };
        let next = Place { uid: last.uid, ..*place };
        let end = self.intake.end();
        tokio::task::block_in_place(|| self.keeper.write(next, end)).map_err(ImapError::Place)?;
        *place = next;
        Ok(())
    }
}

/// How many of these mails are fetched at once; one that is larger than `max` bytes is alone.
fn group(mails: &[Listed], max: usize) -> usize {
    let (mut bytes, room) = (0_u64, GROUP_BYTES_MAX.min(max as u64));
    let fits = |mail: &&Listed| {
        bytes = bytes.saturating_add(mail.size);
        bytes <= room
    };
    mails.iter().take(GROUP_MAILS_MAX).take_while(fits).count().max(1)
}
