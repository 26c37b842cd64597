//! Certificates that are trusted beside the roots of Mozilla: for mail servers of one's own authority.

use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters, TlsParametersBuilder};
use std::fmt;

/// Certificates of authorities, or of servers themselves.
#[derive(Clone, Default)]
pub struct TrustedCertificates(Vec<Certificate>);

impl TrustedCertificates {
    /// Reads what stands in a PEM file.
    ///
    /// # Errors
    /// It holds no certificate, or one that cannot be read; in words that follow the name of the file.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err("holds no certificate: a PEM file has a line -----BEGIN CERTIFICATE-----".into());
        }
        let certificates = Certificate::from_pem(pem.as_bytes())
            .map_err(|_| "holds a certificate that cannot be read: is it whole?".to_owned())?;
        let trusted = Self(vec![certificates]);
        // Only when they are put to use is each certificate looked into.
        match trusted.beside_the_usual("localhost".into()).build_rustls() {
            Ok(_) => Ok(trusted),
            Err(_) => Err("holds a certificate that cannot be used: is it X.509?".into()),
        }
    }

    /// Parameters for a connection to this host.
    pub(super) fn beside_the_usual(&self, host: String) -> TlsParametersBuilder {
        let usual = TlsParameters::builder(host).certificate_store(CertificateStore::WebpkiRoots);
        self.0.iter().cloned().fold(usual, TlsParametersBuilder::add_root_certificate)
    }
}

impl fmt::Debug for TrustedCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedCertificates({})", self.0.len())
    }
}
