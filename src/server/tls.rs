//! Encrypted connections.

use super::connections::HEAD_TIME;
use crate::{Error, ErrorKind};
use std::{io, path::Path, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

/// A server's certificate and its key.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// The certificate in the file `cert`, with those that certify it, if they are
    /// there, behind it; its key in the file `key`. Both are in PEM form.
    ///
    /// # Errors
    ///
    /// When either can't be read, or they don't belong together.
    pub fn open(cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        let (cert, key) = (cert.as_ref(), key.as_ref());
        let read =
            |path: &Path| std::fs::read(path).map_err(|error| wrong(path, &error.to_string()));
        let certs = CertificateDer::pem_slice_iter(&read(cert)?).collect::<Result<Vec<_>, _>>();
        let certs = certs.map_err(|error| wrong(cert, &error.to_string()))?;
        if certs.is_empty() {
            return Err(wrong(cert, "it has no certificate in PEM form"));
        }
        let private = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|error| wrong(key, &format!("it has no private key in PEM form: {error}")))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config
                    .with_no_client_auth()
                    .with_single_cert(certs, private)
            })
            .map_err(|error| wrong(cert, &error.to_string()))?;
        Ok(Self::new(config))
    }

    fn new(mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    /// Agrees with the client at the other end of `stream` how to go on, in no more
    /// time than it may take for a request's head.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        tokio::time::timeout(HEAD_TIME, self.0.accept(stream)).await?
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn wrong(path: &Path, problem: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{}: {problem}", path.display()))
}
