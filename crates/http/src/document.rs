//! The OpenAPI 3.1 document, made from the handlers and bodies of this crate.

use crate::bodies::{
    AgentBody, ApprovedTemplateBody, AttentionBody, ChannelBody, ChannelPage, ChannelPatchBody, ComposeAnswer,
    ComposeBody, ContactBody, ConversationBody, FaultBody, LeavesBody, MessageBody, MessageErrorBody, MessagePage,
    NewChannelBody, OutsideWindowBody, PreviewBody, ProblemBody, SegmentsBody, TemplateBody, TemplateList,
    WebhooksBody, WindowTemplateBody,
};
use crate::endpoints::healthz::Healthy;
use crate::endpoints::readyz::Ready;
use crate::endpoints::{channel, channel_actions, channels, compose, conversation, healthz, messages, preview, readyz};
use crate::failure::FailureBody;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Tree, Ref, RefOr, Required};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Overture",
        description = "Overture opens conversations: one call finds or makes the contact, stores the conversation, and delivers its \
            first message by email, SMS or WhatsApp.\n\nEvery answer carries `X-Request-Id`. Every failure is a JSON object with \
            `error`, a sentence that says what to do, and `code`, a stable word for programs.",
    ),
    tags(
        (name = "conversations", description = "Opening conversations and reading what became of them."),
        (name = "channels", description = "The ways out: setting them up, trying them, and holding them back."),
        (name = "operations", description = "For those who run the server."),
    ),
    paths(
        compose::compose, preview::preview, conversation::conversation, messages::messages, channels::channels, channels::add_channel, channel::channel,
        channel::change_channel, channel_actions::verify_channel, channel_actions::pause_channel, channel_actions::resume_channel,
        channel_actions::templates, healthz::healthz, readyz::readyz,
    ),
    components(schemas(
        ComposeBody, AgentBody, TemplateBody, PreviewBody, ProblemBody, LeavesBody, SegmentsBody, ComposeAnswer, ConversationBody, AttentionBody, MessageBody, MessageErrorBody, MessagePage, ContactBody,
        ChannelBody, ChannelPage, FaultBody, WebhooksBody, NewChannelBody, ChannelPatchBody, ApprovedTemplateBody, TemplateList, OutsideWindowBody,
        WindowTemplateBody, channel_actions::Done, channel_actions::Nothing, FailureBody, Healthy, Ready,
    )),
    modifiers(&Finish),
)]
struct Document;

/// The document as pretty JSON.
pub fn openapi() -> String {
    #[expect(clippy::expect_used, reason = "the document holds only strings, numbers and maps with string keys")]
    Document::openapi().to_pretty_json().expect("the document is JSON")
}

/// What the macros cannot say.
struct Finish;

impl Modify for Finish {
    fn modify(&self, document: &mut Tree) {
        for operation in document.paths.paths.values_mut().filter_map(|path| path.post.as_mut()) {
            if let Some(RefOr::T(body)) = &mut operation.request_body
                && body.content.values().any(says_nothing)
            {
                body.required = Some(Required::False);
            }
        }
        let Some(components) = &mut document.components else { return };
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `ov_` and 43 letters and digits. `overture key create` makes one."))
            .build();
        components.security_schemes.insert("apiKey".into(), SecurityScheme::Http(scheme).into());
        let read = [
            "ComposeRequest",
            "Agent",
            "Template",
            "NewChannel",
            "ChannelPatch",
            "OutsideWindow",
            "WindowTemplate",
            "Nothing",
        ];
        for name in read {
            if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name) {
                // An unknown field is refused.
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

fn says_nothing(content: &RefOr<Content>) -> bool {
    matches!(content, RefOr::T(content) if content.schema == Some(Ref::from_schema_name("Nothing").into()))
}
