//! The connection: TCP, and TLS unless the server is on this machine.

use super::error::ImapError;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tributary_channels::pull::Imap;

/// Whatever bytes go over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connects within `patience`.
///
/// # Errors
/// [`ImapError`] without a connection, or with a server that is not the one named.
pub async fn open(imap: &Imap, patience: Duration) -> Result<Box<dyn Stream>, ImapError> {
    let address = (imap.host.as_str(), imap.port);
    let tcp = timeout(patience, TcpStream::connect(address)).await.map_err(|_| ImapError::Silent)?;
    let tcp = tcp.map_err(ImapError::Unreachable)?;
    // Commands are small: waiting to fill a packet would only make them late.
    let _ = tcp.set_nodelay(true);
    if !imap.tls {
        return Ok(Box::new(tcp));
    }
    let wrong = |e: &dyn std::fmt::Display| ImapError::Tls(e.to_string());
    let name = ServerName::try_from(imap.host.clone()).map_err(|e| wrong(&e))?;
    let connector = TlsConnector::from(Arc::new(trusting(imap.ca.as_deref())?));
    let tls = timeout(patience, connector.connect(name, tcp)).await.map_err(|_| ImapError::Silent)?;
    Ok(Box::new(tls.map_err(|e| wrong(&e))?))
}

/// Trusts the public authorities, or only those in the file.
fn trusting(ca: Option<&str>) -> Result<ClientConfig, ImapError> {
    let wrong = |e: &dyn std::fmt::Display| ImapError::Tls(e.to_string());
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file).map_err(|e| wrong(&e))? {
                roots.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
            }
            if roots.is_empty() {
                return Err(ImapError::Tls(format!("no certificate in {file}")));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|e| wrong(&e))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
