//! Starting the workflow of a conversation, or waking it.

use crate::attributes::Attributes;
use crate::connection::TemporalConnection;
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
        let established = self
            .connection
            .established()
            .ok_or_else(|| StartError::Unavailable("Temporal has not answered yet".into()))?;
        let input = WorkflowInput {
            conversation_id: order.conversation_id.to_string(),
            shows_status: established.attributes.known,
            rounds: self.rounds,
        };
        let started = established.client.signal_with_start_workflow(
            OutboundConversationWorkflow::run,
            input,
            OutboundConversationWorkflow::wake,
            (),
            start_options(order, established.attributes),
        );
        let started = started.await.map_err(|error| start_error(&error));
        self.connection.note(!matches!(started, Err(StartError::Unavailable(_))));
        started.map(|_| Started::Durably)
    }
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

/// What a failed start means. `Refused` is only what lies in the order itself: everything else can be mended without it.
fn start_error(error: &WorkflowStartError) -> StartError {
    match error {
        WorkflowStartError::Rpc(status) if status.code() == Code::InvalidArgument => {
            StartError::Refused(status.message().to_owned())
        }
        WorkflowStartError::Rpc(status) => StartError::Unavailable(format!("{}: {}", status.code(), status.message())),
        WorkflowStartError::PayloadConversion(error) => StartError::Refused(error.to_string()),
        error => StartError::Unavailable(error.to_string()),
    }
}
