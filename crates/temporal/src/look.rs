//! A look at a Temporal without a part in it: whether it would do, and whether anybody works on it. Changes nothing.

use crate::breaker::Trouble;
use crate::connection::{ask, dial, in_time};
use crate::options::TemporalOptions;
use crate::{TASK_QUEUE, attributes};
use temporalio_client::tonic::IntoRequest;
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeTaskQueueRequest;

/// What a look saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Search attributes (Keyword) that the namespace does not have; `None` where it may not be looked.
    pub missing_attributes: Option<Vec<&'static str>>,
    /// Whether a worker has asked for conversations in the last minutes; `None` where it may not be looked.
    pub has_worker: Option<bool>,
}

/// Connects as every process does, finds the namespace, and looks what is in it.
///
/// # Errors
/// Nobody answers, or whoever does refuses us: a key, a certificate or the namespace is wrong.
pub async fn look(options: &TemporalOptions) -> Result<Seen, Trouble> {
    let connection = dial(options).await?;
    ask(&connection, &options.namespace).await?;
    let queue = TaskQueue { name: TASK_QUEUE.to_owned(), ..TaskQueue::default() };
    let request = DescribeTaskQueueRequest {
        namespace: options.namespace.clone(),
        task_queue: Some(queue),
        task_queue_type: TaskQueueType::Activity as i32,
        ..DescribeTaskQueueRequest::default()
    };
    let described = in_time(connection.workflow_service().describe_task_queue(request.into_request())).await;
    Ok(Seen {
        missing_attributes: attributes::missing(&connection, &options.namespace).await.ok(),
        has_worker: described.ok().map(|described| !described.pollers.is_empty()),
    })
}
