//! Ends of attempts that find the conversation changed: decided again on what is there now, the message never sent again.

use super::super::DECISIONS;
use super::*;
use crate::entities::{Attention, AttentionReason};
use crate::ports::SaveError;

#[tokio::test]
async fn an_end_that_lost_its_race_is_decided_again_on_what_is_there_now() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 1));
    let saved = |version| move |change: &ProcessChange| change.expected == version;
    deliveries.expect_save().withf(saved(Version(4))).times(1).returning(|_| Err(SaveError::Moved));
    let attention = Some(Attention { reason: AttentionReason::MessageFailed, since: AT, message_id: Some(message(9)) });
    let resolved = ConversationStatus::Resolved;
    reads(
        &mut deliveries,
        &ConversationProcess { version: Version(7), status: resolved, attention, ..process(vec![due(1)]) },
    );
    deliveries
        .expect_save()
        .withf(saved(Version(7)))
        .withf(move |change| (change.expected, change.status, change.attention) == (Version(7), resolved, attention))
        .times(1)
        .returning(|_| Ok(Saved::Applied));
    assert_eq!(run(deliveries, connects(), answers(accepted())).await.unwrap(), Next::Done);
}

#[tokio::test]
async fn an_end_that_keeps_losing_its_race_is_given_up_in_the_end_and_the_message_sent_once() {
    let mut deliveries = MockDeliveryRepo::new();
    let found = loaded(&process(vec![due(1)]));
    deliveries.expect_load().times(DECISIONS + 1).returning(move |_| Ok(found.clone()));
    fence(&mut deliveries, 1, attempt(1, 1));
    deliveries.expect_save().times(DECISIONS).returning(|_| Err(SaveError::Moved));
    let answer = run(deliveries, connects(), answers(accepted())).await;
    assert!(matches!(answer, Err(RunError::Contended)), "{answer:?}");
}

#[tokio::test]
async fn a_store_that_stays_away_with_an_end_is_given_back_and_the_message_not_sent_again() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 1));
    deliveries.expect_save().times(7).returning(|_| Err(StoreError::Busy("full".into()).into()));
    deliveries.expect_renew_lease().returning(|_, _, _| Err(StoreError::Busy("full".into())));
    let answer = run(deliveries, connects(), answers(accepted())).await;
    assert!(matches!(answer, Err(RunError::Store(StoreError::Busy(_)))), "{answer:?}");
}

#[tokio::test]
async fn an_end_that_finds_the_store_away_keeps_its_lease_and_is_kept_when_the_store_is_back() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 1));
    let mut kept = [
        Err(StoreError::Busy("full".into()).into()),
        Err(StoreError::OutcomeUnknown("cut".into()).into()),
        Ok(Saved::Applied),
    ]
    .into_iter();
    deliveries.expect_renew_lease().times(1..).returning(|_, _, _| Ok(true));
    deliveries.expect_save().times(3).returning(move |_| kept.next().expect("asked three times"));
    assert_eq!(run(deliveries, connects(), answers(accepted())).await.unwrap(), Next::Done);
}

#[test]
fn the_tries_to_keep_an_end_stay_within_its_lease() {
    assert!(Duration::from_millis(SAVE_AGAIN_AFTER.iter().sum()) < LEASE);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_given_back() {
    let mut deliveries = MockDeliveryRepo::new();
    deliveries.expect_load().times(1).returning(|_| Err(StoreError::Busy("no connection".into())));
    let answer = run_without_sending(deliveries).await;
    assert!(matches!(answer, Err(RunError::Store(StoreError::Busy(_)))), "{answer:?}");
}

#[tokio::test]
async fn a_conversation_that_keeps_changing_gives_its_engine_back_after_fifty_steps() {
    let mut deliveries = MockDeliveryRepo::new();
    let found = loaded(&process(vec![due(1)]));
    deliveries.expect_load().times(51).returning(move |_| Ok(found.clone()));
    deliveries.expect_begin_attempt().times(50).returning(|_, _| Ok(Begun::Settled));
    assert_eq!(run_without_sending(deliveries).await.unwrap(), Next::Rest(Duration::ZERO));
}
