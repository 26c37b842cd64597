//! `GET /api/channels`: the channels page by page. `POST /api/channels`: makes one.

use crate::authentication::authenticate;
use crate::bodies::{ChannelBody, ChannelPage, NewChannelBody};
use crate::body;
use crate::cursor;
use crate::failure::{Failure, FailureBody};
use crate::query::ChannelQuery;
use crate::state::State;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use overture_domain::entities::Scope;
use overture_domain::ids::WorkspaceId;
use overture_domain::ports::Position;
use overture_domain::use_cases::Reach;

/// List channels
///
/// Oldest first. A key that is bound to a workspace sees the channels of that one.
#[utoipa::path(
    get,
    path = "/api/channels",
    operation_id = "listChannels",
    tag = "channels",
    security(("apiKey" = [])),
    params(
        ("workspaceId" = Option<String>, Query, nullable = false, format = "uuid", description = "Only those of this workspace."),
        ("limit" = Option<u32>, Query, nullable = false, minimum = 1, maximum = 100, description = "How many, 50 if left out."),
        ("cursor" = Option<String>, Query, nullable = false, description = "The `nextCursor` of the page before."),
    ),
    responses(
        (status = 200, body = ChannelPage, description = "A page of channels."),
        (status = 400, body = FailureBody, description = "A parameter cannot be used."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:read`, or is bound to another workspace."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn channels(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ChannelsRead).await?;
    let query = ChannelQuery::parse(request.query_string())?;
    let reach = Reach::from(&caller);
    if query.workspace.is_some_and(|workspace| !reach.sees(workspace)) {
        return Err(Failure::foreign_workspace());
    }
    let workspace = query.workspace.or(reach.workspace_id);
    let filters = filters(workspace);
    let after = query.page.cursor.map(|text| cursor::read(&text, &filters)).transpose()?;
    let (limit, reader) = (query.page.limit, state.clone());
    let page = state.run(async move {
        let application = &reader.application;
        // One more than asked for tells whether there is a next page.
        let mut found = application.management.registry.page(reach.tenant_id, workspace, after, limit + 1).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| more).map(|last| &last.channel);
        let next_cursor =
            last.map(|last| cursor::write(Position { created_at: last.created_at, id: last.id.as_uuid() }, &filters));
        let url = application.public_url.as_deref();
        Ok(ChannelPage { data: found.into_iter().map(|one| ChannelBody::of(one, url)).collect(), next_cursor })
    });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(page.await?))
}

/// What makes this list another than its neighbours.
fn filters(workspace: Option<WorkspaceId>) -> Vec<u8> {
    let workspace = workspace.map(|id| id.as_uuid().into_bytes()).unwrap_or_default();
    [b"channels".as_slice(), workspace.as_slice()].concat()
}

/// Make a channel
///
/// A channel that leaves this machine begins `unverified` and takes no messages before it was verified; a sandbox is
/// `active` at once.
#[utoipa::path(
    post,
    path = "/api/channels",
    operation_id = "addChannel",
    tag = "channels",
    security(("apiKey" = [])),
    request_body(content = NewChannelBody, description = "The channel that is wanted."),
    responses(
        (status = 201, body = ChannelBody, description = "The channel; `Location` is its path.",
            headers(("Location" = String, description = "The channel's path."))),
        (status = 400, body = FailureBody, description = "A field cannot be used; `field` names it."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `channels:write`, or is bound to another workspace."),
        (status = 503, body = FailureBody, description = "`busy`: nothing was stored, send it again. `outcome_unknown`: look first."),
    )
)]
pub(crate) async fn add_channel(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ChannelsWrite).await?;
    let new = NewChannelBody::read(&body::read(&request, payload, &state).await?)?;
    let worker = state.clone();
    let added =
        state.run(async move { Ok(worker.application.management.add.execute(&Reach::from(&caller), new).await?) });
    let added = added.await?;
    let path = format!("/api/channels/{}", added.channel.id);
    let body = ChannelBody::of(added, state.application.public_url.as_deref());
    Ok(HttpResponse::Created().insert_header((LOCATION, path)).insert_header((CACHE_CONTROL, "no-store")).json(body))
}
