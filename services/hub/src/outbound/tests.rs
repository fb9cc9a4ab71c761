//! Against small servers on the loopback interface, plain and with a certificate made for these tests.

use super::{Address, Outbound, SendError};
use bytes::Bytes;
use hyper::Method;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};

const CERTIFICATE: &[u8] = include_bytes!("test.cert.pem");
const KEY: &[u8] = include_bytes!("test.key.pem");
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn addresses_are_encrypted_or_local() {
    for (url, good) in [
        ("https://bot.example.com/callback?x=1", true),
        ("https://bot.example.com", true),
        ("http://127.0.0.1:9000/hook", true),
        ("http://[::1]:9000/", true),
        ("http://localhost/", true),
        ("http://bot.example.com/", false),
        ("http://127.0.0.1.example.com/", false),
        ("https://user:secret@bot.example.com/", false),
        ("ftp://bot.example.com/", false),
        ("/callback", false),
        ("", false),
    ] {
        assert_eq!(Address::parse(url).is_ok(), good, "{url}");
    }
    let base = Address::parse("https://api.example.com/v2/").expect("an address");
    assert_eq!(base.below("/bot/profile/U1").target, "/v2/bot/profile/U1");
    assert_eq!(base.with_query("a=1").with_query("b=2").target, "/v2/?a=1&b=2");
    assert_eq!(base.host(), "api.example.com");
}

/// Reads one request's head and its five bytes of body, then answers.
async fn answer_one(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"hello") {
        let mut piece = [0; 512];
        let n = stream.read(&mut piece).await.expect("a request");
        assert!(n > 0, "the request ended early");
        seen.extend_from_slice(&piece[..n]);
    }
    stream.write_all(answer.as_bytes()).await.expect("an answer");
    stream.flush().await.expect("an answer");
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&seen).into_owned()
}

async fn send(outbound: &Outbound, url: &str, within: Duration) -> Result<super::Answer, SendError> {
    let to = Address::parse(url).expect("an address");
    let headers = [("x-line-signature", "abc="), ("connection", "close"), ("host", "elsewhere")];
    let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    outbound.send(&to, Method::POST, &headers, Bytes::from_static(b"hello"), within).await
}

#[tokio::test]
async fn a_request_arrives_as_it_was_and_its_answer_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook?x=1", listener.local_addr().expect("an address"));
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        answer_one(stream, "HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno").await
    });
    let answer = send(&Outbound::new().expect("TLS"), &url, PATIENCE).await.expect("an answer");
    assert_eq!((answer.status, answer.retry_after), (429, Some(Duration::from_secs(7))));
    assert_eq!(&answer.body[..], b"no");
    let seen = served.await.expect("served");
    assert!(seen.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("x-line-signature: abc=\r\n") && !seen.contains("elsewhere"), "{seen}");
}

#[tokio::test]
async fn silence_ends_in_time_and_a_closed_port_at_once() {
    let outbound = Outbound::new().expect("TLS");
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    assert_eq!(send(&outbound, &url, Duration::from_millis(200)).await.unwrap_err(), SendError::TimedOut);
    drop(silent);
    assert!(matches!(send(&outbound, &url, PATIENCE).await, Err(SendError::Connect(_))));
}

#[tokio::test]
async fn only_a_trusted_certificate_is_talked_to() {
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate")];
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(KEY).expect("a key"))
        .expect("a server");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://localhost:{}/", listener.local_addr().expect("an address").port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer_one(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    });
    let stranger = Outbound::new().expect("TLS");
    assert!(matches!(send(&stranger, &url, PATIENCE).await, Err(SendError::Tls(_))));
    let friend = Outbound::trusting(roots).expect("TLS");
    assert_eq!(send(&friend, &url, PATIENCE).await.expect("an answer").status, 200);
}
