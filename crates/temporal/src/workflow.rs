//! The workflow of a conversation: call `run_conversation`, sleep as told or until woken, again, until nothing is left.
//! It is replayed from its history, so it must ask the same of Temporal whenever it meets the same answers; see
//! `docs/decisions` for how to change it.
#![expect(missing_docs, reason = "the SDK's macros make constants that they do not describe")]

use crate::activity::ConversationActivities;
use crate::attributes::STATUS;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use temporalio_common::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, ContinueAsNewOptions, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};

/// After so many rounds a history begins anew, so that none grows without bound.
pub(crate) const ROUNDS: u32 = 500;
/// The longest a call may take; then it is given up and made again.
const TIME_LIMIT: Duration = Duration::from_secs(15 * 60);
/// Without a sign of life for so long a call is made again, by another worker if need be.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest wait before a call that failed is made again.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// What the workflow is told at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkflowInput {
    /// The conversation.
    pub conversation_id: String,
    /// Whether the status may be shown as a search attribute.
    pub shows_status: bool,
    /// After so many rounds the history begins anew. It is told at the start, so that a version with another number
    /// replays what began with this one.
    #[serde(default = "rounds")]
    pub rounds: u32,
}

/// What those began with that were not told.
const fn rounds() -> u32 {
    500
}

/// What a call of `run_conversation` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundAnswer {
    /// In how many milliseconds to call again; none: not unless woken.
    pub rest_ms: Option<u64>,
    /// Where the conversation stands, such as `awaiting_contact`.
    pub status: Option<String>,
}

/// Runs one conversation.
#[workflow]
pub struct OutboundConversationWorkflow {
    input: WorkflowInput,
    /// How many wakes came.
    wakes: u64,
    /// The status that is shown.
    shown: Option<String>,
}

#[workflow_methods]
impl OutboundConversationWorkflow {
    /// A workflow that has not looked yet.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: WorkflowInput) -> Self {
        Self { input, wakes: 0, shown: None }
    }

    /// Calls until nothing is left to do and nobody woke it meanwhile.
    #[run(name = "OutboundConversationWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = ctx.state(|state| state.input.clone());
        for _ in 0..input.rounds {
            let seen = ctx.state(|state| state.wakes);
            let answer = ctx
                .execute_activity(
                    ConversationActivities::run_conversation,
                    input.conversation_id.clone(),
                    call_options(),
                )
                .await?;
            Self::show(ctx, &input, answer.status);
            match answer.rest_ms {
                None if ctx.state(|state| state.wakes) == seen => return Ok(()),
                None => {}
                Some(rest) => Self::rest(ctx, seen, Duration::from_millis(rest)).await?,
            }
        }
        ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
        Ok(())
    }

    /// Something new is due. Carries nothing: the rows say what.
    #[signal(name = "wake")]
    pub fn wake(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.wakes += 1;
    }
}

impl OutboundConversationWorkflow {
    /// Sleeps until the time has come or a wake that was not seen. A timer that lost is cancelled, or it would wake later.
    async fn rest(ctx: &mut WorkflowContext<Self>, seen: u64, rest: Duration) -> WorkflowResult<()> {
        let timer = ctx.cancellation_token().child_token();
        temporalio_sdk::workflows::select! {
            woken = ctx.wait_condition(|state: &Self| state.wakes != seen) => {
                timer.cancel();
                woken?;
            }
            _ = ctx.timer(TimerOptions::builder(rest).cancellation_token(timer.clone()).build()) => {}
        }
        Ok(())
    }

    fn show(ctx: &mut WorkflowContext<Self>, input: &WorkflowInput, status: Option<String>) {
        let Some(status) = status.filter(|_| input.shows_status) else { return };
        if ctx.state(|state| state.shown.as_ref() != Some(&status)) {
            ctx.upsert_search_attributes([STATUS.value_set(status.clone())]);
            ctx.state_mut(|state| state.shown = Some(status));
        }
    }
}

fn call_options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(TIME_LIMIT)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_millis(500))
                .backoff_coefficient(2.0)
                .maximum_interval(LONGEST_RETRY)
                .build(),
        )
        .build()
}
