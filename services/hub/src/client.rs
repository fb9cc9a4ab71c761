//! The commands' HTTP client: one connection to one hub, JSON in and out, problems told with their code and remedy. HTTP only;
//! a hub behind TLS is reached through its proxy's local side or a tunnel.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use std::time::Duration;
use tokio::{net::TcpStream, sync::Mutex, time::timeout};

/// A hub that does not take a connection in this time is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer: verification of a large hub happens while the caller waits.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Largest answer in bytes; pages are far smaller, so more is not a hub.
const ANSWER_MAX: usize = 64 << 20;
/// Largest part of a strange answer that is shown.
const SHOWN_MAX: usize = 200;

/// Why there is no answer, or not the wanted one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not usable.
    #[error("{url} is not an address of a hub: {problem}")]
    BadAddress {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody answers there.
    #[error("cannot reach the hub at {url}: {problem}")]
    Unreachable {
        /// The hub.
        url: String,
        /// What the network said.
        problem: String,
    },
    /// The hub said no.
    #[error("{code}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code.
        code: String,
        /// What is wrong.
        detail: String,
        /// What to do about it, if the hub knows.
        remedy: Option<String>,
    },
    /// What answers is no hub, or of another release.
    #[error("{url} answered what this release does not understand: {problem}")]
    Strange {
        /// The hub.
        url: String,
        /// What was seen.
        problem: String,
    },
}

/// A raw answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Body.
    pub body: Bytes,
}

/// A client of one hub. Requests go one after another over one kept connection.
pub struct Client {
    url: String,
    authority: String,
    address: String,
    token: Option<String>,
    connection: Mutex<Option<http1::SendRequest<Full<Bytes>>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

impl Client {
    /// A client of the hub at `url`, such as `http://127.0.0.1:8081`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`ClientError::BadAddress`].
    pub fn new(url: &str, token: Option<String>) -> Result<Self, ClientError> {
        let refuse = |problem| ClientError::BadAddress { url: url.to_owned(), problem };
        let uri: Uri = url.parse().map_err(|_| refuse("not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(refuse("it must begin with http://"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refuse("it must end after the port"));
        }
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("a password does not belong there; use a token"));
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            url: format!("http://{authority}"),
            authority: authority.to_string(),
            address: format!("{}:{port}", authority.host()),
            token,
            connection: Mutex::new(None),
        })
    }

    /// The hub's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The JSON at a path.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get(&self, path: &str) -> Result<Json, ClientError> {
        let answer = self.send(Method::GET, path, &[], Bytes::new()).await?;
        self.read(&answer)
    }

    /// The JSON that answers a JSON body.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post(&self, path: &str, body: &Json) -> Result<Json, ClientError> {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let answer = self.send(Method::POST, path, &headers, body.to_string().into()).await?;
        self.read(&answer)
    }

    /// Sends a request with these headers and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] and [`ClientError::Strange`] only.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|e| self.strange(format!("bad request: {e}")))?;
        let mut kept = self.connection.lock().await;
        let mut sender = match kept.take() {
            // The hub closes idle connections; then a new one is made before anything is sent.
            Some(mut sender) => match sender.ready().await {
                Ok(()) => sender,
                Err(_) => self.connect().await?,
            },
            None => self.connect().await?,
        };
        let answer = timeout(ANSWER_TIMEOUT, sender.send_request(request)).await;
        let answer = answer.map_err(|_| self.unreachable("no answer in time"))?;
        let answer = answer.map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let body = timeout(ANSWER_TIMEOUT, Limited::new(answer.into_body(), ANSWER_MAX).collect()).await;
        let body = body.map_err(|_| self.unreachable("the answer does not end"))?;
        let body = body.map_err(|error| self.strange(error.to_string()))?.to_bytes();
        *kept = Some(sender);
        Ok(Answer { status, body })
    }

    async fn connect(&self) -> Result<http1::SendRequest<Full<Bytes>>, ClientError> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address)).await;
        let stream = stream.map_err(|_| self.unreachable("no connection in time"))?;
        let stream = stream.map_err(|error| self.unreachable(error))?;
        // Small requests must not wait for an acknowledgement.
        stream.set_nodelay(true).map_err(|error| self.unreachable(error))?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| self.unreachable(error))?;
        // Its errors come back through the requests; it ends with the sender.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// The JSON of an answer, or what the hub says is wrong.
    ///
    /// # Errors
    /// [`ClientError::Refused`] and [`ClientError::Strange`].
    pub fn read(&self, answer: &Answer) -> Result<Json, ClientError> {
        let json: Result<Json, _> = serde_json::from_slice(&answer.body);
        if answer.status.is_success() {
            return match json {
                Ok(json) => Ok(json),
                Err(_) if answer.body.is_empty() => Ok(Json::Null),
                Err(error) => Err(self.strange(format!("no JSON: {error}"))),
            };
        }
        let status = answer.status.as_u16();
        let problem = json.unwrap_or_default();
        let text = |key: &str| problem.get(key).and_then(Json::as_str).map(str::to_owned);
        let Some(code) = text("code") else {
            let body: String = String::from_utf8_lossy(&answer.body).chars().take(SHOWN_MAX).collect();
            return Err(self.strange(format!("status {status}: {body}")));
        };
        let detail = text("detail").or_else(|| text("title")).unwrap_or_default();
        Err(ClientError::Refused { status, code, detail, remedy: text("remedy") })
    }

    fn unreachable(&self, problem: impl ToString) -> ClientError {
        ClientError::Unreachable { url: self.url.clone(), problem: problem.to_string() }
    }

    fn strange(&self, problem: String) -> ClientError {
        ClientError::Strange { url: self.url.clone(), problem }
    }
}

/// A value for a query string: everything but unreserved characters percent-encoded.
#[must_use]
pub fn query_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
