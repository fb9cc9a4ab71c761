//! TLS with an authority of the tests' own; its key is thrown away, the server's guards nothing.

use crate::{Memory, Running, server::Server, settings, until};
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/imap");

fn acceptor() -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(format!("{DATA}/server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(format!("{DATA}/server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_server_hears_the_password() {
    let server = Server::start([1, 2], Some(acceptor())).await;
    let folder = TempDir::new().unwrap();
    let ca = format!("{DATA}/ca.pem");
    let port = server.address.port();
    for (host, ca, good) in [
        (format!("127.0.0.1:{port}"), Some(&ca), true),
        (format!("localhost:{port}"), Some(&ca), true),
        (format!("[::1]:{port}"), Some(&ca), false),
        (format!("127.0.0.1:{port}"), None, false),
        (format!("127.0.0.1:{port}"), Some(&format!("{DATA}/server.key")), false),
        (format!("127.0.0.1:{port}"), Some(&format!("{DATA}/absent.pem")), false),
    ] {
        let logins = server.count("LOGIN");
        let memory = Memory::new();
        let imap = settings(&server, json!({"imap": host, "imap_tls": true, "imap_ca": ca}));
        // Each has a folder of its own: each begins anew.
        let running = Running::start(&imap, &folder.path().join(server.count("").to_string()), &memory);
        if good {
            until("the mails", || memory.count() == 2).await;
        } else {
            until("the refusal", || !memory.codes().is_empty()).await;
            let code = memory.codes()[0];
            assert!(["imap_tls", "imap_unreachable"].contains(&code), "{host}: {code}");
        }
        running.stop().await;
        assert_eq!(server.count("LOGIN") > logins, good, "{host} {ca:?}");
    }
}
