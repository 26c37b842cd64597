//! What an answer of the Messages API, or none, means for the message. Pure; the table is in the module above.

use super::codes::{Refusal, failure, refusal, told, told_without_numbers};
use crate::cause::cause;
use crate::provider_http::{Answered, Unanswered};
use overture_domain::ports::{Accepted, Cause, LimitScope, SendError};
use serde_json::Value;

/// Longer than any id of Twilio (34), and shorter than what rows keep.
const LONGEST_SID: usize = 64;

/// Says what became of a message.
pub(super) fn classify(answer: Result<Answered, Unanswered>) -> Result<Accepted, SendError> {
    let Answered { status, retry_after, body } = answer.map_err(|why| unanswered(&why))?;
    let said = Said::read(&body);
    match status {
        200..=299 => said.accepted(),
        300..=399 => {
            let text =
                "Twilio's address redirects elsewhere, which is not followed. Check the base URL of Twilio's API.";
            Err(SendError::Config(said.into_cause("redirected", text.into())))
        }
        401 => Err(said.config("authentication_failed", "Twilio refuses the account or its token.")),
        403 => Err(said.known().unwrap_or_else(|| {
            said.config("permission_denied", "Twilio does not permit these credentials to send messages.")
        })),
        404 => Err(said.config("account_unknown", "Twilio does not know this account.")),
        // Whoever gave up waiting for the request may have passed on what it had.
        408 => Err(said.unclear(status)),
        429 => {
            let text = told("Twilio takes no more messages for the moment.", &said.message);
            let cause = said.into_cause("rate_limited", text);
            Err(SendError::RateLimited { after: retry_after, scope: LimitScope::Channel, cause })
        }
        400..=499 => Err(match said.known() {
            Some(SendError::RateLimited { scope, cause, .. }) => {
                SendError::RateLimited { after: retry_after, scope, cause }
            }
            Some(known) => known,
            None => {
                let text = told("Twilio refuses this message.", &said.message);
                SendError::Rejected(said.into_cause("provider_rejected", text))
            }
        }),
        _ => Err(said.unclear(status)),
    }
}

fn unanswered(why: &Unanswered) -> SendError {
    match why {
        Unanswered::Refused(reason) => {
            SendError::Config(cause("egress_refused", format!("This server may not connect to Twilio: {reason}.")))
        }
        Unanswered::Unreachable(reason) => {
            SendError::Unreachable(cause("connection_failed", format!("Twilio cannot be reached: {reason}.")))
        }
        Unanswered::Lost(reason) => {
            SendError::Unclear(cause("answer_lost", format!("Twilio may or may not have taken the message: {reason}.")))
        }
    }
}

/// What stands in a body, as far as it is one of Twilio's.
#[derive(Default)]
struct Said {
    sid: Option<String>,
    /// Of the message, not of HTTP.
    status: Option<String>,
    code: Option<String>,
    message: String,
}

impl Said {
    /// Takes what is there; members of unexpected types are not.
    fn read(body: &[u8]) -> Self {
        let Ok(json) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = |name: &str| match json.get(name)? {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(text.clone()).filter(|text| !text.is_empty())
            }
            _ => None,
        };
        let is_sid = |sid: &String| {
            (1..=LONGEST_SID).contains(&sid.len()) && sid.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        Self {
            sid: text("sid").filter(is_sid),
            status: text("status"),
            code: code("error_code").or_else(|| code("code")),
            message: text("error_message").or_else(|| text("message")).unwrap_or_default(),
        }
    }

    /// The answer to a message that was taken, and perhaps given up at once.
    fn accepted(self) -> Result<Accepted, SendError> {
        let Some(sid) = self.sid else {
            let text = "Twilio may or may not have taken the message: its answer makes no sense.".into();
            return Err(SendError::Unclear(self.into_cause("answer_unreadable", text)));
        };
        // No receipt follows for the status that the answer tells.
        if matches!(self.status.as_deref(), Some("failed" | "undelivered" | "canceled")) {
            let failure = failure(self.code.as_deref().unwrap_or_default());
            let text = told(failure.sentence, &self.message);
            return Err(SendError::Rejected(Cause { code: failure.code, provider_code: self.code, text }));
        }
        Ok(Accepted { provider_message_id: Some(sid), recipient_alias: None })
    }

    /// What the code means, if we know it.
    fn known(&self) -> Option<SendError> {
        let provider_code = self.code.clone();
        Some(match refusal(self.code.as_deref()?)? {
            Refusal::Channel(code, sentence) => self.config(code, sentence),
            Refusal::Message(code, sentence) => {
                SendError::Rejected(Cause { code, provider_code, text: told(sentence, &self.message) })
            }
            // All of them are about the account, the sender or its queue.
            Refusal::Busy(code, sentence) => SendError::RateLimited {
                after: None,
                scope: LimitScope::Channel,
                cause: Cause { code, provider_code, text: told(sentence, &self.message) },
            },
        })
    }

    /// The channel's fault, in words for its owner.
    fn config(&self, code: &'static str, sentence: &str) -> SendError {
        let text = told_without_numbers(sentence, &self.message);
        SendError::Config(Cause { code, provider_code: self.code.clone(), text })
    }

    fn unclear(self, status: u16) -> SendError {
        let sentence = format!("Twilio may or may not have taken the message: it answered {status}.");
        let text = told(&sentence, &self.message);
        SendError::Unclear(self.into_cause("provider_failed", text))
    }

    fn into_cause(self, code: &'static str, text: String) -> Cause {
        Cause { code, provider_code: self.code, text }
    }
}

#[cfg(test)]
mod tests;
