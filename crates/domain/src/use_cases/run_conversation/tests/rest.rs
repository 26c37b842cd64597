//! When to come back: as soon as anything may be due, and never past the end of a message's time.

use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

/// Every way in which the fence makes a message wait.
fn waits(wait: Duration) -> [Begun; 3] {
    [Begun::InFlight { for_another: wait }, Begun::NotDue { in_: wait }, Begun::ChannelWaits { look_again_in: wait }]
}

async fn rest(pending: Vec<PendingMessage>, begun: Vec<(u128, Begun)>) -> Next {
    let mut deliveries = store(&process(pending));
    for (n, begun) in begun {
        fence(&mut deliveries, n, begun);
    }
    run_without_sending(deliveries).await.unwrap()
}

#[tokio::test]
async fn no_wait_is_longer_than_the_time_of_the_message() {
    for begun in waits(60 * MINUTE) {
        assert_eq!(rest(vec![due(1)], vec![(1, begun)]).await, Next::Rest(10 * MINUTE));
    }
}

#[tokio::test]
async fn no_wait_is_longer_than_the_shortest_time_of_all_messages() {
    let short = PendingMessage { status: MessageStatus::Held, deliver_by: NOW.plus(2 * MINUTE), ..due(2) };
    for begun in waits(60 * MINUTE) {
        assert_eq!(rest(vec![due(1), short], vec![(1, begun)]).await, Next::Rest(2 * MINUTE));
    }
}

#[tokio::test]
async fn of_several_waits_the_shortest_counts() {
    let begun = vec![
        (1, Begun::InFlight { for_another: 3 * MINUTE }),
        (2, Begun::ChannelWaits { look_again_in: MINUTE }),
        (3, Begun::NotDue { in_: 2 * MINUTE }),
    ];
    assert_eq!(rest(vec![due(1), due(2), due(3)], begun).await, Next::Rest(MINUTE));
}

#[tokio::test]
async fn a_wait_ends_where_another_message_becomes_due() {
    let soon = PendingMessage { next_attempt_at: NOW.plus(Duration::from_secs(2)), ..due(2) };
    for begun in waits(5 * MINUTE) {
        assert_eq!(rest(vec![due(1), soon], vec![(1, begun)]).await, Next::Rest(Duration::from_secs(2)));
    }
}

#[tokio::test]
async fn an_end_that_has_just_passed_is_looked_at_again_shortly_and_not_at_once() {
    let over = PendingMessage { deliver_by: NOW, ..due(1) };
    for begun in waits(MINUTE) {
        assert_eq!(rest(vec![over], vec![(1, begun)]).await, Next::Rest(Duration::from_millis(50)));
    }
}

#[tokio::test]
async fn a_rest_counts_from_the_end_of_a_slow_send() {
    // The send takes nine of the message's ten minutes, and the provider wants five more.
    let mut deliveries = store(&process(vec![due(1)]));
    fence(&mut deliveries, 1, attempt(1, 1));
    keeps(&mut deliveries);
    let limited =
        SendError::RateLimited { after: Some(5 * MINUTE), scope: LimitScope::Channel, cause: cause("too_many") };
    let time = AtomicI64::new(AT.as_millis());
    let mut clock = MockClock::new();
    clock.expect_now().returning(move || Timestamp::from_millis(time.fetch_add(9 * 60_000, Ordering::Relaxed)));
    clock.expect_sleep().returning(|_| ());
    let run = RunConversation::new(
        Arc::new(deliveries),
        Arc::new(connects()),
        Arc::new(answers(Err(limited))),
        Arc::new(MockReceiptRepo::new()),
        Arc::new(clock),
    );
    assert_eq!(run.execute(CONVERSATION).await.unwrap(), Next::Rest(MINUTE), "when its time ends");
}
