//! A small IMAP server for tests: one mailbox, one user, and faults on order. It speaks the commands that the hub uses and
//! writes down each one.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What the server holds and does.
pub struct Mailbox {
    pub validity: u32,
    pub mails: BTreeMap<u32, Vec<u8>>,
    pub password: String,
    pub abilities: String,
    /// Mails that it lists and refuses to give.
    pub refused: Vec<u32>,
    /// The connection ends when this many commands have come; counts down over all connections.
    pub hang_up_in: Option<usize>,
    /// Says nothing from the next command on.
    pub silent: bool,
    /// Size it claims for every mail.
    pub claims: Option<usize>,
    /// All commands, without tags.
    pub commands: Vec<String>,
    pub seen: Vec<u32>,
    pub moved: Vec<u32>,
}

pub struct Server {
    pub address: SocketAddr,
    mailbox: Arc<Mutex<Mailbox>>,
    news: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn mail(number: u32) -> Vec<u8> {
    format!("From: c{number}@example.com\r\nMessage-ID: <{number}@example.com>\r\nSubject: n{number}\r\n\r\nbody {number}\r\n")
        .into_bytes()
}

impl Server {
    /// A mailbox with mails of these numbers; with TLS if there is an acceptor.
    pub async fn start(uids: impl IntoIterator<Item = u32>, tls: Option<TlsAcceptor>) -> Self {
        let mailbox = Mailbox {
            validity: 7,
            mails: uids.into_iter().map(|uid| (uid, mail(uid))).collect(),
            password: "p\"w\\d".into(),
            abilities: "IMAP4rev1 IDLE MOVE".into(),
            refused: Vec::new(),
            hang_up_in: None,
            silent: false,
            claims: None,
            commands: Vec::new(),
            seen: Vec::new(),
            moved: Vec::new(),
        };
        let (mailbox, news) = (Arc::new(Mutex::new(mailbox)), Arc::new(Notify::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, bell) = (Arc::clone(&mailbox), Arc::clone(&news));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, bell, tls) = (Arc::clone(&state), Arc::clone(&bell), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => converse(stream, state, bell).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => converse(stream, state, bell).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, mailbox, news, task }
    }

    pub fn state(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap()
    }

    /// A mail arrives and whoever is idling hears of it.
    pub fn deliver(&self, uid: u32) {
        self.state().mails.insert(uid, mail(uid));
        self.news.notify_waiters();
    }

    pub fn count(&self, start: &str) -> usize {
        self.state().commands.iter().filter(|c| c.starts_with(start)).count()
    }
}

/// One connection; `None` = it was ended.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mailbox: Arc<Mutex<Mailbox>>,
    news: Arc<Notify>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK [CAPABILITY IMAP4rev1] ready {3}\r\n").await.ok()?;
    // Mails that this client was told of.
    let mut told = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let (tag, command) = line.trim_end().split_once(' ')?;
        let answer = {
            let mut state = mailbox.lock().unwrap();
            state.commands.push(command.to_owned());
            if let Some(left) = &mut state.hang_up_in {
                *left = left.checked_sub(1)?;
            }
            let answer = if state.silent { Vec::new() } else { state.answer(tag, command) };
            if ["SELECT", "EXAMINE", "NOOP", "UID MOVE"].iter().any(|name| command.starts_with(name)) {
                told = state.mails.len();
            }
            answer
        };
        // Torn into two writes, so that the reader meets half lines and half literals.
        let (first, second) = answer.split_at(answer.len() / 2);
        stream.write_all(first).await.ok()?;
        stream.flush().await.ok()?;
        stream.write_all(second).await.ok()?;
        stream.flush().await.ok()?;
        if command == "IDLE" && !answer.is_empty() {
            idle(&mut stream, tag, &mailbox, &news, &mut told).await?;
        }
    }
}

async fn idle<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    tag: &str,
    mailbox: &Mutex<Mailbox>,
    news: &Notify,
    told: &mut usize,
) -> Option<()> {
    let mut line = String::new();
    loop {
        let bell = news.notified();
        tokio::pin!(bell);
        bell.as_mut().enable();
        let (exists, silent) = {
            let state = mailbox.lock().unwrap();
            (state.mails.len(), state.silent)
        };
        if exists != *told && !silent {
            *told = exists;
            stream.write_all(format!("* OK still here\r\n* {exists} EXISTS\r\n").as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
        }
        tokio::select! {
            read = stream.read_line(&mut line) => {
                if read.ok()? == 0 {
                    return None;
                }
                break;
            }
            () = bell => {}
        }
    }
    assert_eq!(line.trim_end(), "DONE");
    if mailbox.lock().unwrap().silent {
        return Some(());
    }
    stream.write_all(format!("{tag} OK idled\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

impl Mailbox {
    fn answer(&mut self, tag: &str, command: &str) -> Vec<u8> {
        let words: Vec<&str> = command.split(' ').collect();
        let mut out = Vec::new();
        let end = match words.as_slice() {
            ["CAPABILITY"] => {
                out.extend(format!("* CAPABILITY {}\r\n", self.abilities).bytes());
                "OK done"
            }
            ["LOGIN", ..] if command == "LOGIN \"us\" \"p\\\"w\\\\d\"" && self.password == "p\"w\\d" => {
                "OK in"
            }
            ["LOGIN", ..] => "NO [AUTHENTICATIONFAILED] who are you, us?",
            [name @ ("SELECT" | "EXAMINE"), "\"&W6JnDQ-\""] => {
                let first = self.mails.keys().last().map_or(1, |uid| uid + 1);
                let flags = "* FLAGS (\\Seen \\Deleted)\r\n* OK [PERMANENTFLAGS ()] {0}\r\n";
                out.extend(
                    format!(
                        "{flags}* {} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {}] valid\r\n* OK [UIDNEXT {first}] next\r\n",
                        self.mails.len(),
                        self.validity
                    )
                    .bytes(),
                );
                if *name == "SELECT" { "OK [READ-WRITE] open" } else { "OK [READ-ONLY] open" }
            }
            ["SELECT" | "EXAMINE", _] => "NO [NONEXISTENT] no such mailbox",
            ["UID", "FETCH", _, "(UID", "RFC822.SIZE)"] if self.mails.is_empty() => "BAD no such message",
            ["UID", "FETCH", set, "(UID", "RFC822.SIZE)"] => {
                self.list(set, &mut out);
                "OK listed"
            }
            ["UID", "FETCH", set, "(UID", part] => {
                let uids: Vec<u32> = set.split(',').map(|n| n.parse().unwrap()).collect();
                if uids.iter().any(|uid| self.refused.contains(uid)) {
                    "NO [UNKNOWN-CTE] one cannot be read"
                } else {
                    self.give(&uids, part, &mut out);
                    "OK fetched"
                }
            }
            ["UID", "STORE", set, "+FLAGS.SILENT", "(\\Seen)"] => {
                self.seen.extend(set.split(',').map(|n| n.parse::<u32>().unwrap()));
                "OK stored"
            }
            ["UID", "MOVE", set, "\"Done\""] => {
                for uid in set.split(',').map(|n| n.parse::<u32>().unwrap()) {
                    self.mails.remove(&uid);
                    self.moved.push(uid);
                    out.extend(b"* 1 EXPUNGE\r\n");
                }
                "OK moved"
            }
            ["IDLE"] if self.abilities.contains("IDLE") => {
                return b"+ idling\r\n".to_vec();
            }
            ["NOOP"] => {
                out.extend(format!("* {} EXISTS\r\n", self.mails.len()).bytes());
                "OK"
            }
            ["LOGOUT"] => {
                out.extend(b"* BYE\r\n");
                "OK bye"
            }
            _ => "BAD what?",
        };
        out.extend(format!("{tag} {end}\r\n").bytes());
        out
    }

    fn list(&self, set: &str, out: &mut Vec<u8>) {
        let first: u32 = set.strip_suffix(":*").unwrap().parse().unwrap();
        let last = self.mails.keys().last().copied().unwrap_or(0);
        for (number, (uid, body)) in self.mails.iter().enumerate() {
            // As the standard says: `*` is the last mail, whatever stands before the colon.
            if *uid >= first || *uid == last {
                let size = self.claims.unwrap_or(body.len());
                out.extend(format!("* {} FETCH (RFC822.SIZE {size} UID {uid})\r\n", number + 1).bytes());
            }
        }
    }

    fn give(&self, uids: &[u32], part: &str, out: &mut Vec<u8>) {
        for (number, (uid, body)) in self.mails.iter().enumerate().filter(|(_, (uid, _))| uids.contains(uid))
        {
            let number = number + 1;
            out.extend(format!("* {number} FETCH (FLAGS (\\Recent))\r\n").bytes());
            let cut =
                part.split("<0.").nth(1).and_then(|rest| rest.trim_end_matches([')', '>']).parse().ok());
            let body = &body[..cut.unwrap_or(body.len()).min(body.len())];
            let name = if cut.is_some() { "BODY[]<0>" } else { "BODY[]" };
            out.extend(format!("* {number} FETCH ({name} {{{}}}\r\n", body.len()).bytes());
            out.extend(body);
            out.extend(format!(" FLAGS (\\Recent) UID {uid})\r\n").bytes());
        }
    }
}
