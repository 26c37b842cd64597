//! The bare loop beside the relay: the SDK's client and nothing else, with the request that the service sends, as many at
//! once as it is told.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, GrpcCompression, RetryOptions, RpcOptions, Url,
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions, tonic::IntoRequest,
};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1::AddSearchAttributesRequest;
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes};
use temporalio_common::{HasWorkflowDefinition, SignalDefinition, WorkflowDefinition};
use tokio::task::JoinSet;
use uuid::Uuid;

const NAMESPACE: &str = "default";
const TASK_QUEUE: &str = "outbound-conversations";
const TIMEOUT: Duration = Duration::from_secs(5);

/// The service's search attributes, all keywords.
const ATTRIBUTES: [&str; 3] = ["OvertureConversationId", "OvertureWorkspaceId", "OvertureStatus"];

/// The service's workflow, as a client sees it.
struct Outbound;

impl WorkflowDefinition for Outbound {
    type Input = Input;
    type Output = ();
    fn name(&self) -> &str {
        "OutboundConversationWorkflow"
    }
}

impl HasWorkflowDefinition for Outbound {
    type Run = Self;
}

/// Its signal.
struct Wake;

impl SignalDefinition for Wake {
    type Workflow = Outbound;
    type Input = ();
    fn name(&self) -> &str {
        "wake"
    }
}

#[derive(Serialize, Deserialize)]
struct Input {
    conversation_id: String,
    shows_status: bool,
}

/// A client that has connected.
#[derive(Clone)]
pub(crate) struct Sdk {
    client: Client,
}

impl Sdk {
    /// Connects, as the service does to a server on its own machine.
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let options = ConnectionOptions::new(Url::parse(address)?)
            .identity("overture-bench")
            .grpc_compression(GrpcCompression::None)
            .retry_options(RetryOptions::no_retries())
            .build();
        let connection = Connection::connect(options).await?;
        let client = Client::new(connection, ClientOptions::new(NAMESPACE).build())?;
        Ok(Self { client })
    }

    /// Tells the namespace of the search attributes, as the first service that connects does.
    pub(crate) async fn add_attributes(&self) -> Result<()> {
        let keyword = IndexedValueType::Keyword as i32;
        let request = AddSearchAttributesRequest {
            search_attributes: ATTRIBUTES.map(|name| (name.to_owned(), keyword)).into(),
            namespace: NAMESPACE.to_owned(),
        };
        self.client.connection().operator_service().add_search_attributes(request.into_request()).await?;
        Ok(())
    }

    /// Starts so many workflows, `at_once` at a time; how many per second.
    pub(crate) async fn rate(&self, workflows: u64, at_once: usize) -> Result<f64> {
        let left = Arc::new(AtomicU64::new(workflows));
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let (sdk, left) = (self.clone(), Arc::clone(&left));
            tasks.spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    sdk.start().await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(workflows as f64 / started.elapsed().as_secs_f64())
    }

    /// Starts workflows, so many at once, for as long as this is awaited; counts them.
    pub(crate) async fn keep_starting(&self, at_once: usize, started: &Arc<AtomicU64>) -> Result<()> {
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let (sdk, started) = (self.clone(), Arc::clone(started));
            tasks.spawn(async move {
                loop {
                    if let Err(error) = sdk.start().await {
                        return error;
                    }
                    started.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        match tasks.join_next().await {
            Some(ended) => Err(ended?),
            None => Ok(()),
        }
    }

    async fn start(&self) -> Result<()> {
        let conversation = id().to_string();
        let values = [conversation.clone(), id().to_string(), "in_progress".to_owned()];
        let attributes = ATTRIBUTES.into_iter().zip(values);
        let attributes = attributes.map(|(name, value)| SearchAttributeKey::keyword(name).value_set(value));
        let options = WorkflowStartOptions::new(TASK_QUEUE, format!("conversation-{conversation}"))
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(SearchAttributes::new(attributes))
            .rpc_options(RpcOptions::builder().timeout(TIMEOUT).retry_options(RetryOptions::no_retries()).build())
            .build();
        let input = Input { conversation_id: conversation, shows_status: true };
        let started = self.client.signal_with_start_workflow(Outbound, input, Wake, (), options);
        started.await.map(drop).context("a workflow was not started")
    }
}

pub(crate) fn id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "a benchmark makes its ids as the service does")]
    Uuid::now_v7()
}
