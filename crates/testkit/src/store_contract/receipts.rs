//! Receipts: kept once, with their effect, whatever order they come in.

use super::inbound::phone_of;
use super::stage::{HOUR, SEEN, ended};
use super::{Place, Stage};
use futures_util::future::join_all;
use overture_domain::entities::{AttemptOutcome, AttentionReason, MessageStatus};
use overture_domain::ids::MessageId;
use overture_domain::ports::{
    AttemptChange, JudgedReceipt, Kept, Meaning, OpenConversation, Receipt, ReceiptFailure, ReceiptStatus, SaveError,
    Saved,
};
use overture_domain::receipts::{Standing, Verdict, judge};
use std::time::Duration;

pub(super) fn receipt(id: &str, status: ReceiptStatus) -> Receipt {
    let failure = (status == ReceiptStatus::Failed).then(|| ReceiptFailure {
        code: "filtered".into(),
        provider_code: Some("30007".into()),
        text: "The carrier filtered it.".into(),
        retryable: true,
    });
    Receipt { provider_message_id: id.into(), message_id: None, status, at: Some(SEEN.plus(HOUR)), failure }
}

pub(super) fn of(message: MessageId, receipt: Receipt) -> Receipt {
    Receipt { message_id: Some(message), ..receipt }
}

impl Stage {
    async fn standing(&self, place: &OpenConversation, receipt: &Receipt) -> Option<Standing> {
        self.ports.receipts.standing(place.channel_id, receipt).await.expect("standing")
    }

    /// Judges a receipt on what is there, and keeps it.
    pub(super) async fn take(&self, place: &OpenConversation, receipt: &Receipt) -> Result<Kept, SaveError> {
        let standing = self.standing(place, receipt).await;
        self.keep_receipt(place, receipt, standing).await
    }

    async fn keep_receipt(
        &self,
        place: &OpenConversation,
        receipt: &Receipt,
        standing: Option<Standing>,
    ) -> Result<Kept, SaveError> {
        let meaning = match standing {
            None => Meaning::Unknown,
            Some(standing) => match judge(&standing, receipt, SEEN) {
                Verdict::Waits => Meaning::Waits(Box::new(standing)),
                Verdict::Old => Meaning::Old(standing.message_id),
                Verdict::News(change) => Meaning::News(change),
            },
        };
        let judged = JudgedReceipt { channel_id: place.channel_id, receipt: receipt.clone(), meaning, at: SEEN };
        self.ports.receipts.keep(judged).await
    }

    /// A text that a provider took under this id.
    async fn texted(&self, id: &str) -> OpenConversation {
        let opening = self.text_opened(self.sms_channel().await).await;
        self.attempt(opening.message_id, HOUR).await;
        self.take_as(&opening, 1, id).await;
        opening
    }

    /// The attempt ends well, under the provider's id.
    async fn take_as(&self, opening: &OpenConversation, number: u32, id: &str) -> Saved {
        let mut change = self.sent(opening, number).await;
        change.attempt =
            Some(AttemptChange { provider_message_id: Some(id.into()), ..ended(number, AttemptOutcome::Sent) });
        change.message.provider_message_id = Some(id.into());
        self.save(&change).await.expect("the attempt was begun")
    }

    async fn status(&self, opening: &OpenConversation) -> MessageStatus {
        self.message(opening).await.message.status
    }
}

/// A second time it has no effect, not even on the version.
pub async fn a_receipt_moves_its_message_and_stays_once(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    let delivered = receipt("SM1", ReceiptStatus::Delivered);
    assert_eq!(stage.take(&opening, &delivered).await.expect("keep"), Kept::New);
    let message = stage.message(&opening).await.message;
    assert_eq!((message.status, message.delivered_at), (MessageStatus::Delivered, Some(SEEN.plus(HOUR))));
    let version = stage.loaded(opening.conversation_id).await.process.version;
    assert_eq!(stage.take(&opening, &delivered).await.expect("keep"), Kept::Repeated);
    assert_eq!(stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await.expect("keep"), Kept::New);
    assert_eq!(stage.status(&opening).await, MessageStatus::Delivered, "what lies behind changes nothing");
    assert_eq!(stage.loaded(opening.conversation_id).await.process.version, version);
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Read)).await.expect("keep");
    assert_eq!(stage.status(&opening).await, MessageStatus::Read);
}

/// Ours is what the provider was given to carry along.
pub async fn a_receipt_is_found_by_the_providers_id_and_by_ours(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    let by_theirs = stage.standing(&opening, &receipt("SM1", ReceiptStatus::Sent)).await.expect("it is there");
    assert_eq!((by_theirs.message_id, by_theirs.status), (opening.message_id, MessageStatus::Sent));
    assert_eq!(by_theirs.attempts[0].provider_message_id.as_deref(), Some("SM1"));
    let carried = of(opening.message_id, receipt("SM2", ReceiptStatus::Sent));
    let by_ours = stage.standing(&opening, &carried).await.expect("it is there");
    assert_eq!(by_ours.message_id, opening.message_id);
    assert_eq!(stage.standing(&opening, &receipt("SM2", ReceiptStatus::Sent)).await, None);
}

/// Whoever has a channel's secret learns and changes nothing about another's.
pub async fn a_receipt_of_another_channel_is_nobodys(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    let other = stage.another_tenant().await;
    let told = of(opening.message_id, receipt("SM1", ReceiptStatus::Failed));
    assert_eq!(stage.ports.receipts.standing(other.channel, &told).await.expect("standing"), None);
}

/// The provider was faster with its news than with its answer.
pub async fn a_receipt_that_came_before_the_answer_is_news_when_the_attempt_ends(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let early = of(opening.message_id, receipt("SM1", ReceiptStatus::Delivered));
    assert_eq!(stage.take(&opening, &early).await.expect("keep"), Kept::New);
    assert_eq!(stage.status(&opening).await, MessageStatus::Sending);
    assert_eq!(stage.take(&opening, &early).await.expect("keep"), Kept::Repeated);
    assert_eq!(stage.take_as(&opening, 1, "SM1").await, Saved::AppliedWithNews);
    let news = stage.loaded(opening.conversation_id).await.news;
    assert_eq!(news, [early]);
    assert_eq!(stage.take(&opening, &news[0]).await.expect("keep"), Kept::New);
    assert_eq!(stage.status(&opening).await, MessageStatus::Delivered);
    assert_eq!(stage.loaded(opening.conversation_id).await.news, []);
}

/// Nothing but the provider's id, and nobody knows it yet.
pub async fn a_receipt_of_nobody_is_news_once_its_message_is_known(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let failed = receipt("SM1", ReceiptStatus::Failed);
    assert_eq!(stage.take(&opening, &failed).await.expect("keep"), Kept::New);
    assert_eq!(stage.take_as(&opening, 1, "SM1").await, Saved::AppliedWithNews);
    let news = stage.loaded(opening.conversation_id).await.news;
    assert_eq!(news, [failed]);
    stage.take(&opening, &news[0]).await.expect("keep");
    let message = stage.message(&opening).await.message;
    let error = message.error.expect("it failed");
    assert_eq!((message.status, error.code.as_str(), error.retryable), (MessageStatus::Failed, "filtered", true));
    let attention = stage.loaded(opening.conversation_id).await.process.attention.expect("it asks for a person");
    assert_eq!((attention.reason, attention.message_id), (AttentionReason::MessageFailed, Some(opening.message_id)));
}

/// Between the look and the writing the attempt ended, and told the id.
pub async fn a_receipt_of_what_became_known_meanwhile_is_judged_again(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let sent = receipt("SM1", ReceiptStatus::Sent);
    let before = stage.standing(&opening, &sent).await;
    assert_eq!(stage.take_as(&opening, 1, "SM1").await, Saved::Applied);
    let judged = stage.keep_receipt(&opening, &sent, before).await;
    assert!(matches!(judged, Err(SaveError::Moved)), "{judged:?}");
    assert_eq!(stage.take(&opening, &sent).await.expect("keep"), Kept::New);
}

/// Nothing of it is kept, so that judging it again is not taken for a repetition.
pub async fn a_receipt_judged_on_an_old_version_writes_nothing(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    let read = receipt("SM1", ReceiptStatus::Read);
    let before = stage.standing(&opening, &read).await;
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await.expect("keep");
    let judged = stage.keep_receipt(&opening, &read, before).await;
    assert!(matches!(judged, Err(SaveError::Moved)), "{judged:?}");
    assert_eq!(stage.status(&opening).await, MessageStatus::Sent);
    assert_eq!(stage.take(&opening, &read).await.expect("keep"), Kept::New);
}

/// The others are repetitions, or lose the race and are then.
pub async fn of_many_equal_receipts_at_once_one_is_kept(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    let delivered = receipt("SM1", ReceiptStatus::Delivered);
    let answers = join_all((0..8).map(|_| stage.take(&opening, &delivered))).await;
    let kept = answers.iter().filter(|answer| matches!(answer, Ok(Kept::New))).count();
    assert_eq!(kept, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(SaveError::Moved))), "{answers:?}");
    assert_eq!(stage.take(&opening, &delivered).await.expect("keep"), Kept::Repeated);
}

/// The provider did take it.
pub async fn a_receipt_settles_an_unclear_attempt(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut change = stage.change(&opening, MessageStatus::Unconfirmed).await;
    change.attempt = Some(ended(1, AttemptOutcome::Unclear));
    stage.apply(&change).await;
    let sent = of(opening.message_id, receipt("SM1", ReceiptStatus::Sent));
    stage.take(&opening, &sent).await.expect("keep");
    let details = stage.message(&opening).await;
    assert_eq!(details.message.status, MessageStatus::Sent);
    assert_eq!(details.message.provider_message_id.as_deref(), Some("SM1"));
    assert_eq!(details.attempts[0].outcome, Some(AttemptOutcome::Sent));
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Delivered)).await.expect("keep");
    assert_eq!(stage.status(&opening).await, MessageStatus::Delivered);
}

/// What the contact wrote waits for a person, whatever a late receipt says.
pub async fn a_message_knows_whether_the_contact_has_written_since(stage: &Stage) {
    let first = stage.texted("SM1").await;
    let place = Place { tenant: first.tenant_id, workspace: first.workspace_id, channel: first.channel_id };
    let answered = async || {
        let standing = stage.standing(&first, &receipt("SM1", ReceiptStatus::Delivered)).await;
        standing.expect("the message is known").answered
    };
    assert!(!answered().await);
    stage.write(place, &phone_of(&first.recipient.address), "IN1").await.expect("keep");
    assert!(answered().await);
    // In another conversation the contact has not written.
    let other = stage.text_opened(place).await;
    stage.attempt(other.message_id, HOUR).await;
    stage.take_as(&other, 1, "SM2").await;
    let standing = stage.standing(&other, &receipt("SM2", ReceiptStatus::Delivered)).await;
    assert!(!standing.expect("the message is known").answered);
}

/// What had its effect is kept.
pub async fn receipts_of_nobody_are_swept_when_their_time_has_passed(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await.expect("keep");
    stage.take(&opening, &receipt("SM7", ReceiptStatus::Sent)).await.expect("keep");
    let retention = &stage.ports.retention;
    assert_eq!(retention.sweep_receipts(HOUR, 10).await.expect("sweep"), 0);
    let sweep = async || {
        let swept = retention.sweep_receipts(Duration::from_millis(1), 10).await.expect("sweep");
        (swept > 0).then_some(swept)
    };
    assert_eq!(stage.until("it is swept", sweep).await, 1);
    let again = stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await;
    assert_eq!(again.expect("keep"), Kept::Repeated);
}
