//! The calls that providers make, by the transport of the channel they come to.

use crate::senders::Senders;
use overture_domain::entities::{ChannelConnection, Transport};
use overture_domain::ports::{ProviderEvent, WebhookCall, WebhookError, WebhookReader};

impl WebhookReader for Senders {
    fn read(&self, connection: &ChannelConnection, _call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError> {
        match connection.transport {
            // Nobody calls for these.
            Transport::Sandbox | Transport::Smtp | Transport::Twilio | Transport::WhatsAppCloud => {
                Err(WebhookError::Forged)
            }
        }
    }

    fn is_verify_token(&self, _connection: &ChannelConnection, _token: &str) -> bool {
        false
    }
}
