//! TLS before a server that speaks none: an authority of our own, and a front that ends TLS and passes the bytes on.

use crate::places::{Scratch, scratch};
use anyhow::{Result, ensure};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// Asks the server for TLS (PostgreSQL's protocol, section 54.7, `SSLRequest`).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Who signs certificates; files of its own lie in a folder that goes with it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    folder: Scratch,
}

/// Files of a certificate and its key, in PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// One that nobody knows yet.
    ///
    /// # Errors
    /// Its files cannot be written.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let authority = Self { issuer: Issuer::new(params, key), certificate, folder: scratch()? };
        std::fs::write(authority.file(), authority.certificate.pem())?;
        Ok(authority)
    }

    /// Its certificate, in PEM.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A certificate for a name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn identity(&self, name: &str) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        let file = |end: &str| self.folder.path().join(format!("{name}.{end}"));
        let identity = Identity { certificate: file("pem"), key: file("key") };
        std::fs::write(&identity.certificate, certificate.pem())?;
        std::fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }
}

/// What is said before TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing.
    None,
    /// PostgreSQL's client asks for it.
    Postgres,
}

/// A front that runs until it is dropped.
pub struct TlsFront {
    /// Its port on 127.0.0.1.
    pub port: u16,
    carried: Arc<AtomicU32>,
    accepting: AbortHandle,
}

impl TlsFront {
    /// A front before a port of this machine, as `localhost`; clients must show a certificate of `clients` where it is given.
    ///
    /// # Errors
    /// A certificate is none, or there is no port.
    pub async fn before(server: u16, opening: Opening, identity: &Identity, clients: Option<&Path>) -> Result<Self> {
        let acceptor = acceptor(identity, clients)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let carried = Arc::<AtomicU32>::default();
        let shared = Arc::clone(&carried);
        let accepting = tokio::spawn(async move {
            // Aborted with this task: what it carries goes too.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, carried) = (acceptor.clone(), Arc::clone(&shared));
                // Who is not trusted ends here, and says so on their side.
                connections.spawn(async move { drop(carry(client, server, opening, &acceptor, &carried).await) });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, carried, accepting: accepting.abort_handle() })
    }

    /// How many connections have spoken TLS to their end of the handshake.
    pub fn carried(&self) -> u32 {
        self.carried.load(Ordering::SeqCst)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    server: u16,
    opening: Opening,
    acceptor: &TlsAcceptor,
    carried: &AtomicU32,
) -> Result<()> {
    if opening == Opening::Postgres {
        let mut asked = [0; 8];
        client.read_exact(&mut asked).await?;
        ensure!(asked == SSL_REQUEST, "a client that asks for no TLS");
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await?;
    carried.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

fn acceptor(identity: &Identity, clients: Option<&Path>) -> Result<TlsAcceptor> {
    let provider = Arc::new(default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(authority)?)?;
            config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?,
            )
        }
    };
    let certificates = vec![CertificateDer::from_pem_file(&identity.certificate)?];
    let mut config = config.with_single_cert(certificates, PrivateKeyDer::from_pem_file(&identity.key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"postgresql".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
