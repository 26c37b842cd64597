//! `/webhooks/…`: what providers call. Each is believed by its signature alone and answered once what it tells is on disk.
//!
//! Whoever cannot sign, and whoever names a channel that does not exist, is told the same. These paths are for providers:
//! they do not stand in the OpenAPI document.

use crate::Code;
use crate::body::raw;
use crate::failure::Failure;
use crate::state::State;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};
use overture_domain::ids::ChannelId;
use overture_domain::ports::{Hook, WebhookCall};
use overture_domain::use_cases::{ReceiveError, RecordError};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Twilio's calls are forms of a few kilobytes; a text of 1,600 characters in three bytes each, percent-encoded, fits.
const TWILIO_LIMIT: usize = 64 * 1024;
/// Meta's are batches of up to 3 MB.
const WHATSAPP_LIMIT: usize = 4 * 1024 * 1024;
/// What whoever cannot sign is told, and whoever names a channel that does not exist.
const UNSIGNED: &str =
    "This call is refused: its signature does not fit this address. Check the secret and OVERTURE__PUBLIC_URL.";
/// The same where the address is set up.
const UNCONFIRMED: &str =
    "This call is refused: hub.mode must be subscribe, and hub.verify_token the channel's verify token.";
/// How far apart refusals are told in the log.
const REFUSALS_APART: Duration = Duration::from_secs(60);
/// What Twilio takes for "no reply".
const NO_REPLY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

/// `POST /webhooks/twilio/{channelId}/status`
pub(crate) async fn twilio_status(
    request: HttpRequest,
    payload: Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    receive(&request, payload, &state, Hook::TwilioStatus, TWILIO_LIMIT).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /webhooks/twilio/{channelId}/inbound`
pub(crate) async fn twilio_inbound(
    request: HttpRequest,
    payload: Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    receive(&request, payload, &state, Hook::TwilioInbound, TWILIO_LIMIT).await?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/xml")).body(NO_REPLY))
}

/// `POST /webhooks/whatsapp/{channelId}`
pub(crate) async fn whatsapp(
    request: HttpRequest,
    payload: Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    receive(&request, payload, &state, Hook::WhatsApp, WHATSAPP_LIMIT).await?;
    Ok(HttpResponse::Ok().finish())
}

/// `GET /webhooks/whatsapp/{channelId}`: Meta asks whether the address is ours, and wants its challenge back.
pub(crate) async fn whatsapp_handshake(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let asked: BTreeMap<String, String> = url::form_urlencoded::parse(request.query_string().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let said = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let (channel, token) = (channel_of(&request)?, said("hub.verify_token"));
    if said("hub.mode") != "subscribe" {
        return Err(refused(UNCONFIRMED));
    }
    let webhooks = state.application.webhooks.clone();
    state.run(async move { webhooks.confirm(channel, &token).await.map_err(|error| failure(error, channel, UNCONFIRMED)) }).await?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(said("hub.challenge")))
}

async fn receive(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    hook: Hook,
    limit: usize,
) -> Result<(), Failure> {
    let channel = channel_of(request)?;
    let body = raw(request, payload, state, limit).await?;
    let path_and_query = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let call = WebhookCall { hook, path_and_query, headers: headers(request.headers()), body: body.to_vec() };
    let webhooks = state.application.webhooks.clone();
    state
        .run(async move { webhooks.execute(channel, &call).await.map_err(|error| failure(error, channel, UNSIGNED)) })
        .await
}

/// Only those that say who calls and what the body is.
fn headers(all: &HeaderMap) -> BTreeMap<String, String> {
    let wanted = |name: &str| name.starts_with("x-twilio-") || name.starts_with("x-hub-") || name == "content-type";
    all.iter()
        .filter(|(name, _)| wanted(name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn channel_of(request: &HttpRequest) -> Result<ChannelId, Failure> {
    ChannelId::parse(request.match_info().query("id")).ok_or_else(|| refused(UNSIGNED))
}

fn failure(error: ReceiveError, channel: ChannelId, refusal: &'static str) -> Failure {
    match error {
        ReceiveError::NoChannel => refused(refusal),
        ReceiveError::Forged => {
            tell_refusal(channel);
            refused(refusal)
        }
        ReceiveError::Unreadable => {
            Failure::new(Code::UnreadableWebhook, "The signature fits, and the body is none that this provider sends.")
        }
        ReceiveError::NotKept(error @ RecordError::Contended) => Failure::busy(error),
        ReceiveError::NotKept(RecordError::Store(error)) => error.into(),
    }
}

/// The provider alone sees the answer, so the log says it too; of each channel once in a while, because anybody can call.
fn tell_refusal(channel: ChannelId) {
    static TOLD: Mutex<BTreeMap<ChannelId, Instant>> = Mutex::new(BTreeMap::new());
    if is_news(&mut TOLD.lock().unwrap_or_else(PoisonError::into_inner), channel, Instant::now()) {
        tracing::warn!(
            channel_id = %channel,
            "a webhook call was refused: it was not signed with the secret of this channel for this address. Check the secret at the provider, \
             the verify token and OVERTURE__PUBLIC_URL. Others to this channel within a minute are not told; \
             overture_http_requests_total counts them"
        );
    }
}

/// Whether a refusal is told: not if one of that channel was a short time ago. Only channels that exist get here, so that
/// these are few.
fn is_news(told: &mut BTreeMap<ChannelId, Instant>, channel: ChannelId, now: Instant) -> bool {
    told.retain(|_, at| now.duration_since(*at) <= REFUSALS_APART);
    match told.entry(channel) {
        Entry::Occupied(_) => false,
        Entry::Vacant(place) => {
            place.insert(now);
            true
        }
    }
}

fn refused(why: &'static str) -> Failure {
    Failure::new(Code::WebhookRefused, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_of_each_channel_once_in_its_time() {
        let channel = |number| ChannelId::from_uuid(uuid::Uuid::from_u128(number));
        let (mut told, begun) = (BTreeMap::new(), Instant::now());
        assert!(is_news(&mut told, channel(1), begun) && is_news(&mut told, channel(2), begun));
        assert!(!is_news(&mut told, channel(1), begun + REFUSALS_APART));
        let later = begun + REFUSALS_APART + Duration::from_millis(1);
        assert!(is_news(&mut told, channel(1), later) && !is_news(&mut told, channel(1), later));
        assert_eq!(told.len(), 1, "what is over is forgotten");
    }
}
