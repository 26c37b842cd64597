//! `GET /api/conversations/{id}`: one conversation.

use crate::Code;
use crate::authentication::authenticate;
use crate::bodies::ConversationBody;
use crate::failure::{Failure, FailureBody};
use crate::state::State;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use overture_domain::entities::{Caller, Conversation, Scope};
use overture_domain::ids::ConversationId;

/// Read a conversation
///
/// What the key cannot see is answered as what does not exist.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}",
    operation_id = "getConversation",
    tag = "conversations",
    security(("apiKey" = [])),
    params(("id" = String, Path, format = "uuid", description = "The conversation's id.")),
    responses(
        (status = 200, body = ConversationBody, description = "The conversation as it stands now."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `conversations:read`."),
        (status = 404, body = FailureBody, description = "There is no such conversation."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn conversation(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ConversationsRead).await?;
    let id = id_of(&request)?;
    let reader = state.clone();
    let found = state.run(async move { find(&reader, &caller, id).await }).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(ConversationBody::from(&found)))
}

/// The id in the path; what is no UUID names nothing.
pub(crate) fn id_of(request: &HttpRequest) -> Result<ConversationId, Failure> {
    ConversationId::parse(request.match_info().query("id")).ok_or_else(not_found)
}

/// The conversation, if it exists for this caller.
pub(crate) async fn find(state: &State, caller: &Caller, id: ConversationId) -> Result<Conversation, Failure> {
    let found = state.application.conversations.find(caller.tenant_id, id).await?;
    found.filter(|conversation| caller.sees(conversation.workspace_id)).ok_or_else(not_found)
}

pub(crate) fn not_found() -> Failure {
    Failure::new(Code::ConversationNotFound, "Conversation not found")
}
