//! What is done with a channel: `POST …/verify`, `…/pause`, `…/resume`, and `GET …/templates`.

use super::channel::id_of;
use crate::authentication::authenticate;
use crate::bodies::{ApprovedTemplateBody, ProblemBody, TemplateList};
use crate::failure::{Failure, FailureBody};
use crate::state::State;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use overture_domain::entities::Scope;
use overture_domain::use_cases::{ChannelRule, Reach, WINDOW_TEMPLATE};
use serde::Serialize;
use utoipa::ToSchema;

/// It is done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// True.
    #[schema(example = true)]
    ok: bool,
}

/// The settings work.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerifiedBody {
    /// True.
    #[schema(example = true)]
    ok: bool,
    /// What will hold messages up although the settings work: the template of `outsideWindow` is not approved, or takes other
    /// variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    problems: Vec<ProblemBody>,
}

/// Verify a channel
///
/// Tries the settings at the provider without sending: credentials, account, number. If they work, the channel is `active`,
/// what waits for it leaves, and its approved templates are known.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/verify",
    operation_id = "verifyChannel",
    tag = "channels",
    security(("apiKey" = [])),
    params(("id" = String, Path, format = "uuid", description = "The channel's id.")),
    responses(
        (status = 200, body = VerifiedBody, description = "The settings work."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:write`."),
        (status = 404, body = FailureBody, description = "There is no such channel."),
        (status = 422, body = FailureBody, description = "`verification_failed`: `details.outcome` is `credentials_refused`, `sender_unknown`, `unreachable`, `address_refused` or `unexpected_answer`. Nothing changed."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn verify_channel(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ChannelsWrite).await?;
    let id = id_of(&request)?;
    let worker = state.clone();
    let verified =
        state.run(async move { Ok(worker.application.management.verify.execute(&Reach::from(&caller), id).await?) });
    let unfit = verified.await?.map(|text| ProblemBody::of_channel(ChannelRule::Window, WINDOW_TEMPLATE, text));
    let body = VerifiedBody { ok: true, problems: unfit.into_iter().collect() };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body))
}

/// Pause a channel
///
/// Its messages wait and their time stands still; composes are accepted.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/pause",
    operation_id = "pauseChannel",
    tag = "channels",
    security(("apiKey" = [])),
    params(("id" = String, Path, format = "uuid", description = "The channel's id.")),
    responses(
        (status = 200, body = Done, description = "It is paused."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:write`."),
        (status = 404, body = FailureBody, description = "There is no such channel."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn pause_channel(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    set_paused(&request, &state, true).await
}

/// Resume a channel
///
/// What waits leaves, with the time it had left when the channel was paused.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/resume",
    operation_id = "resumeChannel",
    tag = "channels",
    security(("apiKey" = [])),
    params(("id" = String, Path, format = "uuid", description = "The channel's id.")),
    responses(
        (status = 200, body = Done, description = "It goes on."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:write`."),
        (status = 404, body = FailureBody, description = "There is no such channel."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn resume_channel(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    set_paused(&request, &state, false).await
}

async fn set_paused(request: &HttpRequest, state: &web::Data<State>, paused: bool) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), state, Scope::ChannelsWrite).await?;
    let id = id_of(request)?;
    let worker = state.clone();
    let set = state
        .run(async move { Ok(worker.application.management.pause.execute(&Reach::from(&caller), id, paused).await?) });
    set.await?;
    Ok(done())
}

/// List a channel's approved templates
///
/// As the provider told them last; it is asked when the channel is verified, and at most once an hour.
#[utoipa::path(
    get,
    path = "/api/channels/{id}/templates",
    operation_id = "listTemplates",
    tag = "channels",
    security(("apiKey" = [])),
    params(("id" = String, Path, format = "uuid", description = "The channel's id.")),
    responses(
        (status = 200, body = TemplateList, description = "The templates; none where the transport has none."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:read`."),
        (status = 404, body = FailureBody, description = "There is no such channel."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn templates(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ChannelsRead).await?;
    let id = id_of(&request)?;
    let worker = state.clone();
    let listed =
        state.run(async move { Ok(worker.application.management.templates.execute(&Reach::from(&caller), id).await?) });
    let data = listed.await?.into_iter().map(ApprovedTemplateBody::from).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(TemplateList { data }))
}

fn done() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Done { ok: true })
}
