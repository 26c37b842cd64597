//! The one activity: a call of `RunConversation`, with a sign of life while it lasts. What it tells Temporal holds no word
//! of a person: errors are named, never quoted.
#![expect(missing_docs, reason = "the SDK's macros make constants that they do not describe")]

use crate::workflow::RoundAnswer;
use overture_domain::ids::ConversationId;
use overture_domain::use_cases::{Next, RENEW_EVERY, Ran, RunConversation, RunError};
use std::sync::Arc;
use std::time::Duration;
use temporalio_macros::activities;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The activities of a worker.
#[derive(Clone)]
pub struct ConversationActivities {
    run: Arc<RunConversation>,
    /// The runtime that owns what talks: pools and senders.
    runtime: Handle,
    /// How many calls may wait for what is due in a moment.
    seats: Arc<Semaphore>,
}

/// What is due so soon is waited for in the call: a timer of Temporal may come a second late, and messages that leave one
/// after the other would each lose that second.
const SOON: Duration = Duration::from_millis(1_500);

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
    /// Runs conversations on a runtime, so many at once. At most half of them only wait: nobody else waits for those.
    pub(crate) fn new(run: Arc<RunConversation>, runtime: Handle, concurrency: usize) -> Self {
        Self { run, runtime, seats: Arc::new(Semaphore::new(concurrency / 2)) }
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
        let (run, seats) = (Arc::clone(&self.run), Arc::clone(&self.seats));
        // In a task of its own: a panic ends only that, and what talks stays on its runtime.
        let mut call = AbortOnDrop(self.runtime.spawn(async move { until_it_rests(&run, &seats, id).await }));
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

/// Runs a conversation, and once more where it has something due in a moment and there is a seat to wait on.
async fn until_it_rests(run: &RunConversation, seats: &Semaphore, id: ConversationId) -> Result<Ran, RunError> {
    let ran = run.run(id).await?;
    let Next::Rest(rest) = ran.next else { return Ok(ran) };
    if rest > SOON {
        return Ok(ran);
    }
    let Ok(_seat) = seats.try_acquire() else { return Ok(ran) };
    tokio::time::sleep(rest).await;
    run.run(id).await
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
