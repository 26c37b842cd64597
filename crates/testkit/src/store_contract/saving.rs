//! A change of a conversation's process is kept whole, once, and only on the version it was decided on.

use super::stage::{HOUR, Stage, ended};
use futures_util::future::join_all;
use overture_domain::entities::{
    AttemptOutcome, Attention, AttentionReason, ConversationStatus, MessageError, MessageStatus,
};
use overture_domain::ids::Version;
use overture_domain::ports::{
    AttemptChange, Begun, LoadedProcess, MessageDetails, OpenConversation, ProcessChange, SaveError, Saved,
};
use overture_domain::time::Timestamp;
use overture_domain::values::DeliverWithin;
use std::time::Duration;

/// Neither behind nor ahead.
pub async fn a_change_decided_on_an_old_version_writes_nothing(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    let change = stage.sent(&opening, 1).await;
    let before = picture(stage, &opening).await;
    for version in [change.expected.0 - 1, change.expected.0 + 1] {
        let moved = ProcessChange { expected: Version(version), ..change.clone() };
        let answer = stage.save(&moved).await;
        assert!(matches!(answer, Err(SaveError::Moved)), "{answer:?}");
    }
    assert_eq!(picture(stage, &opening).await, before);
    stage.apply(&change).await;
    assert!(matches!(stage.save(&change).await, Err(SaveError::Moved)), "a change applies once");
}

/// And the conversation waits for the contact.
pub async fn a_sent_message_shows_when_and_as_what(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut change = stage.sent(&opening, 1).await;
    change.status = ConversationStatus::AwaitingContact;
    change.message.provider_message_id = Some("<provider's \"own\" id>".into());
    stage.apply(&change).await;

    let MessageDetails { message, attempts, .. } = stage.message(&opening).await;
    assert_eq!((message.status, message.sent_at, message.error), (MessageStatus::Sent, Some(change.at), None));
    assert_eq!(message.provider_message_id.as_deref(), Some("<provider's \"own\" id>"));
    let ended: Vec<_> = attempts.iter().map(|it| (it.number, it.outcome, it.ended_at)).collect();
    assert_eq!(ended, [(1, Some(AttemptOutcome::Sent), Some(change.at))]);
    let read = stage.ports.conversations.find(stage.home.tenant, opening.conversation_id).await.expect("find");
    let read = read.expect("the conversation is there");
    assert_eq!((read.status, read.attention), (ConversationStatus::AwaitingContact, None));
    assert_eq!((read.updated_at, read.created_at), (change.at, opening.created_at));
    assert_eq!(read.version, change.expected.next());
}

/// With every part of its error.
pub async fn a_failed_message_shows_why_and_asks_for_attention(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    let change = failed(stage, &opening, 1).await;
    stage.apply(&change).await;
    let MessageDetails { message, attempts, .. } = stage.message(&opening).await;
    assert_eq!((message.status, message.error), (MessageStatus::Failed, change.message.error));
    assert_eq!(message.sent_at, None);
    let [attempt] = &attempts[..] else { panic!("one attempt was made") };
    assert_eq!(attempt.outcome, Some(AttemptOutcome::Rejected));
    assert_eq!((attempt.code.as_deref(), attempt.provider_code.as_deref()), (Some("rejected"), Some("550 5.1.1")));
    assert_eq!(attempt.text.as_deref(), Some("No such „user“ here"));
    let read = stage.ports.conversations.find(stage.home.tenant, opening.conversation_id).await.expect("find");
    assert_eq!(read.map(|it| it.attention), Some(change.attention));
    assert_eq!(stage.loaded(opening.conversation_id).await.process.attention, change.attention);
}

/// A change says how things stand, not what to add.
pub async fn attention_and_error_are_cleared_when_the_change_says_so(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut first = failed(stage, &opening, 1).await;
    first.message.status = MessageStatus::Queued;
    stage.apply(&first).await;
    let second = stage.attempt_soon(opening.message_id, HOUR).await;
    let mut change = stage.sent(&opening, second.number).await;
    change.attention = None;
    stage.apply(&change).await;
    assert_eq!(stage.message(&opening).await.message.error, None);
    assert_eq!(stage.loaded(opening.conversation_id).await.process.attention, None);
}

/// The process sees only what is still our work.
pub async fn what_ended_settled_is_not_loaded_again(stage: &Stage) {
    for status in MessageStatus::ALL.iter().copied().filter(|status| status.is_settled()) {
        let opening = stage.opened().await;
        stage.apply(&stage.change(&opening, status).await).await;
        assert_eq!(stage.loaded(opening.conversation_id).await.process.pending, [], "{status}");
    }
}

/// Whatever the caller's clock says.
pub async fn the_next_attempt_is_dated_by_the_database(stage: &Stage) {
    let opening = OpenConversation { deliver_within: DeliverWithin::from_millis(86_400_000), ..stage.opening() };
    stage.open(&opening).await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut change = stage.try_again(&opening, 1, HOUR).await;
    change.at = Timestamp::from_millis(1);
    stage.time_passes(&opening).await;
    let before = stage.loaded(opening.conversation_id).await.now;
    stage.apply(&change).await;
    let LoadedProcess { process, now, .. } = stage.loaded(opening.conversation_id).await;
    let [pending] = process.pending[..] else { panic!("one message is pending") };
    assert_eq!(pending.status, MessageStatus::Queued);
    assert!(before.plus(HOUR) <= pending.next_attempt_at && pending.next_attempt_at <= now.plus(HOUR), "{pending:?}");
}

/// A provider may ask for any time.
pub async fn a_next_attempt_may_lie_as_far_ahead_as_can_be_said(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 1, Duration::MAX).await).await;
    let begun = stage.begin(opening.message_id, HOUR).await;
    assert!(matches!(begun, Begun::NotDue { in_ } if in_ > HOUR), "{begun:?}");
}

/// Each with its own end.
pub async fn attempts_are_read_first_to_last_with_what_they_ran_into(stage: &Stage) {
    let opening = stage.opened().await;
    let outcomes =
        [AttemptOutcome::Unavailable, AttemptOutcome::RateLimited, AttemptOutcome::Unclear, AttemptOutcome::Sent];
    for (number, outcome) in (1..).zip(outcomes) {
        assert_eq!(stage.attempt_soon(opening.message_id, HOUR).await.number, number);
        let mut change = stage.try_again(&opening, number, Duration::ZERO).await;
        change.attempt = Some(AttemptChange { code: Some(format!("code_{number}")), ..ended(number, outcome) });
        if outcome == AttemptOutcome::Sent {
            change.message.status = MessageStatus::Sent;
        }
        stage.apply(&change).await;
    }
    let MessageDetails { message, attempts, .. } = stage.message(&opening).await;
    assert_eq!(message.attempts, 4);
    let read: Vec<_> = attempts.iter().map(|it| (it.number, it.outcome, it.code.clone())).collect();
    let expected: Vec<_> = (1..).zip(outcomes).map(|(n, it)| (n, Some(it), Some(format!("code_{n}")))).collect();
    assert_eq!(read, expected);
    assert!(attempts.is_sorted_by_key(|it| it.started_at));
}

/// The second outcome comes too late, whatever it says.
pub async fn an_attempt_ends_once(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 1, HOUR).await).await;
    must_be_late(stage, &opening, 1).await;
    assert_eq!(stage.message(&opening).await.attempts[0].outcome, Some(AttemptOutcome::Unavailable));
}

/// The newer attempt stays under way.
pub async fn an_outcome_of_an_older_attempt_is_late(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 1, Duration::ZERO).await).await;
    stage.attempt_soon(opening.message_id, HOUR).await;
    must_be_late(stage, &opening, 1).await;
    assert!(matches!(stage.begin(opening.message_id, HOUR).await, Begun::InFlight { .. }));
    stage.apply(&stage.sent(&opening, 2).await).await;
}

/// Not the message, not the conversation, not its version, not the channel.
pub async fn a_late_outcome_changes_nothing_else(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.sent(&opening, 1).await).await;
    let before = picture(stage, &opening).await;
    let mut late = failed(stage, &opening, 1).await;
    let fault = super::stage::fault(late.at);
    late.channel =
        Some(overture_domain::ports::ChannelChange::Faulty { id: opening.channel_id, fault, probe_in: HOUR });
    assert!(matches!(stage.save(&late).await, Ok(Saved::Late)));
    assert_eq!(picture(stage, &opening).await, before);
    assert_eq!(stage.ports.observatory.overview().await.expect("overview").channels_in_error, 0);
}

/// Of a message that waits for another attempt or for a person; a newer attempt under way goes on.
pub async fn a_late_success_clears_up_an_unclear_attempt(stage: &Stage) {
    for status in [MessageStatus::Queued, MessageStatus::Unconfirmed] {
        let opening = stage.opened().await;
        stage.attempt(opening.message_id, HOUR).await;
        let mut change = stage.try_again(&opening, 1, HOUR).await;
        change.attempt = Some(ended(1, AttemptOutcome::Unclear));
        change.message.status = status;
        stage.apply(&change).await;
        stage.apply(&stage.sent(&opening, 1).await).await;
        let MessageDetails { message, attempts, .. } = stage.message(&opening).await;
        assert_eq!((message.status, attempts[0].outcome), (MessageStatus::Sent, Some(AttemptOutcome::Sent)));
    }
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut change = stage.try_again(&opening, 1, Duration::ZERO).await;
    change.attempt = Some(ended(1, AttemptOutcome::Unclear));
    stage.apply(&change).await;
    stage.attempt_soon(opening.message_id, HOUR).await;
    must_be_late(stage, &opening, 1).await;
}

/// And since when, whatever later attempts ran into.
pub async fn that_an_attempt_was_unclear_is_remembered(stage: &Stage) {
    let opening = stage.opened().await;
    let unclear = async || {
        let pending = stage.loaded(opening.conversation_id).await.process.pending[0];
        (pending.unclear, pending.unclear_since)
    };
    let began_at = stage.attempt(opening.message_id, HOUR).await.began_at;
    assert_eq!(unclear().await, (0, None));
    let mut change = stage.try_again(&opening, 1, Duration::ZERO).await;
    change.attempt = Some(ended(1, AttemptOutcome::Unclear));
    stage.apply(&change).await;
    assert_eq!(unclear().await, (1, Some(began_at)));
    stage.attempt_soon(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 2, HOUR).await).await;
    assert_eq!(unclear().await, (1, Some(began_at)));
}

/// What expired was not attempted.
pub async fn a_change_without_attempt_leaves_the_attempts_alone(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 1, HOUR).await).await;
    let before = stage.message(&opening).await.attempts;
    stage.apply(&stage.change(&opening, MessageStatus::Failed).await).await;
    assert_eq!(stage.message(&opening).await.attempts, before);
}

/// The others read and decide again.
pub async fn of_many_changes_of_one_version_one_is_kept(stage: &Stage) {
    let opening = stage.opened().await;
    let change = stage.change(&opening, MessageStatus::Queued).await;
    let tasks: Vec<_> = (1..=32)
        .map(|n| {
            let deliveries = stage.ports.deliveries.clone();
            let change = ProcessChange { at: change.at.plus(HOUR * n), ..change.clone() };
            tokio::spawn(async move { (change.at, deliveries.save(change).await) })
        })
        .collect();
    let answers: Vec<_> = join_all(tasks).await.into_iter().map(|it| it.expect("no save panics")).collect();
    let kept: Vec<_> = answers.iter().filter(|(_, it)| matches!(it, Ok(Saved::Applied))).map(|(at, _)| *at).collect();
    let moved = answers.iter().filter(|(_, it)| matches!(it, Err(SaveError::Moved))).count();
    assert_eq!((kept.len(), moved), (1, 31), "{answers:?}");
    let read = stage.ports.conversations.find(stage.home.tenant, opening.conversation_id).await.expect("find");
    let read = read.expect("the conversation is there");
    assert_eq!((read.updated_at, read.version), (kept[0], change.expected.next()));
}

/// An attempt was refused for good.
async fn failed(stage: &Stage, opening: &OpenConversation, number: u32) -> ProcessChange {
    let mut change = stage.change(opening, MessageStatus::Failed).await;
    let (code, provider_code, text) = ("rejected".to_owned(), "550 5.1.1".to_owned(), "No such „user“ here".to_owned());
    change.attention = Some(Attention {
        reason: AttentionReason::MessageFailed,
        since: change.at,
        message_id: Some(opening.message_id),
    });
    change.message.error = Some(MessageError {
        code: code.clone(),
        text: text.clone(),
        provider_code: Some(provider_code.clone()),
        retryable: false,
    });
    change.attempt = Some(AttemptChange {
        code: Some(code),
        provider_code: Some(provider_code),
        text: Some(text),
        ..ended(number, AttemptOutcome::Rejected)
    });
    change
}

async fn must_be_late(stage: &Stage, opening: &OpenConversation, number: u32) {
    let late = stage.sent(opening, number).await;
    let answer = stage.save(&late).await;
    assert!(matches!(answer, Ok(Saved::Late)), "the outcome is late, but the answer is {answer:?}");
}

/// Everything a change could change.
async fn picture(stage: &Stage, opening: &OpenConversation) -> impl PartialEq + std::fmt::Debug {
    let conversation = stage.ports.conversations.find(stage.home.tenant, opening.conversation_id).await.expect("find");
    let process = stage.loaded(opening.conversation_id).await.process;
    (conversation, process, stage.message(opening).await)
}
