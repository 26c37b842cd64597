//! Receipts: kept once, with their effect, whatever order they come in.

use super::inbound::phone_of;
use super::stage::{HOUR, SEEN, ended};
use super::{Place, Stage};
use futures_util::future::join_all;
use overture_domain::entities::{AttemptOutcome, AttentionReason, MessageStatus};
use overture_domain::ids::MessageId;
use overture_domain::ports::{
    AttemptChange, KeptReceipts, OpenConversation, Receipt, ReceiptFailure, ReceiptStatus, Saved,
};
use overture_domain::receipts::{Standing, judge_all};
use std::slice::from_ref;
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

/// What is told of one receipt, or of many in one call.
const NEW: KeptReceipts = KeptReceipts { new: 1, moved: Vec::new() };
const REPEATED: KeptReceipts = KeptReceipts { new: 0, moved: Vec::new() };

fn moved(receipts: &[&Receipt]) -> KeptReceipts {
    KeptReceipts { new: 0, moved: receipts.iter().map(|&receipt| receipt.clone()).collect() }
}

impl Stage {
    async fn standing(&self, place: &OpenConversation, receipt: &Receipt) -> Option<Standing> {
        self.standings(place, from_ref(receipt)).await.pop().expect("each receipt has its answer")
    }

    async fn standings(&self, place: &OpenConversation, receipts: &[Receipt]) -> Vec<Option<Standing>> {
        let found = self.ports.receipts.standings(place.channel_id, receipts).await.expect("standings");
        assert_eq!(found.len(), receipts.len());
        found
    }

    /// Judges a receipt on what is there, and keeps it.
    pub(super) async fn take(&self, place: &OpenConversation, receipt: &Receipt) -> KeptReceipts {
        self.take_all(place, from_ref(receipt)).await
    }

    /// So many texts in conversations of their own, which a provider took as `SM0`, `SM1`, ….
    async fn many_taken(&self, place: Place, many: usize) -> Vec<OpenConversation> {
        let mut openings = Vec::new();
        for n in 0..many {
            let opening = self.text_opened(place).await;
            self.attempt(opening.message_id, HOUR).await;
            self.take_as(&opening, 1, &format!("SM{n}")).await;
            openings.push(opening);
        }
        openings
    }

    /// The same with all that come in one call.
    async fn take_all(&self, place: &OpenConversation, receipts: &[Receipt]) -> KeptReceipts {
        self.keep_receipts(place, receipts, self.standings(place, receipts).await).await
    }

    async fn keep_receipts(
        &self,
        place: &OpenConversation,
        receipts: &[Receipt],
        standings: Vec<Option<Standing>>,
    ) -> KeptReceipts {
        let judged = judge_all(receipts.iter().cloned().zip(standings), SEEN);
        self.ports.receipts.keep(place.channel_id, judged).await.expect("keep")
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
    assert_eq!(stage.take(&opening, &delivered).await, NEW);
    let message = stage.message(&opening).await.message;
    assert_eq!((message.status, message.delivered_at), (MessageStatus::Delivered, Some(SEEN.plus(HOUR))));
    let version = stage.loaded(opening.conversation_id).await.process.version;
    assert_eq!(stage.take(&opening, &delivered).await, REPEATED);
    assert_eq!(stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await, NEW);
    assert_eq!(stage.status(&opening).await, MessageStatus::Delivered, "what lies behind changes nothing");
    assert_eq!(stage.loaded(opening.conversation_id).await.process.version, version);
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Read)).await;
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
    assert_eq!(stage.ports.receipts.standings(other.channel, &[told]).await.expect("standings"), [None]);
}

/// The provider was faster with its news than with its answer.
pub async fn a_receipt_that_came_before_the_answer_is_news_when_the_attempt_ends(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let early = of(opening.message_id, receipt("SM1", ReceiptStatus::Delivered));
    assert_eq!(stage.take(&opening, &early).await, NEW);
    assert_eq!(stage.status(&opening).await, MessageStatus::Sending);
    assert_eq!(stage.take(&opening, &early).await, REPEATED);
    assert_eq!(stage.take_as(&opening, 1, "SM1").await, Saved::AppliedWithNews);
    let news = stage.loaded(opening.conversation_id).await.news;
    assert_eq!(news, [early]);
    assert_eq!(stage.take(&opening, &news[0]).await, NEW);
    assert_eq!(stage.status(&opening).await, MessageStatus::Delivered);
    assert_eq!(stage.loaded(opening.conversation_id).await.news, []);
}

/// Nothing but the provider's id, and nobody knows it yet.
pub async fn a_receipt_of_nobody_is_news_once_its_message_is_known(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let failed = receipt("SM1", ReceiptStatus::Failed);
    assert_eq!(stage.take(&opening, &failed).await, NEW);
    assert_eq!(stage.take_as(&opening, 1, "SM1").await, Saved::AppliedWithNews);
    let news = stage.loaded(opening.conversation_id).await.news;
    assert_eq!(news, [failed]);
    stage.take(&opening, &news[0]).await;
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
    assert_eq!(stage.keep_receipts(&opening, from_ref(&sent), vec![before]).await, moved(&[&sent]));
    assert_eq!(stage.take(&opening, &sent).await, NEW);
}

/// Nothing of it is kept, so that judging it again is not taken for a repetition.
pub async fn a_receipt_judged_on_an_old_version_writes_nothing(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    let read = receipt("SM1", ReceiptStatus::Read);
    let before = stage.standing(&opening, &read).await;
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await;
    assert_eq!(stage.keep_receipts(&opening, from_ref(&read), vec![before]).await, moved(&[&read]));
    assert_eq!(stage.status(&opening).await, MessageStatus::Sent);
    assert_eq!(stage.take(&opening, &read).await, NEW);
}

/// The others are repetitions, or lose the race and are then.
pub async fn of_many_equal_receipts_at_once_one_is_kept(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    let delivered = receipt("SM1", ReceiptStatus::Delivered);
    let answers = join_all((0..8).map(|_| stage.take(&opening, &delivered))).await;
    assert_eq!(answers.iter().map(|answer| answer.new).sum::<usize>(), 1, "{answers:?}");
    assert_eq!(stage.take(&opening, &delivered).await, REPEATED);
}

/// One call, whatever its order, and again.
pub async fn many_receipts_of_one_message_in_one_call_leave_the_furthest_and_count_once(stage: &Stage) {
    for (number, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0]].into_iter().enumerate() {
        let id = format!("SM{number}");
        let opening = stage.texted(&id).await;
        let version = stage.loaded(opening.conversation_id).await.process.version;
        let told = [ReceiptStatus::Sent, ReceiptStatus::Delivered, ReceiptStatus::Read];
        let mut call: Vec<_> = order.iter().map(|&at| receipt(&id, told[at])).collect();
        call.extend(call.clone());
        assert_eq!(stage.take_all(&opening, &call).await.new, 3, "{order:?}");
        let message = stage.message(&opening).await.message;
        let times = (message.sent_at, message.delivered_at, message.read_at);
        assert_eq!((message.status, message.error.clone()), (MessageStatus::Read, None), "{order:?}");
        assert!(times.0.is_some() && times.1 == Some(SEEN.plus(HOUR)) && times.2 == times.1, "{order:?} {times:?}");
        assert_eq!(stage.loaded(opening.conversation_id).await.process.version, version.next(), "one change");
        assert_eq!(stage.take_all(&opening, &call).await, REPEATED, "{order:?}");
        assert_eq!(stage.loaded(opening.conversation_id).await.process.version, version.next());
    }
}

/// More than one statement takes; the others are kept at once.
pub async fn of_many_conversations_in_one_call_only_the_one_that_moved_is_judged_again(stage: &Stage) {
    const MANY: usize = 70;
    let place = stage.sms_channel().await;
    let openings = stage.many_taken(place, MANY).await;
    let status = |n: usize| if n.is_multiple_of(2) { ReceiptStatus::Delivered } else { ReceiptStatus::Failed };
    let call: Vec<_> = (0..MANY).map(|n| receipt(&format!("SM{n}"), status(n))).collect();
    let before = stage.standings(&openings[0], &call).await;
    for (standing, opening) in before.iter().zip(&openings) {
        assert_eq!(standing.as_ref().map(|standing| standing.message_id), Some(opening.message_id));
    }
    stage.take(&openings[7], &receipt("SM7", ReceiptStatus::Sent)).await;
    let kept = stage.keep_receipts(&openings[0], &call, before).await;
    assert_eq!(kept, KeptReceipts { new: MANY - 1, moved: vec![call[7].clone()] });
    assert_eq!(stage.status(&openings[7]).await, MessageStatus::Sent);
    assert_eq!(stage.take_all(&openings[0], &kept.moved).await, NEW);
    for (n, opening) in openings.iter().enumerate() {
        let (message, process) =
            (stage.message(opening).await.message, stage.loaded(opening.conversation_id).await.process);
        let asks = process.attention.and_then(|attention| attention.message_id);
        if n % 2 == 0 {
            assert_eq!((message.status, message.error, asks), (MessageStatus::Delivered, None, None), "{n}");
        } else {
            let code = message.error.map(|error| error.code);
            assert_eq!((message.status, code.as_deref()), (MessageStatus::Failed, Some("filtered")), "{n}");
            assert_eq!(asks, Some(opening.message_id), "{n}");
        }
    }
}

/// And what waits for the end of its attempt beside them.
pub async fn receipts_of_nobody_are_kept_beside_known_ones_in_one_call(stage: &Stage) {
    let place = stage.sms_channel().await;
    let (known, sending) = (stage.text_opened(place).await, stage.text_opened(place).await);
    for opening in [&known, &sending] {
        stage.attempt(opening.message_id, HOUR).await;
    }
    stage.take_as(&known, 1, "SM1").await;
    let early = of(sending.message_id, receipt("SM2", ReceiptStatus::Sent));
    let unknown = receipt("SM2", ReceiptStatus::Delivered);
    let call = [unknown.clone(), receipt("SM1", ReceiptStatus::Delivered), early];
    assert_eq!(stage.take_all(&known, &call).await, KeptReceipts { new: 3, moved: vec![] });
    assert_eq!(stage.status(&known).await, MessageStatus::Delivered);
    assert_eq!(stage.take_all(&known, &call).await, REPEATED);
    let before = stage.standings(&known, from_ref(&unknown)).await;
    assert_eq!(stage.take_as(&sending, 1, "SM2").await, Saved::AppliedWithNews);
    assert_eq!(stage.keep_receipts(&known, from_ref(&unknown), before).await, moved(&[&unknown]), "it is known by now");
    let news = stage.loaded(sending.conversation_id).await.news;
    assert_eq!(news.len(), 2);
    assert_eq!(stage.take_all(&sending, &news).await.new, 2);
    assert_eq!(stage.status(&sending).await, MessageStatus::Delivered);
    assert_eq!(stage.loaded(sending.conversation_id).await.news, []);
}

/// Whatever each of them meets, each conversation takes each receipt once.
pub async fn equal_calls_at_once_with_many_conversations_leave_what_one_would(stage: &Stage) {
    const MANY: usize = 12;
    let place = stage.sms_channel().await;
    let openings = stage.many_taken(place, MANY).await;
    let told = |n: usize| [ReceiptStatus::Sent, ReceiptStatus::Read].map(|status| receipt(&format!("SM{n}"), status));
    let call: Vec<_> = (0..MANY).flat_map(told).collect();
    let reversed: Vec<_> = call.iter().rev().cloned().collect();
    let calls = (0..8).map(|n| {
        let call = if n % 2 == 0 { &call } else { &reversed };
        let opening = &openings[0];
        async move {
            let (mut left, mut new) = (call.clone(), 0);
            while !left.is_empty() {
                let kept = stage.take_all(opening, &left).await;
                (left, new) = (kept.moved, new + kept.new);
            }
            new
        }
    });
    assert_eq!(join_all(calls).await.into_iter().sum::<usize>(), 2 * MANY);
    for opening in &openings {
        assert_eq!(stage.status(opening).await, MessageStatus::Read);
    }
}

/// The provider did take it.
pub async fn a_receipt_settles_an_unclear_attempt(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut change = stage.change(&opening, MessageStatus::Unconfirmed).await;
    change.attempt = Some(ended(1, AttemptOutcome::Unclear));
    stage.apply(&change).await;
    let sent = of(opening.message_id, receipt("SM1", ReceiptStatus::Sent));
    stage.take(&opening, &sent).await;
    let details = stage.message(&opening).await;
    assert_eq!(details.message.status, MessageStatus::Sent);
    assert_eq!(details.message.provider_message_id.as_deref(), Some("SM1"));
    assert_eq!(details.attempts[0].outcome, Some(AttemptOutcome::Sent));
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Delivered)).await;
    assert_eq!(stage.status(&opening).await, MessageStatus::Delivered);
}

/// What failed it is what people are told, with when; the older attempt is settled all the same.
pub async fn a_failed_message_keeps_its_error_and_its_attention_when_an_older_attempt_is_heard_of(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut again = stage.try_again(&opening, 1, Duration::ZERO).await;
    again.attempt = Some(ended(1, AttemptOutcome::Unclear));
    stage.apply(&again).await;
    stage.attempt_soon(opening.message_id, HOUR).await;
    stage.take_as(&opening, 2, "SM2").await;
    stage.take(&opening, &receipt("SM2", ReceiptStatus::Failed)).await;
    let told = async || {
        let message = stage.message(&opening).await.message;
        (message.status, message.error, stage.loaded(opening.conversation_id).await.process.attention)
    };
    let before = told().await;
    assert_eq!(
        (before.0, before.1.as_ref().map(|error| error.code.as_str())),
        (MessageStatus::Failed, Some("filtered"))
    );
    for status in [ReceiptStatus::Sent, ReceiptStatus::Failed] {
        let late = Receipt { failure: None, ..of(opening.message_id, receipt("SM1", status)) };
        let standing = stage.standing(&opening, &late).await;
        let judged = judge_all([(late, standing)], SEEN.plus(HOUR));
        assert_eq!(stage.ports.receipts.keep(opening.channel_id, judged).await.expect("keep"), NEW);
        assert_eq!(told().await, before, "{status:?}");
    }
    assert_eq!(stage.message(&opening).await.attempts[0].outcome, Some(AttemptOutcome::Sent));
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Delivered)).await;
    assert_eq!(told().await, (MessageStatus::Delivered, None, None));
}

/// By the database's clock, as the beginning of the attempt: whoever decides whose turn it is compares the two.
pub async fn when_the_contact_wrote_is_dated_as_the_attempts_are(stage: &Stage) {
    let place = stage.sms_channel().await;
    let first = stage.text_opened(place).await;
    stage.write(place, &phone_of(&first.recipient.address), "IN1").await.expect("keep");
    stage.time_passes(&first).await;
    let began_at = stage.attempt(first.message_id, HOUR).await.began_at;
    stage.take_as(&first, 1, "SM1").await;
    let read = async || {
        let standing = stage.standing(&first, &receipt("SM1", ReceiptStatus::Delivered)).await;
        let standing = standing.expect("the message is known");
        let process = stage.loaded(first.conversation_id).await.process;
        assert_eq!(standing.contact_wrote_at, process.contact_wrote_at);
        assert_eq!(standing.attempts[0].began_at, began_at);
        standing.contact_wrote_at.expect("the contact has written")
    };
    assert!(read().await < began_at);
    stage.time_passes(&first).await;
    stage.write(place, &phone_of(&first.recipient.address), "IN2").await.expect("keep");
    assert!(read().await > began_at);
    // In another conversation the contact has not written.
    let other = stage.text_opened(place).await;
    stage.attempt(other.message_id, HOUR).await;
    stage.take_as(&other, 1, "SM2").await;
    let standing = stage.standing(&other, &receipt("SM2", ReceiptStatus::Delivered)).await;
    assert_eq!(standing.expect("the message is known").contact_wrote_at, None);
    assert_eq!(stage.loaded(other.conversation_id).await.process.contact_wrote_at, None);
}

/// What had its effect is kept.
pub async fn receipts_of_nobody_are_swept_when_their_time_has_passed(stage: &Stage) {
    let opening = stage.texted("SM1").await;
    stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await;
    stage.take(&opening, &receipt("SM7", ReceiptStatus::Sent)).await;
    let retention = &stage.ports.retention;
    assert_eq!(retention.sweep_receipts(HOUR, 10).await.expect("sweep"), 0);
    let sweep = async || {
        let swept = retention.sweep_receipts(Duration::from_millis(1), 10).await.expect("sweep");
        (swept > 0).then_some(swept)
    };
    assert_eq!(stage.until("it is swept", sweep).await, 1);
    let again = stage.take(&opening, &receipt("SM1", ReceiptStatus::Sent)).await;
    assert_eq!(again, REPEATED);
}
