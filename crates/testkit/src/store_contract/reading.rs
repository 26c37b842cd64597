//! What people and operators read.

use super::retention::unplaced;
use super::stage::{HOUR, Stage};
use overture_domain::entities::{Attention, AttentionReason, MessageStatus};
use overture_domain::ids::MessageId;
use overture_domain::ports::{NewIds, Position, UnplacedMessage};
use overture_domain::time::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// Absence is an answer.
pub async fn what_does_not_exist_is_absent_and_no_error(stage: &Stage) {
    let (tenant, ids, ports) = (stage.home.tenant, &stage.ids, &stage.ports);
    assert_eq!(ports.conversations.find(tenant, ids.conversation_id()).await.expect("find"), None);
    assert_eq!(ports.conversations.messages(tenant, ids.conversation_id(), None, 10).await.expect("messages"), []);
    assert_eq!(ports.conversations.message(tenant, ids.message_id()).await.expect("message"), None);
    assert_eq!(ports.conversations.newest_messages(tenant, 10).await.expect("newest_messages"), []);
    assert_eq!(ports.contacts.find(tenant, ids.contact_id()).await.expect("find"), None);
    assert_eq!(ports.deliveries.load(ids.conversation_id()).await.expect("load"), None);
    assert_eq!(ports.channels.connection(ids.channel_id()).await.expect("connection"), None);
}

/// A position is a time and an id; both count.
pub async fn messages_are_read_after_a_position(stage: &Stage) {
    let opening = stage.opened().await;
    let read = async |limit| {
        let read = stage.ports.conversations.messages(stage.home.tenant, opening.conversation_id, None, limit).await;
        read.expect("messages").len()
    };
    assert_eq!([read(0).await, read(1).await, read(u32::MAX).await], [0, 1, 1]);
    let (at, id) = (opening.created_at, opening.message_id.as_uuid());
    let (less, more) = (Uuid::from_u128(id.as_u128() - 1), Uuid::from_u128(id.as_u128() + 1));
    let (before, after) = (Timestamp::from_millis(at.as_millis() - 1), Timestamp::from_millis(at.as_millis() + 1));
    for (created_at, id, expected) in
        [(before, more, 1), (before, less, 1), (at, less, 1), (at, id, 0), (at, more, 0), (after, less, 0)]
    {
        let position = Some(Position { created_at, id });
        let read = stage.ports.conversations.messages(stage.home.tenant, opening.conversation_id, position, 10).await;
        assert_eq!(read.expect("messages").len(), expected, "after {position:?}");
    }
}

/// Over all conversations of the tenant; those of one instant by their ids.
pub async fn the_newest_messages_come_first_and_no_more_than_asked(stage: &Stage) {
    let mut openings = Vec::new();
    for seconds in [5, 9, 1, 9, 3] {
        let mut opening = stage.opening();
        opening.created_at = Timestamp::from_millis(seconds * 1_000);
        stage.open(&opening).await;
        openings.push((opening.created_at, opening.message_id));
    }
    openings.sort_unstable();
    let expected: Vec<MessageId> = openings.iter().rev().map(|(_, id)| *id).collect();
    assert_eq!(newest(stage, 10).await, expected);
    assert_eq!(newest(stage, 3).await, expected[..3]);
    assert_eq!(newest(stage, 0).await, []);
    assert_eq!(newest(stage, u32::MAX).await, expected);
}

/// Those of the newest conversations first, and no other tenant's.
pub async fn messages_that_stand_alike_are_read_no_more_than_asked(stage: &Stage) {
    let mut failed = Vec::new();
    for _ in 0..3 {
        let (opening, _queued) = (stage.opened().await, stage.opened().await);
        stage.apply(&stage.change(&opening, MessageStatus::Failed).await).await;
        failed.insert(0, opening.message_id);
    }
    let conversations = &stage.ports.conversations;
    let read = async |tenant, status, limit| {
        let read = conversations.messages_by_status(tenant, status, limit).await.expect("messages_by_status");
        assert!(read.iter().all(|details| details.message.status == status));
        read.into_iter().map(|details| details.message.id).collect::<Vec<_>>()
    };
    let (home, other) = (stage.home.tenant, stage.another_tenant().await.tenant);
    assert_eq!(read(home, MessageStatus::Failed, 10).await, failed);
    assert_eq!(read(home, MessageStatus::Failed, 2).await, failed[..2]);
    assert_eq!(read(home, MessageStatus::Queued, 10).await.len(), 3);
    assert_eq!(read(home, MessageStatus::Unconfirmed, 10).await, []);
    assert_eq!(read(other, MessageStatus::Failed, 10).await, []);
}

/// Those that began to last first, and no other tenant's.
pub async fn conversations_that_ask_for_a_person_are_read_with_what_they_ask_for(stage: &Stage) {
    let mut asking = Vec::new();
    for seconds in [5, 9, 1] {
        let (opening, _content) = (stage.opened().await, stage.opened().await);
        let mut change = stage.change(&opening, MessageStatus::Failed).await;
        let (reason, since) = (AttentionReason::MessageFailed, Timestamp::from_millis(seconds * 1_000));
        change.attention = Some(Attention { reason, since, message_id: Some(opening.message_id) });
        stage.apply(&change).await;
        asking.push((since, opening.conversation_id, change.attention));
    }
    asking.sort_unstable_by_key(|(since, ..)| std::cmp::Reverse(*since));
    let conversations = &stage.ports.conversations;
    let read = async |tenant, limit| conversations.with_attention(tenant, limit).await.expect("with_attention");
    let found = read(stage.home.tenant, 10).await;
    let expected: Vec<_> = asking.iter().map(|(_, id, attention)| (*id, *attention)).collect();
    assert_eq!(found.iter().map(|it| (it.id, it.attention)).collect::<Vec<_>>(), expected);
    assert_eq!(Some(&found[0]), conversations.find(stage.home.tenant, expected[0].0).await.expect("find").as_ref());
    assert_eq!(read(stage.home.tenant, 2).await, found[..2]);
    assert_eq!(read(stage.another_tenant().await.tenant, 10).await, []);
}

/// As it came, over all channels of the tenant and no other's.
pub async fn what_has_no_place_is_read_newest_first_and_no_more_than_asked(stage: &Stage) {
    let (one, other) = (stage.sms_channel().await, stage.whatsapp_channel().await);
    let theirs = stage.another_tenant().await;
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    let plain =
        |message: UnplacedMessage| UnplacedMessage { sender_name: None, raw: None, written_at: None, ..message };
    let newest_last = [unplaced(one, "IN1", at(1)), plain(unplaced(other, "IN2", at(3))), unplaced(one, "IN0", at(5))];
    let kept_order = [&newest_last[1], &newest_last[2], &newest_last[0], &unplaced(theirs, "IN1", at(4))];
    for message in kept_order {
        stage.ports.inbound.keep_unplaced(message.clone()).await.expect("keep");
    }
    let expected: Vec<_> = newest_last.iter().rev().cloned().collect();
    let read = async |limit| stage.ports.inbound.unplaced(stage.home.tenant, limit).await.expect("unplaced");
    assert_eq!(read(10).await, expected);
    assert_eq!(read(2).await, expected[..2]);
    assert_eq!(read(0).await, []);
}

/// Messages by status, wakeups, channels in error, conversations that ask for a person.
pub async fn the_overview_counts_what_is_there(stage: &Stage) {
    let before = stage.ports.observatory.overview().await.expect("overview");
    assert_eq!((before.wakeups, before.oldest_due_for, before.channels_in_error, before.attention), (0, None, 0, 0));
    let (failed, faulty, _queued) = (stage.opened().await, stage.opened().await, stage.opened_and_due().await);
    let message_due_for = async || {
        let due = stage.ports.observatory.overview().await.expect("overview").oldest_due_message_for;
        due.filter(|due| *due > Duration::ZERO && *due < HOUR)
    };
    stage.until("a queued message has been due for a while", message_due_for).await;
    let mut change = stage.change(&failed, MessageStatus::Failed).await;
    let reason = AttentionReason::MessageFailed;
    change.attention = Some(Attention { reason, since: change.at, message_id: Some(failed.message_id) });
    stage.apply(&change).await;
    stage.meet_fault(&faulty, HOUR).await;

    let due_for = async || {
        let due = stage.ports.observatory.overview().await.expect("overview").oldest_due_for;
        due.filter(|due| *due > Duration::ZERO && *due < HOUR)
    };
    stage.until("the due wakeup has been due for a while", due_for).await;
    let overview = stage.ports.observatory.overview().await.expect("overview");
    assert_eq!((overview.wakeups, overview.channels_in_error, overview.attention), (3, 1, 1));
    assert_eq!(overview.oldest_due_message_for, None, "what waits for a channel in error is not late");
    let count = |status| overview.messages.iter().find(|(it, _)| *it == status).map_or(0, |(_, count)| *count);
    assert_eq!((count(MessageStatus::Queued), count(MessageStatus::Failed), count(MessageStatus::Sent)), (2, 1, 0));
}

/// It says so.
pub async fn a_store_that_works_answers(stage: &Stage) {
    stage.ports.observatory.ping().await.expect("ping");
}

async fn newest(stage: &Stage, limit: u32) -> Vec<MessageId> {
    let newest = stage.ports.conversations.newest_messages(stage.home.tenant, limit).await.expect("newest_messages");
    newest.into_iter().map(|details| details.message.id).collect()
}
