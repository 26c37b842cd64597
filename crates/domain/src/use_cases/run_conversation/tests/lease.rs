//! A living attempt keeps its lease; one that lost it says so and changes nothing.

use super::*;
use crate::use_cases::logged::Logged;
use async_trait::async_trait;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

/// A sender that is done when the lease has been renewed so often.
struct SlowSender {
    renewals: Arc<AtomicU32>,
    done_after: u32,
}

#[async_trait]
impl MessageSender for SlowSender {
    async fn send(&self, _: &ChannelConnection, _: &Outgoing) -> Result<Accepted, SendError> {
        // The sleeps of these tests are over at once, so that somebody always asks again.
        poll_fn(
            |_| if self.renewals.load(Ordering::Relaxed) < self.done_after { Poll::Pending } else { Poll::Ready(()) },
        )
        .await;
        accepted()
    }
}

/// A store with one attempt under way, whose lease is renewed with these answers; and the sender that outlasts them.
fn slow(answers: Vec<Result<bool, StoreError>>) -> (MockDeliveryRepo, SlowSender) {
    let renewals = Arc::new(AtomicU32::new(0));
    let done_after = u32::try_from(answers.len()).unwrap();
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 2));
    let count = Arc::clone(&renewals);
    let mut answers = answers.into_iter();
    deliveries
        .expect_renew_lease()
        .withf(|id, number, lease| (*id, *number, *lease) == (message(1), 2, LEASE))
        .times(answers.len())
        .returning(move |_, _, _| {
            count.fetch_add(1, Ordering::Relaxed);
            answers.next().expect("asked as often as expected")
        });
    (deliveries, SlowSender { renewals, done_after })
}

#[tokio::test]
async fn the_lease_is_renewed_as_long_as_the_send_lives() {
    let (mut deliveries, sender) = slow((0..4).map(|_| Ok(true)).collect());
    let written = keeps(&mut deliveries);
    let logged = Logged::start();
    assert_eq!(run(deliveries, connects(), sender).await.unwrap(), Next::Done);
    assert_eq!(only(&written).message.status, MessageStatus::Sent);
    assert_eq!(logged.lines(), [""; 0]);
}

#[test]
fn a_lease_outlives_two_renewals_that_fail() {
    assert!(3 * RENEW_EVERY <= LEASE);
}

#[tokio::test]
async fn a_send_that_is_done_at_once_renews_nothing() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 1));
    keeps(&mut deliveries); // The mock knows no `renew_lease`.
    assert_eq!(run(deliveries, connects(), answers(accepted())).await.unwrap(), Next::Done);
}

#[tokio::test]
async fn a_renewal_that_fails_is_logged_and_tried_again() {
    let (mut deliveries, sender) = slow(vec![Err(StoreError::Busy("full".into())), Ok(true)]);
    let written = keeps(&mut deliveries);
    let logged = Logged::start();
    assert_eq!(run(deliveries, connects(), sender).await.unwrap(), Next::Done);
    assert_eq!(only(&written).message.status, MessageStatus::Sent);
    let lines = logged.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("a lease was not renewed") && lines[0].contains("full"), "{lines:?}");
}

#[tokio::test]
async fn a_lost_lease_is_logged_without_anything_personal_and_the_late_end_changes_nothing() {
    let (mut deliveries, sender) = slow(vec![Ok(false)]);
    deliveries.expect_save().times(1).returning(|_| Ok(Saved::Late));
    reads(&mut deliveries, &process(vec![]));
    let logged = Logged::start();
    assert_eq!(run(deliveries, connects(), sender).await.unwrap(), Next::Done);
    let lines = logged.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("an attempt lost its lease before its end was written"), "{lines:?}");
    assert!(lines[0].contains(&message(1).to_string()), "{lines:?}");
    assert!(!lines[0].contains("example.com") && !lines[0].contains("Hello"), "{lines:?}");
}

#[tokio::test]
async fn after_a_late_end_the_conversation_goes_on_as_it_is_now() {
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 1));
    deliveries.expect_save().times(1).returning(|_| Ok(Saved::Late));
    let sending = PendingMessage { status: MessageStatus::Sending, attempts: 2, ..due(1) };
    reads(&mut deliveries, &ConversationProcess { version: Version(6), ..process(vec![sending]) });
    fence(&mut deliveries, 1, Begun::InFlight { for_another: Duration::from_secs(12) });
    let next = run(deliveries, connects(), answers(accepted())).await.unwrap();
    assert_eq!(next, Next::Rest(Duration::from_secs(12)), "somebody else's attempt is under way");
}
