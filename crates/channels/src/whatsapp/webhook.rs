//! The calls that Meta makes to us: receipts and what contacts write, in batches
//! (<https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview>).
//!
//! Owned here: that nothing is parsed before the signature holds, that each entry belongs to this channel's account and
//! each change to its number, and that one odd event never costs the others. Meta repeats a call that is not answered
//! with 200 for a week, so what cannot be understood is left out with a line in the log that repeats nothing of it.

use super::codes::{Meaning, meaning};
use super::graph_error::GraphError;
use super::{inbound, signature};
use crate::settings::WhatsAppSettings;
use overture_domain::ids::MessageId;
use overture_domain::ports::{Hook, ProviderEvent, Receipt, ReceiptFailure, ReceiptStatus, WebhookCall, WebhookError};
use overture_domain::time::Timestamp;
use serde_json::Value;

const SIGNATURE: &str = "x-hub-signature-256";
/// The end of the year 9999; RFC 3339 has no later one.
const LAST_SECOND: i64 = 253_402_300_799;

/// What a call tells, in its order: of each change its receipts, then its messages.
///
/// # Errors
/// See [`WebhookError`].
pub(super) fn read(settings: &WhatsAppSettings, call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError> {
    let header = call.headers.get(SIGNATURE).map(String::as_str);
    let secrets = [&settings.app_secret].into_iter().chain(&settings.secondary_app_secret);
    if call.hook != Hook::WhatsApp || !signature::is_signed(header, &call.body, secrets) {
        return Err(WebhookError::Forged);
    }
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| WebhookError::Unreadable)?;
    let entries = body.get("entry").and_then(Value::as_array).ok_or(WebhookError::Unreadable)?;
    let mut events = Vec::new();
    for entry in entries {
        if text(entry.get("id")).as_deref() != Some(settings.business_account_id.as_str()) {
            left_out("account");
            tracing::warn!("an entry of another WhatsApp Business account was left out");
            continue;
        }
        for change in list(entry, "changes") {
            if let Some(value) = change.get("value") {
                read_change(value, settings, &mut events);
            }
        }
    }
    Ok(events)
}

fn left_out(why: &'static str) {
    metrics::counter!("overture_webhooks_left_out_total", "transport" => "whatsapp_cloud", "why" => why).increment(1);
}

fn read_change(value: &Value, settings: &WhatsAppSettings, events: &mut Vec<ProviderEvent>) {
    let (statuses, messages) = (list(value, "statuses"), list(value, "messages"));
    if statuses.is_empty() && messages.is_empty() {
        // News of the account: templates, quality, names.
        return;
    }
    let number = value.get("metadata").and_then(|metadata| text(metadata.get("phone_number_id")));
    if number.as_deref() != Some(settings.phone_number_id.as_str()) {
        // An account has several numbers, and each of their channels is told of all of them.
        left_out("number");
        tracing::debug!("a change of another number was left out");
        return;
    }
    for status in statuses {
        match receipt(status) {
            Some(receipt) => events.push(ProviderEvent::Receipt(receipt)),
            None => tracing::warn!("a receipt of WhatsApp without an id or with an unknown status was left out"),
        }
    }
    for message in messages {
        match inbound::message(message, value) {
            Some(message) => events.push(ProviderEvent::Message(message)),
            None => tracing::warn!("a message of WhatsApp without an id or a sender was left out"),
        }
    }
}

fn receipt(status: &Value) -> Option<Receipt> {
    let reached = match status.get("status")?.as_str()? {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        // A voice message is played.
        "read" | "played" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        _ => return None,
    };
    Some(Receipt {
        provider_message_id: text(status.get("id"))?,
        message_id: text(status.get("biz_opaque_callback_data")).and_then(|ours| MessageId::parse(&ours)),
        status: reached,
        at: time(status.get("timestamp")),
        failure: (reached == ReceiptStatus::Failed).then(|| failure(status)),
    })
}

fn failure(status: &Value) -> ReceiptFailure {
    let error = list(status, "errors").first().map(GraphError::read);
    let code = error.as_ref().and_then(|error| error.code);
    let meaning = code.and_then(meaning);
    let text = match error {
        Some(error) if !error.text.is_empty() => error.text,
        _ => "WhatsApp did not deliver the message and did not say why.".to_owned(),
    };
    ReceiptFailure {
        code: meaning.map_or("undelivered", Meaning::code).into(),
        provider_code: code.map(|code| code.to_string()),
        text,
        retryable: meaning.is_some_and(Meaning::is_retryable),
    }
}

/// A list, or nothing where there is none.
pub(super) fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text that is not empty, or a number as its digits.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Seconds since 1970, which Meta writes as text.
pub(super) fn time(value: Option<&Value>) -> Option<Timestamp> {
    let seconds: i64 = text(value)?.trim().parse().ok()?;
    (0..=LAST_SECOND).contains(&seconds).then(|| Timestamp::from_millis(seconds * 1_000))
}

#[cfg(test)]
mod tests;
