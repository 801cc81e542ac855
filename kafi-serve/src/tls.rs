//! TLS: who the server is, and who its clients have to be.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use kafi_core::{Error, ErrorKind, Result};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

const READ: &str = "read certificates";

/// The certificate of the server with its key, and whose certificates it asks its clients for.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    knows_clients: bool,
}

impl Tls {
    /// Reads a certificate, with those that it stands on behind it, and its key; both in PEM.
    ///
    /// With `client_ca`, a file of certificates in PEM, only clients are answered that have a certificate of one of
    /// these.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, or `Io` of a file; `Config` where one does not hold what it should, or the key is
    /// another certificate's.
    pub fn read(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| bad(certificate, "they cannot be used", error))?;
        let builder = match client_ca {
            Some(file) => builder.with_client_cert_verifier(verifier(file, provider)?),
            None => builder.with_no_client_auth(),
        };
        let chain = certificates(certificate)?;
        let secret = PrivateKeyDer::from_pem_slice(&contents(key)?);
        let secret = secret.map_err(|error| bad(key, "it has no key in PEM that is not encrypted", error))?;
        let config = builder.with_single_cert(chain, secret);
        let mut config = config.map_err(|error| {
            bad(certificate, "certificate and key do not fit each other", error).with("key", key.display())
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), knows_clients: client_ca.is_some() })
    }

    /// Whether only clients are answered whose certificates it knows.
    pub(crate) fn knows_clients(&self) -> bool {
        self.knows_clients
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

impl fmt::Debug for Tls {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("knows_clients", &self.knows_clients).finish_non_exhaustive()
    }
}

fn verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| bad(file, "a certificate cannot be used", error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map_err(|error| bad(file, "its certificates cannot be used", error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = contents(file)?;
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| bad(file, "it has no certificates in PEM", error))?;
    if all.is_empty() {
        let error = Error::new(ErrorKind::Config, READ, "it has no certificates in PEM");
        return Err(error.with("file", file.display()));
    }
    Ok(all)
}

fn contents(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Error::io(READ, error).with("file", file.display()))
}

fn bad(file: &Path, why: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    let why = format!("{why}: {source}");
    Error::new(ErrorKind::Config, READ, why).with("file", file.display()).source(source)
}
