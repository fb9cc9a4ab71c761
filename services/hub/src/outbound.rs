//! Requests to other systems: one connection a request, HTTP/1.1, TLS by rustls against the roots of the web. Addresses come
//! from configuration only. Absent on purpose: redirects (a signed request goes where it was configured to go, or
//! nowhere), proxies, cookies.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// Largest answer that is read; profiles and key sets are far smaller.
const ANSWER_MAX: usize = 256 * 1024;

/// Headers that are of one connection, or that this side sets itself.
const OWN_HEADERS: [&str; 11] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    /// Path and query.
    target: String,
}

impl Address {
    /// Reads an address: `https://`, or `http://` on this machine.
    ///
    /// # Errors
    /// What is wrong; "problem; remedy".
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "is no address; write it as \"https://host/path\"")?;
        let authority = uri.authority().ok_or("names no host; write it as \"https://host/path\"")?;
        if authority.as_str().contains('@') {
            return Err("holds a password; put it where the other side reads it from a header");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_local(&host) => false,
            Some("http") => return Err("is not encrypted; use https:// (http:// only to 127.0.0.1)"),
            _ => return Err("must begin with https://; http:// only to 127.0.0.1"),
        };
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let target = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        Ok(Self { tls, host, port, authority: authority.to_string(), target })
    }

    /// The host, for people to read.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same address with more behind its path.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        Self { target: format!("{}{path}", self.target.trim_end_matches('/')), ..self.clone() }
    }

    /// The same address with a query string, if there is one, after its own.
    #[must_use]
    pub fn with_query(&self, query: &str) -> Self {
        if query.is_empty() {
            return self.clone();
        }
        let glue = if self.target.contains('?') { '&' } else { '?' };
        Self { target: format!("{}{glue}{query}", self.target), ..self.clone() }
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Seconds of `Retry-After`, where it is a number.
    pub retry_after: Option<Duration>,
    /// Body.
    pub body: Bytes,
}

/// Why nothing came back. The texts name no values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// A connection, but not to whom it should be.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// Connected, and no whole answer.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
}

/// Sends requests.
#[derive(Clone)]
pub struct Outbound {
    tls: TlsConnector,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbound")
    }
}

impl Outbound {
    /// With the roots of the web.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new() -> Result<Self, rustls::Error> {
        Self::trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// With these roots alone.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn trusting(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Sends one request and reads its answer, all `within` this time. Of the headers those of a single connection are
    /// left out.
    ///
    /// # Errors
    /// [`SendError`]; any answer, whatever its status, is none.
    pub async fn send(
        &self,
        to: &Address,
        method: Method,
        headers: &[(String, String)],
        body: Bytes,
        within: Duration,
    ) -> Result<Answer, SendError> {
        let sent = timeout(within, self.exchange(to, method, headers, body)).await;
        sent.unwrap_or(Err(SendError::TimedOut))
    }

    async fn exchange(
        &self,
        to: &Address,
        method: Method,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Answer, SendError> {
        let mut request =
            Request::builder().method(method).uri(&to.target).header(header::HOST, &to.authority);
        for (name, value) in headers.iter().filter(|(n, _)| !OWN_HEADERS.contains(&n.as_str())) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|e| SendError::Broken(e.to_string()))?;
        let connect = |e: std::io::Error| SendError::Connect(e.kind().to_string());
        let stream = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        if !to.tls {
            return talk(stream, request).await;
        }
        let name = ServerName::try_from(to.host.clone()).map_err(|e| SendError::Tls(e.to_string()))?;
        let stream = self.tls.connect(name, stream).await.map_err(|e| SendError::Tls(e.to_string()))?;
        talk(stream, request).await
    }
}

/// Ends its task when it is dropped: an abandoned request must not keep its connection.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |e: hyper::Error| SendError::Broken(e.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let _connection = Connection(tokio::spawn(async move {
        // Its errors come back through the request.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await.map_err(broken)?;
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
    let retry_after = retry_after.and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
    let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
    let body = body.map_err(|e| SendError::Broken(e.to_string()))?.to_bytes();
    Ok(Answer { status, retry_after, body })
}

#[cfg(test)]
mod tests;
