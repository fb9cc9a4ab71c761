//! The IMAP follower against a small server on this machine: faults at every command, kills between the steps, and the
//! hub whole.

mod hub;
mod server;
mod tls;

use async_trait::async_trait;
use server::{Server, mail};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tributary::{
    problem::Problem,
    pull::{
        Fetched, Intake, State,
        imap::{Follower, Timing},
    },
};
use tributary_channels::{
    pull::{Imap, Pull},
    settings::{Settings, build},
};

/// Longest wait; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the next taking is cut off, as by a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    Never,
    BeforeAppend,
    AfterAppend,
}

/// A log of mails, which outlives the followers.
struct Memory {
    mails: Mutex<Vec<Fetched>>,
    notes: Mutex<Vec<String>>,
    states: Mutex<Vec<State>>,
    kill: Mutex<Kill>,
    killed: AtomicUsize,
    mail_max: usize,
}

impl Memory {
    fn new() -> Arc<Self> {
        Self::with_max(1 << 20)
    }

    fn with_max(mail_max: usize) -> Arc<Self> {
        Arc::new(Self {
            mails: Mutex::default(),
            notes: Mutex::default(),
            states: Mutex::default(),
            kill: Mutex::new(Kill::Never),
            killed: AtomicUsize::new(0),
            mail_max,
        })
    }

    /// How often each body was taken.
    fn times(&self) -> BTreeMap<Vec<u8>, usize> {
        let mut times = BTreeMap::new();
        for mail in self.mails.lock().unwrap().iter() {
            *times.entry(mail.body.clone()).or_default() += 1;
        }
        times
    }

    fn count(&self) -> usize {
        self.mails.lock().unwrap().len()
    }

    fn codes(&self) -> Vec<&'static str> {
        let states = self.states.lock().unwrap();
        let code = |state: &State| match state {
            State::Retrying { code, .. } => Some(*code),
            _ => None,
        };
        states.iter().filter_map(code).collect()
    }

    fn waits(&self) -> bool {
        self.states.lock().unwrap().last() == Some(&State::Waiting)
    }

    async fn die(&self) {
        *self.kill.lock().unwrap() = Kill::Never;
        self.killed.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
}

#[async_trait]
impl Intake for Memory {
    async fn take(&self, mails: Vec<Fetched>) -> Result<(), Problem> {
        let kill = *self.kill.lock().unwrap();
        if kill == Kill::BeforeAppend {
            self.die().await;
        }
        self.mails.lock().unwrap().extend(mails);
        if kill == Kill::AfterAppend {
            self.die().await;
        }
        Ok(())
    }

    async fn lost(&self, note: String) -> Result<(), Problem> {
        self.notes.lock().unwrap().push(note);
        Ok(())
    }

    fn end(&self) -> (u32, u64) {
        (1, self.count() as u64)
    }

    fn mail_max(&self) -> usize {
        self.mail_max
    }

    fn report(&self, state: State) {
        self.states.lock().unwrap().push(state);
    }
}

fn timing() -> Timing {
    let millis = Duration::from_millis;
    Timing {
        quiet: millis(500),
        renew: millis(150),
        poll: millis(30),
        pause_least: millis(5),
        pause_most: millis(20),
        pause_login: millis(200),
    }
}

/// The settings as they come from a configuration.
fn settings(server: &Server, more: serde_json::Value) -> Imap {
    let mut table = serde_json::json!({"kind": "email", "mailbox": "help@shop.example",
        "imap": server.address.to_string(), "imap_tls": false, "imap_user": "us", "password": "p\"w\\d", "imap_folder": "客服"});
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        table[key] = value;
    }
    let mut map = table.as_object().cloned().unwrap_or_default();
    map.retain(|_, value| !value.is_null());
    let channel = build(Settings::new("mail", map, "Asia/Taipei", "TW")).unwrap();
    match channel.adapter.pulls().remove(0) {
        Pull::Imap(imap) => imap,
        Pull::Maildir(_) => panic!("no IMAP"),
    }
}

/// A follower at work.
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(imap: &Imap, folder: &Path, memory: &Arc<Memory>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let intake: Arc<dyn Intake> = memory.clone();
        let follower = Follower::new(imap.clone(), folder, "mail", intake, timing());
        Self { stop, task: tokio::spawn(follower.follow(stopped)) }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.expect("it stops").expect("without panic");
    }

    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_taken_and_news_comes_by_itself() {
    let (server, memory, folder) =
        (Server::start([3, 9, 4_000_000_000], None).await, Memory::new(), TempDir::new().unwrap());
    let imap = settings(&server, serde_json::Value::Null);
    let running = Running::start(&imap, folder.path(), &memory);
    until("the first mails", || memory.count() == 3 && memory.waits()).await;
    until("it idles", || server.count("IDLE") > 0).await;
    server.deliver(4_000_000_001);
    until("the pushed mail", || memory.count() == 4).await;
    // Several renewals of IDLE later nothing has come twice.
    let idles = server.count("IDLE");
    until("renewals", || server.count("IDLE") > idles + 2).await;
    running.stop().await;
    let want: BTreeMap<_, _> = [3, 9, 4_000_000_000, 4_000_000_001].map(|uid| (mail(uid), 1)).into();
    assert_eq!(memory.times(), want);
    let commands = server.state().commands.clone();
    assert!(commands.iter().all(|c| !c.starts_with("SELECT") && !c.contains("STORE")), "{commands:?}");
    assert!(memory.codes().is_empty(), "{:?}", memory.codes());
    // A new start goes on where the old one ended.
    let fetched = server.count("UID FETCH 3");
    let running = Running::start(&imap, folder.path(), &memory);
    server.deliver(4_000_000_002);
    until("the mail of the pause", || memory.count() == 5).await;
    running.stop().await;
    assert_eq!(server.count("UID FETCH 3"), fetched, "no old mail is fetched again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_end_at_every_command() {
    // CAPABILITY, LOGIN, CAPABILITY, EXAMINE, list, fetch, list, IDLE.
    for commands in 0..9 {
        let server = Server::start(1..=60, None).await;
        let (memory, folder) = (Memory::new(), TempDir::new().unwrap());
        server.state().hang_up_in = Some(commands);
        let running = Running::start(&settings(&server, serde_json::Value::Null), folder.path(), &memory);
        until("a failure", || !memory.codes().is_empty()).await;
        server.state().hang_up_in = None;
        until("all mails", || memory.times().len() == 60 && memory.waits()).await;
        running.stop().await;
        assert!(memory.codes().iter().all(|code| *code == "imap_closed"), "{commands}: {:?}", memory.codes());
        assert!(
            memory.times().values().all(|times| *times == 1),
            "{commands}: what was noted is not read again"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_steps_loses_nothing() {
    for (kill, doubled) in [(Kill::BeforeAppend, 0), (Kill::AfterAppend, 50)] {
        let server = Server::start(1..=120, None).await;
        let (memory, folder) = (Memory::new(), TempDir::new().unwrap());
        let imap = settings(&server, serde_json::json!({"imap_seen": true}));
        *memory.kill.lock().unwrap() = kill;
        let running = Running::start(&imap, folder.path(), &memory);
        until("the kill", || memory.killed.load(Ordering::SeqCst) == 1).await;
        assert!(server.state().seen.is_empty(), "{kill:?}: nothing is marked before it is durable");
        running.kill().await;
        let running = Running::start(&imap, folder.path(), &memory);
        until("all mails", || memory.times().len() == 120 && memory.waits()).await;
        running.stop().await;
        // What came twice has the same bytes, and so is the same event.
        assert_eq!(memory.count(), 120 + doubled, "{kill:?}");
        assert_eq!(server.state().seen, (1..=120).collect::<Vec<_>>(), "{kill:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_uidvalidity_reads_everything_again() {
    let (server, memory, folder) = (Server::start(1..=5, None).await, Memory::new(), TempDir::new().unwrap());
    let imap = settings(&server, serde_json::Value::Null);
    let running = Running::start(&imap, folder.path(), &memory);
    until("the mails", || memory.count() == 5 && memory.waits()).await;
    {
        // The mailbox was restored: the same mails have other numbers, smaller ones too.
        let mut state = server.state();
        state.validity = 8;
        state.mails = (1..=6).map(|n| (n, mail(if n == 6 { 99 } else { 6 - n }))).collect();
        state.hang_up_in = Some(0);
    }
    until("the end of the session", || !memory.codes().is_empty()).await;
    server.state().hang_up_in = None;
    until("all of it", || memory.count() == 11 && memory.waits()).await;
    running.stop().await;
    assert_eq!(memory.times().get(&mail(99)), Some(&1));
    assert!((1..=5).all(|uid| memory.times().get(&mail(uid)) == Some(&2)));
    let running = Running::start(&imap, folder.path(), &memory);
    until("it waits again", || memory.waits() && server.count("LOGIN") >= 3).await;
    running.stop().await;
    assert_eq!(memory.count(), 11, "the new numbering is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_moved_where_told() {
    let (server, memory, folder) =
        (Server::start([2, 3], None).await, Memory::new(), TempDir::new().unwrap());
    let imap = settings(&server, serde_json::json!({"imap_move": "Done"}));
    let running = Running::start(&imap, folder.path(), &memory);
    until("both", || memory.count() == 2 && memory.waits()).await;
    server.deliver(4);
    until("the third", || server.state().moved.len() == 3).await;
    running.stop().await;
    assert_eq!((memory.count(), server.state().mails.len()), (3, 0));
    assert_eq!(server.count("UID STORE"), 0);
    server.state().abilities = "IMAP4rev1 IDLE".into();
    let running = Running::start(&imap, folder.path(), &memory);
    until("the refusal", || memory.codes().contains(&"imap_missing")).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_the_server_refuses_does_not_hold_up_the_rest() {
    let (server, memory, folder) = (Server::start(1..=9, None).await, Memory::new(), TempDir::new().unwrap());
    server.state().refused = vec![4];
    let running = Running::start(&settings(&server, serde_json::Value::Null), folder.path(), &memory);
    until("the others", || memory.times().len() == 8 && memory.waits()).await;
    running.stop().await;
    assert_eq!(*memory.notes.lock().unwrap(), ["the server does not give mail 4 of UIDVALIDITY 7"]);
    assert_eq!(memory.codes(), ["imap_refused", "imap_refused"], "twice tried again, then noted");
    assert_eq!(memory.count(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_and_not_hammered() {
    let (server, memory, folder) = (Server::start([1], None).await, Memory::new(), TempDir::new().unwrap());
    let imap = settings(&server, serde_json::json!({"password": "other"}));
    let begun = Instant::now();
    let running = Running::start(&imap, folder.path(), &memory);
    until("two refusals", || memory.codes().len() == 2).await;
    running.stop().await;
    assert!(begun.elapsed() >= Duration::from_millis(15), "a pause between logins");
    assert_eq!(memory.codes(), ["imap_login_refused"; 2]);
    for (change, code) in [
        (serde_json::json!({"imap_folder": "Other"}), "imap_refused"),
        (serde_json::json!({"imap": "127.0.0.1:1"}), "imap_unreachable"),
    ] {
        let memory = Memory::new();
        let running = Running::start(&settings(&server, change), folder.path(), &memory);
        until(code, || memory.codes().len() > 2).await;
        running.stop().await;
        assert!(memory.codes().iter().all(|c| *c == code), "{:?}", memory.codes());
    }
    server.state().abilities = "IMAP4rev1 LOGINDISABLED".into();
    let memory = Memory::new();
    let running = Running::start(&settings(&server, serde_json::Value::Null), folder.path(), &memory);
    until("no login", || memory.codes() == ["imap_login_refused"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_left() {
    let (server, memory, folder) = (Server::start([1], None).await, Memory::new(), TempDir::new().unwrap());
    let running = Running::start(&settings(&server, serde_json::Value::Null), folder.path(), &memory);
    until("it idles", || server.count("IDLE") > 0 && memory.count() == 1).await;
    server.state().silent = true;
    server.deliver(2);
    until("the silence is noticed", || memory.codes().contains(&"imap_silent")).await;
    server.state().silent = false;
    until("the mail", || memory.count() == 2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_idle_is_asked() {
    let (server, memory, folder) = (Server::start([1], None).await, Memory::new(), TempDir::new().unwrap());
    server.state().abilities = "IMAP4rev1".into();
    let running = Running::start(&settings(&server, serde_json::Value::Null), folder.path(), &memory);
    until("the first", || memory.count() == 1 && memory.waits()).await;
    server.deliver(2);
    until("the second", || memory.count() == 2).await;
    running.stop().await;
    assert!(server.count("NOOP") > 0 && server.count("IDLE") == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_beyond_the_limit_are_fetched_in_part() {
    let server = Server::start([1, 3], None).await;
    let large = [mail(2), vec![b'x'; 5_000]].concat();
    server.state().mails.insert(2, large.clone());
    let (memory, folder) = (Memory::with_max(1_000), TempDir::new().unwrap());
    let running = Running::start(&settings(&server, serde_json::Value::Null), folder.path(), &memory);
    until("all", || memory.count() == 3 && memory.waits()).await;
    // A server that says a mail is small and sends a large one: the session ends before memory is given.
    server.state().claims = Some(10);
    server.state().mails.insert(4, large.clone());
    until("the refusal", || memory.codes().contains(&"imap_too_large")).await;
    running.stop().await;
    let mails = memory.mails.lock().unwrap();
    assert_eq!((mails[1].body.as_slice(), mails[1].whole), (&large[..1_000], Some(large.len() as u64)));
    assert!(mails.len() == 3 && mails[0].whole.is_none() && mails[2].body == mail(3));
}
