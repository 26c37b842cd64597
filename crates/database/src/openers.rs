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

/// A message that was to ask its contact to write, and is about to fail.
pub(crate) struct InVain {
    pub(crate) message: MessageId,
    channel: Uuid,
    canonical: String,
}

/// Which of these messages were to ask their contacts to write. Whoever joins what is asked, or hears the answer, at this
/// moment is seen, or sees that it is over; so this comes before any row is locked.
pub(crate) async fn claim_asking(
    tx: &DatabaseTransaction,
    failing: impl IntoIterator<Item = (ConversationId, MessageId)>,
) -> Result<Vec<InVain>, DbErr> {
    let sql = "SELECT o.channel_id, o.canonical FROM conversations v JOIN openers o ON o.channel_id = v.channel_id \
               AND o.canonical = v.recipient_canonical WHERE v.id = ? AND o.message_id = ?";
    let mut asking = Vec::new();
    for (conversation, message) in failing {
        if let Some(row) = one(tx, sql, [conversation.as_uuid().into(), message.as_uuid().into()]).await? {
            asking.push(InVain { message, channel: row.try_get_by_index(0)?, canonical: row.try_get_by_index(1)? });
        }
    }
    claim_names(tx, asking.iter().map(|ask| opener_name(ask.channel, &ask.canonical)).collect()).await?;
    Ok(asking)
}

/// It has failed: unless another asks by now, nobody is asked any more and whatever is held is due.
pub(crate) async fn end(tx: &DatabaseTransaction, ask: &InVain) -> Result<(), DbErr> {
    let InVain { message, channel, canonical } = ask;
    let sql = "DELETE FROM openers WHERE channel_id = ? AND canonical = ? AND message_id = ?";
    if change(tx, sql, [(*channel).into(), canonical.as_str().into(), message.as_uuid().into()]).await? > 0 {
        wake_contact(tx, *channel, canonical).await?;
    }
    Ok(())
}
