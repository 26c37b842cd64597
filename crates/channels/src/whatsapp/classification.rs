//! What an answer to a send means for the message. The table is in the module above; this is its only reader's copy in
//! code, pure, so that each row is tested without a server.

use super::codes::{Meaning, meaning};
use super::graph_error::{GraphError, without_numbers, without_secrets};
use crate::cause::cause;
use crate::provider_http::{Answered, Unanswered};
use crate::settings::WhatsAppSettings;
use overture_domain::ports::{Accepted, Cause, LimitScope, SendError};
use serde_json::Value;

/// An answer that came.
pub(super) fn answered(answered: &Answered, settings: &WhatsAppSettings) -> Result<Accepted, SendError> {
    let body: Option<Value> = serde_json::from_slice(&answered.body).ok();
    let is_success = (200..300).contains(&answered.status);
    // Whoever gives an id has taken the message, whatever else stands beside it.
    if is_success && let Some(accepted) = body.as_ref().and_then(accepted) {
        return Ok(accepted);
    }
    let error = body.as_ref().and_then(GraphError::of_answer);
    let meaning = match &error {
        Some(error) if error.is_about_node => Some(Meaning::Config("sender_unknown")),
        Some(error) => error.code.and_then(meaning),
        None => None,
    };
    let meaning = meaning.unwrap_or_else(|| by_status(answered.status, error.is_some()));
    let cause = |code| Cause {
        code,
        provider_code: error.as_ref().and_then(|error| error.code).map(|code| code.to_string()),
        text: text(answered.status, error.as_ref(), meaning, settings),
    };
    Err(match meaning {
        Meaning::Config(code) => SendError::Config(cause(code)),
        Meaning::Limited(code) => {
            SendError::RateLimited { after: answered.retry_after, scope: LimitScope::Channel, cause: cause(code) }
        }
        Meaning::PairLimited(code, least) => SendError::RateLimited {
            after: answered.retry_after.max(Some(least)),
            scope: LimitScope::Recipient,
            cause: cause(code),
        },
        Meaning::Rejected(code) => SendError::Rejected(cause(code)),
        Meaning::Unclear(code) => SendError::Unclear(cause(code)),
    })
}

/// No answer.
pub(super) fn unanswered(unanswered: &Unanswered) -> SendError {
    match unanswered {
        Unanswered::Refused(reason) => {
            SendError::Config(cause("egress_refused", format!("This server may not connect there: {reason}.")))
        }
        Unanswered::Unreachable(reason) => {
            SendError::Unreachable(cause("connection_failed", format!("WhatsApp cannot be reached: {reason}.")))
        }
        Unanswered::Lost(reason) => {
            let text = format!("WhatsApp may or may not have taken the message: {reason}.");
            SendError::Unclear(cause("answer_lost", text))
        }
    }
}

/// The message's own time is over.
pub(super) fn too_late() -> SendError {
    let text = "The time for sending this message was over before it was begun.";
    SendError::Unavailable(cause("timed_out", text))
}

/// An answer in which the message has its id. Whether it is held to see how others like the template
/// (`message_status`: `held_for_quality_assessment`, `paused`) does not matter here: it is Meta's now, and a receipt tells
/// its end.
fn accepted(body: &Value) -> Option<Accepted> {
    let first = |list: &str| body.get(list)?.get(0);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let id = text(first("messages")?.get("id"))?;
    let contact = first("contacts");
    let alias = contact.and_then(|contact| text(contact.get("wa_id")).or_else(|| text(contact.get("user_id"))));
    Some(Accepted { provider_message_id: Some(id), recipient_alias: alias.map(|alias| super::person(&alias)) })
}

/// What is certain where no code of Meta says it.
fn by_status(status: u16, is_graph: bool) -> Meaning {
    match status {
        300..400 => Meaning::Config("redirected"),
        401 => Meaning::Config("authentication_failed"),
        // A server that gave up waiting for what it may have passed on already.
        408 => Meaning::Unclear("answer_unreadable"),
        429 => Meaning::Limited("rate_limited"),
        400..500 if is_graph => Meaning::Rejected("provider_rejected"),
        // Not Meta speaks here, so the message is not what it refuses.
        400..500 => Meaning::Config("unexpected_answer"),
        500.. => Meaning::Unclear("provider_trouble"),
        _ => Meaning::Unclear("answer_unreadable"),
    }
}

fn text(status: u16, error: Option<&GraphError>, meaning: Meaning, settings: &WhatsAppSettings) -> String {
    let said = error.map(|error| error.text.as_str()).filter(|text| !text.is_empty());
    let text = match (said, meaning) {
        (Some(said), _) => said.to_owned(),
        (None, Meaning::Config("redirected")) => {
            format!("WhatsApp answered {status}, a redirect, which is not followed. Check the address of the API.")
        }
        (None, Meaning::Config("unexpected_answer")) => {
            format!("What answered {status} is not the WhatsApp Cloud API. Check the address of the API.")
        }
        (None, Meaning::Unclear(_)) => {
            format!("WhatsApp may or may not have taken the message: it answered {status} without a message id.")
        }
        (None, _) => format!("WhatsApp answered {status}."),
    };
    let text = without_secrets(&text, settings.secrets());
    // A channel's owner reads it, who need not know its contacts.
    if matches!(meaning, Meaning::Config(_)) { without_numbers(&text) } else { text }
}

#[cfg(test)]
mod tests;
