//! A reader of webhooks that believes whoever knows a word, and reads one event a line.

use overture_domain::entities::ChannelConnection;
use overture_domain::ids::MessageId;
use overture_domain::ports::{
    InboundMessage, ProviderEvent, Receipt, ReceiptStatus, WebhookCall, WebhookError, WebhookReader,
};

/// Lines such as `delivered SM1 <message id>` and `text IN1 +4915112345678 Hello`.
pub(crate) struct WordReader;

/// Whoever sends this in place of a signature is believed.
pub(crate) const WORD: &str = "sesame";

impl WebhookReader for WordReader {
    fn read(&self, _: &ChannelConnection, call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError> {
        if call.headers.get("x-hub-signature-256").is_none_or(|word| word != WORD) {
            return Err(WebhookError::Forged);
        }
        let body = std::str::from_utf8(&call.body).map_err(|_| WebhookError::Unreadable)?;
        body.lines().map(|line| event(line).ok_or(WebhookError::Unreadable)).collect()
    }

    fn is_verify_token(&self, _: &ChannelConnection, token: &str) -> bool {
        token == WORD
    }
}

fn event(line: &str) -> Option<ProviderEvent> {
    let mut words = line.splitn(4, ' ');
    let (what, id) = (words.next()?, words.next()?.to_owned());
    if what == "text" {
        return Some(ProviderEvent::Message(InboundMessage {
            provider_message_id: id,
            from: words.next()?.to_owned(),
            sender_name: None,
            kind: "text".into(),
            text: words.next().map(str::to_owned),
            at: None,
            in_reply_to: None,
            raw: None,
        }));
    }
    Some(ProviderEvent::Receipt(Receipt {
        provider_message_id: id,
        message_id: words.next().and_then(MessageId::parse),
        status: ReceiptStatus::parse(what)?,
        at: None,
        failure: None,
    }))
}
