//! What receipts may and may not do, rule by rule, and in any order.

use super::*;
use crate::ports::ReceiptFailure;
use proptest::prelude::*;
use uuid::Uuid;

pub(super) const AT: Timestamp = Timestamp::from_millis(5_000);
/// When attempts began, by the database's clock.
const BEGAN: Timestamp = Timestamp::from_millis(4_000);

pub(super) fn attempt(number: u32, outcome: AttemptOutcome, reached: Option<ReceiptStatus>) -> AttemptStanding {
    let known = outcome == AttemptOutcome::Sent;
    AttemptStanding {
        number,
        began_at: BEGAN,
        outcome: Some(outcome),
        provider_message_id: known.then(|| format!("SM{number}")),
        reached,
    }
}

pub(super) fn standing(status: MessageStatus, attempts: Vec<AttemptStanding>) -> Standing {
    Standing {
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(1)),
        version: Version(7),
        conversation: ConversationStatus::AwaitingContact,
        attention: None,
        message_id: MessageId::from_uuid(Uuid::from_u128(2)),
        status,
        contact_wrote_at: None,
        attempts,
    }
}

pub(super) fn sent(reached: Option<ReceiptStatus>) -> Standing {
    standing(MessageStatus::Sent, vec![attempt(1, AttemptOutcome::Sent, reached)])
}

pub(super) fn receipt(id: &str, status: ReceiptStatus) -> Receipt {
    Receipt {
        provider_message_id: id.into(),
        message_id: None,
        status,
        at: None,
        failure: (status == ReceiptStatus::Failed).then(|| ReceiptFailure {
            code: "filtered".into(),
            provider_code: Some("30007".into()),
            text: "The carrier filtered it.".into(),
            retryable: false,
        }),
    }
}

fn news(standing: &Standing, id: &str, status: ReceiptStatus) -> ReceiptChange {
    match judge(standing, &receipt(id, status), AT) {
        Verdict::News(change) => *change,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_delivered_message_shows_when_and_asks_for_nobody() {
    let change = news(&sent(None), "SM1", ReceiptStatus::Delivered);
    assert_eq!((change.status, change.delivered_at, change.read_at), (MessageStatus::Delivered, Some(AT), None));
    assert_eq!((change.conversation, change.attention), (ConversationStatus::AwaitingContact, None));
    assert_eq!((change.attempt, change.outcome), (1, None));
}

#[test]
fn read_without_delivered_is_both() {
    let change = news(&sent(None), "SM1", ReceiptStatus::Read);
    assert_eq!((change.status, change.delivered_at, change.read_at), (MessageStatus::Read, Some(AT), Some(AT)));
}

#[test]
fn the_providers_time_counts_where_it_says_one() {
    let told = Receipt { at: Some(Timestamp::from_millis(9)), ..receipt("SM1", ReceiptStatus::Delivered) };
    let Verdict::News(change) = judge(&sent(None), &told, AT) else { panic!("it is news") };
    assert_eq!(change.delivered_at, Some(Timestamp::from_millis(9)));
}

#[test]
fn a_failed_message_asks_for_a_person_with_the_providers_reason() {
    let change = news(&sent(Some(ReceiptStatus::Sent)), "SM1", ReceiptStatus::Failed);
    assert_eq!((change.status, change.conversation), (MessageStatus::Failed, ConversationStatus::InProgress));
    assert_eq!(change.attention.map(|attention| attention.reason), Some(AttentionReason::MessageFailed));
    let ErrorNews::Failed(error) = change.error else { panic!("it failed") };
    assert_eq!((error.code.as_str(), error.provider_code.as_deref()), ("filtered", Some("30007")));
}

#[test]
fn what_lies_behind_changes_nothing() {
    for (reached, late) in [
        (ReceiptStatus::Delivered, ReceiptStatus::Sent),
        (ReceiptStatus::Delivered, ReceiptStatus::Failed),
        (ReceiptStatus::Read, ReceiptStatus::Delivered),
        (ReceiptStatus::Failed, ReceiptStatus::Sent),
        (ReceiptStatus::Sent, ReceiptStatus::Sent),
    ] {
        assert_eq!(judge(&sent(Some(reached)), &receipt("SM1", late), AT), Verdict::Old, "{reached:?} {late:?}");
    }
    assert_eq!(judge(&sent(None), &receipt("SM1", ReceiptStatus::Accepted), AT), Verdict::Old);
}

#[test]
fn a_contact_that_answered_before_it_was_known_that_the_message_left_still_waits_for_a_person() {
    for (status, outcome, reached) in [
        (MessageStatus::Unconfirmed, AttemptOutcome::Unclear, None),
        (MessageStatus::Failed, AttemptOutcome::Sent, Some(ReceiptStatus::Failed)),
    ] {
        let later = Timestamp::from_millis(BEGAN.as_millis() + 1);
        for (wrote_at, expected) in [
            (Some(later), ConversationStatus::InProgress),
            (Some(BEGAN), ConversationStatus::AwaitingContact),
            (None, ConversationStatus::AwaitingContact),
        ] {
            let mut given_up = standing(status, vec![attempt(1, outcome, reached)]);
            (given_up.conversation, given_up.contact_wrote_at) = (ConversationStatus::InProgress, wrote_at);
            let change = news(&given_up, "SM1", ReceiptStatus::Delivered);
            assert_eq!((change.status, change.conversation), (MessageStatus::Delivered, expected), "{status:?}");
        }
    }
}

#[test]
fn only_an_attempt_that_may_have_reached_the_contact_can_have_been_answered() {
    let wrote_at = Some(Timestamp::from_millis(BEGAN.as_millis() + 1));
    for (first, expected) in [
        (AttemptOutcome::Unclear, ConversationStatus::InProgress),
        (AttemptOutcome::Unavailable, ConversationStatus::AwaitingContact),
    ] {
        let again = AttemptStanding {
            began_at: Timestamp::from_millis(BEGAN.as_millis() + 2),
            ..attempt(2, AttemptOutcome::Unclear, None)
        };
        let mut given_up = standing(MessageStatus::Unconfirmed, vec![attempt(1, first, None), again]);
        (given_up.conversation, given_up.contact_wrote_at) = (ConversationStatus::InProgress, wrote_at);
        assert_eq!(news(&given_up, "SM2", ReceiptStatus::Sent).conversation, expected, "{first}");
    }
}

#[test]
fn delivered_after_failed_clears_the_failure() {
    let mut failed = sent(Some(ReceiptStatus::Failed));
    failed.status = MessageStatus::Failed;
    failed.conversation = ConversationStatus::InProgress;
    let own = Attention { reason: AttentionReason::MessageFailed, since: AT, message_id: Some(failed.message_id) };
    failed.attention = Some(own);
    let change = news(&failed, "SM1", ReceiptStatus::Delivered);
    assert_eq!((change.status, change.error), (MessageStatus::Delivered, ErrorNews::Cleared));
    assert_eq!((change.conversation, change.attention), (ConversationStatus::AwaitingContact, None));
}

#[test]
fn an_unclear_attempt_is_settled_by_a_receipt_that_carries_our_id() {
    for status in [ReceiptStatus::Accepted, ReceiptStatus::Sent, ReceiptStatus::Delivered] {
        let unclear = standing(MessageStatus::Unconfirmed, vec![attempt(1, AttemptOutcome::Unclear, None)]);
        let change = news(&unclear, "SM9", status);
        assert_eq!((change.outcome, change.attempt), (Some(AttemptOutcome::Sent), 1));
        assert_eq!(change.provider_message_id, "SM9");
        assert!(matches!(change.status, MessageStatus::Sent | MessageStatus::Delivered), "{status:?}");
    }
}

#[test]
fn a_resend_that_waits_is_not_needed_once_the_first_copy_is_known_taken() {
    let waiting = standing(MessageStatus::Queued, vec![attempt(1, AttemptOutcome::Unclear, None)]);
    assert_eq!(news(&waiting, "SM9", ReceiptStatus::Sent).status, MessageStatus::Sent);
    assert_eq!(news(&waiting, "SM9", ReceiptStatus::Failed).status, MessageStatus::Queued);
}

#[test]
fn while_an_attempt_is_under_way_receipts_wait() {
    let under_way = AttemptStanding { outcome: None, ..attempt(2, AttemptOutcome::Unclear, None) };
    let sending = standing(MessageStatus::Sending, vec![attempt(1, AttemptOutcome::Unclear, None), under_way.clone()]);
    assert_eq!(judge(&sending, &receipt("SM9", ReceiptStatus::Delivered), AT), Verdict::Waits);
    let first = standing(MessageStatus::Sending, vec![under_way]);
    assert_eq!(judge(&first, &receipt("SM9", ReceiptStatus::Sent), AT), Verdict::Waits);
}

#[test]
fn any_copy_that_arrived_counts_and_else_the_newest() {
    let attempts =
        vec![attempt(1, AttemptOutcome::Unclear, None), attempt(2, AttemptOutcome::Sent, Some(ReceiptStatus::Failed))];
    let failed = standing(MessageStatus::Failed, attempts);
    assert_eq!(news(&failed, "SM9", ReceiptStatus::Sent).status, MessageStatus::Failed, "the newest failed");
    assert_eq!(news(&failed, "SM9", ReceiptStatus::Delivered).status, MessageStatus::Delivered);
}

#[test]
fn what_is_told_of_an_older_attempt_of_a_failed_message_leaves_its_error_and_its_attention() {
    let attempts = || {
        vec![attempt(1, AttemptOutcome::Unclear, None), attempt(2, AttemptOutcome::Sent, Some(ReceiptStatus::Failed))]
    };
    let mut failed = standing(MessageStatus::Failed, attempts());
    failed.conversation = ConversationStatus::Open;
    for reason in [AttentionReason::MessageFailed, AttentionReason::MessageUnconfirmed] {
        let since = Timestamp::from_millis(4_500);
        failed.attention = Some(Attention { reason, since, message_id: Some(failed.message_id) });
        for status in [ReceiptStatus::Accepted, ReceiptStatus::Sent, ReceiptStatus::Failed] {
            let change = news(&failed, "SM9", status);
            assert_eq!((change.status, &change.error), (MessageStatus::Failed, &ErrorNews::Stays), "{status:?}");
            assert_eq!((change.conversation, change.attention), (failed.conversation, failed.attention), "{status:?}");
        }
    }
}

#[test]
fn a_message_that_had_failed_when_its_provider_says_so_keeps_its_reason() {
    let failed = standing(MessageStatus::Failed, vec![attempt(1, AttemptOutcome::Unclear, None)]);
    let change = news(&failed, "SM9", ReceiptStatus::Failed);
    assert_eq!((change.status, change.error, change.attention), (MessageStatus::Failed, ErrorNews::Stays, None));
}

#[test]
fn an_older_attempt_that_failed_leaves_why_its_message_is_unconfirmed() {
    let attempts = vec![attempt(1, AttemptOutcome::Sent, None), attempt(2, AttemptOutcome::Unclear, None)];
    let change = news(&standing(MessageStatus::Unconfirmed, attempts), "SM1", ReceiptStatus::Failed);
    assert_eq!((change.status, change.error), (MessageStatus::Unconfirmed, ErrorNews::Stays));
}

#[test]
fn attention_for_another_message_stays() {
    let other = Attention {
        reason: AttentionReason::MessageFailed,
        since: AT,
        message_id: Some(MessageId::from_uuid(Uuid::from_u128(99))),
    };
    let mut unclear = standing(MessageStatus::Unconfirmed, vec![attempt(1, AttemptOutcome::Unclear, None)]);
    unclear.attention = Some(other);
    assert_eq!(news(&unclear, "SM9", ReceiptStatus::Sent).attention, Some(other));
}

pub(super) fn any_status() -> impl Strategy<Value = ReceiptStatus> {
    prop::sample::select(vec![
        ReceiptStatus::Accepted,
        ReceiptStatus::Sent,
        ReceiptStatus::Delivered,
        ReceiptStatus::Read,
        ReceiptStatus::Failed,
    ])
}

proptest! {
    /// Whatever order receipts come in, and however often, the message ends at the furthest of them.
    #[test]
    fn the_order_of_receipts_does_not_matter(statuses in prop::collection::vec(any_status(), 1..8)) {
        let mut standing = sent(None);
        for status in &statuses {
            if let Verdict::News(change) = judge(&standing, &receipt("SM1", *status), AT) {
                standing.note(&change);
            }
        }
        let furthest = statuses.iter().copied().max_by_key(|status| rank(*status)).unwrap();
        let expected = match furthest {
            ReceiptStatus::Accepted | ReceiptStatus::Sent => MessageStatus::Sent,
            ReceiptStatus::Delivered => MessageStatus::Delivered,
            ReceiptStatus::Read => MessageStatus::Read,
            ReceiptStatus::Failed => MessageStatus::Failed,
        };
        prop_assert_eq!(standing.status, expected);
        prop_assert_eq!(standing.attention.is_some(), expected == MessageStatus::Failed);
    }
}
