//! A logged-in session with one mailbox open: the few commands that fetching mail takes.

use super::{
    connect::{self},
    error::ImapError,
    utf7,
    wire::{Outcome, Response, Token, Wire},
};
use std::{collections::BTreeSet, fmt::Write as _, time::Duration};
use tokio::sync::watch::Receiver;
use tributary_channels::pull::Imap;

/// Mails listed at once; the rest is listed when these are taken.
pub const LIST_MAX: usize = 100_000;

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There may be something new.
    News,
    /// The hub stops.
    Stop,
}

/// A session.
pub struct Session {
    wire: Wire,
    number: u32,
    abilities: BTreeSet<String>,
    /// Mails in the mailbox, as the server last said.
    exists: u32,
}

/// One mail of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number, which never changes while UIDVALIDITY stays.
    pub uid: u32,
    /// Its size in bytes, as the server says.
    pub size: u64,
}

impl Session {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`ImapError`]; the connection is closed.
    pub async fn open(imap: &Imap, quiet: Duration) -> Result<Self, ImapError> {
        let wire = Wire::new(connect::open(imap, quiet).await?, quiet);
        let mut session = Self { wire, number: 0, abilities: BTreeSet::new(), exists: 0 };
        match session.wire.response(0).await? {
            Response::Status(_, Outcome::Ok, _) => {}
            Response::Status(_, Outcome::Bye, _) => return Err(ImapError::Closed),
            _ => return Err(ImapError::Protocol("no greeting")),
        }
        session.ask_abilities().await?;
        if session.can("LOGINDISABLED") {
            return Err(ImapError::LoginRefused("[LOGINDISABLED]".to_owned()));
        }
        let password = String::from_utf8_lossy(imap.password.bytes()).into_owned();
        let login = format!("LOGIN {} {}", quoted(&imap.user), quoted(&password));
        match session.command("LOGIN", &login, 0, &mut |_| Ok(())).await {
            Err(ImapError::Refused { code, .. }) => return Err(ImapError::LoginRefused(code)),
            other => other?,
        };
        // Some servers can more once they know who asks.
        session.ask_abilities().await?;
        Ok(session)
    }

    async fn ask_abilities(&mut self) -> Result<(), ImapError> {
        let mut found = BTreeSet::new();
        let mut note = |tokens: Vec<Token>| {
            if word(&tokens, 0).is_some_and(|name| name.eq_ignore_ascii_case("CAPABILITY")) {
                found.extend(
                    (1..tokens.len()).filter_map(|at| word(&tokens, at)).map(str::to_ascii_uppercase),
                );
            }
            Ok(())
        };
        self.command("CAPABILITY", "CAPABILITY", 0, &mut note).await?;
        self.abilities = found;
        Ok(())
    }

    /// Whether the server announces this.
    #[must_use]
    pub fn can(&self, ability: &str) -> bool {
        self.abilities.contains(ability)
    }

    /// Opens a mailbox, to be read only unless `write`; its UIDVALIDITY.
    pub async fn select(&mut self, folder: &str, write: bool) -> Result<u32, ImapError> {
        let name = if write { "SELECT" } else { "EXAMINE" };
        let line = format!("{name} {}", quoted(&utf7::encode(folder)));
        let mut validity = None;
        self.run(name, &line, 0, &mut |_| Ok(()), &mut |said| {
            let upper = said.to_ascii_uppercase();
            let number = upper.split("[UIDVALIDITY ").nth(1).and_then(|rest| rest.split(']').next());
            validity = validity.or_else(|| number.and_then(|n| n.trim().parse().ok()));
        })
        .await?;
        validity.ok_or(ImapError::Missing("UIDVALIDITY in this mailbox"))
    }

    /// The mails behind `after`, at most [`LIST_MAX`], by their numbers.
    pub async fn list(&mut self, after: u32) -> Result<Vec<Listed>, ImapError> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let mut found: Vec<Listed> = Vec::new();
        let mut note = |tokens: Vec<Token>| {
            // A range that ends in `*` always holds the last mail, even one before its beginning.
            if let Some(uid) =
                number(&tokens, "UID").and_then(|n| u32::try_from(n).ok()).filter(|uid| *uid >= first)
                && found.len() < LIST_MAX
            {
                found.push(Listed { uid, size: number(&tokens, "RFC822.SIZE").unwrap_or(0) });
            }
            Ok(())
        };
        match self.command("UID FETCH", &format!("UID FETCH {first}:* (UID RFC822.SIZE)"), 0, &mut note).await
        {
            // In an empty mailbox some servers take `*` for a mail that is not there.
            Err(ImapError::Refused { .. }) if self.exists == 0 => {}
            other => other?,
        }
        found.sort_by_key(|mail| mail.uid);
        found.dedup_by_key(|mail| mail.uid);
        Ok(found)
    }

    /// The bytes of these mails in order; those that are gone are left out. `cut` fetches only the first bytes of each.
    pub async fn fetch(
        &mut self,
        uids: &[u32],
        cut: Option<usize>,
        mut room: usize,
    ) -> Result<Vec<(u32, Vec<u8>)>, ImapError> {
        let part = cut.map_or_else(String::new, |bytes| format!("<0.{bytes}>"));
        let line = format!("UID FETCH {} (UID BODY.PEEK[]{part})", set(uids));
        let mut found: Vec<(u32, Vec<u8>)> = Vec::new();
        let limit = room;
        let mut note = |mut tokens: Vec<Token>| {
            let uid = number(&tokens, "UID").and_then(|n| u32::try_from(n).ok());
            let Some(uid) = uid.filter(|uid| uids.contains(uid) && !found.iter().any(|(u, _)| u == uid))
            else {
                return Ok(());
            };
            let Some(body) = body(&mut tokens) else { return Ok(()) };
            room = room.checked_sub(body.len()).ok_or(ImapError::TooLarge("mails of a group"))?;
            found.push((uid, body));
            Ok(())
        };
        self.command("UID FETCH", &line, limit, &mut note).await?;
        found.sort_by_key(|(uid, _)| *uid);
        Ok(found)
    }

    /// Marks mails as seen.
    pub async fn mark_seen(&mut self, uids: &[u32]) -> Result<(), ImapError> {
        let line = format!("UID STORE {} +FLAGS.SILENT (\\Seen)", set(uids));
        self.command("UID STORE", &line, 0, &mut |_| Ok(())).await.map(|_| ())
    }

    /// Moves mails into another mailbox.
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<(), ImapError> {
        let line = format!("UID MOVE {} {}", set(uids), quoted(&utf7::encode(folder)));
        self.command("UID MOVE", &line, 0, &mut |_| Ok(())).await.map(|_| ())
    }

    /// Waits until the server has news, at most for `time`.
    pub async fn wait(&mut self, time: Duration, stopped: &mut Receiver<bool>) -> Result<Woken, ImapError> {
        let tag = self.begin("IDLE").await?;
        let until = tokio::time::Instant::now() + time;
        let mut idling = false;
        let mut news = false;
        let mut woken = Woken::News;
        while !(idling && news) {
            if idling {
                tokio::select! {
                    _ = stopped.wait_for(|stopped| *stopped) => {
                        woken = Woken::Stop;
                        break;
                    }
                    () = tokio::time::sleep_until(until) => break,
                    ready = self.wire.readable() => ready?,
                }
            }
            match self.wire.response(0).await? {
                Response::Continue => idling = true,
                Response::Status(_, Outcome::Bye, _) => return Err(ImapError::Closed),
                Response::Status(given, _, said) if given == tag => return Err(refused("IDLE", &said)),
                Response::Status(..) => {} // `* OK still here`
                Response::Data(tokens) => news |= self.note_exists(&tokens),
            }
        }
        self.wire.send("DONE").await?;
        self.end("IDLE", &tag, 0, &mut |_| Ok(()), &mut |_| ()).await?;
        Ok(woken)
    }

    /// Asks for news where the server cannot tell by itself.
    pub async fn ask(&mut self) -> Result<(), ImapError> {
        self.command("NOOP", "NOOP", 0, &mut |_| Ok(())).await.map(|_| ())
    }

    /// Says goodbye; whether the server hears it does not matter.
    pub async fn close(mut self) {
        let _ = self.wire.send("z LOGOUT").await;
    }

    async fn begin(&mut self, line: &str) -> Result<String, ImapError> {
        self.number = self.number.wrapping_add(1);
        let tag = format!("a{}", self.number);
        self.wire.send(&format!("{tag} {line}")).await?;
        Ok(tag)
    }

    async fn command(
        &mut self,
        name: &'static str,
        line: &str,
        room: usize,
        data: &mut (dyn FnMut(Vec<Token>) -> Result<(), ImapError> + Send),
    ) -> Result<(), ImapError> {
        self.run(name, line, room, data, &mut |_| ()).await
    }

    async fn run(
        &mut self,
        name: &'static str,
        line: &str,
        room: usize,
        data: &mut (dyn FnMut(Vec<Token>) -> Result<(), ImapError> + Send),
        said: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), ImapError> {
        let tag = self.begin(line).await?;
        self.end(name, &tag, room, data, said).await
    }

    /// Reads up to the end of a command. A mail that `room` has no place for ends the session.
    async fn end(
        &mut self,
        name: &'static str,
        tag: &str,
        room: usize,
        data: &mut (dyn FnMut(Vec<Token>) -> Result<(), ImapError> + Send),
        said: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), ImapError> {
        loop {
            match self.wire.response(room).await? {
                Response::Continue => return Err(ImapError::Protocol("a question that nobody asked for")),
                Response::Status(given, Outcome::Ok, text) if given == tag => {
                    said(&text);
                    return Ok(());
                }
                Response::Status(given, _, text) if given == tag => return Err(refused(name, &text)),
                Response::Status(_, Outcome::Bye, _) => return Err(ImapError::Closed),
                Response::Status(_, _, text) => said(&text),
                Response::Data(tokens) => {
                    self.note_exists(&tokens);
                    data(tokens)?;
                }
            }
        }
    }

    /// `7 EXISTS` and `3 EXPUNGE`; whether there are mails that were not there.
    fn note_exists(&mut self, tokens: &[Token]) -> bool {
        let count = word(tokens, 0).and_then(|n| n.parse().ok());
        match (count, word(tokens, 1).map(str::to_ascii_uppercase).as_deref()) {
            (Some(count), Some("EXISTS")) => {
                self.exists = count;
                true
            }
            (Some(_), Some("EXPUNGE")) => {
                self.exists = self.exists.saturating_sub(1);
                false
            }
            _ => false,
        }
    }
}

/// Only the response code: what follows is for people and may name them.
fn refused(command: &'static str, said: &str) -> ImapError {
    let code = said.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    let code = if code.is_empty() { String::new() } else { format!("[{code}]") };
    ImapError::Refused { command, code }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out + "\""
}

fn set(uids: &[u32]) -> String {
    let mut out = String::new();
    for uid in uids {
        let comma = if out.is_empty() { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(out, "{comma}{uid}");
    }
    out
}

fn word(tokens: &[Token], at: usize) -> Option<&str> {
    match tokens.get(at) {
        Some(Token::Text(text)) => Some(text),
        _ => None,
    }
}

/// Where the value of this item of a FETCH response stands.
fn item(tokens: &[Token], fits: impl Fn(&str) -> bool) -> Option<usize> {
    let fetch = word(tokens, 1).is_some_and(|name| name.eq_ignore_ascii_case("FETCH"));
    let mut depth = 0_usize;
    let mut at = 2;
    while fetch && at < tokens.len() {
        match tokens.get(at) {
            Some(Token::Open) => depth += 1,
            Some(Token::Close) => depth = depth.saturating_sub(1),
            // Names and values take turns: a value is never taken for a name.
            Some(Token::Text(name)) if depth == 1 => {
                if fits(name) {
                    return Some(at + 1);
                }
                if tokens.get(at + 1) != Some(&Token::Open) {
                    at += 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn number(tokens: &[Token], name: &str) -> Option<u64> {
    word(tokens, item(tokens, |item| item.eq_ignore_ascii_case(name))?)?.parse().ok()
}

fn body(tokens: &mut [Token]) -> Option<Vec<u8>> {
    let at = item(tokens, |name| {
        let name = name.to_ascii_uppercase();
        name == "BODY[]" || name.starts_with("BODY[]<")
    })?;
    match tokens.get_mut(at)? {
        Token::Literal(bytes) => Some(std::mem::take(bytes)),
        Token::Text(text) if !text.eq_ignore_ascii_case("NIL") => Some(std::mem::take(text).into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, body, number, quoted, refused, set};

    #[test]
    fn items_are_found_by_name_only() {
        let text = |t: &str| Token::Text(t.to_owned());
        let mut tokens = vec![
            text("3"),
            text("FETCH"),
            Token::Open,
            text("FLAGS"),
            Token::Open,
            text("UID"),
            text("9"),
            Token::Close,
            text("X-NAME"),
            text("UID"),
            text("UID"),
            text("7"),
            text("BODY[]<0>"),
            Token::Literal(b"mail".to_vec()),
            Token::Close,
        ];
        assert_eq!(number(&tokens, "uid"), Some(7));
        assert_eq!(number(&tokens, "RFC822.SIZE"), None);
        assert_eq!(body(&mut tokens).as_deref(), Some(b"mail".as_slice()));
        assert_eq!(number(&[text("3"), text("EXISTS")], "UID"), None);
    }

    #[test]
    fn commands_are_written() {
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(set(&[1, 5, 9]), "1,5,9");
        assert_eq!(
            refused("LOGIN", "[AUTHENTICATIONFAILED] amy is unknown").to_string(),
            "LOGIN refused [AUTHENTICATIONFAILED]"
        );
        assert_eq!(refused("LOGIN", "amy is unknown").to_string(), "LOGIN refused ");
    }
}
