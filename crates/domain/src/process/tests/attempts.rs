//! What each end of an attempt means for the message, the conversation and the channel.

use super::*;

#[test]
fn a_taken_message_is_sent_and_the_contact_has_the_word() {
    let (after, change) = kept(process(vec![pending(1)]), ended(1, 3, accepted()));
    assert_eq!(change.message.status, MessageStatus::Sent);
    assert_eq!(change.message.sent_at, Some(AT), "people's clock dates it");
    assert_eq!(change.message.provider_message_id.as_deref(), Some("provider-7"));
    assert_eq!(change.message.error, None, "an earlier error is cleared");
    assert_eq!(change.status, ConversationStatus::AwaitingContact);
    assert_eq!(change.attempt, Some(AttemptChange::plain(3, AttemptOutcome::Sent)));
    assert_eq!(change.channel, None);
    assert_eq!(change.at, AT);
    assert_eq!(after.status, ConversationStatus::AwaitingContact);
    assert!(after.pending.is_empty());
}

#[test]
fn sending_moves_only_open_and_running_conversations() {
    for &status in ConversationStatus::ALL {
        let before = ConversationProcess { status, ..process(vec![pending(1)]) };
        let expected = match status {
            ConversationStatus::Open | ConversationStatus::InProgress => ConversationStatus::AwaitingContact,
            other => other,
        };
        assert_eq!(kept(before, ended(1, 1, accepted())).1.status, expected, "{status}");
    }
}

#[test]
fn what_the_contact_wrote_while_the_message_was_sent_waits_for_a_person_and_what_it_wrote_before_is_answered() {
    let later = Timestamp::from_millis(BEGAN.as_millis() + 1);
    for (wrote_at, expected) in [(BEGAN, ConversationStatus::AwaitingContact), (later, ConversationStatus::InProgress)]
    {
        let before = ConversationProcess { contact_wrote_at: Some(wrote_at), ..process(vec![pending(1)]) };
        let (after, change) = kept(before, ended(1, 1, accepted()));
        assert_eq!((change.message.status, change.status), (MessageStatus::Sent, expected));
        assert_eq!(after.status, expected);
    }
}

#[test]
fn an_answer_to_a_copy_of_which_nobody_knew_whether_it_left_waits_for_a_person_though_another_copy_left_later() {
    let earlier = Timestamp::from_millis(BEGAN.as_millis() - 10);
    let wrote_at = Timestamp::from_millis(BEGAN.as_millis() - 5);
    for (unclear_since, expected) in
        [(Some(earlier), ConversationStatus::InProgress), (None, ConversationStatus::AwaitingContact)]
    {
        let again = PendingMessage { unclear_since, attempts: 2, ..pending(1) };
        let before = ConversationProcess { contact_wrote_at: Some(wrote_at), ..process(vec![again]) };
        assert_eq!(kept(before, ended(1, 2, accepted())).1.status, expected);
    }
}

#[test]
fn a_late_success_of_what_was_given_up_leaves_the_word_to_whoever_wrote_meanwhile() {
    let later = Timestamp::from_millis(BEGAN.as_millis() + 1);
    for (wrote_at, expected) in
        [(None, ConversationStatus::AwaitingContact), (Some(later), ConversationStatus::InProgress)]
    {
        let before = ConversationProcess { contact_wrote_at: wrote_at, ..process(vec![]) };
        assert_eq!(kept(before, ended(1, 1, accepted())).1.status, expected);
    }
}

#[test]
fn a_taken_message_clears_the_attention_it_caused_and_no_other() {
    let asking = |n| {
        let attention =
            Attention { reason: AttentionReason::MessageUnconfirmed, since: NOW, message_id: Some(message(n)) };
        ConversationProcess { attention: Some(attention), ..process(vec![pending(1)]) }
    };
    assert_eq!(kept(asking(1), ended(1, 2, accepted())).1.attention, None);
    assert_eq!(kept(asking(2), ended(1, 2, accepted())).1.attention, asking(2).attention);
}

#[test]
fn an_attempt_clears_the_attention_for_an_engine_that_refused_however_it_ends() {
    let attention = Attention { reason: AttentionReason::EngineRefuses, since: NOW, message_id: None };
    let asking = ConversationProcess { attention: Some(attention), ..process(vec![pending(1)]) };
    assert_eq!(kept(asking.clone(), ended(1, 1, accepted())).1.attention, None);
    assert_eq!(kept(asking, ended(1, 1, Err(SendError::Unavailable(cause("timed_out"))))).1.attention, None);
}

#[test]
fn a_rejected_message_fails_with_the_provider_s_word_and_asks_for_a_person() {
    let waiting = ConversationProcess { status: ConversationStatus::AwaitingContact, ..process(vec![pending(1)]) };
    let (after, change) = kept(waiting, ended(1, 2, Err(SendError::Rejected(cause("mailbox_unknown")))));
    assert_eq!(change.message.status, MessageStatus::Failed);
    assert_eq!(change.message.next_attempt_in, None);
    let error = change.message.error.unwrap();
    assert_eq!((error.code.as_str(), error.retryable), ("mailbox_unknown", false));
    assert_eq!((error.provider_code.as_deref(), error.text.as_str()), (Some("5.1.1"), "what it said"));
    let attention = Attention { reason: AttentionReason::MessageFailed, since: AT, message_id: Some(message(1)) };
    assert_eq!((change.status, change.attention), (ConversationStatus::InProgress, Some(attention)));
    let attempt = change.attempt.unwrap();
    assert_eq!((attempt.number, attempt.outcome), (2, AttemptOutcome::Rejected));
    assert_eq!(attempt.provider_code.as_deref(), Some("5.1.1"));
    assert_eq!((after.attention, after.pending), (Some(attention), vec![]));
}

#[test]
fn a_failure_moves_only_conversations_that_wait() {
    for &status in ConversationStatus::ALL {
        let before = ConversationProcess { status, ..process(vec![pending(1)]) };
        let expected = match status {
            ConversationStatus::Open | ConversationStatus::AwaitingContact => ConversationStatus::InProgress,
            other => other,
        };
        let event = ended(1, 1, Err(SendError::Rejected(cause("blocked"))));
        assert_eq!(kept(before, event).1.status, expected, "{status}");
    }
}

#[test]
fn whatever_may_pass_queues_the_message_again_after_the_back_off() {
    for (error, outcome) in answers_that_try_again() {
        let (after, change) = kept(process(vec![pending(1)]), ended(1, 3, Err(error)));
        assert_eq!(change.message.status, MessageStatus::Queued, "{outcome}");
        let shortest = if outcome == AttemptOutcome::ChannelFault { Duration::from_secs(15) } else { Duration::ZERO };
        assert_eq!(change.message.next_attempt_in, Some(back_off(message(1), 3).max(shortest)), "{outcome}");
        assert!(change.message.error.unwrap().retryable, "{outcome}");
        assert_eq!(change.attempt.unwrap().outcome, outcome);
        assert_eq!((change.status, change.attention), (ConversationStatus::InProgress, None), "{outcome}");
        assert_eq!(after.pending[0].next_attempt_at, NOW.plus(back_off(message(1), 3).max(shortest)), "{outcome}");
        assert_eq!(after.pending[0].attempts, 3, "{outcome}");
    }
}

#[test]
fn a_rate_limited_message_waits_at_least_as_long_as_the_provider_asks() {
    let wait = |after| {
        let error = SendError::RateLimited { after, scope: LimitScope::Channel, cause: cause("too_many") };
        kept(process(vec![pending(1)]), ended(1, 1, Err(error))).1.message.next_attempt_in.unwrap()
    };
    assert_eq!(wait(Some(5 * MINUTE)), 5 * MINUTE);
    assert_eq!(wait(Some(Duration::from_millis(1))), back_off(message(1), 1));
    assert_eq!(wait(None), back_off(message(1), 1));
}

#[test]
fn what_a_provider_refuses_for_now_keeps_others_waiting_for_as_long_and_goes_first_then() {
    for scope in [LimitScope::Channel, LimitScope::Recipient] {
        let held = |after| {
            let error = SendError::RateLimited { after, scope, cause: cause("too_many") };
            kept(process(vec![pending(1)]), ended(1, 2, Err(error))).1
        };
        let hold = |wait| Some(Hold { scope, wait, goes_first: true });
        assert_eq!(held(Some(5 * MINUTE)).hold, hold(5 * MINUTE));
        assert_eq!(held(None).hold, hold(back_off(message(1), 2)));
        let week = held(Some(7 * 24 * 60 * MINUTE));
        assert_eq!(week.hold, hold(60 * MINUTE), "others find out anew");
        assert_eq!(week.message.next_attempt_in, Some(7 * 24 * 60 * MINUTE));
    }
}

#[test]
fn after_what_whatsapp_took_or_may_have_taken_its_recipient_is_left_in_peace() {
    let hold = |transport, result| {
        let kind = ChannelKind::WhatsApp;
        kept(ConversationProcess { kind, transport, ..process(vec![pending(1)]) }, ended(1, 1, result)).1.hold
    };
    let peace = Some(Hold { scope: LimitScope::Recipient, wait: Duration::from_millis(6_050), goes_first: false });
    for transport in [Transport::WhatsAppCloud, Transport::Twilio] {
        assert_eq!(hold(transport, accepted()), peace, "{transport}");
        assert_eq!(hold(transport, Err(SendError::Unclear(cause("answer_lost")))), peace, "{transport}");
        assert_eq!(hold(transport, Err(SendError::Rejected(cause("no")))), None, "{transport}");
    }
    assert_eq!(hold(Transport::Sandbox, accepted()), None);
    assert_eq!(kept(process(vec![pending(1)]), ended(1, 1, accepted())).1.hold, None, "an email");
}

#[test]
fn a_channel_at_fault_goes_to_error_and_one_may_probe_after_the_back_off_and_never_sooner_than_a_quarter_minute() {
    let at = |number| {
        kept(process(vec![pending(1)]), ended(1, number, Err(SendError::Config(cause("authentication_failed"))))).1
    };
    let fault = ChannelFault { code: "authentication_failed".into(), text: "what it said".into(), since: AT };
    let faulty = |probe_in| Some(ChannelChange::Faulty { id: channel(), fault: fault.clone(), probe_in });
    assert_eq!(at(1).channel, faulty(Duration::from_secs(15)));
    assert_eq!(at(9).channel, faulty(back_off(message(1), 9)));
}

#[test]
fn a_provider_that_does_not_answer_is_the_channel_s_fault_and_is_probed_after_the_back_off() {
    let (_, change) =
        kept(process(vec![pending(1)]), ended(1, 1, Err(SendError::Unreachable(cause("connection_failed")))));
    let wait = back_off(message(1), 1);
    assert!(matches!(change.channel, Some(ChannelChange::Faulty { probe_in, .. }) if probe_in == wait));
    assert_eq!((change.message.status, change.message.next_attempt_in), (MessageStatus::Queued, Some(wait)));
    assert_eq!(change.attempt.unwrap().outcome, AttemptOutcome::ChannelFault);
}

#[test]
fn a_message_that_is_refused_after_an_unclear_copy_is_unconfirmed() {
    let waiting = process(vec![PendingMessage { unclear: 1, attempts: 2, ..pending(1) }]);
    let (_, change) = kept(waiting, ended(1, 2, Err(SendError::Rejected(cause("blocked")))));
    assert_eq!(change.message.status, MessageStatus::Unconfirmed);
    assert_eq!(change.attention.unwrap().reason, AttentionReason::MessageUnconfirmed);
}

#[test]
fn a_probe_that_is_answered_shows_that_the_channel_works() {
    let works = Some(ChannelChange::Works { id: channel() });
    for answer in [
        accepted(),
        Err(SendError::Rejected(cause("mailbox_unknown"))),
        Err(SendError::RateLimited { after: None, scope: LimitScope::Channel, cause: cause("too_many") }),
    ] {
        let (_, change) = kept(process(vec![pending(1)]), probed(ended(1, 1, answer.clone())));
        assert_eq!(change.channel, works, "{answer:?}");
        assert_eq!(kept(process(vec![pending(1)]), ended(1, 1, answer)).1.channel, None, "only a probe says so");
    }
}

#[test]
fn a_probe_that_nobody_answers_says_nothing_about_the_channel() {
    for silence in [SendError::Unavailable(cause("connection_refused")), SendError::Unclear(cause("connection_lost"))] {
        let (_, change) = kept(process(vec![pending(1)]), probed(ended(1, 1, Err(silence))));
        assert_eq!(change.channel, None);
    }
}

#[test]
fn a_probe_that_finds_the_channel_at_fault_keeps_it_in_error() {
    let event = probed(ended(1, 4, Err(SendError::Config(cause("authentication_failed")))));
    let (_, change) = kept(process(vec![pending(1)]), event);
    assert!(matches!(change.channel, Some(ChannelChange::Faulty { .. })));
}

#[test]
fn an_unclear_attempt_on_a_channel_that_resends_is_tried_again_and_remembered() {
    let (after, change) =
        kept(process(vec![pending(1)]), ended(1, 1, Err(SendError::Unclear(cause("connection_lost")))));
    assert_eq!(change.message.status, MessageStatus::Queued);
    assert_eq!((after.pending[0].unclear, after.pending[0].unclear_since), (1, Some(BEGAN)));
}

#[test]
fn a_message_that_stays_unclear_is_given_to_a_person_after_the_most_copies() {
    let sent = |unclear| {
        let waiting = PendingMessage { unclear, attempts: unclear + 1, ..pending(1) };
        kept(process(vec![waiting]), ended(1, unclear + 1, Err(SendError::Unclear(cause("connection_lost"))))).1
    };
    assert_eq!(sent(MOST_COPIES - 2).message.status, MessageStatus::Queued);
    let last = sent(MOST_COPIES - 1);
    assert_eq!(last.message.status, MessageStatus::Unconfirmed);
    assert_eq!(last.attention.unwrap().reason, AttentionReason::MessageUnconfirmed);
}

#[test]
fn an_unclear_attempt_on_a_channel_that_asks_is_unconfirmed_and_asks() {
    let asks = ConversationProcess { on_unclear: OnUnclear::AskPerson, ..process(vec![pending(1)]) };
    let (after, change) = kept(asks, ended(1, 1, Err(SendError::Unclear(cause("connection_lost")))));
    assert_eq!(change.message.status, MessageStatus::Unconfirmed);
    let attention = Attention { reason: AttentionReason::MessageUnconfirmed, since: AT, message_id: Some(message(1)) };
    assert_eq!(change.attention, Some(attention));
    assert!(!change.message.error.unwrap().retryable);
    assert_eq!(change.attempt.unwrap().outcome, AttemptOutcome::Unclear);
    assert!(after.pending.is_empty());
}

#[test]
fn a_lease_that_ran_out_is_an_unclear_attempt() {
    let event = Event::LeaseRanOut { message: message(1), number: 2, at: AT };
    let (after, change) = kept(process(vec![pending(1)]), event.clone());
    assert_eq!(change.message.status, MessageStatus::Queued, "email is sent again");
    let attempt = change.attempt.unwrap();
    assert_eq!((attempt.number, attempt.outcome), (2, AttemptOutcome::Unclear));
    assert_eq!(attempt.code.as_deref(), Some(LEASE_RAN_OUT));
    assert_eq!(after.pending[0].unclear, 1);
    assert_eq!(change.channel, None);

    let asks = ConversationProcess { on_unclear: OnUnclear::AskPerson, ..process(vec![pending(1)]) };
    assert_eq!(kept(asks, event).1.message.status, MessageStatus::Unconfirmed);
}

#[test]
fn an_end_of_one_message_leaves_the_others_as_they_are() {
    let (after, change) = kept(
        process(vec![pending(1), pending(2), pending(3)]),
        ended(2, 1, Err(SendError::Rejected(cause("blocked")))),
    );
    assert_eq!(change.message.id, message(2));
    assert_eq!(after.pending, vec![pending(1), pending(3)]);
}

#[test]
fn a_change_is_written_on_the_version_it_was_decided_on() {
    let (after, change) = kept(process(vec![pending(1)]), ended(1, 1, accepted()));
    assert_eq!((change.expected, after.version), (Version(4), Version(5)));
    assert_eq!(change.conversation_id, after.id);
}
