//! What an operator must see without asking, in one form wherever it is found out. Ids and codes only: what a provider said
//! may hold an address.

use crate::entities::{MessageError, MessageStatus};
use crate::ids::{ChannelId, ConversationId, MessageId};

/// A message that nobody will send, or of which nobody knows whether it was sent.
pub(super) struct AsksForPerson<'e> {
    pub(super) channel_id: ChannelId,
    pub(super) conversation_id: ConversationId,
    pub(super) message_id: MessageId,
    pub(super) status: MessageStatus,
    pub(super) error: Option<&'e MessageError>,
}

impl AsksForPerson<'_> {
    pub(super) fn tell(self) {
        let Self { channel_id, conversation_id, message_id, status, error } = self;
        let code = error.map(|error| error.code.as_str());
        let provider_code = error.and_then(|error| error.provider_code.as_deref());
        tracing::warn!(%message_id, %conversation_id, %channel_id, %status, code, provider_code, "a message asks for a person");
    }
}
