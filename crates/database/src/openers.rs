//! What asks contacts to write: one message at a time for a contact on a channel. While its row stands, texts may be held for
//! the answer. It goes when the contact answers, or when that message fails, and with it the hope of whatever is still held.

use crate::dialect::claim_names;
use crate::sql::{change, one};
use crate::wakeups::wake_contact;
use overture_domain::ids::{ConversationId, MessageId};
use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

/// Whether a message `m` of a conversation `v` is held although nobody is asked.
pub(crate) const IN_VAIN: &str = "(m.status = 'held' AND NOT EXISTS \
    (SELECT 1 FROM openers o WHERE o.channel_id = v.channel_id AND o.canonical = v.recipient_canonical))";

/// The name under which whoever asks a contact on a channel, or joins what is asked, waits for the others.
pub(crate) fn opener_name(channel: Uuid, canonical: &str) -> String {
    format!("opener of {channel} to {canonical}")
}

/// A message has failed. If it was to ask its contact to write, nobody is asked any more and whatever is held is due.
pub(crate) async fn end_if_failed(
    tx: &DatabaseTransaction,
    conversation: ConversationId,
    message: MessageId,
) -> Result<(), DbErr> {
    let sql = "SELECT o.channel_id, o.canonical FROM conversations v JOIN openers o ON o.channel_id = v.channel_id \
               AND o.canonical = v.recipient_canonical WHERE v.id = ? AND o.message_id = ?";
    let message = message.as_uuid();
    let Some(row) = one(tx, sql, [conversation.as_uuid().into(), message.into()]).await? else { return Ok(()) };
    let (channel, canonical): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    // Whoever joins it at this moment is seen, or sees that it is over.
    claim_names(tx, vec![opener_name(channel, &canonical)]).await?;
    let ended = "DELETE FROM openers WHERE channel_id = ? AND canonical = ? AND message_id = ?";
    if change(tx, ended, [channel.into(), canonical.as_str().into(), message.into()]).await? > 0 {
        wake_contact(tx, channel, &canonical).await?;
    }
    Ok(())
}
