//! The fence: who may send a message now. The checks come in one order: settled, under way, lease over, time over, not
//! due, channel.

use super::stage::{BRIEF, HOUR, Stage};
use futures_util::future::join_all;
use overture_domain::entities::MessageStatus;
use overture_domain::ids::MessageId;
use overture_domain::ports::{Begun, NewIds, OpenConversation, Outgoing};
use overture_domain::values::DeliverWithin;
use std::time::Duration;

/// It is `sending` from then on, and carries what was composed.
pub async fn a_fresh_message_may_be_attempted_at_once(stage: &Stage) {
    let opening = stage.opened().await;
    let attempt = stage.attempt(opening.message_id, HOUR).await;
    assert_eq!((attempt.number, attempt.probes), (1, false));
    let within = Duration::from_millis(opening.deliver_within.as_millis().unsigned_abs());
    let left = attempt.outgoing.time_left;
    assert!(left <= within && left > within / 2, "{left:?} of {within:?}");
    let expected = Outgoing {
        message_id: opening.message_id,
        conversation_id: opening.conversation_id,
        channel_id: opening.channel_id,
        kind: overture_domain::entities::ChannelKind::Email,
        recipient: opening.recipient.clone(),
        subject: opening.subject.clone(),
        content: opening.content.clone(),
        template: None,
        wire_message_id: opening.wire_message_id.clone(),
        created_at: opening.created_at,
        time_left: left,
    };
    assert_eq!(attempt.outgoing, expected);
    let details = stage.message(&opening).await;
    assert_eq!((details.message.status, details.message.attempts), (MessageStatus::Sending, 1));
    assert_eq!(details.attempts.iter().map(|it| (it.number, it.outcome)).collect::<Vec<_>>(), [(1, None)]);
    let [pending] = stage.loaded(opening.conversation_id).await.process.pending[..] else { panic!("one is pending") };
    assert_eq!((pending.status, pending.attempts, pending.unclear), (MessageStatus::Sending, 1, 0));
}

/// They are told how long the lease still runs.
pub async fn while_an_attempt_lives_nobody_else_begins_one(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    let Begun::InFlight { for_another } = stage.begin(opening.message_id, HOUR).await else {
        panic!("it is under way")
    };
    assert!(HOUR / 2 < for_another && for_another <= HOUR, "{for_another:?}");
    assert_eq!(stage.message(&opening).await.attempts.len(), 1);
}

/// The others find it under way.
pub async fn of_many_who_begin_at_once_one_may_send(stage: &Stage) {
    let opening = stage.opened().await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (deliveries, message) = (stage.ports.deliveries.clone(), opening.message_id);
            tokio::spawn(async move { deliveries.begin_attempt(message, HOUR).await.expect("begin_attempt") })
        })
        .collect();
    let begun: Vec<_> = join_all(tasks).await.into_iter().map(|it| it.expect("no begin panics")).collect();
    let attempts = begun.iter().filter(|it| matches!(it, Begun::Attempt(_))).count();
    let in_flight = begun.iter().filter(|it| matches!(it, Begun::InFlight { .. })).count();
    assert_eq!((attempts, in_flight), (1, 31), "{begun:?}");
    assert_eq!(stage.message(&opening).await.message.attempts, 1);
}

/// However often somebody looks.
pub async fn an_attempt_whose_lease_ran_out_is_named_and_nothing_is_written(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, BRIEF).await;
    for _ in 0..2 {
        assert_eq!(lease_runs_out(stage, opening.message_id).await, 1);
    }
    let details = stage.message(&opening).await;
    assert_eq!((details.message.status, details.message.attempts), (MessageStatus::Sending, 1));
    assert_eq!(details.attempts.iter().map(|it| it.outcome).collect::<Vec<_>>(), [None]);
}

/// Nothing is written; what to write is the process's to say.
pub async fn a_message_whose_time_has_passed_is_not_attempted(stage: &Stage) {
    let opening = brief(stage);
    stage.open(&opening).await;
    // A fast store may let one begin within the millisecond; this one never asks before it is over.
    expires(stage, &opening).await;
    assert_eq!(stage.begin(opening.message_id, HOUR).await, Begun::Expired);
    let details = stage.message(&opening).await;
    assert_eq!((details.message.status, details.message.attempts), (MessageStatus::Queued, 0));
}

/// Whoever sends may end what was begun in time.
pub async fn an_attempt_under_way_counts_more_than_the_end_of_its_time(stage: &Stage) {
    let opening = begun_in_time(stage, HOUR).await;
    expires(stage, &opening).await;
    let begun = stage.begin(opening.message_id, HOUR).await;
    assert!(matches!(begun, Begun::InFlight { .. }), "{begun:?}");
}

/// Nobody may say "not sent" of what may have been sent.
pub async fn a_lease_that_ran_out_counts_more_than_the_end_of_its_time(stage: &Stage) {
    let opening = begun_in_time(stage, BRIEF).await;
    expires(stage, &opening).await;
    assert_eq!(lease_runs_out(stage, opening.message_id).await, 1);
}

/// They are told how long.
pub async fn a_message_waits_for_its_next_attempt(stage: &Stage) {
    let opening = OpenConversation { deliver_within: DeliverWithin::from_millis(86_400_000), ..stage.opening() };
    stage.open(&opening).await;
    let number = stage.attempt(opening.message_id, HOUR).await.number;
    stage.apply(&stage.try_again(&opening, number, HOUR).await).await;
    let Begun::NotDue { in_ } = stage.begin(opening.message_id, HOUR).await else { panic!("it is not due") };
    assert!(HOUR / 2 < in_ && in_ <= HOUR, "{in_:?}");
}

/// It is never sent later.
pub async fn the_end_of_its_time_counts_more_than_its_next_attempt(stage: &Stage) {
    let opening = brief(stage);
    stage.open(&opening).await;
    let mut change = stage.change(&opening, MessageStatus::Queued).await;
    change.message.next_attempt_in = Some(HOUR);
    stage.apply(&change).await;
    expires(stage, &opening).await;
    assert_eq!(stage.begin(opening.message_id, HOUR).await, Begun::Expired);
}

/// Every status in which our work has ended, and no message at all.
pub async fn a_message_that_is_settled_or_unknown_has_nothing_to_send(stage: &Stage) {
    assert_eq!(stage.begin(stage.ids.message_id(), HOUR).await, Begun::Settled);
    for status in MessageStatus::ALL.iter().copied().filter(|status| status.is_settled()) {
        let opening = stage.opened().await;
        stage.apply(&stage.change(&opening, status).await).await;
        assert_eq!(stage.begin(opening.message_id, HOUR).await, Begun::Settled, "{status}");
    }
}

/// So that a sender can make the same bytes.
pub async fn a_second_attempt_has_the_next_number_and_sends_the_same(stage: &Stage) {
    let opening = stage.opened().await;
    let first = stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 1, Duration::ZERO).await).await;
    let second = stage.attempt_soon(opening.message_id, HOUR).await;
    assert!(second.outgoing.time_left <= first.outgoing.time_left, "time went back");
    let same = Outgoing { time_left: first.outgoing.time_left, ..second.outgoing };
    assert_eq!((second.number, same), (2, first.outgoing));
    assert_eq!(stage.message(&opening).await.message.attempts, 2);
}

/// Whoever loaded it before may save what became of the attempt.
pub async fn beginning_an_attempt_does_not_move_the_conversation(stage: &Stage) {
    let opening = stage.opened().await;
    let before = stage.sent(&opening, 1).await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&before).await;
}

/// Until it is switched on again.
pub async fn a_message_of_a_channel_that_is_switched_off_waits(stage: &Stage) {
    let (opening, channels) = (stage.opened().await, &stage.ports.channels);
    channels.set_enabled(stage.home.tenant, stage.home.channel, false).await.expect("set_enabled");
    let Begun::ChannelWaits { look_again_in } = stage.begin(opening.message_id, HOUR).await else { panic!("it waits") };
    assert!(look_again_in > Duration::ZERO, "whoever waits for no time asks without end");
    assert_eq!(stage.message(&opening).await.message.status, MessageStatus::Queued);
    channels.set_enabled(stage.home.tenant, stage.home.channel, true).await.expect("set_enabled");
    stage.attempt(opening.message_id, HOUR).await;
}

/// No message waits past its time.
pub async fn the_end_of_its_time_counts_more_than_a_channel_that_waits(stage: &Stage) {
    let opening = brief(stage);
    stage.open(&opening).await;
    stage.ports.channels.set_enabled(stage.home.tenant, stage.home.channel, false).await.expect("set_enabled");
    expires(stage, &opening).await;
    assert_eq!(stage.begin(opening.message_id, HOUR).await, Begun::Expired);
}

/// From now.
pub async fn renewing_a_lease_prolongs_it(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    assert!(renew(stage, opening.message_id, 1, HOUR * 3).await);
    let Begun::InFlight { for_another } = stage.begin(opening.message_id, HOUR).await else {
        panic!("it is under way")
    };
    assert!(HOUR * 2 < for_another && for_another <= HOUR * 3, "{for_another:?}");
}

/// As long as nobody recorded how it ended.
pub async fn a_lease_that_just_ran_out_can_still_be_renewed(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, BRIEF).await;
    lease_runs_out(stage, opening.message_id).await;
    assert!(renew(stage, opening.message_id, 1, HOUR).await);
    assert!(matches!(stage.begin(opening.message_id, HOUR).await, Begun::InFlight { .. }));
}

/// And the newer one keeps its lease.
pub async fn an_older_attempt_renews_nothing(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 1, Duration::ZERO).await).await;
    stage.attempt_soon(opening.message_id, BRIEF).await;
    assert!(!renew(stage, opening.message_id, 1, HOUR).await);
    assert_eq!(lease_runs_out(stage, opening.message_id).await, 2);
    assert!(!renew(stage, opening.message_id, 3, HOUR).await);
    assert!(!renew(stage, stage.ids.message_id(), 1, HOUR).await);
}

/// Its message is free for the next.
pub async fn an_attempt_that_ended_renews_nothing(stage: &Stage) {
    let opening = stage.opened().await;
    stage.attempt(opening.message_id, HOUR).await;
    stage.apply(&stage.try_again(&opening, 1, Duration::ZERO).await).await;
    assert!(!renew(stage, opening.message_id, 1, HOUR).await);
    assert_eq!(stage.attempt_soon(opening.message_id, HOUR).await.number, 2);
}

/// A compose whose time is over almost at once.
fn brief(stage: &Stage) -> OpenConversation {
    OpenConversation { deliver_within: DeliverWithin::from_millis(1), ..stage.opening() }
}

/// A message whose first attempt began within its time, which ends soon.
async fn begun_in_time(stage: &Stage, lease: Duration) -> OpenConversation {
    let mut within = 20;
    let what = "an attempt begins in time";
    stage
        .until(what, async || {
            within *= 2; // A slow machine gets more time at the next try.
            let opening = OpenConversation { deliver_within: DeliverWithin::from_millis(within), ..stage.opening() };
            stage.open(&opening).await;
            matches!(stage.begin(opening.message_id, lease).await, Begun::Attempt(_)).then_some(opening)
        })
        .await
}

/// Comes back when the time of the message is over by the database's clock.
async fn expires(stage: &Stage, opening: &OpenConversation) {
    let deliver_by = stage.message(opening).await.message.deliver_by;
    let over = async || (stage.loaded(opening.conversation_id).await.now >= deliver_by).then_some(());
    stage.until("the message's time ends", over).await;
}

/// Comes back with the number of the attempt whose lease ran out.
async fn lease_runs_out(stage: &Stage, message: MessageId) -> u32 {
    let what = "the lease runs out";
    stage
        .until(what, async || match stage.begin(message, HOUR).await {
            Begun::LeaseRanOut { number } => Some(number),
            Begun::InFlight { .. } => None,
            other => panic!("a lease runs out, but the store says {other:?}"),
        })
        .await
}

async fn renew(stage: &Stage, message: MessageId, number: u32, lease: Duration) -> bool {
    stage.ports.deliveries.renew_lease(message, number, lease).await.expect("renew_lease")
}
