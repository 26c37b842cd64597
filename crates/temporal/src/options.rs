//! Where Temporal is and who we are there.

use overture_domain::values::Secret;
use std::str::FromStr;
use std::time::Duration;
use temporalio_client::{ClientTlsOptions, ConnectionOptions, GrpcCompression, RetryOptions, TlsOptions, Url};
use thiserror::Error;

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

/// The address is no URL.
#[derive(Debug, Error)]
#[error("{address}: {cause}")]
pub struct InvalidAddress {
    /// As it was given.
    pub address: String,
    /// What is wrong with it.
    #[source]
    pub cause: <Url as FromStr>::Err,
}

impl TemporalOptions {
    /// As the SDK takes it.
    ///
    /// # Errors
    /// The address is no URL.
    pub(crate) fn connection(&self) -> Result<ConnectionOptions, InvalidAddress> {
        let url = Url::parse(&self.address).map_err(|cause| InvalidAddress { address: self.address.clone(), cause })?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn options(address: &str) -> TemporalOptions {
        TemporalOptions {
            address: address.into(),
            namespace: "default".into(),
            tls: TemporalTls::default(),
            api_key: None,
        }
    }

    #[test]
    fn tls_is_spoken_where_the_address_the_options_or_an_api_key_say_so() {
        let plain = options("http://temporal.internal:7233");
        assert!(plain.connection().unwrap().tls_options.is_none());
        let enabled = TemporalTls { enabled: true, ..TemporalTls::default() };
        for speaking in [
            options("https://temporal.internal:7233"),
            TemporalOptions { tls: enabled, ..plain.clone() },
            TemporalOptions { api_key: Some(Secret::from("cloud key".to_owned())), ..plain },
        ] {
            assert!(speaking.connection().unwrap().tls_options.is_some(), "{speaking:?}");
        }
    }

    #[test]
    fn an_api_key_and_certificates_reach_the_sdk_and_no_debug_text() {
        let tls = TemporalTls {
            enabled: true,
            server_ca: Some(b"authority".to_vec()),
            server_name: Some("temporal.example.com".into()),
            client: Some((b"certificate".to_vec(), Secret::from("private key".to_owned()))),
        };
        let options = TemporalOptions {
            tls,
            api_key: Some(Secret::from("cloud key".to_owned())),
            ..options("https://temporal.internal:7233")
        };
        let connection = options.connection().unwrap();
        assert_eq!(connection.api_key.as_deref(), Some("cloud key"));
        let tls = connection.tls_options.unwrap();
        assert_eq!(tls.server_root_ca_cert.as_deref(), Some(&b"authority"[..]));
        assert_eq!(tls.domain.as_deref(), Some("temporal.example.com"));
        let client = tls.client_tls_options.unwrap();
        assert_eq!(
            (&client.client_cert[..], &client.client_private_key[..]),
            (&b"certificate"[..], &b"private key"[..])
        );
        let told = format!("{options:?}");
        assert!(!told.contains("cloud key") && !told.contains("private key"), "{told}");
    }

    #[test]
    fn only_what_stays_on_this_machine_travels_uncompressed() {
        for (address, compression) in [
            ("http://127.0.0.1:7233", GrpcCompression::None),
            ("http://localhost:7233", GrpcCompression::None),
            ("http://[::1]:7233", GrpcCompression::None),
            ("http://temporal.internal:7233", GrpcCompression::Gzip),
        ] {
            assert_eq!(options(address).connection().unwrap().grpc_compression, compression, "{address}");
        }
        assert!(options("temporal").connection().is_err());
    }
}
