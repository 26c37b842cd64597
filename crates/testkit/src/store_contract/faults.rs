//! A channel at fault: its messages wait, one at a time probes it, and all go on when it works.

use super::stage::{BRIEF, HOUR, Stage, ended, fault};
use crate::BEGINNING;
use futures_util::future::join_all;
use overture_domain::entities::{AttemptOutcome, Channel, ChannelState, MessageStatus};
use overture_domain::ids::ChannelId;
use overture_domain::ports::{Begun, ChannelChange, OpenConversation};
use std::time::Duration;

/// For its owner to read.
pub async fn a_faulty_channel_is_in_error_and_says_why(stage: &Stage) {
    stage.meet_fault(&stage.opened().await, HOUR).await;
    let channel = channel(stage, stage.home.channel).await;
    assert_eq!((channel.state, channel.enabled), (ChannelState::Error, true));
    assert_eq!(channel.fault, Some(fault(BEGINNING)));
}

/// A probe that meets it again is no new fault.
pub async fn a_fault_that_lasts_keeps_the_time_it_was_first_seen(stage: &Stage) {
    let opening = stage.opened().await;
    stage.meet_fault(&opening, Duration::ZERO).await;
    let probe = stage.attempt_soon(opening.message_id, HOUR).await;
    let mut change = stage.try_again(&opening, probe.number, HOUR).await;
    change.attempt = Some(ended(probe.number, AttemptOutcome::ChannelFault));
    let again = fault(BEGINNING.plus(HOUR));
    change.channel = Some(ChannelChange::Faulty { id: opening.channel_id, fault: again, probe_in: HOUR });
    stage.apply(&change).await;
    let seen = channel(stage, stage.home.channel).await.fault.map(|fault| fault.since);
    assert_eq!(seen, Some(BEGINNING));
}

/// They are told when to look again.
pub async fn messages_of_a_faulty_channel_wait_until_it_may_be_probed(stage: &Stage) {
    let (finder, waiting) = (stage.opened().await, stage.opened().await);
    stage.meet_fault(&finder, HOUR).await;
    let begun = stage.begin(waiting.message_id, HOUR).await;
    let Begun::ChannelWaits { look_again_in } = begun else {
        panic!("its channel waits, but the store says {begun:?}")
    };
    assert!(Duration::ZERO < look_again_in && look_again_in <= HOUR, "{look_again_in:?}");
    assert_eq!(stage.message(&waiting).await.message.status, MessageStatus::Queued);
}

/// However many want to.
pub async fn one_message_at_a_time_probes_a_faulty_channel(stage: &Stage) {
    let finder = stage.opened().await;
    let mut waiting = Vec::new();
    for _ in 0..16 {
        waiting.push(stage.opened().await.message_id);
    }
    stage.meet_fault(&finder, Duration::ZERO).await;
    let tasks: Vec<_> = waiting
        .into_iter()
        .map(|message| {
            let deliveries = stage.ports.deliveries.clone();
            tokio::spawn(async move { deliveries.begin_attempt(message, HOUR).await.expect("begin_attempt") })
        })
        .collect();
    let begun: Vec<_> = join_all(tasks).await.into_iter().map(|it| it.expect("no begin panics")).collect();
    let probes = begun.iter().filter(|it| matches!(it, Begun::Attempt(attempt) if attempt.probes)).count();
    let waits = begun.iter().filter(|it| matches!(it, Begun::ChannelWaits { .. })).count();
    assert_eq!((probes, waits), (1, 15), "{begun:?}");
}

/// As long as it lives.
pub async fn a_probe_that_keeps_its_lease_keeps_others_waiting(stage: &Stage) {
    let (prober, waiting) = probing(stage, BRIEF).await;
    let renewed = stage.ports.deliveries.renew_lease(prober.message_id, 2, HOUR).await.expect("renew_lease");
    assert!(renewed, "the probe is the current attempt");
    let begun = stage.begin(waiting.message_id, HOUR).await;
    assert!(matches!(begun, Begun::ChannelWaits { .. }), "{begun:?}");
}

/// Its lease ends and nobody recorded anything.
pub async fn a_probe_that_vanished_makes_room_for_another(stage: &Stage) {
    let (_, waiting) = probing(stage, BRIEF).await;
    assert!(stage.attempt_soon(waiting.message_id, HOUR).await.probes);
}

/// It began before the channel was in error, and knows nothing that the probe will not find out.
pub async fn a_fault_met_by_an_earlier_attempt_leaves_the_probe_under_way_alone(stage: &Stage) {
    let early = stage.opened().await;
    let attempt = stage.attempt(early.message_id, HOUR).await;
    let (prober, waiting) = probing(stage, HOUR).await;
    let mut change = stage.try_again(&early, attempt.number, Duration::ZERO).await;
    change.attempt = Some(ended(attempt.number, AttemptOutcome::ChannelFault));
    change.channel =
        Some(ChannelChange::Faulty { id: early.channel_id, fault: fault(BEGINNING), probe_in: Duration::ZERO });
    stage.apply(&change).await;
    let begun = stage.begin(waiting.message_id, HOUR).await;
    assert!(matches!(begun, Begun::ChannelWaits { .. }), "{begun:?}");
    stage.apply(&stage.try_again(&prober, 2, HOUR).await).await;
    assert!(stage.attempt_soon(waiting.message_id, HOUR).await.probes);
}

/// Nobody answered it: the channel stays in error, and the next one tries.
pub async fn a_probe_that_learned_nothing_makes_room_for_another(stage: &Stage) {
    let (prober, waiting) = probing(stage, HOUR).await;
    stage.apply(&stage.try_again(&prober, 2, HOUR).await).await;
    assert_eq!(channel(stage, stage.home.channel).await.state, ChannelState::Error);
    assert!(stage.attempt_soon(waiting.message_id, HOUR).await.probes);
}

/// And messages go out as usual.
pub async fn a_channel_that_works_again_is_active_without_fault(stage: &Stage) {
    let (finder, waiting) = (stage.opened().await, stage.opened().await);
    stage.meet_fault(&finder, Duration::ZERO).await;
    stage.probe_works(&finder).await;
    let channel = channel(stage, stage.home.channel).await;
    assert_eq!((channel.state, channel.fault), (ChannelState::Active, None));
    assert!(!stage.attempt(waiting.message_id, HOUR).await.probes);
}

/// At once, though they were told to rest.
pub async fn conversations_that_waited_are_woken_when_their_channel_works(stage: &Stage) {
    let (finder, waiting) = (stage.opened().await, stage.opened_and_due().await);
    stage.meet_fault(&finder, Duration::ZERO).await;
    let before = stage.claim_of(waiting.conversation_id, HOUR).await;
    stage.ports.wakeups.rest(&before, HOUR).await.expect("rest");
    assert!(!stage.is_claimable(waiting.conversation_id).await);
    stage.probe_works(&finder).await;
    let woken = stage.claim_of(waiting.conversation_id, HOUR).await;
    assert!(woken.generation > before.generation, "{woken:?} is no newer wake than {before:?}");
}

/// A channel may have carried a million of them.
pub async fn a_conversation_with_nothing_to_send_is_not_woken(stage: &Stage) {
    let done = stage.opened_and_due().await;
    stage.attempt(done.message_id, HOUR).await;
    stage.apply(&stage.sent(&done, 1).await).await;
    let order = stage.claim_of(done.conversation_id, HOUR).await;
    stage.ports.wakeups.settle(&order).await.expect("settle");
    stage.wake_everybody().await;
    assert!(!stage.is_claimable(done.conversation_id).await);
    assert!(!stage.ports.wakeups.keep(&order, HOUR).await.expect("keep"), "its wakeup is there again");
}

/// Their own back-off was for the channel's sake.
pub async fn messages_that_met_the_fault_are_due_when_their_channel_works(stage: &Stage) {
    let (first, second) = (stage.opened().await, stage.opened().await);
    let (one, two) = (stage.attempt(first.message_id, HOUR).await, stage.attempt(second.message_id, HOUR).await);
    for (opening, number, wait) in [(&first, one.number, HOUR / 2), (&second, two.number, Duration::ZERO)] {
        let mut change = stage.try_again(opening, number, wait).await;
        change.attempt = Some(ended(number, AttemptOutcome::ChannelFault));
        change.channel =
            Some(ChannelChange::Faulty { id: opening.channel_id, fault: fault(BEGINNING), probe_in: Duration::ZERO });
        stage.apply(&change).await;
    }
    assert!(matches!(stage.begin(first.message_id, HOUR).await, Begun::NotDue { .. }));
    stage.probe_works(&second).await;
    assert_eq!(stage.attempt_soon(first.message_id, HOUR).await.number, 2);
}

/// Their messages go out, and nobody wakes them.
pub async fn a_fault_leaves_other_channels_alone(stage: &Stage) {
    let elsewhere = stage.another_channel().await;
    let other = OpenConversation { claimed_for: Duration::ZERO, ..stage.opening_in(elsewhere) };
    stage.open(&other).await;
    let order = stage.claim_of(other.conversation_id, HOUR).await;
    stage.ports.wakeups.rest(&order, HOUR).await.expect("rest");
    let finder = stage.opened().await;
    stage.meet_fault(&finder, Duration::ZERO).await;
    assert_eq!(channel(stage, elsewhere.channel).await.state, ChannelState::Active);
    stage.probe_works(&finder).await;
    assert!(!stage.is_claimable(other.conversation_id).await);
    assert!(!stage.attempt(other.message_id, HOUR).await.probes);
}

/// A conversation whose second attempt probes its channel under that lease, and one that waits.
async fn probing(stage: &Stage, lease: Duration) -> (OpenConversation, OpenConversation) {
    let (prober, waiting) = (stage.opened().await, stage.opened().await);
    stage.meet_fault(&prober, Duration::ZERO).await;
    assert!(stage.attempt_soon(prober.message_id, lease).await.probes);
    (prober, waiting)
}

async fn channel(stage: &Stage, id: ChannelId) -> Channel {
    let place =
        stage.ports.channels.place(stage.home.tenant, Some(stage.home.workspace), Some(id)).await.expect("place");
    place.channel.expect("the channel is there")
}
