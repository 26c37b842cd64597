//! `GET /api/channels/{id}`: one channel. `PATCH /api/channels/{id}`: changes it.

use crate::Code;
use crate::authentication::authenticate;
use crate::bodies::{ChannelBody, ChannelPatchBody};
use crate::body;
use crate::failure::{Failure, FailureBody};
use crate::state::State;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use overture_domain::entities::Scope;
use overture_domain::ids::ChannelId;
use overture_domain::ports::ChannelDetails;
use overture_domain::use_cases::Reach;

/// Read a channel
///
/// What the key cannot see is answered as what does not exist.
#[utoipa::path(
    get,
    path = "/api/channels/{id}",
    operation_id = "getChannel",
    tag = "channels",
    security(("apiKey" = [])),
    params(("id" = String, Path, format = "uuid", description = "The channel's id.")),
    responses(
        (status = 200, body = ChannelBody, description = "The channel as it stands now."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:read`."),
        (status = 404, body = FailureBody, description = "There is no such channel."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn channel(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ChannelsRead).await?;
    let id = id_of(&request)?;
    let reader = state.clone();
    let found =
        state.run(async move { Ok(Reach::from(&caller).channel(&*reader.application.management.registry, id).await?) });
    Ok(shown(&state, found.await?))
}

/// Change a channel
///
/// What is absent stays, `null` clears. The state stays as well: whether new settings work is shown by verifying, or by the
/// next message.
#[utoipa::path(
    patch,
    path = "/api/channels/{id}",
    operation_id = "changeChannel",
    tag = "channels",
    security(("apiKey" = [])),
    params(("id" = String, Path, format = "uuid", description = "The channel's id.")),
    request_body(content = ChannelPatchBody, description = "What is to change."),
    responses(
        (status = 200, body = ChannelBody, description = "The channel as it is now."),
        (status = 400, body = FailureBody, description = "A field cannot be used; `field` names it. `secrets_required`: `details.fields` must be sent again."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:write`."),
        (status = 404, body = FailureBody, description = "There is no such channel."),
        (status = 503, body = FailureBody, description = "`busy`: nothing was stored, send it again. `outcome_unknown`: look first."),
    )
)]
pub(crate) async fn change_channel(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ChannelsWrite).await?;
    let id = id_of(&request)?;
    let patch = ChannelPatchBody::read(&body::read(&request, payload, &state).await?)?;
    let worker = state.clone();
    let changed = state
        .run(async move { Ok(worker.application.management.change.execute(&Reach::from(&caller), id, &patch).await?) });
    Ok(shown(&state, changed.await?))
}

/// The id in the path; what is no UUID names nothing.
pub(crate) fn id_of(request: &HttpRequest) -> Result<ChannelId, Failure> {
    let id = ChannelId::parse(request.match_info().query("id"));
    id.ok_or_else(|| Failure::new(Code::ChannelNotFound, "Channel not found"))
}

fn shown(state: &State, found: ChannelDetails) -> HttpResponse {
    let body = ChannelBody::of(found, state.application.public_url.as_deref());
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body)
}
