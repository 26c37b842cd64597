//! Ends of a message's time, due times, and how long nothing is to be done.

use super::*;

fn woken(process: &ConversationProcess) -> Effect {
    let (after, effect) = process.clone().step(Event::Woken, NOW);
    assert_eq!(after, *process, "looking changes nothing");
    effect
}

fn expired(n: u128) -> Event {
    Event::Expired { message: message(n), at: AT }
}

#[test]
fn an_expired_message_fails_as_expired_and_asks_for_a_person() {
    let (after, change) = kept(process(vec![pending(1)]), expired(1));
    assert_eq!(change.message.status, MessageStatus::Failed);
    let error = change.message.error.unwrap();
    assert_eq!((error.code.as_str(), error.retryable), (EXPIRED, false));
    assert!(error.text.ends_with("It was not sent."));
    let attention = Attention { reason: AttentionReason::MessageFailed, since: AT, message_id: Some(message(1)) };
    assert_eq!(change.attention, Some(attention));
    assert_eq!(change.attempt, None, "no attempt ended");
    assert!(after.pending.is_empty());
}

#[test]
fn an_expired_message_with_an_unclear_attempt_is_unconfirmed() {
    let (_, change) = kept(process(vec![PendingMessage { unclear: 1, attempts: 2, ..pending(1) }]), expired(1));
    assert_eq!(change.message.status, MessageStatus::Unconfirmed);
    assert_eq!(change.attention.unwrap().reason, AttentionReason::MessageUnconfirmed);
    let error = change.message.error.unwrap();
    assert_eq!(error.code, EXPIRED);
    assert!(error.text.contains("may have taken it"), "nobody says that it was not sent");
}

#[test]
fn the_unclear_attempt_of_another_message_does_not_make_an_expired_one_unconfirmed() {
    let (_, change) = kept(process(vec![pending(1), PendingMessage { unclear: 1, ..pending(2) }]), expired(1));
    assert_eq!(change.message.status, MessageStatus::Failed);
}

#[test]
fn what_was_held_in_vain_says_that_nobody_opened() {
    let held = PendingMessage { status: MessageStatus::Held, ..pending(1) };
    let (_, change) = kept(process(vec![held]), expired(1));
    assert_eq!(change.message.status, MessageStatus::Failed);
    assert_eq!(change.message.error.unwrap().code, NEVER_OPENED);
    assert_eq!(change.attention.unwrap().reason, AttentionReason::MessageFailed);
}

#[test]
fn what_nobody_could_be_asked_for_says_so_and_asks_for_a_person() {
    let waiting = process(vec![PendingMessage { status: MessageStatus::Held, in_vain: true, ..pending(1) }]);
    assert_eq!(woken(&waiting), Effect::Deliver(vec![message(1)]), "it does not wait for the end of its time");
    let (after, change) = kept(waiting, Event::OpenerFailed { message: message(1), at: AT });
    assert_eq!(change.message.status, MessageStatus::Failed);
    assert_eq!(change.message.error.unwrap().code, OPENER_FAILED);
    assert_eq!(change.attention.unwrap().reason, AttentionReason::MessageFailed);
    assert_eq!(woken(&after), Effect::Finish);
}

#[test]
fn a_text_that_may_not_leave_outside_the_window_fails_and_asks_for_a_person() {
    let (_, change) = kept(process(vec![pending(1)]), Event::WindowClosed { message: message(1), at: AT });
    assert_eq!(change.message.status, MessageStatus::Failed);
    assert_eq!(change.message.error.unwrap().code, WINDOW_CLOSED);
    assert_eq!(change.attention.unwrap().reason, AttentionReason::MessageFailed);
}

#[test]
fn due_messages_are_delivered_in_their_order_and_no_other_is() {
    let later = PendingMessage { next_attempt_at: NOW.plus(Duration::from_millis(1)), ..pending(2) };
    assert_eq!(woken(&process(vec![pending(3), later, pending(1)])), Effect::Deliver(vec![message(3), message(1)]));
}

#[test]
fn a_conversation_rests_until_its_next_message_is_due() {
    let in_ = |duration| PendingMessage { next_attempt_at: NOW.plus(duration), ..pending(1) };
    assert_eq!(woken(&process(vec![in_(3 * MINUTE), in_(MINUTE)])), Effect::Rest(MINUTE));
}

#[test]
fn a_rest_ends_where_the_time_of_a_message_ends() {
    let short =
        PendingMessage { next_attempt_at: NOW.plus(5 * MINUTE), deliver_by: NOW.plus(2 * MINUTE), ..pending(1) };
    assert_eq!(woken(&process(vec![short])), Effect::Rest(2 * MINUTE));
}

#[test]
fn a_message_whose_time_has_ended_is_due_whatever_its_next_attempt() {
    let over = PendingMessage { next_attempt_at: NOW.plus(MINUTE), deliver_by: NOW, ..pending(1) };
    assert_eq!(woken(&process(vec![over])), Effect::Deliver(vec![message(1)]));
}

#[test]
fn an_attempt_under_way_is_looked_at_at_once() {
    let sending =
        PendingMessage { status: MessageStatus::Sending, next_attempt_at: NOW.plus(MINUTE), attempts: 1, ..pending(1) };
    assert_eq!(woken(&process(vec![sending])), Effect::Deliver(vec![message(1)]));
}

#[test]
fn a_held_message_waits_for_the_end_of_its_time_only() {
    let held = PendingMessage { status: MessageStatus::Held, ..pending(1) };
    assert_eq!(woken(&process(vec![held])), Effect::Rest(10 * MINUTE));
}

#[test]
fn a_conversation_without_open_messages_is_finished() {
    assert_eq!(woken(&process(vec![])), Effect::Finish);
}
