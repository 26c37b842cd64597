//! Where Temporal is and who we are there.

use super::problem::ConfigProblem;
use super::reader::{Reader, truth};
use overture_domain::values::Secret;
use overture_temporal::{TemporalOptions, TemporalTls};
use std::path::{Path, PathBuf};

/// The section `temporal`, checked.
#[derive(Debug, Clone)]
pub(crate) struct TemporalSettings {
    pub(crate) address: String,
    pub(crate) namespace: String,
    tls: Option<bool>,
    server_ca: Option<PathBuf>,
    server_name: Option<String>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    api_key: Option<Secret>,
}

impl TemporalSettings {
    pub(super) fn read(read: &mut Reader<'_>) -> Self {
        let text = |text: &str| Ok(text.to_owned());
        let path = |text: &str| Ok(PathBuf::from(text));
        Self {
            address: read.optional("temporal.address", address).unwrap_or_default(),
            namespace: read.text("temporal.namespace"),
            tls: read.optional("temporal.tls", truth),
            server_ca: read.optional("temporal.server_ca", path),
            server_name: read.optional("temporal.server_name", text),
            client_cert: read.optional("temporal.client_cert", path),
            client_key: read.optional("temporal.client_key", path),
            api_key: read.optional("temporal.api_key", |text| Ok(Secret::from(text.to_owned()))),
        }
    }

    /// What does not go together.
    pub(super) fn validate(&self) -> Option<ConfigProblem> {
        (self.client_cert.is_some() != self.client_key.is_some()).then(|| {
            ConfigProblem::together(
                "temporal.client_cert",
                "Of temporal.client_cert and temporal.client_key only one is given.".into(),
                "Give both, or neither.".into(),
            )
        })
    }

    /// As the adapter takes it, with the files read.
    ///
    /// # Errors
    /// A file cannot be read; with its key.
    pub(crate) fn options(&self) -> Result<TemporalOptions, String> {
        let file = |key: &str, path: &Path| {
            std::fs::read(path).map_err(|error| format!("{key}: {} cannot be read: {error}", path.display()))
        };
        let server_ca = self.server_ca.as_deref().map(|path| file("temporal.server_ca", path)).transpose()?;
        let client = match (&self.client_cert, &self.client_key) {
            (Some(certificate), Some(key)) => {
                let key = String::from_utf8(file("temporal.client_key", key)?)
                    .map_err(|_| "temporal.client_key: the file is no PEM".to_owned())?;
                Some((file("temporal.client_cert", certificate)?, Secret::from(key)))
            }
            _ => None,
        };
        let enabled = self.tls.unwrap_or(server_ca.is_some() || client.is_some() || self.server_name.is_some());
        Ok(TemporalOptions {
            address: self.address.clone(),
            namespace: self.namespace.clone(),
            tls: TemporalTls { enabled, server_ca, server_name: self.server_name.clone(), client },
            api_key: self.api_key.clone(),
        })
    }
}

fn address(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.map(|host| host.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['/', '@', '?', ' ']) => Ok(text.to_owned()),
        Some(_) => Err("is not a scheme, a host and a port alone".into()),
        None => Err("begins with neither http:// nor https://".into()),
    }
}
