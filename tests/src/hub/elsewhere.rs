//! A small HTTP server that stands for another system: it answers as a test says and remembers what it was asked.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Method and target.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The first header of this (lower-case) name; empty without one.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

/// An answer to give.
#[derive(Clone, Debug)]
pub struct Says {
    /// HTTP status.
    pub status: u16,
    /// One more header, `name: value`.
    pub header: String,
    /// Body.
    pub body: String,
    /// How long it thinks first.
    pub after: Duration,
}

/// An answer with this status and body.
#[must_use]
pub fn says(status: u16, body: &str) -> Says {
    Says { status, header: "x-none: 1".to_owned(), body: body.to_owned(), after: Duration::ZERO }
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    script: Mutex<VecDeque<Says>>,
    over: AtomicBool,
}

/// The server; it ends when it is dropped.
pub struct Elsewhere {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Elsewhere {
    /// A server on a free port. It answers by this script, the last line of it for ever.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn new(script: Vec<Says>) -> Self {
        Self::at("127.0.0.1:0", script)
    }

    /// The same at this address.
    ///
    /// # Panics
    /// Where it is taken.
    #[must_use]
    pub fn at(address: &str, script: Vec<Says>) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { script: Mutex::new(script.into()), ..Shared::default() });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { return };
                let shared = Arc::clone(&serving);
                thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Its address as a URL, with a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it was asked so often.
    ///
    /// # Panics
    /// Where it is not.
    #[must_use]
    pub fn wait(&self, times: usize, patience: Duration) -> Vec<Asked> {
        let begun = Instant::now();
        loop {
            let asked = self.asked();
            if asked.len() >= times {
                return asked;
            }
            assert!(begun.elapsed() < patience, "asked {} times, not {times}", asked.len());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Answers by this script from now on.
    pub fn change(&self, script: Vec<Says>) {
        *self.shared.script.lock().unwrap_or_else(PoisonError::into_inner) = script.into();
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the one who accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request, notes it, answers, closes.
fn answer(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.trim_end().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length").and_then(|(_, v)| v.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let says = {
        let mut script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
    }?;
    let asked = Asked { line: line.trim_end_matches(" HTTP/1.1").to_owned(), headers, body };
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    thread::sleep(says.after);
    let Says { status, header, body, .. } = says;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Said\r\n{header}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    reader.get_mut().write_all((head + &body).as_bytes()).ok()
}
