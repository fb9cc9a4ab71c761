//! A client of a few lines over one kept connection: requests are bytes made beforehand, of the answer only status, length
//! and body are looked at. It must cost little, because it runs on the cores that it measures.

use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A hub's answers to events are small; more is something else.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Room to read into.
const READ_BYTES: usize = 4_096;

pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// A status, and the body until the next request.
pub(super) struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; READ_BYTES], filled: 0 })
    }

    /// Sends one request and waits for its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let head = loop {
            self.fill().await?;
            if let Some(at) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break at + 4;
            }
        };
        let (status, length) =
            parse(&self.buffer[..head]).ok_or_else(|| io::Error::other("no HTTP answer"))?;
        while self.filled < head + length {
            self.fill().await?;
        }
        Ok(Answer { status, body: &self.buffer[head..head + length] })
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            if self.filled >= ANSWER_BYTES_MAX {
                return Err(io::Error::other("the answer is too large"));
            }
            self.buffer.resize(self.filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.filled += read;
                Ok(())
            }
        }
    }
}

/// Status and length of the body.
fn parse(head: &[u8]) -> Option<(u16, usize)> {
    let text = std::str::from_utf8(head).ok()?;
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((status, length.unwrap_or(0)))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::{find, parse};

    #[test]
    fn status_and_length_are_read() {
        for (head, want) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", Some((200, 12))),
            ("HTTP/1.1 202 Accepted\r\nx: y\r\ncontent-length:3\r\n\r\n", Some((202, 3))),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some((204, 0))),
            ("HTTP/1.1 ??? \r\n\r\n", None),
            ("SSH-2.0", None),
        ] {
            assert_eq!(parse(head.as_bytes()), want, "{head}");
        }
        assert_eq!(find(b"ab\r\n\r\ncd", b"\r\n\r\n"), Some(2));
    }
}
