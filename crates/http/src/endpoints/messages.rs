//! `GET /api/conversations/{id}/messages`: the messages of a conversation, page by page.

use super::conversation::{find, id_of, not_found};
use crate::authentication::authenticate;
use crate::bodies::{MessageBody, MessagePage};
use crate::cursor;
use crate::failure::{Failure, FailureBody};
use crate::query::PageQuery;
use crate::state::State;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use overture_domain::entities::{Caller, Scope};
use overture_domain::ids::ConversationId;
use overture_domain::ports::Position;

/// Read a conversation's messages
///
/// Oldest first. A cursor stays valid while messages are added.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}/messages",
    operation_id = "listMessages",
    tag = "conversations",
    security(("apiKey" = [])),
    params(
        ("id" = String, Path, format = "uuid", description = "The conversation's id."),
        ("limit" = Option<u32>, Query, nullable = false, minimum = 1, maximum = 100, description = "How many, 50 if left out."),
        ("cursor" = Option<String>, Query, nullable = false, description = "The `nextCursor` of the page before."),
    ),
    responses(
        (status = 200, body = MessagePage, description = "A page of messages."),
        (status = 400, body = FailureBody, description = "`limit` or `cursor` cannot be used."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks `conversations:read`."),
        (status = 404, body = FailureBody, description = "There is no such conversation."),
        (status = 503, body = FailureBody, description = "The server is busy; ask again."),
    )
)]
pub(crate) async fn messages(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let caller = authenticate(request.headers(), &state, Scope::ConversationsRead).await?;
    let id = id_of(&request)?;
    let query = PageQuery::parse(request.query_string())?;
    let after = query.cursor.map(|text| cursor::read(&text, &filters(id))).transpose()?;
    let reader = state.clone();
    let page = state.run(async move { page(&reader, &caller, id, after, query.limit).await }).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(page))
}

async fn page(
    state: &State,
    caller: &Caller,
    id: ConversationId,
    after: Option<Position>,
    limit: u32,
) -> Result<MessagePage, Failure> {
    let application = &state.application;
    let conversation = find(state, caller, id).await?;
    let place =
        application.channels.place(caller.tenant_id, Some(conversation.workspace_id), Some(conversation.channel_id));
    // One more than asked for tells whether there is a next page.
    let messages = application.conversations.messages(caller.tenant_id, id, after, limit + 1);
    let (place, mut messages) = futures_util::try_join!(place, messages)?;
    let kind = place.channel.ok_or_else(not_found)?.kind;
    let more = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    let last = messages.last().filter(|_| more);
    let next_cursor =
        last.map(|last| cursor::write(Position { created_at: last.created_at, id: last.id.as_uuid() }, &filters(id)));
    let now = application.clock.now();
    Ok(MessagePage {
        data: messages.into_iter().map(|message| MessageBody::of(message, kind, now)).collect(),
        next_cursor,
    })
}

/// What makes this list another than its neighbours.
fn filters(id: ConversationId) -> [u8; 16] {
    id.as_uuid().into_bytes()
}
