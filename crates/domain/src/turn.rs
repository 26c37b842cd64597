//! Whose turn it is in a conversation once a message of ours is known to have left: the contact's, unless they have written
//! since a copy of it may have reached them. One rule, whoever tells that it left: the sender or a receipt.

use crate::entities::ConversationStatus;
use crate::time::Timestamp;

/// Where a conversation stands once a message is known to have left. A copy of it may be out since `out_since`, the contact
/// wrote last at `wrote_at`; both by the database's clock. What the contact wrote before is answered by it, as by what was held
/// until they wrote.
pub(crate) fn once_left(
    status: ConversationStatus,
    out_since: Timestamp,
    wrote_at: Option<Timestamp>,
) -> ConversationStatus {
    let is_answered = wrote_at.is_some_and(|wrote_at| wrote_at > out_since);
    match status {
        // What the contact wrote meanwhile waits for a person, however late it is told that the message left.
        ConversationStatus::Open | ConversationStatus::InProgress if !is_answered => {
            ConversationStatus::AwaitingContact
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConversationStatus::{AwaitingContact, Closed, InProgress, Open};

    #[test]
    fn the_contact_has_the_word_unless_it_has_written_since_a_copy_may_be_out() {
        let began = 1_000;
        for (what, status, wrote_at, then) in [
            ("nobody has written", InProgress, None, AwaitingContact),
            ("the contact began the conversation, and is answered", Open, Some(1), AwaitingContact),
            ("what was held leaves because the contact wrote", InProgress, Some(999), AwaitingContact),
            ("so soon that the clock shows no difference", InProgress, Some(began), AwaitingContact),
            ("the contact answers before it is told that the message left", InProgress, Some(1_001), InProgress),
            ("whatever was said before", Open, Some(1_001), Open),
            ("the contact has the word already", AwaitingContact, None, AwaitingContact),
            ("what a person ended is ended", Closed, None, Closed),
        ] {
            let wrote_at = wrote_at.map(Timestamp::from_millis);
            assert_eq!(once_left(status, Timestamp::from_millis(began), wrote_at), then, "{what}");
        }
    }
}
