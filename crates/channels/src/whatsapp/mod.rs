//! WhatsApp by the Cloud API of Meta
//! (<https://developers.facebook.com/documentation/business-messaging/whatsapp/overview>).
//!
//! Owned here: one POST per send, and what is certain after it; reading the calls that Meta makes to us; trying settings
//! without sending. Refused here: repeating (Meta has no key that would make a repetition harmless), and deciding whether
//! a text or a template may leave now.
//!
//! Meta answers with codes of its own, and asks to build on them and not on the HTTP status, which counts only where
//! there is no code. An acceptance is no delivery: what becomes of the message comes as receipts.
//!
//! | `SendError` | code | when |
//! |---|---|---|
//! | `Config` | `unusable_settings` | the stored settings cannot be read |
//! | `Config` | `egress_refused` | the API is at an address that may not be reached |
//! | `Config` | `redirected` | 3xx; it is not followed |
//! | `Config` | `unexpected_answer` | 4xx by something else than the API |
//! | `Config` | `authentication_failed` | 0, 102, 190; 401 |
//! | `Config` | `permission_missing` | 3, 10, 200 to 299, 131005 |
//! | `Config` | `sender_unknown` | 33, 131045, 133010; 100 where it is about the number's id |
//! | `Config` | `payment_missing`, `account_locked` | 131042; 368, 131031 |
//! | `Config` | `recipient_not_allowed` | 131030: a test number, which sends to listed people only |
//! | `RateLimited` | `rate_limited` | 4, 17, 32, 613, 80007, 80008; 429 without a known code |
//! | `RateLimited` | `throughput_limited` | 130429 |
//! | `RateLimited` | `pair_limited` | 131056: of this recipient only, 6 s at least; others go on |
//! | `Rejected` | `unusable_message` | no phone number; a template of Twilio |
//! | `Rejected` | `spam_limited` | 131048: people have complained. Trying again by itself would make it worse, so a person decides |
//! | `Rejected` | `engagement_limited` | 131049: this person gets no more of this kind for a day or so, which is longer than messages wait |
//! | `Rejected` | `opted_out` | 131050 |
//! | `Rejected` | `outside_window` | 131047: only a template may leave |
//! | `Rejected` | `unknown_recipient` | 131026: not on WhatsApp, or has blocked the number |
//! | `Rejected` | `recipient_is_sender`, `recipient_in_experiment`, `country_restricted` | 131021; 130472; 130497 |
//! | `Rejected` | `template_unusable` | 132000 to 132099: unknown, paused, disabled, other placeholders |
//! | `Rejected` | `message_refused` | 100, 131008, 131009, 131051 |
//! | `Rejected` | `provider_rejected` | 4xx with a code that is not known here |
//! | `Unreachable` | `connection_failed` | no connection came to stand, or the name has no address |
//! | `Unavailable` | `timed_out` | the message's own time was over before it was begun |
//! | `Unclear` | `provider_trouble` | 1, 2, 131000, 131016, 131057, 133004; 5xx without a known code |
//! | `Unclear` | `answer_lost` | no answer in time, or cut off |
//! | `Unclear` | `answer_unreadable` | 2xx without a message id and without a known code; 408 |
//!
//! A `provider_code` is Meta's code. The text is what Meta said, with its details and without our secrets; it may hold a
//! number, except in `Config`, where it is masked because a channel's owner reads it.

mod classification;
mod codes;
mod graph_error;
mod inbound;
mod request;
mod signature;
mod verify;
mod webhook;

use crate::cause::{unusable_message, unusable_settings};
use crate::provider_http::{ProviderHttp, TIMEOUT};
use crate::settings::WhatsAppSettings;
use async_trait::async_trait;
use overture_domain::entities::ChannelConnection;
use overture_domain::ports::{
    Accepted, ChannelVerifier, MessageSender, Outgoing, ProviderEvent, SendError, Verified, VerifyError, WebhookCall,
    WebhookError, WebhookReader,
};
use request::Request;
use std::time::Duration;

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

impl WhatsAppOptions {
    /// The address of an edge of a node, such as the messages of a number.
    fn edge(&self, node: &str, edge: &str) -> String {
        format!("{}/{}/{node}/{edge}", self.base_url.trim_end_matches('/'), self.api_version)
    }
}

/// Hands messages to the Cloud API, reads its calls and tries settings with it.
pub(crate) struct WhatsAppSender {
    http: ProviderHttp,
    options: WhatsAppOptions,
    /// The most that one send may take.
    timeout: Duration,
}

impl WhatsAppSender {
    pub(crate) fn new(http: ProviderHttp, options: WhatsAppOptions) -> Self {
        Self { http, options, timeout: TIMEOUT }
    }
}

#[async_trait]
impl MessageSender for WhatsAppSender {
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let settings = WhatsAppSettings::read(&connection.settings).ok_or_else(unusable_settings)?;
        let body = Request::of(outgoing).map_err(unusable_message)?;
        // Connecting counts as begun.
        if outgoing.time_left.is_zero() {
            return Err(classification::too_late());
        }
        let client = self.http.client();
        let request = client
            .post(self.options.edge(&settings.phone_number_id, "messages"))
            .bearer_auth(settings.access_token.expose())
            .timeout(self.timeout)
            .json(&body);
        match self.http.ask(request).await {
            Ok(answered) => classification::answered(&answered, &settings),
            Err(unanswered) => Err(classification::unanswered(&unanswered)),
        }
    }
}

impl WebhookReader for WhatsAppSender {
    fn read(&self, connection: &ChannelConnection, call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError> {
        let settings = WhatsAppSettings::read(&connection.settings).ok_or(WebhookError::Forged)?;
        webhook::read(&settings, call)
    }

    fn is_verify_token(&self, connection: &ChannelConnection, token: &str) -> bool {
        WhatsAppSettings::read(&connection.settings)
            .is_some_and(|settings| signature::is_verify_token(&settings.verify_token, token))
    }
}

#[async_trait]
impl ChannelVerifier for WhatsAppSender {
    async fn verify(&self, connection: &ChannelConnection) -> Result<Verified, VerifyError> {
        // What cannot be read has to be entered again.
        let settings = WhatsAppSettings::read(&connection.settings).ok_or(VerifyError::CredentialsRefused)?;
        verify::verify(&self.http, &self.options, &settings).await
    }
}

/// A person as the rest of the program knows them: `+` and digits where Meta gives a number (a `wa_id`), else Meta's own id
/// of somebody who shows none.
fn person(id: &str) -> String {
    let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { format!("+{id}") } else { id.to_owned() }
}

#[cfg(test)]
#[path = "../../tests/support/whatsapp.rs"]
mod graph;
#[cfg(test)]
mod tests;
