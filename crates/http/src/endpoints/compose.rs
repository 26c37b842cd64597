//! `POST /api/conversations/compose`: opens a conversation.

use crate::authentication::authenticate;
use crate::bodies::{ComposeAnswer, ComposeBody, ContactBody, ConversationBody, MessageBody, Supplied};
use crate::body;
use crate::failure::{Failure, FailureBody};
use crate::gate::Pass;
use crate::headers::{IDEMPOTENCY_REPLAYED, NOTICE, PREFERENCE_APPLIED, idempotency_key};
use crate::preferences::Preferences;
use crate::state::State;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use overture_domain::entities::{Caller, Scope};
use overture_domain::ports::StoreError;
use overture_domain::use_cases::{ComposeCommand, Composed};

const OK: &[u8] = br#"{"ok":true}"#;

/// What the client is told: what was opened and, if it asked and may see it, how that looks.
struct Answer {
    composed: Composed,
    representation: Option<ComposeAnswer>,
}

/// Open a conversation with a first outbound message
///
/// An agent of yours begins: the contact is found by its id or found or made by an address, the conversation and its first
/// message are stored, and its `OutboundConversationWorkflow` delivers the message through the channel. The answer means
/// that all of it is on disk; it waits for no delivery.
#[utoipa::path(
    post,
    path = "/api/conversations/compose",
    operation_id = "composeConversation",
    tag = "conversations",
    security(("apiKey" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, nullable = false, min_length = 1, max_length = 255,
            description = "Makes the request repeatable for 24 hours: the same key with the same body finds what the first request opened."),
        ("Prefer" = Option<String>, Header, nullable = false, example = "return=representation",
            description = "`return=representation` shows what was opened (scope `conversations:read`); `handling=strict` answers 409 \
                where an address would be ignored (scope `contacts:read`). RFC 7240."),
        ("X-Request-Id" = Option<String>, Header, nullable = false, max_length = 64,
            description = "Your own id for this request; it comes back in the answer."),
    ),
    request_body(content = ComposeBody, content_type = "application/json"),
    responses(
        (status = 200, body = ComposeAnswer, description = "The conversation is open and its message is on its way.",
            headers(
                ("Location" = String, description = "The path of the conversation."),
                ("Overture-Notice" = String, description = "Codes of what was accepted but deserves a look, comma-separated."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier request with this key opened it."),
                ("Preference-Applied" = String, description = "Which preferences were honoured."),
                ("X-Request-Id" = String, description = "The id of this request."),
            )),
        (status = 400, body = FailureBody, description = "The request breaks a rule: nobody was named, say, or the workspace has no such channel. Nothing was stored."),
        (status = 401, body = FailureBody, description = "No valid API key."),
        (status = 403, body = FailureBody, description = "The key lacks a scope, or is bound to another workspace."),
        (status = 408, body = FailureBody, description = "The body did not arrive in time. Nothing was stored."),
        (status = 409, body = FailureBody, description = "The first request with this idempotency key still runs, or the addresses name different contacts and the request asked to be strict."),
        (status = 413, body = FailureBody, description = "The body is too large."),
        (status = 415, body = FailureBody, description = "The body is not JSON."),
        (status = 422, body = FailureBody, description = "The idempotency key was used for another body."),
        (status = 429, body = FailureBody, description = "A quota of the channel is used up. Nothing was stored; send it again when `Retry-After` has passed."),
        (status = 500, body = FailureBody, description = "Our fault."),
        (status = 503, body = FailureBody, description = "`busy`: nothing was stored, send it again. `outcome_unknown`: it may have been stored; the text says how to look."),
    )
)]
pub(crate) async fn compose(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let headers = request.headers();
    let caller = authenticate(headers, &state, Scope::ConversationsWrite).await?;
    let mut preferences = Preferences::of(headers);
    let idempotency_key = idempotency_key(headers)?;
    let body = body::read(&request, payload, &state).await?;
    let command = ComposeCommand { strict: preferences.strict, idempotency_key, ..ComposeBody::read(&body)?.into() };
    let represent = preferences.representation && caller.may(Scope::ConversationsRead);
    // Who waits for a turn takes no place from others. The pass goes with the work, which ends whoever still waits for it.
    let pass = state.gate.enter(caller.tenant_id, command.idempotency_key.as_ref()).await?;
    let answer = state.run(open(state.clone(), pass, caller, command, represent)).await?;
    preferences.representation = answer.representation.is_some();
    Ok(answer.tell(preferences))
}

/// Runs to its end on the main runtime, with its turn at the gate, whether the client still waits or not.
async fn open(
    state: web::Data<State>,
    pass: Pass,
    caller: Caller,
    command: ComposeCommand,
    represent: bool,
) -> Result<Answer, Failure> {
    let keyed = command.idempotency_key.is_some();
    let supplied = represent.then(|| Supplied::by(&command));
    let composed = state.application.compose.execute(&caller, command).await;
    drop(pass);
    let composed = composed.map_err(|error| Failure::of_compose(error, keyed))?;
    let Some(supplied) = supplied else { return Ok(Answer { composed, representation: None }) };
    // What was opened is open, whatever becomes of showing it.
    let representation = represented(&state, &caller, &composed, supplied).await.unwrap_or_else(|error| {
        tracing::warn!(conversation_id = %composed.conversation_id, %error, "a representation could not be read");
        None
    });
    Ok(Answer { composed, representation })
}

/// What was opened, as its rows are now; `None` if they are gone.
async fn represented(
    state: &State,
    caller: &Caller,
    composed: &Composed,
    supplied: Supplied,
) -> Result<Option<ComposeAnswer>, StoreError> {
    let application = &state.application;
    let (tenant, id) = (caller.tenant_id, composed.conversation_id);
    let conversation = application.conversations.find(tenant, id);
    let messages = application.conversations.messages(tenant, id, None, 2);
    let (conversation, messages) = futures_util::try_join!(conversation, messages)?;
    let Some(conversation) = conversation else { return Ok(None) };
    // What asks the contact to write was made in the same change and stands before what waits for that.
    let made = messages.into_iter().take_while(|message| message.created_at == conversation.created_at);
    let Some(message) = made.last() else { return Ok(None) };
    let place =
        application.channels.place(tenant, Some(conversation.workspace_id), Some(conversation.channel_id)).await?;
    let Some(channel) = place.channel else { return Ok(None) };
    let mut shown = ConversationBody::from(&conversation);
    let contact = if caller.may(Scope::ContactsRead) {
        let Some(contact) = application.contacts.find(tenant, conversation.contact_id).await? else { return Ok(None) };
        // Contact and conversation that were made in one change carry the same time.
        let created = composed.made.map_or(contact.created_at == conversation.created_at, |made| made.contact_created);
        ContactBody::whole(&contact, created)
    } else {
        shown = shown.with_contact_as(supplied.clone());
        ContactBody::supplied(conversation.contact_id, supplied)
    };
    Ok(Some(ComposeAnswer {
        ok: true,
        conversation: Some(shown),
        message: Some(MessageBody::of(message, channel.kind, application.clock.now())),
        contact: Some(contact),
        notices: Some(composed.notices.iter().map(|notice| notice.as_str()).collect()),
    }))
}

impl Answer {
    fn tell(self, applied: Preferences) -> HttpResponse {
        let Self { composed, representation } = self;
        let mut response = HttpResponse::Ok();
        response.insert_header((LOCATION, format!("/api/conversations/{}", composed.conversation_id)));
        response.insert_header((CACHE_CONTROL, "no-store"));
        if composed.made.is_none() {
            response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
        }
        if !composed.notices.is_empty() {
            let codes: Vec<_> = composed.notices.iter().map(|notice| notice.as_str()).collect();
            response.insert_header((NOTICE, codes.join(", ")));
        }
        if let Some(applied) = applied.applied() {
            response.insert_header((PREFERENCE_APPLIED, applied));
        }
        match representation {
            Some(representation) => response.json(representation),
            None => response.insert_header((CONTENT_TYPE, "application/json")).body(OK),
        }
    }
}
