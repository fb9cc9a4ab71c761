//! A small blocking HTTP/1.1 client over one kept connection. It never sends a request twice: whether an answer came is
//! what the tests count.

use serde_json::Value;
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longest wait for a byte of an answer: reads wait up to 10 s for a position, a loaded machine may double that.
const TIMEOUT: Duration = Duration::from_secs(40);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this (lower-case) name; empty without one.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e} in {}: {}", self.status, self.text()))
    }

    /// The stable code of a problem; empty where the answer is none.
    #[must_use]
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code, as assertions compare them.
    #[must_use]
    pub fn said(&self) -> (u16, String) {
        (self.status, self.code())
    }

    /// This answer, which must have this status.
    ///
    /// # Panics
    /// Where it has another.
    pub fn must(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A client of one listener.
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client; nothing is connected yet.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None, stream: None }
    }

    /// With a bearer token on every request.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Sends one request and reads its answer; after an error the next request connects again.
    ///
    /// # Errors
    /// What the network says, also where the hub ended in the middle.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address)?,
        };
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut message = head.into_bytes();
        message.extend_from_slice(body);
        // A hub that refuses early may answer and close before it has read everything.
        let written = stream.get_mut().write_all(&message);
        let answer = match read_answer(&mut stream) {
            Ok(answer) => answer,
            Err(error) => return Err(written.err().unwrap_or(error)),
        };
        if written.is_ok() && answer.header("connection") != "close" {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    /// Announces a body of this length, sends none of it, and reads what the hub says to that.
    ///
    /// # Errors
    /// What the network says.
    pub fn announce(&mut self, target: &str, length: usize) -> io::Result<Answer> {
        let mut stream = connect(self.address)?;
        let head =
            format!("POST {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n\r\n", self.address);
        stream.get_mut().write_all(head.as_bytes())?;
        read_answer(&mut stream)
    }

    /// `GET`, which must be answered.
    ///
    /// # Panics
    /// Where it is not.
    pub fn get(&mut self, target: &str) -> Answer {
        self.send("GET", target, &[], b"").unwrap_or_else(|e| panic!("GET {target}: {e}"))
    }

    /// `POST` of JSON, which must be answered.
    ///
    /// # Panics
    /// Where it is not.
    pub fn post(&mut self, target: &str, body: &Value) -> Answer {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let sent = self.send("POST", target, &headers, body.to_string().as_bytes());
        sent.unwrap_or_else(|e| panic!("POST {target}: {e}"))
    }

    /// Every item of a paged list: `next` of a page goes into the parameter `cursor` until it is null or stands still.
    ///
    /// # Panics
    /// Where a page is no list.
    pub fn pages(&mut self, target: &str, items: &str, parameter: &str, next: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let glue = if target.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{target}{glue}{parameter}={cursor}")).must(200).json();
            let found = page[items].as_array().unwrap_or_else(|| panic!("{target}: {page}"));
            all.extend(found.iter().cloned());
            match page[next].as_str() {
                Some(more) if more != cursor && !found.is_empty() => cursor = more.to_owned(),
                _ => return all,
            }
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Reads one answer.
///
/// # Errors
/// Where the connection ends before it.
pub fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad("no status"))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length").map(|(_, v)| v.parse());
    let length: usize = match length {
        Some(length) => length.map_err(|_| bad("no length"))?,
        None if matches!(status, 204 | 304) => 0,
        None => return Err(bad("an answer without its length")),
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Answer { status, headers, body })
}
