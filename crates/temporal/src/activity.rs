//! The one activity: a call of `RunConversation`, with a sign of life while it lasts. What it tells Temporal holds no word
//! of a person: errors are named, never quoted.
#![expect(missing_docs, reason = "the SDK's macros make constants that they do not describe")]

use crate::workflow::RoundAnswer;
use overture_domain::ids::ConversationId;
use overture_domain::use_cases::{Next, RENEW_EVERY, RunConversation, RunError};
use std::sync::Arc;
use temporalio_macros::activities;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The activities of a worker.
#[derive(Clone)]
pub struct ConversationActivities {
    run: Arc<RunConversation>,
    /// The runtime that owns what talks: pools and senders.
    runtime: Handle,
}

/// What Temporal is told of a call that failed; it makes it again.
#[derive(Debug, Error)]
enum CallError {
    #[error("not a conversation id")]
    NoId,
    #[error("the store could not")]
    Store,
    #[error("the conversation kept changing")]
    Contended,
    #[error("the call panicked")]
    Panicked,
}

impl ConversationActivities {
    /// Runs conversations on a runtime.
    pub(crate) fn new(run: Arc<RunConversation>, runtime: Handle) -> Self {
        Self { run, runtime }
    }
}

#[activities]
impl ConversationActivities {
    /// Does what a conversation has due and says when to call again.
    ///
    /// # Errors
    /// The call did not come to its end; making it again goes on where it stopped.
    #[activity(name = "run_conversation")]
    pub async fn run_conversation(
        self: Arc<Self>,
        ctx: ActivityContext,
        conversation_id: String,
    ) -> Result<RoundAnswer, ActivityError> {
        let id = ConversationId::parse(&conversation_id).ok_or_else(|| failure(CallError::NoId, true))?;
        let run = Arc::clone(&self.run);
        // In a task of its own: a panic ends only that, and what talks stays on its runtime.
        let mut call = AbortOnDrop(self.runtime.spawn(async move { run.run(id).await }));
        let mut life = tokio::time::interval_at(tokio::time::Instant::now() + RENEW_EVERY, RENEW_EVERY);
        let ended = loop {
            tokio::select! {
                ended = &mut call.0 => break ended,
                _ = life.tick() => ctx.record_heartbeat(()).await?,
            }
        };
        match ended {
            Ok(Ok(ran)) => Ok(RoundAnswer {
                rest_ms: match ran.next {
                    Next::Done => None,
                    Next::Rest(rest) => Some(u64::try_from(rest.as_millis()).unwrap_or(u64::MAX).min(LONGEST_REST)),
                },
                status: ran.status.map(|status| status.as_str().to_owned()),
            }),
            Ok(Err(error)) => {
                tracing::warn!(conversation_id = %id, attempt = ctx.info().attempt, %error, "a conversation could not be run; it comes again");
                Err(failure(
                    if matches!(error, RunError::Contended) { CallError::Contended } else { CallError::Store },
                    false,
                ))
            }
            Err(_) => {
                tracing::error!(conversation_id = %id, "a conversation panicked; it comes again");
                Err(failure(CallError::Panicked, false))
            }
        }
    }
}

/// The longest a workflow sleeps before it looks again, in milliseconds: thirty days.
const LONGEST_REST: u64 = 30 * 24 * 60 * 60 * 1_000;

fn failure(error: CallError, non_retryable: bool) -> ActivityError {
    ActivityError::application(ApplicationFailure::builder(error).non_retryable(non_retryable).build())
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
