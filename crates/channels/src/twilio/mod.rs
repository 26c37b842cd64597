//! Twilio: SMS and WhatsApp by its Messages API.

use crate::provider_http::ProviderHttp;
use async_trait::async_trait;
use overture_domain::entities::ChannelConnection;
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};

/// Where Twilio is.
#[derive(Debug, Clone)]
pub struct TwilioOptions {
    /// The Messages API; `https://api.twilio.com` unless a test or a region says otherwise.
    pub base_url: String,
    /// The Content API, which lists templates; `https://content.twilio.com` likewise.
    pub content_base_url: String,
    /// Where receipts reach us, without a slash at its end; none: no receipts are asked for.
    pub public_url: Option<String>,
}

impl Default for TwilioOptions {
    fn default() -> Self {
        Self {
            base_url: "https://api.twilio.com".into(),
            content_base_url: "https://content.twilio.com".into(),
            public_url: None,
        }
    }
}

/// Hands messages to Twilio.
pub(crate) struct TwilioSender {
    http: ProviderHttp,
    options: TwilioOptions,
}

impl TwilioSender {
    pub(crate) fn new(http: ProviderHttp, options: TwilioOptions) -> Self {
        Self { http, options }
    }
}

#[async_trait]
impl MessageSender for TwilioSender {
    async fn send(&self, _connection: &ChannelConnection, _outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let _ = (&self.http, &self.options);
        Err(crate::cause::unusable_settings())
    }
}
