//! The behaviours, one per function.

use super::scripted_runs::Turn;
use super::stage::{Process, Stage};
use crate::eventually;
use overture_domain::ports::StartOrder;
use std::pin::pin;
use std::time::Duration;

/// What cannot pass within a test.
const LONG: Duration = Duration::from_secs(3_600);

/// How long a test watches that something does not happen.
const PATIENCE: Duration = Duration::from_millis(100);

/// Through the door of the process that made it, without any relay.
pub async fn a_conversation_that_is_started_is_called(stage: &Stage) {
    let process = stage.process().await;
    let order = stage.composed([Turn::Done]).await;
    process.start(&order).await;
    stage.until_called(order.conversation_id, 1).await;
}

/// Compose answers before anything is sent.
pub async fn a_start_does_not_wait_for_the_run(stage: &Stage) {
    let process = stage.process().await;
    let order = stage.composed([Turn::Hold]).await;
    let id = order.conversation_id;
    process.start(&order).await;
    stage.until_running(id).await;
    process.start(&order).await;
    assert_eq!(stage.runs.running(id), 1);
    stage.runs.let_go();
}

/// Unless something new wakes it.
pub async fn a_conversation_that_is_done_leaves_no_wakeup_and_is_not_called_again(stage: &Stage) {
    let _process = stage.process().await;
    let id = stage.woken([Turn::Done]).await;
    stage.until_called(id, 1).await;
    stage.until_quiet().await;
    // Whatever was still on its way has passed once another one has come and gone.
    let other = stage.woken([Turn::Rest(Duration::from_millis(50)), Turn::Done]).await;
    stage.until_called(other, 2).await;
    stage.until_quiet().await;
    assert_eq!(stage.runs.calls(id).len(), 1);
    stage.wake(id).await;
    stage.until_called(id, 2).await;
}

/// It sleeps as long as it was told.
pub async fn a_resting_conversation_is_called_when_its_time_has_come_and_not_before(stage: &Stage) {
    let _process = stage.process().await;
    let rest = Duration::from_millis(200);
    let id = stage.woken([Turn::Rest(rest), Turn::Rest(rest), Turn::Done]).await;
    stage.until_called(id, 3).await;
    stage.until_quiet().await;
    let calls = stage.runs.calls(id);
    // Clocks count whole milliseconds.
    let shortest = calls.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(shortest >= Some(rest - Duration::from_millis(2)), "it came back after {shortest:?}");
    assert_eq!(calls.len(), 3);
}

/// However long its story grows.
pub async fn a_conversation_that_rests_again_and_again_is_called_each_time(stage: &Stage) {
    let _process = stage.process().await;
    let id = stage.woken([Turn::Rest(Duration::from_millis(20)); 6]).await;
    stage.until_called(id, 7).await;
    stage.until_quiet().await;
    assert_eq!((stage.runs.calls(id).len(), stage.runs.most_at_once(id)), (7, 1));
}

/// Something new is due.
pub async fn a_wake_ends_a_rest(stage: &Stage) {
    let _process = stage.process().await;
    let id = stage.woken([Turn::Rest(LONG), Turn::Done]).await;
    stage.until_called(id, 1).await;
    stage.wake(id).await;
    stage.until_called(id, 2).await;
    stage.until_quiet().await;
}

/// However often it is started and woken meanwhile.
pub async fn one_conversation_is_never_run_twice_at_once(stage: &Stage) {
    let process = stage.process().await;
    let order = stage.composed([Turn::Hold, Turn::Hold, Turn::Hold]).await;
    let id = order.conversation_id;
    process.start(&order).await;
    stage.until_running(id).await;
    for _ in 0..5 {
        stage.wake(id).await;
        process.start(&order).await;
    }
    let other = stage.woken([Turn::Rest(Duration::from_millis(50)), Turn::Done]).await;
    stage.until_called(other, 2).await;
    stage.runs.let_go();
    // Nobody settled what was composed: its door was passed by.
    stage.claims_end().await;
    stage.until_quiet().await;
    assert_eq!(stage.runs.most_at_once(id), 1);
}

/// The run may have looked before it came.
pub async fn a_wake_that_comes_during_a_run_is_not_lost(stage: &Stage) {
    let _process = stage.process().await;
    let id = stage.woken([Turn::Hold, Turn::Done]).await;
    stage.until_running(id).await;
    stage.wake(id).await;
    stage.runs.let_go();
    stage.until_called(id, 2).await;
    stage.until_quiet().await;
}

/// A slow one holds nobody up.
pub async fn different_conversations_run_at_once(stage: &Stage) {
    let _process = stage.process().await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(stage.woken([Turn::Hold]).await);
    }
    let all = async || held.iter().all(|id| stage.runs.running(*id) == 1);
    eventually("four conversations run at once", all).await;
    stage.runs.let_go();
    stage.until_quiet().await;
}

/// None is forgotten for want of room: what was taken is run, what was refused stays in the rows.
pub async fn more_conversations_than_can_run_at_once_all_have_their_turn(stage: &Stage) {
    let process = stage.process().await;
    let (mut taken, mut all) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        let order = stage.composed([Turn::Hold]).await;
        all.push(order.conversation_id);
        if process.engine.starter().start(&order).await.is_ok() {
            taken.push(order.conversation_id);
        }
    }
    stage.runs.let_go();
    let called = async || taken.iter().all(|id| !stage.runs.calls(*id).is_empty());
    eventually("what the engine took is called", called).await;
    stage.claims_end().await;
    let called = async || all.iter().all(|id| !stage.runs.calls(*id).is_empty());
    eventually("what was refused is called, too", called).await;
    stage.until_quiet().await;
}

/// Without anybody's doing.
pub async fn a_run_that_failed_is_called_again(stage: &Stage) {
    let _process = stage.process().await;
    let id = stage.woken([Turn::Fail, Turn::Fail, Turn::Done]).await;
    stage.until_called(id, 3).await;
    stage.until_quiet().await;
}

/// A defect in one conversation is no defect of the engine.
pub async fn a_run_that_panicked_is_called_again_and_spoils_no_other(stage: &Stage) {
    let _process = stage.process().await;
    let held = stage.woken([Turn::Hold]).await;
    stage.until_running(held).await;
    let id = stage.woken([Turn::Panic, Turn::Done]).await;
    stage.until_called(id, 1).await;
    let later = stage.woken([Turn::Done]).await;
    stage.until_called(later, 1).await;
    stage.until_called(id, 2).await;
    assert_eq!(stage.runs.running(held), 1);
    stage.runs.let_go();
    stage.until_quiet().await;
}

/// As soon as its claim has ended.
pub async fn what_ran_when_its_process_was_killed_runs_again(stage: &Stage) {
    let first = stage.process().await;
    let id = stage.woken([Turn::Hold, Turn::Done]).await;
    stage.until_running(id).await;
    first.kill().await;
    eventually("nothing runs any more", async || stage.runs.running(id) == 0).await;
    let _second = stage.process().await;
    stage.claims_end().await;
    stage.until_called(id, 2).await;
    stage.until_quiet().await;
}

/// The process took it from the door and died before it came to it.
pub async fn what_was_taken_but_did_not_run_when_its_process_was_killed_runs(stage: &Stage) {
    let first = stage.process().await;
    let mut orders = Vec::new();
    for _ in 0..200 {
        let order = stage.composed([Turn::Hold]).await;
        process_may_refuse(&first, &order).await;
        orders.push(order);
    }
    first.kill().await;
    stage.runs.let_go();
    let _second = stage.process().await;
    stage.claims_end().await;
    let called = async || orders.iter().all(|order| !stage.runs.calls(order.conversation_id).is_empty());
    eventually("what was taken or left to the rows is called", called).await;
    stage.until_quiet().await;
}

/// Nobody needs to remember it in memory.
pub async fn a_rest_outlives_its_process(stage: &Stage) {
    let first = stage.process().await;
    let rest = Duration::from_millis(300);
    let id = stage.woken([Turn::Rest(rest), Turn::Done]).await;
    stage.until_called(id, 1).await;
    // It is killed once it has told somebody that it rests: a look at other work shows that it has.
    let other = stage.woken([Turn::Rest(Duration::from_millis(50)), Turn::Done]).await;
    stage.until_called(other, 2).await;
    first.kill().await;
    let _second = stage.process().await;
    stage.until_called(id, 2).await;
    let calls = stage.runs.calls(id);
    assert!(calls[1] - calls[0] >= rest - Duration::from_millis(2), "it came back after {:?}", calls[1] - calls[0]);
}

/// A deployment makes no attempt unclear.
pub async fn a_stop_lets_what_runs_come_to_its_end(stage: &Stage) {
    let process = stage.process().await;
    let id = stage.woken([Turn::Hold, Turn::Done]).await;
    stage.until_running(id).await;
    let mut stop = pin!(process.stop());
    let early = tokio::time::timeout(PATIENCE, stop.as_mut()).await;
    assert!(early.is_err() && stage.runs.running(id) == 1, "a stop waits for what runs");
    stage.runs.let_go();
    stop.await;
    assert_eq!((stage.runs.running(id), stage.runs.calls(id).len()), (0, 1));
    assert_eq!(stage.wakeups().await, 0, "a run that came to its end has settled its wakeup");
}

/// Nothing depends on an engine being there.
pub async fn what_wakes_while_no_engine_runs_is_called_by_the_next(stage: &Stage) {
    let first = stage.process().await;
    first.stop().await;
    let id = stage.woken([Turn::Done]).await;
    let _second = stage.process().await;
    stage.until_called(id, 1).await;
    stage.until_quiet().await;
}

/// What could not be settled comes again.
pub async fn a_queue_that_is_out_of_reach_for_a_while_costs_no_wake(stage: &Stage) {
    let _process = stage.process().await;
    let id = stage.woken([Turn::Hold, Turn::Done]).await;
    stage.until_running(id).await;
    stage.wake(id).await;
    stage.queue_is_out_of_reach(true);
    stage.runs.let_go();
    eventually("the first run has ended", async || stage.runs.running(id) == 0).await;
    stage.queue_is_out_of_reach(false);
    let again = async || {
        stage.claims_end().await;
        stage.runs.calls(id).len() >= 2
    };
    eventually("the conversation is called again", again).await;
    eventually("every wakeup is settled", async || {
        stage.claims_end().await;
        stage.wakeups().await == 0
    })
    .await;
}

/// A full engine may say so; then the rows remember.
async fn process_may_refuse(process: &Process, order: &StartOrder) {
    let _ = process.engine.starter().start(order).await;
}
