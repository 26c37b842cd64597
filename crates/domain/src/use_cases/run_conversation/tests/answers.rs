//! What each answer of a provider, and each fault on the way to it, leads to.

use super::*;
use crate::entities::{AttentionReason, MessageError};
use crate::ports::{ChannelChange, StoreError};
use crate::use_cases::logged::Logged;

/// One attempt, begun and answered so; what was written and when to come back.
async fn after(kind: ChannelKind, probes: bool, answer: Result<Accepted, SendError>) -> (ProcessChange, Next) {
    let mut deliveries = store(&process_on(kind, vec![due(1)]));
    let begun = BegunAttempt { number: 1, began_at: NOW, outgoing: outgoing(1, kind), probes };
    fence(&mut deliveries, 1, Begun::Attempt(Box::new(begun)));
    let written = keeps(&mut deliveries);
    let next = run(deliveries, connects(), answers(answer)).await.unwrap();
    (only(&written), next)
}

fn wait() -> Next {
    Next::Rest(back_off(message(1), 1))
}

#[tokio::test]
async fn an_unclear_email_is_sent_again_after_its_back_off() {
    let (change, next) = after(ChannelKind::Email, false, Err(SendError::Unclear(cause("connection_lost")))).await;
    assert_eq!((change.message.status, next), (MessageStatus::Queued, wait()));
    assert_eq!(change.attempt.unwrap().outcome, AttemptOutcome::Unclear);
    assert_eq!(change.attention, None);
}

#[tokio::test]
async fn an_unclear_text_message_asks_a_person_and_is_not_sent_again() {
    for kind in [ChannelKind::Sms, ChannelKind::WhatsApp] {
        let (change, next) = after(kind, false, Err(SendError::Unclear(cause("connection_lost")))).await;
        assert_eq!((change.message.status, next), (MessageStatus::Unconfirmed, Next::Done), "{kind}");
        assert_eq!(change.attention.unwrap().reason, AttentionReason::MessageUnconfirmed, "{kind}");
    }
}

#[tokio::test]
async fn an_unavailable_provider_is_tried_again_after_the_back_off() {
    let (change, next) =
        after(ChannelKind::Email, false, Err(SendError::Unavailable(cause("connection_refused")))).await;
    assert_eq!((change.message.status, next), (MessageStatus::Queued, wait()));
    assert_eq!(change.channel, None);
}

#[tokio::test]
async fn a_rejected_message_is_not_tried_again() {
    let (change, next) = after(ChannelKind::Email, false, Err(SendError::Rejected(cause("mailbox_unknown")))).await;
    assert_eq!((change.message.status, next), (MessageStatus::Failed, Next::Done));
}

#[tokio::test]
async fn a_fault_of_the_channel_marks_the_channel_and_the_message_waits() {
    let (change, next) = after(ChannelKind::Email, false, Err(SendError::Config(cause("authentication_failed")))).await;
    assert_eq!((change.message.status, next), (MessageStatus::Queued, Next::Rest(Duration::from_secs(15))));
    match change.channel {
        Some(ChannelChange::Faulty { id, fault, .. }) => {
            assert_eq!((id, fault.code.as_str(), fault.since), (CHANNEL, "authentication_failed", AT));
        }
        other => panic!("expected a fault, got {other:?}"),
    }
}

#[tokio::test]
async fn a_probe_that_is_taken_shows_that_the_channel_works() {
    let (change, next) = after(ChannelKind::Email, true, accepted()).await;
    assert_eq!((change.channel, next), (Some(ChannelChange::Works { id: CHANNEL }), Next::Done));
    assert_eq!(after(ChannelKind::Email, false, accepted()).await.0.channel, None, "only a probe says so");
}

#[tokio::test]
async fn a_rate_limit_waits_at_least_as_long_as_asked() {
    let limited = |after| Err(SendError::RateLimited { after, scope: LimitScope::Channel, cause: cause("too_many") });
    let (change, next) = after(ChannelKind::Email, false, limited(Some(5 * MINUTE))).await;
    assert_eq!((change.message.next_attempt_in, next), (Some(5 * MINUTE), Next::Rest(5 * MINUTE)));
    assert_eq!(after(ChannelKind::Email, false, limited(None)).await.1, wait());
}

#[tokio::test]
async fn a_rate_limit_beyond_the_end_of_a_message_s_time_rests_until_that_end_only() {
    let limited =
        Err(SendError::RateLimited { after: Some(60 * MINUTE), scope: LimitScope::Channel, cause: cause("too_many") });
    assert_eq!(after(ChannelKind::Email, false, limited).await.1, Next::Rest(10 * MINUTE));
}

/// One attempt whose channel cannot be connected to; nothing may be sent.
async fn unconnected(answer: Result<Option<ChannelConnection>, StoreError>) -> (ProcessChange, Next) {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 1));
    let written = keeps(&mut deliveries);
    let mut channels = MockChannelRepo::new();
    channels.expect_connection().times(1).return_once(|_| answer);
    let next = run(deliveries, channels, MockMessageSender::new()).await.unwrap();
    (only(&written), next)
}

fn error_of(change: &ProcessChange) -> &MessageError {
    change.message.error.as_ref().expect("it says what went wrong")
}

#[tokio::test]
async fn settings_that_cannot_be_read_now_end_the_attempt_as_unavailable_and_are_logged() {
    let failures = [
        StoreError::Busy("no connection".into()),
        StoreError::Failed("disk".into()),
        StoreError::OutcomeUnknown("cut off".into()),
    ];
    for failure in failures {
        let logged = Logged::start();
        let (change, next) = unconnected(Err(failure)).await;
        assert_eq!(change.attempt.as_ref().unwrap().outcome, AttemptOutcome::Unavailable);
        assert_eq!((change.message.status, next), (MessageStatus::Queued, wait()));
        assert_eq!(error_of(&change).code, "store_unavailable");
        assert_eq!(change.channel, None, "the channel is not at fault");
        assert_eq!(logged.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_channel_that_is_gone_or_whose_secrets_do_not_open_is_at_fault() {
    let corrupt = StoreError::Corrupt { table: "channels", column: "secrets", id: CHANNEL.to_string() };
    for (answer, says) in [(Ok(None), "no longer exists"), (Err(corrupt), "OVERTURE__SECRETS__KEY")] {
        let (change, next) = unconnected(answer).await;
        assert_eq!((change.message.status, next), (MessageStatus::Queued, Next::Rest(Duration::from_secs(15))));
        assert_eq!(error_of(&change).code, "channel_unusable");
        assert!(error_of(&change).text.contains(says), "{}", error_of(&change).text);
        assert!(matches!(change.channel, Some(ChannelChange::Faulty { .. })));
    }
}
