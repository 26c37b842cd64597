//! Where Temporal is and who we are there.

use overture_domain::values::Secret;
use std::time::Duration;
use temporalio_client::{ClientTlsOptions, ConnectionOptions, GrpcCompression, RetryOptions, TlsOptions, Url};

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where Temporal is and who we are there.
#[derive(Debug, Clone)]
pub struct TemporalOptions {
    /// The frontend, as `http://host:7233`, or `https://host:7233` with TLS.
    pub address: String,
    /// The namespace; it must exist.
    pub namespace: String,
    /// How to speak TLS; an `https` address or an API key need nothing here.
    pub tls: TemporalTls,
    /// An API key, for Temporal Cloud; it implies TLS.
    pub api_key: Option<Secret>,
}

/// What TLS needs beyond the certificates that the system trusts.
#[derive(Debug, Clone, Default)]
pub struct TemporalTls {
    /// Speaks TLS even if neither the address nor an API key says so.
    pub enabled: bool,
    /// The certificates (PEM) that the server's must descend from.
    pub server_ca: Option<Vec<u8>>,
    /// The name in the server's certificate, where it is not the host of the address.
    pub server_name: Option<String>,
    /// Our own certificate (PEM) and its key (PEM), for mutual TLS.
    pub client: Option<(Vec<u8>, Secret)>,
}

impl TemporalOptions {
    /// As the SDK takes it.
    ///
    /// # Errors
    /// The address is no URL; the text says what is wrong with it.
    pub(crate) fn connection(&self) -> Result<ConnectionOptions, String> {
        let url = Url::parse(&self.address).map_err(|error| format!("{}: {error}", self.address))?;
        let tls = &self.tls;
        let speaks_tls = tls.enabled || url.scheme() == "https" || self.api_key.is_some();
        let tls_options = speaks_tls.then(|| {
            TlsOptions::builder()
                .maybe_server_root_ca_cert(tls.server_ca.clone())
                .maybe_domain(tls.server_name.clone())
                .maybe_client_tls_options(tls.client.as_ref().map(|(certificate, key)| {
                    ClientTlsOptions::builder()
                        .client_cert(certificate.clone())
                        .client_private_key(key.expose().as_bytes().to_vec())
                        .build()
                }))
                .build()
        });
        let loopback =
            url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
        Ok(ConnectionOptions::new(url)
            .identity(format!("overture-{}", std::process::id()))
            .connect_timeout(CONNECT_TIMEOUT)
            .maybe_tls_options(tls_options)
            .maybe_api_key(self.api_key.as_ref().map(|key| key.expose().to_owned()))
            .grpc_compression(if loopback { GrpcCompression::None } else { GrpcCompression::Gzip })
            .retry_options(RetryOptions::no_retries())
            .build())
    }
}
