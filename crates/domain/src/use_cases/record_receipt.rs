//! Records how far messages have come, as their provider tells.

use super::telling::AsksForPerson;
use crate::ids::ChannelId;
use crate::ports::{Clock, Receipt, ReceiptRepo, StoreError};
use crate::receipts::{ErrorNews, JudgedConversation, judge_all};
use std::sync::Arc;
use thiserror::Error;

/// How often what was decided about a conversation is decided at most, where somebody else keeps changing it. Each time
/// another has won, so that a burst of so many calls comes through: Twilio does not repeat a call that was answered 503, and
/// how an attempt ended is known nowhere else.
pub(super) const DECISIONS: usize = 100;
/// How many receipts share one transaction at most: a batch of Meta's may have thousands, and others write too.
const TOGETHER: usize = 256;

/// Records what a provider tells of messages of ours: kept with its effect, once, however often it comes.
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

    /// Records receipts that came to a channel, in their order.
    ///
    /// # Errors
    /// See `RecordError`. Some of them may be recorded then; that does no harm when they come again.
    pub async fn execute(&self, channel: ChannelId, receipts: Vec<Receipt>) -> Result<(), RecordError> {
        for together in receipts.chunks(TOGETHER) {
            self.record(channel, together.to_vec()).await?;
        }
        Ok(())
    }

    async fn record(&self, channel: ChannelId, mut left: Vec<Receipt>) -> Result<(), RecordError> {
        for _ in 0..DECISIONS {
            let standings = self.receipts.standings(channel, &left).await?;
            let judged = judge_all(left.into_iter().zip(standings), self.clock.now());
            let failing: Vec<_> = judged.conversations.iter().filter(|judged| fails(judged)).cloned().collect();
            left = self.receipts.keep(channel, judged).await?.moved;
            // Of a conversation either everything is kept or nothing.
            let kept = |judged: &&JudgedConversation| !judged.receipts.iter().any(|one| left.contains(&one.receipt));
            failing.iter().filter(kept).for_each(|judged| tell(channel, judged));
            if left.is_empty() {
                return Ok(());
            }
        }
        Err(RecordError::Contended)
    }
}

/// Whether a message fails by what was judged.
fn fails(judged: &JudgedConversation) -> bool {
    judged.change.iter().flat_map(|change| &change.messages).any(|news| matches!(news.error, ErrorNews::Failed(_)))
}

fn tell(channel_id: ChannelId, judged: &JudgedConversation) {
    for news in judged.change.iter().flat_map(|change| &change.messages) {
        let ErrorNews::Failed(error) = &news.error else { continue };
        let (conversation_id, message_id, status) = (judged.id, news.id, news.status);
        AsksForPerson { channel_id, conversation_id, message_id, status, error: Some(error) }.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::super::logged::Logged;
    use super::*;
    use crate::entities::{AttemptOutcome, ConversationStatus, MessageStatus};
    use crate::ids::{ConversationId, MessageId, Version};
    use crate::ports::{KeptReceipts, MockClock, MockReceiptRepo, ReceiptFailure, ReceiptStatus};
    use crate::receipts::{AttemptStanding, Judged, Standing};
    use crate::time::Timestamp;
    use mockall::Sequence;
    use uuid::Uuid;

    fn channel() -> ChannelId {
        ChannelId::from_uuid(Uuid::from_u128(5))
    }

    fn receipt(id: &str) -> Receipt {
        Receipt {
            provider_message_id: id.into(),
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
            contact_wrote_at: None,
            attempts: vec![AttemptStanding {
                number: 1,
                began_at: Timestamp::from_millis(0),
                outcome,
                provider_message_id,
                reached: None,
            }],
        }
    }

    fn recorder(receipts: MockReceiptRepo) -> RecordReceipt {
        let mut clock = MockClock::new();
        clock.expect_now().returning(|| Timestamp::from_millis(1));
        RecordReceipt::new(Arc::new(receipts), Arc::new(clock))
    }

    fn all_kept(judged: &Judged) -> KeptReceipts {
        let known: usize = judged.conversations.iter().map(|conversation| conversation.receipts.len()).sum();
        KeptReceipts { new: known + judged.unknown.len(), moved: Vec::new() }
    }

    #[tokio::test]
    async fn what_belongs_to_nobody_is_kept_beside_what_is_known_in_one_change() {
        let mut receipts = MockReceiptRepo::new();
        let found = |_: ChannelId, asked: &[Receipt]| {
            let known =
                |receipt: &Receipt| (receipt.provider_message_id == "SM1").then(|| standing(MessageStatus::Sent));
            Ok(asked.iter().map(known).collect())
        };
        receipts.expect_standings().times(1).returning(found);
        let both = |to: &ChannelId, judged: &Judged| {
            *to == channel() && judged.unknown == [receipt("SM9")] && judged.conversations.len() == 1
        };
        receipts.expect_keep().withf(both).times(1).returning(|_, judged| Ok(all_kept(&judged)));
        recorder(receipts).execute(channel(), vec![receipt("SM9"), receipt("SM1")]).await.unwrap();
    }

    #[tokio::test]
    async fn only_what_lost_its_race_is_judged_again_on_what_is_there_then() {
        let mut receipts = MockReceiptRepo::new();
        let mut order = Sequence::new();
        let first = |_: ChannelId, asked: &[Receipt]| Ok(vec![Some(standing(MessageStatus::Sending)); asked.len()]);
        receipts.expect_standings().times(1).in_sequence(&mut order).returning(first);
        let loses = |_: ChannelId, judged: Judged| {
            assert!(judged.conversations[0].receipts.iter().all(|judged| judged.waits));
            Ok(KeptReceipts { new: 1, moved: vec![receipt("SM1")] })
        };
        receipts.expect_keep().times(1).in_sequence(&mut order).returning(loses);
        let then = |_: ChannelId, asked: &[Receipt]| {
            assert_eq!(asked, [receipt("SM1")]);
            Ok(vec![Some(standing(MessageStatus::Sent))])
        };
        receipts.expect_standings().times(1).in_sequence(&mut order).returning(then);
        let wins = |_: ChannelId, judged: Judged| {
            assert!(judged.conversations[0].change.is_some());
            Ok(all_kept(&judged))
        };
        receipts.expect_keep().times(1).in_sequence(&mut order).returning(wins);
        recorder(receipts).execute(channel(), vec![receipt("SM2"), receipt("SM1")]).await.unwrap();
    }

    #[tokio::test]
    async fn a_call_of_a_thousand_is_kept_in_a_few_changes_and_nothing_of_it_is_left_out() {
        let mut receipts = MockReceiptRepo::new();
        receipts.expect_standings().times(4).returning(|_, asked| Ok(vec![None; asked.len()]));
        let (tell, told) = std::sync::mpsc::channel();
        receipts.expect_keep().times(4).returning(move |_, judged| {
            tell.send(judged.unknown.len()).unwrap();
            Ok(all_kept(&judged))
        });
        let call: Vec<_> = (0..1_000).map(|n| receipt(&format!("SM{n}"))).collect();
        recorder(receipts).execute(channel(), call).await.unwrap();
        assert_eq!(told.iter().collect::<Vec<_>>(), [256, 256, 256, 232]);
    }

    #[tokio::test]
    async fn a_message_that_fails_is_logged_once_it_is_kept_and_without_anything_personal() {
        let failure = ReceiptFailure {
            code: "unreachable".into(),
            provider_code: Some("30003".into()),
            text: "+4915112345678 is switched off".into(),
            retryable: true,
        };
        let undelivered = Receipt { status: ReceiptStatus::Failed, failure: Some(failure), ..receipt("SM1") };
        let (lost, told) = (undelivered.clone(), undelivered.clone());
        let mut receipts = MockReceiptRepo::new();
        let sent = |_: ChannelId, _: &[Receipt]| Ok(vec![Some(standing(MessageStatus::Sent))]);
        receipts.expect_standings().times(2).returning(sent);
        let loses = move |_, _| Ok(KeptReceipts { new: 0, moved: vec![lost.clone()] });
        receipts.expect_keep().times(1).returning(loses);
        receipts.expect_keep().times(1).returning(|_, judged| Ok(all_kept(&judged)));
        let logged = Logged::start();
        recorder(receipts).execute(channel(), vec![told]).await.unwrap();
        let lines = logged.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let message = MessageId::from_uuid(Uuid::from_u128(2)).to_string();
        for fact in [&message, &channel().to_string(), "unreachable", "30003", "failed"] {
            assert!(lines[0].contains(fact), "{fact}: {lines:?}");
        }
        assert!(!lines[0].contains("4915112345678"), "{lines:?}");
    }

    #[tokio::test]
    async fn a_message_that_arrives_is_no_news_for_the_log() {
        let mut receipts = MockReceiptRepo::new();
        receipts.expect_standings().returning(|_, _| Ok(vec![Some(standing(MessageStatus::Sent))]));
        receipts.expect_keep().returning(|_, judged| Ok(all_kept(&judged)));
        let logged = Logged::start();
        recorder(receipts).execute(channel(), vec![receipt("SM1")]).await.unwrap();
        assert_eq!(logged.lines(), [""; 0]);
    }

    #[tokio::test]
    async fn a_conversation_that_never_stands_still_gives_up() {
        let mut receipts = MockReceiptRepo::new();
        let sent = |_: ChannelId, _: &[Receipt]| Ok(vec![Some(standing(MessageStatus::Sent))]);
        receipts.expect_standings().times(DECISIONS).returning(sent);
        let moved = |_, _| Ok(KeptReceipts { new: 0, moved: vec![receipt("SM1")] });
        receipts.expect_keep().times(DECISIONS).returning(moved);
        let gave_up = recorder(receipts).execute(channel(), vec![receipt("SM1")]).await;
        assert!(matches!(gave_up, Err(RecordError::Contended)));
    }

    #[tokio::test]
    async fn a_store_that_is_busy_says_so() {
        let mut receipts = MockReceiptRepo::new();
        receipts.expect_standings().returning(|_, _| Err(StoreError::Busy("full".into())));
        let failed = recorder(receipts).execute(channel(), vec![receipt("SM1")]).await;
        assert!(matches!(failed, Err(RecordError::Store(StoreError::Busy(_)))));
    }
}
