//! Starting the workflow of a conversation, or waking it.

use crate::attributes::Attributes;
use crate::breaker::Trouble;
use crate::connection::{Established, TemporalConnection};
use crate::workflow::{OutboundConversationWorkflow, ROUNDS, WorkflowInput};
use crate::{TASK_QUEUE, workflow_id};
use async_trait::async_trait;
use overture_domain::ports::{StartError, StartOrder, Started, WorkflowStarter};
use std::time::Duration;
use temporalio_client::errors::WorkflowStartError;
use temporalio_client::tonic::Code;
use temporalio_client::{
    RetryOptions, RpcOptions, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions,
};

/// How long Temporal may take to answer; what is late comes again by the relay.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Starts workflows by signal-with-start: what runs is woken, what does not run or has ended is started.
pub struct TemporalStarter {
    connection: TemporalConnection,
    rounds: u32,
}

impl TemporalStarter {
    /// On a connection, which need not stand yet.
    pub fn new(connection: TemporalConnection) -> Self {
        Self { connection, rounds: ROUNDS }
    }

    /// The same, but the history of what it starts begins anew after so many rounds.
    #[must_use]
    pub fn beginning_anew_after(self, rounds: u32) -> Self {
        Self { rounds, ..self }
    }
}

#[async_trait]
impl WorkflowStarter for TemporalStarter {
    async fn start(&self, order: &StartOrder) -> Result<Started, StartError> {
        let established = self.connection.established().ok_or_else(|| {
            failed("unavailable");
            StartError::Unavailable("Temporal has not answered yet".into())
        })?;
        let mut asked = self.ask(&established, order, established.attributes).await;
        // The namespace may have been made anew, without our search attributes: none of its conversations waits for those.
        if matches!(asked, Err(Failed::ByOrder(_))) && established.attributes.known {
            asked = self.ask(&established, order, Attributes { known: false }).await;
            if asked.is_ok() {
                self.connection.doubt_attributes();
            }
        }
        self.connection.note(match &asked {
            Err(Failed::ByTrouble(trouble)) => Some(trouble.clone()),
            Ok(()) | Err(Failed::ByOrder(_)) => None,
        });
        match asked {
            Ok(()) => Ok(Started::Durably),
            Err(Failed::ByTrouble(trouble)) => {
                failed("unavailable");
                Err(StartError::Unavailable(trouble.error))
            }
            Err(Failed::ByOrder(error)) => {
                failed("refused");
                Err(StartError::Refused(error))
            }
        }
    }
}

/// What a failed start means.
enum Failed {
    /// It lies in the order itself: asking again will not help.
    ByOrder(String),
    /// Everything else can be mended without it.
    ByTrouble(Trouble),
}

impl TemporalStarter {
    async fn ask(&self, established: &Established, order: &StartOrder, attributes: Attributes) -> Result<(), Failed> {
        let input = WorkflowInput {
            conversation_id: order.conversation_id.to_string(),
            shows_status: attributes.known,
            rounds: self.rounds,
        };
        let started = established.client.signal_with_start_workflow(
            OutboundConversationWorkflow::run,
            input,
            OutboundConversationWorkflow::wake,
            (),
            start_options(order, attributes),
        );
        match started.await {
            Ok(_) => Ok(()),
            Err(WorkflowStartError::Rpc(status)) if status.code() == Code::InvalidArgument => {
                Err(Failed::ByOrder(status.message().to_owned()))
            }
            Err(WorkflowStartError::Rpc(status)) => Err(Failed::ByTrouble(Trouble::of(&status))),
            Err(WorkflowStartError::PayloadConversion(error)) => Err(Failed::ByOrder(error.to_string())),
            Err(error) => Err(Failed::ByTrouble(Trouble::silence(error.to_string()))),
        }
    }
}

fn failed(why: &'static str) {
    metrics::counter!("overture_engine_starts_failed_total", "why" => why).increment(1);
}

fn start_options(order: &StartOrder, attributes: Attributes) -> WorkflowStartOptions {
    WorkflowStartOptions::new(TASK_QUEUE, workflow_id(order.conversation_id))
        // What has ended may have something due again: a reply, say. The rows say whether; a needless run finds nothing.
        .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .maybe_search_attributes(attributes.of(order))
        .rpc_options(RpcOptions::builder().timeout(TIMEOUT).retry_options(RetryOptions::no_retries()).build())
        .build()
}
