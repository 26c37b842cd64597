//! SMS and WhatsApp by Twilio's Messages API (<https://www.twilio.com/docs/messaging/api/message-resource>).
//!
//! Owned here: one POST per message, what its answer means, and the calls that Twilio makes to us. Refused here:
//! repeating. Twilio knows no key that would make two POSTs one message, so that whatever may have been read and was not
//! answered stays unclear. A message whose time is over is not begun; the rest of its time travels along as
//! `ValidityPeriod`, so that Twilio does not send it later either.
//!
//! | `SendError` | code | when |
//! |---|---|---|
//! | `Config` | `unusable_settings` | the stored settings cannot be read |
//! | `Config` | `egress_refused` | Twilio's address may not be connected to |
//! | `Config` | `redirected` | 3xx: the base URL is not Twilio's |
//! | `Config` | `authentication_failed` | 401; 20003 |
//! | `Config` | `permission_denied` | 403, unless a code that is known says more |
//! | `Config` | `account_unknown` | 404 |
//! | `Config` | `sender_invalid` | 4xx with 21212, 21603, 21606, 21659, 21660, 21661, 21701, 21705, 63007 |
//! | `Config` | `trial_account`, `callback_refused` | 4xx with 21267, 21608; 21609 |
//! | `Rejected` | `unusable_message` | no phone number, or a template that Twilio cannot know |
//! | `Rejected` | `invalid_recipient` | 4xx with 21201, 21211, 21217, 21265, 21266, 21268, 21604 |
//! | `Rejected` | `not_mobile`, `unroutable`, `country_not_allowed` | 4xx with 21614, 21635; 21612; 21408 |
//! | `Rejected` | `opted_out`, `outside_window`, `unknown_recipient` | 4xx with 21610; 63016; 63003, 63024 |
//! | `Rejected` | `content_missing`, `content_too_long` | 4xx with 21602, 21619; 21617 |
//! | `Rejected` | `template_unknown`, `template_mismatch` | 4xx with 21655; 21656 |
//! | `Rejected` | those of receipts | 2xx with an id for a message that failed at once |
//! | `Rejected` | `provider_rejected` | any other 4xx |
//! | `RateLimited` | `rate_limited`, `queue_full` | 429; 4xx with 20429, 63017, 63018; 21611 |
//! | `Unreachable` | `connection_failed` | no connection came to stand |
//! | `Unavailable` | `timed_out` | the message's own time was over before it was begun |
//! | `Unclear` | `answer_lost` | no answer in time, or cut off |
//! | `Unclear` | `answer_unreadable` | 2xx without an id of the message |
//! | `Unclear` | `provider_failed` | 5xx, 408, or no status that means anything |
//!
//! A `provider_code` is Twilio's. The text ends with what Twilio said; it may hold an address, except in `Config`, where
//! numbers are masked because a channel's owner reads it.

mod classification;
mod codes;
mod request;
mod signature;
mod verify;
mod webhook;

use crate::cause::{cause, unusable_settings};
use crate::provider_http::{ProviderHttp, TIMEOUT};
use crate::settings::TwilioSettings;
use async_trait::async_trait;
use overture_domain::entities::ChannelConnection;
use overture_domain::ports::{
    Accepted, ChannelVerifier, MessageSender, Outgoing, ProviderEvent, SendError, Verified, VerifyError, WebhookCall,
    WebhookError, WebhookReader,
};
use std::time::Duration;

/// Where Twilio is.
#[derive(Debug, Clone)]
pub struct TwilioOptions {
    /// The Messages API; `https://api.twilio.com` unless a test or a region says otherwise.
    pub base_url: String,
    /// The Content API, which lists templates; `https://content.twilio.com` likewise.
    pub content_base_url: String,
    /// Where receipts reach us, without a slash at its end; none: no receipts are asked for and no webhook is believed.
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

/// Hands messages to Twilio, reads its webhooks, and tries its credentials.
pub(crate) struct TwilioSender {
    http: ProviderHttp,
    options: TwilioOptions,
    /// The most that handing over one message may take.
    timeout: Duration,
}

impl TwilioSender {
    pub(crate) fn new(http: ProviderHttp, options: TwilioOptions) -> Self {
        Self { http, options, timeout: TIMEOUT }
    }
}

fn settings(connection: &ChannelConnection) -> Option<TwilioSettings> {
    TwilioSettings::read(connection.kind, &connection.settings)
}

#[async_trait]
impl MessageSender for TwilioSender {
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let settings = settings(connection).ok_or_else(unusable_settings)?;
        let form = request::form(&settings, &self.options, outgoing)?;
        if outgoing.time_left.is_zero() {
            let text = "The message's time was over before it could be handed to Twilio.";
            return Err(SendError::Unavailable(cause("timed_out", text)));
        }
        let (user, password) = settings.login();
        let request = self
            .http
            .client()
            .post(request::url(&settings, &self.options))
            .basic_auth(user, Some(password.expose()))
            .timeout(self.timeout)
            .form(&form);
        classification::classify(self.http.ask(request).await)
    }
}

impl WebhookReader for TwilioSender {
    fn read(&self, connection: &ChannelConnection, call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError> {
        webhook::read(&settings(connection).ok_or(WebhookError::Forged)?, &self.options, call)
    }

    /// Twilio knows no verify tokens.
    fn is_verify_token(&self, _connection: &ChannelConnection, _token: &str) -> bool {
        false
    }
}

#[async_trait]
impl ChannelVerifier for TwilioSender {
    async fn verify(&self, connection: &ChannelConnection) -> Result<Verified, VerifyError> {
        let settings = settings(connection).ok_or(VerifyError::UnexpectedAnswer)?;
        verify::verify(&self.http, &self.options, &settings).await
    }
}

#[cfg(test)]
mod tests;
