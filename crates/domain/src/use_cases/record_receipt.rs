//! Records how far a message has come, as its provider tells.

use crate::ids::ChannelId;
use crate::ports::{Clock, JudgedReceipt, Kept, Meaning, Receipt, ReceiptRepo, SaveError, StoreError};
use crate::receipts::{Verdict, judge};
use std::sync::Arc;
use thiserror::Error;

/// How often what was decided about a conversation is decided at most, where somebody else keeps changing it. Each time
/// another has won, so that a burst of so many calls comes through: Twilio does not repeat a call that was answered 503, and
/// how an attempt ended is known nowhere else.
pub(super) const DECISIONS: usize = 100;

/// Records what a provider tells of a message of ours: kept with its effect, once, however often it comes.
#[derive(Clone)]
pub struct RecordReceipt {
    receipts: Arc<dyn ReceiptRepo>,
    clock: Arc<dyn Clock>,
}

/// Why a receipt was not recorded. The provider may send it again.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others kept changing the conversation.
    #[error("the conversation kept changing")]
    Contended,
}

impl RecordReceipt {
    /// From the ports it needs.
    pub fn new(receipts: Arc<dyn ReceiptRepo>, clock: Arc<dyn Clock>) -> Self {
        Self { receipts, clock }
    }

    /// Records a receipt that came to a channel.
    ///
    /// # Errors
    /// See `RecordError`.
    pub async fn execute(&self, channel: ChannelId, receipt: &Receipt) -> Result<Kept, RecordError> {
        for _ in 0..DECISIONS {
            let at = self.clock.now();
            let meaning = match self.receipts.standing(channel, receipt).await? {
                None => Meaning::Unknown,
                Some(standing) => match judge(&standing, receipt, at) {
                    Verdict::Waits => Meaning::Waits(Box::new(standing)),
                    Verdict::Old => Meaning::Old(standing.message_id),
                    Verdict::News(change) => Meaning::News(change),
                },
            };
            let judged = JudgedReceipt { channel_id: channel, receipt: receipt.clone(), meaning, at };
            match self.receipts.keep(judged).await {
                Ok(kept) => return Ok(kept),
                Err(SaveError::Moved) => {}
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        Err(RecordError::Contended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::{AttemptOutcome, ConversationStatus, MessageStatus};
    use crate::ids::{ConversationId, MessageId, Version};
    use crate::ports::{MockClock, MockReceiptRepo, ReceiptStatus};
    use crate::receipts::{AttemptStanding, Standing};
    use crate::time::Timestamp;
    use mockall::Sequence;
    use uuid::Uuid;

    fn channel() -> ChannelId {
        ChannelId::from_uuid(Uuid::from_u128(5))
    }

    fn delivered() -> Receipt {
        Receipt {
            provider_message_id: "SM1".into(),
            message_id: None,
            status: ReceiptStatus::Delivered,
            at: None,
            failure: None,
        }
    }

    fn standing(status: MessageStatus) -> Standing {
        let outcome = (status != MessageStatus::Sending).then_some(AttemptOutcome::Sent);
        let provider_message_id = outcome.map(|_| "SM1".to_owned());
        Standing {
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(1)),
            version: Version(3),
            conversation: ConversationStatus::AwaitingContact,
            attention: None,
            message_id: MessageId::from_uuid(Uuid::from_u128(2)),
            status,
            answered: false,
            attempts: vec![AttemptStanding { number: 1, outcome, provider_message_id, reached: None }],
        }
    }

    fn recorder(receipts: MockReceiptRepo) -> RecordReceipt {
        let mut clock = MockClock::new();
        clock.expect_now().returning(|| Timestamp::from_millis(1));
        RecordReceipt::new(Arc::new(receipts), Arc::new(clock))
    }

    #[tokio::test]
    async fn a_receipt_of_nobody_is_kept_for_a_later_match() {
        let mut receipts = MockReceiptRepo::new();
        receipts.expect_standing().returning(|_, _| Ok(None));
        let unknown = |judged: &JudgedReceipt| judged.meaning == Meaning::Unknown && judged.channel_id == channel();
        receipts.expect_keep().withf(unknown).times(1).returning(|_| Ok(Kept::New));
        assert_eq!(recorder(receipts).execute(channel(), &delivered()).await.unwrap(), Kept::New);
    }

    #[tokio::test]
    async fn a_receipt_that_comes_before_the_providers_answer_waits() {
        let mut receipts = MockReceiptRepo::new();
        receipts.expect_standing().returning(|_, _| Ok(Some(standing(MessageStatus::Sending))));
        let waits = |judged: &JudgedReceipt| matches!(judged.meaning, Meaning::Waits(_));
        receipts.expect_keep().withf(waits).times(1).returning(|_| Ok(Kept::New));
        recorder(receipts).execute(channel(), &delivered()).await.unwrap();
    }

    #[tokio::test]
    async fn a_judgement_that_lost_its_race_is_made_again_on_what_is_there_then() {
        let mut receipts = MockReceiptRepo::new();
        let mut order = Sequence::new();
        for (status, lost) in [(MessageStatus::Sending, true), (MessageStatus::Sent, false)] {
            let read = move |_: ChannelId, _: &Receipt| Ok(Some(standing(status)));
            receipts.expect_standing().times(1).in_sequence(&mut order).returning(read);
            let keep = move |judged: JudgedReceipt| match judged.meaning {
                Meaning::News(_) if !lost => Ok(Kept::New),
                Meaning::Waits(_) if lost => Err(SaveError::Moved),
                other => panic!("{other:?}"),
            };
            receipts.expect_keep().times(1).in_sequence(&mut order).returning(keep);
        }
        assert_eq!(recorder(receipts).execute(channel(), &delivered()).await.unwrap(), Kept::New);
    }

    #[tokio::test]
    async fn a_conversation_that_never_stands_still_gives_up() {
        let mut receipts = MockReceiptRepo::new();
        receipts.expect_standing().times(DECISIONS).returning(|_, _| Ok(Some(standing(MessageStatus::Sent))));
        receipts.expect_keep().times(DECISIONS).returning(|_| Err(SaveError::Moved));
        let gave_up = recorder(receipts).execute(channel(), &delivered()).await;
        assert!(matches!(gave_up, Err(RecordError::Contended)));
    }

    #[tokio::test]
    async fn a_store_that_is_busy_says_so() {
        let mut receipts = MockReceiptRepo::new();
        receipts.expect_standing().returning(|_, _| Err(StoreError::Busy("full".into())));
        let failed = recorder(receipts).execute(channel(), &delivered()).await;
        assert!(matches!(failed, Err(RecordError::Store(StoreError::Busy(_)))));
    }
}
