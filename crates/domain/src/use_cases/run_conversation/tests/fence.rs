//! Whatever the fence says, at most one attempt is made, and only where it was begun.

use super::*;
use crate::entities::{EXPIRED, OPENER_FAILED};

#[tokio::test]
async fn a_conversation_that_is_not_there_is_done() {
    let mut deliveries = MockDeliveryRepo::new();
    deliveries.expect_load().times(1).returning(|_| Ok(None));
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Done);
}

#[tokio::test]
async fn a_conversation_without_open_messages_is_done() {
    assert_eq!(run_without_sending(store(&process(vec![]))).await.unwrap(), Next::Done);
}

#[tokio::test]
async fn a_message_that_is_not_due_is_not_begun() {
    let later = PendingMessage { next_attempt_at: NOW.plus(MINUTE), ..due(1) };
    assert_eq!(run_without_sending(store(&process(vec![later]))).await.unwrap(), Next::Rest(MINUTE));
}

#[tokio::test]
async fn an_attempt_that_was_begun_is_sent_once_and_its_end_is_written() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 3));
    let written = keeps(&mut deliveries);
    let mut sender = MockMessageSender::new();
    sender
        .expect_send()
        .withf(|to, what| *to == connection(ChannelKind::Email) && *what == outgoing(1, ChannelKind::Email))
        .times(1)
        .returning(|_, _| accepted());
    assert_eq!(run(deliveries, connects(), sender).await.unwrap(), Next::Done);
    let change = only(&written);
    assert_eq!((change.conversation_id, change.expected), (CONVERSATION, Version(4)));
    assert_eq!((change.message.id, change.message.status), (message(1), MessageStatus::Sent));
    assert_eq!(change.message.provider_message_id.as_deref(), Some("provider-7"));
    assert_eq!(change.status, ConversationStatus::AwaitingContact);
    let attempt = change.attempt.unwrap();
    assert_eq!((attempt.number, attempt.outcome), (3, AttemptOutcome::Sent));
    assert_eq!((change.at, change.message.sent_at), (AT, Some(AT)), "dated by the clock that people see");
}

#[tokio::test]
async fn an_attempt_of_somebody_else_is_waited_for() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, Begun::InFlight { for_another: Duration::from_secs(9) });
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Rest(Duration::from_secs(9)));
}

#[tokio::test]
async fn a_message_that_the_database_s_clock_calls_not_due_is_waited_for() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, Begun::NotDue { in_: Duration::from_secs(3) });
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Rest(Duration::from_secs(3)));
}

#[tokio::test]
async fn a_message_of_a_channel_that_waits_is_looked_at_again_when_the_fence_says() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, Begun::ChannelWaits { look_again_in: Duration::from_secs(20) });
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Rest(Duration::from_secs(20)));
}

#[tokio::test]
async fn an_email_whose_lease_ran_out_is_unclear_and_comes_again() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, Begun::LeaseRanOut { number: 2 });
    let written = keeps(&mut deliveries);
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Rest(back_off(message(1), 2)));
    let change = only(&written);
    assert_eq!(change.message.status, MessageStatus::Queued);
    let attempt = change.attempt.unwrap();
    assert_eq!((attempt.number, attempt.outcome), (2, AttemptOutcome::Unclear));
}

#[tokio::test]
async fn a_text_message_whose_lease_ran_out_is_unconfirmed_and_never_sent_again() {
    for kind in [ChannelKind::Sms, ChannelKind::WhatsApp] {
        let mut deliveries = store(&process_on(kind, vec![due(1)]));
        fence(&mut deliveries, 1, Begun::LeaseRanOut { number: 1 });
        let written = keeps(&mut deliveries);
        assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Done, "{kind}");
        let change = only(&written);
        assert_eq!(change.message.status, MessageStatus::Unconfirmed, "{kind}");
        assert_eq!(change.attention.unwrap().message_id, Some(message(1)), "{kind}");
    }
}

#[tokio::test]
async fn a_message_whose_time_has_passed_fails_as_expired_and_is_not_sent() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, Begun::Expired);
    let written = keeps(&mut deliveries);
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Done);
    let change = only(&written);
    assert_eq!(change.message.status, MessageStatus::Failed);
    assert_eq!(change.message.error.unwrap().code, EXPIRED);
    assert_eq!(change.attempt, None);
}

#[tokio::test]
async fn a_message_that_is_held_for_an_answer_that_cannot_come_fails_and_is_not_sent() {
    let held = PendingMessage { status: MessageStatus::Held, in_vain: true, ..due(1) };
    let mut deliveries = store(&process(vec![held]));
    fence(&mut deliveries, 1, Begun::OpenerFailed);
    let written = keeps(&mut deliveries);
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Done);
    let change = only(&written);
    assert_eq!(change.message.status, MessageStatus::Failed);
    assert_eq!(change.message.error.unwrap().code, OPENER_FAILED);
    assert_eq!(change.attempt, None);
}

#[tokio::test]
async fn a_message_that_was_settled_meanwhile_is_left_and_the_conversation_read_again() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, Begun::Settled);
    reads(&mut deliveries, &process(vec![]));
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Done);
}

#[tokio::test]
async fn a_conversation_that_vanished_meanwhile_is_done() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, Begun::Settled);
    deliveries.expect_load().times(1).returning(|_| Ok(None));
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Done);
}

#[tokio::test]
async fn each_of_several_messages_passes_the_fence_on_its_own_and_in_order() {
    let mut deliveries = store(&process(vec![due(1), due(2), due(3)]));
    let mut order = mockall::Sequence::new();
    for (n, begun) in [(1, attempt(1, 1)), (2, Begun::InFlight { for_another: MINUTE }), (3, attempt(3, 1))] {
        let asked = move |id: &MessageId, _: &Duration| *id == message(n);
        deliveries.expect_begin_attempt().withf(asked).times(1).in_sequence(&mut order).return_once(|_, _| Ok(begun));
    }
    // The second one is looked at once more, after the others have changed.
    fence(&mut deliveries, 2, Begun::InFlight { for_another: MINUTE });
    let written = keeps(&mut deliveries);
    let mut sender = MockMessageSender::new();
    sender.expect_send().times(2).returning(|_, _| accepted());
    assert_eq!(run(deliveries, connects(), sender).await.unwrap(), Next::Rest(MINUTE));
    let written: Vec<_> = written.lock().unwrap().iter().map(|change| (change.message.id, change.expected)).collect();
    assert_eq!(written, [(message(1), Version(4)), (message(3), Version(5))], "each on the version the last one left");
}

#[tokio::test]
async fn a_fence_that_cannot_be_asked_sends_nothing() {
    let mut deliveries = store(&process(vec![due(1)]));
    deliveries.expect_begin_attempt().times(1).returning(|_, _| Err(StoreError::OutcomeUnknown("cut off".into())));
    let answer = run_without_sending(deliveries).await;
    assert!(matches!(answer, Err(RunError::Store(StoreError::OutcomeUnknown(_)))), "{answer:?}");
}
