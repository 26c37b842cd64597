//! Search attributes: by what conversations can be found in Temporal. Ids and a status, nothing personal.

use crate::breaker::Trouble;
use crate::connection::in_time;
use overture_domain::ports::StartOrder;
use std::collections::HashMap;
use temporalio_client::{Connection, tonic};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest,
};
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes};
use tonic::IntoRequest;

const CONVERSATION: SearchAttributeKey<String> = SearchAttributeKey::keyword("OvertureConversationId");
const WORKSPACE: SearchAttributeKey<String> = SearchAttributeKey::keyword("OvertureWorkspaceId");
/// Where the conversation stood when its workflow last looked.
pub(crate) const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword("OvertureStatus");

const NAMES: [&str; 3] = ["OvertureConversationId", "OvertureWorkspaceId", "OvertureStatus"];
/// The status of a conversation that was just started.
const STARTED: &str = "in_progress";

/// Whether the namespace knows our attributes: a start that names an unknown one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) known: bool,
}

impl Attributes {
    /// Those of a conversation, if the namespace knows them.
    pub(crate) fn of(self, order: &StartOrder) -> Option<SearchAttributes> {
        self.known.then(|| {
            SearchAttributes::new([
                CONVERSATION.value_set(order.conversation_id.to_string()),
                WORKSPACE.value_set(order.workspace_id.to_string()),
                STATUS.value_set(STARTED.to_owned()),
            ])
        })
    }
}

/// Looks whether the namespace knows our attributes and adds what it lacks. Where neither is allowed, conversations run
/// without them; where nobody answers, what was known before stays.
pub(crate) async fn provide(connection: &Connection, namespace: &str, before: Attributes) -> Attributes {
    let known = match missing(connection, namespace).await {
        Ok(missing) if missing.is_empty() => Ok(()),
        Ok(missing) => add(connection, namespace, missing).await,
        Err(error) => Err(error),
    };
    let Err(error) = known else { return Attributes { known: true } };
    tracing::warn!(
        namespace,
        error = error.message(),
        "the namespace may have no search attributes {NAMES:?} (Keyword), and they cannot be added; conversations run without"
    );
    if Trouble::of(&error).refused { Attributes { known: false } } else { before }
}

/// Which of our attributes the namespace does not know.
pub(crate) async fn missing(connection: &Connection, namespace: &str) -> Result<Vec<&'static str>, tonic::Status> {
    let request = ListSearchAttributesRequest { namespace: namespace.to_owned() };
    let listed = in_time(connection.operator_service().list_search_attributes(request.into_request())).await?;
    let there = listed.custom_attributes;
    Ok(NAMES.into_iter().filter(|name| !there.contains_key(*name)).collect())
}

async fn add(connection: &Connection, namespace: &str, names: Vec<&str>) -> Result<(), tonic::Status> {
    let search_attributes: HashMap<_, _> =
        names.into_iter().map(|name| (name.to_owned(), IndexedValueType::Keyword as i32)).collect();
    let request = AddSearchAttributesRequest { search_attributes, namespace: namespace.to_owned() };
    match in_time(connection.operator_service().add_search_attributes(request.into_request())).await {
        Ok(_) => Ok(()),
        // Another process was faster.
        Err(status) if status.code() == tonic::Code::AlreadyExists => Ok(()),
        Err(status) => Err(status),
    }
}
