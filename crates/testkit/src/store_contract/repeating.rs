//! Idempotency records: a repetition is recognised for its time, and only what was kept can be repeated.

use super::stage::{BRIEF, HOUR, Place, Stage, record};
use overture_domain::Notice;
use overture_domain::ports::{EarlierRequest, IdempotencyRecord, OpenConversation, OpenError};
use std::time::Duration;

/// With the hash of its body, what it opened, and the notices it was answered with.
pub async fn the_record_of_a_request_is_found_with_its_notices(stage: &Stage) {
    let notices = vec![Notice::PhoneUnverified, Notice::ContactWidened];
    let opening = OpenConversation { notices: notices.clone(), ..keyed(stage, stage.home, record(1, 7, HOUR)) };
    stage.open(&opening).await;
    let expected = EarlierRequest { body: record(1, 7, HOUR).body, conversation_id: opening.conversation_id, notices };
    assert_eq!(earlier(stage, 1).await, Some(expected));
    assert_eq!(earlier(stage, 2).await, None);
}

/// The second is told, whether its body is the same or another, and nothing of it is written.
pub async fn the_same_key_twice_is_one_conversation(stage: &Stage) {
    let first = keyed(stage, stage.home, record(1, 1, HOUR));
    stage.open(&first).await;
    for body in [1, 2] {
        let mut second = keyed(stage, stage.home, record(1, body, HOUR));
        second.claimed_for = Duration::ZERO;
        let answer = stage.ports.conversations.open(second.clone()).await;
        assert!(matches!(answer, Err(OpenError::KeyTaken)), "the key is taken, but the answer is {answer:?}");
        stage.nothing_is_left_of(&second).await;
        assert_eq!(stage.contact(stage.home.tenant, &second.recipient.address).await, None);
    }
    assert_eq!(earlier(stage, 1).await.map(|it| it.conversation_id), Some(first.conversation_id));
}

/// What was refused can be asked again with its key.
pub async fn a_refused_opening_leaves_its_key_free(stage: &Stage) {
    let taken = stage.opened().await;
    let mut refused = stage.creating(stage.home, vec![taken.recipient.address]);
    refused.idempotency = Some(record(1, 1, HOUR));
    stage.must_move(&refused).await;
    stage.open(&keyed(stage, stage.home, record(1, 1, HOUR))).await;
}

/// Even before anybody has swept it.
pub async fn a_key_is_free_again_when_its_time_has_passed(stage: &Stage) {
    stage.open(&keyed(stage, stage.home, record(1, 1, BRIEF))).await;
    stage.until("the record is past", async || earlier(stage, 1).await.is_none().then_some(())).await;
    let second = keyed(stage, stage.home, record(1, 2, HOUR));
    stage.open(&second).await;
    let found = earlier(stage, 1).await.expect("the new record is found");
    assert_eq!((found.conversation_id, found.body), (second.conversation_id, record(1, 2, HOUR).body));
}

/// The key is taken by this very request: that is no conflict.
pub async fn an_unknown_outcome_asked_again_with_its_key_is_known(stage: &Stage) {
    let opening = keyed(stage, stage.home, record(1, 1, HOUR));
    let opened = stage.open(&opening).await;
    assert_eq!(stage.open(&opening).await, opened);
    assert_eq!(earlier(stage, 1).await.map(|it| it.conversation_id), Some(opening.conversation_id));
}

/// By the database's clock, not by the clock that dates what people see.
pub async fn a_record_is_kept_for_its_whole_time(stage: &Stage) {
    let opening = keyed(stage, stage.home, record(1, 1, HOUR));
    stage.open(&opening).await;
    stage.time_passes(&opening).await;
    assert!(earlier(stage, 1).await.is_some());
    assert_eq!(sweep(stage, 1_000).await, 0);
}

/// Keys of one tenant mean nothing to another.
pub async fn one_key_in_two_tenants_is_two_requests(stage: &Stage) {
    let other = stage.another_tenant().await;
    let (mine, theirs) = (keyed(stage, stage.home, record(1, 1, HOUR)), keyed(stage, other, record(1, 1, HOUR)));
    stage.open(&mine).await;
    let key = record(1, 1, HOUR).key;
    assert_eq!(stage.ports.conversations.earlier(other.tenant, &key).await.expect("earlier"), None);
    stage.open(&theirs).await;
    assert_eq!(earlier(stage, 1).await.map(|it| it.conversation_id), Some(mine.conversation_id));
}

/// The others stay, and conversations stay in any case.
pub async fn only_records_whose_time_has_passed_are_swept(stage: &Stage) {
    let past = keyed(stage, stage.home, record(1, 1, BRIEF));
    stage.open(&past).await;
    stage.open(&keyed(stage, stage.home, record(2, 2, HOUR))).await;
    stage.until("the record is past", async || earlier(stage, 1).await.is_none().then_some(())).await;
    assert_eq!(sweep(stage, 1_000).await, 1);
    assert_eq!(sweep(stage, 1_000).await, 0);
    assert!(earlier(stage, 2).await.is_some());
    assert!(stage.ports.conversations.find(stage.home.tenant, past.conversation_id).await.expect("find").is_some());
}

/// Nobody waits long behind it.
pub async fn a_sweep_takes_no_more_than_its_batch(stage: &Stage) {
    for key in 1..=5 {
        stage.open(&keyed(stage, stage.home, record(key, 1, BRIEF))).await;
    }
    stage.until("the last record is past", async || earlier(stage, 5).await.is_none().then_some(())).await;
    assert_eq!(
        [sweep(stage, 2).await, sweep(stage, 2).await, sweep(stage, 2).await, sweep(stage, 2).await],
        [2, 2, 1, 0]
    );
}

fn keyed(stage: &Stage, place: Place, record: IdempotencyRecord) -> OpenConversation {
    OpenConversation { idempotency: Some(record), ..stage.opening_in(place) }
}

async fn earlier(stage: &Stage, key: u8) -> Option<EarlierRequest> {
    let key = record(key, 0, HOUR).key;
    stage.ports.conversations.earlier(stage.home.tenant, &key).await.expect("earlier")
}

async fn sweep(stage: &Stage, batch: u32) -> u32 {
    stage.ports.retention.sweep_idempotency_records(batch).await.expect("sweep")
}
