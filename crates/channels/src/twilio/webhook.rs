//! The calls that Twilio makes to us: receipts and what contacts write.
//!
//! Owned here: believing a call, and what its parameters mean. Parameters are "subject to change": what is not known is
//! passed over, and what cannot be put into words of ours is kept as it came. Refused here: whether a call came before;
//! the ids tell.
//!
//! `RawDlrDoneDate` is no time of a receipt: it is a carrier's date without its time zone, which differs "between carrier
//! partners and even within the same carrier"
//! (<https://www.twilio.com/en-us/changelog/addition-of-rawdlrdonedate-to-delivered-and-undelivered-status-webhooks>).

use super::TwilioOptions;
use super::codes::{failure, told};
use super::signature::{Params, query, verified};
use crate::settings::{Sender, TwilioSettings};
use overture_domain::ids::MessageId;
use overture_domain::ports::{
    Hook, InboundMessage, ProviderEvent, Receipt, ReceiptFailure, ReceiptStatus, WebhookCall, WebhookError,
};
use overture_domain::values::PhoneNumber;
use serde_json::{Map, Value};

/// What a call tells: at most one event.
pub(crate) fn read(
    settings: &TwilioSettings,
    options: &TwilioOptions,
    call: &WebhookCall,
) -> Result<Vec<ProviderEvent>, WebhookError> {
    // Without a public URL nobody can have signed it.
    let public_url = options.public_url.as_deref().ok_or(WebhookError::Forged)?;
    let tokens: Vec<_> =
        [Some(&settings.auth_token), settings.secondary_auth_token.as_ref()].into_iter().flatten().collect();
    let call_params = verified(call, public_url, &tokens).ok_or(WebhookError::Forged)?;
    let params = Read(&call_params);
    // One token may be that of several accounts' channels.
    if !params.get("AccountSid").is_some_and(|sid| sid.eq_ignore_ascii_case(&settings.account_sid)) {
        left_out("account", "a call of another Twilio account was left out");
        return Ok(Vec::new());
    }
    let event = match call.hook {
        Hook::TwilioStatus => receipt(&params, call)?.map(ProviderEvent::Receipt),
        Hook::TwilioInbound => message(&params, settings)?.map(ProviderEvent::Message),
        Hook::WhatsApp => return Err(WebhookError::Forged),
    };
    Ok(event.into_iter().collect())
}

/// Parameters by name.
struct Read<'p>(&'p Params);

impl<'p> Read<'p> {
    /// The first value of a name, if it is not empty.
    fn get(&self, name: &str) -> Option<&'p str> {
        self.0.get(name)?.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of the first of these names that has one.
    fn any(&self, names: &[&str]) -> Option<&'p str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Everything, as a JSON object.
    fn raw(&self) -> String {
        let members = self.0.iter().map(|(name, values)| match &values[..] {
            [value] => (name.clone(), Value::from(value.as_str())),
            several => (name.clone(), Value::from(several)),
        });
        Value::Object(members.collect::<Map<_, _>>()).to_string()
    }
}

/// News of a message of ours; `None` where the status says nothing that we know.
fn receipt(params: &Read<'_>, call: &WebhookCall) -> Result<Option<Receipt>, WebhookError> {
    let sid = params.any(&["MessageSid", "SmsSid"]).ok_or(WebhookError::Unreadable)?;
    let word = params.any(&["MessageStatus", "SmsStatus"]).ok_or(WebhookError::Unreadable)?;
    let status = match word {
        "accepted" | "scheduled" | "queued" | "sending" => ReceiptStatus::Accepted,
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "undelivered" | "failed" | "canceled" => ReceiptStatus::Failed,
        _ => {
            tracing::warn!("a receipt of Twilio has a status that is not known, and was passed over");
            return Ok(None);
        }
    };
    let message_id = query(&call.path_and_query).find(|(name, _)| name == "message");
    Ok(Some(Receipt {
        provider_message_id: sid.to_owned(),
        message_id: message_id.and_then(|(_, id)| MessageId::parse(&id)),
        status,
        at: None,
        failure: (status == ReceiptStatus::Failed).then(|| failed(params, word)),
    }))
}

fn failed(params: &Read<'_>, word: &str) -> ReceiptFailure {
    // "0" is no error.
    let provider_code = params.get("ErrorCode").filter(|code| *code != "0");
    if word == "canceled" && provider_code.is_none() {
        let text = "The message was canceled at Twilio.".to_owned();
        return ReceiptFailure { code: "canceled".into(), provider_code: None, text, retryable: true };
    }
    let failure = failure(provider_code.unwrap_or_default());
    ReceiptFailure {
        code: failure.code.into(),
        provider_code: provider_code.map(|code| code.chars().take(20).collect()),
        text: told(failure.sentence, params.get("ErrorMessage").unwrap_or_default()),
        retryable: failure.retryable,
    }
}

/// What a contact wrote; `None` where it was written to another sender.
fn message(params: &Read<'_>, settings: &TwilioSettings) -> Result<Option<InboundMessage>, WebhookError> {
    let sid = params.any(&["MessageSid", "SmsMessageSid", "SmsSid"]).ok_or(WebhookError::Unreadable)?;
    let (from, to) = params.get("From").zip(params.get("To")).ok_or(WebhookError::Unreadable)?;
    // An SMS and a WhatsApp message may go to one number.
    let Some((from, to)) = settings.unwire(from).zip(settings.unwire(to)) else {
        left_out(
            "kind",
            "an SMS to a WhatsApp channel, or a WhatsApp message to an SMS channel, was left out: its webhook is meant for another channel",
        );
        return Ok(None);
    };
    let ours = match &settings.sender {
        Sender::From(number) => canonical(number) == canonical(to),
        Sender::Service(service) => {
            params.get("MessagingServiceSid").is_some_and(|sid| sid.eq_ignore_ascii_case(service))
        }
    };
    if !ours {
        left_out(
            "number",
            "a message to another number than the channel's was left out: is that number's webhook meant for another channel?",
        );
        return Ok(None);
    }
    let text = params.get("Body").map(str::to_owned);
    let kind = kind(params, text.as_deref());
    Ok(Some(InboundMessage {
        provider_message_id: sid.to_owned(),
        from: canonical(from),
        sender_name: params.get("ProfileName").map(str::to_owned),
        kind: kind.to_owned(),
        text,
        at: None,
        in_reply_to: params.get("OriginalRepliedMessageSid").map(str::to_owned),
        raw: (kind != "text").then(|| params.raw()),
    }))
}

/// What the channel's owner can see of a call that is not this channel's: it was signed, and nothing of it is kept.
fn left_out(why: &'static str, told: &str) {
    metrics::counter!("overture_webhooks_left_out_total", "transport" => "twilio", "why" => why).increment(1);
    tracing::warn!("{told}");
}

/// The spelling in which a number is compared; what is no number (a short code, a name) stays.
fn canonical(number: &str) -> String {
    match PhoneNumber::parse(number) {
        Ok(number) => number.as_str().to_owned(),
        Err(_) => number.to_owned(),
    }
}

/// What a message is, in the words that the Cloud API has for it.
fn kind(params: &Read<'_>, text: Option<&str>) -> &'static str {
    let has_media = params.get("NumMedia").is_some_and(|count| count.trim() != "0");
    if has_media {
        let content_type = params.get("MediaContentType0").unwrap_or_default().to_ascii_lowercase();
        return match content_type.split_once('/').map(|(main, _)| main) {
            Some("image") => "image",
            Some("audio") => "audio",
            Some("video") => "video",
            Some("application") => "document",
            Some("text") if content_type.contains("vcard") => "contacts",
            Some("text") => "document",
            _ => "media",
        };
    }
    if params.get("Latitude").is_some() && params.get("Longitude").is_some() {
        return "location";
    }
    match text {
        Some(_) => "text",
        None => "unsupported",
    }
}

#[cfg(test)]
mod tests;
