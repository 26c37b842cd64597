//! What every engine owes, as tests: `RunConversation` is called when it is due, one call at a time per conversation,
//! until it says `Done`, whatever process died meanwhile. Run by `engine_contract!` on each pair of an engine and a store.
//!
//! The store and the relay are real ones, and what a run says is scripted: the suite asks when runs happen, never what
//! they do.
#![expect(clippy::expect_used, clippy::panic, reason = "a contract is kept or the test panics")]

pub mod behaviours;
mod queue;
mod scripted_runs;
mod stage;

pub use stage::Stage;

use async_trait::async_trait;
use overture_domain::ports::{WakeupQueue, WorkflowStarter};
use overture_domain::use_cases::RunConversation;
use std::sync::Arc;

/// An engine under test. One instance is one process's engine.
#[async_trait]
pub trait EngineHarness: Send + Sync + 'static {
    /// An engine of a process that starts now. It must be able to run four conversations at once; if it refuses when
    /// it is full, let it be full at a hundred or less, so that the suite fills it. What an earlier instance with the
    /// same queue knew must reach it the way it would after a restart.
    async fn start(run: Arc<RunConversation>, queue: Arc<dyn WakeupQueue>) -> Self
    where
        Self: Sized;

    /// Its port.
    fn starter(&self) -> Arc<dyn WorkflowStarter>;

    /// Stops as a process does that is asked to: takes nothing new and lets what runs come to its end.
    async fn stop(&self);

    /// Ends as a process does that is killed: what runs never comes to its end.
    async fn kill(&self);
}

/// Runs the contract of engines on a pair of harnesses (types in scope that implement `EngineHarness` and `StoreHarness`),
/// in a module of tests.
#[macro_export]
macro_rules! engine_contract {
    (@each $engine:ty, $store:ty; $($behaviour:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let stage = $crate::engine_contract::Stage::set::<$engine, $store>().await;
            $crate::engine_contract::behaviours::$behaviour(&stage).await;
        }
    )+};
    ($module:ident, $engine:ty, $store:ty) => {
        mod $module {
            use super::*;

            $crate::engine_contract!(@each $engine, $store;
                a_conversation_that_is_started_is_called
                a_start_does_not_wait_for_the_run
                a_conversation_that_is_done_leaves_no_wakeup_and_is_not_called_again
                a_resting_conversation_is_called_when_its_time_has_come_and_not_before
                a_conversation_that_rests_again_and_again_is_called_each_time
                a_wake_ends_a_rest
                one_conversation_is_never_run_twice_at_once
                a_wake_that_comes_during_a_run_is_not_lost
                different_conversations_run_at_once
                more_conversations_than_can_run_at_once_all_have_their_turn
                a_run_that_failed_is_called_again
                a_run_that_panicked_is_called_again_and_spoils_no_other
                what_ran_when_its_process_was_killed_runs_again
                what_was_taken_but_did_not_run_when_its_process_was_killed_runs
                a_rest_outlives_its_process
                a_stop_lets_what_runs_come_to_its_end
                what_wakes_while_no_engine_runs_is_called_by_the_next
                a_queue_that_is_out_of_reach_for_a_while_costs_no_wake
            );
        }
    };
}
