//! `POST /api/conversations/compose/preview`: says what a compose would do, and does nothing.

use crate::authentication::authenticate;
use crate::bodies::{ComposeBody, PreviewBody};
use crate::body;
use crate::failure::{Failure, FailureBody};
use crate::preferences::Preferences;
use crate::state::State;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use overture_domain::entities::Scope;
use overture_domain::use_cases::ComposeCommand;

/// See what a compose would do
///
/// Takes the body of a compose, changes nothing, and answers who would be written to, what would leave and how, and everything
/// that is wrong with the request.
#[utoipa::path(
    post,
    path = "/api/conversations/compose/preview",
    operation_id = "previewConversation",
    tag = "conversations",
    security(("apiKey" = [])),
    params(
        ("Prefer" = Option<String>, Header, nullable = false, example = "handling=strict",
            description = "`handling=strict` as for compose (scope `contacts:read`). RFC 7240."),
    ),
    request_body(content = ComposeBody, content_type = "application/json"),
    responses(
        (status = 200, body = PreviewBody, description = "What would happen; `ok` says whether it would be accepted."),
        (status = 400, body = FailureBody, description = "The body cannot be read."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks a scope, or is bound to another workspace."),
        (status = 413, body = FailureBody, description = "The body is too large."),
        (status = 415, body = FailureBody, description = "The body is not JSON."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn preview(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ConversationsWrite).await?;
    let strict = Preferences::of(request.headers()).strict;
    let body = body::read(&request, payload, &state).await?;
    let command = ComposeCommand { strict, ..ComposeBody::read(&body)?.into() };
    let outbound = state.application.preview.clone();
    let work =
        async move { outbound.execute(&caller, &command).await.map_err(|error| Failure::of_compose(error, false)) };
    let preview = state.run(work).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(PreviewBody::from(preview)))
}
