//! What receipts that come together may and may not do.

use super::super::tests::{AT, any_status, attempt, receipt, sent, standing};
use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn number(n: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(n))
}

/// Judges statuses of one message that was sent as `SM1`.
fn of_one(statuses: &[ReceiptStatus]) -> JudgedConversation {
    let found = statuses.iter().map(|status| (receipt("SM1", *status), Some(sent(None))));
    let mut judged = judge_all(found, AT);
    assert_eq!((judged.conversations.len(), judged.at), (1, AT));
    judged.conversations.remove(0)
}

#[test]
fn many_receipts_of_one_message_are_one_change_and_each_is_kept() {
    let later = Timestamp::from_millis(9);
    let told = |status, at| (Receipt { at: Some(at), ..receipt("SM1", status) }, Some(sent(None)));
    let found = [
        told(ReceiptStatus::Sent, AT),
        told(ReceiptStatus::Read, later),
        told(ReceiptStatus::Delivered, AT),
        told(ReceiptStatus::Read, AT),
    ];
    let judged = judge_all(found, AT).conversations.remove(0);
    assert_eq!((judged.expected, judged.receipts.len()), (Version(7), 3), "the second `read` is the first");
    assert!(judged.needs_version() && judged.receipts.iter().all(|judged| !judged.waits));
    let [news] = &judged.change.unwrap().messages[..] else { panic!("one message moves") };
    assert_eq!((news.status, news.sent_at), (MessageStatus::Read, Some(AT)));
    assert_eq!((news.delivered_at, news.read_at), (Some(later), Some(later)));
    assert_eq!((news.attempts.len(), news.attempts[0].reached), (1, ReceiptStatus::Read));
}

#[test]
fn what_settles_an_unclear_attempt_stays_settled_by_what_comes_behind_it() {
    let unclear = || standing(MessageStatus::Unconfirmed, vec![attempt(1, AttemptOutcome::Unclear, None)]);
    let statuses = [ReceiptStatus::Accepted, ReceiptStatus::Failed, ReceiptStatus::Delivered];
    let judged = judge_all(statuses.map(|status| (receipt("SM9", status), Some(unclear()))), AT);
    let change = judged.conversations[0].change.clone().unwrap();
    let news = &change.messages[0];
    assert_eq!((news.status, news.error.clone()), (MessageStatus::Delivered, ErrorNews::Cleared));
    assert_eq!(news.attempts[0].outcome, Some(AttemptOutcome::Sent));
    assert_eq!((change.status, change.attention), (ConversationStatus::AwaitingContact, None));
}

#[test]
fn what_failed_a_message_stays_its_error_by_what_an_older_attempt_tells_beside_it() {
    let attempts = || vec![attempt(1, AttemptOutcome::Unclear, None), attempt(2, AttemptOutcome::Sent, None)];
    let told = |id, status| (receipt(id, status), Some(standing(MessageStatus::Sent, attempts())));
    let found = [told("SM2", ReceiptStatus::Failed), told("SM9", ReceiptStatus::Sent)];
    let change = judge_all(found, AT).conversations.remove(0).change.unwrap();
    let news = &change.messages[0];
    assert_eq!((news.status, news.attempts.len()), (MessageStatus::Failed, 2));
    assert!(matches!(&news.error, ErrorNews::Failed(error) if error.code == "filtered"), "{:?}", news.error);
}

#[test]
fn messages_of_one_conversation_are_judged_one_after_the_other() {
    let second = MessageId::from_uuid(Uuid::from_u128(3));
    let other = || Standing {
        message_id: second,
        version: Version(6),
        attempts: vec![attempt(2, AttemptOutcome::Sent, None)],
        ..sent(None)
    };
    let found = [
        (receipt("SM1", ReceiptStatus::Failed), Some(sent(None))),
        (receipt("SM2", ReceiptStatus::Delivered), Some(other())),
    ];
    let judged = judge_all(found, AT).conversations.remove(0);
    assert_eq!(judged.expected, Version(6), "what was read first holds for both");
    let change = judged.change.unwrap();
    assert_eq!(change.messages.len(), 2);
    assert_eq!(change.status, ConversationStatus::InProgress, "the first failed, and a person is asked");
    assert_eq!(change.attention.unwrap().message_id, Some(sent(None).message_id));
}

#[test]
fn each_conversation_has_its_own_change_and_what_belongs_to_nobody_is_told_apart() {
    let in_conversation = |n| Some(Standing { conversation_id: number(n), ..sent(None) });
    let found = [
        (receipt("SM1", ReceiptStatus::Delivered), in_conversation(2)),
        (receipt("SM8", ReceiptStatus::Delivered), None),
        (receipt("SM1", ReceiptStatus::Sent), in_conversation(1)),
        (receipt("SM8", ReceiptStatus::Delivered), None),
    ];
    let judged = judge_all(found, AT);
    let ids: Vec<_> = judged.conversations.iter().map(|judged| judged.id).collect();
    assert_eq!(ids, [number(1), number(2)]);
    assert!(judged.conversations.iter().all(|judged| judged.change.is_some()));
    assert_eq!(judged.unknown, [receipt("SM8", ReceiptStatus::Delivered)]);
}

#[test]
fn receipts_that_wait_or_say_nothing_new_change_nothing() {
    let sending = || standing(MessageStatus::Sending, vec![attempt(1, AttemptOutcome::Unclear, None)]);
    let early = judge_all([(receipt("SM9", ReceiptStatus::Delivered), Some(sending()))], AT);
    assert!(early.conversations[0].needs_version() && early.conversations[0].change.is_none());
    let old = of_one(&[ReceiptStatus::Accepted]);
    assert!(!old.needs_version() && old.change.is_none() && !old.receipts[0].waits);
}

proptest! {
    /// In one call or one by one, in any order: the message ends alike.
    #[test]
    fn what_comes_together_ends_as_what_comes_one_by_one(statuses in prop::collection::vec(any_status(), 1..8)) {
        let mut standing = sent(None);
        for status in &statuses {
            if let Verdict::News(change) = judge(&standing, &receipt("SM1", *status), AT) {
                standing.note(&change);
            }
        }
        let together = of_one(&statuses).change;
        prop_assert_eq!(together.is_none(), standing == sent(None));
        if let Some(change) = together {
            let news = &change.messages[0];
            prop_assert_eq!((change.status, change.attention), (standing.conversation, standing.attention));
            prop_assert_eq!((news.status, Some(news.attempts[0].reached)), (standing.status, standing.attempts[0].reached));
        }
    }
}
