//! The form that creates a message (<https://www.twilio.com/docs/messaging/api/message-resource>).

use super::TwilioOptions;
use crate::cause::unusable_message;
use crate::settings::{Sender, TwilioSettings};
use overture_domain::entities::Address;
use overture_domain::ports::{Outgoing, SendError};
use overture_domain::values::{TemplateMessage, TemplateName};
use serde_json::{Map, Value};
use std::time::Duration;

/// The longest that Twilio keeps a message in its queue.
const LONGEST_VALIDITY: u64 = 36_000;

/// Where messages are created.
pub(super) fn url(settings: &TwilioSettings, options: &TwilioOptions) -> String {
    let base = options.base_url.trim_end_matches('/');
    format!("{base}/2010-04-01/Accounts/{}/Messages.json", settings.account_sid)
}

/// The parameters of a message. Two attempts at one message differ in `ValidityPeriod` alone.
pub(super) fn form(
    settings: &TwilioSettings,
    options: &TwilioOptions,
    outgoing: &Outgoing,
) -> Result<Vec<(&'static str, String)>, SendError> {
    let Address::Phone(to) = &outgoing.recipient.address else {
        return Err(unusable_message("it has no phone number to go to"));
    };
    let mut form = vec![("To", settings.wire(to.as_str()))];
    form.push(match &settings.sender {
        Sender::From(from) => ("From", settings.wire(from)),
        Sender::Service(service) => ("MessagingServiceSid", service.clone()),
    });
    match &outgoing.template {
        None => form.push(("Body", outgoing.content.as_str().to_owned())),
        Some(TemplateMessage { template: TemplateName::ContentSid(sid), variables }) => {
            form.push(("ContentSid", sid.clone()));
            let pairs = variables.pairs();
            if !pairs.is_empty() {
                let variables: Map<_, _> = pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
                form.push(("ContentVariables", Value::Object(variables).to_string()));
            }
        }
        Some(TemplateMessage { template: TemplateName::Named { .. }, .. }) => {
            return Err(unusable_message(
                "its template has a name, and Twilio knows templates by their ContentSid alone",
            ));
        }
    }
    if let Some(public_url) = &options.public_url {
        let (channel, message) = (outgoing.channel_id, outgoing.message_id);
        let public_url = public_url.trim_end_matches('/');
        form.push(("StatusCallback", format!("{public_url}/webhooks/twilio/{channel}/status?message={message}")));
    }
    form.push(("ValidityPeriod", validity(outgoing.time_left).to_string()));
    Ok(form)
}

/// How many seconds Twilio may try, rounded up.
fn validity(time_left: Duration) -> u64 {
    time_left.as_secs().saturating_add(u64::from(time_left.subsec_nanos() > 0)).clamp(1, LONGEST_VALIDITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_messages_time_is_rounded_up_and_kept_within_what_twilio_takes() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (36_000_000, 36_000), (36_000_001, 36_000)] {
            assert_eq!(validity(Duration::from_millis(millis)), seconds, "{millis}");
        }
        assert_eq!(validity(Duration::MAX), 36_000);
    }
}
