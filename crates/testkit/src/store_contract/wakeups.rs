//! The outbox of wakes: every wake is claimed by one at a time, until somebody settles that very wake.

use super::stage::{BRIEF, HOUR, Stage};
use futures_util::future::join_all;
use overture_domain::entities::AttentionReason;
use overture_domain::ids::ConversationId;
use overture_domain::ports::{OpenConversation, StartOrder};
use overture_domain::values::DeliverWithin;
use std::collections::HashSet;
use std::time::Duration;

/// With its workspace, for as long as its claim lasts.
pub async fn a_due_wakeup_is_claimed_once(stage: &Stage) {
    let due = stage.opened_and_due().await;
    let order = stage.claim_of(due.conversation_id, HOUR).await;
    assert_eq!((order.workspace_id, order.tries), (stage.home.workspace, 0));
    assert!(!stage.is_claimable(due.conversation_id).await);
}

/// It is the same wake.
pub async fn a_claim_that_ended_can_be_claimed_again(stage: &Stage) {
    let due = stage.opened_and_due().await;
    let first = stage.claim_of(due.conversation_id, BRIEF).await;
    assert_eq!(stage.claim_of(due.conversation_id, HOUR).await, first);
}

/// However short it was at first.
pub async fn a_claim_that_is_kept_stays(stage: &Stage) {
    let due = stage.opened_and_due().await;
    let order = stage.claim_of(due.conversation_id, BRIEF).await;
    assert!(stage.ports.wakeups.keep(&order, HOUR).await.expect("keep"));
    stage.time_passes(&due).await;
    assert!(!stage.is_claimable(due.conversation_id).await);
}

/// Nobody is fooled into going on.
pub async fn a_wakeup_that_is_gone_cannot_be_kept(stage: &Stage) {
    let order = claimed(stage).await;
    stage.ports.wakeups.settle(&order).await.expect("settle");
    assert!(!stage.ports.wakeups.keep(&order, HOUR).await.expect("keep"));
}

/// Settling it again does no harm.
pub async fn a_settled_wakeup_is_gone(stage: &Stage) {
    let order = claimed(stage).await;
    for _ in 0..2 {
        stage.ports.wakeups.settle(&order).await.expect("settle");
        assert_eq!(count(stage).await, 0);
    }
}

/// A wake that came meanwhile is not lost.
pub async fn settling_an_older_wake_leaves_the_newer_one_and_it_is_due(stage: &Stage) {
    let older = overtaken(stage).await;
    stage.ports.wakeups.settle(&older).await.expect("settle");
    assert_newer_is_due(stage, &older).await;
}

/// Each as if it were alone.
pub async fn wakes_settled_at_the_same_time_leave_what_is_newer(stage: &Stage) {
    let (mut older, mut newest) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        older.push(claimed(stage).await);
    }
    stage.wake_everybody().await;
    for _ in 0..5 {
        newest.push(claimed(stage).await);
    }
    let settling = older.iter().chain(&newest).map(|order| stage.ports.wakeups.settle(order));
    join_all(settling).await.into_iter().for_each(|settled| settled.expect("settle"));
    for order in &newest {
        assert!(!stage.ports.wakeups.keep(order, HOUR).await.expect("keep"), "it is gone");
    }
    let due = stage.claim(10, HOUR).await.orders;
    for older in older {
        let newer = due.iter().find(|newer| newer.conversation_id == older.conversation_id);
        assert!(newer.is_some_and(|newer| newer.generation > older.generation), "{newer:?} came after {older:?}");
    }
}

/// Whoever holds it learns that there is more to do.
pub async fn a_claim_with_a_newer_wake_cannot_be_kept(stage: &Stage) {
    let older = overtaken(stage).await;
    assert!(!stage.ports.wakeups.keep(&older, HOUR).await.expect("keep"));
}

/// So that settling the old one late does not take the new one with it.
pub async fn a_new_wake_is_newer_than_one_that_was_settled(stage: &Stage) {
    let older = claimed(stage).await;
    stage.ports.wakeups.settle(&older).await.expect("settle");
    stage.wake_everybody().await;
    stage.ports.wakeups.settle(&older).await.expect("settle");
    assert_newer_is_due(stage, &older).await;
}

/// By the database's clock.
pub async fn a_resting_wakeup_comes_again_and_not_before_its_time(stage: &Stage) {
    let order = claimed(stage).await;
    stage.ports.wakeups.rest(&order, HOUR).await.expect("rest");
    assert!(!stage.is_claimable(order.conversation_id).await);
    stage.ports.wakeups.rest(&order, BRIEF).await.expect("rest");
    let again = stage.claim_of(order.conversation_id, HOUR).await;
    assert_eq!(again.generation, order.generation);
}

/// Nothing is counted over the edge.
pub async fn a_rest_may_last_as_long_as_can_be_said(stage: &Stage) {
    let order = claimed(stage).await;
    stage.ports.wakeups.rest(&order, Duration::MAX).await.expect("rest");
    assert!(!stage.is_claimable(order.conversation_id).await);
    assert!(stage.claim(10, HOUR).await.next_due_in.is_none_or(|next| next > HOUR));
}

/// There is something newer to do.
pub async fn a_rest_ends_at_once_if_a_newer_wake_came(stage: &Stage) {
    let older = overtaken(stage).await;
    stage.ports.wakeups.rest(&older, HOUR).await.expect("rest");
    assert_newer_is_due(stage, &older).await;
}

/// Each failure counts, and each may wait longer.
pub async fn a_wakeup_that_could_not_be_started_comes_again_with_its_tries_counted(stage: &Stage) {
    let mut order = claimed(stage).await;
    for tries in 1..=3 {
        stage.ports.wakeups.retry(&order, BRIEF).await.expect("retry");
        let again = stage.claim_of(order.conversation_id, HOUR).await;
        assert_eq!((again.tries, again.generation), (tries, order.generation));
        order = again;
    }
    stage.ports.wakeups.retry(&order, HOUR).await.expect("retry");
    assert!(!stage.is_claimable(order.conversation_id).await);
}

/// And is tried again: what is refused today may be taken tomorrow.
pub async fn a_wakeup_that_is_refused_marks_its_conversation_and_comes_again(stage: &Stage) {
    let opening = stage.opened_and_due().await;
    let order = stage.claim_of(opening.conversation_id, HOUR).await;
    stage.ports.wakeups.refuse(&order, BRIEF).await.expect("refuse");
    let attention = stage.loaded(opening.conversation_id).await.process.attention.expect("it asks for a person");
    assert_eq!((attention.reason, attention.message_id), (AttentionReason::EngineRefuses, None));
    let again = stage.claim_of(opening.conversation_id, HOUR).await;
    assert_eq!((again.tries, again.generation), (1, order.generation));
    stage.ports.wakeups.refuse(&again, BRIEF).await.expect("refuse");
    let still = stage.loaded(opening.conversation_id).await.process.attention;
    assert_eq!(still, Some(attention), "since when stays");
}

/// Its workflow was ended by hand, say. Whoever waits for a time, a channel or a wakeup was not forgotten.
pub async fn what_is_due_and_stands_in_no_wakeup_is_woken(stage: &Stage) {
    let forgotten = stage.opened_and_due().await;
    let order = stage.claim_of(forgotten.conversation_id, HOUR).await;
    stage.ports.wakeups.settle(&order).await.expect("settle");
    let done = stage.opened_and_due().await;
    stage.attempt(done.message_id, HOUR).await;
    stage.apply(&stage.sent(&done, 1).await).await;
    let order = stage.claim_of(done.conversation_id, HOUR).await;
    stage.ports.wakeups.settle(&order).await.expect("settle");
    let put_off = stage.opened_and_due().await;
    stage.attempt(put_off.message_id, HOUR).await;
    stage.apply(&stage.try_again(&put_off, 1, HOUR).await).await;
    let order = stage.claim_of(put_off.conversation_id, HOUR).await;
    stage.ports.wakeups.settle(&order).await.expect("settle");

    assert_eq!(stage.ports.wakeups.wake_forgotten(HOUR, 10).await.expect("wake_forgotten"), 0, "nothing is that late");
    assert_eq!(stage.ports.wakeups.wake_forgotten(Duration::ZERO, 10).await.expect("wake_forgotten"), 1);
    let woken = stage.claim_of(forgotten.conversation_id, HOUR).await;
    assert_eq!((woken.workspace_id, woken.tries), (stage.home.workspace, 0));
    assert_eq!(stage.ports.wakeups.wake_forgotten(Duration::ZERO, 10).await.expect("wake_forgotten"), 0, "it has one");
    for other in [&done, &put_off] {
        assert!(!stage.is_claimable(other.conversation_id).await);
    }
}

/// Whoever could have probed it was forgotten too; nobody else would find out that it works again.
pub async fn what_waits_for_a_channel_that_nobody_probes_is_woken(stage: &Stage) {
    let forgotten = forgotten(stage, stage.opening()).await;
    let finder = stage.opened().await;
    stage.meet_fault(&finder, HOUR).await;
    assert_eq!(woken(stage, Duration::ZERO).await, 0, "the channel is not to be probed yet");
    let other = stage.another_channel().await;
    let probed = stage.opening_in(other);
    let probed = self::forgotten(stage, probed).await;
    let faulty = stage.opening_in(other);
    stage.open(&faulty).await;
    stage.meet_fault(&faulty, BRIEF).await;
    stage.time_passes(&faulty).await;
    assert_eq!(woken(stage, HOUR).await, 0, "it could not have been probed for so long");
    assert_eq!(woken(stage, Duration::ZERO).await, 1);
    assert!(stage.is_claimable(probed.conversation_id).await && !stage.is_claimable(forgotten.conversation_id).await);
}

/// It ends there as anywhere: silence is no end.
pub async fn a_message_whose_time_has_passed_is_woken_whatever_its_channel_does(stage: &Stage) {
    let brief = |opening| OpenConversation { deliver_within: DeliverWithin::from_millis(1), ..opening };
    let off = stage.another_channel().await;
    let [faulty, switched_off] = [brief(stage.opening()), brief(stage.opening_in(off))];
    let [faulty, switched_off] = [forgotten(stage, faulty).await, forgotten(stage, switched_off).await];
    let waits = forgotten(stage, stage.opening_in(off)).await;
    stage.ports.channels.set_enabled(off.tenant, off.channel, false).await.expect("set_enabled");
    stage.meet_fault(&stage.opened().await, HOUR).await;
    stage.time_passes(&waits).await;
    assert_eq!(woken(stage, HOUR).await, 0, "nothing is that late");
    assert_eq!(woken(stage, Duration::ZERO).await, 2);
    for (conversation, is_woken) in [(&faulty, true), (&switched_off, true), (&waits, false)] {
        assert_eq!(stage.is_claimable(conversation.conversation_id).await, is_woken);
    }
}

async fn woken(stage: &Stage, overdue: Duration) -> u32 {
    stage.ports.wakeups.wake_forgotten(overdue, 10).await.expect("wake_forgotten")
}

/// A conversation that was opened, and whose wakeup is gone although nothing came of it.
async fn forgotten(stage: &Stage, opening: OpenConversation) -> OpenConversation {
    let opening = OpenConversation { claimed_for: Duration::ZERO, ..opening };
    stage.open(&opening).await;
    let order = stage.claim_of(opening.conversation_id, HOUR).await;
    stage.ports.wakeups.settle(&order).await.expect("settle");
    opening
}

/// By when they are due, not by when they were made.
pub async fn the_oldest_due_wakeup_is_claimed_first(stage: &Stage) {
    let [a, b, c] = [claimed(stage).await, claimed(stage).await, claimed(stage).await];
    // Each is due after the one before, however long a call takes.
    for (order, wait) in [(&c, 0), (&a, 20), (&b, 40)] {
        stage.ports.wakeups.rest(order, Duration::from_millis(wait)).await.expect("rest");
    }
    let all = async || {
        let ids = ids(&stage.claim(10, BRIEF).await.orders);
        (ids.len() == 3).then_some(ids)
    };
    let found = stage.until("all three are due", all).await;
    assert_eq!(found, [c.conversation_id, a.conversation_id, b.conversation_id]);
}

/// The rest stays for others.
pub async fn no_more_than_the_limit_is_claimed(stage: &Stage) {
    for _ in 0..5 {
        stage.opened_and_due().await;
    }
    assert_eq!(stage.claim(0, HOUR).await.orders, []);
    let mut seen = HashSet::new();
    for expected in [2, 2, 1, 0] {
        let claimed = stage.claim(2, HOUR).await.orders;
        assert_eq!(claimed.len(), expected);
        seen.extend(ids(&claimed));
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(stage.claim(u32::MAX, HOUR).await.orders, []);
}

/// So that the relay sleeps as long as it may and no longer.
pub async fn it_is_said_when_the_next_wakeup_is_due(stage: &Stage) {
    assert_eq!(stage.claim(10, HOUR).await.next_due_in, None);
    let order = claimed(stage).await;
    stage.ports.wakeups.rest(&order, HOUR).await.expect("rest");
    let next = stage.claim(10, HOUR).await.next_due_in.expect("one waits");
    assert!(HOUR / 2 < next && next <= HOUR, "{next:?}");
    stage.opened_and_due().await;
    stage.opened_and_due().await;
    assert_eq!(stage.claim(1, HOUR).await.next_due_in, Some(Duration::ZERO), "one that is due was left");
}

/// However many processes there are.
pub async fn no_two_claimers_get_the_same_wakeup(stage: &Stage) {
    for _ in 0..40 {
        stage.opened_and_due().await;
    }
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let wakeups = stage.ports.wakeups.clone();
            tokio::spawn(async move { wakeups.claim(10, HOUR).await.expect("claim").orders })
        })
        .collect();
    let claimed: Vec<_> = join_all(tasks).await.into_iter().flat_map(|it| it.expect("no claim panics")).collect();
    let different: HashSet<_> = ids(&claimed).into_iter().collect();
    assert_eq!((claimed.len(), different.len()), (40, 40));
}

/// With their claims and what was counted.
pub async fn wakeups_are_there_after_a_restart(stage: &Stage) {
    let (held, tried) = (claimed(stage).await, claimed(stage).await);
    stage.ports.wakeups.retry(&tried, Duration::ZERO).await.expect("retry");
    let later = stage.reopened().await;
    let claim = async || later.wakeups.claim(10, HOUR).await.expect("claim").orders.pop();
    let order = stage.until("a wakeup is claimed", claim).await;
    assert_eq!(order, StartOrder { tries: 1, ..tried });
    assert_eq!(later.observatory.overview().await.expect("overview").wakeups, 2);
    later.wakeups.settle(&held).await.expect("settle");
}

/// A wakeup of a new conversation, claimed for long.
async fn claimed(stage: &Stage) -> StartOrder {
    let due = stage.opened_and_due().await;
    stage.claim_of(due.conversation_id, HOUR).await
}

/// A claimed wakeup of a conversation for which a newer wake came.
async fn overtaken(stage: &Stage) -> StartOrder {
    let order = claimed(stage).await;
    stage.wake_everybody().await;
    order
}

async fn assert_newer_is_due(stage: &Stage, older: &StartOrder) {
    let newer = stage.claim_of(older.conversation_id, HOUR).await;
    assert!(newer.generation > older.generation, "{newer:?} is no newer wake than {older:?}");
}

async fn count(stage: &Stage) -> u64 {
    stage.ports.observatory.overview().await.expect("overview").wakeups
}

fn ids(orders: &[StartOrder]) -> Vec<ConversationId> {
    orders.iter().map(|order| order.conversation_id).collect()
}
