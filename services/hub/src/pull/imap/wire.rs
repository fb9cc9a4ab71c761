//! What an IMAP server says (RFC 9051 and 3501), as far as it is needed to fetch mail, read with limits.

use super::{connect::Stream, error::ImapError};
use std::time::Duration;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    time::timeout,
};

/// Text of one response; flags, names of mailboxes and capabilities are far shorter.
const TEXT_MAX: usize = 64 * 1024;
/// Literals in one response: a mail is one.
const LITERALS_MAX: usize = 16;

/// A piece of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Token {
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// An atom or a quoted string.
    Text(String),
    /// Bytes.
    Literal(Vec<u8>),
}

/// How a command ended, or what the server says without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// OK or PREAUTH.
    Ok,
    /// NO.
    No,
    /// BAD.
    Bad,
    /// BYE.
    Bye,
}

/// One response.
#[derive(Debug)]
pub enum Response {
    /// `+`: go on.
    Continue,
    /// `tag OK text`; the tag is `*` for one that was not asked for.
    Status(String, Outcome, String),
    /// Anything else.
    Data(Vec<Token>),
}

/// The connection with what was read of it.
pub struct Wire {
    stream: BufReader<Box<dyn Stream>>,
    quiet: Duration,
}

impl Wire {
    /// A connection whose server must say or take something within `quiet` whenever it is waited for.
    #[must_use]
    pub fn new(stream: Box<dyn Stream>, quiet: Duration) -> Self {
        Self { stream: BufReader::with_capacity(16 * 1024, stream), quiet }
    }

    /// Sends a line.
    pub async fn send(&mut self, line: &str) -> Result<(), ImapError> {
        let bytes = [line.as_bytes(), b"\r\n"].concat();
        let stream = self.stream.get_mut();
        let sent = async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        };
        timeout(self.quiet, sent).await.map_err(|_| ImapError::Silent)?.map_err(|_| ImapError::Closed)
    }

    /// Waits until there is something to read, however long that takes; may be given up without loss.
    pub async fn readable(&mut self) -> Result<(), ImapError> {
        match self.stream.fill_buf().await {
            Ok(bytes) if !bytes.is_empty() => Ok(()),
            _ => Err(ImapError::Closed),
        }
    }

    /// The next response, of which literals may hold `room` bytes.
    pub async fn response(&mut self, mut room: usize) -> Result<Response, ImapError> {
        let mut text_left = TEXT_MAX;
        let line = self.line(&mut text_left).await?;
        if let Some(status) = status(&line)? {
            return Ok(status);
        }
        let mut tokens = Vec::new();
        let mut line = line.strip_prefix(b"* ").ok_or(ImapError::Protocol("a line without tag"))?.to_vec();
        for _ in 0..=LITERALS_MAX {
            let size = literal_size(&line)?;
            let end = if size.is_some() {
                line.iter().rposition(|b| *b == b'{').unwrap_or_default()
            } else {
                line.len()
            };
            tokenise(line.get(..end).unwrap_or_default(), &mut tokens)?;
            let Some(size) = size else { return Ok(Response::Data(tokens)) };
            room = room.checked_sub(size).ok_or(ImapError::TooLarge("a literal"))?;
            tokens.push(Token::Literal(self.literal(size).await?));
            line = self.line(&mut text_left).await?;
        }
        Err(ImapError::TooLarge("literals of a response"))
    }

    async fn fill(&mut self) -> Result<&[u8], ImapError> {
        match timeout(self.quiet, self.stream.fill_buf()).await {
            Err(_) => Err(ImapError::Silent),
            Ok(Ok(bytes)) if !bytes.is_empty() => Ok(bytes),
            Ok(_) => Err(ImapError::Closed),
        }
    }

    /// A line without its end.
    async fn line(&mut self, left: &mut usize) -> Result<Vec<u8>, ImapError> {
        let mut line = Vec::new();
        loop {
            let bytes = self.fill().await?;
            let end = bytes.iter().position(|b| *b == b'\n');
            let count = end.map_or(bytes.len(), |at| at + 1);
            *left = left.checked_sub(count).ok_or(ImapError::TooLarge("a line"))?;
            line.extend_from_slice(bytes.get(..count).unwrap_or_default());
            self.stream.consume(count);
            if end.is_some() {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
        }
    }

    async fn literal(&mut self, size: usize) -> Result<Vec<u8>, ImapError> {
        // Room is made as bytes come: a size alone is no reason to hold memory.
        let mut out = Vec::with_capacity(size.min(64 * 1024));
        while out.len() < size {
            let bytes = self.fill().await?;
            let count = bytes.len().min(size - out.len());
            out.extend_from_slice(bytes.get(..count).unwrap_or_default());
            self.stream.consume(count);
        }
        Ok(out)
    }
}

/// `+`, or a line that ends a command or says how things are: its text is for people, whatever it ends with.
fn status(line: &[u8]) -> Result<Option<Response>, ImapError> {
    if line.first() == Some(&b'+') {
        return Ok(Some(Response::Continue));
    }
    let text = String::from_utf8_lossy(line);
    let (tag, rest) = text.split_once(' ').ok_or(ImapError::Protocol("a line of one word"))?;
    let (word, said) = rest.split_once(' ').unwrap_or((rest, ""));
    let outcome = match word.to_ascii_uppercase().as_str() {
        "OK" | "PREAUTH" => Outcome::Ok,
        "NO" => Outcome::No,
        "BAD" => Outcome::Bad,
        "BYE" => Outcome::Bye,
        _ if tag == "*" => return Ok(None),
        _ => return Err(ImapError::Protocol("a tagged line that ends nothing")),
    };
    Ok(Some(Response::Status(tag.to_owned(), outcome, said.to_owned())))
}

/// The size of the literal that the line announces at its end.
fn literal_size(line: &[u8]) -> Result<Option<usize>, ImapError> {
    let Some(inner) = line.strip_suffix(b"}") else { return Ok(None) };
    let Some(at) = inner.iter().rposition(|b| *b == b'{') else { return Ok(None) };
    let digits = inner.get(at + 1..).unwrap_or_default();
    let text =
        std::str::from_utf8(digits).ok().filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()));
    let size = text.ok_or(ImapError::Protocol("a literal without size"))?.parse();
    size.map(Some).map_err(|_| ImapError::TooLarge("a literal"))
}

fn tokenise(text: &[u8], tokens: &mut Vec<Token>) -> Result<(), ImapError> {
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b' ' => after,
            b'(' => {
                tokens.push(Token::Open);
                after
            }
            b')' => {
                tokens.push(Token::Close);
                after
            }
            b'"' => quoted(after, tokens)?,
            _ => atom(rest, tokens),
        };
    }
    Ok(())
}

fn quoted<'a>(text: &'a [u8], tokens: &mut Vec<Token>) -> Result<&'a [u8], ImapError> {
    let (mut value, mut rest) = (Vec::new(), text);
    loop {
        rest = match rest {
            [] => return Err(ImapError::Protocol("a quote does not end")),
            [b'"', after @ ..] => {
                tokens.push(Token::Text(String::from_utf8_lossy(&value).into_owned()));
                return Ok(after);
            }
            [b'\\', byte, after @ ..] | [byte, after @ ..] => {
                value.push(*byte);
                after
            }
        };
    }
}

/// Up to a space or a parenthesis; brackets hold spaces (`BODY[HEADER.FIELDS (DATE)]`).
fn atom<'a>(text: &'a [u8], tokens: &mut Vec<Token>) -> &'a [u8] {
    let mut depth = 0_u32;
    let ends = |byte: &u8| {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b' ' | b'(' | b')' => return depth == 0,
            _ => {}
        }
        false
    };
    let end = text.iter().position(ends).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    tokens.push(Token::Text(String::from_utf8_lossy(word).into_owned()));
    rest
}

#[cfg(test)]
mod tests {
    use super::{ImapError, Outcome, Response, Token, Wire};
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;

    async fn read(bytes: &[u8], room: usize) -> Result<Response, ImapError> {
        let (mut server, client) = tokio::io::duplex(1 << 20);
        server.write_all(bytes).await.unwrap();
        drop(server);
        Wire::new(Box::new(client), Duration::from_secs(5)).response(room).await
    }

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[tokio::test]
    async fn responses_are_read() {
        let fetch = b"* 12 FETCH (FLAGS (\\Seen) BODY[HEADER.FIELDS (A B)] \"q\\\"x\" BODY[] {5}\r\na\r\n)b UID 7)\r\n";
        let Ok(Response::Data(tokens)) = read(fetch, 5).await else { panic!("data") };
        let want = [
            text("12"),
            text("FETCH"),
            Token::Open,
            text("FLAGS"),
            Token::Open,
            text("\\Seen"),
            Token::Close,
            text("BODY[HEADER.FIELDS (A B)]"),
            text("q\"x"),
            text("BODY[]"),
            Token::Literal(b"a\r\n)b".to_vec()),
            text("UID"),
            text("7"),
            Token::Close,
        ];
        assert_eq!(tokens, want);
        let Ok(Response::Status(tag, outcome, said)) = read(b"a1 NO [CODE] see {12}\r\n", 0).await else {
            panic!("status")
        };
        assert_eq!((tag.as_str(), outcome, said.as_str()), ("a1", Outcome::No, "[CODE] see {12}"));
        assert!(matches!(read(b"+ idling\n", 0).await, Ok(Response::Continue)));
    }

    #[tokio::test]
    async fn limits_and_nonsense_end_the_session() {
        let long = [b"* ".as_slice(), &[b'x'; 70_000], b"\r\n"].concat();
        for (bytes, code) in [
            (b"* 1 FETCH (BODY[] {6}\r\nabcdef)\r\n".as_slice(), "imap_too_large"),
            (b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n", "imap_too_large"),
            (b"* 1 FETCH (BODY[] {5x}\r\n", "imap_protocol"),
            (b"* 1 FETCH (BODY[] {5}\r\nab", "imap_closed"),
            (b"* FLAGS \"open\r\n", "imap_protocol"),
            (b"SSH-2.0-x\r\n", "imap_protocol"),
            (b"HTTP/1.1 400 Bad Request\r\n", "imap_protocol"),
            (&long, "imap_too_large"),
            (b"", "imap_closed"),
        ] {
            let error = read(bytes, 5).await.expect_err("refused");
            assert_eq!(error.code(), code, "{:?}", String::from_utf8_lossy(bytes.get(..40).unwrap_or(bytes)));
        }
    }
}
